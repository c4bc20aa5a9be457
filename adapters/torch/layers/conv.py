"""The analog ``torch.nn.Conv1d``, ``Conv2d`` and ``Conv3d``."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn
from torch.nn import functional

from adapters.shared.per_layer import LayerParams
from adapters.torch.layers.matrix import Gradients, MatrixLayer, Needs
from adapters.torch.layers.windows import WindowProduct
from adapters.torch.runtime.tensors import to_array, to_tensor
from simulator import AnalogCore, CrossSimParameters


class AnalogConv(MatrixLayer):
    """Convolution on arrays; every group of channels has an array of its own.

    Inputs (batch, channels, *space) or (channels, *space), results likewise.

    Args:
        params: the hardware; one tree, or a list with one for each array of a group.
        args, kwargs: those of torch's layer.
        bias_rows: input lines that hold the bias; 0 adds it digitally.

    Raises:
        ParameterError, ModelError: parameters that no array can have.
    """

    def _wire(self, *args: Any, **kwargs: Any) -> None:
        super()._wire(*args, **kwargs)
        self._prepare()

    def _prepare(self) -> None:
        """How images reach the lines: padded digitally, or by lines at zero volts."""
        space = len(self.kernel_size)
        rows = self._bias_rows if self.analog_bias else 0
        pads = list(self._reversed_padding_repeated_twice)
        before, after = pads[::2][::-1], pads[1::2][::-1]
        # A bias line is never padded, and a padded zero must stay one behind the DAC.
        in_product = (
            self.padding_mode == "zeros" and before == after and rows == 0 and self.core.keeps_zero
        )
        self._digital_pads = None if in_product or not any(pads) else pads
        self._windows = WindowProduct(
            backend=self.core.backend,
            channels=self.in_channels // self.groups,
            kernel=tuple(self.kernel_size),
            stride=tuple(self.stride),
            padding=tuple(before) if in_product else (0,) * space,
            dilation=tuple(self.dilation),
            bias_rows=rows,
            unroll=shows_rounding(self.core.params),
        )

    def reinitialize(self) -> None:
        """Build the arrays anew from ``params``: new fabrication, new programming errors."""
        super().reinitialize()
        self._prepare()

    def _digital(
        self, x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None
    ) -> torch.Tensor:
        return self._conv_forward(x, weight, bias)

    def _multiply(self, x: torch.Tensor) -> torch.Tensor:
        space = len(self.kernel_size)
        if x.ndim not in (space + 1, space + 2) or x.shape[-space - 1] != self.in_channels:
            raise RuntimeError(
                f"{type(self).__name__} of {self.in_channels} channels: input of shape "
                f"{tuple(x.shape)}; needed are (batch, channels, *space) or (channels, *space)"
            )
        images = self._padded(x if x.ndim == space + 2 else x[None])
        if min(self._windows.rest(images)[1:]) < 1:
            raise RuntimeError(
                f"{type(self).__name__}: kernel {self.kernel_size} with dilation {self.dilation} "
                f"does not fit an input of shape {tuple(x.shape)}"
            )
        width = images.shape[1] // self.groups
        out = [
            self._group(core, images[:, g * width : (g + 1) * width])
            for g, core in enumerate(self.arrays)
        ]
        y = out[0] if len(out) == 1 else torch.cat(out, dim=1)
        return y if x.ndim == space + 2 else y[0]

    def _group(self, core: AnalogCore, images: torch.Tensor) -> torch.Tensor:
        if self._windows.bias_rows:
            ones = images.new_ones(len(images), self._windows.bias_rows, *images.shape[2:])
            images = torch.cat([images, ones], dim=1)
        out = core.multiply(to_array(images, core.backend), self._windows)
        return to_tensor(core.backend.xp.moveaxis(out, 0, 1))

    def _padded(self, images: torch.Tensor) -> torch.Tensor:
        if self._digital_pads is None:
            return images
        mode = "constant" if self.padding_mode == "zeros" else self.padding_mode
        return functional.pad(images, self._digital_pads, mode=mode)

    def _add_bias(self, y: torch.Tensor) -> torch.Tensor:
        bias = self.bias.reshape(-1, *[1] * len(self.kernel_size))
        return y.add_(bias) if y.dtype == bias.dtype else y + bias

    def _gradients(
        self, grad: torch.Tensor, x: torch.Tensor, held: torch.Tensor | None, needs: Needs
    ) -> Gradients:
        space = len(self.kernel_size)
        if x.ndim == space + 1:
            grad, batch = grad[None], x[None]
        else:
            batch = x
        if held is None:
            held = self.weight.detach()
        convolved, padding = self._convolved(batch)
        grad_x, grad_weight, grad_bias = torch.ops.aten.convolution_backward(
            grad, convolved, held.to(grad.dtype), [self.out_channels], self.stride, padding,
            self.dilation, False, [0] * space, self.groups, list(needs[:3]),
        )  # fmt: skip
        if needs[0]:
            grad_x = self._unpadded(grad_x, batch).reshape(x.shape)
        return grad_x if needs[0] else None, grad_weight, grad_bias

    def _convolved(self, batch: torch.Tensor) -> tuple[torch.Tensor, list[int]]:
        """What the digital convolution sees, and the zero padding it adds itself."""
        if self._digital_pads is None:
            return batch, list(self._windows.padding)
        return self._padded(batch), [0] * len(self.kernel_size)

    def _unpadded(self, grad: torch.Tensor, batch: torch.Tensor) -> torch.Tensor:
        """The gradient of the padding: adds up what each input was copied to."""
        if self._digital_pads is None:
            return grad
        with torch.enable_grad():
            leaf = torch.zeros_like(batch, requires_grad=True)
            (back,) = torch.autograd.grad(self._padded(leaf), leaf, grad)
        return back


def shows_rounding(params: CrossSimParameters) -> bool:
    """Where one code that falls the other way is seen in the class of an image.

    Codes of phases are added up, and an offset much larger than the product is taken off. Currents
    are then rounded in the order of a plain matrix product, as on the unrolled hardware.
    """
    core, adc, dac = params.core, params.xbar.adc.mvm, params.xbar.dac.mvm
    offset = core.style.name == "OFFSET" and core.offset.style.name == "DIGITAL_OFFSET"
    return offset and adc.adc_per_ibit and dac.input_bitslicing


class AnalogConv1d(AnalogConv, nn.Conv1d):
    """``torch.nn.Conv1d`` on arrays; arguments as of ``AnalogConv``."""

    def __init__(self, params: LayerParams, *args: Any, bias_rows: int = 0, **kwargs: Any) -> None:
        nn.Conv1d.__init__(self, *args, **kwargs)
        self._wire(params, bias_rows)


class AnalogConv2d(AnalogConv, nn.Conv2d):
    """``torch.nn.Conv2d`` on arrays; arguments as of ``AnalogConv``."""

    def __init__(self, params: LayerParams, *args: Any, bias_rows: int = 0, **kwargs: Any) -> None:
        nn.Conv2d.__init__(self, *args, **kwargs)
        self._wire(params, bias_rows)


class AnalogConv3d(AnalogConv, nn.Conv3d):
    """``torch.nn.Conv3d`` on arrays; arguments as of ``AnalogConv``."""

    def __init__(self, params: LayerParams, *args: Any, bias_rows: int = 0, **kwargs: Any) -> None:
        nn.Conv3d.__init__(self, *args, **kwargs)
        self._wire(params, bias_rows)
