"""Programming: the whole matrix or a block of it, and what stays as it was."""

import copy
import pickle
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import (
    STYLES,
    arrays_of,
    conductances,
    core_of,
    numbers,
    partitions,
    quietly,
    set_style,
    shapes,
)  # fmt: skip

from simulator import (
    AnalogCore,
    CrossSimParameters,
    InputError,
    OhmCoreError,
    OhmCoreWarning,
    ShapeError,
)  # fmt: skip
from simulator.devices import NormalIndependentDevice


@dataclass(frozen=True)
class GivesUpDevice(NormalIndependentDevice):
    """A user's model that raises after some arrays."""

    left: ClassVar[int] = 100

    def programmed(self, siemens, cell, draw):
        if GivesUpDevice.left == 0:
            raise RuntimeError("no such state")
        GivesUpDevice.left -= 1
        return super().programmed(siemens, cell, draw)


@dataclass(frozen=True)
class WrongShapeDevice(NormalIndependentDevice):
    """A user's model that returns something else than one value for each cell."""

    shape: ClassVar[tuple | None] = None

    def programmed(self, siemens, cell, draw):
        shape = WrongShapeDevice.shape
        return siemens if shape is None else np.full(shape, 5e-4)


def erring_params(style="one_sided", seed=3):
    params = CrossSimParameters()
    set_style(params, style)
    error = params.xbar.device.programming_error
    error.enable, error.model, error.magnitude = True, "NormalIndependentDevice", 0.02
    params.simulation.seed = seed
    return params


def a_slice(draw, length):
    """A selection of lines, possibly in steps, backwards or empty."""
    start, stop = draw(st.integers(0, length)), draw(st.integers(0, length))
    if draw(st.booleans()):
        return slice(min(start, stop), max(start, stop), draw(st.integers(1, 3)))
    first = max(start, stop) - 1
    return slice(first if first >= 0 else 0, None, -draw(st.integers(1, 3)))


@st.composite
def block_programmings(draw):
    """Parameters, shape, where the block goes, and through which view."""
    params = erring_params(draw(st.sampled_from(STYLES)))
    draw(partitions(params))
    params.core.complex_matrix = draw(st.booleans())
    shape = tuple(max(length, 2) for length in draw(shapes(14)))
    view = draw(st.sampled_from(("core", "transposed", "masked", "masked transposed")))
    return params, shape, (a_slice(draw, shape[0]), a_slice(draw, shape[1])), view


def program(core, where, block, view):
    """``core[where] = block``, through one of the views that reach the same cells."""
    rows, cols = where
    if view == "core":
        core[rows, cols] = block
    elif view == "transposed":
        core.T[cols, rows] = block.T
    elif view == "masked":
        core[:, cols][rows] = block
    else:
        core[rows].T[cols] = block.T


@settings(max_examples=150)
@given(block_programmings())
def test_programming_a_block_leaves_all_other_cells(case):
    """Bit for bit, in every slice and side; and the block's cells are all drawn anew."""
    params, shape, where, view = case
    rng = np.random.default_rng(0)
    kind = "complex128" if params.core.complex_matrix else "float64"
    core = core_of(numbers(rng, shape, kind), params)
    before, matrix, limits = conductances(core), core.get_matrix(), (core.min, core.max)
    block = numbers(rng, matrix[where].shape, kind, largest=0.9 * core.max)
    with quietly():
        program(core, where, block, view)
    selected = np.zeros(shape, dtype=bool)
    selected[where] = True
    expanded = np.tile(selected, (2, 2)) if params.core.complex_matrix else selected
    whole = selected.all()
    for name, cells in conductances(core).items():
        if not whole:
            assert np.array_equal(cells[~expanded], before[name][~expanded])
        # Cells at the limit of conduction may be clipped to it twice.
        fresh = cells[expanded] != before[name][expanded]
        assert fresh[before[name][expanded] > 0].all()
    if not whole:
        assert (core.min, core.max) == limits
        assert np.array_equal(core.get_matrix()[~selected], matrix[~selected])
    assert np.abs(core.get_matrix()[where] - block).max(initial=0) <= 5 * core.max


