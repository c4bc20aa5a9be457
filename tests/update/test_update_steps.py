"""Step devices: their populations and single pulses, against formulas in plain numbers."""

import math

import numpy as np
import pytest
from step_formulas import (
    SHAPE,
    Numbers,
    constant,
    exponential,
    linear,
    piecewise,
    plain_population,
    plain_reference,
    power,
    referenced,
    soft,
)

from simulator import ParameterError
from simulator.update import (
    ConstantStep,
    ExpStep,
    LinearStep,
    PiecewiseStep,
    PowStep,
    PulsedArray,
    PulseParameters,
    SoftBounds,
    SoftBoundsReference,
    StepDevice,
)

SPREADS = {
    "dw_min": 0.01, "dw_min_dtod": 0.3, "up_down": 0.2, "up_down_dtod": 0.05, "w_max": 0.7,
    "w_min": -0.5, "w_max_dtod": 0.2, "w_min_dtod": 0.4,
}  # fmt: skip


GAMMAS = {"gamma_up": 0.4, "gamma_down": 0.7, "gamma_up_dtod": 0.3, "gamma_down_dtod": 0.2}
REFERENCE = {
    "slope_up_dtod": 0.2, "slope_down_dtod": 0.1, "reference_mean": 0.1, "reference_std": 0.05,
}  # fmt: skip
POWERS = {"pow_gamma": 1.7, "pow_gamma_dtod": 0.2, "pow_up_down": -0.3, "pow_up_down_dtod": 0.1}
NODES = {"piecewise_up": (0.3, 1.0, 2.0, 0.1), "piecewise_down": (2.0, 0.5, 1.0, 1.5)}
MODELS = {
    "constant": (ConstantStep, constant, {}),
    "constant, log-normal": (ConstantStep, constant, {"dw_min_dtod_log_normal": True}),
    "constant, tilted up": (ConstantStep, constant, {"up_down": -0.3}),
    "constant, inconsistent": (
        ConstantStep, constant,
        {"enforce_consistency": False, "dw_min_dtod": 2.0, "w_max_dtod": 2.0, "w_min_dtod": 2.0},
    ),
    "linear": (LinearStep, linear, GAMMAS),
    "linear, additive": (LinearStep, linear, {**GAMMAS, "mult_noise": False}),
    "linear, own bounds": (LinearStep, linear, {**GAMMAS, "mean_bound_reference": False}),
    "linear, increasing": (
        LinearStep, linear, {**GAMMAS, "gamma_up": -0.5, "allow_increasing": True},
    ),
    "linear, reversed": (
        LinearStep, linear, {**GAMMAS, "reverse_up": True, "reverse_down": True},
    ),
    "linear, reversed, own bounds": (
        LinearStep, linear,
        {**GAMMAS, "reverse_up": True, "reverse_offset": 0.2, "mean_bound_reference": False},
    ),
    "soft": (SoftBounds, soft, {}),
    "soft, additive": (SoftBounds, soft, {"mult_noise": False}),
    "reference": (SoftBoundsReference, referenced, REFERENCE),
    "reference, relative": (SoftBoundsReference, referenced, {**REFERENCE, "mult_noise": True}),
    "reference, symmetric": (
        SoftBoundsReference, referenced, {**REFERENCE, "subtract_symmetry_point": True},
    ),
    "exponential": (ExpStep, exponential, {}),
    "exponential, more noise": (
        ExpStep, exponential, {"dw_min_std_add": 0.01, "dw_min_std_slope": 0.02},
    ),
    "power": (PowStep, power, POWERS),
    "power, inconsistent": (
        PowStep, power, {**POWERS, "enforce_consistency": False, "pow_gamma_dtod": 1.0},
    ),
    "piecewise": (PiecewiseStep, piecewise, NODES),
    "piecewise, one node": (PiecewiseStep, piecewise, {}),
}  # fmt: skip


