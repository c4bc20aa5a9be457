"""From chips to means and intervals, and what they say in a sentence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from .axes import axis
from .measure import Metrics
from .settings import Setting
from .statistics import Estimate, mean_over_chips

# A setting keeps up with digital if it loses no more than this share of the images.
_KEEPS_UP = 0.01


@dataclass(frozen=True)
class Point:
    """A setting with the mean and interval of each metric over its chips."""

    setting: Setting
    relative_rms_error: Estimate
    snr_db: Estimate
    accuracy: Estimate | None


def summarise(settings: Sequence[Setting], rows: Mapping[tuple[int, int], Metrics]) -> list[Point]:
    """Return one point per setting, in order."""
    points = []
    for setting in settings:
        chips = [rows[setting.index, chip] for chip in range(setting.chips)]
        accuracies = [chip.accuracy for chip in chips if chip.accuracy is not None]
        points.append(
            Point(
                setting,
                mean_over_chips([chip.relative_rms_error for chip in chips]),
                mean_over_chips([chip.snr_db for chip in chips]),
                mean_over_chips(accuracies) if accuracies else None,
            )
        )
    return points


def of_sweep(points: Sequence[Point], name: str) -> list[Point]:
    """Return the points of one sweep, in order."""
    return [point for point in points if point.setting.sweep == name]


def by_mapping(points: Sequence[Point]) -> dict[str, list[Point]]:
    """Return the points of each mapping, in order."""
    groups: dict[str, list[Point]] = {}
    for point in points:
        groups.setdefault(point.setting.mapping, []).append(point)
    return groups


def finding(points: Sequence[Point], key: str, digital: float | None) -> str:
    """Return in a sentence what the sweep of `key` shows; `digital` is the exact accuracy."""
    groups = by_mapping(points)
    more_is_better = axis(key).more_is_better
    if digital is None or more_is_better is None:
        return _range_of_snr(groups)
    words = [
        f"{_limit(own, key, digital, more_is_better)} ({name})" for name, own in groups.items()
    ]
    label = axis(key).label
    lead = (
        f"{label[0].upper()}{label[1:]} that keeps accuracy within one percentage point of digital"
    )
    return f"{lead}: {', '.join(words)}."


def _limit(points: Sequence[Point], key: str, digital: float, more_is_better: bool) -> str:
    """Return the worst value of `key` from which on accuracy keeps up with `digital`."""
    best_first = sorted(points, key=lambda p: p.setting.point[key], reverse=more_is_better)
    kept = None
    for point in best_first:
        if point.accuracy is None or point.accuracy.mean < digital - _KEEPS_UP:
            break
        kept = point.setting.point[key]
    if kept is None:
        return "none shown"
    return f"{'at least' if more_is_better else 'up to'} {axis(key).show_with_unit(kept)}"


def _range_of_snr(groups: dict[str, list[Point]]) -> str:
    words = []
    for name, points in groups.items():
        ratios = [point.snr_db.mean for point in points]
        words.append(f"from {min(ratios):.1f} to {max(ratios):.1f} dB ({name})")
    return "The signal-to-noise ratio ranges " + ", ".join(words) + "."
