"""What converter circuits have in common: their grid, their mismatch, and tables of decisions.

All voltages of a circuit scale with its reference, the larger magnitude of its limits: circuits
are computed in units of it, so one table serves every full-scale range.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from simulator.converters.adc import ADC, FabricationDraw
from simulator.errors import ModelError
from simulator.quantities import Amps, Codes
from simulator.schema import parameter

MAX_BITS = 16
TABLE_BYTES = 1 << 30
# Values converted at a time: their intermediates stay in the processor's cache.
BLOCK = 1 << 16
# At least so many neighbours in memory at a time: a cache line.
RUN = 16
# Parts of a circuit are numbered for random draws; comparators apart from capacitors.
COMPARATOR = 1 << 10
# The normal law has a tail that no capacitor has: nothing falls below this part of its nominal.
SMALLEST_CAPACITOR = 1e-3
# Phases, output parts, input parts, slices, sides and outputs.
CONVERTER_AXES = 6


@dataclass(frozen=True)
class CircuitADC(ADC, abstract=True):
    """Base of the converter circuits.

    Inputs are clipped to the limits. Results lie on the grid of ``2**bits`` codes around zero,
    ``Vref (2 code + 1 - 2**bits) / 2**bits`` with Vref = max(|low|, |high|): none is zero, and an
    unsigned range takes the upper half. A comparator says yes strictly above its threshold.
    """

    gain_db: float = parameter(
        100, low=0, high=float("inf"), unit="dB", doc="open-loop gain of the amplifiers"
    )
    sigma_comparator: float = parameter(
        0, low=0, doc="standard deviation of comparator offsets, relative to the reference"
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
        """True where a capacitor or a comparator varies from part to part."""
        return any(value > 0 for name, value in vars(self).items() if name.startswith("sigma_"))

    @property
    def _inverse_gain(self) -> float:
        return 10.0 ** (-self.gain_db / 20.0)

    def _codes(self, values: Any, made: Any, xp: Any) -> Any:
        """Whole codes from 0 to ``2**bits - 1`` of voltages in units of the reference."""
        raise NotImplementedError

    def convert(
        self,
        amps: Amps,
        low: Any,
        high: Any,
        kernels: Any,
        dither: Any = None,
        made: Any = None,
    ) -> Codes:
        """The currents that the codes stand for; without ``made``, converters free of mismatch."""
        xp = kernels.xp
        dtype = xp.result_type(amps, low, high)
        if made is None:
            made = self.fabricate((1,) * (CONVERTER_AXES - 1), _without_spread(xp), kernels)
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
    """Parts of the last axis; that of the outputs stays whole where it is the last."""
    size, length = 1, shape[-1]
    for count in shape:
        size *= count
    step = length if len(shape) == CONVERTER_AXES else BLOCK * length // max(size, 1)
    step = max(step, RUN)
    for start in range(0, length if size else 0, step):
        yield slice(start, start + step)


def _part(values: Any, part: slice) -> Any:
    """Entries of the last axis, of what broadcasts against it."""
    return values[..., part] if values.ndim and values.shape[-1] > 1 else values


def _without_spread(xp: Any) -> FabricationDraw:
    return lambda numbers, group_size: xp.zeros(len(numbers))


def spread(sigma: float, draw: FabricationDraw, numbers: range, group_size: int, xp: Any) -> Any:
    """Deviations with the standard deviation ``sigma``; (numbers,) zeros where it is zero."""
    if sigma == 0 or len(numbers) == 0:
        return xp.zeros(len(numbers))
    return sigma * draw(numbers, group_size)


def capacitor(nominal: Any, deviation: Any, xp: Any) -> Any:
    """A capacitor that misses its nominal value; see SMALLEST_CAPACITOR."""
    return xp.maximum(nominal + deviation, SMALLEST_CAPACITOR * nominal)


def digits_of(counts: Any, bits: int, xp: Any) -> Any:
    """Binary digits of whole numbers, least significant first, on a new last axis; float64."""
    return (counts[..., None] >> xp.arange(bits) & 1).astype(xp.float64)


def lines_of(values: Any, lines: int, group_size: int, ndim: int, xp: Any) -> Any:
    """What belongs to groups, (..., groups), for every line of currents with ``ndim`` axes.

    Without axes it is common to all converters, and one group is common to all lines.
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
    numbers the table of each group of ``group_size`` outputs, () where all have the same;
    ``offset`` is that of the comparator, for each ``offset_size`` outputs.
    """

    thresholds: Any
    codes: Any
    table: Any
    group_size: int
    offset: Any
    offset_size: int

    def find(self, values: Any, xp: Any) -> Any:
        """Code of every value; values have the axes of currents where converters differ."""
        lines = values.shape[CONVERTER_AXES - 1] if values.ndim >= CONVERTER_AXES else 1
        seen = values + lines_of(self.offset, lines, self.offset_size, values.ndim, xp)
        size = self.thresholds.shape[1]
        first = lines_of(self.table * size, lines, self.group_size, values.ndim, xp)
        found = self._search(seen, first, size, xp)
        return found - first if self.codes is None else xp.take(self.codes, found)

    def _search(self, seen: Any, first: Any, size: int, xp: Any) -> Any:
        """Place of every value in the table that begins at ``first``: halves, as a SAR does."""
        found, step = xp.zeros(seen.shape, dtype=first.dtype) + first, size // 2
        while step:
            found += (seen > xp.take(self.thresholds, found + step)) * step
            step //= 2
        return found


def decisions(
    deviations: Any,
    tables: Callable[[Any], tuple[Any, Any]],
    bits: int,
    group_size: int,
    offset: Any,
    offset_size: int,
    xp: Any,
) -> Decisions:
    """Tables of all converters with capacitors ``deviations`` (..., groups, capacitors).

    ``tables`` makes thresholds and codes from rows of deviations. Raises ModelError where they
    would fill the memory.
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
