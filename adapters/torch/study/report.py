"""Which layer of a converted model loses accuracy, and what to change about it."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import nn

from adapters.torch.conversion.rewire import changed, lent, rewire
from adapters.torch.layers.inputs import watched
from adapters.torch.layers.layer import AnalogLayer
from adapters.torch.layers.models import ideal, named_layers
from adapters.torch.study.batches import Batches, undisturbed
from adapters.torch.study.converters import current_ranges, current_samples
from adapters.torch.study.diagnosis import ConverterUse, advice, converter_use, percent, why_dead
from adapters.torch.study.tables import table
from simulator import CrossSimParameters
from simulator.profile import ADCRange, DACRange, Sample, Span

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from pandas import DataFrame

HEADER = ("layer", "arrays", "SNR", "DAC clips", "ADC clips", "ADC codes", "")


@dataclass(frozen=True)
class LayerReport:
    """One layer: how far its output is from the digital one for the same input, and why.

    ``snr`` in dB; ``weights_snr`` that of what the cells hold; ``dac_clipped`` and ``adc_clipped``
    shares of inputs and currents, ``adc_codes`` how many different ones occur of how many. None
    where a converter is ideal. ``advice`` is empty for a layer that does well.
    """

    layer: str
    arrays: int
    snr: float
    weights_snr: float
    dac_clipped: float | None
    adc_clipped: float | None
    adc_codes: int | None
    adc_levels: int | None
    advice: tuple[str, ...]

    @property
    def row(self) -> tuple[str, ...]:
        """What the table shows of this layer."""
        clipped = ("" if c is None else percent(c) for c in (self.dac_clipped, self.adc_clipped))
        codes = "" if self.adc_codes is None else f"{self.adc_codes} of {self.adc_levels}"
        mark = "see below" if self.advice else ""
        return (self.layer, str(self.arrays), self.snr_text, *clipped, codes, mark)

    @property
    def snr_text(self) -> str:
        """The signal-to-noise ratio in words."""
        if math.isfinite(self.snr):
            # Adding zero makes -0.0 a plain zero.
            return f"{round(self.snr, 1) + 0.0:.1f} dB"
        return "exact" if self.snr > 0 else "no signal" if self.snr < 0 else ""


@dataclass(frozen=True)
class Report:
    """A diagnosis of all layers; printing it shows a table and what to change."""

    layers: tuple[LayerReport, ...]

    def __repr__(self) -> str:
        lines = [table(HEADER, [layer.row for layer in self.layers])]
        found = [f"{x.layer}: {words}" for x in self.layers for words in x.advice]
        lines += ["", *found] if found else ["", "No layer needs another range."]
        return "\n".join(lines)

    def to_frame(self) -> DataFrame:
        """The table as numbers. Needs pandas.

        Returns:
            One row for each layer, by its name; columns are the fields of ``LayerReport``, ratios
            in dB, shares from 0 to 1, and advice in one text.
        """
        import pandas

        names = [field.name for field in fields(LayerReport)]
        rows = [[getattr(layer, name) for name in names] for layer in self.layers]
        frame = pandas.DataFrame(rows, columns=names)
        frame["advice"] = ["; ".join(words) for words in frame["advice"]]
        return frame.set_index("layer")

    def plot(self) -> Figure:
        """Signal-to-noise ratio, clipping and used codes of all layers, side by side.

        Returns:
            A figure of matplotlib, which is needed; ``savefig`` or a notebook draws it.
        """
        from adapters.torch.study.figure import draw

        return draw(self.layers)


def report(
    model: nn.Module,
    loader: Iterable[Any],
    *,
    batches: int | None = None,
    progress: bool | None = None,
) -> Report:
    """Compare every analog layer with its digital counterpart on what real inputs bring it.

    Each layer gets what it would get in the digital model, so that a bad one does not spoil those
    behind it. Nothing is changed: cells, ranges, random numbers and the mode of the model are
    afterwards as before.

    Args:
        model: what ``from_torch`` returned.
        loader: batches ``x``, ``(x, y)`` or dictionaries, gone through once.
        batches: how many batches to look at; None for all.
        progress: show a bar; None in a terminal or notebook only.

    Returns:
        What prints as a table with advice below it; ``layers`` holds what was measured, and
        ``plot()`` and ``to_frame()`` show it in other ways.

    Raises:
        ParameterError: a model without analog layers, or a loader that cannot be gone through.
        InputError: a loader without batches.
    """
    data = Batches(loader, batches, progress)
    names = named_layers(model)
    layers = list(names.values())
    with undisturbed(model), lent(layers):
        for layer in layers:
            rewire(layer, changed(layer.params, _recording))
        comparisons = {layer: Comparison() for layer in layers}
        hooks = [
            layer.register_forward_hook(comparisons[layer], with_kwargs=True) for layer in layers
        ]
        try:
            with watched(layers) as seen, ideal(model):
                data.run(model, "layers")
        finally:
            for hook in hooks:
                hook.remove()
        return Report(
            tuple(
                _judged(name, layer, comparisons[layer], seen[layer].sample)
                for name, layer in names.items()
            )
        )


def _recording(tree: CrossSimParameters) -> None:
    tree.simulation.analytics.profile_adc_inputs = True


class Variety:
    """Whether vectors, one for each example, differ."""

    def __init__(self) -> None:
        self.count, self.found = 0, False
        self._first: torch.Tensor | None = None

    def look(self, batch: torch.Tensor) -> None:
        """Compare the examples of a batch with the first of all."""
        examples = batch if batch.ndim > 1 else batch[None]
        if self.found or not len(examples):
            return
        if self._first is None:
            self._first = examples[0].clone()
        self.count += len(examples)
        alike = examples.shape[1:] == self._first.shape
        self.found = not alike or bool((examples != self._first).any())


class Comparison:
    """A hook of a layer in a digital model: what its arrays would have answered."""

    def __init__(self) -> None:
        self.signal = self.error = 0.0
        self.inputs, self.outputs = Variety(), Variety()

    def __call__(self, layer: Any, args: Any, kwargs: Any, digital: Any) -> None:
        """Let the arrays answer the same input."""
        layer.ideal = False
        try:
            answer = layer.forward(*args, **kwargs)
        finally:
            layer.ideal = True
        wanted, got = _tensor(digital).double(), _tensor(answer).double()
        self.signal += float((wanted**2).sum())
        self.error += float(((got - wanted) ** 2).sum())
        self.inputs.look(_tensor(args[0] if args else next(iter(kwargs.values()))))
        self.outputs.look(wanted)

    @property
    def snr(self) -> float:
        """Signal-to-noise ratio in dB; infinite without error, NaN where nothing was compared."""
        return decibels(self.signal, self.error) if self.outputs.count else math.nan

    def why_dead(self, reach: float) -> str:
        """Why all outputs are the same, in words; empty where not, or with one example alone."""
        if self.outputs.count < 2:
            return ""
        return why_dead(reach > 0, self.inputs.found, self.outputs.found)


def _tensor(output: Any) -> torch.Tensor:
    """The values themselves, also where a state or the lengths of sequences come with them."""
    while isinstance(output, (tuple, list)):
        output = output[0]
    return output


def decibels(signal: float, error: float) -> float:
    """A ratio of powers in dB."""
    if error == 0:
        return math.inf
    return 10 * math.log10(signal / error) if signal > 0 else -math.inf


def _judged(name: str, layer: AnalogLayer, comparison: Comparison, inputs: Sample) -> LayerReport:
    reached, ranges = comparison.outputs.count > 0, layer.core.converter_ranges()
    # A DAC without limits has others for every call.
    has_limits = ranges.dac.levels > 1 and ranges.dac.low is not None
    dac = _dac_use(layer, ranges.dac, inputs) if has_limits and reached else None
    adc = _adc_use(layer, ranges.adc) if ranges.adc.levels > 1 and reached else None
    dead, cells = comparison.why_dead(inputs.reach), _weights_snr(layer)
    unsigned = ranges.dac.span is Span.POSITIVE
    words = advice(comparison.snr, dead, dac, adc, cells, unsigned, layer.analog_bias)
    return LayerReport(
        layer=name,
        arrays=sum(core.Ncores for core in layer.arrays),
        snr=comparison.snr,
        weights_snr=cells,
        dac_clipped=None if dac is None else dac.clipped,
        adc_clipped=None if adc is None else adc.clipped,
        adc_codes=None if adc is None else adc.used,
        adc_levels=None if adc is None else adc.codes,
        advice=tuple(words) if reached else ("no input reached it",),
    )


def _dac_use(layer: AnalogLayer, dac: DACRange, inputs: Sample) -> ConverterUse:
    ranges = np.asarray([[dac.low, dac.high]])
    lowest = 1.0 if layer.analog_bias else 0.0
    return converter_use([inputs], ranges, dac.span, dac.levels, at_least=lowest)


def _adc_use(layer: AnalogLayer, adc: ADCRange) -> ConverterUse:
    return converter_use(
        current_samples(layer), current_ranges(layer), adc.span, adc.levels,
        layer.core.slice_weights,
    )  # fmt: skip


def _weights_snr(layer: AnalogLayer) -> float:
    """How well the cells hold what they were programmed with, in dB."""
    pairs = list(zip(_matrices(layer.form_matrix()), _matrices(layer.get_matrix()), strict=True))
    signal = sum(float((wanted.double() ** 2).sum()) for wanted, _ in pairs)
    error = sum(float(((got.double() - wanted) ** 2).sum()) for wanted, got in pairs)
    return decibels(signal, error)


def _matrices(found: Any) -> list[torch.Tensor]:
    if isinstance(found, dict):
        found = list(found.values())
    return [m.cpu() for m in found] if isinstance(found, (list, tuple)) else [found.cpu()]
