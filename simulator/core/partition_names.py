"""How a matrix lies on its arrays, under the names that CrossSim's scripts know."""

from __future__ import annotations

from simulator.chip.chip import Chip


class PartitionNames:
    """Parts and ranges of a core that follow from its ``chip``."""

    chip: Chip

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