@pytest.mark.parametrize("style", STYLES)
def test_programmed_blocks_hold_their_values(style):
    """Without errors a block reads back as a matrix that was programmed at once."""
    params = CrossSimParameters()
    set_style(params, style)
    params.core.rows_max, params.core.cols_max = 4, 3
    weights = params.core.mapping.weights
    weights.percentile, weights.min, weights.max = None, -1, 1
    matrix = np.random.default_rng(1).uniform(-1, 1, (8, 9))
    at_once, core = core_of(matrix, params), core_of(np.zeros((8, 9)), params)
    core[:, ::2] = matrix[:, ::2]
    core.T[1::2, ::-1] = matrix[::-1, 1::2].T
    wanted = conductances(at_once)
    for name, cells in conductances(core).items():
        assert np.array_equal(cells, wanted[name])
    assert np.array_equal(core @ np.eye(9), at_once @ np.eye(9))


def test_programming_again_draws_again_and_replaces_everything():
    rng = np.random.default_rng(1)
    first, second = rng.uniform(-1, 1, (5, 4)), rng.uniform(-3, 3, (5, 4))
    core = core_of(first, erring_params())
    core @ np.ones(4)
    core.set_matrix(second)
    assert np.abs(core.get_matrix() - second).max() < 0.5
    assert np.abs(core @ np.ones(4) - core.get_matrix() @ np.ones(4)).max() < 1e-13
    assert core.max == np.abs(second).max()


def test_error_mask_programs_only_there():
    core = core_of(np.ones((4, 5)), erring_params())
    before = conductances(core)["core_pos"]
    core.set_matrix(np.full((4, 5), 0.5), error_mask=(slice(1, 3), slice(2, 4)))
    changed = conductances(core)["core_pos"] != before
    assert changed[1:3, 2:4].all()
    assert changed.sum() == 4


@pytest.mark.parametrize("dtype", ["float32", "float64", "int16"])
@pytest.mark.parametrize("where", [np.s_[1:3], np.s_[:, 2], np.s_[:]], ids=str)
def test_assigning_keeps_the_dtype(dtype, where):
    """As in NumPy: a block takes the dtype of the array it goes to, the whole matrix too."""
    matrix = np.arange(20).reshape(4, 5).astype(dtype)
    core = core_of(matrix, CrossSimParameters())
    matrix[where] = np.int8(7)
    core[where] = np.int8(7)
    assert core.dtype == matrix.dtype
    wanted = np.int64 if np.dtype(dtype).kind == "i" else dtype
    assert (core @ np.ones(5, dtype)).dtype == wanted


def test_values_outside_the_range_are_clipped_with_a_warning():
    core = core_of(np.array([[1.0, -1.0], [0.5, 0.25]]), CrossSimParameters())
    with pytest.warns(OhmCoreWarning, match=r"outside the programmed range \[-1, 1\]"):
        core[0, 0] = 3.0
    assert core.get_matrix()[0, 0] == 1.0


