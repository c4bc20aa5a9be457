"""The engine behind PyTorch's layers: convert a trained network, train it with the device."""

from importlib import import_module
from typing import Any

from adapters.shared.loaded import LoadedWeights
from adapters.torch.conversion.convert import (
    convertible_modules,
    from_torch,
    inconvertible_modules,
    to_torch,
)
from adapters.torch.conversion.weights import digital_state_dict, load_weights
from adapters.torch.layers.attention import AnalogMultiheadAttention
from adapters.torch.layers.conv import AnalogConv1d, AnalogConv2d, AnalogConv3d
from adapters.torch.layers.inputs import follow_inputs
from adapters.torch.layers.layer import AnalogLayer
from adapters.torch.layers.linear import AnalogLinear
from adapters.torch.layers.models import (
    analog_modules,
    ideal,
    new_epoch,
    reinitialize,
    set_time,
    synchronize,
)
from adapters.torch.layers.recurrent import (
    AnalogGRU,
    AnalogGRUCell,
    AnalogLSTM,
    AnalogLSTMCell,
    AnalogRNN,
    AnalogRNNCell,
)
from adapters.torch.layers.transposed import (
    AnalogConvTranspose1d,
    AnalogConvTranspose2d,
    AnalogConvTranspose3d,
)
from adapters.torch.runtime.processes import share_chips
from adapters.torch.study.calibration import Calibration, calibrate
from adapters.torch.study.profiling import (
    get_conductance_matrices,
    get_profiled_adc_inputs,
    get_profiled_xbar_inputs,
)
from adapters.torch.study.report import Report, report
from adapters.torch.study.summary import summary

__all__ = [
    "AnalogConv1d",
    "AnalogConv2d",
    "AnalogConv3d",
    "AnalogConvTranspose1d",
    "AnalogConvTranspose2d",
    "AnalogConvTranspose3d",
    "AnalogGRU",
    "AnalogGRUCell",
    "AnalogLSTM",
    "AnalogLSTMCell",
    "AnalogLayer",
    "AnalogLinear",
    "AnalogMultiheadAttention",
    "AnalogRNN",
    "AnalogRNNCell",
    "Calibration",
    "LoadedWeights",
    "Report",
    "analog_modules",
    "calibrate",
    "convertible_modules",
    "digital_state_dict",
    "follow_inputs",
    "from_torch",
    "get_conductance_matrices",
    "get_profiled_adc_inputs",
    "get_profiled_xbar_inputs",
    "ideal",
    "inconvertible_modules",
    "load_weights",
    "new_epoch",
    "reinitialize",
    "report",
    "set_time",
    "share_chips",
    "summary",
    "synchronize",
    "to_torch",
]


def __getattr__(name: str) -> Any:
    """A module by the path that it had before."""
    from simulator.legacy.table import lookup

    return lookup(__name__, name)


# Two of these modules have the name of a function. They are made now: importing one later would
# put the module in the place of the function.
_FUNCTIONS = {"report": report, "summary": summary}
for _name in _FUNCTIONS:
    import_module(f"{__name__}.{_name}")
globals().update(_FUNCTIONS)
