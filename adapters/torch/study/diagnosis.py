"""What is wrong with a converter or a layer, and what to change, in words."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from simulator.profile import Choice, Sample, Span, quantisation_error

# A range is bad where another makes this much less error: two bits of a uniform converter.
WASTE = 16.0
# What a percentile cuts off on purpose makes error, too: rare values count only beyond this.
CLIPPED, DISASTER = 5e-3, 1000.0
# Layers as good as this (dB) are left alone.
GOOD = 45.0
# Below this (dB) a layer is poor even where its converters are not to blame.
POOR = 15.0
# Shares of inputs that are not worth a word.
RARE = 1e-3
BEST = Choice("lp", 100.0, 2.0)


@dataclass(frozen=True)
class ConverterUse:
    """How the converters of a layer are used; several slices count together.

    ``clipped`` is the share of values beyond the range, ``used`` the codes that occur out of
    ``codes``; ``ranges`` are the present ones and ``best`` those of the least error, (slices, 2),
    None where all values are zero. ``waste`` is how much more error the present ranges make.
    """

    clipped: float
    used: int
    codes: int
    below: float
    ranges: np.ndarray
    best: np.ndarray | None
    waste: float

    @property
    def is_bad(self) -> bool:
        """Whether a better range would be worth two bits, and not for a few rare values only."""
        rare = self.is_too_small and self.clipped < CLIPPED
        return self.waste > (DISASTER if rare else WASTE)

    @property
    def is_too_small(self) -> bool:
        """Whether the better range is the wider one."""
        return self.best is not None and bool(np.ptp(self.best) > np.ptp(self.ranges))


def converter_use(
    samples: Sequence[Sample],
    ranges: np.ndarray,
    span: Span,
    levels: int,
    weights: Sequence[float] = (1.0,),
    at_least: float = 0.0,
) -> ConverterUse:
    """Look at what converters saw, one sample for each slice.

    ``weights`` is what the codes of each slice count; the best range reaches ``at_least`` so far.
    """
    outside = [_outside(s.values, *pair) for s, pair in zip(samples, ranges, strict=True)]
    if span is Span.POSITIVE:
        # What lies below zero is lost with any range.
        samples = [replace(s, values=s.values[s.values >= 0]) for s in samples]
    best = _best(samples, span, levels, weights, at_least)
    return ConverterUse(
        clipped=float(np.mean([low + high for low, high in outside])),
        used=sum(_codes(s.values, *r, levels) for s, r in zip(samples, ranges, strict=True)),
        codes=levels * len(samples),
        below=float(np.mean([low for low, _ in outside])),
        ranges=ranges,
        best=best,
        waste=1.0 if best is None else _ratio(*(
            _error(samples, pairs, levels, weights) for pairs in (ranges, best)
        )),
    )  # fmt: skip


def _best(samples: Any, span: Span, levels: int, weights: Any, at_least: float) -> Any:
    if len(samples) > 1:
        return BEST.sliced_ranges(samples, span, levels, weights)
    found = BEST.range_of(samples[0], span, levels)
    if found is None:
        return None
    top = max(found[1], at_least)
    return np.asarray([[-top if span is Span.SYMMETRIC else found[0], top]])


def _error(samples: Any, ranges: np.ndarray, levels: int, weights: Any) -> float:
    """Mean square of the error of the codes together."""
    return sum(
        weight**2 * quantisation_error(sample.values, low, high, levels, 2.0)
        for sample, (low, high), weight in zip(samples, ranges, weights, strict=True)
    )


def _ratio(present: float, best: float) -> float:
    if best == 0:
        return 1.0 if present == 0 else math.inf
    return present / best


def _outside(values: np.ndarray, low: float, high: float) -> tuple[float, float]:
    """Shares below and above a range, but for the rounding of its ends."""
    margin = 1e-6 * (high - low)
    return float(np.mean(values < low - margin)), float(np.mean(values > high + margin))


def _codes(values: np.ndarray, low: float, high: float, levels: int) -> int:
    """How many different codes occur."""
    step = (high - low) / (levels - 1)
    return len(np.unique(np.rint((np.clip(values, low, high) - low) / step)))


def advice(
    snr: float,
    dead: str,
    dac: ConverterUse | None,
    adc: ConverterUse | None,
    weights_snr: float,
    has_unsigned_dac: bool,
    has_bias_lines: bool,
) -> list[str]:
    """What to change; nothing for a layer that does well.

    ``snr`` of the layer and ``weights_snr`` of its cells are in dB; ``dead`` says why the layer
    tells inputs not apart, empty for one that does.
    """
    if dead:
        return [dead]
    if snr >= GOOD:
        return []
    words = []
    if dac is not None:
        words += _dac_advice(dac, has_unsigned_dac, has_bias_lines)
    if adc is not None and adc.is_bad and not words:
        # Only then: currents follow the range of the inputs.
        words.append(_adc_advice(adc))
    if not words and snr < POOR:
        words.append(_cell_advice(snr, weights_snr))
    return words


def _dac_advice(dac: ConverterUse, unsigned: bool, bias_lines: bool) -> list[str]:
    words = []
    if unsigned and dac.below > RARE:
        words.append(
            f"{percent(dac.below)} of the inputs are negative and its DACs know no sign: set "
            "xbar.dac.mvm.signed = True, with a model that has one, and a range with min = -max"
        )
    if bias_lines and dac.ranges[0, 1] < 1:
        words.append(
            f"bias lines carry 1, and its DACs end at {dac.ranges[0, 1]:.3g}: raise "
            "core.mapping.inputs.mvm.max to 1 or more"
        )
    elif dac.is_bad:
        words.append(_move("DACs", "inputs", dac, "core.mapping.inputs.mvm.min and max"))
    return words


def _adc_advice(adc: ConverterUse) -> str:
    return _move("ADCs", "currents", adc, "xbar.adc.mvm.calibrated_range")


def _move(name: str, values: str, use: ConverterUse, path: str) -> str:
    assert use.best is not None
    from_to = f"{path} from {pairs(use.ranges)} to about {pairs(use.best)}, or calibrate"
    if use.is_too_small:
        return f"its {name} clip {percent(use.clipped)} of the {values}: raise {from_to}"
    return f"its {name} use only {use.used} of {use.codes} codes: lower {from_to}"


def _cell_advice(snr: float, weights_snr: float) -> str:
    if weights_snr < snr + 6:
        return (
            f"its converters do well, but its cells hold the weights with {weights_snr:.0f} dB "
            "only: look at programming error, drift, xbar.device.cell_bits and the range of the "
            "weights"
        )
    return (
        "its converters and weights do well: look at read noise, xbar.adc.mvm.input_noise, the "
        "resistance of the wires, nonlinear cells, xbar.array.Icol_max, or give the converters "
        "more bits"
    )


def why_dead(has_input: bool, input_varies: bool, varies: bool) -> str:
    """Why a layer gives every input the same output, digitally too; empty where it does not."""
    if varies:
        return ""
    if not has_input:
        return "dead: every input that it gets is zero; look at the layers before it"
    if not input_varies:
        return "dead: every input that it gets is the same; look at the layers before it"
    return (
        "dead: digitally, too, every input gives the same output; look at its weights and bias, "
        "not at the arrays"
    )


def percent(share: float) -> str:
    """A share in percent, with as many digits as matter."""
    if share == 0:
        return "0 %"
    return f"{100 * share:.2g} %" if share < 0.1 else f"{100 * share:.0f} %"


def pairs(ranges: np.ndarray) -> str:
    """Ranges of one or several slices."""
    return ", ".join(f"[{low:.3g}, {high:.3g}]" for low, high in ranges)
