"""Effects: what of the hardware is not ideal, by name, and trees without some of it.

An effect can be described, and switched off in a copy of the tree. Everything that lists effects,
or finds out which of them costs a result most, uses the names in :data:`EFFECTS`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from simulator import registry
from simulator.errors import ParameterError, nearest

from .core_parameters import BitSlicedCoreStyle, CoreStyle
from .crosssim_parameters import CrossSimParameters
from .model_parameters import ModelParameters
from .xbar_parameters import WeightErrorParameters

IDEAL_MODELS = frozenset(("IdealDevice", "IdealADC", "IdealDAC"))
DIRECTIONS = ("mvm", "vmm")
# How a tree is marked whose settings without effect nobody set, or nobody set those it names.
MARK, EVERYTHING = "_of_course", "everything"
# Bits of each digit that stand for continuous weights where there must be digits.
FINE_BITS = 10
FINE_INPUT = 17
# From here on a limit of column currents is a way to write that there is none.
NO_LIMIT = 1e6


@dataclass(frozen=True)
class Effect:
    """One way in which hardware is not ideal.

    Args:
        name: In the words of the field.
        describe: Says in a few words what a tree asks for; "" where it asks for nothing.
        switch_off: Changes a tree so that it asks for nothing.
        needs_other: True where the effect changes results only beside others, so that it cannot
            be looked at alone.
    """

    name: str
    describe: Callable[[CrossSimParameters], str]
    switch_off: Callable[[CrossSimParameters], None]
    needs_other: bool = False


def uses_magnitude(node: WeightErrorParameters) -> bool:
    """Whether the chosen model takes its size from ``magnitude``.

    Of models that are not ours nobody knows: they may derive from one that does.
    """
    if not is_shipped(node):
        return False
    return "magnitude" in registry.spec_fields(registry.resolve("device", node.model))


def is_shipped(node: WeightErrorParameters) -> bool:
    """Whether the chosen model is one of ours, which do nothing but what their fields say."""
    if node.model not in registry.names("device"):
        return False
    model = registry.resolve("device", node.model)
    return model.__module__.startswith("simulator.devices")


def is_active(node: WeightErrorParameters) -> bool:
    """Whether a node of the device changes any cell."""
    if not node.enable or node.model in IDEAL_MODELS:
        return False
    return not uses_magnitude(node) or node.magnitude != 0


def converts(node: ModelParameters) -> bool:
    """Whether a converter rounds; some models have something else than bits."""
    if node.model in IDEAL_MODELS or node.model not in registry.names(node.kind):
        return False
    if node.bits > 0:
        return True
    model = registry.resolve(node.kind, node.model)
    fields = registry.spec_fields(model)
    given = {name: value for name, value in node.model_values().items() if name in fields}
    return not model(**given).is_ideal


def _of_device(name: str) -> tuple[Callable[[CrossSimParameters], str], Any]:
    def node_of(params: CrossSimParameters) -> WeightErrorParameters:
        node: WeightErrorParameters = getattr(params.xbar.device, name)
        return node

    def describe(params: CrossSimParameters) -> str:
        node = node_of(params)
        if not is_active(node):
            return ""
        return f"{node.model}, {node.magnitude:g}" if uses_magnitude(node) else node.model

    def switch_off(params: CrossSimParameters) -> None:
        node_of(params).enable = False

    return describe, switch_off


def _drift(params: CrossSimParameters) -> str:
    device = params.xbar.device
    described = _of_device("drift_error")[0](params)
    return f"{described}, time {device.time:g}" if described else ""


def _no_drift(params: CrossSimParameters) -> None:
    params.xbar.device.drift_error.enable = False
    params.simulation.drift_compensation = "none"


def _wires(params: CrossSimParameters) -> str:
    wires = params.xbar.array.parasitics
    ohms = {
        "row": wires.Rp_row, "column": wires.Rp_col,
        "row terminal": wires.Rp_row_terminal, "column terminal": wires.Rp_col_terminal,
    }  # fmt: skip
    parts = [f"{name} {value:g} ohm" for name, value in ohms.items() if value]
    return ", ".join(parts) if wires.enable else ""


def _no_wires(params: CrossSimParameters) -> None:
    params.xbar.array.parasitics.enable = False


def _levels(params: CrossSimParameters) -> str:
    core, bits = params.core, params.xbar.device.cell_bits
    cells = f"cells of {bits} bits" if bits > 0 else ""
    if core.style != CoreStyle.BITSLICED:
        return cells
    slices = core.bit_sliced.num_slices
    digits = f"{core.weight_bits} bits in {slices} slice{'s' * (slices > 1)}"
    return f"{digits}, {cells}" if cells else digits


def _no_levels(params: CrossSimParameters) -> None:
    params.xbar.device.cell_bits = 0
    core = params.core
    if core.style == CoreStyle.BITSLICED:
        slices = core.bit_sliced.num_slices
        # The pair carries the sign, or one bit of the offset does.
        sign = core.bit_sliced.style == BitSlicedCoreStyle.BALANCED
        core.weight_bits = min(32, max(core.weight_bits, FINE_BITS * slices + sign))


def _weight_range(params: CrossSimParameters) -> str:
    weights = params.core.mapping.weights
    if not weights.clipping:
        return ""
    if not weights.follows_values:
        return f"weights from {weights.min:g} to {weights.max:g}"
    return (
        f"weights beyond quantile {weights.percentile:g}" if (weights.percentile or 1) < 1 else ""
    )


def _no_weight_range(params: CrossSimParameters) -> None:
    weights = params.core.mapping.weights
    weights.percentile, weights.min, weights.max = 1.0, None, None


def _converters(params: CrossSimParameters, kind: str) -> list[tuple[str, Any]]:
    pair = getattr(params.xbar, kind)
    directions = DIRECTIONS[:1] if pair.match else DIRECTIONS
    return [("" if pair.match else f"{name} ", getattr(pair, name)) for name in directions]


def _dac(params: CrossSimParameters) -> str:
    return "; ".join(
        f"{name}{node.model}, {node.bits} bits"
        + (f" in slices of {node.slice_size}" if node.input_bitslicing else "")
        for name, node in _converters(params, "dac") if converts(node)
    )  # fmt: skip


def _no_dac(params: CrossSimParameters) -> None:
    wires = params.xbar.array.parasitics
    gated = wires.enable and not wires.current_from_input
    for name in DIRECTIONS:
        dac, adc = getattr(params.xbar.dac, name), getattr(params.xbar.adc, name)
        if dac.input_bitslicing and (gated or adc.adc_per_ibit):
            # The array must be driven digit by digit; digits too fine to matter take their place.
            dac.bits = max(dac.bits, FINE_INPUT)
        else:
            dac.model, dac.input_bitslicing = "IdealDAC", False


def _adc(params: CrossSimParameters) -> str:
    parts = []
    for name, node in _converters(params, "adc"):
        words = []
        if converts(node):
            every = " for each input slice" if node.adc_per_ibit else ""
            words = [f"{node.model}, {node.bits} bits, range {node.adc_range_option.name}{every}"]
        if node.input_noise:
            words.append(f"noise {node.input_noise:g}")
        if words:
            parts.append(name + ", ".join(words))
    return "; ".join(parts)


def _no_adc(params: CrossSimParameters) -> None:
    for name in DIRECTIONS:
        node = getattr(params.xbar.adc, name)
        node.model, node.input_noise = "IdealADC", 0.0


def _limit(params: CrossSimParameters) -> str:
    limit = params.xbar.array.Icol_max
    return f"{limit:g} currents of a full cell" if 0 < limit < NO_LIMIT else ""


def _no_limit(params: CrossSimParameters) -> None:
    params.xbar.array.Icol_max = 0


def _on_off(params: CrossSimParameters) -> str:
    device = params.xbar.device
    if device.infinite_on_off_ratio or device.Rmax == float("inf"):
        return ""
    others = (effect.describe(params) for effect in EFFECTS if effect.name in ANALOG)
    return f"{device.Rmax / device.Rmin:g}" if any(others) else ""


def _no_on_off(params: CrossSimParameters) -> None:
    params.xbar.device.infinite_on_off_ratio = True


EFFECTS: tuple[Effect, ...] = (
    Effect("weight clipping", _weight_range, _no_weight_range),
    Effect("weight levels", _levels, _no_levels),
    Effect("programming error", *_of_device("programming_error")),
    Effect("drift", _drift, _no_drift),
    Effect("read noise", *_of_device("read_noise")),
    Effect("nonlinear cells", *_of_device("nonlinear_IV")),
    Effect("wires", _wires, _no_wires),
    Effect("on/off ratio", _on_off, _no_on_off, needs_other=True),
    Effect("input DAC", _dac, _no_dac),
    Effect("column current limit", _limit, _no_limit),
    Effect("output ADC", _adc, _no_adc),
)
"""All effects, in the order in which a product meets them."""

# Those that look at currents or conductances; to the others an on/off ratio is a matter of scale.
ANALOG = frozenset((
    "programming error", "drift", "read noise", "nonlinear cells", "wires", "column current limit",
    "output ADC",
))  # fmt: skip

_BY_NAME = {effect.name: effect for effect in EFFECTS}


def active_effects(params: CrossSimParameters) -> dict[str, str]:
    """The effects that a tree asks for.

    Args:
        params: The tree.

    Returns:
        Name of each effect and what the tree says of it in a few words, in the order in which a
        product meets them; none for ideal hardware.
    """
    described = {effect.name: effect.describe(params) for effect in EFFECTS}
    return {name: words for name, words in described.items() if words}


def without(params: CrossSimParameters, *names: str) -> CrossSimParameters:
    """A copy of a tree in which effects are switched off.

    Args:
        params: The tree.
        *names: Names of effects; those that are not active change nothing.

    Returns:
        A new tree.

    Raises:
        ParameterError: There is no effect of such a name.
    """
    tree = params.copy()
    for effect in _named(names):
        if effect.describe(tree):
            effect.switch_off(tree)
    # What belonged to an effect that is gone is no setting of the user's.
    vars(tree)[MARK] = EVERYTHING
    return tree


def only(params: CrossSimParameters, *names: str) -> CrossSimParameters:
    """A copy of a tree in which all effects but some are switched off.

    Args:
        params: The tree.
        *names: Names of the effects that stay as they are.

    Returns:
        A new tree.

    Raises:
        ParameterError: There is no effect of such a name.
    """
    kept = {effect.name for effect in _named(names)}
    return without(params, *(name for name in _BY_NAME if name not in kept))


def _named(names: Sequence[str]) -> list[Effect]:
    unknown = [name for name in names if name not in _BY_NAME]
    if unknown:
        raise ParameterError(
            f"no effect is called {unknown[0]!r}; effects are {', '.join(_BY_NAME)}."
            f"{nearest(unknown[0], _BY_NAME)}"
        )
    # In the order of the product: how some are switched off depends on what is left.
    return [effect for effect in EFFECTS if effect.name in set(names)]
