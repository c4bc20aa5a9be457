"""Fits to measurements that recover what is known, and figures."""

import builtins
import math

import numpy as np
import pytest

from simulator.devices import (
    PCM,
    SONOS,
    Cell,
    CubicDevice,
    HermesPCM,
    NormalProportionalDevice,
    RRAMMilo,
    from_measurements,
    plot_current,
    plot_drift,
    plot_spread,
)
from simulator.errors import (
    FileFormatError,
    InputError,
    ModelError,
)
from simulator.testing import check_device

U = 1e-6
CELL = Cell(1 * U, 10 * U)


def at(time):
    return Cell(1 * U, 10 * U, time=time)


TARGETS = np.linspace(2, 20, 6) * U
TIMES = np.array([1.0, 60.0, 3600.0, 86400.0])
COUNT = 2000


def known_error(target):
    return -0.1 * U - 0.02 * target


def known_spread(target):
    return 0.2 * U + 0.02 * target


def known_shift(target, decades):
    return -0.01 * target * decades


GROWTH = 0.03 * U


def measured(count=COUNT, times=TIMES, seed=11):
    """Cells whose mean and standard deviation follow straight lines over log time."""
    rng = np.random.default_rng(seed)
    columns = {"target_S": [], "measured_S": [], "time_s": []}
    for target in TARGETS:
        for time in times:
            decades = math.log10(time) if time > 0 else 0.0
            mean = target + known_error(target) + known_shift(target, decades)
            sigma = known_spread(target) + GROWTH * decades
            columns["target_S"] += [target] * count
            columns["time_s"] += [time] * count
            columns["measured_S"] += list(mean + sigma * rng.standard_normal(count))
    return columns


def write_csv(path, columns):
    rows = [",".join(columns)]
    rows += [",".join(map(repr, map(float, row))) for row in zip(*columns.values())]
    path.write_text("\n".join(rows) + "\n")


@pytest.fixture(scope="module")
def fitted():
    return from_measurements(measured())


def test_a_known_device_is_recovered_within_its_standard_errors(fitted):
    _, fit = fitted
    assert [g.target for g in fit.groups] == pytest.approx(TARGETS)
    for group in fit.groups:
        first = group.samples[0]
        assert first.count == COUNT
        assert abs(group.error - known_error(group.target)) < 5 * first.mean_se
        assert abs(group.spread - known_spread(group.target)) < 5 * first.sigma_se
        rate = known_shift(group.target, 1.0)
        assert abs(group.mean.per_decade - rate) < 5 * group.mean.per_decade_se
        assert abs(group.sigma.per_decade - GROWTH) < 5 * group.sigma.per_decade_se
        assert group.mean.per_decade_se < 0.01 * U
        total = group.target + known_error(group.target)
        assert abs(group.mean.start - total) < 5 * group.mean.start_se


def test_standard_errors_are_those_of_repeated_experiments():
    fits = [from_measurements(measured(count=50, seed=seed))[1] for seed in range(200)]
    for value, error in (
        (lambda g: g.error, lambda g: g.samples[0].mean_se),
        (lambda g: g.spread, lambda g: g.samples[0].sigma_se),
        (lambda g: g.mean.per_decade, lambda g: g.mean.per_decade_se),
        (lambda g: g.sigma.per_decade, lambda g: g.sigma.per_decade_se),
    ):
        scatter = np.std([[value(g) for g in fit.groups] for fit in fits], axis=0)
        stated = np.mean([[error(g) for g in fit.groups] for fit in fits], axis=0)
        # Standard deviations of 200 values are known to 5 %; five such errors.
        np.testing.assert_allclose(scatter, stated, rtol=5 * 0.05)


