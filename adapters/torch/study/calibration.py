"""Converter ranges of a whole model in one call, from what its layers see on real inputs."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from torch import nn

from adapters.torch.conversion.rewire import changed, lent, rewire
from adapters.torch.layers.inputs import watched
from adapters.torch.layers.layer import AnalogLayer
from adapters.torch.layers.models import named_layers
from adapters.torch.study.batches import Batches, undisturbed
from adapters.torch.study.converters import current_samples, has_adc, has_dac, scales_each_vector
from adapters.torch.study.tables import table
from simulator import CrossSimParameters, ParameterError
from simulator.profile import ADCRange, Choice, ConverterRanges
from simulator.states import set_input_range, set_output_range

Params = dict[AnalogLayer, CrossSimParameters | list[CrossSimParameters]]
Built = dict[AnalogLayer, ConverterRanges]
HEADER = ("layer", "DAC", "input range", "ADC", "range of currents")
UNSEEN = "as it was: only zeros seen"


@dataclass(frozen=True)
class LayerRanges:
    """The ranges of one layer.

    ``inputs`` (low, high) of its DACs, in units of the inputs; ``outputs`` of its ADCs, (2,) or
    (slices, 2), in currents of one full cell at full input. None where the converter is ideal, of 0
    bits, or saw nothing but zeros and stays as it was.
    """

    layer: str
    dac_bits: int
    adc_bits: int
    inputs: tuple[float, float] | None = None
    outputs: np.ndarray | None = None

    def set(self, params: CrossSimParameters) -> None:
        """Put the ranges into a parameter tree, where it has the converters."""
        if self.inputs is not None and has_dac(params):
            set_input_range(params, *self.inputs)
        if self.outputs is not None and has_adc(params):
            set_output_range(params, self.outputs)

    @property
    def row(self) -> tuple[str, ...]:
        """What the table shows of this layer."""
        inputs = [] if self.inputs is None else [self.inputs]
        outputs = [] if self.outputs is None else np.atleast_2d(self.outputs)
        return (
            self.layer, *_cells(self.dac_bits, inputs), *_cells(self.adc_bits, outputs),
        )  # fmt: skip


def _cells(bits: int, ranges: Any) -> tuple[str, str]:
    if not bits:
        return "ideal", ""
    words = ", ".join(f"{low:.4g} to {high:.4g}" for low, high in ranges)
    return f"{bits} bit", words or UNSEEN


@dataclass(frozen=True)
class Calibration:
    """What was found; printing it shows a table, ``layers`` holds the ranges."""

    layers: tuple[LayerRanges, ...]

    def apply(self, model: nn.Module) -> None:
        """Give the same ranges to another conversion of the model; its chips stay as they are.

        Args:
            model: what ``from_torch`` returned; layers go by their names.

        Raises:
            ParameterError: a model without one of the layers; it then stays as it was.
        """
        found = named_layers(model)
        missing = [ranges.layer for ranges in self.layers if ranges.layer not in found]
        if missing:
            raise ParameterError("the model has no analog layer " + ", ".join(map(repr, missing)))
        with lent(list(found.values())) as wanted:
            for ranges in self.layers:
                layer = found[ranges.layer]
                wanted[layer] = changed(layer.params, ranges.set)

    def __repr__(self) -> str:
        return table(HEADER, [ranges.row for ranges in self.layers])


def calibrate(
    model: nn.Module,
    loader: Iterable[Any],
    *,
    inputs: str = "percentile",
    outputs: str = "percentile",
    percentile: float = 99.95,
    norm_ord: float = 2.0,
    batches: int | None = None,
    progress: bool | None = None,
) -> Calibration:
    """Set the ranges of all DACs and ADCs of a converted model, from representative inputs.

    First the inputs of all layers are looked at, with the arrays as they are and no converters,
    and the DACs get their ranges; then, with these in force, the currents, and the ADCs get
    theirs as ``calibrated_range``. One range per layer and weight slice; ranges of slices differ by
    powers of two. Converters of 0 bits stay ideal. Cells keep their conductances and errors and
    random numbers go on where they were; the model keeps its mode.

    The default suits networks that classify: they bear that rare large values are clipped better
    than coarse steps. Where answers must be accurate as numbers, "lp" is the better choice.

    Args:
        model: what ``from_torch`` returned. ADCs that have no range yet are converted with
            ``adc_range_option = "MAX"``.
        loader: batches ``x``, ``(x, y)`` or dictionaries, gone through twice.
        inputs: how ranges of DACs are chosen. "max": nothing seen is clipped; "percentile": this
            share of what was seen lies inside, on either side; "lp": least L_p norm of the error of
            rounding and clipping with the bits of the layer.
        outputs: the same for ADCs.
        percentile: in percent, for "percentile".
        norm_ord: p of the L_p norm, for "lp".
        batches: how many batches to look at; None for all.
        progress: show a bar; None in a terminal or notebook only.

    Returns:
        What prints as a table of the ranges; ``apply`` gives them to other conversions of the
        model.

    Raises:
        ParameterError: options that mean nothing, or a model without analog layers.
        InputError: a loader without batches. The model is then as it was, as after any error on
            the way.
    """
    choices = Choice(inputs, percentile, norm_ord), Choice(outputs, percentile, norm_ord)
    data = Batches(loader, batches, progress)
    layers = named_layers(model)
    with undisturbed(model), lent(list(layers.values())) as wanted:
        params = {layer: layer.params for layer in layers.values()}
        # Asked for now: on the way, layers have other converters.
        built = {layer: layer.core.converter_ranges() for layer in layers.values()}
        found = {layer: _without_ranges(name, built[layer]) for name, layer in layers.items()}
        for layer, limits in _input_ranges(model, data, params, built, choices[0]).items():
            found[layer] = replace(found[layer], inputs=limits)
        for layer, ranges in found.items():
            wanted[layer] = changed(params[layer], ranges.set)
        for layer, pairs in _output_ranges(model, data, wanted, built, choices[1]).items():
            found[layer] = replace(found[layer], outputs=pairs)
        for layer, ranges in found.items():
            wanted[layer] = changed(params[layer], ranges.set)
    return Calibration(tuple(found.values()))


def _without_ranges(name: str, built: ConverterRanges) -> LayerRanges:
    return LayerRanges(name, *((c.levels - 1).bit_length() for c in (built.dac, built.adc)))


def _input_ranges(
    model: nn.Module, data: Batches, params: Params, built: Built, choice: Choice
) -> dict[AnalogLayer, tuple[float, float]]:
    # A range that each vector has of its own is none that could be set.
    driven = [
        layer
        for layer, ranges in built.items()
        if ranges.dac.levels > 1 and not scales_each_vector(params[layer])
    ]
    if not driven:
        return {}
    for layer in params:
        plain = changed(params[layer], _without_converters)
        if hasattr(layer, "parts"):
            # Else torch could run the layer as a whole, and nobody would ask its parts.
            plain = changed(plain, _with_recorders)
        rewire(layer, plain)
    with watched(driven) as seen:
        data.run(model, "inputs")
    found = {}
    for layer in driven:
        dac = built[layer].dac
        limits = choice.range_of(seen[layer].sample, dac.span, dac.levels)
        if limits is not None:
            # The constant of bias lines must get through the DACs too.
            top = max(limits[1], 1.0) if layer.analog_bias else limits[1]
            found[layer] = (-top if limits[0] else 0.0, top)
    return found


def _output_ranges(
    model: nn.Module, data: Batches, params: Params, built: Built, choice: Choice
) -> dict[AnalogLayer, np.ndarray]:
    read = [layer for layer, ranges in built.items() if ranges.adc.levels > 1]
    if not read:
        return {}
    for layer in params:
        rewire(layer, changed(params[layer], _with_recorders))
    data.run(model, "currents")
    found = {}
    for layer in read:
        limits = _currents_range(layer, built[layer].adc, choice)
        if limits is not None:
            found[layer] = np.asarray(limits)
    return found


def _currents_range(layer: AnalogLayer, adc: ADCRange, choice: Choice) -> Any:
    samples = current_samples(layer)
    if layer.core.params.core.style.name != "BITSLICED":
        return choice.range_of(samples[0], adc.span, adc.levels)
    return choice.sliced_ranges(samples, adc.span, adc.levels, layer.core.slice_weights)


def _with_recorders(tree: CrossSimParameters) -> None:
    """ADCs that pass and record every current; digits of the input stay apart where they are."""
    _make_ideal(tree.xbar.adc.mvm, "IdealADC")
    tree.simulation.analytics.profile_adc_inputs = True


def _without_converters(tree: CrossSimParameters) -> None:
    """Neither ADC nor DAC; where inputs must be digits, a DAC whose range follows them."""
    _make_ideal(tree.xbar.adc.mvm, "IdealADC")
    # Its unit is the full scale of a DAC, which is no more.
    tree.xbar.adc.mvm.input_noise = 0.0
    plain = tree.copy()
    plain.xbar.adc.mvm.adc_range_option, plain.xbar.adc.mvm.adc_per_ibit = "CALIBRATED", False
    plain.xbar.dac.mvm.input_bitslicing = False
    _make_ideal(plain.xbar.dac.mvm, "IdealDAC")
    try:
        plain.validate()
    except ParameterError:
        limits = tree.core.mapping.inputs.mvm
        limits.percentile, limits.min, limits.max = 1.0, None, None
    else:
        tree.xbar = plain.xbar


def _make_ideal(node: Any, model: str) -> None:
    # Both: models may count in something else than bits, or come from the user.
    node.bits, node.model = 0, model
