"""What a range takes from values, when that matters, and the words for it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

# Clipping matters where it takes more than this share of values. The percentiles that ranges are
# usually chosen by leave a tenth of it outside, and inputs that are like those that a range was
# chosen for some more.
RARE = 1e-2
# And where what it takes, relative to all values (roots of mean squares), is more than this, and
# more than twice what rounding takes: the best range of few levels has both alike.
SMALL = 0.05
# Rare values matter where they are most of the signal: half of its power.
MOST = math.sqrt(0.5)
# A share of zeros that makes a level at zero worth more than half a step.
MANY_ZEROS = 0.25


@dataclass(frozen=True)
class Loss:
    """What a range takes from values.

    ``share`` of them lies beyond it, by more than half a step; ``below`` beyond its lower end.
    ``clipped`` and ``rounded`` are what is lost there and by rounding, relative to all values
    (roots of mean squares). ``reach`` is the largest magnitude, ``zeros`` the share of exact zeros.
    """

    share: float = 0.0
    below: float = 0.0
    clipped: float = 0.0
    rounded: float = 0.0
    reach: float = 0.0
    zeros: float = 0.0

    @property
    def matters(self) -> bool:
        """Whether clipping is worth a word."""
        if self.clipped > MOST:
            return True
        return self.share > RARE and self.clipped > max(SMALL, 2 * self.rounded)

    @classmethod
    def of(cls, values: Any, low: Any, high: Any, levels: int, weights: Any = 1.0) -> Loss:
        """The loss of values to ranges of so many levels.

        Args:
            values: Of any shape and unit.
            low, high: Ends of the range, in the same unit; they broadcast against ``values``.
            levels: Levels of the range; at most 1 where nothing is rounded.
            weights: What a value counts in a result; broadcasts likewise.

        Returns:
            The loss; of no values at all, none.
        """
        values = np.asarray(values, dtype=np.float64)
        if not values.size:
            return cls()
        reach = float(np.abs(values).max())
        # Squares of any values stay in the range of floats.
        unit = reach or 1.0
        values, low, high = values / unit, np.divide(low, unit), np.divide(high, unit)
        step = (high - low) / (levels - 1) if levels > 1 else 0.0
        below = float(np.mean(values < low - step / 2))
        above = float(np.mean(values > high + step / 2))
        signal = _power(values, weights)
        clipped = _power(np.clip(values, low, high) - values, weights)
        rounded = _power(np.broadcast_to(step / math.sqrt(12), values.shape), weights)
        return cls(
            share=below + above,
            below=below,
            clipped=math.sqrt(clipped / signal) if signal else 0.0,
            rounded=math.sqrt(rounded / signal) if signal else 0.0,
            reach=reach,
            zeros=float(np.mean(values == 0)),
        )


def _power(values: Any, weights: Any) -> float:
    return float(np.mean(np.square(values * weights)))


def thinned(values: Any, count: int, axis: int = -1) -> Any:
    """About ``count`` values or more, evenly thinned along one axis; a view."""
    step = max(1, min(values.shape[axis], values.size // count))
    if step == 1:
        return values
    index: list[Any] = [slice(None)] * values.ndim
    index[axis] = slice(None, None, step)
    return values[tuple(index)]


def percent(share: float) -> str:
    """A share in percent, with as many digits as matter."""
    if share == 0:
        return "0 %"
    return f"{100 * share:.2g} %" if share < 0.1 else f"{100 * share:.0f} %"


def rounded_up(limit: float) -> float:
    """The next number of two digits, away from zero."""
    if limit == 0:
        return 0.0
    unit = 10.0 ** (math.floor(math.log10(abs(limit))) - 1)
    # The quotient of two floats can lie just above a whole number.
    return math.copysign(float(f"{math.ceil(abs(limit) / unit - 1e-9) * unit:.3g}"), limit)
