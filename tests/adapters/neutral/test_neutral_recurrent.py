"""Recurrent cells in NumPy terms: where gates, states and biases lie, and what comes of a step."""

import copy
import pickle

import numpy as np
import pytest

from adapters.neutral import (
    AnalogGRU,
    AnalogGRUCell,
    AnalogLSTM,
    AnalogLSTMCell,
    AnalogRNN,
    AnalogRNNCell,
)
from simulator import CrossSimParameters, ParameterError, ShapeError

INPUTS, UNITS, BATCH = 4, 3, 5
# Gates of the weights; as torch has them.
CELLS = {AnalogRNNCell: 1, AnalogLSTMCell: 4, AnalogGRUCell: 3}
STACKS = {AnalogRNN: 1, AnalogLSTM: 4, AnalogGRU: 3}


def numbers(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape)


def parameters_of(gates, inputs=INPUTS, seed=0):
    rows = gates * UNITS
    shapes = ((rows, inputs), (rows, UNITS), (rows,), (rows,))
    return [numbers(*shape, seed=seed + i) for i, shape in enumerate(shapes)]


def made(cls, rows=(2, 1)):
    cell = cls(CrossSimParameters(), INPUTS, UNITS, bias_ih_rows=rows[0], bias_hh_rows=rows[1])
    cell.set_matrix(cell.form_matrix(*parameters_of(CELLS[cls])))
    return cell


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


@pytest.mark.parametrize("cls", CELLS)
def test_the_cells_hold_what_they_were_given(cls):
    cell = made(cls)
    for held, given in zip(cell.get_core_weights(), parameters_of(CELLS[cls]), strict=True):
        np.testing.assert_allclose(held, given, rtol=1e-12, atol=1e-15)
    count = max(CELLS[cls], 4 if cls is AnalogGRUCell else 0)
    assert cell.shape == (count * UNITS, INPUTS + UNITS + 3)
    matrix = cell.get_matrix()
    np.testing.assert_allclose(matrix[cell.weight_ih_mask], parameters_of(CELLS[cls])[0])
    np.testing.assert_allclose(
        matrix[cell.bias_hh_mask].sum(axis=1), parameters_of(CELLS[cls])[3], rtol=1e-12
    )


@pytest.mark.parametrize("cls", [AnalogRNNCell, AnalogLSTMCell])
@pytest.mark.parametrize("rows", [(2, 1), (0, 3), (0, 0)])
def test_pre_activations_are_sums_of_both_products(cls, rows):
    cell = made(cls, rows)
    w_ih, w_hh, b_ih, b_hh = parameters_of(CELLS[cls])
    x, h = numbers(BATCH, INPUTS, seed=8), numbers(BATCH, UNITS, seed=9)
    expected = x @ w_ih.T + h @ w_hh.T
    expected += (b_ih if rows[0] else 0) + (b_hh if rows[1] else 0)
    np.testing.assert_allclose(cell.apply(x, h), expected, atol=1e-12)
    np.testing.assert_allclose(cell.apply(x[0], h[0], h[0]), expected[0], atol=1e-12)


def test_a_gru_keeps_the_two_halves_of_its_new_gate_apart():
    cell = made(AnalogGRUCell)
    w_ih, w_hh, b_ih, b_hh = parameters_of(3)
    x, h = numbers(BATCH, INPUTS, seed=8), numbers(BATCH, UNITS, seed=9)
    of_input, of_hidden = x @ w_ih.T + b_ih, h @ w_hh.T + b_hh
    sums = (of_input + of_hidden)[:, : 2 * UNITS]
    expected = np.concatenate([sums, of_input[:, 2 * UNITS :], of_hidden[:, 2 * UNITS :]], axis=1)
    np.testing.assert_allclose(cell.apply(x, h), expected, atol=1e-12)
    matrix = cell.form_matrix(*parameters_of(3))
    assert not matrix[2 * UNITS : 3 * UNITS, INPUTS : INPUTS + UNITS].any()
    assert not matrix[3 * UNITS :, :INPUTS].any()


