"""Layers of one weight: the product on arrays, with a gradient."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch.autograd.function import once_differentiable

from adapters.shared.lowering import layer_matrix, split_matrix, stream_of
from adapters.torch.layers.layer import AnalogLayer
from adapters.torch.runtime.computed import settled, with_settled_weights
from adapters.torch.runtime.numbering import CallNumbers, numbering
from adapters.torch.runtime.processes import chip_entropy, warn_of_own_chips
from adapters.torch.runtime.tensors import in_torch_order, to_array, to_tensor
from simulator import AnalogCore, InputError, ParameterError

# Which of input, weight and bias want a gradient, and the gradients; None where none is wanted.
Needs = tuple[bool, ...]
Gradients = tuple[torch.Tensor | None, torch.Tensor | None, torch.Tensor | None]


class MatrixLayer(AnalogLayer):
    """A layer with one ``weight``: one array, or one for each group of outputs."""

    groups: int
    weight: Any
    bias: Any
    arrays: list[AnalogCore]
    _held: Any
    _reach: float | None

    def _followed(self) -> dict[str, torch.Tensor]:
        if self.analog_bias:
            return {"weight": self.weight, "bias": self.bias}
        return {"weight": self.weight}

    @property
    def analog_bias(self) -> bool:
        """True where the arrays hold the bias."""
        return self._bias_rows > 0 and self.bias is not None

    # -- programming -------------------------------------------------------------------------

    @with_settled_weights
    def form_matrix(self) -> torch.Tensor:
        """The target matrix (outputs, inputs of one group + bias rows), float32 or float64."""
        return to_tensor(self._target().copy())

    def _target(self) -> Any:
        weight = self._array_weight(self.weight.detach())
        bias = self.bias.detach() if self.analog_bias else None
        if weight.dtype in (torch.float16, torch.bfloat16):
            weight, bias = weight.float(), None if bias is None else bias.float()
        backend = self.arrays[0].backend if self.__dict__.get("arrays") else None
        if backend is None:
            return layer_matrix(weight, bias, self._bias_rows, torch).contiguous().cpu().numpy()
        weight, bias = (None if t is None else to_array(t, backend) for t in (weight, bias))
        return layer_matrix(weight, bias, self._bias_rows, backend.xp)

    def _array_weight(self, weight: torch.Tensor) -> torch.Tensor:
        """The weight with outputs first, as arrays hold it."""
        return weight

    def _layer_weight(self, weight: torch.Tensor) -> torch.Tensor:
        """The weight as the layer holds it; inverts the above."""
        return weight

    def _blocks(self, matrix: Any) -> list[Any]:
        """The rows of each group."""
        if self.groups == 1:
            return [matrix]
        rows = len(matrix) // self.groups
        return [matrix[g * rows : (g + 1) * rows] for g in range(self.groups)]

    @with_settled_weights
    def reinitialize(self) -> None:
        """Build the arrays anew from ``params``: new fabrication, new programming errors."""
        blocks = self._blocks(self._target())
        entropy, built = chip_entropy(self._params), []
        for group, block in enumerate(blocks):
            name = self.path if self.groups == 1 else f"{self.path}/{group}"
            stream = stream_of(f"{name}#{self.chip}" if self.chip else name)
            try:
                core = AnalogCore(
                    block, self._params, empty_matrix=True, stream=stream, entropy=entropy,
                    numbering=numbering,
                )  # fmt: skip
                core.watch.name, core.watch.told = self.path or type(self).__name__, self._told
                core.set_matrix(block, draw=self._draw)
            except InputError as error:
                raise InputError(f"layer {self.path!r}: {error}") from None
            built.append(core)
            # From now on torch's stream of the time is used, which knows nothing of this one.
            core.backend.wait()
        self.arrays, self.chip = built, self.chip + 1
        self._mark()

    @in_torch_order
    def _program(self) -> None:
        pairs = list(zip(self.arrays, self._blocks(self._target()), strict=True))
        if any(core.shape != block.shape for core, block in pairs):
            self.reinitialize()
            return
        try:
            for core, block in pairs:
                core.set_matrix(block, draw=self._draw)
        except InputError as error:
            raise InputError(f"layer {self.path!r}: {error}") from None
        self._mark()

    def _mark(self) -> None:
        super()._mark()
        was_linear = self.__dict__.get("_held") is not None and bool(self._reach)
        self.__dict__.update(_held=None, _reach=None, _versions=None)
        if was_linear:
            # The next call asks for both, and the cells are still in the processor's cache.
            _ = self._held_parameters, self.linear_reach

    # -- reading back ------------------------------------------------------------------------

    @in_torch_order
    def get_matrix(self) -> torch.Tensor:
        """The matrix the arrays hold, in the shape of ``form_matrix``."""
        matrices = [to_tensor(core.get_matrix()) for core in self.arrays]
        return matrices[0] if len(matrices) == 1 else torch.cat(matrices)

    @with_settled_weights
    @in_torch_order
    def get_core_weights(self) -> tuple[torch.Tensor, torch.Tensor | None]:
        """Weight and bias with all errors of the cells, made up for drift where the arrays are.

        Returns:
            In the shapes of the digital layer. A digital bias is returned as it is; None without.
        """
        rows = self._bias_rows if self.analog_bias else 0
        matrices = [to_tensor(core.get_matrix() * core.compensation) for core in self.arrays]
        matrix = matrices[0] if len(matrices) == 1 else torch.cat(matrices)
        weight, bias = self._split(matrix, rows)
        if bias is None and self.bias is not None:
            bias = self.bias.detach().clone()
        return weight, bias

    def physical_parameters(self) -> dict[str, torch.Tensor]:
        """Weight, and bias where there is one, with all errors of the cells."""
        weight, bias = self.get_core_weights()
        return {"weight": weight} if bias is None else {"weight": weight, "bias": bias}

    def _split(self, matrix: torch.Tensor, rows: int) -> tuple[torch.Tensor, torch.Tensor | None]:
        shape = self._array_weight(self.weight.detach()).shape
        if rows == 0:
            return self._layer_weight(matrix.reshape(shape)), None
        weight, bias = split_matrix(matrix, tuple(shape), rows)
        return self._layer_weight(weight), bias

    def _forget(self) -> None:
        self.__dict__.update(_held=None)

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
        with settled(self):
            return self._held_parameters[0].clone()

    @property
    def _held_parameters(self) -> tuple[torch.Tensor, torch.Tensor | None]:
        """Weight and analog bias (None without one) that products are taken with."""
        self._keep_up()
        if self._held is None:
            # Kept for later backward passes, so they must not be tensors of inference mode.
            if torch.is_inference_mode_enabled():
                with torch.inference_mode(False):
                    self.__dict__["_held"] = self._effective_parameters()
            else:
                self.__dict__["_held"] = self._effective_parameters()
        return self._held

    @in_torch_order
    def _effective_parameters(self) -> tuple[torch.Tensor, torch.Tensor | None]:
        matrices = [to_tensor(core.get_effective_matrix()) for core in self.arrays]
        matrix = matrices[0] if len(matrices) == 1 else torch.cat(matrices)
        weight, bias = self._split(matrix, self._bias_rows if self.analog_bias else 0)
        dtype = self.weight.dtype
        return weight.to(dtype), None if bias is None else bias.to(dtype)

    # -- multiplying -------------------------------------------------------------------------

    def _analog_forward(self, x: torch.Tensor) -> torch.Tensor:
        return self._run(x, self.weight, self.bias)

    def _run(
        self, x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None
    ) -> torch.Tensor:
        """The product with the arrays, in the dtype of ``x``; gradients go to the parameters."""
        dtype = x.dtype
        if not x.is_floating_point():
            raise RuntimeError(f"layer {self.path!r}: input of {dtype}; needed are real floats")
        if dtype in (torch.float16, torch.bfloat16):
            x = x.float()
        if torch.is_autocast_enabled(x.device.type):
            with torch.autocast(x.device.type, enabled=False):
                y = self._product(x, weight, bias)
        else:
            y = self._product(x, weight, bias)
        return y if y.dtype == dtype else y.to(dtype)

    @torch.compiler.disable
    @in_torch_order
    def _product(
        self, x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None
    ) -> torch.Tensor:
        warn_of_own_chips()
        if x.dtype != weight.dtype or not self._is_linear_for(x, weight, bias):
            with CallNumbers(self.__dict__.get("_origin", self), x):
                return _ArrayProduct.apply(x, weight, bias, self)
        # Nothing but a product is left of the signal path, so torch can take it as it would
        # without arrays, with what they hold in place of the parameters.
        held, held_bias = self._held_parameters
        bias = bias if held_bias is None else standing_in(bias, held_bias)
        return self._digital(x, standing_in(weight, held), bias)

    @property
    def linear_reach(self) -> float:
        """Inputs of smaller magnitude meet nothing but a product; see ``AnalogCore``."""
        self._keep_up()
        if self._reach is None:
            self.__dict__["_reach"] = min(core.linear_reach for core in self.arrays)
        return self._reach

    def _is_linear_for(
        self, x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None
    ) -> bool:
        if self.clip_gradient or not x.numel() or x.device != weight.device:
            return False
        if bias is not None and bias.dtype != x.dtype:
            return False
        # Bias lines carry ones.
        reach = self.linear_reach
        if reach <= (1.0 if self.analog_bias else 0.0):
            return False
        if x.is_cuda:
            # A look at the values would make the host wait for the device.
            return reach == math.inf
        low, high = torch.aminmax(x.detach())
        # False for NaN and infinity too: the arrays name their place.
        return -reach < low.item() and high.item() < reach

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
        self, grad: torch.Tensor, x: torch.Tensor, held: torch.Tensor | None, needs: Needs
    ) -> Gradients:
        """Gradients of the digital layer with the ``held`` weights, for x, weight and bias."""
        raise NotImplementedError

    def _masked(
        self,
        x: torch.Tensor,
        grad_x: torch.Tensor | None,
        grad_weight: torch.Tensor | None,
        grad_bias: torch.Tensor | None,
    ) -> Gradients:
        """Zero gradients where inputs, weights or an analog bias are clipped by their ranges."""
        if not self.clip_gradient:
            return grad_x, grad_weight, grad_bias
        inside = None if grad_x is None else self._inputs_in_range(x)
        if inside is not None:
            grad_x = grad_x * inside
        if any(held.weight_clipping for held in self.arrays):
            if grad_weight is not None:
                grad_weight = grad_weight * self._in_range(self.weight.detach())
            if grad_bias is not None and self.analog_bias:
                grad_bias = grad_bias * self._in_range(self.bias.detach() / self._bias_rows)
        return grad_x, grad_weight, grad_bias

    def _inputs_in_range(self, x: torch.Tensor) -> torch.Tensor | None:
        """Where inputs lie in the range of the DACs; None where there is no range."""
        dac = self.core.converter_ranges().dac
        return None if dac.low is None else (x >= dac.low) & (x <= dac.high)

    def _by_group(self, values: torch.Tensor) -> tuple[torch.Tensor, ...]:
        # Torch keeps the groups one after the other on the first axis, turned kernels too.
        return values.chunk(len(self.arrays))

    def _in_range(self, weights: torch.Tensor) -> torch.Tensor:
        """Where weights or biases, outputs first or last, are in the range of their arrays."""
        parts = self._by_group(weights)
        return torch.cat([(p >= c.min) & (p <= c.max) for p, c in zip(parts, self.arrays)])


class _ArrayProduct(torch.autograd.Function):
    """Forward through the arrays, backward through the weights they hold."""

    @staticmethod
    def forward(ctx: Any, x: Any, weight: Any, bias: Any, layer: MatrixLayer) -> torch.Tensor:
        ctx.layer = layer
        ctx.dtypes = [None if t is None else t.dtype for t in (x, weight, bias)]
        held = layer._held_parameters[0] if ctx.needs_input_grad[0] else None
        ctx.save_for_backward(x, held)
        try:
            y = _plain(layer._multiply(x))
        except ParameterError as error:  # ranges that nobody has found yet
            raise ParameterError(f"layer {layer.path!r}: {error}") from None
        if bias is not None and not layer.analog_bias:
            y = layer._add_bias(y)
        return y

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: torch.Tensor) -> tuple:  # type: ignore[override]
        x, held = ctx.saved_tensors
        layer, needs = ctx.layer, ctx.needs_input_grad
        grads = layer._masked(x, *layer._gradients(grad, x.to(grad.dtype), held, needs))
        cast = (g if g is None else g.to(t) for g, t in zip(grads, ctx.dtypes, strict=True))
        return (*cast, None)


def standing_in(parameter: torch.Tensor, held: torch.Tensor) -> torch.Tensor:
    """``held``, with the gradient going to the parameter that it was programmed from."""
    if not (parameter.requires_grad and torch.is_grad_enabled()):
        return held
    return _StandIn.apply(parameter, held)


class _StandIn(torch.autograd.Function):
    """The second tensor forward, the first backward, whatever values it has."""

    generate_vmap_rule = True

    @staticmethod
    def forward(parameter: torch.Tensor, held: torch.Tensor) -> torch.Tensor:  # type: ignore[override]
        return held.view_as(held)

    @staticmethod
    def setup_context(ctx: Any, inputs: Any, output: Any) -> None:
        pass

    @staticmethod
    def backward(ctx: Any, grad: torch.Tensor) -> tuple:  # type: ignore[override]
        return grad, None


def _plain(y: torch.Tensor) -> torch.Tensor:
    """``y`` as a contiguous tensor that is no view, so that its users can change it in place."""
    y = y.contiguous()
    return y.clone() if y._is_view() else y
