"""Principal components of real data on analog arrays: ``--help`` lists the options."""

from __future__ import annotations

if __name__ == "__main__":  # before all that is slow to import
    from applications.common.interrupts import leave_on_interrupt
    from applications.dsp import IF_STOPPED

    leave_on_interrupt(IF_STOPPED)

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullLocator, ScalarFormatter

from applications.common.drawing import COLOURS, GREY
from simulator import AnalogCore, CrossSimParameters

from .hardware import fitted
from .products import Products
from .report import LOOK, Picture, Report, Table, picture, plus_minus
from .study import Study, add_whole, progress, run
from .subspaces import angles, right_singular_vectors, subspace_angle

DIGITAL, ANALOG = "digital", "arrays"


@dataclass(frozen=True)
class Data:
    """Centred data (samples, features), what they are, and the shape of one sample as a picture."""

    matrix: np.ndarray
    description: str
    shape: tuple[int, int]

    @property
    def total(self) -> float:
        """The sum of squares of all data: the variance, but for the number of samples."""
        return float((self.matrix**2).sum())


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add what this study asks for beside the hardware."""
    parser.add_argument(
        "--data", choices=("digits", "cancer"), default="digits",
        help="of those that come with scikit-learn (default: %(default)s)",
    )  # fmt: skip
    add_whole(
        parser,
        ("components", 1, 20, 8, "to look for"),
        ("iterations", 1, 10000, 30, "two products with the data and one more each"),
        ("chips", 1, 1000, 3, "of the hardware as given"),
    )


def compute(options: argparse.Namespace, params: CrossSimParameters) -> Report:
    """Find the components digitally and on chips."""
    data = cancer() if options.data == "cancer" else digits()
    truth = np.linalg.svd(data.matrix, full_matrices=False)[2][: options.components].T
    ready = fitted(params, lambda p: _exercise(p, data, options))
    found: dict[tuple[str, int], list[tuple[np.ndarray, np.ndarray]]] = {}
    matrix = data.matrix
    found[DIGITAL, 0] = _components(options, lambda x: matrix @ x, lambda r: matrix.T @ r, data)
    for chip in progress(range(options.chips), options.chips, "chip"):
        products = Products(AnalogCore(matrix, ready, stream=chip))
        found[ANALOG, chip] = _components(options, products.forward, products.adjoint, data)
    records = [row for key, steps in found.items() for row in _records(data, truth, *key, steps)]
    return Report(
        title="Principal components on analog arrays",
        lead="The data themselves are on the arrays. Directions drive the features and give the"
        " samples; the samples, driven in turn, give better directions. The covariance matrix is"
        " never formed.",
        data=data.description,
        params=ready,
        findings=_findings(records, options),
        pictures=[
            _components_picture(data, truth, found[ANALOG, 0][-1][0]),
            _angles_picture(records),
        ],
        tables=[_table(records)],
        records=records,
        notes=[
            ("Method", "subspace iteration with six spare vectors; orthogonalised digitally"),
            ("True components", "from the singular value decomposition in double precision"),
            ("Intervals", "95 % over chips (Student's t)"),
        ],
    )  # fmt: skip


def digits() -> Data:
    """Return scikit-learn's handwritten digits, centred."""
    from sklearn.datasets import load_digits

    images = load_digits().data / 16
    described = f"principal components of {len(images)} handwritten digits of 8 x 8 pixels"
    return Data(images - images.mean(axis=0), described, (8, 8))


def cancer() -> Data:
    """Return the breast cancer data of Wisconsin, every feature in its standard deviations."""
    from sklearn.datasets import load_breast_cancer

    table = load_breast_cancer().data
    table = (table - table.mean(axis=0)) / table.std(axis=0)
    described = f"principal components of {len(table)} tumours by {table.shape[1]} features"
    return Data(table, described, (5, 6))


