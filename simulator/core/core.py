"""AnalogCore: a matrix held as conductances, with the face of a NumPy array and no physics."""

from __future__ import annotations

import copy
import logging
import math
import os
from collections.abc import Callable
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

import numpy as np

from simulator import states
from simulator.backend import Backend, select_backend
from simulator.chip.chip import Chip
from simulator.chip.verifying import Rule
from simulator.core.arraylike import (
    NUMERIC_KINDS,
    ArrayLike,
    numeric_array,
    on_device,
    require_finite,
    require_finite_input,
)
from simulator.core.checks import (
    checked_matrix,
    refuse_complex,
    warn_range,
    warn_two_sided,
)
from simulator.core.complex_matrices import (
    collapse_matrix,
    collapse_outputs,
    expand_block,
    expand_inputs,
    expand_matrix,
)
from simulator.core.conductance_maps import (
    GMAX,
    Limits,
    fractions_of_gmax,
    stacked,
    warn_of_unit,
)
from simulator.core.dtypes import compute_dtype, output_dtype, store_as
from simulator.core.ir_drop import IRDrop, ir_drop
from simulator.core.partition_names import PartitionNames
from simulator.core.physical_arrays import ArrayPart, parts_of
from simulator.errors import InputError, NoEffectWarning, ParameterError, ShapeError, warn_user
from simulator.hardware.build import snapshots
from simulator.mapping import WeightScaling, symmetric_limit
from simulator.multiply.lookout import FIRST_CALLS, SAMPLE, Watch
from simulator.multiply.loss import thinned
from simulator.multiply.multiplier import Multiplier, VectorNumbers
from simulator.multiply.products import Product
from simulator.multiply.recorder import Recorder
from simulator.parameters import CrossSimParameters, active_effects
from simulator.randomness import RandomSource
from simulator.verification import WriteVerify, checked_rule

if TYPE_CHECKING:
    from simulator.core.converter_ranges import ConverterRanges
    from simulator.profile import CoreReport

log = logging.getLogger(__name__)