def test_goodness_tells_a_law_that_holds_from_one_that_does_not(fitted):
    _, fit = fitted
    # Chi-square per degree of freedom: 1 with the variance 2 / dof.
    dof = 2 * len(TARGETS) * (len(TIMES) - 2)
    assert abs(fit.retention - 1) < 5 * math.sqrt(2 / dof)
    assert abs(fit.normality - 1) < 5 * math.sqrt(2 / sum(g.normality_dof for g in fit.groups))
    bent = measured()
    late = np.array(bent["time_s"]) == TIMES[-1]
    bent["measured_S"] = np.array(bent["measured_S"]) + 0.2 * U * late
    assert from_measurements(bent)[1].retention > 10
    lumps = measured(times=TIMES[:1])
    lumps["measured_S"] = np.round(np.array(lumps["measured_S"]) / (0.5 * U)) * (0.5 * U)
    device, coarse = from_measurements(lumps)
    assert coarse.normality > 10
    assert coarse.retention is None
    assert not device.models("drift")


def test_the_device_of_a_fit_has_the_spread_and_the_retention(fitted):
    device, fit = fitted
    g = np.array([group.target for group in fit.groups])
    np.testing.assert_allclose(
        device.programming_sigma(g, CELL), [group.spread for group in fit.groups]
    )
    for time in TIMES:
        now = device.drift_mean(g, at(time))
        error = [5 * group.mean.per_decade_se * math.log10(time) for group in fit.groups]
        assert np.all(np.abs(now - g - known_shift(g, math.log10(time))) <= np.array(error) + 1e-18)
        # Programming and what was added are the fitted spread at that time.
        total = device.drift_sigma(g, at(time)) ** 2 + [x.sigma.at(1.0) ** 2 for x in fit.groups]
        np.testing.assert_allclose(total, [x.sigma.at(time) ** 2 for x in fit.groups], rtol=1e-9)
    check_device(device, Cell(g[0], g[-1], time=3600.0))


def test_a_first_time_of_zero_is_programming(fitted):
    device, fit = from_measurements(measured(times=[0.0, *TIMES[1:]]))
    g = np.array([group.target for group in fit.groups])
    assert device.times == (60.0, 3600.0, 86400.0)
    error = np.array([5 * math.hypot(x.mean.start_se, x.samples[0].mean_se) for x in fit.groups])
    off = device.drift_mean(g, at(60.0)) - g - known_shift(g, math.log10(60.0))
    assert np.all(np.abs(off) <= error)


def test_files_and_frames_give_the_same_fit(tmp_path, monkeypatch):
    columns = measured(count=30)
    wanted = from_measurements(columns)
    path = tmp_path / "cells.csv"
    write_csv(path, {"cell": np.arange(len(columns["time_s"])), **columns})
    pandas = pytest.importorskip("pandas")
    assert from_measurements(pandas.DataFrame(columns)) == wanted
    assert from_measurements(path) == wanted

    real, optional = builtins.__import__, {"pandas", "clevercsv", "charset_normalizer", "openpyxl"}

    def without_extras(name, *args, **kwargs):
        if name.split(".")[0] in optional:
            raise ImportError(name)
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without_extras)
    assert from_measurements(str(path)) == wanted
    path.write_text("target_S,measured_S,time_s\n1e-6,1e-6,0\n1e-6,high,0\n")
    with pytest.raises(FileFormatError, match=r"line 3, column 'measured_S': 'high' is no number"):
        from_measurements(path)


def test_a_report_is_a_table_with_errors(fitted):
    _, fit = fitted
    text = str(fit)
    assert "+-" in text
    assert "normality: chi2/dof" in text
    assert len(text.splitlines()) == len(TARGETS) + 3


def wrong_columns(**changes):
    columns = {**measured(count=12, times=[1.0]), **changes}
    return {name: values for name, values in columns.items() if values is not None}