class TestFailure:
    """A programming that fails leaves no trace: cells, range, dtype, numbers of draws."""

    def state(self, core):
        return (
            {name: cells.tobytes() for name, cells in conductances(core).items()},
            core.min, core.max, core.dtype, core.get_matrix().tobytes(),
        )  # fmt: skip

    def twins(self, **kwargs):
        params = erring_params(**kwargs)
        noise = params.xbar.device.read_noise
        noise.enable, noise.model, noise.magnitude = True, "NormalIndependentDevice", 0.1
        matrix = np.random.default_rng(0).uniform(-1, 1, (6, 5))
        return core_of(matrix, params), core_of(matrix, params)

    def assert_nothing_happened(self, core, twin):
        assert self.state(core) == self.state(twin)
        x = np.arange(5.0)
        assert np.array_equal(core @ x, twin @ x)
        core.set_matrix(np.ones((6, 5)))
        twin.set_matrix(np.ones((6, 5)))
        assert self.state(core) == self.state(twin)
        assert np.array_equal(core @ x, twin @ x)

    @pytest.mark.parametrize(
        "matrix",
        [
            np.ones((5, 6)), np.ones(6), np.ones((1, 6, 5)), np.full((6, 5), np.nan),
            np.full((6, 5), -np.inf), np.ones((6, 5), complex), np.full((6, 5), "a"),
            np.full((6, 5), None), [[1, 2], [3]],
        ],
        ids=["shape", "1-d", "3-d", "nan", "inf", "complex", "text", "objects", "ragged"],
    )  # fmt: skip
    @pytest.mark.parametrize("style", ["one_sided", "unit"])
    def test_wrong_matrices(self, matrix, style):
        core, twin = self.twins(style=style)
        with pytest.raises((ShapeError, InputError)):
            core.set_matrix(matrix)
        self.assert_nothing_happened(core, twin)

    @pytest.mark.parametrize("value", [np.ones((2, 3)), np.nan, 1j, "a", None], ids=str)
    def test_wrong_blocks(self, value):
        core, twin = self.twins()
        with pytest.raises((ShapeError, InputError)):
            core[1:3, 2:4] = value
        self.assert_nothing_happened(core, twin)

    @pytest.mark.parametrize("arrays_before", [0, 1, 3])
    @pytest.mark.parametrize("how", ["whole", "block", "transposed"])
    def test_device_models_that_raise(self, how, arrays_before):
        """Also where some of several arrays are programmed already."""
        matrix = np.random.default_rng(0).uniform(-1, 1, (6, 5))
        trees = [erring_params() for _ in range(4)]
        for i, tree in enumerate(trees):
            tree.core.rows_max = tree.core.cols_max = 3
            tree.xbar.device.programming_error.model = "GivesUpDevice"
            tree.xbar.device.Vread = 0.1 + i / 100  # four arrays, one after the other
        GivesUpDevice.left = 100
        core, twin = core_of(matrix, trees), core_of(matrix, trees)
        GivesUpDevice.left = arrays_before
        program = {
            "whole": lambda: core.set_matrix(2 * matrix),
            "block": lambda: core[1:5, 1:4].set_matrix(np.full((4, 3), 0.5)),
            "transposed": lambda: core.T[1:4, 1:5].set_matrix(np.full((3, 4), 0.5)),
        }[how]
        with pytest.raises(RuntimeError, match="no such state"):
            program()
        GivesUpDevice.left = 100
        self.assert_nothing_happened(core, twin)

    @pytest.mark.parametrize("shape", [(1,), (3, 3), (6, 5, 1)])
    def test_device_models_of_a_wrong_shape(self, shape):
        """What a model returns must fit the cells it was given."""
        params = erring_params()
        params.xbar.device.programming_error.model = "WrongShapeDevice"
        WrongShapeDevice.shape = None
        core, twin = core_of(np.ones((6, 5)), params), core_of(np.ones((6, 5)), params)
        WrongShapeDevice.shape = shape
        with pytest.raises((OhmCoreError, ValueError)):
            core.set_matrix(2 * np.ones((6, 5)))
        WrongShapeDevice.shape = None
        self.assert_nothing_happened(core, twin)


def test_an_empty_core_is_programmed_later():
    params = erring_params()
    core = AnalogCore(np.zeros((3, 4)), params, empty_matrix=True)
    assert core.dtype is None
    assert (core.min, core.max) == (None, None)
    assert core.shape == (3, 4)
    for use in (core.get_matrix, lambda: core @ np.ones(4), lambda: np.ones(3) @ core):
        with pytest.raises(InputError, match="not been programmed"):
            use()
    with pytest.raises(InputError, match="program the whole matrix first"):
        core[0] = 1.0
    matrix = np.arange(12.0).reshape(3, 4)
    core.set_matrix(matrix)
    assert np.array_equal(core.get_matrix(), core_of(matrix, params).get_matrix())


