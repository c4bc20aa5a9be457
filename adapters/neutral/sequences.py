"""Stacks of recurrent cells, one for each layer; running through time is the caller's."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike

from adapters.neutral.cells import AnalogCell, AnalogGRUCell, AnalogLSTMCell, AnalogRNNCell
from adapters.neutral.layer import count
from adapters.shared.per_layer import LayerParams
from simulator import ParameterError

MASK = re.compile(r"((?:weight|bias)_(?:ih|hh))_l(\d+)_mask")


class AnalogCells:
    """Layers of one kind of cell; the inputs of a layer are the hidden states of the one below.

    ``cells[i]`` and ``core[i]`` are cell i; ``shape``, ``min`` and their like are lists, one entry
    per cell; ``weight_ih_l0_mask`` is ``weight_ih_mask`` of cell 0.

    Args:
        params: the hardware of all cells, or a list with that of each.
        input_size: inputs of the first layer.
        hidden_size: units of every layer.
        num_layers: how many layers there are.
        bias_ih_rows: input lines that hold ``bias_ih``, one number or one for each layer.
        bias_hh_rows: those of ``bias_hh``, likewise.
        stream: of the first layer; the next ones count on.
        options: other arguments of the cell.

    Raises:
        ParameterError: a list of the wrong length, and what a cell refuses.
    """

    cell_class: ClassVar[type[AnalogCell]]
    cells: list[AnalogCell]

    def __init__(
        self,
        params: LayerParams | list[LayerParams],
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias_ih_rows: int | Sequence[int] = 0,
        bias_hh_rows: int | Sequence[int] = 0,
        *,
        stream: int = 0,
        **options: Any,
    ) -> None:
        self.num_layers = count("num_layers", num_layers)
        trees = self._of_layers("params", params)
        rows = [
            self._of_layers(name, value)
            for name, value in (("bias_ih_rows", bias_ih_rows), ("bias_hh_rows", bias_hh_rows))
        ]
        self.cells = [
            self.cell_class(
                trees[k], hidden_size if k else input_size, hidden_size,
                bias_ih_rows=rows[0][k], bias_hh_rows=rows[1][k], stream=stream + k, **options,
            )
            for k in range(self.num_layers)
        ]  # fmt: skip

    def _of_layers(self, name: str, value: Any) -> list[Any]:
        if not isinstance(value, list | tuple):
            return [value] * self.num_layers
        if len(value) != self.num_layers:
            raise ParameterError(
                f"{name}: got {len(value)} entries; needed is one, or one for each of "
                f"{self.num_layers} layers"
            )
        return list(value)

    @property
    def core(self) -> list[AnalogCell]:
        """The cells."""
        return self.cells

    def form_matrix(self, weights: Sequence[Sequence[ArrayLike]]) -> list[np.ndarray]:
        """The target matrices of weights.

        Args:
            weights: for each layer (weight_ih, weight_hh[, bias_ih, bias_hh]), in torch's shapes.

        Returns:
            What ``form_matrix`` of each cell returns.

        Raises:
            ParameterError: another number of layers.
            ShapeError: weights of another shape.
        """
        pairs = zip(self.cells, self._of_layers("weights", list(weights)), strict=True)
        return [cell.form_matrix(*given) for cell, given in pairs]

    def set_matrix(self, matrices: Sequence[ArrayLike], verbose: bool = False) -> None:
        """Program the matrix of every layer: new programming errors.

        Args:
            matrices: what ``form_matrix`` returned.
            verbose: log the ranges of the matrices.

        Raises:
            ParameterError: another number of layers.
            ShapeError, InputError: a matrix of another shape, or values that are not finite.
        """
        pairs = zip(self.cells, self._of_layers("matrices", list(matrices)), strict=True)
        for cell, matrix in pairs:
            cell.set_matrix(matrix, verbose=verbose)

    def get_matrix(self) -> list[np.ndarray]:
        """The matrix that the cells of every layer hold."""
        return [cell.get_matrix() for cell in self.cells]

    def get_core_weights(self) -> list[tuple[Any, Any, Any, Any]]:
        """Weights and biases of every layer, as the cells hold them."""
        return [cell.get_core_weights() for cell in self.cells]

    def apply(
        self, layer: int, x: ArrayLike, h: ArrayLike, c: ArrayLike | None = None
    ) -> np.ndarray:
        """Pre-activations of one step of one layer.

        Args:
            layer: its number, the lowest first.
            x: its inputs (batch, inputs), or without the batch.
            h: its hidden state (batch, hidden_size), likewise.
            c: its cell state, if any, which drives no lines.

        Returns:
            (batch, gates * hidden_size), or without the batch.
        """
        return self.cells[layer].apply(x, h, c)

    def __getattr__(self, name: str) -> Any:
        found = MASK.fullmatch(name)
        if found and int(found[2]) < len(vars(self).get("cells", ())):
            return getattr(self.cells[int(found[2])], f"{found[1]}_mask")
        if name in PER_CELL:
            return [getattr(cell, name) for cell in self.cells]
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")


# Attributes of cells that a stack has as lists.
PER_CELL = frozenset(
    ("params", "shape", "min", "max", "absmax", "dtype", "cores", "Ncores")
    + ("num_cores_row", "num_cores_col", "weight_mask", "bias_mask")
)


class AnalogRNN(AnalogCells):
    """Layers of ``AnalogRNNCell``."""

    cell_class = AnalogRNNCell

    def __init__(
        self,
        params: LayerParams | list[LayerParams],
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        nonlinearity: str = "tanh",
        bias_ih_rows: int | Sequence[int] = 0,
        bias_hh_rows: int | Sequence[int] = 0,
        *,
        stream: int = 0,
    ) -> None:
        super().__init__(
            params, input_size, hidden_size, num_layers, bias_ih_rows, bias_hh_rows,
            stream=stream, nonlinearity=nonlinearity,
        )  # fmt: skip


class AnalogLSTM(AnalogCells):
    """Layers of ``AnalogLSTMCell``."""

    cell_class = AnalogLSTMCell


class AnalogGRU(AnalogCells):
    """Layers of ``AnalogGRUCell``."""

    cell_class = AnalogGRUCell