def _components(
    options: argparse.Namespace, forward: Any, adjoint: Any, data: Data
) -> list[tuple[np.ndarray, np.ndarray]]:
    rng = np.random.default_rng(options.seed)
    features = data.matrix.shape[1]
    return list(
        right_singular_vectors(
            forward, adjoint, features, options.components, options.iterations, rng
        )
    )


def _exercise(params: CrossSimParameters, data: Data, options: argparse.Namespace) -> AnalogCore:
    """Use both sides of the arrays as the iteration does, on a chip without errors."""
    products = Products(AnalogCore(data.matrix, params))
    short = argparse.Namespace(**{**vars(options), "iterations": min(options.iterations, 10)})
    _components(short, products.forward, products.adjoint, data)
    return products.core


def _records(
    data: Data, truth: np.ndarray, method: str, chip: int, steps: Sequence[Any]
) -> list[dict[str, Any]]:
    rows = []
    for iteration, (vectors, values) in enumerate(steps, start=1):
        explained = ((data.matrix @ vectors) ** 2).sum(axis=0) / data.total
        exact = ((data.matrix @ truth) ** 2).sum(axis=0) / data.total
        whole_angle = subspace_angle(truth, vectors)
        for place, angle in enumerate(angles(truth, vectors)):
            rows.append(
                {
                    "solver": method,
                    "chip": chip,
                    "iteration": iteration,
                    "component": place + 1,
                    "angle_degrees": angle,
                    "subspace_angle_degrees": whole_angle,
                    "explained_share": explained[place],
                    "true_share": exact[place],
                    "singular_value": values[place],
                }
            )
    return rows


def _last(records: Sequence[Mapping[str, Any]], method: str) -> list[Mapping[str, Any]]:
    last = max(r["iteration"] for r in records)
    return [r for r in records if r["iteration"] == last and r["solver"] == method]


def _findings(records: Sequence[Mapping[str, Any]], options: argparse.Namespace) -> list[str]:
    own = _last(records, ANALOG)
    shares = [
        sum(r["explained_share"] for r in own if r["chip"] == chip) for chip in range(options.chips)
    ]
    true = sum(r["true_share"] for r in _last(records, DIGITAL))
    spaces = [r["subspace_angle_degrees"] for r in own if r["component"] == 1]
    single = max(own, key=lambda r: r["angle_degrees"])
    return [
        f"{options.components} components found on arrays explain {plus_minus(shares, 2, 100)} % of"
        f" the variance; the true ones explain {100 * true:.2f} %.",
        f"The space they span is {plus_minus(spaces, 2)} degrees from the true one. Components"
        f" with nearly the same variance mix: single ones are up to {single['angle_degrees']:.1f}"
        f" degrees off (component {single['component']}).",
    ]


def _table(records: Sequence[Mapping[str, Any]]) -> Table:
    own, digital = _last(records, ANALOG), _last(records, DIGITAL)
    rows = []
    for exact in digital:
        chips = [r for r in own if r["component"] == exact["component"]]
        shares = plus_minus([r["explained_share"] for r in chips], 2, 100)
        rows.append(
            [str(exact["component"]), f"{100 * exact['true_share']:.2f}", shares,
             f"{exact['angle_degrees']:.1e}", plus_minus([r["angle_degrees"] for r in chips], 2),
             str(len(chips))]
        )  # fmt: skip
    columns = ["component", "variance (%)", "on arrays (%)", "digital angle (deg)",
               "on arrays (deg)", "chips"]  # fmt: skip
    return Table("Explained variance, and angle to the true component", columns, rows, words=0)


