"""The analog ``torch.nn.MultiheadAttention``: projections on arrays, scores digital."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import nn
from torch.nn import functional

from adapters.shared.lowering import layer_matrix, split_matrix
from adapters.shared.per_layer import LayerParams
from adapters.torch.layers.composite import CompositeLayer
from simulator import InputError, ShapeError

INPUTS = ("q", "k", "v")


class AnalogMultiheadAttention(CompositeLayer, nn.MultiheadAttention):
    """``torch.nn.MultiheadAttention`` with its four projections on arrays of their own.

    The parts are "q", "k", "v" and "out". Scores, softmax, ``bias_k`` and ``bias_v`` are digital.

    Args:
        params: the hardware of every projection; one tree, or a list with one for each array.
        args, kwargs: those of ``torch.nn.MultiheadAttention``.
        bias_rows: input lines of every part that hold its bias; 0 adds it digitally.

    Raises:
        ParameterError, ModelError: parameters that no array can have.
    """

    def __init__(self, params: LayerParams, *args: Any, bias_rows: int = 0, **kwargs: Any) -> None:
        nn.MultiheadAttention.__init__(self, *args, **kwargs)
        self._wire(params, bias_rows)

    # -- parameters as matrices ----------------------------------------------------------------

    def _forms(self) -> dict[str, Callable[[], torch.Tensor]]:
        return {name: partial(self._matrix, name) for name in (*INPUTS, "out")}

    def _matrix(self, name: str) -> torch.Tensor:
        weight, bias = self._projection(name)
        return layer_matrix(weight, bias, self._bias_rows, torch)

    def _projection(self, name: str) -> tuple[torch.Tensor, torch.Tensor | None]:
        """Weight and bias of one part."""
        if name == "out":
            return self.out_proj.weight, self.out_proj.bias
        block = slice(
            INPUTS.index(name) * self.embed_dim, (INPUTS.index(name) + 1) * self.embed_dim
        )
        bias = None if self.in_proj_bias is None else self.in_proj_bias[block]
        if self._qkv_same_embed_dim:
            return self.in_proj_weight[block], bias
        return getattr(self, f"{name}_proj_weight"), bias

    def _followed(self) -> dict[str, torch.Tensor]:
        if self._qkv_same_embed_dim:
            followed = {"in_proj_weight": self.in_proj_weight}
        else:
            names = [f"{name}_proj_weight" for name in INPUTS]
            followed = {name: getattr(self, name) for name in names}
        followed["out_proj.weight"] = self.out_proj.weight
        if self._bias_rows and self.in_proj_bias is not None:
            followed["in_proj_bias"] = self.in_proj_bias
            followed["out_proj.bias"] = self.out_proj.bias
        return followed

    def physical_parameters(self) -> dict[str, torch.Tensor]:
        """Weights, and biases on arrays, with all errors of the cells, by their names in torch."""
        rows = self._bias_rows if self.analog_bias else 0
        shape = {name: tuple(self._projection(name)[0].shape) for name in self.parts}
        held = {
            name: split_matrix(matrix, shape[name], rows)
            for name, matrix in self._held_matrices().items()
        }
        weights = [held[name][0] for name in INPUTS]
        if self._qkv_same_embed_dim:
            values = {"in_proj_weight": torch.cat(weights)}
        else:
            names = [f"{name}_proj_weight" for name in INPUTS]
            values = dict(zip(names, weights, strict=True))
        values["out_proj.weight"] = held["out"][0]
        if rows:
            values["in_proj_bias"] = torch.cat([held[name][1] for name in INPUTS])
            values["out_proj.bias"] = held["out"][1]
        return values

    # -- parameters of a child -------------------------------------------------------------------

    def _load_from_state_dict(
        self, state_dict: Any, prefix: str, metadata: Any, *rest: Any
    ) -> None:
        # Torch loads children after their parent, but the arrays hold out_proj as well. What is
        # missing or does not fit is told when torch loads it.
        before, in_step = dict(self.out_proj._parameters), self._is_in_step()
        values = [(p, p.detach().clone()) for p in self.out_proj.parameters()]
        self.out_proj._load_from_state_dict(
            state_dict, f"{prefix}out_proj.", metadata, False, [], [], []
        )
        try:
            super()._load_from_state_dict(state_dict, prefix, metadata, *rest)
        except Exception:
            self.out_proj._parameters.update(before)
            with torch.no_grad():
                for parameter, kept in values:
                    parameter.copy_(kept)
            self._unchanged(in_step)
            raise

    # -- a call ----------------------------------------------------------------------------------

    def _analog_forward(
        self,
        query: torch.Tensor,
        key: torch.Tensor,
        value: torch.Tensor,
        key_padding_mask: torch.Tensor | None = None,
        need_weights: bool = True,
        attn_mask: torch.Tensor | None = None,
        average_attn_weights: bool = True,
        is_causal: bool = False,
    ) -> tuple[torch.Tensor, torch.Tensor | None]:
        self._check_shapes(query, key, value)
        if is_causal and attn_mask is None:
            raise InputError(f"layer {self.path!r}: is_causal without attn_mask; give the mask too")
        single, axis = query.ndim == 2, 0 if self.batch_first else 1
        if single:
            query, key, value = (x.unsqueeze(axis) for x in (query, key, value))
            key_padding_mask = None if key_padding_mask is None else key_padding_mask[None]
        q, k, v = (
            self._heads(self._project(name, x))
            for name, x in zip(INPUTS, (query, key, value), strict=True)
        )
        k, v, more = self._longer(k, v)
        # Whether the mask is causal is of use to a kernel that needs no scores.
        causal = is_causal and key_padding_mask is None and not need_weights
        mask = None if causal else self._mask(attn_mask, key_padding_mask, q, k, more)
        attended, weights = self._attend(q, k, v, mask, causal, need_weights)
        order = (0, 2, 1, 3) if self.batch_first else (2, 0, 1, 3)
        y = self._project("out", attended.permute(order).flatten(2))
        if weights is not None and average_attn_weights:
            weights = weights.mean(dim=1)
        if single:
            return y.squeeze(axis), None if weights is None else weights[0]
        return y, weights

    def _check_shapes(self, *inputs: torch.Tensor) -> None:
        """Raises ShapeError naming the layer where query, key and value do not fit."""
        if any(x.is_nested for x in inputs):
            raise InputError(
                f"layer {self.path!r}: nested tensors; allowed are padded ones and key_padding_mask"
            )
        query, key, value = (tuple(x.shape) for x in inputs)
        widths = (self.embed_dim, self.kdim, self.vdim)
        batch = 0 if self.batch_first else 1
        fits = len(query) in (2, 3) and len(query) == len(key) and key[:-1] == value[:-1]
        fits = fits and tuple(shape[-1] for shape in (query, key, value)) == widths
        if not fits or (len(query) == 3 and query[batch] != key[batch]):
            order = "(batch, length, features)" if self.batch_first else "(length, batch, features)"
            raise ShapeError(
                f"layer {self.path!r}: query {query}, key {key}, value {value}; needed are {order} "
                f"or (length, features) of {widths} features, key and value of one length"
            )

    def _project(self, name: str, x: torch.Tensor) -> torch.Tensor:
        """Products (..., embed_dim) of one part with x (..., features), bias included."""
        bias = self._projection(name)[1]
        if self.analog_bias:
            x = torch.cat([x, x.new_ones(*x.shape[:-1], self._bias_rows)], dim=-1)
        try:
            y = self.parts[name](x, self._matrix(name))
        except InputError as error:
            raise InputError(f"layer {self.path!r}, projection {name!r}: {error}") from None
        return y if bias is None or self.analog_bias else y + bias.to(y.dtype)

    def _heads(self, x: torch.Tensor) -> torch.Tensor:
        """Features of every head, (batch, heads, length, head_dim)."""
        split = x.unflatten(-1, (self.num_heads, self.head_dim))
        return split.permute((0, 2, 1, 3) if self.batch_first else (1, 2, 0, 3))

    def _longer(self, k: torch.Tensor, v: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, int]:
        """Keys and values with those that every query sees, and how many these are."""
        batch, more = k.shape[0], 0
        if self.bias_k is not None:
            shape = (1, self.num_heads, 1, self.head_dim)
            k, v = (
                torch.cat([x, extra.to(x.dtype).view(shape).expand(batch, -1, -1, -1)], dim=2)
                for x, extra in ((k, self.bias_k), (v, self.bias_v))
            )
            more += 1
        if self.add_zero_attn:
            k, v = (functional.pad(x, (0, 0, 0, 1)) for x in (k, v))
            more += 1
        return k, v, more

    def _mask(self, attn: Any, padding: Any, q: torch.Tensor, k: torch.Tensor, more: int) -> Any:
        """What is added to the scores, broadcast to (batch, heads, queries, keys); or None."""
        batch, heads, queries, keys = *q.shape[:3], k.shape[2] - more
        total = None
        if attn is not None:
            shapes = [(queries, keys), (batch * heads, queries, keys)]
            attn = self._additive("attn_mask", attn, shapes, q.dtype)
            total = attn[None, None] if attn.ndim == 2 else attn.unflatten(0, (batch, heads))
        if padding is not None:
            padding = self._additive("key_padding_mask", padding, [(batch, keys)], q.dtype)
            padding = padding[:, None, None]
            total = padding if total is None else total + padding
        return total if total is None else functional.pad(total, (0, more))

    def _additive(self, name: str, mask: torch.Tensor, shapes: list, dtype: Any) -> torch.Tensor:
        """A mask as numbers that are added to scores."""
        if tuple(mask.shape) not in shapes:
            raise ShapeError(
                f"layer {self.path!r}: {name} of shape {tuple(mask.shape)}; allowed is "
                + " or ".join(map(str, shapes))
            )
        if mask.is_floating_point():
            return mask.to(dtype)
        if mask.dtype != torch.bool:
            raise InputError(
                f"layer {self.path!r}: {name} of {mask.dtype}; allowed are bool and real floats"
            )
        return torch.zeros_like(mask, dtype=dtype).masked_fill_(mask, -math.inf)

    def _attend(
        self, q: Any, k: Any, v: Any, mask: Any, causal: bool, need_weights: bool
    ) -> tuple[torch.Tensor, torch.Tensor | None]:
        """Values (batch, heads, queries, head_dim) that were attended to, and the weights."""
        dropout = self.dropout if self.training else 0.0
        if not need_weights:
            attended = functional.scaled_dot_product_attention(q, k, v, mask, dropout, causal)
            return attended, None
        scores = (q / math.sqrt(self.head_dim)) @ k.transpose(-2, -1)
        weights = torch.softmax(scores if mask is None else scores + mask, dim=-1)
        weights = functional.dropout(weights, dropout)
        return weights @ v, weights