@pytest.mark.parametrize("up", [True, False], ids=["up", "down"])
@pytest.mark.parametrize("name", MODELS)
def test_a_pulse_is_the_formula(name, up):
    """Cell by cell: within the bounds, near them and at them, with and without variation."""
    model, formula, changes = MODELS[name]
    device, numbers = model(**{**SPREADS, "dw_min_std": 0.4, **changes}), Numbers()
    cells = numbers.of(device)
    high, low = cells["max_bound"], cells["min_bound"]
    assert (high >= low).all()
    directions = np.full(SHAPE, up)
    normals = np.random.default_rng(1).standard_normal(SHAPE)
    for share in (0.0, 1e-3, 0.4, 0.75, 1 - 1e-3, 1.0):
        held = np.clip(low + share * (high - low), low, high)
        for normal in (None, normals):
            got = device.stepped(held, directions, cells, normal, np)
            for place in np.ndindex(SHAPE):
                xi = 0.0 if normal is None else 0.4 * normals[place]
                wanted = formula(device, numbers.at(place), float(held[place]), up, xi)
                # Sums of a few numbers below 10, some of them quotients of a width above 0.01.
                assert got[place] == pytest.approx(wanted, rel=1e-12, abs=1e-13), place


@pytest.mark.parametrize("name", [name for name in MODELS if name != "reference, symmetric"])
def test_bounds_and_steps_are_the_formula(name):
    model, _, changes = MODELS[name]
    device, numbers = model(**{**SPREADS, **changes}), Numbers(seed=4)
    cells = numbers.of(device)
    for place in np.ndindex(SHAPE):
        got = [cells[n][place] for n in ("max_bound", "min_bound", "dwmin_up", "dwmin_down")]
        if model is SoftBoundsReference:
            *wanted, reference = plain_reference(device, numbers.at(place))
            wanted[0], wanted[1] = wanted[0] - reference, wanted[1] - reference
        else:
            wanted = plain_population(device, numbers.at(place))
        assert got == pytest.approx(wanted, rel=1e-12, abs=1e-15)


def test_at_the_symmetry_point_steps_up_and_down_are_equal():
    """It is weight zero, and where reset and decay lead to."""
    device = SoftBoundsReference(
        **{**SPREADS, "subtract_symmetry_point": True, "slope_up_dtod": 0.2, "reset": 0.1}
    )
    numbers = Numbers()
    cells, zero, up = numbers.of(device), np.zeros(SHAPE), np.full(SHAPE, True)
    rise, fall = (device.step_size(zero, way, cells) for way in (up, ~up))
    assert rise == pytest.approx(fall, rel=1e-12)
    assert (rise > 0).all()
    without = numbers.of(SoftBoundsReference(**{**SPREADS, "slope_up_dtod": 0.2, "reset": 0.1}))
    shift = cells["reset_bias"] - without["reset_bias"]
    assert shift == pytest.approx(cells["reference"] - without["reference"], rel=1e-12)
    # Alternating pulses of a cell end there, wherever it starts; a step moves it by one part in
    # fifty of the way or more.
    held = cells["max_bound"].copy()
    for number in range(2000):
        held = device.stepped(held, up if number % 2 else ~up, cells, None, np)
    assert np.abs(held).max() <= np.maximum(rise, fall).max()


@pytest.mark.parametrize(
    ("device", "wanted"),
    [
        (ConstantStep(dw_min=0.02), 0.02),
        (SoftBounds(dw_min=0.02), 0.02),
        (SoftBoundsReference(dw_min=0.02, reference_mean=0.3), 0.02),
        (PowStep(dw_min=0.02, pow_gamma=1.5), 0.02 * 0.5**1.5),
        (PiecewiseStep(piecewise_up=(1, 2, 3, 4), piecewise_down=(1, 1, 1, 1)), 0.003),
        (PiecewiseStep(piecewise_up=(1, 2, 3), piecewise_down=(1, 1, 1)), 0.002),
        (ExpStep(dw_min=0.02, b=0.0), 0.02 * (1 - 0.00081 + 1 - 0.36833) / 2),
        (
            ExpStep(A_up=0.1, gamma_up=1.0, A_down=2.0, gamma_down=0.0, b=0.2),
            0.001 * (1 - 0.1 * math.exp(0.2)) / 2,
        ),
    ],
    ids=str,
)  # fmt: skip
def test_granularity_is_the_mean_step_at_zero(device, wanted):
    assert device.granularity == pytest.approx(wanted, rel=1e-12)