def _components_picture(data: Data, truth: np.ndarray, found: np.ndarray) -> Picture:
    """Draw true components above those of the first chip, in the same signs and colours."""
    count = min(truth.shape[1], 8)
    signs = np.where((truth * found).sum(axis=0) < 0, -1, 1)
    off = angles(truth, found)
    with mpl.rc_context(LOOK | {"axes.grid": False}):
        figure = Figure(figsize=(10.4, 3.2))
        panels = figure.subplots(2, count, squeeze=False)
        for place in range(count):
            limit = np.abs(truth[:, place]).max()
            for row, vectors in enumerate((truth, found * signs)):
                axes = panels[row, place]
                axes.imshow(
                    vectors[:, place].reshape(data.shape), cmap="RdBu_r", vmin=-limit, vmax=limit
                )
                axes.set_xticks([])
                axes.set_yticks([])
                axes.spines[:].set_visible(False)
            panels[0, place].set_title(str(place + 1), loc="center", weight="normal")
            panels[1, place].set_xlabel(f"{off[place]:.2f}°", color=GREY)
        panels[0, 0].set_ylabel("true")
        panels[1, 0].set_ylabel("on arrays")
    return picture(
        "components", figure, "The components as pictures: true ones, and those of a chip",
        "Each component in the shape of a sample, red where positive and blue where negative;"
        " below, the angle between the two. The first chip.",
    )  # fmt: skip


def _angles_picture(records: Sequence[Mapping[str, Any]]) -> Picture:
    with mpl.rc_context(LOOK):
        figure = Figure(figsize=(10.4, 3.8))
        over_time, single, shares = figure.subplots(1, 3)
        for method, colour, style in ((DIGITAL, "black", "--"), (ANALOG, COLOURS[0], "-")):
            rows = [r for r in records if r["solver"] == method and r["component"] == 1]
            for chip in sorted({r["chip"] for r in rows}):
                own = [r for r in rows if r["chip"] == chip]
                over_time.plot(
                    [r["iteration"] for r in own], [r["subspace_angle_degrees"] for r in own],
                    color=colour, ls=style, lw=1.6, label=method if chip == 0 else None,
                )  # fmt: skip
        own, digital = _last(records, ANALOG), _last(records, DIGITAL)
        places = [r["component"] for r in digital]
        single.plot(
            [r["component"] for r in own], [r["angle_degrees"] for r in own], "o",
            color=COLOURS[0], ms=5.5, mec="white", mew=0.6, alpha=0.8,
        )  # fmt: skip
        shares.bar(places, [100 * r["true_share"] for r in digital], color="#d1d5db", label="true")
        shares.plot(
            [r["component"] for r in own], [100 * r["explained_share"] for r in own], "o",
            color=COLOURS[0], ms=5.5, mec="white", mew=0.6, label=ANALOG,
        )  # fmt: skip
        _label(over_time, "Whole space", "iteration", "largest angle to the true space (°)")
        _label(single, "Single components", "component", "angle to the true one (°)")
        _label(shares, "Explained variance", "component", "share of the variance (%)")
        over_time.set_yscale("log")
        over_time.yaxis.set_major_locator(LogLocator(numticks=8))
        over_time.yaxis.set_minor_locator(NullLocator())
        single.set_ylim(bottom=0)
        single.yaxis.set_major_formatter(ScalarFormatter())
        for axes in (single, shares):
            axes.set_xticks(places)
        over_time.legend()
        shares.legend()
    return picture(
        "angles", figure, "Angles over iterations and by component, and explained variance",
        "Left: one line per chip. Middle and right: one dot per chip, after the last iteration.",
    )  # fmt: skip


def _label(axes: Any, title: str, across: str, up: str) -> None:
    axes.set_title(title)
    axes.set_xlabel(across)
    axes.set_ylabel(up)


STUDY = Study(
    name="eigen",
    description="Find the principal components of real data by products with arrays that hold the"
    " data, from both sides.",
    add_options=add_options,
    settings={"adc_bits": 8, "error": 0.03, "array": 256},
    compute=compute,
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the study; return 0, 2 for what the user can put right, or 130 for ^C."""
    return run(STUDY, arguments)


if __name__ == "__main__":
    raise SystemExit(main())
