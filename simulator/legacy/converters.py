"""ADC models in the form of CrossSim: one object for each array, with limits of its own.

Defining a subclass of ``IADC`` registers a model of its name. Its objects are made once for a core,
one for each tile, slice and side; what they draw from NumPy's global generator, then and in
conversions, is seeded by the fabrication stream of the core and the number of the conversion.
"""

from __future__ import annotations

import dataclasses
import itertools
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np

from simulator import registry
from simulator.converters import ADC
from simulator.converters.adc import FabricationDraw
from simulator.errors import ModelError, require_shape
from simulator.legacy.numbers import numbers_of
from simulator.quantities import Amps, Codes, Uniforms


def get_digit(x: Any, k: int) -> Any:
    """Binary digit ``k`` of whole numbers, least significant first."""
    return np.floor(x / 2**k) % 2


class IADC:
    """A converter of all outputs of one array; a subclass overrides ``convert``.

    ``bits``, ``min`` and ``max`` are set before the first conversion.

    Args:
        adc_params: The node of the ADC in the parameter tree.
        dac_params: The node of the DAC of the same direction.
        core_params: The node ``core``.
        simulation_params: The node ``simulation``.
        bitslice: Number of the weight slice whose currents it converts.
    """

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if not cls.__name__.startswith("_"):
            registry.register("adc", _adapter(cls))

    def __init__(
        self,
        adc_params: Any,
        dac_params: Any,
        core_params: Any,
        simulation_params: Any,
        bitslice: int = 0,
    ) -> None:
        self.adc_params, self.dac_params = adc_params, dac_params
        self.core_params, self.simulation_params = core_params, simulation_params
        self.bitslice, self.bits = bitslice, adc_params.bits
        self.min, self.max = 0.0, 0.0
        self._limits = (0.0, 0.0)

    def set_limits(self, matrix: Any) -> None:
        """Set ``min`` and ``max``; the range follows from the parameters, as for all ADCs.

        Args:
            matrix: The matrix of the array, which a subclass may look at.
        """
        self.min, self.max = self._limits

    def convert(self, vector: Amps) -> Codes:
        """Currents after conversion.

        Args:
            vector: Currents of all outputs of the array, (outputs, vectors).

        Returns:
            Currents that the codes stand for, in the same shape.
        """
        raise NotImplementedError


@dataclass(frozen=True)
class _OldADC(ADC, abstract=True):
    """A model in the form of CrossSim, as the engine sees it."""

    old: ClassVar[type[IADC]]
    nodes: Any = field(default=None, compare=False, repr=False)

    def __reduce__(self) -> tuple[Any, ...]:
        values = {f.name: getattr(self, f.name) for f in dataclasses.fields(self)}
        return _restored, (type(self).__name__, values)

    def bound(self, params: Any, adc_node: Any, dac_node: Any) -> ADC:
        """The model with the nodes of its parameter tree."""
        nodes = (adc_node, dac_node, params.core, params.simulation)
        return dataclasses.replace(self, nodes=nodes)

    def fabricate(self, shape: tuple[int, ...], draw: FabricationDraw, kernels: Any) -> Any:
        """An object for each tile, slice and side; its random numbers are seeded for its place."""
        if self.nodes is None:
            raise ModelError(f"{type(self).__name__} needs the parameter tree of a core")
        normals = draw(range(1), shape[-1])
        made = {}
        for place in np.ndindex(*shape[:-1]):
            with numbers_of(normals[place]):
                arguments = (*self.nodes, place[2])
                made[place] = self.old(*arguments)
        return made, normals, itertools.count(1)

    def convert(
        self,
        amps: Amps,
        low: Amps,
        high: Amps,
        kernels: Any,
        dither: Uniforms | None = None,
        made: Any = None,
    ) -> Codes:
        """Array by array, phase by phase; each sees its currents as (outputs, vectors)."""
        objects, normals, numbers = made
        number = next(numbers)
        out = np.empty_like(amps)
        low, high = (np.broadcast_to(limit, amps.shape) for limit in (low, high))
        for place, converter in objects.items():
            first = (0, *place, *[0] * (amps.ndim - 5))
            limits = float(low[first]), float(high[first])
            if converter._limits != limits:
                converter._limits = limits
                with numbers_of(normals[place]):
                    converter.set_limits(np.zeros((amps.shape[5], 1)))
            with numbers_of(normals[place] + number):
                for phase in range(len(amps)):
                    at = (phase, *place)
                    out[at] = self._converted(converter, amps[at])
        return out

    def _converted(self, converter: IADC, amps: Amps) -> Amps:
        columns = np.array(amps).reshape(len(amps), -1)
        converted = np.asarray(converter.convert(columns))
        return require_shape(self, converted, columns.shape).reshape(amps.shape)


def _adapter(old: type[IADC]) -> type[ADC]:
    """The class of the engine that stands for a model in the form of CrossSim."""
    namespace = {"old": old, "__module__": old.__module__, "__doc__": old.__doc__}
    adapter: type[ADC] = type(f"_{old.__name__}", (_OldADC,), namespace, abstract=True)
    adapter.__name__ = old.__name__
    return adapter


def _restored(name: str, values: dict[str, Any]) -> ADC:
    """A copy, of the class that goes by the name now."""
    cls: Any = registry.resolve("adc", name)
    return cls(**values)
