"""What layers see and what their cells hold, from arrays alone; no framework is needed."""

from __future__ import annotations

import os
import pickle
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from simulator import AnalogCore, InputError
from simulator.profile import Recorder, Sample

# Where to write what was recorded; None for nowhere.
Folder = str | os.PathLike[str] | None


class Seen:
    """What drove the lines of a layer: exact extremes and an evenly thinned sample."""

    def __init__(self) -> None:
        self._recorder = Recorder(1)

    def add(self, values: np.ndarray) -> None:
        """Take in the values of an array of any shape, in units of the inputs."""
        self._recorder.add(np.asarray(values).reshape(1, -1, 1))

    @property
    def low(self) -> float:
        """The smallest value of all; infinite before the first."""
        return float(self._recorder.low[0])

    @property
    def high(self) -> float:
        """The largest value of all; minus infinite before the first."""
        return float(self._recorder.high[0])

    @property
    def sample(self) -> Sample:
        """What was seen, for choosing a range."""
        return Sample(self.low, self.high, self._recorder.values())

    def __setstate__(self, state: dict[str, Any]) -> None:
        if "_recorder" in state:
            self.__dict__.update(state)
            return
        # From a pickle of the time when this class kept a sample of its own.
        self.__init__()  # type: ignore[misc]
        self._recorder.__dict__.update(
            low=np.array([state["low"]]), high=np.array([state["high"]]),
            _kept=state["_kept"].reshape(1, 1, -1), _keys=state["_keys"].astype(np.uint32),
            _last=state["_last"], _seen=state["_count"],
        )  # fmt: skip


def xbar_inputs(seen: Sequence[Seen | None], save_dir: Folder) -> list[np.ndarray | None]:
    """Recorded inputs of layers; see ``get_profiled_xbar_inputs`` of the front ends."""
    values = [None if s is None else s.sample.values for s in seen]
    _require(values, "profile_xbar_inputs")
    return _saved(values, save_dir, "all_xbar_inputs.p")


def adc_inputs(layers: Sequence[Sequence[AnalogCore]], save_dir: Folder) -> list[np.ndarray | None]:
    """Recorded currents of layers; see ``get_profiled_adc_inputs`` of the front ends."""
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


def _saved(values: list[Any], save_dir: Folder, name: str) -> list[Any]:
    if save_dir is not None:
        Path(os.fspath(save_dir), name).write_bytes(pickle.dumps(values))
    return values


def conductances(arrays: Sequence[AnalogCore]) -> dict[str, Any]:
    """What the cells of a layer hold; see ``get_conductance_matrices`` of the front ends.

    Arrays of ``Gmats`` stand row by row of the partition, and group by group of the layer.
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
