"""What layers see and what their cells hold, from arrays alone; no framework is needed."""

from __future__ import annotations

import os
import pickle
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from adapters.shared.ranges import Sample
from simulator import AnalogCore, InputError

# Values kept of each layer; beyond that every second one goes.
CAPACITY = 1 << 20
# As for currents: multiples of this lie evenly modulo 2**32, in step with no width of an image.
STEP, LAST = 2654435769, (1 << 32) - 1
# Values that are looked at together, so that their keys do not fill the memory.
TOGETHER = 1 << 22


class Seen:
    """Extremes of everything that was added, and an evenly thinned sample, float32."""

    def __init__(self) -> None:
        self.low, self.high = float("inf"), float("-inf")
        self._last, self._count = LAST, 0
        self._kept, self._keys = np.empty(0, np.float32), np.empty(0, np.int64)

    def add(self, values: Any) -> None:
        """Take in the values of an array of any shape."""
        flat = np.asarray(values).reshape(-1)
        for start in range(0, len(flat), TOGETHER):
            self._add(flat[start : start + TOGETHER])

    def _add(self, values: np.ndarray) -> None:
        self.low = min(self.low, float(values.min()))
        self.high = max(self.high, float(values.max()))
        keys = np.arange(self._count, self._count + len(values), dtype=np.int64) * STEP & LAST
        self._count = self._count + len(values) & LAST
        picked = keys <= self._last
        self._kept = np.concatenate([self._kept, values[picked].astype(np.float32)])
        self._keys = np.concatenate([self._keys, keys[picked]])
        while len(self._kept) > CAPACITY:
            self._last >>= 1
            kept = self._keys <= self._last
            self._kept, self._keys = self._kept[kept], self._keys[kept]

    @property
    def sample(self) -> Sample:
        """What was seen, for choosing a range."""
        return Sample(self.low, self.high, self._kept)


def xbar_inputs(seen: Sequence[Seen | None], save_dir: Any) -> list[np.ndarray | None]:
    """Recorded inputs of every layer, one-dimensional; None for one that records none.

    ``save_dir``: folder to write them to, as the pickle ``all_xbar_inputs.p``. Raises InputError
    where no layer has recorded anything.
    """
    values = [None if s is None else s.sample.values for s in seen]
    _require(values, "profile_xbar_inputs")
    return _saved(values, save_dir, "all_xbar_inputs.p")


def adc_inputs(layers: Sequence[Sequence[AnalogCore]], save_dir: Any) -> list[np.ndarray | None]:
    """Recorded currents at the ADCs of the arrays of every layer; None for one without.

    (input digits or 1, currents), or (slices, input digits or 1, currents) for bit-sliced weights,
    in units of one full cell at full input. ``save_dir``: folder to write them to, as the pickle
    ``all_adc_inputs.p``. Raises InputError where no layer has recorded anything.
    """
    values = [_currents(arrays) for arrays in layers]
    _require(values, "profile_adc_inputs")
    return _saved(values, save_dir, "all_adc_inputs.p")


def _currents(arrays: Sequence[AnalogCore]) -> np.ndarray | None:
    found = [r.phases for core in arrays for r in core.recorders(False) if r.phases.size]
    if not found:
        return None
    joined = np.concatenate(found, axis=2)
    return joined if arrays[0].params.core.style.name == "BITSLICED" else joined[0]


def _require(values: list[Any], switch: str) -> None:
    if not any(v is not None and v.size for v in values):
        raise InputError(
            f"no layer has recorded anything; set simulation.analytics.{switch} = True in the "
            "parameters, convert the model and run it first"
        )


def _saved(values: list[Any], save_dir: Any, name: str) -> list[Any]:
    if save_dir is not None:
        Path(os.fspath(save_dir), name).write_bytes(pickle.dumps(values))
    return values


def conductances(arrays: Sequence[AnalogCore]) -> dict[str, Any]:
    """What the cells of a layer hold, in units of Gmax, errors included.

    ``core_style``, ``bitsliced_core_style`` ("NONE" for whole weights), ``num_slices`` and
    ``Gmats``. The last has an entry for each array of the layer, row by row and group by group: a
    dictionary with ``Gmat_pos`` and ``Gmat_neg``, or ``Gmat`` of an offset core; for bit-sliced
    weights a list of these, least significant first. Arrays are (outputs, inputs).
    """
    core = arrays[0].params.core
    sliced = core.style.name == "BITSLICED"
    return {
        "core_style": core.style.name,
        "bitsliced_core_style": core.bit_sliced.style.name if sliced else "NONE",
        "num_slices": core.bit_sliced.num_slices if sliced else 1,
        "Gmats": [_matrices(part) for array in arrays for row in array.cores for part in row],
    }


def _matrices(part: Any) -> Any:
    if hasattr(part, "core_slices"):
        return [_sides(arrays) for arrays in part.core_slices]
    return _sides([part.core_pos, part.core_neg] if hasattr(part, "core_pos") else [part.core])


def _sides(arrays: list[Any]) -> dict[str, np.ndarray]:
    names = ("Gmat_pos", "Gmat_neg") if len(arrays) == 2 else ("Gmat",)
    return {name: np.array(array.matrix) for name, array in zip(names, arrays, strict=True)}
