"""Layers on analog arrays in NumPy terms: no network library is needed.

A layer holds one matrix, with bias lines in its last columns. Build it, program it with
``layer.set_matrix(layer.form_matrix(weight, bias))``, and call ``layer.apply(inputs)``: what comes
back are products, before activations and without bias where no lines hold it.
"""

from adapters.neutral.cells import AnalogGRUCell, AnalogLSTMCell, AnalogRNNCell
from adapters.neutral.convolution import (
    AnalogConvolution,
    AnalogConvolution1D,
    AnalogConvolution2D,
    AnalogConvolution3D,
)
from adapters.neutral.layer import AnalogLayer
from adapters.neutral.linear import AnalogLinear
from adapters.neutral.sequences import AnalogGRU, AnalogLSTM, AnalogRNN

__all__ = [
    "AnalogConvolution",
    "AnalogConvolution1D",
    "AnalogConvolution2D",
    "AnalogConvolution3D",
    "AnalogGRU",
    "AnalogGRUCell",
    "AnalogLSTM",
    "AnalogLSTMCell",
    "AnalogLayer",
    "AnalogLinear",
    "AnalogRNN",
    "AnalogRNNCell",
]
