"""Conformance checks that every model passes, ours or a user's, and a device without a GPU.

Each check raises :class:`ConformanceError` that says which law does not hold. Run them on a model
of your own before you trust its results::

    from simulator.testing import check_device

    check_device(MyCell)

- ``devices``, ``converters``, ``circuits``, ``mapping``: the laws of each kind; ``conformance``:
  what checks share.
- ``fake_device``: arrays that refuse what a GPU would refuse.
"""

from simulator.testing.circuits import check_circuit
from simulator.testing.conformance import ConformanceError
from simulator.testing.converters import check_adc, check_dac
from simulator.testing.devices import check_device
from simulator.testing.fake_device import DeviceArray, fake_backend, no_waiting
from simulator.testing.mapping import check_cells, check_levels, check_weight_digits

__all__ = [
    "ConformanceError",
    "DeviceArray",
    "check_adc",
    "check_cells",
    "check_circuit",
    "check_dac",
    "check_device",
    "check_levels",
    "check_weight_digits",
    "fake_backend",
    "no_waiting",
]
