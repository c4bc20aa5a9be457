"""The analog counterpart of ``transformers.pytorch_utils.Conv1D``, without that library.

GPT-2 and its relatives are made of this layer: y = x W + b with a weight (inputs, outputs).
Implementations outside the library carry copies of the class, so it is known by what it is: a
class called ``Conv1D`` that makes this product of ``weight`` and ``bias``.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import torch
from torch import nn
from torch.nn import functional

from adapters.shared.per_layer import LayerParams
from adapters.torch.layers.linear import AnalogLinear
from adapters.torch.layers.matrix import Gradients, MatrixLayer, Needs

NAME = "Conv1D"


class AnalogTransposedLinear(MatrixLayer):
    """x W + b on arrays, for layers with a weight (inputs, outputs); see ``analog_conv1d``."""

    groups = 1
    digital_class: type[nn.Module]

    def __init__(self, params: LayerParams, *args: Any, bias_rows: int = 0, **kwargs: Any) -> None:
        self.digital_class.__init__(self, *args, **kwargs)
        self._wire(params, bias_rows)

    @property
    def out_features(self) -> int:
        """Outputs of the layer."""
        return self.weight.shape[1]

    def _array_weight(self, weight: torch.Tensor) -> torch.Tensor:
        return weight.t()

    def _layer_weight(self, weight: torch.Tensor) -> torch.Tensor:
        return weight.t().contiguous()

    def _digital(
        self, x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None
    ) -> torch.Tensor:
        return functional.linear(x, weight.t(), bias)

    _columns = AnalogLinear._columns
    _inputs_in_range = AnalogLinear._inputs_in_range
    _multiply = AnalogLinear._multiply
    _add_bias = AnalogLinear._add_bias

    def _gradients(
        self, grad: torch.Tensor, x: torch.Tensor, held: torch.Tensor | None, needs: Needs
    ) -> Gradients:
        turned = held if held is None else held.t()
        grad_x, grad_weight, grad_bias = AnalogLinear._gradients(self, grad, x, turned, needs)
        return grad_x, None if grad_weight is None else grad_weight.t(), grad_bias

    def __reduce_ex__(self, protocol: Any) -> tuple:
        # The class is made on use; the class of the digital layer can be found by its name.
        return _bare, (self.digital_class,), self.__getstate__()


def conv1d_class(layer: nn.Module) -> type[nn.Module] | None:
    """The class ``Conv1D`` that a layer is of, itself or by inheritance; None if there is none."""
    if not isinstance(getattr(layer, "nf", None), int):
        return None
    return next((c for c in type(layer).__mro__ if c.__name__ == NAME and _is_linear(c)), None)


@cache
def analog_conv1d(digital_class: type[nn.Module]) -> type[AnalogTransposedLinear]:
    """The analog class of a class ``Conv1D``; ``isinstance`` holds for both."""
    bases, names = (AnalogTransposedLinear, digital_class), {"digital_class": digital_class}
    return type(f"Analog{NAME}", bases, {**names, "__doc__": AnalogTransposedLinear.__doc__})


def _bare(digital_class: type[nn.Module]) -> AnalogTransposedLinear:
    made = analog_conv1d(digital_class)
    return made.__new__(made)


@cache
def _is_linear(candidate: type) -> bool:
    """Whether the class is a module that computes x W + b of ``weight`` and ``bias``."""
    if not issubclass(candidate, nn.Module):
        return False
    probe = candidate.__new__(candidate)
    nn.Module.__init__(probe)
    weight = torch.tensor([[1.0, -2.0, 4.0], [0.5, 8.0, -16.0]], device="cpu")
    bias = torch.tensor([32.0, 64.0, -128.0], device="cpu")
    x = torch.tensor([[[3.0, 5.0], [-7.0, 2.0]]], device="cpu")
    probe.nx, probe.nf = weight.shape
    probe.weight, probe.bias = nn.Parameter(weight), nn.Parameter(bias)
    try:
        with torch.no_grad(), torch.autocast("cpu", enabled=False):
            # These numbers and all their sums are exact.
            return torch.equal(probe.forward(x), x @ weight + bias)
    except Exception:
        return False
