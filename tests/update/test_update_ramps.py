"""Step devices from ramps: what is known is found again, and the right model is chosen."""

import math
import warnings

import numpy as np
import pytest

from simulator.errors import InputError, ModelError, OhmCoreWarning
from simulator.update import (
    ConstantStep,
    ExpStep,
    LinearStep,
    PiecewiseStep,
    PowStep,
    PulsedArray,
    PulseParameters,
    SoftBounds,
    from_ramps,
)
from simulator.update.ramps import EXACT, cell_of

PULSES = 160
READ = 0.01
BOUNDS = {"w_max": 0.9, "w_min": -0.8}
GAMMAS = {"gamma_up_dtod": 0.0, "gamma_down_dtod": 0.0}
KNOWN = {
    "constant": ConstantStep(dw_min=0.009, up_down=0.2, **{**EXACT, **BOUNDS}),
    "soft": SoftBounds(dw_min=0.03, up_down=-0.2, **{**EXACT, **BOUNDS}),
    "linear": LinearStep(
        dw_min=0.012, up_down=0.1, gamma_up=0.7, gamma_down=0.2, **GAMMAS,
        **{**EXACT, "w_max": 1.0, "w_min": -1.0},
    ),
    "power": PowStep(
        dw_min=0.06, pow_gamma=2.0, pow_up_down=0.3, pow_gamma_dtod=0.0, **{**EXACT, **BOUNDS}
    ),
    "exponential": ExpStep(
        dw_min=0.02, A_up=0.2, A_down=0.4, gamma_up=1.6, gamma_down=0.9, a=1.0, b=0.0,
        **{**EXACT, "w_max": 1.2, "w_min": -1.2},
    ),
    "piecewise": PiecewiseStep(
        dw_min=0.012, piecewise_up=(0.5, 2.0, 1.0, 0.4, 0.3), piecewise_down=(0.2, 0.5, 1, 2, 1),
        **{**EXACT, "w_max": 1.0, "w_min": -1.0},
    ),
}  # fmt: skip


def ramp(device, up, start, noise=0.0, read=READ, seed=0, pulses=PULSES):
    """Readings of one cell before the first pulse and after each."""
    rng = np.random.default_rng(seed)
    cell = {name: np.array([value]) for name, value in cell_of(device).items()}
    w, weights = np.array([start]), []
    for _ in range(pulses):
        weights.append(w[0])
        step = device.step_size(w, np.array([up]), cell)
        step = step + noise * step * rng.standard_normal(1)
        w = np.clip(w + (step if up else -step), cell["min_bound"], cell["max_bound"])
    return np.array(weights) + read * rng.standard_normal(pulses)


def ramps(device, seed=0, **options):
    return {
        "up": ramp(device, True, -0.7, seed=seed, **options),
        "down": ramp(device, False, 0.7, seed=seed + 1, **options),
    }


@pytest.mark.parametrize("name", [name for name in KNOWN if name != "piecewise"])
def test_the_chosen_model_runs_along_the_true_ramps(name):
    device = KNOWN[name]
    fitted, fit = from_ramps(ramps(device, seed=5), scale=(0.0, 1.0))
    chosen = fit.judged[0]
    assert type(fitted).__name__ == chosen.name
    assert chosen.bic == min(one.bic for one in fit.judged)
    assert len(fit.judged) == len(KNOWN)
    truth = np.concatenate(list(ramps(device, read=0.0).values()))
    off = np.concatenate(fit.model) - truth
    # Of n readings, each parameter takes the share 1 / n of the variance of the noise; the variance
    # of a sum of p such squares is 2 p.
    p, n = chosen.parameters, truth.size
    assert np.sum(off**2) / READ**2 < p + 5 * math.sqrt(2 * p) + 0.05 * p
    assert abs(chosen.rms / READ - 1) < 5 / math.sqrt(2 * (n - p))
    assert fit.read_noise == pytest.approx(READ, rel=5 / math.sqrt(n))
    # Noise that stays was not there; what is found of it is the chance of differences.
    assert fit.step_noise < 0.25 * READ


@pytest.mark.parametrize("name", ["soft", "linear", "power"])
def test_parameters_are_found_within_their_standard_errors(name):
    device = KNOWN[name]
    fitted, fit = from_ramps(ramps(device, seed=7), scale=(0.0, 1.0), models=[type(device)])
    # The slopes of linear steps refer to bounds that lie elsewhere.
    share = {"gamma_up": fitted.w_max / device.w_max, "gamma_down": fitted.w_min / device.w_min}
    for field, error in fit.errors.items():
        known = getattr(device, field) * share.get(field, 1.0)
        assert abs(getattr(fitted, field) - known) < 5 * error
        assert error < 0.2
    assert f"{type(device).__name__}, " in str(fit)


def test_steps_that_no_formula_describes_are_piecewise():
    device, fit = from_ramps(ramps(KNOWN["piecewise"], seed=5), scale=(0.0, 1.0))
    assert isinstance(device, PiecewiseStep)
    # Its nodes lie between other bounds than the true ones.
    assert fit.judged[0].rms < 1.1 * READ
    assert fit.judged[1].bic - fit.judged[0].bic > 10


