"""The fully connected layer."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from adapters.aihwkit.engine.configuration.configs import RPUConfig
from adapters.aihwkit.engine.layers.base import AnalogLayer, digital_twin, start_weights
from simulator import ShapeError


class AnalogLinear(AnalogLayer):
    """``torch.nn.Linear`` with its matrix on resistive tiles that are trained by pulses.

    Args:
        in_features, out_features, bias: as those of ``torch.nn.Linear``.
        rpu_config: hardware; None is ``SingleRPUConfig()``. The layer takes a copy.

    Raises ConfigError for a configuration that asks for what is not simulated.
    """

    def __init__(
        self,
        in_features: int,
        out_features: int,
        bias: bool = True,
        rpu_config: RPUConfig | None = None,
    ) -> None:
        super().__init__()
        self.in_features, self.out_features, self.bias = in_features, out_features, bool(bias)
        self._make_tiles(out_features, in_features, self.bias, rpu_config)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Write the weights into the tiles that torch's layer starts from."""
        self.set_weights(*start_weights(self.out_features, self.in_features, self.bias))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Products (..., out_features) with ``x`` (..., in_features)."""
        if not x.dim() or x.shape[-1] != self.in_features:
            raise ShapeError(
                f"AnalogLinear: input of shape {tuple(x.shape)}; allowed is (..., "
                f"{self.in_features})"
            )
        y = self.analog_module(x.reshape(-1, self.in_features))
        return y.reshape(*x.shape[:-1], self.out_features)

    def _weight_shape(self) -> tuple[int, ...]:
        return self.out_features, self.in_features

    def extra_repr(self) -> str:
        """Sizes and kind of configuration."""
        return (
            f"in_features={self.in_features}, out_features={self.out_features}, "
            f"bias={self.bias}, {type(self.rpu_config).__name__}"
        )

    @classmethod
    def from_digital(cls, module: nn.Linear, rpu_config: RPUConfig | None = None) -> AnalogLinear:
        """The layer with the weights of a digital one, within the bounds of its cells."""
        has_bias = module.bias is not None
        layer = cls(module.in_features, module.out_features, has_bias, rpu_config)
        layer.take(module)
        return layer

    @classmethod
    def to_digital(cls, module: AnalogLinear, realistic: Any = False) -> nn.Linear:
        """A digital layer with the weights that the cells hold."""
        return digital_twin(
            module, nn.Linear(module.in_features, module.out_features, bias=module.bias), realistic
        )
