"""Settings without effect: what was set, why nothing looks at it, and what would switch it on.

A setting is a field that differs from its default. Values that come with a published parameter file
or from a keyword function are not settings of the user's; see :func:`of_course`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from simulator import registry
from simulator.errors import NoEffectWarning, warn_user

from .base_parameters import BaseParameters
from .core_parameters import BitSlicedCoreStyle, CoreStyle
from .crosssim_parameters import CrossSimParameters
from .effects import EVERYTHING, IDEAL_MODELS, MARK, converts, is_active, is_shipped, uses_magnitude
from .files import in_words
from .mapping_parameters import MappingParameters, RangeParameters
from .paired_parameters import BasePairedParameters
from .xbar_parameters import (
    ADCParameters,
    ADCRangeLimits,
    DACParameters,
    ParasiticParameters,
    WeightErrorParameters,
)

WIRES = ("Rp_row", "Rp_col", "Rp_row_terminal", "Rp_col_terminal")
# Fields that nothing but these options of an ADC range looks at.
_WEIGHT_BITS_USED_BY = (ADCRangeLimits.GRANULAR,)


@dataclass(frozen=True)
class IdleSetting:
    """A setting without effect.

    Args:
        path: Dotted path of the field.
        value: What it was set to.
        reason: Why nothing looks at it.
        remedy: What would give it an effect.
    """

    path: str
    value: Any
    reason: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.path} = {in_words(self.value)}: {self.reason}; {self.remedy}"


def settings_without_effect(params: CrossSimParameters) -> list[IdleSetting]:
    """Find the settings of a tree that change no result.

    Not looked at are settings that only say how to compute (``simulation``, but for the
    compensation of drift), and those that scripts make as a matter of course, whatever is enabled:
    the range of ADCs, the resistances of cells, the clipping of conductances.

    Args:
        params: The tree.

    Returns:
        One entry for each such field, in the order of the tree; none that is there of course.
    """
    expected = vars(params).get(MARK, {})
    if expected is EVERYTHING:
        return []
    return [
        idle for idle in _all(params)
        if idle.path not in expected or not _same(expected[idle.path], idle.value)
    ]  # fmt: skip


def warn_of_idle(trees: Sequence[CrossSimParameters]) -> None:
    """Warn once, with NoEffectWarning, of all settings of some trees that have no effect."""
    found = dict.fromkeys(str(idle) for tree in trees for idle in settings_without_effect(tree))
    if found:
        warn_user("settings without effect:\n  " + "\n  ".join(found), NoEffectWarning)


def of_course(params: CrossSimParameters, *, always: bool = False) -> CrossSimParameters:
    """Mark what a tree says now as set by no user, so that nobody is warned of it.

    Args:
        params: The tree; it is changed.
        always: Also of what it will say later: for trees that a program makes and varies.

    Returns:
        The same tree.
    """
    found = {idle.path: idle.value for idle in _all(params)}
    vars(params)[MARK] = EVERYTHING if always else found
    return params


def _same(one: Any, other: Any) -> bool:
    if isinstance(one, list | np.ndarray) or isinstance(other, list | np.ndarray):
        return np.array_equal(np.asarray(one), np.asarray(other))
    return bool(one == other)


def _all(params: CrossSimParameters) -> Iterator[IdleSetting]:
    yield from _of_core(params)
    for pair in (params.core.mapping.inputs, params.xbar.adc, params.xbar.dac):
        for node in _directions(pair):
            yield from _LOOK[type(node)](params, node)
    yield from _of_device(params)
    yield from _of_wires(params.xbar.array.parasitics)
    yield from _of_compensation(params)


def _directions(pair: BasePairedParameters) -> list[Any]:
    return [pair.mvm] if pair.match else [pair.mvm, pair.vmm]


def _set(node: BaseParameters, names: Sequence[str]) -> Iterator[tuple[str, Any]]:
    """Those of some fields that differ from their defaults: path and value."""
    state = vars(node)
    for name in names:
        if not _same(state[name], node._defaults[name]):
            yield node._where(name), state[name]


def _idle(
    node: BaseParameters, names: Sequence[str], reason: str, remedy: str
) -> Iterator[IdleSetting]:
    for path, value in _set(node, names):
        yield IdleSetting(path, value, reason, remedy)


def _of_core(params: CrossSimParameters) -> Iterator[IdleSetting]:
    core = params.core
    sliced = core.style == CoreStyle.BITSLICED
    style = f"core.style is {core.style.name}"
    if not sliced:
        if not _has_granular_range(params):
            yield from _idle(
                core, ["weight_bits"], f"{style}, which keeps a weight in one digit",
                "core.style = 'BITSLICED' cuts it into digits, xbar.device.cell_bits gives cells"
                " levels",
            )  # fmt: skip
        yield from _idle(
            core.bit_sliced, ["style", "num_slices"], style, "set core.style = 'BITSLICED'"
        )
    paired = core.style == CoreStyle.BALANCED or (
        sliced and core.bit_sliced.style == BitSlicedCoreStyle.BALANCED
    )
    pairs = f"{style}{f' of {core.bit_sliced.style.name}' if sliced else ''}"
    if paired:
        yield from _idle(
            core.offset, ["style"], f"{pairs}: pairs have no offset", "set core.style = 'OFFSET'"
        )
    else:
        names = ["interleaved_posneg", "subtract_current_in_xbar"]
        remedy = "set core.style = 'BALANCED'"
        yield from _idle(core.balanced, names, f"{pairs}: there are no pairs", remedy)
    if core.style != CoreStyle.BALANCED:
        yield from _idle(core.balanced, ["style"], pairs, "set core.style = 'BALANCED'")
    yield from _beside_percentile(core.mapping.weights)


def _has_granular_range(params: CrossSimParameters) -> bool:
    return any(
        converts(adc) and adc.adc_range_option in _WEIGHT_BITS_USED_BY
        for adc in _directions(params.xbar.adc)
    )


def _beside_percentile(node: RangeParameters) -> Iterator[IdleSetting]:
    percentile = node._where("percentile")
    for name in node._given_ends() if node.follows_values else ():
        yield IdleSetting(
            node._where(name), vars(node)[name],
            f"{percentile} = {node.percentile:g} gives the range", f"set {percentile} = None",
        )  # fmt: skip


def _of_inputs(params: CrossSimParameters, node: MappingParameters) -> Iterator[IdleSetting]:
    yield from _beside_percentile(node)
    if node.percentile is None:
        yield from _idle(
            node, ["percentile_scope"], "min and max give the range",
            f"set {node._where('percentile')}, 1.0 for the largest magnitude",
        )  # fmt: skip
    yield from _idle(
        node, ["clipping"], "inputs are clipped by a converter, and by nothing else",
        "choose a DAC with bits: it always clips to the range",
    )  # fmt: skip


def _of_adc(params: CrossSimParameters, node: ADCParameters) -> Iterator[IdleSetting]:
    if not converts(node):
        yield from _ideal_converter(node, ["bits", "stochastic_rounding"], "QuantizerADC")
        return
    if node.adc_range_option != ADCRangeLimits.CALIBRATED:
        yield from _idle(
            node, ["calibrated_range"],
            f"{node._where('adc_range_option')} is {node.adc_range_option.name}",
            f"set {node._where('adc_range_option')} = 'CALIBRATED'",
        )  # fmt: skip
    yield from _extras(node)


def _of_dac(params: CrossSimParameters, node: DACParameters) -> Iterator[IdleSetting]:
    if not converts(node):
        yield from _ideal_converter(node, ["bits"], "QuantizerDAC")
        return
    if not node.input_bitslicing:
        yield from _idle(
            node, ["slice_size"], f"{node._where('input_bitslicing')} is False",
            f"set {node._where('input_bitslicing')} = True",
        )  # fmt: skip
    yield from _extras(node)


def _ideal_converter(node: Any, names: Sequence[str], example: str) -> Iterator[IdleSetting]:
    """Of a converter that does not round; a model of 0 bits is how scripts say so."""
    if node.model in IDEAL_MODELS:
        reason = f"{node._where('model')} is {node.model!r}"
        yield from _idle(node, names, reason, f"choose a model such as {example!r}")


_LOOK: dict[type, Any] = {
    MappingParameters: _of_inputs,
    ADCParameters: _of_adc,
    DACParameters: _of_dac,
}


def _of_device(params: CrossSimParameters) -> Iterator[IdleSetting]:
    device = params.xbar.device
    nodes = {name: getattr(device, name) for name in device._children}
    # Some models of errors and of noise know of time as well.
    of_time = [n for n in nodes.values() if is_active(n) and not uses_magnitude(n)]
    if not of_time:
        yield from _idle(
            device, ["time"], "no cell drifts", f"choose {device._where('drift_error')}.model and"
            " set its enable = True",
        )  # fmt: skip
    for node in nodes.values():
        yield from _of_device_effect(node)


def _of_device_effect(node: WeightErrorParameters) -> Iterator[IdleSetting]:
    enable, model = node._where("enable"), node._where("model")
    if not node.enable:
        names = ["model", "magnitude"]
        remedy = f"set {enable} = True"
        if node.model in IDEAL_MODELS:
            remedy += f" and {model}, for example to 'NormalProportionalDevice'"
        yield from _idle(node, names, f"{enable} is False", remedy)
    elif node.model in IDEAL_MODELS:
        remedy = f"set {model}, for example to 'NormalProportionalDevice'"
        yield from _idle(node, ["enable", "magnitude"], f"{model} is {node.model!r}", remedy)
    elif is_shipped(node):
        if not uses_magnitude(node):
            yield from _idle(
                node, ["magnitude"], f"{node.model} has no magnitude", "see its own parameters"
            )
        elif node.magnitude == 0:
            reason = f"{node._where('magnitude')} is 0"
            yield from _idle(node, ["enable"], reason, "give it a magnitude")
        yield from _extras(node)


def _extras(node: Any) -> Iterator[IdleSetting]:
    """Parameters of other models than the chosen one."""
    if node.model not in registry.names(node.kind):
        return
    own = registry.spec_fields(registry.resolve(node.kind, node.model))
    for name in node._set_extras():
        if name not in own:
            owners = [
                other for other in registry.names(node.kind)
                if name in registry.spec_fields(registry.resolve(node.kind, other))
            ]  # fmt: skip
            yield IdleSetting(
                node._where(name), vars(node)[name], f"{node.model} has no such parameter",
                f"it belongs to {', '.join(owners)}",
            )  # fmt: skip


def _of_wires(node: ParasiticParameters) -> Iterator[IdleSetting]:
    others = ("current_from_input", "selected_rows", "disable_slices")
    enable = node._where("enable")
    if not node.enable:
        yield from _idle(node, (*WIRES, *others), f"{enable} is False", f"set {enable} = True")
    elif node.current_from_input:
        reason = f"{node._where('current_from_input')} is True"
        yield from _idle(node, ["selected_rows"], reason, "set it to False")


def _of_compensation(params: CrossSimParameters) -> Iterator[IdleSetting]:
    drift = params.xbar.device.drift_error
    if not is_active(drift):
        yield from _idle(
            params.simulation, ["drift_compensation"], "no cell drifts",
            f"choose {drift._where('model')} and set {drift._where('enable')} = True",
        )  # fmt: skip