class AnalogCore(PartitionNames, ArrayLike):
    """A matrix on resistive crossbar arrays that multiplies like a NumPy array.

    Args:
        matrix: array of shape (m, n), real, or complex where the parameters say so.
        params: the hardware; or a list of one per array, row by row, for a matrix that needs
            several. They are copied: later changes of the tree do not reach the core.
        empty_matrix: leave the arrays unprogrammed.
        stream: number that tells cores of the same ``simulation.seed`` apart.
        entropy: gives 64 bits where there is no seed; None takes them from NumPy's global state.
        numbering: gives the first number of the vectors of a call; see ``VectorNumbers``.
        backend: where to compute; None follows ``simulation.useGPU`` and ``gpu_id``.

    Raises:
        ParameterError: parameters that contradict each other, or a wrong number of them.
        ModelError: a model that is named but does not exist.
        ShapeError, InputError: a matrix that is not two-dimensional, numeric and finite.
    """

    ndim = 2
    rslice = None
    cslice = None
    # Counts changes of the cells, for whoever keeps something that follows from them.
    version = 0

    def __init__(
        self,
        matrix: Any,
        params: CrossSimParameters | list[CrossSimParameters],
        empty_matrix: bool = False,
        *,
        stream: int = 0,
        backend: Backend | None = None,
        entropy: Callable[[], int] | None = None,
        numbering: Callable[[Callable[[], int]], int] | None = None,
    ) -> None:
        several = isinstance(params, (list, tuple))
        trees = snapshots(params)
        vars(self)["params"] = trees[0]
        simulation, core = self.params.simulation, self.params.core
        self._backend = backend or select_backend(simulation.useGPU, simulation.gpu_id)
        self._random = RandomSource(self._backend, simulation.seed, stream, entropy)
        self._fast: tuple[Any, ...] | None = None
        self.complex_valued = bool(core.complex_matrix or core.complex_input)
        self._lay_out(matrix, trees, several, numbering)
        if not empty_matrix:
            self.set_matrix(matrix)

    @on_device
    def _lay_out(self, matrix: Any, trees: Any, several: bool, numbering: Any) -> None:
        """Make arrays for a matrix of this shape."""
        self._shape = checked_matrix(matrix, self.params.core, self._backend).shape
        self._build(trees, several, numbering)

    def _build(self, trees: Any, several: bool, numbering: Any) -> None:
        """Make unprogrammed arrays of this shape."""
        if self.complex_valued and min(self._shape) < 2:
            raise ShapeError(f"complex cores need at least 2 rows and columns: {self._shape}")
        expansion = 2 if self.complex_valued else 1
        self.nrow, self.ncol = (length * expansion for length in self._shape)
        shape = (self.nrow, self.ncol)
        self.chip = Chip(shape, trees, several, self._backend, self._random)
        self._numbers = VectorNumbers(numbering)

    @cached_property
    def watch(self) -> Watch:
        """What is said, once, of values that are lost to ranges."""
        return Watch(self.params)

    @property
    def params(self) -> CrossSimParameters:
        """The parameters that the arrays were built from; they can be read and copied only."""
        tree: CrossSimParameters = vars(self)["params"]
        return tree

    @params.setter
    def params(self, value: Any) -> None:
        raise ParameterError(
            "core.params: the arrays are built and cannot take other parameters; build a new core:"
            " AnalogCore(matrix, params)"
        )

    @cached_property
    def _mvm(self) -> Multiplier:
        return Multiplier(self.chip, "mvm", self._numbers, self.watch)

    @cached_property
    def _vmm(self) -> Multiplier:
        return Multiplier(self.chip, "vmm", self._numbers, self.watch)

    # -- programming -------------------------------------------------------------------------

    @on_device
    def set_matrix(
        self,
        matrix: Any,
        verbose: bool = False,
        error_mask: tuple[slice, slice] | None = None,
        *,
        draw: int | None = None,
    ) -> None:
        """Program all cells; if this fails, the core stays as it was.

        Args:
            matrix: (m, n), in units of the algorithm; finite, and complex only in a complex core.
            verbose: log the range of the matrix.
            error_mask: (rows, columns), slices of the cells to program; all others stay.
            draw: a number in [0, 2**31) that names the random numbers of this programming: the
                same one draws the same errors again. None draws new ones.

        Raises:
            ShapeError: a matrix of another shape.
            InputError: values that are not finite numbers.
            ModelError: a device model that returns something else than conductances.
            ParameterError: a ``draw`` out of range.
        """
        matrix = checked_matrix(matrix, self.params.core, self._backend)
        if matrix.shape != self.shape:
            raise ShapeError(f"matrix of shape {matrix.shape} for a core of shape {self.shape}")
        if verbose:
            log.info("programming a matrix between %s and %s", matrix.min(), matrix.max())
        if error_mask is not None:
            self[error_mask] = matrix[error_mask]
            return
        warn_two_sided(self.params, matrix.dtype)
        xp = self._backend.xp
        weights = expand_matrix(matrix, xp) if self.complex_valued else matrix
        scaling = self._weight_scaling(weights)
        self._look_at_weights(weights, scaling)
        self.chip.program(weights, scaling, matrix.dtype, draw)
        self._forget()

    @on_device
    def _assign(self, rows: range, cols: range, value: Any) -> None:
        require_finite(value, "weights", self._backend)
        if self.dtype is not None and value.dtype != self.dtype:
            refuse_complex(value, self.params.core)
            complex_type = np.result_type(self.dtype, np.complex64)
            # As in NumPy, a block takes the dtype of the array it goes to.
            value = value.astype(complex_type if value.dtype.kind == "c" else self.dtype)
        if (len(rows), len(cols)) == self.shape:
            matrix = self._backend.xp.empty(self.shape, dtype=value.dtype)
            row_index = self._backend.asarray(np.asarray(rows))[:, None]
            matrix[row_index, self._backend.asarray(np.asarray(cols))] = value
            self.set_matrix(matrix)
            return
        if self.dtype is None:
            raise InputError("a part of an unprogrammed core; program the whole matrix first")
        refuse_complex(value, self.params.core)
        warn_range(value, self.chip.scaling)
        blocks = [(rows, cols, value)]
        if self.complex_valued:
            blocks = expand_block(rows, cols, value, self.shape, self._backend.xp)
        self.chip.reprogram(blocks)
        self._forget()

    @on_device
    def write_verify(
        self, matrix: Any, *, tolerance: float = 0.01, max_iterations: int = 100
    ) -> WriteVerify:
        """Program all cells, and those that miss their target again, until they are near enough.

        Each programming draws the programming error of the device anew; what a device keeps for
        life stays. Cells are verified without read noise, right after they were programmed; where
        drift contains the programming error, at the present time. The first programming is that of
        ``set_matrix``. One warning counts cells that never came near enough.

        Args:
            matrix: (m, n), in units of the algorithm, as in ``set_matrix``.
            tolerance: how far a cell may be from its target, as a fraction of Gmax.
            max_iterations: how often a cell is programmed at most, from 1.

        Returns:
            A frozen value: how often every cell was programmed and its final error, both (slices,
            sides, m, n), with histogram and totals; ``print`` it. Unit columns are verified too,
            and not counted.

        Raises:
            ShapeError: a matrix of another shape.
            InputError: values that are not finite numbers; a tolerance below 0 or a number of
                iterations below 1.
            ModelError: a device model that returns something else than conductances.
        """
        matrix = checked_matrix(matrix, self.params.core, self._backend)
        if matrix.shape != self.shape:
            raise ShapeError(f"matrix of shape {matrix.shape} for a core of shape {self.shape}")
        warn_two_sided(self.params, matrix.dtype)
        rule = Rule(*checked_rule(tolerance, max_iterations))
        weights = expand_matrix(matrix, self._backend.xp) if self.complex_valued else matrix
        scaling = self._weight_scaling(weights)
        writes, errors = self.chip.write_verify(weights, scaling, matrix.dtype, rule)
        self._forget()
        result = WriteVerify(rule.tolerance, rule.most, writes, errors, "of Gmax", "programming")
        result.warn_of_failures()
        return result

    @on_device
    def set_conductances(
        self,
        positive: Any,
        negative: Any = None,
        *,
        unit: str = GMAX,
        outside: str = "error",
        limit: float | None = None,
    ) -> None:
        """Put conductances into the cells, such as a measured map: no error, no drift afterwards.

        Unit columns stay as they were programmed. The core then holds the weights that these
        conductances stand for; see ``get_matrix``.

        Args:
            positive: (m, n), those of the positive cells of pairs, or of the only cells; with bit
                slices (slices, m, n), the least significant first. Arrays, or paths of files, one
                for each slice.
            negative: those of the negative cells of pairs; None for cores of single cells.
            unit: of both: ``"Gmax"`` for fractions of Gmax, or ``"S"``, ``"mS"``, ``"uS"``,
                ``"nS"``, ``"kohm"`` and the like.
            outside: what to do with conductances below Gmin or above Gmax: ``"error"``, ``"clip"``
                (with a warning that counts them) or ``"keep"``.
            limit: the weight that one full cell stands for; needed where the core was not
                programmed and its range follows the matrix. All cells are then programmed first.

        Raises:
            InputError: values that are complex, negative or not finite, or lie outside; an unknown
                unit; an array too many or missing; no range of weights.
            ShapeError: arrays of another shape.
            FileFormatError: a file that is no matrix.
        """
        merge = self.chip.tiles[0].hardware.code.merge
        shape = (*merge.shape, self.nrow, self.ncol)
        given = stacked(positive, negative, shape, self._backend)
        parts = []
        for tiles in self.chip.tiles:
            cell, part = tiles.hardware.cell, given[(..., *tiles.grid.slices)]
            fractions = fractions_of_gmax(part, unit, cell, self._backend)
            parts.append(Limits(cell, outside).applied(fractions, unit))
            if unit == GMAX:
                warn_of_unit(fractions, cell)
        if limit is not None or self.chip.programmed is None:
            weights = self._backend.xp.zeros((self.nrow, self.ncol))
            dtype = np.dtype(np.complex128 if self.complex_valued else np.float64)
            self.chip.program(weights, self._range_of(limit), dtype)
        self.chip.put_all(parts)
        self._forget()

    def _range_of(self, limit: float | None) -> WeightScaling:
        """The range of weights that follows from no matrix."""
        limits = self.params.core.mapping.weights
        if limit is not None:
            if not (math.isfinite(limit) and limit > 0):
                raise InputError(f"limit: got {limit!r}; allowed is a finite number above 0")
            return WeightScaling(-float(limit), float(limit), limits.clipping)
        if limits.percentile:
            raise InputError(
                "the core was not programmed, so the weight that a full cell stands for is not "
                "known: say limit=..., or set core.mapping.weights.percentile = None with min, max"
            )
        return self._weight_scaling(None)

    def _weight_scaling(self, weights: Any) -> WeightScaling:
        limits = self.params.core.mapping.weights
        if not limits.percentile:
            # The tree was validated: one of the two ways to give a range is there.
            assert limits.min is not None
            assert limits.max is not None
            return WeightScaling(limits.min, limits.max, limits.clipping)
        limit = symmetric_limit(weights, limits.percentile, self._backend.xp)
        return WeightScaling(-limit, limit, limits.clipping)

    def _look_at_weights(self, weights: Any, scaling: WeightScaling) -> None:
        """Tell, in one of the first programmings, of weights that a given range clips."""
        given = scaling.clipping and not self.params.core.mapping.weights.percentile
        if given and self.chip.programmings < FIRST_CALLS:
            few = self._backend.to_host(thinned(weights.reshape(-1), SAMPLE))
            self.watch.weights(few, scaling.low, scaling.high)

    # -- reading back ------------------------------------------------------------------------

    @on_device
    def get_matrix(self) -> Any:
        """The matrix that the cells hold now.

        Returns:
            (m, n), in units of the algorithm and the dtype of the programmed matrix. It contains
            clipping, quantisation, programming errors and drift; no read noise, no converters. Of
            a complex core the left half of the arrays is read.

        Raises:
            InputError: before the first programming.
        """
        dtype = self.chip.held[0].dtype
        full = self.chip.weights()
        if not self.complex_valued:
            return store_as(full, dtype, self._backend.xp)
        return collapse_matrix(full).astype(np.result_type(dtype, np.complex64))

    @on_device
    def get_effective_matrix(self) -> Any:
        """The matrix that the arrays multiply by: what a layer back-propagates through.

        Returns:
            (m, n), ``get_matrix`` as a product sees it: with the wires between the cells, with
            gains that make up for drift and, where it is drawn for each output, the mean of read
            noise; of nonlinear cells what small voltages meet, of gated ones the cells without
            wires. A new array of float32 or float64.

        Raises:
            InputError: before the first programming, and for complex cores.
        """
        dtype = self.chip.held[0].dtype
        if self.complex_valued:
            raise InputError("a complex core has no single matrix of real weights")
        return self.chip.effective(compute_dtype(dtype, dtype))

    # -- multiplying -------------------------------------------------------------------------

    def __matmul__(self, x: Any) -> Any:
        # A core whose whole path is one matrix needs a few microseconds: one product, and a look
        # at one output. A NaN or infinity in an input reaches every output.
        fast = self._fast
        if fast is not None:
            weights, array, dtype, length, chip, programmed = fast
            fits = type(x) is array and x.dtype == dtype and 0 < x.ndim < 3
            if fits and x.shape[0] == length and chip.programmed is programmed:
                with np.errstate(all="ignore"):
                    y = weights @ x
                first = y[0]
                if math.isfinite(first) if x.ndim == 1 else np.isfinite(first).all():
                    return y
        return self.matmul(x)

    def _apply(self, inputs: Any, transposed: bool, single: bool) -> Any:
        require_finite_input(inputs, self._backend)
        # Taken once: another thread may program the core meanwhile.
        chips = self.chip.programmed or self.chip.held
        multiply, held = self._vmm if transposed else self._mvm, chips[0].dtype
        option = self.params.core.output_dtype
        dtype = output_dtype(option, held, inputs.dtype, self.complex_valued)
        compute = compute_dtype(held, inputs.dtype)
        if self.complex_valued:
            # Real and imaginary parts drive the expanded array together.
            lines = expand_inputs(inputs, transposed, single, self._backend.xp)
            out = multiply(chips, lines.astype(compute, copy=False))
            out = collapse_outputs(out, transposed, single)
        elif inputs.dtype.kind == "c":
            # Real and imaginary parts are applied one after the other.
            re = multiply(chips, inputs.real.astype(compute))
            out = re + 1j * multiply(chips, inputs.imag.astype(compute))
        else:
            out = multiply(chips, inputs.astype(compute, copy=False))
            if self._may_be_fast and not transposed and dtype == compute:
                self._keep_fast(chips, dtype)
        return out if out.dtype == dtype else store_as(out, dtype, self._backend.xp)

    @on_device
    def multiply(self, inputs: Any, product: Product, transposed: bool = False) -> Any:
        """The matrix times the vectors that ``product`` makes of ``inputs``.

        For layers whose inputs are not columns of a matrix, such as the images of a convolution.

        Args:
            inputs: what the product takes, in units of the algorithm.
            product: how inputs drive the lines; see ``Product``.
            transposed: drive the rows and read the columns.

        Returns:
            (m, *rest), or (n, *rest) where ``transposed``, with ``rest`` the shape of the vectors;
            in the dtype that the computation needs, float32 or float64.

        Raises:
            InputError: complex cores or inputs; NaN or infinity, on the CPU; no programming yet.
        """
        require_finite_input(inputs, self._backend)
        chips = self.chip.held
        if self.complex_valued or inputs.dtype.kind == "c":
            raise InputError("a product of its own needs a real core and real inputs")
        compute = compute_dtype(chips[0].dtype, inputs.dtype)
        multiply = self._vmm if transposed else self._mvm
        return multiply(chips, inputs.astype(compute, copy=False), product)

    @property
    @on_device
    def linear_reach(self) -> float:
        """``core @ x`` is the product with ``get_effective_matrix()`` for all |x| below this.

        Infinite where nothing but a product is left of the path, zero where a stage of it rounds,
        draws or scales by the input.
        """
        chips = self.chip.held
        if self.complex_valued:
            return 0.0
        return min(path.linear_reach(chip) for path, chip in zip(self._mvm.paths, chips))

    @property
    @on_device
    def keeps_zero(self) -> bool:
        """True where an input of zero becomes a voltage of exactly zero."""
        return self.drives_zero()

    @on_device
    def drives_zero(self, transposed: bool = False) -> bool:
        """True where an input of zero becomes a voltage of exactly zero, in one direction.

        Args:
            transposed: that of ``x @ core`` instead of ``core @ x``.
        """
        paths = (self._vmm if transposed else self._mvm).paths
        return all(path.plan.periphery.keeps_zero(self._backend) for path in paths)

    def reads_zero(self, transposed: bool = False) -> bool:
        """True where a current of zero becomes a code of zero, in one direction.

        Args:
            transposed: that of ``x @ core`` instead of ``core @ x``.
        """
        plans = [path.plan for path in (self._vmm if transposed else self._mvm).paths]
        return all(plan.periphery.reads_zero(plan.direction.inputs.sizes) for plan in plans)

    def report(
        self, x: Any, matrix: Any = None, *, transposed: bool = False, draws: int = 5
    ) -> CoreReport:
        """How exact this core is on real inputs, which effect costs most, and what to change.

        The core stays as it is. It takes some seconds for a large matrix: every effect is switched
        off, and left on alone, on several chips of the same hardware.

        Args:
            x: (n,) or (n, k) as in ``core @ x``; (m,) or (k, m) as in ``x @ core`` where
                ``transposed``.
            matrix: (m, n), what the core was programmed with; None takes what the cells hold.
            transposed: look at products from the left.
            draws: chips that are drawn; at least 2 for intervals.

        Returns:
            A frozen value, ``simulator.profile.CoreReport``, that prints as tables and advice.

        Raises:
            ShapeError: inputs or a matrix of another shape.
            InputError: values that are not finite; no programming yet.
            ParameterError: a number of draws below 1.
        """
        from simulator.profile import report

        return report(self, x, matrix, transposed=transposed, draws=draws)

    def own_input_limits(self, x: Any, transposed: bool = False) -> Any:
        """Ends of the range that each vector of a call has for itself; inputs beyond are clipped.

        Args:
            x: (inputs, vectors), or with ``transposed`` (outputs, vectors), in units of the inputs.
            transposed: those of ``x @ core`` instead of ``core @ x``.

        Returns:
            The end X of the range [-X, X] of each vector, (vectors,). None where vectors have no
            ranges of their own (``core.mapping.inputs.mvm.percentile_scope``), or no input lies
            beyond.
        """
        path = (self._vmm if transposed else self._mvm).paths[0]
        percentile = path.plan.periphery.percentile
        if not path.scales_each_vector or percentile is None or percentile >= 1:
            return None
        return path.drive.limits(x)

    def converter_ranges(self, transposed: bool = False) -> ConverterRanges:
        """Levels and full-scale limits of the DACs and the ADCs of one direction.

        Args:
            transposed: those of ``x @ core`` instead of ``core @ x``.

        Returns:
            A frozen value: ``dac`` with ``levels``, ``span``, ``low`` and ``high`` in units of the
            inputs; ``adc`` likewise, with a limit for each weight slice, (slices,), in currents of
            one full cell at full input. Ideal converters have one level and no limits. Where
            arrays differ, levels are those of the first that has a converter, and the ADC limits
            those of the widest range.
        """
        from simulator.core.converter_ranges import converter_ranges

        plans = [tiles.vmm if transposed else tiles.mvm for tiles in self.chip.tiles]
        return converter_ranges(plans, len(self.slice_weights))

    @property
    def slice_weights(self) -> np.ndarray:
        """What the codes of each weight slice count in a result, (slices,), relative magnitudes."""
        return np.abs(self.chip.tiles[0].hardware.code.merge[:, 0])

    @property
    def cell_count(self) -> int:
        """Number of memory cells of all arrays, unit columns apart."""
        return int(self.chip.tiles[0].hardware.code.merge.size) * self.nrow * self.ncol

    @on_device
    def get_state(self, *, parameters: bool = True) -> dict[str, Any]:
        """Everything a later ``set_state`` needs to continue bit for bit.

        Args:
            parameters: False leaves them out, for whoever keeps those of many cores at one place.

        Returns:
            Conductances in units of Gmax as NumPy arrays, the range of the weights, the time, the
            state of the random streams, and ``params``: the parameters as the user wrote them, a
            list of one tree or of one for each array, with measured ``ranges`` beside them. All
            are arrays, numbers, strings, lists and dictionaries, and copies.

        Raises:
            InputError: before the first programming.
        """
        counters = {"vectors": self._numbers.count, **self._random.state}
        dtype = self.chip.held[0].dtype
        return {
            "dtype": np.dtype(dtype).str,
            **(self._design() if parameters else {}),
            **self.chip.get_state(),
            **counters,
        }

    @on_device
    def set_state(
        self,
        state: dict[str, Any],
        *,
        strict: bool = True,
        params: CrossSimParameters | list[CrossSimParameters] | None = None,
    ) -> None:
        """Continue from ``get_state`` of a core of the same shape and hardware.

        Ranges that were measured, the seed and the time are taken from the state. A state without
        parameters, of an earlier version, is not compared.

        Args:
            state: what ``get_state`` returned, also in an earlier process; arrays are copied.
            strict: False takes the parameters of the state where they differ, too, and rebuilds
                the arrays with them; only what says how to compute stays.
            params: continue on this hardware instead, whatever core and state have: the same cells
                behind other converters, say. Nothing is compared then.

        Raises:
            InputError: a state that does not fit, or with ``strict`` one of other parameters, all
                of which it lists; the core then stays as it was.
            ParameterError, ModelError: hardware that no core can have; a model that is not defined
                in this process.
        """
        if params is not None:
            trees = snapshots(params)
        elif state.get("params") is None:
            trees = self.trees
        else:
            trees = states.settled(self.trees, *states.parameters_from(state), strict=strict)
        if trees == self.trees:
            self._take(state)
            return
        other = self._rebuilt(trees, state)
        other._take(state)
        other.version = self.version + 1
        other.watch.speak_as(self.watch)
        self.__dict__.clear()
        self.__dict__.update(other.__dict__)

    def _design(self) -> dict[str, Any]:
        return {"shape": list(self._shape), **states.plain_parameters(self.trees)}

    @property
    def trees(self) -> list[CrossSimParameters]:
        """The parameters that the arrays were built with: one tree, or one for each array."""
        trees = self.chip.trees
        return trees if any(tree != trees[0] for tree in trees[1:]) else trees[:1]

    def _rebuilt(self, trees: list[CrossSimParameters], state: dict[str, Any]) -> AnalogCore:
        """An unprogrammed core of this shape and other parameters, with the numbers of a state."""
        for tree in trees:
            tree.validate()
        other = copy.copy(self)
        for name in ("_mvm", "_vmm", "_may_be_fast", "watch"):
            other.__dict__.pop(name, None)
        core = trees[0].core
        vars(other)["params"] = trees[0]
        other.complex_valued = bool(core.complex_matrix or core.complex_input)
        # Before arrays are made: some of them take the seed at once.
        other._random = self._random_from(state)
        other._build(trees, len(trees) > 1, self._numbers.elsewhere)
        return other

    def _random_from(self, state: dict[str, Any]) -> RandomSource:
        random = copy.copy(self._random)
        try:
            random.state = state
        except (KeyError, TypeError, ValueError, OverflowError) as error:
            raise _no_state(error) from None
        return random

    def _take(self, state: dict[str, Any]) -> None:
        """Take over everything of a state but its parameters."""
        try:
            dtype = np.dtype(state["dtype"])
            if dtype.kind not in NUMERIC_KINDS or (dtype.kind == "c" and not self.complex_valued):
                raise ValueError(f"dtype {dtype}")
            vectors = int(state["vectors"])
            if vectors < 0:
                raise ValueError(f"{vectors} vectors")
        except (KeyError, TypeError, ValueError, OverflowError) as error:
            raise _no_state(error) from None
        self._random_from(state)
        self.chip.set_state(state, dtype)
        self._random.state, self._numbers.count = state, vectors
        self._forget()

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the core to a file, which ``AnalogCore.load`` continues from bit for bit.

        The file is a safetensors file, which other programs read too; ``simulator.states`` says
        what is in it.

        Args:
            path: name of the file, which is kept as it is given and replaced if it exists.

        Raises:
            InputError: before the first programming.
        """
        states.write_core(self.get_state(), path)

    @classmethod
    def load(
        cls,
        path: str | os.PathLike[str],
        params: CrossSimParameters | list[CrossSimParameters] | None = None,
        *,
        strict: bool = True,
        backend: Backend | None = None,
    ) -> AnalogCore:
        """The core that ``save`` wrote.

        Args:
            path: name of the file.
            params: the hardware that the core is expected to have, and how to compute; None takes
                what the file says.
            strict: False takes the parameters of the file where ``params`` are others.
            backend: where to compute, as for a new core.

        Returns:
            A new core.

        Raises:
            FileFormatError: a file of something else, or a damaged one.
            InputError: with ``strict``, ``params`` that differ from those of the file; it lists
                them.
            ModelError: a device or converter model that is not defined in this process.
            FileNotFoundError: there is no such file.
        """
        state = states.read_core(path)
        trees = states.trees_of(state) if params is None else params
        seed = state["seed"]
        core = cls(
            np.broadcast_to(0.0, state["shape"]), trees, empty_matrix=True, backend=backend,
            entropy=None if seed is None else partial(int, seed),
        )  # fmt: skip
        core.set_state(state, strict=strict)
        return core

    @cached_property
    def _may_be_fast(self) -> bool:
        """True where the whole path can be one matrix, and a look at values costs no wait."""
        paths = self._mvm.paths
        alone = len(paths) == 1 and paths[0].is_plain
        return alone and not self.complex_valued and not self._backend.is_asynchronous

    def _keep_fast(self, chips: Any, dtype: Any) -> None:
        """Remember the merged matrix, where nothing else is left of the path."""
        if self._mvm.paths[0].is_one_matrix(chips[0]):
            weights = chips[0].mvm.matrix[dtype][0]
            self._fast = weights, type(weights), dtype, self.ncol, self.chip, chips

    def _forget(self) -> None:
        """The cells changed: drop the merged matrix."""
        self._fast = None
        self.version += 1

    @on_device
    def ir_drop(
        self,
        x: Any,
        *,
        part: tuple[int, int] = (0, 0),
        weight_slice: int = 0,
        phase: int = 0,
        transposed: bool = False,
    ) -> IRDrop:
        """Node voltages and cell currents of one tile for one vector, without read noise.

        Args:
            x: (ncol,) as in ``core @ x``; (nrow,) as in ``x @ core`` where ``transposed``.
            part: the tile, by row part and column part.
            weight_slice: the bit slice of the weights, least significant first.
            phase: the digit of bit-sliced inputs, least significant first.
            transposed: drive the rows and read the columns.

        Returns:
            Volts and amperes at every cell of the tile, with its wires and without; see `IRDrop`.

        Raises:
            ShapeError: an input of another shape, or complex numbers.
            InputError: a tile, slice or phase that is not there; no programming yet.
        """
        lines = numeric_array(x, "input", self._backend)
        wanted = self.nrow if transposed else self.ncol
        if lines.shape != (wanted,) or self.complex_valued or lines.dtype.kind == "c":
            raise ShapeError(
                f"ir_drop looks at one real vector of {wanted} values on a real core; got an "
                f"input of shape {lines.shape} and dtype {lines.dtype}"
            )
        require_finite(lines, "input", self._backend)
        values, chips = lines.astype(np.float64), self.chip.held
        multiplier = self._vmm if transposed else self._mvm
        return ir_drop(multiplier.paths, self.chip, chips, values, part, weight_slice, phase)

    # -- time --------------------------------------------------------------------------------

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
        if time != self.chip.time and not self.chip.ages:
            warn_user(
                "the time of these arrays has no effect: no cell drifts; choose "
                "xbar.device.drift_error.model and set its enable = True",
                NoEffectWarning,
            )
        self.chip.set_time(time)
        self._forget()

    @property
    @on_device
    def compensation(self) -> Any:
        """What products are multiplied by to make up for drift: a number, or one per weight."""
        return self.chip.compensation

    # -- face --------------------------------------------------------------------------------

    @property
    def shape(self) -> tuple[int, int]:  # type: ignore[override]
        """Rows and columns of the matrix."""
        return self._shape

    @property
    def backend(self) -> Backend:
        """Where this core computes."""
        return self._backend

    @property
    def dtype(self) -> Any:
        """Dtype of the programmed matrix; None before the first programming."""
        chips = self.chip.programmed
        return None if chips is None else chips[0].dtype

    @property
    def effects(self) -> dict[str, str]:
        """What of this hardware is not ideal: name of each effect, and what it is in a few words.

        In the order in which a product meets them; empty for ideal hardware. Where arrays have
        parameters of their own, what they say is joined.
        """
        found: dict[str, dict[str, None]] = {}
        for tree in self.trees:
            for name, words in active_effects(tree).items():
                found.setdefault(name, {})[words] = None
        return {name: "; ".join(words) for name, words in found.items()}

    @property
    def weight_clipping(self) -> bool:
        """Whether weights are clipped to the range before programming."""
        return self.params.core.mapping.weights.clipping

    @property
    def fast_matmul(self) -> bool:
        """False where the parameters ask for every stage on its own."""
        return self.params.simulation.fast_matmul

    @property
    def cores(self) -> list[list[ArrayPart]]:
        """The physical arrays, ``cores[row part][column part]``."""
        return parts_of(self.chip, self._forget)

    def recorders(self, transposed: bool) -> list[Recorder]:
        """What was recorded at the ADCs of one direction.

        Args:
            transposed: those of ``x @ core`` instead of ``core @ x``.

        Returns:
            A recorder for each stack of tiles, one where all arrays share their parameters; none
            where ``simulation.analytics.profile_adc_inputs`` is off.
        """
        return (self._vmm if transposed else self._mvm).recorders

    def __repr__(self) -> str:
        arrays = f"{self.num_cores_row}x{self.num_cores_col}"
        return (
            f"AnalogCore(shape={self.shape}, dtype={self.dtype}, "
            f"style={self.params.core.style.name}, arrays={arrays}, "
            f"effects=[{', '.join(self.effects)}])"
        )

    def __str__(self) -> str:
        """The matrix, its arrays, and a line for each effect of the hardware."""
        arrays = f"{self.num_cores_row}x{self.num_cores_col}"
        style = self.params.core.style.name
        lines = [f"{style} core of shape {self.shape} on {arrays} arrays"]
        effects = self.effects
        width = max(map(len, effects), default=0)
        lines += [f"  {name:<{width}}  {words}" for name, words in effects.items()]
        return "\n".join(lines if effects else [f"{lines[0]}, ideal"])

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_fast": None}

    def __setstate__(self, state: dict[str, Any]) -> None:
        # What an older version saved brings arrays that know what a core has now.
        arrays = state.pop("arrays", None)
        self.__dict__.update(state if arrays is None else arrays.renewed(state))


def _no_state(error: Exception) -> InputError:
    return InputError(f"not the state of a core: {error!r}")
