"""A photograph through an analog Fourier transform and back: ``--help`` lists the options."""

from __future__ import annotations

if __name__ == "__main__":  # before all that is slow to import
    from applications.common.interrupts import leave_on_interrupt
    from applications.dsp import IF_STOPPED

    leave_on_interrupt(IF_STOPPED)

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure

from applications.common.drawing import GREY
from simulator import CrossSimParameters

from .data import image_file, photograph, psnr
from .hardware import with_settings
from .report import LOOK, Picture, Report, Table, dots, picture, plus_minus
from .study import Study, progress, run, several, whole
from .transforms import Pair, fitted_pair, on_chip


@dataclass(frozen=True)
class Sweep:
    """A setting that is varied: its axis, how much a value is on it, and how one reads."""

    axis: str
    scale: float
    words: str


_SWEEPS = {
    "adc_bits": Sweep("ADC resolution (bits)", 1, "{:g}-bit ADCs"),
    "error": Sweep("programming error (%)", 100, "{:g} % programming error"),
    "wire": Sweep("wire resistance per cell (ohm)", 1, "{:g} ohm per cell"),
}


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add what this study asks for beside the hardware."""
    pictures = parser.add_mutually_exclusive_group()
    pictures.add_argument(
        "--photograph", choices=("china", "flower"), default="china",
        help="of those that come with scikit-learn (default: %(default)s)",
    )  # fmt: skip
    pictures.add_argument("--image", type=Path, metavar="FILE", help="a picture of your own")
    parser.add_argument(
        "--size", type=whole(8, 1024), default=256, help="pixels (default: %(default)s)"
    )
    parser.add_argument(
        "--chips",
        type=whole(1, 1000),
        default=2,
        help="per setting, with wires one (default: %(default)s)",
    )
    for name, values, low, high, kind in (
        ("adc_bits", [6, 8, 10, 12], 1, 24, int),
        ("error", [0.003, 0.01, 0.03, 0.1], 0, 1, float),
        ("wire", [1.0, 3.0, 10.0], 0, 1e6, float),
    ):
        shown = ",".join(f"{value:g}" for value in values)
        parser.add_argument(
            f"--{name.replace('_', '-')}-values", type=several(low, high, kind), default=values,
            metavar="A,B,...", help=f"to compare (default: {shown})",
        )  # fmt: skip


def compute(options: argparse.Namespace, params: CrossSimParameters) -> Report:
    """Measure the given hardware, and every value of the three sweeps."""
    if options.image is None:
        image, description = photograph(options.photograph, options.size)
    else:
        image, description = image_file(options.image, options.size)
    settings: list[tuple[str, float, dict[str, Any]]] = [("base", 0.0, {})]
    for name in _SWEEPS:
        values = getattr(options, f"{name}_values")
        settings += [(name, value, {name: value}) for value in values]
    records: list[dict[str, Any]] = []
    shown: dict[tuple[str, float], np.ndarray] = {}
    for sweep, value, changed in progress(settings, len(settings), "setting"):
        hardware = for_image(with_settings(params, changed), image)
        # Solving the network of wires takes nearly all the time there is.
        for chip in range(1 if sweep == "wire" else options.chips):
            back = there_and_back(hardware, image, chip)
            shown.setdefault((sweep, value), back)
            record = {"sweep": sweep, "value": value, "chip": chip}
            records.append({**record, "psnr_db": psnr(image, back)})
    return Report(
        title="A photograph through an analog Fourier transform and back",
        lead="Columns of the picture drive the array from one side and rows from the other, so one"
        " crossbar does both halves of the transform. Every cell takes part in every frequency, and"
        " the errors of the cells spread over the whole picture.",
        data=description,
        params=for_image(params, image)[0],
        findings=_findings(records),
        pictures=[_photographs(image, shown, records), _curves(records)],
        tables=[_table(records)],
        records=records,
        notes=[
            ("Quality", "peak signal-to-noise ratio (PSNR) over all pixels and colours"),
            ("Intervals", "95 % over chips (Student's t)"),
        ],
    )


def for_image(params: CrossSimParameters, image: np.ndarray) -> Pair:
    """Return `params` fitted to the transform of `image`, and to the inverse transform."""
    planes = _planes(image - image.mean(axis=(0, 1)))
    return fitted_pair(
        params,
        len(image),
        lambda forward: forward.dft_2d(planes),
        lambda backward: backward.dft_2d(np.fft.fft2(planes)),
    )


def there_and_back(hardware: Pair, image: np.ndarray, chip: int) -> np.ndarray:
    """Return `image`, (size, size, colours), after a transform and its inverse on a chip.

    The mean of each colour is kept digitally: it would take most of the range that all other
    frequencies share.
    """
    size, means = len(image), image.mean(axis=(0, 1))
    forward, backward = on_chip(hardware, size, chip)
    spectra = forward.dft_2d(_planes(image - means))
    back = backward.dft_2d(spectra).real / size**2
    return np.moveaxis(back, 0, -1) + means


def _planes(image: np.ndarray) -> np.ndarray:
    return np.moveaxis(image, -1, 0).astype(np.float32)


def _of(records: Sequence[dict[str, Any]], sweep: str, value: float | None = None) -> list[float]:
    return [r["psnr_db"] for r in records if r["sweep"] == sweep and value in (None, r["value"])]


def _values(records: Sequence[dict[str, Any]], sweep: str) -> list[float]:
    return list(dict.fromkeys(r["value"] for r in records if r["sweep"] == sweep))


def _in_words(sweep: str, value: float) -> str:
    if sweep == "base":
        return "as given"
    return _SWEEPS[sweep].words.format(_SWEEPS[sweep].scale * value)


def _findings(records: Sequence[dict[str, Any]]) -> list[str]:
    found = [f"The picture comes back with a PSNR of {plus_minus(_of(records, 'base'))} dB."]
    for sweep in _SWEEPS:
        values = _values(records, sweep)
        if len(values) > 1:
            low, high = values[0], values[-1]
            found.append(
                f"From {_in_words(sweep, low)} to {_in_words(sweep, high)}:"
                f" {plus_minus(_of(records, sweep, low))} dB become"
                f" {plus_minus(_of(records, sweep, high))} dB."
            )
    return found


def _table(records: Sequence[dict[str, Any]]) -> Table:
    rows = [
        [_in_words(sweep, value), plus_minus(_of(records, sweep, value)),
         str(len(_of(records, sweep, value)))]
        for sweep, value in dict.fromkeys((r["sweep"], r["value"]) for r in records)
    ]  # fmt: skip
    return Table("Pictures that came back", ["hardware", "PSNR (dB)", "chips"], rows)


def _photographs(
    image: np.ndarray,
    shown: dict[tuple[str, float], np.ndarray],
    records: Sequence[dict[str, Any]],
) -> Picture:
    """Show the original, the given hardware, and two values of each sweep."""
    chosen = [("base", 0.0)]
    for sweep in _SWEEPS:
        values = sorted(_values(records, sweep), key=lambda v: np.mean(_of(records, sweep, v)))
        chosen += [(sweep, value) for value in values[1::-1]]
    with mpl.rc_context(LOOK | {"axes.grid": False}):
        figure = Figure(figsize=(10.4, 6.0))
        axes = figure.subplots(2, 4).ravel()
        titles = ["original", *(_in_words(*each) for each in chosen)]
        pictures = [image, *(shown[each] for each in chosen)]
        for place, (title, pixels) in enumerate(zip(titles, pictures)):
            axes[place].imshow(np.clip(pixels, 0, 1), interpolation="nearest")
            axes[place].set_title(title, size=10.5, loc="center", weight="normal")
            if place:
                label = f"{psnr(image, pixels):.1f} dB"
                axes[place].set_xlabel(label, color=GREY, size=10)
        for each in axes:
            each.set_xticks([])
            each.set_yticks([])
            each.spines[:].set_visible(False)
    return picture(
        "pictures", figure, "The photograph, and what came back from several kinds of hardware",
        "First chip of each setting, with its PSNR. Everything that a title does not name is as"
        " given.",
    )  # fmt: skip


def _curves(records: Sequence[dict[str, Any]]) -> Picture:
    with mpl.rc_context(LOOK):
        figure = Figure(figsize=(10.4, 3.7))
        panels = figure.subplots(1, len(_SWEEPS), sharey=True)
        base = float(np.mean(_of(records, "base")))
        for axes, (sweep, what) in zip(panels, _SWEEPS.items()):
            points = [
                (what.scale * r["value"], r["psnr_db"]) for r in records if r["sweep"] == sweep
            ]
            axes.axhline(base, color=GREY, ls="--", lw=1, zorder=1)
            dots(axes, points, 0, label="", log=what.words != "{:g}-bit ADCs")
            axes.set_xlabel(what.axis)
        panels[0].set_ylabel("PSNR (dB)")
        panels[0].set_title("Fidelity of the picture")
        panels[0].annotate(
            "as given", (1, base), xycoords=("axes fraction", "data"), xytext=(0, 4),
            textcoords="offset points", ha="right", color=GREY, size=9.5,
        )  # fmt: skip
    return picture(
        "psnr", figure, "PSNR over ADC resolution, programming error and wire resistance",
        "One dot per chip, lines through their means; dashed, the hardware as given.",
    )  # fmt: skip


STUDY = Study(
    name="dft_2d",
    description="Send a photograph through an analog Fourier transform of two dimensions and back,"
    " and see what ADCs, programming errors and the resistance of wires leave of it.",
    add_options=add_options,
    settings={"input_bits": 12, "adc_bits": 12, "error": 0.01, "array": 64},
    compute=compute,
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the study; return 0, 2 for what the user can put right, or 130 for ^C."""
    return run(STUDY, arguments)


if __name__ == "__main__":
    raise SystemExit(main())
