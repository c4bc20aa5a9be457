"""Numbers in the words of tables, pages and sentences."""

from __future__ import annotations

from collections.abc import Iterable

from applications.mvm_study.statistics import Estimate
from simulator import CrossSimParameters
from simulator.parameters import active_effects


def effects(trees: Iterable[CrossSimParameters]) -> str:
    """Return what of the hardware is not ideal, such as ``wires: row 2 ohm; read noise: ...``.

    Of several trees, everything that any of them says.
    """
    found: dict[str, dict[str, None]] = {}
    for tree in trees:
        for name, words in active_effects(tree).items():
            found.setdefault(name, {})[words] = None
    told = "; ".join(f"{name}: {' or '.join(words)}" for name, words in found.items())
    return told or "none; the arrays are ideal"


def chips(count: int) -> str:
    """Return a number of chips in words."""
    return "one chip" if count == 1 else f"{count} chips"


def percent(share: float) -> str:
    """Return a share in percent, such as ``97.11``."""
    return f"{100 * share:.2f}"


def bounds(estimate: Estimate) -> tuple[str, str]:
    """Return the ends of an accuracy's interval in percent; empty where there is none.

    Student's t knows no bounds; an accuracy has none below 0 or above 100.
    """
    if estimate.low is None or estimate.high is None:
        return "", ""
    return percent(max(estimate.low, 0.0)), percent(min(estimate.high, 1.0))


def points(share: float) -> str:
    """Return a difference of shares in percentage points, with a proper minus sign."""
    # Adding zero makes -0.0 a plain zero.
    return f"{round(100 * share, 2) + 0.0:.2f}".replace("-", "\N{MINUS SIGN}")


def ends(estimate: Estimate) -> tuple[str, str]:
    """Return the ends of a difference's interval in points; empty where there is none."""
    if estimate.low is None or estimate.high is None:
        return "", ""
    return points(estimate.low), points(estimate.high)
