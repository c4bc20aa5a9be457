"""Parameter classes that CrossSim has for each converter circuit; here one class has all fields."""

from __future__ import annotations

from typing import Any, ClassVar

from simulator.parameters import ADCParameters, CoreStyle


class _OfModel(type):
    model: str

    def __instancecheck__(cls, node: Any) -> bool:
        return isinstance(node, ADCParameters) and node.model == cls.model


class RampADCParameters(metaclass=_OfModel):
    """``ADCParameters`` whose model is RampADC; so are nodes made by this class."""

    model: ClassVar[str] = "RampADC"

    def __new__(cls, *args: Any, **kwargs: Any) -> Any:
        """An ``ADCParameters`` with these fields."""
        node = ADCParameters(model=cls.model)
        for name, value in (*zip(ADCParameters.names(), args, strict=False), *kwargs.items()):
            if not node._knows(name):
                raise node._unknown(name)
            setattr(node, name, value)
        return node


class SarADCParameters(RampADCParameters):
    """``ADCParameters`` whose model is SarADC."""

    model = "SarADC"


class PipelineADCParameters(RampADCParameters):
    """``ADCParameters`` whose model is PipelineADC."""

    model = "PipelineADC"


class CyclicADCParameters(RampADCParameters):
    """``ADCParameters`` whose model is CyclicADC."""

    model = "CyclicADC"


def corestyle_str(core: Any) -> str:
    """Name of the core style of a core, of its parameters, or of a style."""
    style = getattr(getattr(core, "params", core), "core", core)
    return CoreStyle(getattr(style, "style", style)).name
