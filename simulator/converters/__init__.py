"""Converters: inputs to voltages (DAC), currents to codes (ADC), and their full-scale ranges.

- ``dac``, ``adc``: the bases, the ideal and the quantising models.
- ``midtread``: levels about an exact zero.
- ``circuit``: what circuits of ADCs share; ``ramp``, ``sar``, ``pipeline``: these circuits.
- ``ranges``, ``spans``: full-scale ranges, and which a model can have.
- ``curves``: transfer and nonlinearity, as numbers and figures.
"""

from simulator.converters.adc import ADC, IdealADC, QuantizerADC, SignMagnitudeADC
from simulator.converters.circuit import CircuitADC
from simulator.converters.dac import DAC, IdealDAC, QuantizerDAC, SignMagnitudeDAC
from simulator.converters.midtread import MidTreadADC, MidTreadDAC
from simulator.converters.pipeline import CyclicADC, PipelineADC
from simulator.converters.ramp import RampADC
from simulator.converters.ranges import ConverterRange
from simulator.converters.sar import SarADC
from simulator.converters.spans import Span

__all__ = [
    "ADC",
    "DAC",
    "CircuitADC",
    "ConverterRange",
    "CyclicADC",
    "IdealADC",
    "IdealDAC",
    "MidTreadADC",
    "MidTreadDAC",
    "PipelineADC",
    "QuantizerADC",
    "QuantizerDAC",
    "RampADC",
    "SarADC",
    "SignMagnitudeADC",
    "SignMagnitudeDAC",
    "Span",
]
