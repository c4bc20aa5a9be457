"""Pulse trains: their lengths and probabilities, and how often pulses of two lines meet."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator import InputError
from simulator.update import ConstantStep, ExactArray, PulsedArray, PulseParameters, PulseType

# Weights of one step each, so that a weight is a number of pulses.
COUNTER = ConstantStep(
    dw_min=1.0, dw_min_dtod=0.0, dw_min_std=0.0, up_down_dtod=0.0, w_max=1e9, w_max_dtod=0.0,
    w_min=-1e9, w_min_dtod=0.0,
)  # fmt: skip
UNMANAGED = {"update_bl_management": False, "update_management": False}
STOCHASTIC = (PulseType.STOCHASTIC_COMPRESSED, PulseType.STOCHASTIC)


def counted(x, d, lr, seed=0, **pulses):
    """Pulses of every cell for one batch, those down counted as positive."""
    x, d = np.atleast_2d(np.asarray(x, float)), np.atleast_2d(np.asarray(d, float))
    array = PulsedArray(
        (d.shape[1], x.shape[1]), COUNTER, PulseParameters(**pulses), seed=seed, dtype=np.float64
    )
    array.update(x, d, lr)
    assert np.array_equal(array.weights, np.rint(array.weights))
    return -array.weights


def sampled(x, d, lr, count, **pulses):
    """The same vector ``count`` times, each counted for itself: (count, rows, columns)."""
    x, d = np.atleast_2d(np.asarray(x, float)), np.atleast_2d(np.asarray(d, float))
    array = PulsedArray(
        (d.shape[1], x.shape[1]), COUNTER, PulseParameters(**pulses), seed=1, dtype=np.float64
    )
    samples, before = [], array.weights.copy()
    for _ in range(count):
        array.update(x, d, lr)
        samples.append(before - array.weights)
        before = array.weights.copy()
    return np.array(samples)


def within_errors(samples, mean):
    """Sample means of the first axis, within five standard errors."""
    error = samples.std(axis=0, ddof=1) / math.sqrt(len(samples))
    assert np.all(np.abs(samples.mean(axis=0) - mean) <= 5 * error + 1e-12)


# -- lengths and probabilities ---------------------------------------------------------------


def plain_plan(pulses, x, d, lr, g):
    """Slots and the factors of columns and rows, for one vector of largest values x and d."""
    rate = abs(lr)
    if x == 0 or d == 0:
        return 0, None, None
    k = rate * x * (pulses.um_grad_scale * d) / g
    longer = not pulses.fixed_bl and g * pulses.desired_bl < rate
    if pulses.update_bl_management:
        slots = min(math.ceil(k), pulses.desired_bl)
    elif longer:
        slots = max(math.ceil(rate / g), 1)
    else:
        slots = pulses.desired_bl
    if longer and not pulses.update_bl_management:
        of_x = of_d = 1.0
    else:
        of_x = of_d = math.sqrt(rate / (g * slots))
    if pulses.update_management or pulses.update_bl_management:
        peak = pulses.um_grad_scale * d
        if k > pulses.desired_bl:
            peak *= pulses.desired_bl / k
        of_d *= math.sqrt(x / peak)
        of_x *= math.sqrt(peak / x)
    return slots, of_x, of_d


LARGEST = st.one_of(st.just(0.0), st.floats(1e-6, 1e6))


@given(
    st.integers(1, 100), st.booleans(), st.booleans(), st.booleans(),
    st.sampled_from((1.0, 0.3, 5.0)), LARGEST, LARGEST, st.floats(1e-4, 10), st.booleans(),
    st.sampled_from((1e-3, 0.02, 1.0)),
)  # fmt: skip
def test_slots_and_probabilities_are_the_formula(length, fixed, bl, um, scale, x, d, lr, down, g):
    pulses = PulseParameters(
        desired_bl=length, fixed_bl=fixed, update_bl_management=bl, update_management=um,
        um_grad_scale=scale,
    )  # fmt: skip
    slots, of_x, of_d = plain_plan(pulses, x, d, lr, g)
    plan = pulses.plan(np.array([x]), np.array([d]), -lr if down else lr, g, np)
    assert plan.slots.dtype == np.int64
    if slots == 0:
        assert plan.slots[0] == 0
        return
    # A rate that is a whole number of steps may be rounded up by one.
    whole = abs(lr / g - round(lr / g)) < 1e-9 or bl
    assert abs(plan.slots[0] - slots) <= whole
    if plan.slots[0] == slots:
        assert plan.x_scale[0] == pytest.approx(of_x, rel=1e-12)
        assert plan.d_scale[0] == pytest.approx(of_d, rel=1e-12)
    if bl or um:
        k = lr * x * scale * d / g
        if k > length and not (not fixed and not bl and g * length < lr):
            assert plan.x_scale[0] * x == pytest.approx(1, rel=1e-14)
            assert plan.d_scale[0] * d > 1 / scale * (1 - 1e-12)


def test_managed_trains_peak_alike():
    """Without saturation both sides reach the square root of the product over the slots."""
    plan = PulseParameters().plan(np.array([0.3, 2.0]), np.array([4.0, 0.1]), 0.01, 0.001, np)
    k = 10 * np.array([1.2, 0.2])
    assert np.array_equal(plan.slots, [12, 2])
    assert plan.x_scale * [0.3, 2.0] == pytest.approx(np.sqrt(k / plan.slots), rel=1e-14)
    assert plan.d_scale * [4.0, 0.1] == pytest.approx(np.sqrt(k / plan.slots), rel=1e-14)


def test_a_saturated_product_has_columns_that_fire_in_every_slot():
    """Rows of the largest gradient too; others as often as their share says."""
    got = counted([[1.0, -1.0]], [[3.0, -3.0]], lr=100.0, desired_bl=10)
    assert np.array_equal(got, [[10, -10], [-10, 10]])
    # k = 40 on 10 slots: a gradient of an eighth of the largest fires with probability 1/2.
    samples = sampled([[1.0]], [[8.0, 1.0]], 5.0, 300, desired_bl=10)
    assert (samples[:, 0] == 10).all()
    within_errors(samples[:, 1, 0], 5.0)


@pytest.mark.parametrize("kind", PulseType)
def test_no_pulse_without_a_product(kind):
    rng = np.random.default_rng(0)
    x, d = rng.normal(size=(3, 5)), rng.normal(size=(3, 4))
    for pulses in ({}, UNMANAGED):
        for some_x, some_d in ((0 * x, d), (x, 0 * d), (x[:0], d[:0])):
            assert not counted(some_x.reshape(-1, 5), some_d.reshape(-1, 4), 5.0,
                               pulse_type=kind, **pulses).any()  # fmt: skip
    x[1], d[0] = 0, 0
    alone = PulsedArray((4, 5), COUNTER, PulseParameters(pulse_type=kind), seed=0)
    alone.vectors = 2
    alone.update(x[2:], d[2:], 5.0)
    both = PulsedArray((4, 5), COUNTER, PulseParameters(pulse_type=kind), seed=0)
    both.update(x, d, 5.0)
    assert np.array_equal(both.weights, alone.weights)


@pytest.mark.parametrize("kind", PulseType)
def test_a_negative_rate_turns_every_pulse_round(kind):
    rng = np.random.default_rng(0)
    x, d = rng.normal(size=(20, 5)), rng.normal(size=(20, 4))
    if kind in (PulseType.NONE, PulseType.NONE_WITH_DEVICE):
        x, d = np.rint(8 * x), np.rint(8 * d)
    ahead, back = (counted(x, d, lr, pulse_type=kind) for lr in (2.0, -2.0))
    assert np.array_equal(ahead, -back)
    assert ahead.any()


@pytest.mark.parametrize("kind", PulseType)
def test_a_rate_of_zero_is_no_update(kind):
    array = PulsedArray((2, 3), COUNTER, PulseParameters(pulse_type=kind), seed=0)
    before = array.get_state()
    array.update(np.ones((4, 3)), np.ones((4, 2)), 0.0)
    after = array.get_state()
    assert not after.pop("weights").any()
    assert not before.pop("weights").any()
    assert before.pop("cells").keys() == after.pop("cells").keys()
    assert before == after


def test_long_trains_carry_rates_beyond_the_wanted_length():
    """One pulse in every slot, as many as the rate is steps, rounded up."""
    pulses = {**UNMANAGED, "fixed_bl": False, "desired_bl": 5}
    assert np.array_equal(counted([[1.0, -2.0]], [[1.0]], 40.5, **pulses), [[41, -41]])
    assert np.array_equal(counted([[1.0]], [[1.0]], 5.0, **pulses), [[5]])
    with pytest.raises(InputError, match="fixed_bl"):
        counted([[1.0]], [[1.0]], 1e6, **pulses)
    # A fixed length saturates instead.
    assert counted([[1.0]], [[1.0]], 1e6, **{**pulses, "fixed_bl": True})[0, 0] == 5


# -- coincidences ----------------------------------------------------------------------------

SLOTS = 4
P, Q = np.array([0.3, -0.9, 1.4]), np.array([0.5, -2.0, 0.8])


@pytest.mark.parametrize("kind", STOCHASTIC)
def test_moments_of_coincidences(kind):
    """Mean ``BL p q``; cells that share a line meet in the same slots of its train."""
    pulses = {**UNMANAGED, "desired_bl": SLOTS, "pulse_type": kind}
    count = 1500
    signed = sampled(P, Q, float(SLOTS), count, **pulses)
    n = signed * np.sign(np.outer(Q, P))
    assert (n >= 0).all()
    p, q = np.minimum(np.abs(P), 1), np.minimum(np.abs(Q), 1)
    both = np.outer(q, p)
    within_errors(n, SLOTS * both)
    flat = (n - SLOTS * both).reshape(count, -1)
    products = flat[:, :, None] * flat[:, None, :]
    wanted = np.zeros((9, 9))
    for one in range(9):
        for other in range(9):
            (i, j), (k, m) = divmod(one, 3), divmod(other, 3)
            column = p[j] if j == m else p[j] * p[m]
            # Rows have trains of their own for columns of the other sign.
            shared = i == k and (kind == PulseType.STOCHASTIC_COMPRESSED or P[j] * P[m] > 0)
            row = q[i] if shared else q[i] * q[k]
            wanted[one, other] = SLOTS * (column * row - both[i, j] * both[k, m])
    within_errors(products, wanted)


@pytest.mark.parametrize("kind", STOCHASTIC)
def test_rows_are_drawn_anew_for_columns_of_the_other_sign(kind):
    """Columns that fire in every slot show the trains of the rows."""
    x, d = [[1.0, -2.0, 3.0, -1.0]], np.full((1, 200), 0.5)
    n = np.abs(counted(x, d, 8.0, pulse_type=kind, desired_bl=8, **UNMANAGED))
    assert np.array_equal(n[:, 0], n[:, 2])
    assert np.array_equal(n[:, 1], n[:, 3])
    assert np.array_equal(n[:, 0], n[:, 1]) == (kind == PulseType.STOCHASTIC_COMPRESSED)


@pytest.mark.parametrize("kind", PulseType)
@pytest.mark.parametrize(("managed", "lr"), [(True, 0.02), (True, -0.03), (False, 0.02)])
def test_the_mean_change_is_the_product(kind, managed, lr):
    """Unsaturated and symmetric, with steps that vary from pulse to pulse."""
    x, d, length = np.array([0.3, -0.6, 0.9]), np.array([-0.8, 0.4]), 31
    if kind in (PulseType.MEAN_COUNT, PulseType.DETERMINISTIC_IMPLICIT):
        # Whole numbers on either line, and of their products over the slots.
        x, d, length = np.array([0.5, -1.0, 0.25]), np.array([-1.0, 0.5]), 16
        lr = math.copysign(0.016, lr)
    device = ConstantStep(
        dw_min=0.001, dw_min_dtod=0.0, dw_min_std=0.3, up_down_dtod=0.0, w_max=1e3, w_min=-1e3
    )
    pulses = {"pulse_type": kind, "desired_bl": length} | ({} if managed else UNMANAGED)
    # Many lines of each value, whose mean counts as one sample.
    rows, columns = np.tile(d, 12)[None], np.tile(x, 12)[None]
    array = PulsedArray((24, 36), device, PulseParameters(**pulses), seed=2, dtype=np.float64)
    samples, before = [], 0.0
    for _ in range(100):
        array.update(columns, rows, lr)
        change = array.weights - before
        samples.append(change.reshape(12, 2, 12, 3).mean(axis=(0, 2)))
        before = array.weights.copy()
    within_errors(np.array(samples), -lr * np.outer(d, x))
    # Which says something: the means are known to a tenth or better.
    error = np.std(samples, axis=0) / math.sqrt(len(samples))
    assert np.all(5 * error <= 0.1 * np.abs(lr * np.outer(d, x)))


def test_mean_counts_are_exact():
    """Pulses of a line and coincidences, each rounded to whole numbers, halves to even."""
    x, d = np.array([0.05, 0.26, -0.5, 1.7]), np.array([0.13, -0.9, 3.0])
    got = counted(x, d, 10.0, desired_bl=10, pulse_type=PulseType.MEAN_COUNT, **UNMANAGED)
    for i, j in np.ndindex(got.shape):
        of_row, of_column = (min(round(10 * abs(v)), 10) for v in (d[i], x[j]))
        wanted = round(of_row * of_column / 10) * math.copysign(1, d[i] * x[j])
        assert got[i, j] == wanted
    coarse = {"desired_bl": 10, "pulse_type": PulseType.MEAN_COUNT, "res": 0.25, **UNMANAGED}
    got = counted(x, d, 10.0, **coarse)
    for i, j in np.ndindex(got.shape):
        of_row, of_column = (min(round(10 * round(abs(v) / 0.25) * 0.25), 10) for v in (d[i], x[j]))
        assert abs(got[i, j]) == round(of_row * of_column / 10)


@pytest.mark.parametrize(("x_step", "d_step"), [(0.0, 0.0), (0.25, 0.0), (0.0, 0.1), (0.1, 0.3)])
def test_implicit_counts_are_exact(x_step, d_step):
    """The mean number of coincidences of quantised values, at most one in each slot."""
    x, d = np.array([0.05, 0.26, -0.52, 1.7]), np.array([0.13, -0.9, 3.0])
    got = counted(
        x, d, 20.0, desired_bl=20, pulse_type=PulseType.DETERMINISTIC_IMPLICIT,
        x_res_implicit=x_step, d_res_implicit=d_step, **UNMANAGED,
    )  # fmt: skip

    def value(number, step):
        return min(round(abs(number) / step) * step if step else abs(number), 1.0)

    for i, j in np.ndindex(got.shape):
        wanted = round(20 * value(d[i], d_step) * value(x[j], x_step))
        assert got[i, j] == wanted * math.copysign(1, d[i] * x[j])


@pytest.mark.parametrize("kind", STOCHASTIC)
def test_probabilities_are_rounded(kind):
    pulses = {"desired_bl": 6, "pulse_type": kind, **UNMANAGED}
    x, d = np.array([0.1, 0.7, 1.0]), np.array([0.45, 0.9])
    # To nothing or to every slot.
    for seed in range(5):
        got = counted(x, d, 6.0, seed=seed, res=1.0, **pulses)
        assert np.array_equal(got, [[0, 0, 0], [0, 6, 6]])
    samples = sampled(x, d, 6.0, 400, res=0.4, **pulses)
    within_errors(samples, 6 * np.outer([0.4, 0.8], [0, 0.8, 0.8]))


@pytest.mark.parametrize("kind", STOCHASTIC)
def test_probabilities_are_rounded_at_random(kind):
    """All slots of a train have the probability that was drawn; its mean is the value."""
    pulses = {"desired_bl": 6, "pulse_type": kind, "sto_round": True, "res": 1.0, **UNMANAGED}
    x, d = np.array([0.3, 0.7]), np.array([0.45, 1.0])
    samples = sampled(x, d, 6.0, 400, **pulses)
    assert np.isin(samples, (0, 6)).all()
    within_errors(samples, 6 * np.outer(d, x))


@pytest.mark.parametrize("kind", [PulseType.MEAN_COUNT, PulseType.DETERMINISTIC_IMPLICIT])
def test_counts_of_values_rounded_at_random_are_right_on_average(kind):
    steps = {"res": 0.5} if kind == PulseType.MEAN_COUNT else {
        "x_res_implicit": 0.5, "d_res_implicit": 0.5
    }  # fmt: skip
    pulses = {"desired_bl": 4, "pulse_type": kind, "sto_round": True, **steps, **UNMANAGED}
    x, d = np.array([0.3, 0.85]), np.array([0.45, 1.0])
    samples = sampled(x, d, 4.0, 500, **pulses)
    within_errors(samples, 4 * np.outer(d, x))
    assert samples[:, 0, 0].std() > 0.4


# -- exact updates ---------------------------------------------------------------------------


def test_updates_without_pulses_are_exact():
    """Both kinds, the latter within the bounds of each cell; other kinds draw a population too."""
    rng = np.random.default_rng(0)
    x, d = rng.normal(size=(6, 5)), rng.normal(size=(6, 4))
    exact = ExactArray((4, 5), dtype=np.float64)
    kinds = (PulseType.NONE, PulseType.NONE_WITH_DEVICE)
    free, bound = (
        PulsedArray((4, 5), ConstantStep(), PulseParameters(pulse_type=kind), seed=3,
                    dtype=np.float64)
        for kind in kinds
    )  # fmt: skip
    wanted = np.zeros((4, 5))
    for number in range(3):
        for array in (exact, free, bound):
            array.update(x + number, d, 0.1)
        wanted -= 0.1 * d.T @ (x + number)
        assert np.array_equal(exact.weights, free.weights)
        assert exact.weights == pytest.approx(wanted, rel=1e-13, abs=1e-15)
    low, high = (bound.cells[name] for name in ("min_bound", "max_bound"))
    assert (bound.weights >= low).all()
    assert (bound.weights <= high).all()
    assert (np.abs(wanted) > 1).any()
    once = PulsedArray((4, 5), ConstantStep(), PulseParameters(pulse_type=kinds[1]), seed=3,
                       dtype=np.float64)  # fmt: skip
    once.update(x, d, 0.1)
    assert once.weights == pytest.approx(np.clip(-0.1 * d.T @ x, low, high), abs=1e-15)
