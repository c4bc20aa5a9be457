"""Layers of several matrices: each part has arrays of its own and a product with a gradient."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import nn

from adapters.torch.layers.layer import AnalogLayer
from adapters.torch.layers.linear import AnalogLinear
from adapters.torch.runtime.computed import with_settled_weights
from simulator import AnalogCore, InputError


class Part(AnalogLinear):
    """One matrix that a layer makes of its parameters; no model lists it.

    ``form`` makes the matrix (outputs, lines), bias lines included, so that gradients reach the
    parameters. Calls pass it in: a layer that runs a sequence makes it once.
    """

    bias = None

    def __init__(self, form: Callable[[], torch.Tensor], owner: AnalogLayer, name: str) -> None:
        nn.Module.__init__(self)
        path = f"{owner.path}/{name}"
        # Past torch's bookkeeping, for which the owner would be a module of the part.
        self.__dict__.update(form=form, name=name, path=path, owner=owner, chip=owner.chip)
        self.__dict__.update(_params=owner._params, _bias_rows=0)
        self.__dict__.update(ideal=False, auto_synchronize=False)
        self.reinitialize()

    @property
    def _told(self) -> set[str]:
        return self.owner._told

    @property
    def redraw(self) -> str:
        """When programming errors are drawn anew: the choice of the owner."""
        return self.owner.redraw

    @property
    def clip_gradient(self) -> bool:
        """Whether clipped values get no gradient: the choice of the owner."""
        return self.owner.clip_gradient

    @property
    def epoch(self) -> int:
        """The epoch that the owner is in."""
        return self.owner.epoch

    @property
    def weight(self) -> torch.Tensor:  # type: ignore[override]
        """The matrix of the present parameters."""
        return self.form()

    @property
    def out_features(self) -> int:  # type: ignore[override]
        """Outputs of the arrays."""
        return self.core.shape[0]

    def _followed(self) -> dict[str, torch.Tensor]:
        # Its owner watches the parameters.
        return {}

    def forward(self, x: torch.Tensor, matrix: torch.Tensor) -> torch.Tensor:
        """Products (..., outputs) of ``matrix``, as the arrays hold it, with x (..., lines)."""
        return self._run(x, matrix, None)


class CompositeLayer(AnalogLayer):
    """A layer with several matrices, each a ``Part``."""

    parts: dict[str, Part]

    def _forms(self) -> dict[str, Callable[[], torch.Tensor]]:
        """What makes the matrix of every part, by the name of the part."""
        raise NotImplementedError

    @property
    def analog_bias(self) -> bool:
        """True where the arrays hold the bias."""
        names = self._followed()
        return any("bias" in name for name in names)

    @property
    def arrays(self) -> list[AnalogCore]:  # type: ignore[override]
        """The arrays of all parts."""
        return [core for part in self.parts.values() for core in part.arrays]

    @with_settled_weights
    def reinitialize(self) -> None:
        """Build the arrays anew from ``params``: new fabrication, new programming errors."""
        self.parts = {name: Part(form, self, name) for name, form in self._forms().items()}
        self.chip += 1
        self._mark()

    def _program(self) -> None:
        for name, parameter in self._followed().items():
            if not bool(parameter.detach().isfinite().all()):
                raise InputError(f"layer {self.path!r}: {name} contains NaN or infinity")
        for part in self.parts.values():
            part._program()
        self._mark()

    def _mark(self) -> None:
        super()._mark()
        for part in self.parts.values():
            part._mark()

    def _forget(self) -> None:
        for part in self.parts.values():
            part._forget()

    @with_settled_weights
    def form_matrix(self) -> dict[str, torch.Tensor]:
        """The target matrix of every part, (outputs, inputs + bias rows)."""
        return {name: part.form_matrix() for name, part in self.parts.items()}

    def get_matrix(self) -> dict[str, torch.Tensor]:
        """The matrix that the arrays of every part hold, in the shapes of ``form_matrix``."""
        return {name: part.get_matrix() for name, part in self.parts.items()}

    @with_settled_weights
    def _held_matrices(self) -> dict[str, torch.Tensor]:
        """``get_matrix``, made up for drift where the arrays are."""
        return {name: part.get_core_weights()[0] for name, part in self.parts.items()}
