"""Names of the cores inside a core, for ``isinstance``: what ``core.cores[r][c]`` consists of."""

from __future__ import annotations

from typing import Any, ClassVar

from simulator.core.physical_arrays import ArrayPart, PhysicalArray


class _Kind(type):
    """A class whose instances are told by what they have, not by how they were made."""

    made_of: ClassVar[tuple[type, ...]]
    attribute: ClassVar[str]

    def __instancecheck__(cls, thing: Any) -> bool:
        return isinstance(thing, cls.made_of) and (
            not cls.attribute or hasattr(thing, cls.attribute)
        )

    def __call__(cls, *args: Any, **kwargs: Any) -> Any:
        raise TypeError(f"{cls.__name__} is part of an AnalogCore and cannot be built on its own")


class ICore(metaclass=_Kind):
    """Anything below an ``AnalogCore``."""

    made_of: ClassVar[tuple[type, ...]] = (ArrayPart, PhysicalArray)
    attribute: ClassVar[str] = ""


class WrapperCore(ICore):
    """All arrays of one part of the matrix: ``core.cores[r][c]``."""

    made_of = (ArrayPart,)


class BalancedCore(WrapperCore):
    """A pair of arrays, ``core_pos`` and ``core_neg``."""

    attribute = "core_pos"


class OffsetCore(WrapperCore):
    """A single array, ``core``."""

    attribute = "core"


class BitslicedCore(WrapperCore):
    """Arrays of several digits, ``core_slices``."""

    attribute = "core_slices"


class NumericCore(ICore):
    """One physical array."""

    made_of = (PhysicalArray,)
