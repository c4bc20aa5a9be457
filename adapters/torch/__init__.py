"""The engine behind PyTorch's layers: convert a trained network, train it with the device."""

from adapters.torch.attention import AnalogMultiheadAttention
from adapters.torch.calibration import Calibration, calibrate
from adapters.torch.conv import AnalogConv1d, AnalogConv2d, AnalogConv3d
from adapters.torch.convert import (
    convertible_modules,
    from_torch,
    ideal,
    inconvertible_modules,
    new_epoch,
    reinitialize,
    set_time,
    synchronize,
    to_torch,
)
from adapters.torch.layer import AnalogLayer, analog_modules
from adapters.torch.linear import AnalogLinear
from adapters.torch.profiling import (
    follow_inputs,
    get_conductance_matrices,
    get_profiled_adc_inputs,
    get_profiled_xbar_inputs,
)
from adapters.torch.recurrent import (
    AnalogGRU,
    AnalogGRUCell,
    AnalogLSTM,
    AnalogLSTMCell,
    AnalogRNN,
    AnalogRNNCell,
)
from adapters.torch.report import Report, report
from adapters.torch.state import share_chips
from adapters.torch.summary import summary
from adapters.torch.transposed import (
    AnalogConvTranspose1d,
    AnalogConvTranspose2d,
    AnalogConvTranspose3d,
)

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
    "Report",
    "analog_modules",
    "calibrate",
    "convertible_modules",
    "follow_inputs",
    "from_torch",
    "get_conductance_matrices",
    "get_profiled_adc_inputs",
    "get_profiled_xbar_inputs",
    "ideal",
    "inconvertible_modules",
    "new_epoch",
    "reinitialize",
    "report",
    "set_time",
    "share_chips",
    "summary",
    "synchronize",
    "to_torch",
]
