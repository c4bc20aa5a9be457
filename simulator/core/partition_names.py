"""How a matrix lies on its arrays, and the range of weights they were programmed for."""

from __future__ import annotations

from typing import Any

from simulator.chip.chip import Chip
from simulator.core.arraylike import on_device


class Geometry:
    """Numbers of a core that follow from its ``chip``."""

    chip: Chip
    # Counts changes of the cells, for whoever keeps something that follows from them.
    version = 0

    @property
    def time(self) -> float:
        """Time since programming, in the time unit of the drift model (mostly seconds).

        Assigning looks at the same chip at that time: every cell keeps what it drew at its
        programming. A fresh core starts at ``xbar.device.time``. Raises ParameterError for a time
        that is no number >= 0, ModelError for one that a model does not describe.
        """
        return self.chip.time

    @time.setter
    @on_device
    def time(self, time: float) -> None:
        self.chip.set_time(time)
        self._forget()

    @property
    @on_device
    def compensation(self) -> Any:
        """What products are multiplied by to make up for drift: a number, or one per weight."""
        return self.chip.compensation

    def _forget(self) -> None:
        """Called when the cells have changed."""
        raise NotImplementedError

    @property
    def Ncores(self) -> int:
        """Number of arrays the matrix is cut into."""
        return self.num_cores_row * self.num_cores_col

    @property
    def num_cores_row(self) -> int:
        """Number of parts the matrix rows are cut into."""
        return len(self.chip.rows.sizes)

    @property
    def num_cores_col(self) -> int:
        """Number of parts the matrix columns are cut into."""
        return len(self.chip.cols.sizes)

    @property
    def NrowsVec(self) -> list[int]:
        """Rows of every part."""
        return list(self.chip.rows.sizes)

    @property
    def NcolsVec(self) -> list[int]:
        """Columns of every part."""
        return list(self.chip.cols.sizes)

    @property
    def row_partition_bounds(self) -> list[tuple[int, int, int]]:
        """(part, first row, end) of every part."""
        return [(i, *bounds) for i, bounds in enumerate(self.chip.rows.bounds)]

    @property
    def col_partition_bounds(self) -> list[tuple[int, int, int]]:
        """(part, first column, end) of every part."""
        return [(i, *bounds) for i, bounds in enumerate(self.chip.cols.bounds)]

    @property
    def min(self) -> float | None:
        """Lowest weight of the programmed range; None before the first programming."""
        scaling = self.chip.scaling
        return None if scaling is None else scaling.low

    @property
    def max(self) -> float | None:
        """Highest weight of the programmed range; None before the first programming."""
        scaling = self.chip.scaling
        return None if scaling is None else scaling.high
