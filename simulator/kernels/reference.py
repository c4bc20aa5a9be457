"""The plain definition of every kernel, in array code that runs on NumPy and on CuPy."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import numpy as np

from simulator.kernels import philox
from simulator.kernels.naming import LineNames
from simulator.kernels.programming import Programming
from simulator.kernels.reading import Reading, read_codes

# Philox is evaluated in pieces whose temporaries stay in the processor's cache.
PHILOX_BLOCK = 1 << 14
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

    def read_codes(self, amps: Any, reading: Reading, totals: Any, dtype: Any) -> Any:
        """Convert currents and add up their codes: (output parts, outputs, *rest), in ``dtype``.

        The currents may be overwritten.

        ``totals`` of the input voltages, of shape rest, are not used where ``reading`` takes off
        no offset.
        """
        return read_codes(self.xp, amps, reading, totals, dtype)

    def program(
        self, weights: Any, scale: tuple[float, float, float], programming: Programming, names: Any
    ) -> Any:
        """Cells (slices, sides, rows, columns) for ``weights``; None: they go stage by stage.

        ``scale`` is the range of the weights, low and high, and the limit they are fractions of.
        ``names`` are number of the first column, numbers of the rows, event, and key of the random
        stream (None where nothing is drawn).
        """
        return None

    def add_noise(self, mean: Any, variance: Any, normals: Any) -> Any:
        """Variables of given mean and variance from standard normals, in the dtype of the mean."""
        return mean + self.xp.sqrt(variance) * normals.astype(mean.dtype)

    def with_normals(self, amps: Any, spread: float, names: LineNames) -> Any:
        """Currents with normals times ``spread``; None: they are drawn first, then added.

        The currents may be overwritten.
        """
        return None

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
        self, cells: Any, supply: np.ndarray, output: np.ndarray, volts: Any, least: float
    ) -> Any:
        """Currents of gated arrays as `circuits.ladder` gives them; None where it is to do so.

        ``cells`` (..., p, m, n), ``volts`` (..., p or 1, n, B) with as many dimensions.
        """
        return None

    def pulse(
        self, weights: Any, cells: Any, values: Any, slots: Any, scales: Any, sign: float,
        noise: tuple[float, bool], first: int, keys: Any,
    ) -> bool:  # fmt: skip
        """Apply pulse trains in place as `update.outer` does; False where it is to do so.

        ``cells`` (rows, columns, 8): steps up and down at weight zero, their slopes, upper and
        lower bound, mean steps up and down. ``values`` x (vectors, columns) and d (vectors, rows)
        fire in ``slots`` with probabilities of ``scales`` times the magnitude; ``sign`` is that of
        the learning rate; ``noise`` the spread of a step, and whether it is relative to its size;
        ``first`` the number of the first vector; ``keys`` those of trains and of steps.
        """
        return False

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
