"""Calibrated ADC ranges of a network, found among files that are named after the hardware.

Scripts import it by its bare name and pass the keywords of ``dnn_inference_params``. A file is
called ``adc_limits_<model>_<what the ADC sees>.npy``; what the ADC sees are these words, joined by
``_`` in any order:

- ``balanced`` or ``offset``, the core style. ``balanced`` is the current of a pair of cells that
  is subtracted in the array; ``apart`` is added where the two are converted one by one.
- ``<n>slices`` where weights are bit-sliced.
- ``<n>rows`` where ranges hold for arrays of exactly so many rows. A file without it holds for all
  arrays that are large enough.
- ``ibits`` where every bit of the inputs is converted by itself, ``<n>ibits`` where n bits together
  are. An ``offset`` file is for single bits without saying so; ``sums`` is added where it is for
  inputs as a whole.

A file holds an array (layers, 2), or (layers, slices, 2) where weights are bit-sliced, as
``calibration.calibrate_adc_limits`` returns them.
"""

from __future__ import annotations

import re
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from applications.dnn.dnn_inference_params import DEFAULTS
from simulator.errors import FileFormatError, ParameterError, nearest

PREFIX, SUFFIX = "adc_limits_", ".npy"
# A layer of a CIFAR ResNet has at most 3 x 3 x 64 inputs. Larger networks are usually split over
# arrays of as many rows as 3 x 3 x 128 inputs need.
CIFAR_ROWS, USUAL_ROWS = 576, 1152

_STYLES = ("BALANCED", "OFFSET")
_WORD = re.compile(r"(balanced|offset)|(apart)|(sums)|(\d*)ibits|(\d+)slices|(\d+)rows")
_ADVICE = (
    "adapters.torch.calibrate finds the ranges of a converted model in one call; without calibrated"
    " ranges set adc_range_option to 'MAX' or 'GRANULAR', or adc_bits to 0"
)


@dataclass(frozen=True)
class Seen:
    """What an ADC converts.

    `digit` is how many bits of an input are converted by themselves, 0 for the whole input; `rows`
    is None where ranges hold for all large arrays.
    """

    style: str
    apart: bool
    digit: int
    slices: int
    rows: int | None

    def file(self, model: str) -> str:
        """Return the name of the file with the ranges of `model`."""
        words = [model]
        words += [f"{self.rows}rows"] * (self.rows is not None)
        words += [f"{self.slices}slices"] * (self.slices > 1)
        words += [self.style] + ["apart"] * self.apart
        if self.digit != (self.style == "offset"):
            words += [f"{'' if self.digit == 1 else self.digit}ibits" if self.digit else "sums"]
        return PREFIX + "_".join(words) + SUFFIX


def find_adc_range(
    params_args: Mapping[str, Any],
    n_layers: int,
    depth: int | None = None,
    *,
    model: str | None = None,
    folder: str | Path = "./calibrated_config",
    whole_rows: int | None = None,
) -> Any:
    """Return one calibrated ADC range per layer for keywords of ``dnn_inference_params``.

    The result is an array (layers, 2), or (layers, slices, 2) of bit-sliced weights; a list of
    None where no range is needed: `adc_bits` is 0 or `adc_range_option` is not CALIBRATED.

    Args:
        params_args: keywords of ``dnn_inference_params``; one that is missing has its default.
        n_layers: how many layers the file must have ranges for.
        depth: of a CIFAR ResNet; short for `model` = "ResNet<depth>".
        model: the network's name in the names of files. Without it and `depth`, the only one that
            has files in `folder`.
        folder: where the files are.
        whole_rows: rows from which on an array is large enough for files that name no rows; 576
            with `depth`, else 1152.

    Raises:
        ParameterError: no file, or more than one, is for this hardware; the message lists the files
            that are there.
        FileFormatError: the file does not hold one range per layer.
    """
    keywords = {**DEFAULTS, **params_args}
    if keywords["adc_bits"] == 0 or _upper(keywords["adc_range_option"]) != "CALIBRATED":
        return [None] * n_layers
    if model is None and depth is not None:
        model = f"ResNet{depth}"
    if whole_rows is None:
        whole_rows = USUAL_ROWS if depth is None else CIFAR_ROWS
    seen = _seen(keywords)
    wanted = [seen]
    if seen.rows is not None and seen.rows >= whole_rows:
        wanted.append(replace(seen, rows=None))
    return _ranges(_choose(Path(folder), model, wanted, whole_rows), n_layers, seen.slices)