# -- populations of arrays -------------------------------------------------------------------


def array(device, shape=(200, 250), **changes):
    options = {"seed": 5, "dtype": np.float64, **changes}
    return PulsedArray(shape, device, PulseParameters(), **options)


def agree(drawn, mean, sigma):
    """Sample mean and variance of normals within five standard errors."""
    drawn = np.ravel(drawn)
    assert abs(drawn.mean() - mean) <= 5 * sigma / math.sqrt(drawn.size) + 1e-15
    error = sigma**2 * math.sqrt(2 / (drawn.size - 1))
    assert abs(drawn.var(ddof=1) - sigma**2) <= 5 * error + 1e-15


def test_moments_of_a_population():
    """Bounds, gain and asymmetry are independent normals of the given mean and spread."""
    device = ConstantStep(
        dw_min=0.01, dw_min_dtod=0.1, up_down=0.2, up_down_dtod=0.03, w_max=0.7, w_max_dtod=0.1,
        w_min=-0.4, w_min_dtod=0.2, enforce_consistency=False, reset=0.2, reset_dtod=0.05,
        diffusion=0.003, diffusion_dtod=0.1, lifetime=50.0, lifetime_dtod=0.1,
    )  # fmt: skip
    cells = array(device).cells
    agree(cells["max_bound"], 0.7, 0.07)
    agree(cells["min_bound"], -0.4, 0.08)
    # An asymmetry of +0.2 takes a fifth off steps down, and leaves steps up.
    agree(cells["dwmin_up"], 0.01, 0.01 * math.hypot(0.1, 0.03))
    agree(cells["dwmin_down"], 0.008, 0.01 * math.hypot(0.1, 0.03))
    agree((cells["dwmin_up"] + cells["dwmin_down"]) / 2, 0.009, 0.001)
    agree((cells["dwmin_up"] - cells["dwmin_down"]) / 2, 0.001, 0.0003)
    agree(cells["reset_bias"], 0.2, 0.05)
    agree(cells["diffusion_rates"], 0.003, 0.0003)
    agree(1 / (1 - cells["decay_scales"]), 50, 5)
    names = ("max_bound", "min_bound", "dwmin_up", "reset_bias", "diffusion_rates", "decay_scales")
    table = np.corrcoef([cells[name].ravel() for name in names])
    assert np.abs(table - np.eye(len(names))).max() <= 5 / math.sqrt(50000)


def test_the_other_sign_of_the_asymmetry_lessens_steps_up():
    exact = {"dw_min": 0.01, "dw_min_dtod": 0.0, "up_down_dtod": 0.0}
    cells = array(ConstantStep(up_down=0.2, **exact), (2, 3)).cells
    assert cells["dwmin_up"] == pytest.approx(0.01)
    assert cells["dwmin_down"] == pytest.approx(0.008)
    cells = array(ConstantStep(up_down=-0.2, **exact), (2, 3)).cells
    assert cells["dwmin_up"] == pytest.approx(0.008)
    assert cells["dwmin_down"] == pytest.approx(0.01)


def test_log_normal_steps():
    device = ConstantStep(
        dw_min=0.01, dw_min_dtod=0.5, dw_min_dtod_log_normal=True, up_down_dtod=0.0
    )
    cells = array(device).cells
    agree(np.log(cells["dwmin_up"] / 0.01), 0.0, 0.5)
    assert np.array_equal(cells["dwmin_up"], cells["dwmin_down"])


