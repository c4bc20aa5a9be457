"""A photograph from fewer measurements than pixels: ``--help`` lists the options."""

from __future__ import annotations

if __name__ == "__main__":  # before all that is slow to import
    from applications.common.interrupts import leave_on_interrupt
    from applications.dsp import IF_STOPPED

    leave_on_interrupt(IF_STOPPED)

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from scipy.fft import dctn, idctn

from applications.mvm_study.errors import StudyError
from simulator import AnalogCore, CrossSimParameters

from .compressed_sensing_figures import fidelity_picture, photographs_picture
from .data import grey, image_file, photograph, psnr
from .hardware import fitted, with_settings
from .products import Products
from .recovery import Product, amp, fista, gaussian_curvature, gaussian_matrix
from .report import Report, Table, plus_minus
from .study import Study, add_whole, progress, run, several, whole

DIGITAL, EXACT, OWN = "digital solver", "exact measurements", "own measurements"
GIVEN = "as given"
# Signals with exactly this share of entries that are not zero are recovered beside the picture.
_SHARE, _SIGNALS = 1 / 16, 16


# What hardware is called, its programming error, what was measured, and the chip.
Key = tuple[str, float | None, str, int]


@dataclass(frozen=True)
class Task:
    """What is to be recovered: sparse signals and the transformed blocks of a picture.

    `vectors` is (n, signals + blocks), `matrix` (m, n); `means` are those of the blocks.
    """

    image: np.ndarray
    block: int
    vectors: np.ndarray
    means: np.ndarray
    matrix: np.ndarray

    def signal_error(self, found: np.ndarray) -> float:
        """Return the squared error of the sparse signals over their power, in dB."""
        exact = self.vectors[:, :_SIGNALS]
        ratio = np.linalg.norm(found[:, :_SIGNALS] - exact) / np.linalg.norm(exact)
        return float(20 * np.log10(max(ratio, 1e-16)))

    def picture(self, found: np.ndarray) -> np.ndarray:
        """Return the picture that recovered blocks make."""
        size, block = len(self.image), self.block
        spectra = found[:, _SIGNALS:].T.reshape(-1, block, block)
        pixels = idctn(spectra, axes=(1, 2), norm="ortho") + self.means[:, None, None]
        blocks = pixels.reshape(size // block, size // block, block, block)
        return blocks.swapaxes(1, 2).reshape(size, size)


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add what this study asks for beside the hardware."""
    pictures = parser.add_mutually_exclusive_group()
    pictures.add_argument(
        "--photograph", choices=("china", "flower"), default="flower",
        help="of those that come with scikit-learn (default: %(default)s)",
    )  # fmt: skip
    pictures.add_argument("--image", type=Path, metavar="FILE", help="a picture of your own")
    add_whole(
        parser,
        ("size", 8, 2048, 256, "pixels of the picture; what is no whole block is left out"),
        ("block", 4, 64, 32, "pixels of the blocks it is cut into"),
        ("iterations", 1, 10000, 30, "of the solver"),
        ("chips", 1, 1000, 2, "per setting"),
    )
    parser.add_argument(
        "--measurements", type=whole(1, 100), default=50, metavar="PERCENT",
        help="per pixels (default: %(default)s)",
    )  # fmt: skip
    parser.add_argument(
        "--solver", choices=("amp", "fista"), default="amp",
        help="approximate message passing, or FISTA (default: %(default)s)",
    )  # fmt: skip
    parser.add_argument(
        "--errors", type=several(0, 1), default=[0.003, 0.03, 0.1], metavar="A,B,...",
        help="programming errors to compare (default: 0.003,0.03,0.1)",
    )  # fmt: skip


def compute(options: argparse.Namespace, params: CrossSimParameters) -> Report:
    """Recover digitally, and on chips from both kinds of measurements."""
    task, description = task_for(options)
    base = with_settings(params)
    settings = [(GIVEN, _error(params), base)]
    settings += [
        (f"{100 * error:g} %", error, with_settings(params, error=error))
        for error in options.errors
    ]
    digital = task.matrix
    exact = digital @ task.vectors
    found: dict[Key, list[np.ndarray]] = {}
    found[GIVEN, None, DIGITAL, 0] = list(
        recover(options, lambda x: digital @ x, lambda r: digital.T @ r, exact)
    )
    for name, error, hardware in progress(settings, len(settings), "setting"):
        ready = fitted(hardware, lambda p: _exercise(options, p, task))
        base = ready if name == GIVEN else base
        for chip in range(options.chips):
            products = Products(AnalogCore(digital, ready, stream=chip))
            sensed = {EXACT: exact, OWN: products.forward(task.vectors)}
            for sensor, measured in sensed.items():
                found[name, error, sensor, chip] = list(
                    recover(options, products.forward, products.adjoint, measured)
                )
    records = [
        record for key, estimates in found.items() for record in _records(task, *key, estimates)
    ]
    return Report(
        title="A photograph from fewer measurements than pixels",
        lead="The same arrays take the measurements and recover the picture from them: inputs drive"
        " the rows for A x, and the columns for the transposed product. A random matrix that the"
        " cells miss is still a random matrix, and as good as the one that was meant.",
        data=description,
        params=base,
        findings=_findings(records, options),
        pictures=[
            fidelity_picture(records),
            photographs_picture(
                task.image,
                {
                    (name, sensor): task.picture(estimates[-1])
                    for (name, _, sensor, chip), estimates in found.items()
                    if chip == 0
                },
            ),
        ],
        tables=[_table(records, options)],
        records=records,
        notes=[
            ("Solver", {"amp": "approximate message passing", "fista": "FISTA"}[options.solver]),
            ("Blocks", "their means are kept digitally, one number more per block"),
            ("Intervals", "95 % over chips (Student's t)"),
        ],
    )  # fmt: skip


def task_for(options: argparse.Namespace) -> tuple[Task, str]:
    """Return what is to be recovered, and what it is in words."""
    block, size = options.block, options.size - options.size % options.block
    if not size:
        raise StudyError(
            f"--block: got {block}; allowed are blocks no larger than the picture ({options.size})"
        )
    if options.image is None:
        colours, description = photograph(options.photograph, size)
    else:
        colours, description = image_file(options.image, size)
    image = grey(colours)
    rng = np.random.default_rng(options.seed)
    count = block * block
    rows = max(count * options.measurements // 100, 1)
    grid = image.reshape(size // block, block, size // block, block).swapaxes(1, 2)
    blocks = grid.reshape(-1, block, block)
    means = blocks.mean(axis=(1, 2))
    spectra = dctn(blocks - means[:, None, None], axes=(1, 2), norm="ortho")
    signals = np.zeros((count, _SIGNALS))
    for column in signals.T:
        places = rng.choice(count, max(round(_SHARE * count), 1), replace=False)
        column[places] = rng.normal(size=len(places))
    vectors = np.concatenate([signals, spectra.reshape(len(blocks), -1).T], axis=1)
    matrix = gaussian_matrix(rows, count, rng)
    return Task(image, block, vectors, means, matrix), (
        f"{description}, grey, in {len(blocks)} blocks of {block} x {block}; each, in the cosine"
        f" transform, from {rows} random measurements of {count} unknowns. Beside it, {_SIGNALS}"
        f" signals of which {max(round(_SHARE * count), 1)} of {count} entries are not zero"
    )


def recover(
    options: argparse.Namespace, forward: Product, adjoint: Product, measured: np.ndarray
) -> Iterator[np.ndarray]:
    """Yield the estimates of the solver that was asked for."""
    if options.solver == "amp":
        return amp(forward, adjoint, measured, options.iterations)
    curvature = gaussian_curvature(len(measured), options.block**2)
    return fista(forward, adjoint, measured, options.iterations, curvature, weight=0.003)


def _exercise(options: argparse.Namespace, params: CrossSimParameters, task: Task) -> AnalogCore:
    """Recover a part of the task, so that both sides of the arrays are used as they will be."""
    products = Products(AnalogCore(task.matrix, params))
    part = task.vectors[:, :: max(task.vectors.shape[1] // 20, 1)]
    for _ in recover(options, products.forward, products.adjoint, products.forward(part)):
        pass
    return products.core


def _error(params: CrossSimParameters) -> float | None:
    """Return the programming error of the hardware as a share; None where it is no one number."""
    node = params.xbar.device.programming_error
    if not node.enable:
        return 0.0
    return node.magnitude if node.model == "NormalProportionalDevice" else None


def _records(
    task: Task, name: str, error: float | None, sensor: str, chip: int,
    estimates: Sequence[np.ndarray],
) -> list[dict[str, Any]]:  # fmt: skip
    return [
        {
            "recovered_from": sensor,
            "hardware": "" if sensor == DIGITAL else name,
            "programming_error": "" if error is None else error,
            "chip": chip,
            "iteration": iteration,
            "signals_error_db": task.signal_error(found),
            "picture_psnr_db": psnr(task.image, task.picture(found)),
        }
        for iteration, found in enumerate(estimates, start=1)
    ]


def _last(records: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    last = max(r["iteration"] for r in records)
    return [r for r in records if r["iteration"] == last]


def _of(last: Sequence[dict[str, Any]], name: str, sensor: str, key: str) -> list[float]:
    return [r[key] for r in last if (r["hardware"], r["recovered_from"]) == (name, sensor)]


def _findings(records: Sequence[dict[str, Any]], options: argparse.Namespace) -> list[str]:
    last = _last(records)
    digital = last[0]["picture_psnr_db"]
    exact, own = (_of(last, GIVEN, sensor, "picture_psnr_db") for sensor in (EXACT, OWN))
    found = [
        f"After {options.iterations} iterations the picture has {digital:.1f} dB digitally; on"
        f" arrays it has {plus_minus(exact)} dB from exact measurements and {plus_minus(own)} dB"
        " from their own.",
    ]
    if options.errors:
        worst = f"{100 * max(options.errors):g} %"
        exact, own = (_of(last, worst, sensor, "signals_error_db") for sensor in (EXACT, OWN))
        found.append(
            f"With {worst} programming error, sparse signals are recovered to"
            f" {plus_minus(exact)} dB from exact measurements, and to {plus_minus(own)} dB from"
            " measurements that the same cells took: what they miss, they miss both times."
        )
    return found


def _table(records: Sequence[dict[str, Any]], options: argparse.Namespace) -> Table:
    last = _last(records)
    keys = ("signals_error_db", "picture_psnr_db")
    rows = []
    for name, sensor in dict.fromkeys((r["hardware"], r["recovered_from"]) for r in last):
        cells = [_of(last, name, sensor, key) for key in keys]
        count = "" if sensor == DIGITAL else str(len(cells[0]))
        rows.append([sensor, name, *map(plus_minus, cells), count])
    columns = ["recovered from", "cells' error", "signals (dB)", "picture (dB)", "chips"]
    title = f"After {options.iterations} iterations: error of the signals, PSNR of the picture"
    return Table(title, columns, rows, words=2)


STUDY = Study(
    name="compressed_sensing",
    description="Recover a photograph, and sparse signals, from fewer measurements than unknowns,"
    " with the random matrix of the measurements on analog arrays.",
    add_options=add_options,
    settings={"input_bits": 10, "adc_bits": 10, "error": 0.01, "array": 256},
    compute=compute,
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the study; return 0, 2 for what the user can put right, or 130 for ^C."""
    return run(STUDY, arguments)


if __name__ == "__main__":
    raise SystemExit(main())
