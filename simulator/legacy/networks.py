"""The network interface of CrossSim before 3.1, which has no successor under its own names."""

from __future__ import annotations

from typing import Any

from simulator.errors import NotSupportedError


class DNN:
    """Stands for the interface that read Keras models from configuration files; cannot be built."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        raise NotSupportedError(
            "DNN, the network interface that CrossSim deprecated in 3.1, does not exist here; "
            "convert a network with adapters.torch.from_torch(model, params)"
        )