def test_consistency():
    """Enforced, steps are positive and bounds lie about zero; else bounds only do not cross."""
    wide = {"dw_min_dtod": 2.0, "w_max_dtod": 3.0, "w_min_dtod": 3.0}
    cells = array(ConstantStep(**wide), (50, 50)).cells
    assert all((cells[name] >= 0).all() for name in ("max_bound", "dwmin_up", "dwmin_down"))
    assert (cells["min_bound"] <= 0).all()
    cells = array(ConstantStep(enforce_consistency=False, **wide), (50, 50)).cells
    high, low = cells["max_bound"], cells["min_bound"]
    assert (high >= low).all()
    assert (high == low).any()
    assert (low > 0).any()
    assert (cells["dwmin_up"] < 0).any()
    sloped = SoftBoundsReference(enforce_consistency=False, slope_up_dtod=1.0, **wide)
    cells = array(sloped, (50, 50)).cells
    assert (cells["max_bound"] >= cells["min_bound"]).all()


@pytest.mark.parametrize(
    "model", [ConstantStep, LinearStep, SoftBounds, SoftBoundsReference, ExpStep, PowStep]
)
def test_corrupt_cells_are_stuck(model):
    """About as many as asked for, at weights spread evenly up to the given one."""
    changes = {}
    if model is SoftBoundsReference:
        changes = {"slope_up_dtod": 0.3, "slope_down_dtod": 0.3}
    device = model(corrupt_devices_prob=0.2, corrupt_devices_range=0.05, **changes)
    grid = array(device, (100, 120))
    cells = grid.cells
    stuck = cells["max_bound"] == cells["min_bound"]
    assert abs(stuck.mean() - 0.2) <= 5 * math.sqrt(0.2 * 0.8 / stuck.size)
    assert not cells["dwmin_up"][stuck].any()
    assert not cells["dwmin_down"][stuck].any()
    # Uniform on [-0.05, 0.05], but for the few cells whose own bounds are closer.
    at = cells["max_bound"][stuck]
    assert np.abs(at).max() <= 0.05
    error = 0.05 / math.sqrt(3 * at.size)
    assert abs(at.mean()) <= 5 * error
    assert abs(at.std() / (0.05 / math.sqrt(3)) - 1) <= 0.03 + 5 / math.sqrt(2 * at.size)
    before = grid.weights.copy()
    grid.update(np.ones((3, 120)), -np.ones((3, 100)), 0.5)
    assert np.array_equal(grid.weights[stuck], before[stuck])
    assert (grid.weights[~stuck] != before[~stuck]).mean() > 0.9
    grid.set_weights(np.full((100, 120), 0.7))
    assert np.array_equal(grid.weights[stuck], at)


def test_a_perfect_bias_is_the_last_column():
    device = ConstantStep(**{**SPREADS, "perfect_bias": True})
    cells, plain = array(device, (9, 5)).cells, array(ConstantStep(**SPREADS), (9, 5)).cells
    assert (cells["dwmin_up"][:, -1] == 0.01).all()
    assert (cells["dwmin_down"][:, -1] == 0.01).all()
    assert cells["max_bound"][:, -1] == pytest.approx(70)
    assert cells["min_bound"][:, -1] == pytest.approx(-50)
    for name, values in plain.items():
        assert np.array_equal(cells[name][:, :-1], values[:, :-1])


def test_decay_factors():
    """One less one over the lifetime; none that lives shorter than one update."""
    numbers = Numbers()
    for lifetime in (0.0, 0.5, 1.0, 40.0):
        device = ConstantStep(lifetime=lifetime, lifetime_dtod=0.9)
        got = numbers.of(device)["decay_scales"]
        for place in np.ndindex(SHAPE):
            own = lifetime * (1 + 0.9 * numbers.at(place)["LIFETIME"])
            wanted = (1 - 1 / own if own > 1 else 0.0) if lifetime else 1.0
            assert got[place] == pytest.approx(wanted, rel=1e-12)


