"""The figures of the study of compressed sensing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from applications.common.drawing import COLOURS, GREY

from .data import psnr
from .report import LOOK, Picture, dots, picture

_SENSORS = {"exact measurements": COLOURS[1], "own measurements": COLOURS[0]}
_DIGITAL = "digital solver"
_GIVEN = "as given"


def fidelity_picture(records: Sequence[Mapping[str, Any]]) -> Picture:
    """Draw both errors over iterations, and that of the signals over programming errors."""
    with mpl.rc_context(LOOK):
        figure = Figure(figsize=(10.4, 3.9))
        signals, pictures, errors = figure.subplots(1, 3)
        _curves(signals, records, "signals_error_db")
        signals.set_title("Sparse signals")
        signals.set_ylabel("squared error (dB of the power)")
        _curves(pictures, records, "picture_psnr_db")
        pictures.set_title("Picture")
        pictures.set_ylabel("PSNR (dB)")
        pictures.legend(loc="lower right", fontsize=9)
        _by_error(errors, records)
    return picture(
        "fidelity", figure, "Errors over iterations, and over programming errors",
        "Left and middle: the hardware as given, one line per chip. Right: after the last"
        " iteration, one dot per chip.",
    )  # fmt: skip


def photographs_picture(image: np.ndarray, found: Mapping[tuple[str, str], np.ndarray]) -> Picture:
    """Draw the original, what was recovered digitally, and by the last hardware of `found`."""
    name = list(found)[-1][0]
    words = "as given" if name == _GIVEN else f"with {name} error"
    panels = [("original", image), (_DIGITAL, found[_GIVEN, _DIGITAL])]
    panels += [(f"arrays {words},\n{sensor}", found[name, sensor]) for sensor in _SENSORS]
    with mpl.rc_context(LOOK | {"axes.grid": False}):
        figure = Figure(figsize=(10.4, 3.3))
        for place, (axes, (title, pixels)) in enumerate(zip(figure.subplots(1, 4), panels)):
            axes.imshow(pixels, cmap="gray", vmin=0, vmax=1, interpolation="nearest")
            axes.set_title(title, size=10, loc="center", weight="normal")
            if place:
                axes.set_xlabel(f"{psnr(image, pixels):.1f} dB", color=GREY, size=10)
            axes.set_xticks([])
            axes.set_yticks([])
            axes.spines[:].set_visible(False)
    return picture(
        "pictures", figure, "The photograph, and what was recovered digitally and on arrays",
        "After the last iteration, with the PSNR; of the arrays, the first chip.",
    )  # fmt: skip


def _curves(axes: Axes, records: Sequence[Mapping[str, Any]], key: str) -> None:
    """Draw one line per chip of the hardware as given, and the digital one."""
    runs: dict[tuple[str, int], list[Mapping[str, Any]]] = {}
    for record in records:
        if record["hardware"] in ("", _GIVEN):
            runs.setdefault((record["recovered_from"], record["chip"]), []).append(record)
    for (name, chip), rows in runs.items():
        digital = name == _DIGITAL
        axes.plot(
            [r["iteration"] for r in rows], [r[key] for r in rows],
            color="black" if digital else _SENSORS[name], ls="--" if digital else "-", lw=1.6,
            label=(name if digital else f"arrays, {name}") if chip == 0 else None,
        )  # fmt: skip
    axes.set_xlabel("iteration")


def _by_error(axes: Axes, records: Sequence[Mapping[str, Any]]) -> None:
    last = max(record["iteration"] for record in records)
    own = [r for r in records if r["iteration"] == last and r["programming_error"] != ""]
    for sensor, colour in _SENSORS.items():
        points = [
            (100 * r["programming_error"], r["signals_error_db"])
            for r in own
            if r["recovered_from"] == sensor
        ]
        dots(axes, points, COLOURS.index(colour), label=sensor, log=True)
    axes.set_title("Sparse signals, by cell error")
    axes.set_xlabel("programming error (%)")
    axes.set_ylabel("squared error (dB of the power)")
