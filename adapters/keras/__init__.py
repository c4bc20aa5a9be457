"""The engine behind Keras's layers: convert a trained network, fit it with the device."""

from adapters.keras.convert import (
    analog_layers,
    convertible_layers,
    from_keras,
    inconvertible_layers,
    reinitialize,
    synchronize,
    to_keras,
)
from adapters.keras.layer import AnalogLayer
from adapters.keras.layers import (
    AnalogConv1D,
    AnalogConv2D,
    AnalogConv3D,
    AnalogDense,
    AnalogDepthwiseConv1D,
    AnalogDepthwiseConv2D,
)
from adapters.keras.profiling import (
    get_conductance_matrices,
    get_profiled_adc_inputs,
    get_profiled_xbar_inputs,
)
from adapters.keras.weights import load_weights
from adapters.shared.loaded import LoadedWeights

__all__ = [
    "AnalogConv1D",
    "AnalogConv2D",
    "AnalogConv3D",
    "AnalogDense",
    "AnalogDepthwiseConv1D",
    "AnalogDepthwiseConv2D",
    "AnalogLayer",
    "LoadedWeights",
    "analog_layers",
    "convertible_layers",
    "from_keras",
    "get_conductance_matrices",
    "get_profiled_adc_inputs",
    "get_profiled_xbar_inputs",
    "inconvertible_layers",
    "load_weights",
    "reinitialize",
    "synchronize",
    "to_keras",
]