@pytest.mark.parametrize("name", ["soft", "constant", "linear"])
def test_of_equal_fits_the_simplest_is_chosen(name):
    _, fit = from_ramps(ramps(KNOWN[name], seed=11), scale=(0.0, 1.0))
    # Steps that are linear in the weight are soft bounds, too, and equal ones are linear.
    assert fit.judged[0].parameters == 6
    assert fit.judged[0].name in {"SoftBounds", "LinearStep", type(KNOWN[name]).__name__}


def test_noise_of_steps_is_told_from_noise_of_readings():
    device = ConstantStep(dw_min=0.002, **{**EXACT, "w_max": 2.0, "w_min": -2.0})
    stays, passes = [], []
    for seed in range(8):
        table = ramps(device, seed=10 * seed, noise=1.5, read=0.004, pulses=400)
        _, fit = from_ramps(table, scale=(0.0, 1.0), models=[LinearStep])
        stays.append(fit.step_noise)
        passes.append(fit.read_noise)
        assert fit.independent < 400
    # Each is a mean over differences 8 pulses apart, of 800 readings: known to a fifth.
    assert np.mean(stays) == pytest.approx(0.003, rel=5 * 0.2 / math.sqrt(8))
    assert np.mean(passes) == pytest.approx(0.004, rel=5 * 0.1 / math.sqrt(8))


def test_a_fitted_device_makes_such_ramps_in_an_array():
    device, fit = from_ramps(ramps(KNOWN["soft"], seed=3, noise=0.5), scale=(0.0, 1.0))
    array = PulsedArray((30, 30), device, PulseParameters(), seed=1, dtype=np.float64)
    array.set_weights(np.full((30, 30), fit.model[0][0]))
    result = array.write_verify(np.full((30, 30), fit.model[0][40]), tolerance=0.05)
    assert result.failures == 0
    assert 20 < result.writes.mean() < 45


def test_readings_in_any_unit_are_weights_from_minus_one_to_one():
    table = ramps(KNOWN["soft"], seed=2)
    siemens = {f"{name} (uS)": 20 + 7 * values for name, values in table.items()}
    device, fit = from_ramps(siemens, models=[SoftBounds])
    readings = np.concatenate(fit.readings)
    assert (readings.min(), readings.max()) == pytest.approx((-1, 1))
    everything = np.concatenate(list(table.values()))
    assert fit.half == pytest.approx(7e-6 * np.ptp(everything) / 2)
    plain, other = from_ramps(table, models=[SoftBounds])
    assert device.w_max == pytest.approx(plain.w_max, rel=1e-4)
    assert other.half == pytest.approx(np.ptp(everything) / 2)


def test_a_gap_is_a_pulse_without_a_reading():
    table = {name: list(values) for name, values in ramps(KNOWN["soft"], seed=4).items()}
    whole, _ = from_ramps(table, scale=(0.0, 1.0), models=[SoftBounds])
    for k in range(20, 60):
        table["up"][k] = "OVERFLOW" if k % 2 else ""
    with pytest.warns(OhmCoreWarning, match="40 of 160 rows are left out"):
        device, fit = from_ramps(table, scale=(0.0, 1.0), models=[SoftBounds])
    assert len(fit.pulses[0]) == 120
    assert device.dw_min == pytest.approx(whole.dw_min, rel=0.05)


@pytest.mark.parametrize(
    ("table", "options", "error", "words"),
    [
        ({"up": [0, 1], "down": [1, 0]}, {}, InputError, "ramp up has 2 readings; needed are 20"),
        ({"up": [1.0] * 30, "down": range(30)}, {}, InputError, "same reading after every pulse"),
        (
            {"up": range(30, 0, -1), "down": range(30)}, {}, InputError,
            "ramp up falls and the ramp down rises",
        ),
        ({"up": range(30)}, {}, InputError, "no column is recognised as the down"),
        (
            {"up": range(1, 31), "down": range(30, 0, -1)}, {"scale": (0.0, 1.0)}, InputError,
            "bounds of step devices lie on both sides of 0",
        ),
        (
            {"up": range(30), "down": range(30, 0, -1)}, {"models": [dict]}, ModelError,
            "got 'dict'; allowed are ConstantStep, SoftBounds",
        ),
    ],
)  # fmt: skip
def test_ramps_that_cannot_be_fitted_are_named(table, options, error, words):
    with pytest.raises(error, match=words):
        from_ramps(table, **options)


def test_a_figure_shows_both_ramps_and_both_steps():
    pytest.importorskip("matplotlib")
    _, fit = from_ramps(ramps(KNOWN["soft"]), models=[SoftBounds])
    left, right = fit.figure().axes
    assert [axis.get_xlabel() for axis in (left, right)] == ["pulses", "weight"]
    assert len(left.lines) == 4
    assert len(right.lines) == 2


def test_a_measured_device_is_fitted(test_data):
    path = test_data / "data" / "devices" / "gong_et_al.csv"
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        device, fit = from_ramps(
            path, columns={"up": 0, "down": 1}, models=[ConstantStep, SoftBounds, LinearStep]
        )
    assert len(fit.pulses[0]) == 1000
    assert isinstance(device, LinearStep)
    # Steps up hardly depend on the weight, steps down vanish at the lower end.
    assert abs(device.gamma_up) < 5 * fit.errors["gamma_up"]
    assert abs(device.gamma_down - 1) < 5 * fit.errors["gamma_down"]
    assert 500 < fit.states < 2000
