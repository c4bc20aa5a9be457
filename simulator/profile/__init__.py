"""What converters saw, and ranges for them.

Set ``simulation.analytics.profile_adc_inputs = True``, multiply calibration inputs, and ask for
ranges; they are in units of one device at Gmax with full-scale input, as ``calibrated_range`` is.

- ``models``: the converters of a parameter tree.
- ``recorded``: what was recorded at the ADCs of cores, and a ``calibrated_range`` that covers it.
- ``ranges``: ways to choose the range of any converter from what it saw.
"""

from simulator.converters import Span
from simulator.core.converter_ranges import ADCRange, ConverterRanges, DACRange
from simulator.multiply.lookout import unwatched
from simulator.multiply.loss import Loss
from simulator.multiply.recorder import Recorder
from simulator.profile.models import converter_models
from simulator.profile.ranges import METHODS, Choice, Sample, quantisation_error
from simulator.profile.recorded import adc_inputs, adc_ranges, adc_samples

__all__ = [
    "METHODS",
    "ADCRange",
    "Choice",
    "ConverterRanges",
    "DACRange",
    "Loss",
    "Recorder",
    "Sample",
    "Span",
    "adc_inputs",
    "adc_ranges",
    "adc_samples",
    "converter_models",
    "quantisation_error",
    "unwatched",
]
