"""What converters saw, and ranges for them.

Set ``simulation.analytics.profile_adc_inputs = True``, multiply calibration inputs, and ask for
ranges; they are in units of one device at Gmax with full-scale input, as ``calibrated_range`` is.

- ``models``: the converters of a parameter tree.
- ``recorded``: what was recorded at the ADCs of cores, and a ``calibrated_range`` that covers it.
- ``attribution``: which effect costs a result most, by experiment.
- ``report``: a diagnosis of one core, ``core.report(x)``.
- ``ranges``: ways to choose the range of any converter from what it saw.
"""

from simulator.converters import Span
from simulator.core.converter_ranges import ADCRange, ConverterRanges, DACRange
from simulator.multiply.lookout import unwatched
from simulator.multiply.loss import Loss
from simulator.multiply.recorder import Recorder
from simulator.profile.attribution import EffectCost, Estimate, effect_costs
from simulator.profile.models import converter_models
from simulator.profile.ranges import METHODS, Choice, Sample, quantisation_error
from simulator.profile.recorded import adc_inputs, adc_ranges, adc_samples
from simulator.profile.report import ConverterReport, CoreReport, report

__all__ = [
    "METHODS",
    "ADCRange",
    "Choice",
    "ConverterRanges",
    "ConverterReport",
    "CoreReport",
    "DACRange",
    "EffectCost",
    "Estimate",
    "Loss",
    "Recorder",
    "Sample",
    "Span",
    "adc_inputs",
    "adc_ranges",
    "adc_samples",
    "converter_models",
    "effect_costs",
    "quantisation_error",
    "report",
    "unwatched",
]
