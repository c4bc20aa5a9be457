"""Large matrices on arrays of limited size."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from plain_model import part_sizes as plain_part_sizes
from strategies import core_of, set_style

from simulator import CrossSimParameters, ParameterError
from simulator.backend import numpy_backend
from simulator.hardware.layout import Axis, Grid, part_sizes


@pytest.mark.parametrize(
    ("length", "limit", "priority", "maximal", "wanted"),
    [
        (10, 4, (), False, [3, 3, 4]), (10, 4, (), True, [4, 4, 2]),
        (13, 4, (), False, [3, 3, 3, 4]), (12, 4, (), False, [4, 4, 4]),
        (12, 5, (), False, [4, 4, 4]), (12, 5, (), True, [4, 4, 4]),
        (10, 3, (), False, [3, 3, 2, 2]), (7, 3, (), False, [2, 2, 3]),
        (10, 4, (2,), False, [4, 4, 2]), (10, 4, (1,), False, [3, 3, 4]),
        (9, 6, (2,), False, [6, 3]), (11, 6, (2, 6), False, [6, 5]),
        (10, 0, (), False, [10]), (10, 10, (), False, [10]), (3, 1, (), False, [1, 1, 1]),
    ],
)  # fmt: skip
def test_known_partitions(length, limit, priority, maximal, wanted):
    assert part_sizes(length, limit, priority, maximal) == wanted


@given(
    st.integers(1, 400), st.integers(0, 60), st.lists(st.integers(1, 12), max_size=3), st.booleans()
)
def test_partitions_cover_the_lines_within_the_limit(length, limit, priority, maximal):
    sizes = part_sizes(length, limit, priority, maximal)
    assert sum(sizes) == length
    assert min(sizes) >= 1
    assert len(sizes) == (-(-length // limit) if limit else 1)
    assert max(sizes) <= (limit or length)
    assert sizes == plain_part_sizes(length, limit, priority, maximal)


@given(st.lists(st.integers(1, 5), min_size=1, max_size=5), st.integers(1, 3))
def test_split_and_join_are_inverse(sizes, batch):
    axis, backend = Axis(tuple(sizes), 3), numpy_backend()
    lines = np.arange(2 * axis.length * batch, dtype=float).reshape(2, axis.length, batch)
    parts = axis.split(lines, backend)
    assert parts.shape == (2, len(sizes), max(sizes), batch)
    for one, back in zip(parts, lines, strict=True):
        assert np.array_equal(axis.join(one, backend), back)
    for part, (first, end) in enumerate(axis.bounds):
        assert np.array_equal(parts[:, part, : end - first], lines[:, first:end])
        assert (parts[:, part, end - first :] == 0).all()


@given(
    st.lists(st.integers(1, 4), min_size=1, max_size=3),
    st.lists(st.integers(1, 4), min_size=1, max_size=3), st.booleans(),
)  # fmt: skip
def test_scattered_tiles_hold_the_matrix(rows, cols, unit):
    grid = Grid(Axis(tuple(rows)), Axis(tuple(cols)))
    cells = np.random.default_rng(0).uniform(0.1, 1, (2, 1, *grid.shape))
    units = np.full((2, 1, len(rows), grid.cols.length), 0.5) if unit else None
    tiles = grid.scatter(cells, units, numpy_backend())
    for r, (top, bottom) in enumerate(grid.rows.bounds):
        for c, (left, right) in enumerate(grid.cols.bounds):
            tile = tiles[r, c]
            if unit:
                assert (tile[:, :, 0, : right - left] == 0.5).all()
                tile = tile[:, :, 1:]
            block = tile[:, :, : bottom - top, : right - left]
            assert np.array_equal(block, cells[:, :, top:bottom, left:right])
            assert tile.sum() == pytest.approx(block.sum())


def limited(rows_max, cols_max):
    params = CrossSimParameters()
    params.core.rows_max, params.core.cols_max = rows_max, cols_max
    return params


def test_limits_belong_to_inputs_and_outputs():
    """``cols_max`` limits matrix rows, the outputs; ``rows_max`` matrix columns, the inputs."""
    core = core_of(np.ones((10, 7)), limited(4, 3))
    assert core.NrowsVec == [3, 3, 2, 2]
    assert core.NcolsVec == [4, 3]
    assert (core.num_cores_row, core.num_cores_col, core.Ncores) == (4, 2, 8)
    assert core.row_partition_bounds == [(0, 0, 3), (1, 3, 6), (2, 6, 8), (3, 8, 10)]
    assert core.col_partition_bounds == [(0, 0, 4), (1, 4, 7)]
    assert len(core.cores) == 4
    assert core.cores[2][1].core_pos.shape == (2, 3)


def test_strategies_and_priorities_belong_to_their_axis():
    params = limited(4, 4)
    params.core.mapping.weights.row_partition_strategy = "MAX"
    core = core_of(np.ones((10, 10)), params)
    assert (core.NrowsVec, core.NcolsVec) == ([4, 4, 2], [3, 3, 4])
    params = limited(4, 4)
    params.core.mapping.weights.col_partition_priority = [2]
    core = core_of(np.ones((10, 10)), params)
    assert (core.NrowsVec, core.NcolsVec) == ([3, 3, 4], [4, 4, 2])


def test_complex_matrices_double_before_they_are_cut():
    params = limited(4, 5)
    params.core.complex_matrix = True
    core = core_of(np.ones((5, 4), complex), params)
    assert (core.NrowsVec, core.NcolsVec) == ([5, 5], [4, 4])


@pytest.mark.parametrize("style", ["one_sided", "unit", "sliced_offset"])
def test_arrays_quantise_on_their_own(style):
    """Ranges follow the inputs of an array; partial results add up after the converters."""
    rng = np.random.default_rng(0)
    matrix, x = rng.uniform(-1, 1, (6, 9)), rng.uniform(-1, 1, (9, 4))
    params = limited(4, 4)
    set_style(params, style)
    weights, adc = params.core.mapping.weights, params.xbar.adc.mvm
    weights.percentile, weights.min, weights.max = None, -1, 1
    adc.model, adc.bits, adc.adc_range_option = "QuantizerADC", 5, "MAX"
    whole = core_of(matrix, params)
    total = 0
    for left, right in ((0, 3), (3, 6), (6, 9)):
        total = total + core_of(matrix[:, left:right], params) @ x[left:right]
    assert np.allclose(whole @ x, total, rtol=0, atol=1e-13)


# -- a list of parameters, one of each array -------------------------------------------------


def test_a_list_gives_each_array_its_own_hardware():
    """Row by row; here every second array has a coarse converter."""
    rng = np.random.default_rng(0)
    matrix, x = rng.uniform(-1, 1, (6, 8)), rng.uniform(-1, 1, (8, 3))
    matrix[0, 0] = 1.0
    trees = [limited(4, 3) for _ in range(4)]
    for tree in trees:
        tree.xbar.adc.match = False
    for tree in trees[1::2]:
        adc = tree.xbar.adc.mvm
        adc.model, adc.bits, adc.adc_range_option = "QuantizerADC", 3, "MAX"
    core = core_of(matrix, trees)
    single = trees[1].copy()
    weights = single.core.mapping.weights
    weights.percentile, weights.min, weights.max = None, -1, 1
    right = core_of(matrix[:, 4:], single)
    wanted = matrix[:, :4] @ x[:4] + right @ x[4:]
    assert np.allclose(core @ x, wanted, rtol=0, atol=1e-13)
    assert np.allclose(core.get_matrix(), matrix, rtol=0, atol=1e-15)
    assert np.allclose(x[:6].T @ core, x[:6].T @ matrix, rtol=0, atol=1e-13)


@pytest.mark.parametrize("field", ["range", "signed"])
def test_a_list_may_give_each_array_its_own_inputs(field):
    """Input range and polarity are hardware of an array, as its converters are."""
    rng = np.random.default_rng(0)
    matrix, x = rng.uniform(-1, 1, (3, 8)), rng.uniform(0, 0.5, (8, 2))
    trees = [limited(4, 0) for _ in range(2)]
    for tree in trees:
        tree.xbar.dac.mvm.model, tree.xbar.dac.mvm.bits = "QuantizerDAC", 3
        tree.core.mapping.inputs.mvm.min, tree.core.mapping.inputs.mvm.max = -1.0, 1.0
        tree.core.mapping.weights.percentile = None
        tree.core.mapping.weights.min, tree.core.mapping.weights.max = -1.0, 1.0
    inputs = trees[1].core.mapping.inputs.mvm
    inputs.min, inputs.max = (-0.5, 0.5) if field == "range" else (0.0, 1.0)
    trees[1].xbar.dac.mvm.signed = field == "range"
    left, right = core_of(matrix[:, :4], trees[0]), core_of(matrix[:, 4:], trees[1])
    wanted = left @ x[:4] + right @ x[4:]
    assert np.allclose(core_of(matrix, trees) @ x, wanted, rtol=0, atol=1e-13)


@pytest.mark.parametrize("count", [1, 3, 5])
def test_lists_of_a_wrong_length(count):
    with pytest.raises(ParameterError, match=rf"list of {count}; the matrix needs 4"):
        core_of(np.ones((4, 4)), [limited(2, 2)] * count)


def test_lists_for_one_array_or_of_nothing():
    with pytest.raises(ParameterError, match="fits one array"):
        core_of(np.ones((4, 4)), [CrossSimParameters()])
    with pytest.raises(ParameterError, match="empty"):
        core_of(np.ones((4, 4)), [])
