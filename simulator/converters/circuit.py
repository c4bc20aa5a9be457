"""What converter circuits have in common: their grid, their mismatch, and tables of decisions.

All voltages of a circuit scale with its reference, the larger magnitude of the ends of its range.
Circuits are computed in units of the reference, so one table serves every full-scale range.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import ModuleType
from typing import TYPE_CHECKING, Any

from simulator.converters.adc import ADC, FabricationDraw
from simulator.errors import ModelError
from simulator.quantities import Amps, Array, Codes, Uniforms
from simulator.schema import parameter

if TYPE_CHECKING:
    from simulator.kernels import ReferenceKernels as Kernels

MAX_BITS = 16
TABLE_BYTES = 1 << 30
# Values converted at a time: their intermediates stay in the processor's cache.
BLOCK = 1 << 16
# At least so many neighbours in memory at a time: a cache line.
RUN = 16
# Components of a circuit are numbered for random draws; comparators begin here, capacitors at 0.
COMPARATOR = 1 << 10
# A normal law reaches zero and below, which no capacitor does: none falls below this fraction of
# its nominal value.
SMALLEST_CAPACITOR = 1e-3
# Phases, output tiles, input tiles, slices, sides and outputs.
CONVERTER_AXES = 6


@dataclass(frozen=True)
class CircuitADC(ADC, abstract=True):
    """Base of the converter circuits.

    Inputs are clipped to the range. Results lie on the grid of ``2**bits`` codes around zero,
    ``Vref (2 code + 1 - 2**bits) / 2**bits`` with Vref = max(|low|, |high|): none is zero, and an
    unsigned range uses the upper half. A comparator triggers strictly above its threshold.
    """

    gain_db: float = parameter(
        100,
        low=0,
        high=float("inf"),
        unit="dB",
        usual=(20, float("inf")),
        doc="open-loop gain of the amplifiers",
    )
    sigma_comparator: float = parameter(
        0,
        low=0,
        usual=(0, 1),
        doc="standard deviation of comparator offsets, relative to the reference",
    )

    def __post_init__(self) -> None:
        name = type(self).__name__
        if self.bits > MAX_BITS:
            raise ModelError(
                f"{name}: bits = {self.bits}; a circuit is known by its 2**bits decisions, and "
                f"at most {MAX_BITS} bits are allowed. QuantizerADC has no such limit."
            )
        if self.bits and self.stochastic_rounding:
            raise ModelError(
                f"{name}: stochastic_rounding = True, but a circuit rounds as its comparators "
                "decide; use QuantizerADC or SignMagnitudeADC"
            )

    @property
    def has_mismatch(self) -> bool:
        """True where the model has a nonzero spread of its capacitors or comparators."""
        return any(value > 0 for name, value in vars(self).items() if name.startswith("sigma_"))

    @property
    def _inverse_gain(self) -> float:
        return 10.0 ** (-self.gain_db / 20.0)

    def _codes(self, values: Array, made: Any, xp: ModuleType) -> Array:
        """Array of inputs in units of the reference, by converters as ``fabricate`` made them."""
        raise NotImplementedError

    def convert(
        self,
        amps: Amps,
        low: Amps,
        high: Amps,
        kernels: Kernels,
        dither: Uniforms | None = None,
        made: Any = None,
    ) -> Codes:
        """The currents that codes stand for; without ``made``, of converters without mismatch."""
        xp = kernels.xp
        dtype = xp.result_type(amps, low, high)
        if made is None:
            made = self.fabricate((1,) * (CONVERTER_AXES - 1), _without_mismatch(xp), kernels)
        values = amps if amps.ndim else amps[None]
        low, high = xp.asarray(low), xp.asarray(high)
        reference = xp.maximum(abs(low), abs(high)).astype(xp.float64)
        out = xp.empty(values.shape, dtype=dtype)
        for part in _blocks(values.shape):
            vref, bottom, top = (_part(limit, part) for limit in (reference, low, high))
            clipped = xp.clip(values[..., part], bottom, top).astype(xp.float64)
            codes = self._codes(clipped / vref, made, xp)
            out[..., part] = (codes * 2 + (1 - 2**self.bits)) * (vref / 2**self.bits)
        return out.reshape(amps.shape)


def _blocks(shape: tuple[int, ...]) -> Iterator[slice]:
    """Slices of the last axis to convert at a time; all of it where it is that of the outputs."""
    size, length = 1, shape[-1]
    for count in shape:
        size *= count
    step = length if len(shape) == CONVERTER_AXES else BLOCK * length // max(size, 1)
    step = max(step, RUN)
    for start in range(0, length if size else 0, step):
        yield slice(start, start + step)


def _part(values: Array, part: slice) -> Array:
    """A slice of the last axis; all of it where it has one entry that broadcasts."""
    return values[..., part] if values.ndim and values.shape[-1] > 1 else values


def _without_mismatch(xp: ModuleType) -> FabricationDraw:
    return lambda numbers, group_size: xp.zeros(len(numbers))


def deviations_of(
    sigma: float, draw: FabricationDraw, numbers: range, group_size: int, xp: ModuleType
) -> Array:
    """What components miss their nominal values by, relative to these.

    Args:
        sigma: Standard deviation; with zero nothing is drawn.
        draw: Gives standard normals; see ``ADC.fabricate``.
        numbers: Numbers of the components, one for each.
        group_size: Neighbouring outputs that share these components.
        xp: Array module of the core.

    Returns:
        Deviations (..., groups, components); (components,) zeros where ``sigma`` is zero.
    """
    if sigma == 0 or len(numbers) == 0:
        return xp.zeros(len(numbers))
    return sigma * draw(numbers, group_size)


def capacitor(nominal: Array, deviation: Array, xp: ModuleType) -> Array:
    """Capacitors that miss their nominal values; see SMALLEST_CAPACITOR."""
    return xp.maximum(nominal + deviation, SMALLEST_CAPACITOR * nominal)


def digits_of(counts: Array, bits: int, xp: ModuleType) -> Array:
    """Binary digits of whole numbers, least significant first, on a new last axis; float64."""
    return (counts[..., None] >> xp.arange(bits) & 1).astype(xp.float64)


def lines_of(values: Array, lines: int, group_size: int, ndim: int, xp: ModuleType) -> Array:
    """Values of groups of outputs, repeated so that they broadcast against currents.

    Args:
        values: One for each group, (..., groups); without axes, common to all converters.
        lines: Number of outputs.
        group_size: Outputs of a group.
        ndim: Number of axes of the currents, of which the first six are those of a core.
        xp: Array module of the core.
    """
    if values.ndim == 0:
        return values
    if values.shape[-1] > 1:
        values = xp.repeat(values, group_size, axis=-1)[..., :lines]
    return values.reshape(1, *values.shape, *(1,) * (ndim - CONVERTER_AXES))


@dataclass(frozen=True)
class Decisions:
    """The thresholds of converters whose input is compared with the levels of a DAC.

    ``thresholds`` (tables, 2**bits) ascend from minus infinity; an input between entry i and the
    next gets code i, or ``codes[..., i]`` where a DAC is not monotone. ``table`` (..., groups)
    numbers the table of each group of ``group_size`` outputs, () where all have the same.
    ``offset`` is the offset of the comparator that ``offset_size`` outputs share.
    """

    thresholds: Array
    codes: Array | None
    table: Array
    group_size: int
    offset: Array
    offset_size: int

    def find(self, values: Array, xp: ModuleType) -> Array:
        """Code of every input, in units of the reference.

        Args:
            values: Inputs; with the axes of currents in a core where converters differ.
            xp: Array module of the core.
        """
        lines = values.shape[CONVERTER_AXES - 1] if values.ndim >= CONVERTER_AXES else 1
        seen = values + lines_of(self.offset, lines, self.offset_size, values.ndim, xp)
        size = self.thresholds.shape[1]
        first = lines_of(self.table * size, lines, self.group_size, values.ndim, xp)
        found = self._search(seen, first, size, xp)
        return found - first if self.codes is None else xp.take(self.codes, found)

    def _search(self, seen: Array, first: Array, size: int, xp: ModuleType) -> Array:
        """Place of every value in the table that begins at ``first``, by halving, as a SAR does."""
        found, step = xp.zeros(seen.shape, dtype=first.dtype) + first, size // 2
        while step:
            found += (seen > xp.take(self.thresholds, found + step)) * step
            step //= 2
        return found


def decisions(
    deviations: Array,
    tables: Callable[[Array], tuple[Array, Array]],
    bits: int,
    group_size: int,
    offset: Array,
    offset_size: int,
    xp: ModuleType,
) -> Decisions:
    """The tables of all converters of a core.

    Args:
        deviations: What capacitors miss their nominal values by, (..., groups, capacitors).
        tables: Makes thresholds and codes, each (rows, 2**bits), from rows of deviations.
        bits: Resolution.
        group_size: Neighbouring outputs that share one table.
        offset: Offsets of the comparators, (..., groups of ``offset_size`` outputs).
        offset_size: Neighbouring outputs that share one comparator.
        xp: Array module of the core.

    Raises:
        ModelError: The tables would fill the memory.
    """
    rows, size = deviations.reshape(-1, deviations.shape[-1]), 2**bits
    if len(rows) * size * 8 > TABLE_BYTES:
        raise ModelError(
            f"{len(rows)} different converters of {bits} bits need {len(rows) * size * 8 >> 20} "
            "MiB of thresholds; choose fewer bits, a larger group_size, or no mismatch"
        )
    thresholds = xp.empty((len(rows), size))
    codes = xp.empty((len(rows), size), dtype=xp.int32)
    step = max(1, BLOCK // size)
    for start in range(0, len(rows), step):
        part = slice(start, start + step)
        thresholds[part], codes[part] = tables(rows[part])
    in_order = bool((codes == xp.arange(size)).all())
    table = xp.arange(len(rows)).reshape(deviations.shape[:-1])
    return Decisions(
        thresholds, None if in_order else codes, table, group_size, offset, offset_size
    )