def _upper(choice: Any) -> str:
    return str(getattr(choice, "name", choice)).upper()


def _seen(keywords: Mapping[str, Any]) -> Seen:
    """Return what the ADC converts with these keywords."""
    style = _upper(keywords["core_style"])
    if style not in _STYLES:
        raise ParameterError(
            f"find_adc_range: core_style = {keywords['core_style']!r} is not allowed; allowed is"
            f" one of {', '.join(map(repr, _STYLES))}.{nearest(style, _STYLES)}"
        )
    together = keywords["subtract_current_in_xbar"] or keywords["interleaved_posneg"]
    digit = 0
    if keywords["input_bitslicing"] and keywords["adc_per_ibit"]:
        digit = int(keywords["input_slice_size"])
    rows = keywords["NrowsMax"]
    return Seen(
        style=style.lower(),
        apart=style == "BALANCED" and not together,
        digit=digit if digit < keywords["input_bits"] else 0,
        slices=int(keywords["Nslices"]),
        # Arrays without a limit, of None or 0 rows, hold a layer as a whole.
        rows=int(rows) if rows else None,
    )


def _choose(folder: Path, model: str | None, wanted: list[Seen], whole_rows: int) -> Path:
    """Return the file that is for the first of `wanted` that any file is for."""
    files = [(path, *_read_name(path)) for path in sorted(folder.glob(f"{PREFIX}*{SUFFIX}"))]
    there = ", ".join(path.name for path, _, _ in files) or "none"
    if model is None:
        model = _only_model({owner for _, owner, seen in files if seen}, folder)
    for hardware in wanted:
        found = [path for path, owner, seen in files if (owner, seen) == (model, hardware)]
        if len(found) > 1:
            names = " and ".join(path.name for path in found)
            raise ParameterError(f"find_adc_range: {folder}: {names} are for the same hardware")
        if found:
            return found[0]
    names = " or ".join(hardware.file(model) for hardware in wanted)
    small = wanted[0].rows is not None and len(wanted) == 1
    raise ParameterError(
        f"find_adc_range: no calibrated ADC ranges for these settings: {folder} has no {names}"
        f"{f' (files that name no rows are for {whole_rows} rows or more)' if small else ''}."
        f" Files there: {there}. {_ADVICE}"
    )


def _read_name(path: Path) -> tuple[str, Seen | None]:
    """Return model and hardware of a file; None where its name has no core style."""
    words = path.name.removeprefix(PREFIX).removesuffix(SUFFIX).split("_")
    matches = [_WORD.fullmatch(word) for word in words]
    first = next((place for place, match in enumerate(matches) if match), len(words))
    model = "_".join(words[:first])
    if not all(matches[first:]):
        return model, None
    style, apart, sums, digit, slices, rows = (
        next((m[kind] for m in matches[first:] if m and m[kind] is not None), None)
        for kind in range(1, 7)
    )
    if style is None:
        return model, None
    # `digit` is empty for single bits, None where the name does not say.
    bits = int(style == "offset" and not sums) if digit is None else int(digit or 1)
    return model, Seen(style, bool(apart), bits, int(slices or 1), int(rows) if rows else None)


def _only_model(models: set[str], folder: Path) -> str:
    if len(models) != 1:
        found = ", ".join(map(repr, sorted(models))) or "none"
        raise ParameterError(
            f"find_adc_range: model says whose ranges to look for; {folder} has files"
            f" {PREFIX}<model>_...{SUFFIX} of {found}. {_ADVICE}"
        )
    return models.pop()


def _ranges(path: Path, n_layers: int, slices: int) -> np.ndarray:
    """Return what the file holds. Raises FileFormatError unless it is one range per layer."""
    try:
        with path.open("rb") as file:
            values: Any = np.load(file)
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise FileFormatError(f"{path}: no array of numbers: {error}") from None
    wanted = (n_layers, 2) if slices == 1 else (n_layers, slices, 2)
    shape = getattr(values, "shape", None)
    if shape != wanted or values.dtype.kind not in "fiu":
        raise FileFormatError(
            f"{path}: holds {getattr(values, 'dtype', type(values).__name__)} of shape {shape};"
            f" allowed is (min, max) of each layer{' and slice' * (slices > 1)}, shape {wanted}"
        )
    if not (values[..., 0] < values[..., 1]).all():
        layer = int(np.argwhere(~(values[..., 0] < values[..., 1]))[0][0])
        raise FileFormatError(f"{path}: layer {layer} has no range min < max: {values[layer]}")
    return values
