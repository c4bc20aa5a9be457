"""How the values of a matrix and of an input are scaled to the range of the hardware."""

from __future__ import annotations

from enum import IntEnum
from typing import Any, ClassVar

from simulator.errors import ParameterError
from simulator.schema import child, parameter

from .base_parameters import BaseParameters
from .paired_parameters import BasePairedParameters


class PartitionStrategy(IntEnum):
    """How a dimension that exceeds an array is divided: full arrays first, or near-equal parts."""

    MAX = 1
    EQUAL = 2


_ENDS = ("min", "max")
_PERCENTILE = (
    "below 1: the range is the larger magnitude of this quantile and its mirror image;"
    " from 1 on: this multiple of the largest magnitude; None: min and max give the range"
)


class RangeParameters(BaseParameters):
    """The range of values that maps to the full range of the hardware."""

    clipping: bool = parameter(False, type=bool, doc="clip values to the range before mapping")
    # Whether both ends may be None until the first product, so that they can be found before it.
    _found_later: ClassVar[bool] = True

    min: float | None = parameter(-1.0, optional=True, doc="lower end of the range")
    max: float | None = parameter(1.0, optional=True, doc="upper end of the range")
    percentile: float | None = parameter(None, low=0, optional=True, doc=_PERCENTILE)

    @property
    def range(self) -> float:
        """``max - min``, in the unit of the values. Raises ParameterError if either is None."""
        self._require_range()
        return float(self.max - self.min)  # type: ignore[operator]

    def _require_range(self) -> None:
        if self.min is None or self.max is None:
            raise ParameterError(
                f"{self._where('min')} = {self.min} and {self._where('max')} = {self.max}:"
                f" both are needed while {self._where('percentile')} is {self.percentile}"
            )

    @property
    def follows_values(self) -> bool:
        """True where the percentile gives the range, so that min and max have no effect."""
        return self.percentile is not None

    def _check_combinations(self) -> None:
        if self.follows_values:
            return
        if self._found_later and self.min is None and self.max is None:
            return
        self._require_range()
        if self.min >= self.max:  # type: ignore[operator]
            raise ParameterError(
                f"{self._where('min')} = {self.min:g} must be below"
                f" {self._where('max')} = {self.max:g}"
            )

    def __setattr__(self, name: str, value: Any) -> None:
        super().__setattr__(name, value)
        if name in _ENDS:
            vars(self)["_assigned"] = vars(self).get("_assigned", frozenset()) | {name}

    def _given_ends(self) -> list[str]:
        """Which ends of the range somebody set: by name, or to another value than the default."""
        assigned = vars(self).get("_assigned", ())
        ends = {name: vars(self)[name] for name in _ENDS}
        return [
            name for name, value in ends.items()
            if value is not None and (name in assigned or value != self._defaults[name])
        ]  # fmt: skip


class MappingParameters(RangeParameters):
    """The range of inputs that maps to the full range of the DACs."""

    percentile_scope: str = parameter(
        "batch",
        type=str,
        choices=("batch", "vector"),
        doc="what a percentile is of: all vectors of a call, whose results then depend on one "
        "another, or each vector on its own",
    )


class WeightMappingParameters(RangeParameters):
    """The range of matrix values, and how a matrix too large for one array is divided.

    Built without arguments, or with `min` or `max`, the range is explicit: min -1, max 1, no
    clipping. Built with `percentile` alone it follows the matrix, and values are clipped to it.
    """

    _found_later = False

    row_partition_priority: list[int] = parameter(
        [], type=list[int], low=1, doc="preferred divisors of the rows (outputs of an MVM)"
    )
    col_partition_priority: list[int] = parameter(
        [], type=list[int], low=1, doc="preferred divisors of the columns (inputs of an MVM)"
    )
    row_partition_strategy: PartitionStrategy = parameter(
        PartitionStrategy.EQUAL, type=PartitionStrategy, doc="how the rows are divided"
    )
    col_partition_strategy: PartitionStrategy = parameter(
        PartitionStrategy.EQUAL, type=PartitionStrategy, doc="how the columns are divided"
    )

    @property
    def follows_values(self) -> bool:
        """True where the percentile gives the range; 0 counts as no percentile for a matrix."""
        return bool(self.percentile)

    def _completed(self, values: dict[str, Any]) -> dict[str, Any]:
        given = values.get("percentile") is not None
        if given and "min" not in values and "max" not in values:
            return {"clipping": True, "min": None, "max": None, **values}
        return values


class MatmulParameters(BasePairedParameters):
    """The ranges of the inputs of MVM and VMM."""

    mvm: MappingParameters = child(MappingParameters)
    vmm: MappingParameters = child(MappingParameters)


class CoreMappingParameters(BaseParameters):
    """The ranges of matrix and inputs. By default the matrix range is its largest magnitude."""

    weights: WeightMappingParameters = child(WeightMappingParameters, percentile=1.0)
    inputs: MatmulParameters = child(MatmulParameters)
