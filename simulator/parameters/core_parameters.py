"""How a matrix becomes cells: core style, number of digits, size of arrays, mapping."""

from __future__ import annotations

from enum import IntEnum

from simulator.errors import ParameterError
from simulator.schema import child, parameter

from .base_parameters import BaseParameters
from .mapping_parameters import (
    CoreMappingParameters,
    MappingParameters,
    MatmulParameters,
    PartitionStrategy,
    WeightMappingParameters,
)

__all__ = [
    "BalancedCoreParameters",
    "BalancedCoreStyle",
    "BitSlicedCoreParameters",
    "BitSlicedCoreStyle",
    "CoreMappingParameters",
    "CoreParameters",
    "CoreStyle",
    "MappingParameters",
    "MatmulParameters",
    "OffsetCoreParameters",
    "OffsetCoreStyle",
    "OutputDType",
    "PartitionStrategy",
    "WeightMappingParameters",
]


class CoreStyle(IntEnum):
    """How signed values are represented: by cell pairs, digits in several arrays, or an offset."""

    BALANCED = 1
    BITSLICED = 2
    OFFSET = 3


class BalancedCoreStyle(IntEnum):
    """Which cells of a differential pair carry a value: one of them, or both in opposition."""

    ONE_SIDED = 1
    TWO_SIDED = 2


class BitSlicedCoreStyle(IntEnum):
    """How the digits of a bit-sliced value are signed."""

    BALANCED = 1
    OFFSET = 3


class OffsetCoreStyle(IntEnum):
    """How the offset is taken off: from the sum of the inputs, or with an extra unit column."""

    DIGITAL_OFFSET = 1
    UNIT_COLUMN_SUBTRACTION = 2


class OutputDType(IntEnum):
    """The dtype of results: promoted, that of the matrix, that of the input, or a fixed one.

    NATIVE promotes both; integers become int64 or uint64. Integers of a dtype that is asked for
    wrap in it, as in NumPy.
    """

    NATIVE = 1
    MATRIX = 2
    INPUT = 3
    FLOAT32 = 4
    FLOAT64 = 5
    FLOAT16 = 6
    INT64 = 7
    INT32 = 8
    INT16 = 9
    INT8 = 10


class BalancedCoreParameters(BaseParameters):
    """Differential cell pairs."""

    style: BalancedCoreStyle = parameter(
        BalancedCoreStyle.ONE_SIDED, type=BalancedCoreStyle, doc="which cells carry the value"
    )
    interleaved_posneg: bool = parameter(
        False, type=bool, doc="both cells of a pair share one summation line"
    )
    subtract_current_in_xbar: bool = parameter(
        True, type=bool, doc="subtract the currents of a pair before the ADC, not after"
    )


class BitSlicedCoreParameters(BaseParameters):
    """Values spread over several arrays, one digit in each."""

    style: BitSlicedCoreStyle = parameter(
        BitSlicedCoreStyle.BALANCED, type=BitSlicedCoreStyle, doc="how digits are signed"
    )
    num_slices: int = parameter(2, type=int, low=1, high=32, doc="number of weight slices")


class OffsetCoreParameters(BaseParameters):
    """Values shifted to be positive, one cell each."""

    style: OffsetCoreStyle = parameter(
        OffsetCoreStyle.DIGITAL_OFFSET, type=OffsetCoreStyle, doc="how the offset is taken off"
    )


class CoreParameters(BaseParameters):
    """How a matrix is laid out on arrays of cells."""

    style: CoreStyle = parameter(
        CoreStyle.BALANCED, type=CoreStyle, doc="how signed values become cells"
    )
    rows_max: int = parameter(
        0, type=int, low=0, doc="most inputs of an MVM (matrix columns) per array; 0: no limit"
    )
    cols_max: int = parameter(
        0, type=int, low=0, doc="most outputs of an MVM (matrix rows) per array; 0: no limit"
    )
    weight_bits: int = parameter(
        0,
        type=int,
        low=0,
        high=32,
        unit="bits",
        doc="bits of a value in all its slices, and the step of granular ADC ranges",
    )
    complex_matrix: bool = parameter(False, type=bool, doc="the matrix is complex")
    complex_input: bool = parameter(False, type=bool, doc="the inputs are complex")
    output_dtype: OutputDType = parameter(
        OutputDType.NATIVE, type=OutputDType, doc="dtype of results"
    )
    balanced: BalancedCoreParameters = child(BalancedCoreParameters)
    bit_sliced: BitSlicedCoreParameters = child(BitSlicedCoreParameters)
    offset: OffsetCoreParameters = child(OffsetCoreParameters)
    mapping: CoreMappingParameters = child(CoreMappingParameters)

    def _check_combinations(self) -> None:
        if self.style != CoreStyle.BITSLICED:
            return
        bits, slices = self.weight_bits, self.bit_sliced.num_slices
        if bits < 2:
            raise ParameterError(
                f"{self._where('weight_bits')} = {bits} must be at least 2"
                f" while {self._where('style')} is BITSLICED"
            )
        if slices > bits:
            raise ParameterError(
                f"{self._where('bit_sliced.num_slices')} = {slices} must not exceed"
                f" {self._where('weight_bits')} = {bits}: a slice holds at least one bit"
            )
