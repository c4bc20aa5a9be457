"""The engine behind PyTorch's layers: convert a trained network, train it with the device."""

from adapters.torch.attention import AnalogMultiheadAttention
from adapters.torch.conv import AnalogConv1d, AnalogConv2d, AnalogConv3d
from adapters.torch.convert import (
    analog_modules,
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
from adapters.torch.layer import AnalogLayer
from adapters.torch.linear import AnalogLinear
from adapters.torch.recurrent import (
    AnalogGRU,
    AnalogGRUCell,
    AnalogLSTM,
    AnalogLSTMCell,
    AnalogRNN,
    AnalogRNNCell,
)
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
    "analog_modules",
    "convertible_modules",
    "from_torch",
    "ideal",
    "inconvertible_modules",
    "new_epoch",
    "reinitialize",
    "set_time",
    "share_chips",
    "summary",
    "synchronize",
    "to_torch",
]
