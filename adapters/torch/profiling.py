"""What the layers of a model see: inputs, currents at the ADCs, and what the cells hold.

Set ``simulation.analytics.profile_xbar_inputs`` or ``profile_adc_inputs`` before the model is
converted, run it, and ask. Memory is bounded: of very many values an evenly thinned part is kept.
"""

from __future__ import annotations

import os
import pickle
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from adapters.ranges import Sample
from adapters.torch.layer import AnalogLayer, analog_modules
from simulator import InputError, ParameterError

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
        self._kept, self._keys = torch.empty(0), torch.empty(0, dtype=torch.int64)

    def add(self, values: torch.Tensor) -> None:
        """Take in the values of a tensor of any shape."""
        for part in values.detach().reshape(-1).split(TOGETHER):
            if part.numel():
                self._add(part)

    def _add(self, values: torch.Tensor) -> None:
        low, high = torch.aminmax(values)
        self.low, self.high = min(self.low, float(low)), max(self.high, float(high))
        keys = torch.arange(self._count, self._count + len(values), device=values.device)
        keys = keys * STEP & LAST
        self._count = self._count + len(values) & LAST
        picked = keys <= self._last
        self._kept = torch.cat([self._kept, values[picked].float().cpu()])
        self._keys = torch.cat([self._keys, keys[picked].cpu()])
        while len(self._kept) > CAPACITY:
            self._last >>= 1
            kept = self._keys <= self._last
            self._kept, self._keys = self._kept[kept], self._keys[kept]

    @property
    def sample(self) -> Sample:
        """What was seen, for choosing a range."""
        return Sample(self.low, self.high, self._kept.numpy())


Look = Callable[[torch.Tensor], None]


class _Tap:
    """A hook that shows the first input of an analog layer."""

    def __init__(self, look: Look) -> None:
        self.look = look

    def __call__(self, layer: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        # A digital copy of the layer keeps its hooks.
        if isinstance(layer, AnalogLayer):
            self.look(args[0] if args else next(iter(kwargs.values())))


def watch_inputs(layer: AnalogLayer, look: Look) -> list[Any]:
    """Call ``look`` with everything that drives the arrays of a layer, bias lines mostly apart.

    That is the input of the layer; of a layer of several parts, such as a recurrent one, what its
    parts are given. Parts are new after ``reinitialize``. Returns handles; ``remove()`` ends it.
    """
    targets = list(getattr(layer, "parts", {}).values()) or [layer]
    return [t.register_forward_pre_hook(_Tap(look), with_kwargs=True) for t in targets]


@contextmanager
def watched(layers: list[AnalogLayer]) -> Iterator[dict[AnalogLayer, Seen]]:
    """Inside, inputs of the layers are recorded."""
    seen = {layer: Seen() for layer in layers}
    handles = [h for layer in layers for h in watch_inputs(layer, seen[layer].add)]
    try:
        yield seen
    finally:
        for handle in handles:
            handle.remove()


def named_layers(model: nn.Module) -> dict[str, AnalogLayer]:
    """The analog layers of a model by their names. Raises ParameterError where there are none."""
    found = {name: m for name, m in model.named_modules() if isinstance(m, AnalogLayer)}
    if not found:
        raise ParameterError("the model has no analog layers; convert it with from_torch first")
    return found


def follow_inputs(model: nn.Module) -> None:
    """Record the inputs of layers whose parameters say ``profile_xbar_inputs``; each once."""
    for layer in analog_modules(model):
        wanted = layer.core.params.simulation.analytics.profile_xbar_inputs
        if wanted and "xbar_inputs" not in layer.__dict__:
            layer.__dict__["xbar_inputs"] = seen = Seen()
            watch_inputs(layer, seen.add)


def get_profiled_xbar_inputs(model: nn.Module, save_dir: Any = None) -> list[np.ndarray | None]:
    """Recorded inputs of every analog layer, one-dimensional; None for one that records none.

    ``save_dir``: folder to write them to, as the pickle ``all_xbar_inputs.p``. Raises InputError
    where no layer has recorded anything.
    """
    seen = [layer.__dict__.get("xbar_inputs") for layer in analog_modules(model)]
    values = [None if s is None else s.sample.values for s in seen]
    _require(values, "profile_xbar_inputs")
    return _saved(values, save_dir, "all_xbar_inputs.p")


def get_profiled_adc_inputs(model: nn.Module, save_dir: Any = None) -> list[np.ndarray | None]:
    """Recorded currents at the ADCs of every analog layer; None for one that records none.

    (input digits or 1, currents), or (slices, input digits or 1, currents) for bit-sliced weights,
    in units of one full cell at full input. ``save_dir``: folder to write them to, as the pickle
    ``all_adc_inputs.p``. Raises InputError where no layer has recorded anything.
    """
    values = [_adc_inputs(layer) for layer in analog_modules(model)]
    _require(values, "profile_adc_inputs")
    return _saved(values, save_dir, "all_adc_inputs.p")


def _adc_inputs(layer: AnalogLayer) -> np.ndarray | None:
    found = [r.phases for core in layer.arrays for r in core.recorders(False) if r.phases.size]
    if not found:
        return None
    joined = np.concatenate(found, axis=2)
    return joined if layer.core.params.core.style.name == "BITSLICED" else joined[0]


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


def get_conductance_matrices(model: nn.Module) -> list[dict[str, Any]]:
    """What the cells of every analog layer hold, in units of Gmax, errors included.

    One dictionary for each layer: ``core_style``, ``bitsliced_core_style`` ("NONE" for whole
    weights), ``num_slices`` and ``Gmats``. The last has an entry for each array of the layer, row
    by row and group by group: a dictionary with ``Gmat_pos`` and ``Gmat_neg``, or ``Gmat`` of an
    offset core; for bit-sliced weights a list of these, least significant first. Arrays are
    (outputs, inputs).
    """
    return [_conductances(layer) for layer in analog_modules(model)]


def _conductances(layer: AnalogLayer) -> dict[str, Any]:
    core = layer.core.params.core
    sliced = core.style.name == "BITSLICED"
    parts = [part for array in layer.arrays for row in array.cores for part in row]
    return {
        "core_style": core.style.name,
        "bitsliced_core_style": core.bit_sliced.style.name if sliced else "NONE",
        "num_slices": core.bit_sliced.num_slices if sliced else 1,
        "Gmats": [_matrices(part) for part in parts],
    }


def _matrices(part: Any) -> Any:
    if hasattr(part, "core_slices"):
        return [_sides(arrays) for arrays in part.core_slices]
    return _sides([part.core_pos, part.core_neg] if hasattr(part, "core_pos") else [part.core])


def _sides(arrays: list[Any]) -> dict[str, np.ndarray]:
    names = ("Gmat_pos", "Gmat_neg") if len(arrays) == 2 else ("Gmat",)
    return {name: np.array(array.matrix) for name, array in zip(names, arrays, strict=True)}