@pytest.mark.parametrize(
    ("columns", "words"),
    [
        (wrong_columns(target_S=None), "no column is recognised as the target"),
        (wrong_columns(target_S=None, targte_S=[U] * 72), "Did you mean 'targte_S'"),
        (wrong_columns(measured_S=["x"] * 72), "row 1, column 'measured_S': 'x' is no number"),
        (wrong_columns(measured_S=[np.nan] * 72), "no row is complete: 72 with a gap.*row 1"),
        (wrong_columns(measured_S=[1 + 2j] * 72), "'measured_S' is complex"),
        (wrong_columns(measured_S=["1e-6+2e-7j"] * 72), "'1e-6\\+2e-7j' is complex"),
        (wrong_columns(measured_S=[5.0] * 72), "measured_S.*microsiemens"),
        (wrong_columns(target_S=[20.0] * 72), "target_S.*microsiemens"),
        (wrong_columns(time_s=[-1.0] * 72), "negative"),
        (wrong_columns(time_s=[1.0] * 70), "70"),
        (wrong_columns(time_s=[1.0] * 70 + [2.0] * 2), "20 uS has 10 cells|2 cells at 2 s"),
        ({"target_S": [], "measured_S": [], "time_s": []}, "rows"),
    ],
)
def test_measurements_that_cannot_be_fitted_are_named(columns, words, tmp_path):
    with pytest.raises(InputError, match=words):
        from_measurements(columns)


def test_a_file_without_the_columns_is_named(tmp_path):
    path = tmp_path / "cells.csv"
    path.write_text("goal uS,read,time_s\n1,2,3\n")
    with pytest.raises(FileFormatError, match=r"cells\.csv: column 'read' has no unit"):
        from_measurements(path)
    path.write_text("tagret_uS,measured_S,time_s\n1,2,3\n")
    words = r"cells\.csv: no column is recognised as the target .*Did you mean 'tagret_uS'"
    with pytest.raises(FileFormatError, match=words):
        from_measurements(path)


# -- figures --------------------------------------------------------------------------------------


def labels(figure):
    return [axis.get_xlabel() + axis.get_ylabel() for axis in figure.axes]


def test_figures_have_units_and_bands(fitted):
    pytest.importorskip("matplotlib")
    for device, frame in (
        (PCM(), Cell(0.25 * U, 25 * U, time=100.0)),
        (SONOS(), Cell(0.0, 16 * U, time=2.0)),
        (NormalProportionalDevice(magnitude=0.1), CELL),
        (fitted[0], Cell(TARGETS[0], TARGETS[-1])),
    ):
        figure = plot_spread(device, frame)
        assert all("uS" in text for text in labels(figure))
        assert figure.axes[0].collections
    for device, frame, times in (
        (HermesPCM(), Cell(0.25 * U, 20 * U), np.geomspace(1, 1e7, 5)),
        (SONOS(), Cell(0.0, 16 * U), [0, 1, 2]),
    ):
        (axis,) = plot_drift(device, frame, times).axes
        assert axis.get_xlabel() == f"time since programming ({device.time_unit})"
        assert axis.get_xscale() == ("log" if times[0] else "linear")
        assert len(axis.lines) == len(axis.collections) == 5
    for device, frame in ((RRAMMilo(), Cell(50 * U, 225 * U, Vread=0.5)), (CubicDevice(), CELL)):
        left, right = plot_current(device, frame).axes
        assert left.get_ylabel() in ("current (uA)", "current (nA)")
        assert right.get_ylabel() == "dI/dV (uS)"
    assert len(fitted[1].figure().axes) == 3


def test_figures_of_what_a_model_does_not_describe_are_errors():
    pytest.importorskip("matplotlib")
    with pytest.raises(ModelError, match="CubicDevice describes no spread"):
        plot_spread(CubicDevice(), CELL)
    with pytest.raises(ModelError, match="describes no drift"):
        plot_drift(RRAMMilo(), CELL, [0, 1])
    with pytest.raises(ModelError, match="describes no current"):
        plot_current(PCM(), CELL)
    with pytest.raises(InputError, match="two or more"):
        plot_drift(PCM(), CELL, [1.0])


def test_figures_leave_the_style_of_others_alone():
    matplotlib = pytest.importorskip("matplotlib")
    before = dict(matplotlib.rcParams)
    plot_spread(PCM(), Cell(0.25 * U, 25 * U))
    assert dict(matplotlib.rcParams) == before