@pytest.mark.parametrize("cls", CELLS)
def test_a_step_is_that_of_torch(cls):
    torch = pytest.importorskip("torch")
    name = cls.__name__.removeprefix("Analog")
    digital = getattr(torch.nn, name)(INPUTS, UNITS, dtype=torch.float64)
    given = [p.detach().numpy() for p in digital.parameters()]
    cell = cls(CrossSimParameters(), INPUTS, UNITS, bias_ih_rows=1, bias_hh_rows=1)
    cell.set_matrix(cell.form_matrix(*given))
    x, h, c = (numbers(BATCH, n, seed=s) for s, n in enumerate((INPUTS, UNITS, UNITS)))
    pre = cell.apply(x, h)
    if cls is AnalogRNNCell:
        stepped = np.tanh(pre)
    elif cls is AnalogLSTMCell:
        i, f, g, o = np.split(pre, 4, axis=1)
        stepped = sigmoid(o) * np.tanh(sigmoid(f) * c + sigmoid(i) * np.tanh(g))
    else:
        r, z, n_input, n_hidden = np.split(pre, 4, axis=1)
        n = np.tanh(n_input + sigmoid(r) * n_hidden)
        stepped = n + sigmoid(z) * (h - n)
    state = torch.from_numpy(h)
    if cls is AnalogLSTMCell:
        state = (state, torch.from_numpy(c))
    expected = digital(torch.from_numpy(x), state)
    expected = expected[0] if cls is AnalogLSTMCell else expected
    np.testing.assert_allclose(stepped, expected.detach().numpy(), atol=1e-12)


@pytest.mark.parametrize("cls", STACKS)
def test_a_stack_has_a_cell_for_every_layer(cls):
    stack = cls(CrossSimParameters(), INPUTS, UNITS, 2, bias_ih_rows=[1, 2], bias_hh_rows=1)
    given = [parameters_of(STACKS[cls]), parameters_of(STACKS[cls], UNITS, seed=5)]
    stack.set_matrix(stack.form_matrix(given))
    assert stack.core[1] is stack.cells[1]
    assert [s[1] for s in stack.shape] == [INPUTS + UNITS + 2, 2 * UNITS + 3]
    assert stack.max == [cell.max for cell in stack.cells]
    assert stack.Ncores == [1, 1]
    assert stack.bias_ih_l1_mask == stack.cells[1].bias_ih_mask
    for layer, held in enumerate(stack.get_core_weights()):
        for values, expected in zip(held, given[layer], strict=True):
            np.testing.assert_allclose(values, expected, rtol=1e-12, atol=1e-15)
    x, h = numbers(BATCH, UNITS, seed=8), numbers(BATCH, UNITS, seed=9)
    for twin in (stack, copy.deepcopy(stack), pickle.loads(pickle.dumps(stack))):
        assert np.array_equal(twin.apply(1, x, h), stack.cells[1].apply(x, h))
        assert np.array_equal(twin.get_matrix()[0], stack.get_matrix()[0])
    with pytest.raises(AttributeError, match="weight_ih_l2_mask"):
        _ = stack.weight_ih_l2_mask


def test_cells_of_a_stack_are_different_chips():
    p = CrossSimParameters()
    p.simulation.seed = 1
    p.xbar.device.programming_error.enable = True
    p.xbar.device.programming_error.model = "NormalIndependentDevice"
    p.xbar.device.programming_error.magnitude = 0.05
    stack = AnalogLSTM(p, UNITS, UNITS, 2)
    same = parameters_of(4, UNITS)[:2]
    stack.set_matrix(stack.form_matrix([same, same]))
    first, second = stack.get_matrix()
    assert not np.array_equal(first, second)
    again = AnalogLSTM(p, UNITS, UNITS, 2)
    again.set_matrix(again.form_matrix([same, same]))
    assert np.array_equal(again.get_matrix()[1], second)


def test_wrong_arguments_are_named():
    p = CrossSimParameters()
    with pytest.raises(ParameterError, match="nonlinearity: got 'sigmoid'"):
        AnalogRNNCell(p, 2, 2, "sigmoid")
    with pytest.raises(ParameterError, match="bias_hh_rows: got 3 entries.* 2 layers"):
        AnalogGRU(p, 2, 2, 2, bias_hh_rows=[1, 1, 1])
    with pytest.raises(ParameterError, match="hidden_size: got 0"):
        AnalogLSTMCell(p, 2, 0)
    cell = made(AnalogLSTMCell)
    with pytest.raises(ShapeError, match=r"weight_hh of shape"):
        cell.form_matrix(numbers(12, 4), numbers(12, 4))
    with pytest.raises(ShapeError, match=r"needed are \(batch, 4\) and \(batch, 3\)"):
        cell.apply(numbers(5, 4), numbers(4, 3))
