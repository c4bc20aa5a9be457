"""The plain definition of every kernel, in array code that runs on NumPy and on CuPy."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import numpy as np

from simulator.kernels.naming import LineNames
from simulator.kernels.programming import CellCode, Programming, Spread
from simulator.kernels.reading import Reading, Sums
from simulator.kernels.reference import philox
from simulator.kernels.reference.cells import cells_of, fractions_of, with_error
from simulator.kernels.reference.philox import LANES, WORD, slot_word
from simulator.kernels.threads import common_team
from simulator.quantities import Amps, Volts, Weights

# Philox is evaluated in pieces whose temporaries stay in the processor's cache.
PHILOX_BLOCK = 1 << 14
# Some arrays of so many weights, with all their cells, fit a cache.
WEIGHTS_AT_A_TIME = 1 << 14
# Array elements that take as long to read as one weight takes to become cells.
CODE_COST = 256
SQRT_TWO_PI = 2.5066282746310002
SQRT_THREE = 1.7320508075688772


def _host_normal_cdf(z: Any) -> Any:
    """Cumulative distribution of the standard normal; SciPy is loaded when it is needed."""
    from scipy.special import ndtr

    return ndtr(z)


@dataclass(frozen=True)
class ReferenceKernels:
    """Kernels over the arrays of one module ``xp`` (``numpy`` or ``cupy``)."""

    xp: ModuleType
    normal_cdf: Callable[[Any], Any] = _host_normal_cdf

    def quantize(self, values: Any, low: Any, high: Any, steps: int, dither: Any = None) -> Any:
        """Clip to [low, high] and round to the nearest of ``steps + 1`` equidistant levels.

        ``low`` and ``high`` broadcast against ``values``. Halves round to the even level; with
        ``dither`` (uniform in (0, 1), shape of ``values``) a value rounds up with a probability
        equal to its distance from the level below.
        """
        return self._to_levels(values, low, high, steps / (high - low), dither)

    def quantize_scaled(self, values: Any, gain: float, low: Any, high: Any, steps: int) -> Any:
        """``quantize`` of ``values`` times ``gain``."""
        return self.quantize(values * gain, low, high, steps)

    def quantize_magnitude(self, values: Any, limit: Any, steps: int, dither: Any = None) -> Any:
        """Clip to [-limit, limit] and round to a multiple of ``limit / steps``.

        Zero is a level: exactly for the unit range, else to rounding. The arithmetic is that of
        ``quantize`` on ``2 * steps`` steps, so that both decide alike.
        """
        return self._to_levels(values, -limit, limit, 2 * steps / (2 * limit), dither)

    def _to_levels(self, values: Any, low: Any, high: Any, per_step: Any, dither: Any) -> Any:
        # In one buffer: for large arrays new memory costs more than the arithmetic.
        position = self.xp.clip(values, low, high)
        position -= low
        position *= per_step
        if dither is None:
            self.xp.rint(position, out=position)
        else:
            below = self.xp.floor(position)
            position = below + (dither < position - below)
        position /= per_step
        position += low
        return position

    def read_codes(self, amps: Amps, reading: Reading, totals: Any, dtype: Any) -> Any:
        """Convert currents and add up their codes: (output parts, outputs, *rest), in ``dtype``.

        The currents may be overwritten.

        Args:
            amps: currents of the axes (phase, output part, input part, slice, side, line, *rest).
            reading: levels and sums.
            totals: of the input voltages, of shape rest; None where no offset is taken off.
            dtype: of the results.
        """
        rest = (1,) * (amps.ndim - 6)
        low, high, per_step = (
            limit.reshape(*limit.shape, 1, 1, *rest)
            for limit in (reading.low, reading.high, reading.per_step)
        )
        codes = self._to_levels(amps, low, high, per_step, None)
        return self.shift_and_add(codes, reading, totals).astype(dtype, copy=False)

    def shift_and_add(self, codes: Any, sums: Sums, totals: Any) -> Any:
        """Codes of converters added up to results (output parts, outputs, *rest).

        ``codes`` of the axes of currents, which may be overwritten; ``totals`` as in `read_codes`.
        Every sum is taken in the memory order of the codes.
        """
        rest = (1,) * (codes.ndim - 6)
        if len(sums.weights) > 1:
            codes = codes * sums.weights.reshape(-1, *[1] * (codes.ndim - 1))
            codes = codes.sum(axis=0)
        else:
            codes = codes[0]
        if sums.phase_unit != 1:
            codes *= sums.phase_unit
        paired = codes.shape[3] == 2
        codes = codes[:, :, :, 0] - codes[:, :, :, 1] if paired else codes[:, :, :, 0]
        if sums.has_unit:
            codes = codes[:, :, :, 1:] - codes[:, :, :, :1]
        if sums.gains is not None:
            codes *= sums.gains.reshape(*sums.gains.shape, 1, 1, *rest)
        codes = codes[:, 0] if codes.shape[1] == 1 else codes.sum(axis=1)
        return self._add_slices(codes, sums, totals)

    def _add_slices(self, codes: Any, sums: Sums, totals: Any) -> Any:
        """Shift and add of codes (output parts, slices, outputs, *rest), which are overwritten."""
        slices = sums.slices
        if totals is not None and slices.lowest:
            codes -= slices.lowest * totals
        if slices.width != 1:
            codes /= slices.width
        if len(slices.weights) > 1:
            codes *= slices.weights.reshape(-1, *[1] * (codes.ndim - 2))
            codes = codes.sum(axis=1)
        else:
            codes = codes[:, 0]
        if slices.full != 1:
            codes *= slices.full
        if totals is not None and slices.zero:
            codes -= slices.zero * totals
        if slices.span != 1:
            codes /= slices.span
        if slices.back != 1:
            codes *= slices.back
        codes *= sums.scale
        return codes

    # -- programming -------------------------------------------------------------------------

    def cells(self, weights: Weights, scale: tuple[float, float, float], code: CellCode) -> Any:
        """Conductances G / Gmax that stand for weights, (slices, sides, rows, columns), float64.

        ``weights`` (rows, columns); ``scale`` is their range, low and high, and the limit they are
        fractions of.
        """
        xp = self.xp
        if xp is not np or weights.size <= WEIGHTS_AT_A_TIME:
            return cells_of(fractions_of(weights, scale, xp), code, xp)
        # Some rows at a time: what lies between two steps stays in the cache.
        count, columns = weights.shape
        out = np.empty((*code.shape, count, columns))
        step = max(1, WEIGHTS_AT_A_TIME // columns)

        def some(start: int, stop: int) -> None:
            for first in range(start, stop):
                rows = slice(first * step, (first + 1) * step)
                out[:, :, rows] = cells_of(fractions_of(weights[rows], scale, np), code, np)

        common_team().share(some, -(-count // step), step * columns * CODE_COST)
        return out

    def program(
        self, weights: Weights, scale: tuple[float, float, float], programming: Programming,
        names: Any, normals: Callable[[], Any] | None = None,
    ) -> tuple[Any, bool]:  # fmt: skip
        """Cells (slices, sides, rows, columns) after programming; and whether all are numbers.

        ``names`` are number of the first column, numbers of the rows, event, and key of the random
        stream (None where nothing is drawn). ``normals`` gives the numbers of these names, for
        whoever has them at hand.
        """
        target = self.cells(weights, scale, programming.code)
        if programming.spread == Spread.NONE:
            return self.xp.ascontiguousarray(target), True
        if normals is not None:
            return with_error(target, normals(), programming, self.xp)
        first, rows, event, key = names
        slot = self.xp.arange(math.prod(target.shape[:2])).reshape(*target.shape[:2], 1)
        columns = range(first, first + weights.shape[1])
        drawn = self.named("normals", key, columns, rows, event, slot)
        return with_error(target, drawn, programming, self.xp)

    def add_noise(self, mean: Any, variance: Any, normals: Any) -> Any:
        """Variables of given mean and variance from standard normals, in the dtype of the mean."""
        return mean + self.xp.sqrt(variance) * normals.astype(mean.dtype)

    def line_moments(
        self, currents: Amps, squares: Any, inputs: Volts, shift: Any, form: Any
    ) -> tuple[Amps, Any]:
        """Mean and variance of lines whose cells disturb one another, (phases, O, I, S, L, B).

        The second of two sides counts negative, and their variances add up. The variance is that of
        `simulator.circuits.line_noise`, not below zero. O and I are output and input parts, S
        slices, L lines, B vectors.

        Args:
            currents: that each zone of a line causes, (phases, O, I, zones, S, sides, L, B).
            squares: what squared inputs bring to both sides, (phases, O, I, S, L, B).
            inputs: sums over each zone, (phases, I, zones, B).
            shift: mean conductance of each zone of a line, (O, I, S, sides, L, zones).
            form: of the inputs and of the currents less ``shift``, (O, I, S, sides, L, 2 zones,
                2 zones).
        """
        xp = self.xp
        by_line = xp.moveaxis(currents, 3, -2)
        alike = xp.broadcast_to(inputs[:, None, :, None, None, None], by_line.shape)
        features = xp.concatenate([alike, by_line - shift[..., None] * alike], axis=-2)
        variance = squares + (features * (form @ features)).sum(axis=(-2, 4))
        signs = xp.asarray([1, -1][: currents.shape[5]], dtype=currents.dtype)
        mean = (currents.sum(axis=3) * signs.reshape(-1, 1, 1)).sum(axis=4)
        return mean, xp.maximum(variance, 0.0)

    def with_normals(self, amps: Amps, spread: float, names: LineNames) -> Any:
        """Currents with normals times ``spread``; they may be overwritten."""
        normals = self.line_numbers("normals", names, amps.shape).astype(amps.dtype)
        normals *= amps.dtype.type(spread)
        # Memory order stays as it is: sums of codes follow it.
        noisy = amps.copy(order="K")
        noisy += normals
        return noisy

    def line_numbers(self, law: str, names: LineNames, shape: tuple[int, ...]) -> Any:
        """One number of ``law`` ("normals", "uniforms") for every current of ``shape``, float64."""
        xp = self.xp
        phases, _, _, slices, sides = shape[:5]
        slot = xp.arange(phases * slices * sides).reshape(phases, 1, slices, sides, 1)
        tile = xp.asarray(names.tiles).reshape(1, -1, 1, 1, 1)
        numbers, lines = names.vectors.reshape(-1), xp.asarray(names.lines)
        where = names.outputs, tile, numbers
        values = self.named(law, names.key, *where, slot)[..., lines]
        if names.unit_slot is not None:
            units = self.named(law, names.key, *where, slot + names.unit_slot)
            values[..., 0] = units[..., lines[:, 0]]
        values = values.transpose(0, 5, 1, 2, 3, 6, 4)
        return values.reshape(*values.shape[:6], *names.vectors.shape)

    def digits(self, values: Any, magnitude_bits: int, digit_bits: int) -> Any:
        """Signed base-``2**digit_bits`` digits of ``values`` in [-1, 1], least significant first.

        Digit k of the integer ``rint(|v| (2**magnitude_bits - 1))``, as a fraction of the largest
        digit and with the sign of v. Shape ``(digits, *values.shape)``.
        """
        xp = self.xp
        count = -(-magnitude_bits // digit_bits)
        base = 2**digit_bits
        whole = xp.rint(xp.abs(values) * (2**magnitude_bits - 1))
        sign = xp.sign(values) / (base - 1)
        out = xp.empty((count, *values.shape), dtype=values.dtype)
        for k in range(count):
            rest = xp.floor(whole / base)
            out[k] = (whole - rest * base) * sign
            whole = rest
        return out

    def ladders(
        self, cells: Any, supply: np.ndarray, output: np.ndarray, volts: Volts, least: float
    ) -> Any:
        """Output currents (..., m, B) of arrays whose inputs gate the cells.

        ``cells`` (..., p, m, n), ``volts`` (..., p or 1, n, B) with as many dimensions; ``supply``
        and ``output`` (n,) the resistance of the segment before and after each input. Inputs up to
        ``least`` leave a cell off.
        """
        from simulator.kernels.reference.ladder import ladder_currents

        return ladder_currents(cells, supply, output, volts, least, self.xp)

    def ladder_moments(
        self, cells: Any, variances: Any, supply: np.ndarray, output: np.ndarray, volts: Volts,
        least: float,
    ) -> tuple[Any, Any]:  # fmt: skip
        """As `ladders`, and the variances of the currents to first order in the spread of cells.

        ``variances`` of the cells, in the shape of ``cells``.
        """
        from simulator.kernels.reference.ladder import ladder_moments

        return ladder_moments(cells, variances, supply, output, volts, least, self.xp)

    def pulse(
        self, weights: Weights, cells: Any, values: Any, slots: Any, scales: Any, sign: float,
        noise: tuple[float, bool], first: int, keys: Any,
    ) -> None:  # fmt: skip
        """Change ``weights`` (rows, columns) in place by the pulse trains of some vectors.

        ``cells`` (rows, columns, 8): steps up and down at weight zero, their slopes, upper and
        lower bound, mean steps up and down. ``values`` x (vectors, columns) and d (vectors, rows)
        fire in ``slots`` with probabilities of ``scales`` times the magnitude; ``sign`` is that of
        the learning rate; ``noise`` the spread of a step, and whether it is relative to its size;
        ``first`` the number of the first vector; ``keys`` those of trains and of steps.
        """
        from simulator.kernels.reference import pulses

        of_trains, of_steps = keys

        def move(there: Any, up: Any, vector: int, slot: int) -> None:
            rows, columns = there
            normal = None
            if noise[0] > 0:
                normal = self.named_at("normals", of_steps, columns, rows, vector, slot)
            held = weights[there].astype(self.xp.float64)
            moved = pulses.affine_step(
                held, up, cells[there].astype(self.xp.float64), normal, noise, self.xp
            )
            weights[there] = moved.astype(weights.dtype)

        x, d = values
        p, q = (
            pulses.firing(part, scale, self.xp) for part, scale in zip(values, scales, strict=True)
        )
        step = pulses.vectors_at_a_time(slots, weights.shape)
        for start in range(0, len(x), step):
            part = slice(start, start + step)
            columns, rows = (
                pulses.trains(self, r[part], slots[part], side, first + start, of_trains)
                for side, r in enumerate((p, q))
            )
            meet = pulses.meetings(rows, columns)
            pulses.each_pulse(
                meet, x[part], d[part], slots[part], sign, first + start, move, self.xp
            )

    # -- random numbers ----------------------------------------------------------------------

    def named(
        self, law: str, key: tuple[int, int], minor: range, major: Any, event: Any, slot: Any
    ) -> Any:
        """Numbers of ``law`` by name, of shape ``(*broadcast(major, event, slot), len(minor))``."""
        xp = self.xp
        first, last = sorted((minor[0], minor[-1]))
        blocks = xp.arange(first // LANES, last // LANES + 1)
        words = major, event & WORD, slot_word(slot, event)
        counter = (blocks, *[xp.asarray(word)[..., None] for word in words])
        values = getattr(self, law)(counter, key)
        flat = values.reshape(*values.shape[:-2], values.shape[-2] * values.shape[-1])
        start = first // LANES * LANES
        picked = range(minor[0] - start, minor[-1] - start + minor.step, minor.step)
        stop = picked.stop if picked.stop >= 0 else None
        return flat[..., picked.start : stop : picked.step]

    def named_at(
        self, law: str, key: tuple[int, int], minor: Any, major: Any, event: int, slot: int
    ) -> Any:
        """Numbers of single places: those of `named` for arrays of one shape."""
        words = minor // LANES, major, event & WORD, slot_word(slot, event)
        values = getattr(self, law)(words, key)
        return self.xp.take_along_axis(values, (minor % LANES)[..., None], axis=-1)[..., 0]

    def normals(self, counter: tuple[Any, Any, Any, Any], key: tuple[int, int]) -> Any:
        """Four standard normals for each Philox counter, on a new last axis."""
        return self._draw(counter, key, self._normal_block)

    def uniforms(self, counter: tuple[Any, Any, Any, Any], key: tuple[int, int]) -> Any:
        """Four uniforms in (0, 1) for each Philox counter, on a new last axis."""
        return self._draw(counter, key, self._uniform_block)

    def _draw(self, counter: tuple[Any, Any, Any, Any], key: tuple[int, int], block: Any) -> Any:
        xp = self.xp
        shape = np.broadcast_shapes(*map(np.shape, counter))
        out = xp.empty((*shape, 4), dtype=xp.float64)
        if math.prod(shape) <= PHILOX_BLOCK:
            block(counter, key, out)
            return out
        words = xp.empty((4, *shape), dtype=xp.uint64)
        for place, word in enumerate(counter):
            words[place] = word
        flat, lanes = words.reshape(4, -1), out.reshape(-1, 4)
        for start in range(0, flat.shape[1], PHILOX_BLOCK):
            part = slice(start, start + PHILOX_BLOCK)
            block(tuple(flat[:, part]), key, lanes[part])
        return out

    def _normal_block(self, counter: Any, key: tuple[int, int], out: Any) -> None:
        words = philox.philox4x32(self.xp, counter, key)
        first, second = philox.box_muller(self.xp, words[0::2], words[1::2])
        for pair in range(2):
            out[..., 2 * pair], out[..., 2 * pair + 1] = first[pair], second[pair]

    def _uniform_block(self, counter: Any, key: tuple[int, int], out: Any) -> None:
        for lane, word in enumerate(philox.philox4x32(self.xp, counter, key)):
            out[..., lane] = philox.unit_interval(self.xp, word)

    def clipped_normal(self, mean: Any, sigma: Any, low: float, high: float | None) -> Any:
        """Mean and variance of a normal variable clipped to [low, high] (high None: unbounded).

        Integrals are taken about ``mean``, so that a small spread is not lost against it.
        """
        xp = self.xp
        cdf, spread = self.normal_cdf, xp.where(sigma > 0, sigma, 1.0)
        below = low - mean
        tail_low, edge_low = cdf(below / spread), self._bell(below / spread)
        shift = below * tail_low + spread * edge_low
        square = below**2 * tail_low + spread * below * edge_low
        inside = 1.0 - tail_low
        if high is not None:
            above = high - mean
            tail_high, edge_high = cdf(-above / spread), self._bell(above / spread)
            shift = shift + above * tail_high - spread * edge_high
            square = square + above**2 * tail_high - spread * above * edge_high
            inside = inside - tail_high
        square = square + spread**2 * inside
        return self._moments(mean, sigma, low, high, shift, square)

    def clipped_uniform(self, mean: Any, sigma: Any, low: float, high: float | None) -> Any:
        """Mean and variance of a uniform variable (given std) clipped to [low, high]."""
        xp = self.xp
        half = xp.where(sigma > 0, sigma, 1.0) * SQRT_THREE
        below = low - mean
        left = xp.clip(below, -half, half)
        mass_low = (left + half) / (2 * half)
        right, mass_high, above = half, 0.0, 0.0
        if high is not None:
            above = high - mean
            right = xp.clip(above, -half, half)
            mass_high = (half - right) / (2 * half)
        shift = below * mass_low + above * mass_high + (right**2 - left**2) / (4 * half)
        square = below**2 * mass_low + above**2 * mass_high + (right**3 - left**3) / (6 * half)
        return self._moments(mean, sigma, low, high, shift, square)

    def _moments(
        self, mean: Any, sigma: Any, low: float, high: float | None, shift: Any, square: Any
    ) -> tuple[Any, Any]:
        """Assemble moments about ``mean``; a cell without spread is only clipped."""
        xp = self.xp
        random = sigma > 0
        fixed = xp.clip(mean, low, high)
        variance = xp.maximum(square - shift**2, 0.0)
        return xp.where(random, mean + shift, fixed), xp.where(random, variance, 0.0)

    def _bell(self, z: Any) -> Any:
        return self.xp.exp(-0.5 * z * z) / SQRT_TWO_PI
