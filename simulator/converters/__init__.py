"""Converters: inputs to voltages (DAC), currents to codes (ADC), and their full-scale ranges."""

from simulator.converters.adc import ADC, IdealADC, QuantizerADC, SignMagnitudeADC
from simulator.converters.dac import DAC, IdealDAC, QuantizerDAC, SignMagnitudeDAC
from simulator.converters.ranges import ConverterRange

__all__ = [
    "ADC",
    "DAC",
    "ConverterRange",
    "IdealADC",
    "IdealDAC",
    "QuantizerADC",
    "QuantizerDAC",
    "SignMagnitudeADC",
    "SignMagnitudeDAC",
]