def test_a_device_seed_fixes_the_population_and_nothing_else():
    device, x = ConstantStep(), np.linspace(-1, 1, 5)[None]
    some = [
        array(device, (4, 5), seed=seed, device_seed=device_seed)
        for seed, device_seed in ((1, 9), (2, 9), (1, 8), (1, None))
    ]
    for name, values in some[0].cells.items():
        assert np.array_equal(values, some[1].cells[name])
    assert not np.array_equal(some[0].cells["dwmin_up"], some[2].cells["dwmin_up"])
    assert not np.array_equal(some[0].cells["dwmin_up"], some[3].cells["dwmin_up"])
    for grid in some:
        grid.update(x, np.ones((1, 4)), 0.0005)
    moved = [np.abs(grid.weights) > 0 for grid in some]
    assert not np.array_equal(moved[0], moved[1])
    assert np.array_equal(moved[0], moved[2])
    # Arrays of one seed, told apart by their streams.
    streams = [array(device, (4, 5), device_seed=9, stream=number) for number in (0, 1)]
    assert not np.array_equal(*(grid.cells["max_bound"] for grid in streams))


# -- parameters ------------------------------------------------------------------------------

DEVICES = [
    ConstantStep, ExpStep, LinearStep, PiecewiseStep, PowStep, SoftBounds, SoftBoundsReference,
]  # fmt: skip


@pytest.mark.parametrize("kind", [*DEVICES, PulseParameters])
def test_wrong_values_name_class_and_field(kind):
    for name, field in kind.__dataclass_fields__.items():
        if "spec" not in field.metadata:
            continue
        for wrong in field.metadata["spec"].invalid_examples():
            with pytest.raises(ParameterError, match=rf"{kind.__name__}\.{name}\b"):
                kind(**{name: wrong})


@pytest.mark.parametrize("kind", DEVICES)
def test_every_field_of_a_device_says_what_it_is(kind):
    """All but the nodes of a curve are declared, and so are those a model takes over."""
    fields = {n for n, f in kind.__dataclass_fields__.items() if "spec" not in f.metadata}
    assert fields == ({"piecewise_up", "piecewise_down"} if kind is PiecewiseStep else set())


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"piecewise_up": ()}, "PiecewiseStep.piecewise_up"),
        ({"piecewise_down": (1, math.nan)}, "PiecewiseStep.piecewise_down"),
        ({"piecewise_up": 3.0}, "PiecewiseStep.piecewise_up"),
        ({"piecewise_up": "12"}, "PiecewiseStep.piecewise_up"),
        ({"piecewise_up": (1, 1)}, "same number"),
        ({"piecewise_up": (1, 0, 1), "piecewise_down": (1, 1, 1)}, "middle node"),
    ],
)
def test_nodes_that_are_no_curve_are_refused(changes, words):
    with pytest.raises(ParameterError, match=words):
        PiecewiseStep(**changes)


def test_devices_that_cannot_work_are_refused():
    with pytest.raises(ParameterError, match="no pulse moves"):
        ExpStep(A_up=5.0, A_down=5.0, b=0.0)
    with pytest.raises(ParameterError, match="no pulse moves"):
        ExpStep(gamma_up=1e6, gamma_down=-1e6)
    with pytest.raises(ParameterError, match="LinearStep.*mult_noise"):
        LinearStep(reverse_up=True, mult_noise=False)
    with pytest.raises(NotImplementedError, match="StepDevice"):
        array(StepDevice(), (2, 2)).update(np.ones((1, 2)), np.ones((1, 2)), 0.1)


def test_exponents_beyond_all_numbers_stop_a_step():
    device = ExpStep(**{**SPREADS, "gamma_up": 1e5, "b": 0.0, "A_up": 0.5})
    cells = Numbers().of(device)
    high, up = cells["max_bound"], np.full(SHAPE, True)
    got = device.stepped(0.5 * high, up, cells, None, np)
    assert np.array_equal(got, 0.5 * high)
