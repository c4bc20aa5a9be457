"""Products with a whole matrix: every stack of tiles takes its part, and the parts are added."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Sequence
from functools import lru_cache

from simulator.backend import Backend
from simulator.chip.chip import Chip
from simulator.chip.programmed import Programmed
from simulator.errors import ParameterError
from simulator.hardware import Plan
from simulator.mapping import InputScaling
from simulator.multiply.lookout import Watch
from simulator.multiply.path import Path
from simulator.multiply.products import MatrixProduct, Product
from simulator.multiply.recorder import Recorder
from simulator.quantities import Array, Inputs, Results

# Two threads that multiply one core must not get the same numbers.
NUMBERING = threading.Lock()


class VectorNumbers:
    """Numbers of all vectors in the life of a core; they name what is drawn for each.

    ``elsewhere``, where there is one, is asked for the first number of every call that draws; what
    it is given takes the next number of this count.
    """

    def __init__(self, elsewhere: Callable[[Callable[[], int]], int] | None = None) -> None:
        self.count, self.elsewhere = 0, elsewhere

    def take(self, vectors: int) -> int:
        """The first of as many new numbers."""

        def next_here() -> int:
            with NUMBERING:
                first = self.count
                self.count += vectors
            return first

        return next_here() if self.elsewhere is None else self.elsewhere(next_here)


class Multiplier:
    """Products with all tiles of a chip in one direction."""

    def __init__(
        self, chip: Chip, direction: str, numbers: VectorNumbers, watch: Watch | None = None
    ) -> None:
        self.backend, self.numbers = chip.backend, numbers
        self.outputs = (chip.rows if direction == "mvm" else chip.cols).length
        self.paths = tuple(
            Path(
                tiles,
                getattr(tiles, direction),
                Recorder(len(tiles.hardware.code.merge)) if tiles.hardware.record else None,
                watch,
            )
            for tiles in chip.tiles
        )
        self._draws = any(path.plan.draws for path in self.paths)
        self._unset = next((p.plan for p in self.paths if p.plan.periphery.unset), None)

    def __call__(
        self, chips: Sequence[Programmed], inputs: Inputs, product: Product | None = None
    ) -> Results:
        """Products with ``inputs`` (lines, batch), or what ``product`` takes: (outputs, *rest)."""
        if self._unset is not None:
            raise _without_range(self._unset)
        rest = inputs.shape[1:] if product is None else product.rest(inputs)
        vectors = self._numbered(rest)

        def values() -> Inputs:
            # A percentile range covers the whole input, also where an array takes part of it.
            return inputs if product is None else product.unrolled(inputs)

        if len(self.paths) == 1:
            return self._part(self.paths[0], chips[0], inputs, values, vectors, product)
        out = self.backend.xp.zeros((self.outputs, *rest), dtype=inputs.dtype)
        for path, chip in zip(self.paths, chips, strict=True):
            part = self._part(path, chip, inputs, values, vectors, product)
            out[path.plan.direction.outputs.slice] += part
        return out

    def _part(
        self, path: Path, chip: Programmed, inputs: Inputs, values: Callable[[], Inputs],
        vectors: Array, product: Product | None,
    ) -> Results:  # fmt: skip
        scaling = path.plan.periphery.fixed_scaling or path.drive.scaling(values)
        if path.scales_each_vector:
            return self._each_in_its_range(path, chip, values(), scaling, vectors, product)
        bound = path.product if product is None else product.bound(path.plan.direction.inputs)
        return path.multiply(chip, bound.cut(inputs), scaling, vectors, bound)

    def _each_in_its_range(
        self, path: Path, chip: Programmed, columns: Inputs, scaling: InputScaling, vectors: Array,
        product: Product | None,
    ) -> Results:  # fmt: skip
        """Products with vectors (lines, vectors), each in units of its own full scale."""
        limits = path.drive.limits(columns)
        plain = product if isinstance(product, MatrixProduct) else path.product
        bound = plain.bound(path.plan.direction.inputs)
        inputs = bound.cut(columns) / limits
        out = path.multiply(chip, inputs, scaling, vectors.reshape(-1), bound)
        return (out * limits).reshape(-1, *vectors.shape)

    def _numbered(self, rest: tuple[int, ...]) -> Array:
        if not self._draws:
            return _no_numbers(self.backend, rest)
        count = math.prod(rest)
        first = self.numbers.take(count)
        return self.backend.xp.arange(first, first + count).reshape(rest)

    @property
    def recorders(self) -> list[Recorder]:
        """What was recorded at the ADCs, for each stack of tiles; none where nothing is."""
        return [path.recorder for path in self.paths if path.recorder is not None]


def _without_range(plan: Plan) -> ParameterError:
    """What to do about ranges that nobody has found yet."""
    name = plan.direction.name
    if "inputs" in plan.periphery.unset:
        path = f"core.mapping.inputs.{name}"
        return ParameterError(
            f"{path}.min and max are not set, so the DACs have no range: find them with calibrate "
            f"(of a converted network), set them, or let {path}.percentile follow the inputs"
        )
    path = f"xbar.adc.{name}"
    return ParameterError(
        f"{path}.calibrated_range is empty, and {path}.adc_range_option = CALIBRATED takes the "
        "range of the ADCs from it: find it with calibrate (of a converted network) or with "
        f"simulator.profile, set it, or choose {path}.adc_range_option = 'MAX'"
    )


@lru_cache(maxsize=16)
def _no_numbers(backend: Backend, rest: tuple[int, ...]) -> Array:
    """Zero for every vector, where nothing is drawn for them."""
    return backend.xp.broadcast_to(backend.asarray(0), rest)