@pytest.mark.parametrize("copying", [copy.deepcopy, lambda c: pickle.loads(pickle.dumps(c))])
@pytest.mark.parametrize("seed", [3, None])
def test_copies_continue_as_the_original_does(copying, seed):
    """The same cells, and the same numbers from then on; neither disturbs the other."""
    params = erring_params("unit", seed)
    noise = params.xbar.device.read_noise
    noise.enable, noise.model, noise.magnitude = True, "NormalProportionalDevice", 0.1
    params.core.rows_max = 3
    core, x = core_of(np.random.default_rng(0).uniform(-1, 1, (6, 5)), params), np.arange(5.0)
    core @ x
    x @ core[:5]
    twin = copying(core)
    assert np.array_equal(twin @ x, core @ x)
    twin.set_matrix(np.ones((6, 5)))
    assert not np.array_equal(twin.get_matrix(), core.get_matrix())
    core.set_matrix(np.ones((6, 5)))
    assert np.array_equal(twin.get_matrix(), core.get_matrix())
    assert np.array_equal(twin @ x, core @ x)


# -- physical arrays under the names that scripts know ---------------------------------------


@pytest.mark.parametrize("style", STYLES)
def test_physical_arrays_are_copies_that_say_how_to_write(style):
    core = core_of(np.random.default_rng(0).uniform(-1, 1, (5, 4)), erring_params(style))
    before = conductances(core)
    for array in arrays_of(core.cores[0][0]).values():
        assert array.matrix.shape == array.shape == (5, 4)
        assert isinstance(array.matrix, np.ndarray)
        with pytest.raises(ValueError, match="set_conductances"):
            array.matrix[0, 0] = 0.5
        with pytest.raises(AttributeError, match="set_conductances"):
            array.matrix = np.zeros((5, 4))
    for name, cells in conductances(core).items():
        assert np.array_equal(cells, before[name])


def test_changing_conductances_in_place_says_how_to():
    core = core_of(np.ones((5, 4)), CrossSimParameters())
    with pytest.raises((ValueError, AttributeError), match="set_conductances"):
        core.cores[0][0].core_pos.matrix += 0.1


@pytest.mark.parametrize("derive", [lambda g: 2 * g, np.copy, lambda g: g.copy(), lambda g: g - g])
def test_what_is_computed_from_conductances_can_be_written(derive):
    """Only the copy itself is read-only; results are arrays of their own."""
    core = core_of(np.ones((5, 4)), CrossSimParameters())
    result = derive(core.cores[0][0].core_pos.matrix)
    result[0, 0] = 7.0
    assert result[0, 0] == 7.0


def test_set_conductances_reaches_every_product():
    params = CrossSimParameters()
    params.core.rows_max = 2
    params.xbar.device.infinite_on_off_ratio = True
    core = core_of(np.ones((3, 4)), params)
    x = np.arange(4.0)
    core @ x, np.ones(3) @ core
    core.cores[0][1].core_neg.set_conductances(np.full((3, 2), 0.25))
    wanted = np.ones((3, 4))
    wanted[:, 2:] -= 0.25
    assert np.array_equal(core.get_matrix(), wanted)
    assert np.allclose(core @ x, wanted @ x, rtol=1e-14)
    assert np.allclose(np.ones(3) @ core, np.ones(3) @ wanted, rtol=1e-14)
    for wrong in (np.ones((3, 4)), np.full((3, 2), -0.1), np.full((3, 2), np.nan)):
        with pytest.raises((ShapeError, InputError)):
            core.cores[0][1].core_neg.set_conductances(wrong)
    assert np.array_equal(core.get_matrix(), wanted)
