"""What all analog layers share: arrays that follow the weights, and a product with a gradient."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.autograd.function import once_differentiable

from adapters.lowering import layer_matrix, split_matrix, stream_of
from adapters.torch.state import LayerState
from adapters.torch.tensors import to_array, to_tensor, torch_entropy
from simulator import AnalogCore, CrossSimParameters, InputError, ParameterError

REDRAW = ("step", "epoch", "fixed")


class AnalogLayer(LayerState, nn.Module):
    """A layer whose products run on simulated arrays.

    Its parameters are those of the digital layer; the arrays hold a copy of them, programmed when
    the layer is built and again by ``synchronize``. Forward goes through the arrays, backward
    through the weights that the arrays really hold.
    """

    groups: int
    weight: nn.Parameter
    bias: nn.Parameter | None
    _held: Any
    _reach: float | None
    _versions: list[int] | None

    def _wire(
        self,
        params: CrossSimParameters | list[CrossSimParameters],
        bias_rows: int,
        path: str = "",
        *,
        auto_synchronize: bool = False,
        redraw: str = "step",
        clip_gradient: bool = False,
    ) -> None:
        """Build and program the arrays of a layer whose weights are in place."""
        bias_rows = _checked_rows(bias_rows)
        if redraw not in REDRAW:
            raise ParameterError(f"redraw: got {redraw!r}; allowed is one of {REDRAW}")
        self.__dict__["_params"] = _copied(params)
        self.__dict__["_bias_rows"] = bias_rows
        self.path, self.ideal = path, False
        self.auto_synchronize, self.redraw, self.clip_gradient = (
            auto_synchronize, redraw, clip_gradient,
        )  # fmt: skip
        self.epoch, self.chip = 1, 0
        self.arrays: list[AnalogCore] = []
        self.reinitialize()

    # -- parameters --------------------------------------------------------------------------

    @property
    def params(self) -> CrossSimParameters | list[CrossSimParameters]:
        """The hardware of this layer; assigning builds new arrays."""
        return self._params

    @params.setter
    def params(self, params: CrossSimParameters | list[CrossSimParameters]) -> None:
        self._replace("_params", _copied(params))

    @property
    def bias_rows(self) -> int:
        """Input lines that carry the bias; 0 adds it digitally. Assigning builds new arrays."""
        return self._bias_rows

    @bias_rows.setter
    def bias_rows(self, rows: int) -> None:
        self._replace("_bias_rows", _checked_rows(rows))

    def _replace(self, name: str, value: Any) -> None:
        before = self.__dict__[name]
        self.__dict__[name] = value
        try:
            self.reinitialize()
        except Exception:
            self.__dict__[name] = before
            raise

    @property
    def analog_bias(self) -> bool:
        """True where the arrays hold the bias."""
        return self.bias is not None and self._bias_rows > 0

    @property
    def core(self) -> AnalogCore:
        """The array of the layer; of the first group, where there are several."""
        return self.arrays[0]

    # -- programming -------------------------------------------------------------------------

    def form_matrix(self) -> torch.Tensor:
        """The target matrix (outputs, inputs of one group + bias rows), float32 or float64."""
        return to_tensor(np.array(self._target()))

    def _target(self) -> Any:
        weight = self.weight.detach()
        bias = self.bias.detach() if self.analog_bias else None
        if weight.dtype in (torch.float16, torch.bfloat16):
            weight, bias = weight.float(), None if bias is None else bias.float()
        backend = self.arrays[0].backend if self.arrays else None
        if backend is None:
            return layer_matrix(weight, bias, self._bias_rows, torch).contiguous().cpu().numpy()
        weight, bias = (None if t is None else to_array(t, backend) for t in (weight, bias))
        return layer_matrix(weight, bias, self._bias_rows, backend.xp)

    def _blocks(self, matrix: Any) -> list[Any]:
        """The rows of each group."""
        rows = len(matrix) // self.groups
        return [matrix[g * rows : (g + 1) * rows] for g in range(self.groups)]

    def reinitialize(self) -> None:
        """Build the arrays anew from ``params``: new fabrication, new programming errors."""
        blocks = self._blocks(self._target())
        built = []
        for group, block in enumerate(blocks):
            name = self.path if self.groups == 1 else f"{self.path}/{group}"
            stream = stream_of(f"{name}#{self.chip}" if self.chip else name)
            core = AnalogCore(
                block, self._params, stream=stream, entropy=torch_entropy, empty_matrix=True
            )
            core.set_matrix(block, draw=self._draw)
            built.append(core)
        self.arrays, self.chip = built, self.chip + 1
        self._mark()

    @torch.compiler.disable
    def synchronize(self) -> None:
        """Program the arrays with the present parameters.

        Raises InputError naming the layer for weights that are not finite.
        """
        blocks = self._blocks(self._target())
        if any(core.shape != block.shape for core, block in zip(self.arrays, blocks, strict=True)):
            self.reinitialize()
            return
        try:
            for core, block in zip(self.arrays, blocks, strict=True):
                core.set_matrix(block, draw=self._draw)
        except InputError as error:
            raise InputError(f"layer {self.path!r}: {error}") from None
        self._mark()

    def set_time(self, time: float) -> None:
        """Look at the cells at a time since programming, in the time unit of the drift model."""
        for core in self.arrays:
            core.time = time

    @property
    def _draw(self) -> int | None:
        """Which programming errors are drawn: new ones each step or epoch, or always the same."""
        return {"step": None, "epoch": self.epoch, "fixed": 1}[self.redraw]

    def _mark(self) -> None:
        """The arrays now hold the parameters as they are."""
        # Past torch's bookkeeping of attributes, which costs more than the values.
        self.__dict__.update(
            _programmed_from=self._stamp(),
            _copy=self._values() if self.auto_synchronize else None,
            _held=None,
            _reach=None,
            _versions=None,
        )

    def _values(self) -> list[torch.Tensor]:
        held = (self.weight, self.bias) if self.analog_bias else (self.weight,)
        return [t.detach().clone() for t in held]

    def _is_stale(self) -> bool:
        """Whether a parameter changed since the arrays were programmed, however it was done."""
        if self._stamp() != self._programmed_from or self._copy is None:
            return True
        # A change through ``.data`` leaves no trace but the values.
        held = (self.weight, self.bias) if self.analog_bias else (self.weight,)
        return not all(torch.equal(now, then) for now, then in zip(held, self._copy, strict=True))

    def _stamp(self) -> tuple[Any, ...]:
        """Changes whenever a parameter does, in place or not."""
        held = (self.weight, self.bias) if self.analog_bias else (self.weight,)
        return tuple((t.data_ptr(), 0 if t.is_inference() else t._version) for t in held)

    def __setattr__(self, name: str, value: Any) -> None:
        if name not in ("weight", "bias") or not self.__dict__.get("arrays"):
            super().__setattr__(name, value)
            return
        before = self._parameters.get(name)
        if before is not None and value is not None and value.shape != before.shape:
            raise ParameterError(
                f"layer {self.path!r}: {name} of shape {tuple(value.shape)}; "
                f"allowed is {tuple(before.shape)}"
            )
        super().__setattr__(name, value)
        try:
            self.synchronize()
        except Exception:
            super().__setattr__(name, before)
            raise

    # -- reading back ------------------------------------------------------------------------

    def get_matrix(self) -> torch.Tensor:
        """The matrix the arrays hold, in the shape of ``form_matrix``."""
        matrices = [to_tensor(core.get_matrix()) for core in self.arrays]
        return matrices[0] if len(matrices) == 1 else torch.cat(matrices)

    def get_core_weights(self) -> tuple[torch.Tensor, torch.Tensor | None]:
        """Weight and bias with all errors of the cells, in the shapes of the digital layer.

        Made up for drift, where the arrays are.
        """
        rows = self._bias_rows if self.analog_bias else 0
        matrices = [to_tensor(core.get_matrix() * core.compensation) for core in self.arrays]
        matrix = matrices[0] if len(matrices) == 1 else torch.cat(matrices)
        weight, bias = split_matrix(matrix, tuple(self.weight.shape), rows)
        if bias is None and self.bias is not None:
            bias = self.bias.detach()
        return weight, bias

    def _keep_up(self) -> None:
        """Forget what followed from cells that were changed behind the layer's back."""
        versions = [core.version for core in self.arrays]
        if versions != self._versions:
            self.__dict__.update(_held=None, _reach=None, _versions=versions)

    @property
    def held_weight(self) -> torch.Tensor:
        """The weight that products are taken with, in shape and dtype of the parameter.

        Kept until the arrays are programmed anew.
        """
        return self._held_parameters[0].clone()

    @property
    def _held_parameters(self) -> tuple[torch.Tensor, torch.Tensor | None]:
        """Weight and analog bias (None without one) that products are taken with."""
        self._keep_up()
        if self._held is None:
            # Kept for later backward passes, so they must not be tensors of inference mode.
            with torch.inference_mode(False):
                matrices = [to_tensor(core.get_effective_matrix()) for core in self.arrays]
                matrix = matrices[0] if len(matrices) == 1 else torch.cat(matrices)
                rows = self._bias_rows if self.analog_bias else 0
                parts = split_matrix(matrix, tuple(self.weight.shape), rows)
                held = (None if part is None else part.to(self.weight.dtype) for part in parts)
                self.__dict__["_held"] = tuple(held)
        return self._held

    # -- multiplying -------------------------------------------------------------------------

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Product on the arrays plus digital bias; digitally inside ``with ideal(model)``."""
        if self.ideal:
            return super().forward(x)
        if self.auto_synchronize and self._is_stale():
            self.synchronize()
        dtype = x.dtype
        if not x.is_floating_point():
            raise RuntimeError(f"{type(self).__name__}: input of {dtype}; needed are real floats")
        if dtype in (torch.float16, torch.bfloat16):
            x = x.float()
        if torch.is_autocast_enabled(x.device.type):
            with torch.autocast(x.device.type, enabled=False):
                y = self._product(x)
        else:
            y = self._product(x)
        return y if y.dtype == dtype else y.to(dtype)

    @torch.compiler.disable
    def _product(self, x: torch.Tensor) -> torch.Tensor:
        if x.dtype != self.weight.dtype or not self._is_linear_for(x):
            return _ArrayProduct.apply(x, self.weight, self.bias, self)
        # Nothing but a product is left of the signal path, so torch can take it as it would
        # without arrays, with what they hold in place of the parameters.
        weight, bias = self._held_parameters
        weight = _standing_in(self.weight, weight)
        bias = self.bias if bias is None else _standing_in(self.bias, bias)
        return self._digital(x, weight, bias)

    def _is_linear_for(self, x: torch.Tensor) -> bool:
        if self.clip_gradient or not x.numel() or x.device != self.weight.device:
            return False
        if self.bias is not None and self.bias.dtype != x.dtype:
            return False
        self._keep_up()
        if self._reach is None:
            self.__dict__["_reach"] = min(core.linear_reach for core in self.arrays)
        # Bias lines carry ones.
        if self._reach <= (1.0 if self.analog_bias else 0.0):
            return False
        low, high = torch.aminmax(x.detach())
        # False for NaN and infinity too: the arrays name their place.
        return max(-float(low), float(high)) < self._reach

    def _digital(
        self, x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None
    ) -> torch.Tensor:
        """The product of the digital layer with other parameters."""
        raise NotImplementedError

    def _multiply(self, x: torch.Tensor) -> torch.Tensor:
        """The analog product, without digital bias."""
        raise NotImplementedError

    def _add_bias(self, y: torch.Tensor) -> torch.Tensor:
        """``y`` plus the digital bias; ``y`` may be overwritten."""
        raise NotImplementedError

    def _gradients(
        self, grad: torch.Tensor, x: torch.Tensor, held: Any, needs: tuple[bool, ...]
    ) -> tuple:
        """Gradients of the digital layer with the ``held`` weights, for x, weight and bias."""
        raise NotImplementedError

    def _masked(self, x: torch.Tensor, grad_x: Any, grad_weight: Any, grad_bias: Any) -> tuple:
        """Zero gradients where inputs, weights or an analog bias are clipped by their ranges."""
        if not self.clip_gradient:
            return grad_x, grad_weight, grad_bias
        core = self.core
        limits = core.params.core.mapping.inputs.mvm
        if grad_x is not None and limits.percentile is None and core.params.xbar.dac.mvm.bits > 0:
            grad_x = grad_x * ((x >= limits.min) & (x <= limits.max))
        if core.weight_clipping:
            if grad_weight is not None:
                grad_weight = grad_weight * self._in_range(self.weight.detach())
            if grad_bias is not None and self.analog_bias:
                grad_bias = grad_bias * self._in_range(self.bias.detach() / self._bias_rows)
        return grad_x, grad_weight, grad_bias

    def _in_range(self, weights: torch.Tensor) -> torch.Tensor:
        return (weights >= self.core.min) & (weights <= self.core.max)


class _ArrayProduct(torch.autograd.Function):
    """Forward through the arrays, backward through the weights they hold."""

    @staticmethod
    def forward(ctx: Any, x: Any, weight: Any, bias: Any, layer: AnalogLayer) -> torch.Tensor:
        ctx.layer = layer
        held = layer._held_parameters[0] if ctx.needs_input_grad[0] else None
        ctx.save_for_backward(x, held)
        y = _plain(layer._multiply(x))
        if bias is not None and not layer.analog_bias:
            y = layer._add_bias(y)
        return y

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: torch.Tensor) -> tuple:  # type: ignore[override]
        x, held = ctx.saved_tensors
        layer, needs = ctx.layer, ctx.needs_input_grad
        grads = layer._masked(x, *layer._gradients(grad, x.to(grad.dtype), held, needs))
        return (None if grads[0] is None else grads[0].to(x.dtype), *grads[1:], None)


def _standing_in(parameter: torch.Tensor, held: torch.Tensor) -> torch.Tensor:
    """``held``, with the gradient going to the parameter that it was programmed from."""
    if not (parameter.requires_grad and torch.is_grad_enabled()):
        return held
    # Adds exactly nothing.
    return (parameter - parameter.detach()).add_(held)


def _copied(params: Any) -> Any:
    """A copy of the parameters of a layer: one tree, or a list with one for each array."""
    several = isinstance(params, (list, tuple))
    for tree in params if several else [params]:
        if not isinstance(tree, CrossSimParameters):
            raise ParameterError(
                f"params: got {type(tree).__name__}; allowed is CrossSimParameters or a list of it"
            )
    return [tree.copy() for tree in params] if several else params.copy()


def _checked_rows(rows: Any) -> int:
    try:
        number = -1 if isinstance(rows, bool) else operator.index(rows)
    except TypeError:
        number = -1
    if number < 0:
        raise ParameterError(f"bias_rows: got {rows!r}; allowed is an integer >= 0")
    return number


def _plain(y: torch.Tensor) -> torch.Tensor:
    """``y`` as a contiguous tensor that is no view, so that its users can change it in place."""
    y = y.contiguous()
    return y.clone() if y._is_view() else y
