"""Models from the literature: each formula typed again here, in uS, and cells drawn from the model.

Sigma methods agree to rounding; drawn moments within five standard errors.
"""

import dataclasses
import math
import warnings

import numpy as np
import pytest
from device_moments import draw, moments_agree

from simulator.devices import (
    PCM,
    RRAMCMO,
    SONOS,
    Cell,
    HermesPCM,
    PCMJoshi,
    RRAMMilo,
    RRAMWan,
    RRAMWan2022,
)
from simulator.errors import ModelError, OhmCoreWarning, ParameterError
from simulator.testing import check_device

DRAWS = 40_000
YEAR, DAY = 365.25 * 86400.0, 86400.0
U = 1e-6


def cell(low, high, **values):
    """Cells between two conductances in uS."""
    return Cell(low * U, high * U, **values)


JOSHI, MILO, WAN = cell(0.25, 25), cell(50, 225, Vread=0.5), cell(1, 39)
PCM_CELL, PAIR, ONE = cell(0.25, 25), cell(0.2, 20.7), cell(0.1, 10.35)
WAN_2022, CMO = cell(1, 40, time=1.0), cell(9, 88)
FLASH = cell(1e-6, 16, Vread=0.1)


def programming_pcm(g):
    return 0.26348 + 1.9650 * (g / 25) - 1.1731 * (g / 25) ** 2


def programming_hermes(g, number):
    if number == 1:
        u = g / 10.35
        return 0.15781817 + 2.32443916 * u - 2.16310839 * u**2 + 0.68841818 * u**3
    u = g / 20.7
    return 0.16603222 + 4.71806468 * u - 8.48101252 * u**2 + 4.68961419 * u**3


def programming_sonos(g):
    """A current of 0.1 V in nA has the number of a conductance in uS times 100."""
    return 19.88665 * (1 - np.exp(-100 * g / 176.3115)) / 100


PROGRAMMING = [
    (PCMJoshi(), JOSHI, lambda g: -0.00178767 * g**2 + 0.07585724 * g + 0.28638599),
    (RRAMMilo(), MILO, lambda g: -0.009107 * g + 4.782321),
    (RRAMWan(), WAN, lambda g: 1.536e-4 * g**3 - 1.167e-2 * g**2 + 0.2374 * g + 1.053),
    (PCM(), PCM_CELL, programming_pcm),
    (PCM(g_max=50e-6), cell(1, 50), lambda g: 2 * programming_pcm(g / 2)),
    (PCM(programming_scale=0.5), PCM_CELL, lambda g: 0.5 * programming_pcm(g)),
    (HermesPCM(), PAIR, lambda g: programming_hermes(g, 2)),
    (HermesPCM(num_devices=1), ONE, lambda g: programming_hermes(g, 1)),
    (RRAMCMO(acceptance_range=0.2), CMO, lambda g: 0.00081107 + 0.00106879 * g),
    (RRAMCMO(acceptance_range=2), CMO, lambda g: 0.0112185391 + 0.01129027418 * g),
    (SONOS(), FLASH, programming_sonos),
]


def sonos_drift(g, day):
    """Mean shift and spread in uS on whole days."""
    a, b = [
        (19.88665, 176.3115), (25.59102, 186.85544), (28.72753, 193.56834),
        (31.04318, 198.90332), (33.76214, 204.77023), (34.57909, 207.34309),
    ][day]  # fmt: skip
    powers = {
        0: "0",
        1: "1.72684e-01 5.72552e-02 -6.85715e-04 3.50271e-06 -9.37682e-09 1.40575e-11 "
           "-1.19803e-14 5.41293e-18 -8.85448e-22 -1.66869e-25 5.95180e-29",
        2: "2.50712e-01 6.62195e-02 -6.83218e-04 2.99442e-06 -6.78255e-09 7.70482e-12 "
           "-3.04983e-15 -2.15919e-18 2.94617e-21 -1.23359e-24 1.85329e-28",
        3: "-1.75300e-02 9.76883e-02 -9.63791e-04 4.55551e-06 -1.22391e-08 1.93786e-11 "
           "-1.85899e-14 1.07659e-17 -3.58211e-21 5.96785e-25 -3.30410e-29",
        4: "4.03338e-02 1.03111e-01 -1.04740e-03 4.83961e-06 -1.28132e-08 1.99484e-11 "
           "-1.85139e-14 1.00008e-17 -2.84944e-21 3.01008e-25 1.18747e-29",
        5: "3.19927e-01 1.06596e-01 -1.04054e-03 4.50290e-06 -1.10352e-08 1.56477e-11 "
           "-1.27592e-14 5.45513e-18 -7.26841e-22 -2.43893e-25 7.14608e-29",
    }[day]  # fmt: skip
    nano = 100 * g
    shift = sum(float(p) * nano**k for k, p in enumerate(powers.split()))
    return shift / 100, a * (1 - np.exp(-nano / b)) / 100


def wan_2022(g, row):
    u = g / 40
    c = {
        1.0: (0.348, 16.03, -43.853, 45.393, -16.815),
        DAY: (0.701, 22.086, -50.773, 47.095, -16.458),
        2 * DAY: (0.782, 20.274, -43.507, 37.062, -11.934),
    }[row]
    return c[0] + c[1] * u + c[2] * u**2 + c[3] * u**3 + c[4] * u**4


def aged(frame, time):
    return dataclasses.replace(frame, time=time)


# Model, cell, and mean shift and spread in uS after drift.
DRIFT = [
    *[(SONOS(), aged(FLASH, d), lambda g, d=d: sonos_drift(g, d)) for d in range(6)],
    *[
        (RRAMWan2022(), aged(WAN_2022, t), lambda g, t=t: (0, wan_2022(g, t)))
        for t in (1.0, DAY, 2 * DAY)
    ],
    *[
        (
            RRAMCMO(),
            aged(CMO, t),
            lambda g, t=t: (
                -0.08900206 * math.log(t) + 0 * g,
                0.04201137 * math.log(t) + 0.41183342 + 0 * g,
            ),
        )
        for t in (1.0, 60.0, DAY, 10 * YEAR)
    ],
]


def names(cases):
    return [f"{device!r}-{frame.time:g}" for device, frame, _ in cases]


def levels(frame):
    return np.linspace(frame.Gmin, frame.Gmax, 10)


@pytest.mark.parametrize(("device", "frame", "law"), PROGRAMMING, ids=names(PROGRAMMING))
def test_programming_is_that_of_the_paper(device, frame, law):
    g = levels(frame)
    wanted = law(g / U) * U
    np.testing.assert_allclose(device.programming_sigma(g, frame), wanted, rtol=1e-9)
    np.testing.assert_array_equal(device.programming_mean(g, frame), g)
    shape = (DRAWS, 10)
    moments_agree(device.programmed(np.broadcast_to(g, shape), frame, draw(shape)), g, wanted)


@pytest.mark.parametrize(("device", "frame", "law"), DRIFT, ids=names(DRIFT))
def test_drift_is_that_of_the_paper(device, frame, law):
    g = levels(frame)
    shift, sigma = (np.asarray(v) * U for v in law(g / U))
    np.testing.assert_allclose(device.drift_mean(g, frame), g + shift, rtol=1e-9, atol=1e-18)
    np.testing.assert_allclose(device.drift_sigma(g, frame), sigma, rtol=1e-9, atol=1e-18)
    shape = (DRAWS, 10)
    normal = np.random.default_rng(8).standard_normal(shape)
    moments_agree(device.drifted(np.broadcast_to(g, shape), normal, frame), g + shift, sigma)


@pytest.mark.parametrize(
    ("device", "frame"),
    [(d, f) for d, f, _ in PROGRAMMING]
    + [(d, aged(f, t)) for d, f, _ in PROGRAMMING[3:10] for t in (60.0, YEAR)]
    + [(d, f) for d, f, _ in DRIFT],
    ids=lambda value: repr(value) if not isinstance(value, Cell) else f"{value.time:g}",
)
def test_published_models_conform(device, frame):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", OhmCoreWarning)
        check_device(device, frame)


@pytest.mark.parametrize("kind", [np.float32, np.float64])
@pytest.mark.parametrize(("device", "frame", "law"), PROGRAMMING, ids=names(PROGRAMMING))
def test_precision_is_kept(device, frame, law, kind):
    g = levels(frame).astype(kind)
    later = aged(frame, 60.0 if device.time_unit == "s" else 1.0)
    assert device.programming_sigma(g, frame).dtype == kind
    if device.models("drift"):
        assert device.drifted(g, 0 * g + 1, later).dtype == kind
    if device.models("read"):
        assert device.read_sigma(g, later).dtype == kind
    if device.models("current"):
        assert device.current(g, g * 0 + kind(0.1), frame).dtype == kind


# -- other effects --------------------------------------------------------------------------------


def test_read_noise_of_metal_oxide_and_flash():
    frame = aged(CMO, 3600.0)
    g = levels(CMO)
    wanted = 0.0277316483 * np.log10(g / U) * math.sqrt(math.log((3600 + 1e-6) / 2e-6)) * U
    np.testing.assert_allclose(RRAMCMO().read_sigma(g, frame), wanted, rtol=1e-9)
    with pytest.warns(OhmCoreWarning, match=r"xbar\.device\.time is 0"):
        np.testing.assert_array_equal(RRAMCMO().read_sigma(g, CMO), 0)
    g = levels(FLASH)
    for day in (0.0, 3.0):
        got = SONOS().read_sigma(g, aged(FLASH, day))
        np.testing.assert_allclose(
            got, 12.58037 * (1 - np.exp(-100 * g / U / 215.36557)) / 100 * U, rtol=1e-9
        )


def test_flash_between_and_beyond_whole_days():
    g = levels(FLASH)
    for time, before, part in ((0.25, 0, 0.25), (2.5, 2, 0.5), (4.75, 4, 0.75), (7.0, 4, 3.0)):
        frame = aged(FLASH, time)
        old, new = sonos_drift(g / U, before)[0], sonos_drift(g / U, before + 1)[0]
        shift = (old + part * (new - old)) * U
        np.testing.assert_allclose(SONOS().drift_mean(g, frame), g + shift, rtol=1e-9, atol=1e-18)
    height = 33.76214 + 3 * (34.57909 - 33.76214)
    width = 204.77023 + 3 * (207.34309 - 204.77023)
    wanted = height * (1 - np.exp(-100 * g / U / width)) / 100 * U
    np.testing.assert_allclose(SONOS().drift_sigma(g, frame), wanted, rtol=1e-9, atol=1e-18)
    SONOS().check_cell(aged(FLASH, 5.0))
    with pytest.warns(OhmCoreWarning, match="time is 7 days"):
        SONOS().check_cell(frame)


def test_flash_is_a_law_of_the_current():
    """Half the conductance at twice the voltage has the same relative spread."""
    g = levels(FLASH)
    twice = Cell(FLASH.Gmin / 2, FLASH.Gmax / 2, Vread=0.2, time=2.0)
    relative = SONOS().drift_sigma(g, aged(FLASH, 2.0)) / g
    np.testing.assert_allclose(SONOS().drift_sigma(g / 2, twice) / (g / 2), relative)


def test_resistive_memory_between_measured_times():
    frame = aged(WAN_2022, math.sqrt(DAY))
    g = levels(WAN_2022)
    wanted = 0.5 * (wan_2022(g / U, 1.0) + wan_2022(g / U, DAY)) * U
    np.testing.assert_allclose(RRAMWan2022().drift_sigma(g, frame), wanted, rtol=1e-9)
    # 40 uS stays the unit for cells that use less.
    small = dataclasses.replace(WAN_2022, Gmax=10e-6)
    np.testing.assert_allclose(
        RRAMWan2022().drift_sigma(np.array([10e-6]), small), wan_2022(10.0, 1.0) * U, rtol=1e-9
    )


def test_currents_of_resistive_memory():
    volts = np.array([-0.5, 0.2, 0.5])
    for siemens, x in ((1e-4, -4.0), (62.5e-6, math.log10(62.5e-6))):
        square = 0.0001388 * x**3 + 0.001541 * x**2 + 0.005711 * x + 0.007063
        cube = 8.8710e-05 * x**2 + 6.7919e-04 * x + 1.2968e-03
        g = np.full(3, siemens)
        wanted = siemens * volts + square * volts**2 + cube * volts**3
        np.testing.assert_allclose(RRAMMilo().current(g, volts, MILO), wanted, rtol=1e-9)
        wanted = siemens + 2 * square * volts + 3 * cube * volts**2
        np.testing.assert_allclose(RRAMMilo().slope(g, volts, MILO), wanted, rtol=1e-9)
    # By hand at 100 uS: -8.2 uA/V^2 and -0.6 uA/V^3, so 50 - 2.05 - 0.075 uA at 0.5 V.
    amps = RRAMMilo().current(np.array([1e-4]), np.array([0.5]), MILO)
    np.testing.assert_allclose(amps, 47.875e-6, rtol=1e-9)
    ohmic = np.array([0.0, 5e-10])
    np.testing.assert_array_equal(RRAMMilo().current(ohmic, 0.5, MILO), 0.5 * ohmic)
    np.testing.assert_array_equal(RRAMMilo().slope(ohmic, 0.5, MILO), ohmic)
    np.testing.assert_array_equal(RRAMMilo().current(levels(MILO), np.zeros(10), MILO), 0)


# -- ranges ---------------------------------------------------------------------------------------

OUTSIDE = [
    (PCMJoshi(), cell(1, 26), r"Rmin.*PCMJoshi.*25 uS.*40000 ohm"),
    (PCM(), cell(1, 30), r"Rmin.*PCM .*25 uS"),
    (HermesPCM(), cell(1, 21), r"Rmin.*20\.7 uS"),
    (HermesPCM(num_devices=1), cell(1, 20), r"Rmin.*10\.35 uS"),
    (RRAMMilo(), cell(40, 200), r"RRAMMilo.*xbar\.device\.Rmax.*20004 ohm"),
    (RRAMMilo(), cell(0, 200), r"infinite_on_off_ratio"),
    (RRAMMilo(), cell(60, 230), r"xbar\.device\.Rmin.*225\.01 uS"),
    (RRAMMilo(), cell(60, 200, Vread=0.6), r"xbar\.device\.Vread is 0\.6 V.*0\.5 V"),
    (RRAMWan(), cell(1, 40), r"xbar\.device\.Rmin.*39\.26 uS"),
    (RRAMWan2022(), cell(1, 41, time=1.0), r"xbar\.device\.Rmin.*40 uS"),
    (RRAMWan2022(), cell(1, 40), r"xbar\.device\.time is 0 s.*1 s to 172800 s"),
    (RRAMWan2022(), cell(1, 40, time=3 * DAY), r"xbar\.device\.time"),
    (RRAMCMO(), cell(5, 80), r"Rmax"),
    (RRAMCMO(), cell(9, 90), r"Rmin"),
    (RRAMCMO(), cell(9, 88, time=0.5), r"xbar\.device\.time is 0\.5 s"),
    (SONOS(), cell(1e-6, 33), r"3300 nA.*Vread.*3200 nA at time 0.*31250 ohm"),
    (SONOS(), cell(1e-6, 20, time=1.0), r"2000 nA.*1800 nA at xbar\.device\.time = 1 days"),
]


@pytest.mark.parametrize(("device", "frame", "words"), OUTSIDE, ids=[w for _, _, w in OUTSIDE])
def test_cells_that_a_model_does_not_describe_name_what_to_set(device, frame, words):
    with pytest.raises(ModelError, match=words):
        device.check_cell(frame)


def test_ranges_end_where_the_papers_end():
    for device, low, high in (
        (PCMJoshi(), 0.25, 25), (RRAMMilo(), 50, 225), (RRAMWan(), 0, 39.26), (PCM(), 0, 25),
        (HermesPCM(), 0, 20.7), (RRAMCMO(), 9, 88.2),
    ):  # fmt: skip
        ohms = 1 / (high * U)
        device.check_cell(Cell(low * U, 1 / ohms, Vread=0.5))
    SONOS().check_cell(cell(0, 32))
    SONOS().check_cell(cell(0, 18, time=5.0))


def test_continued_laws_warn():
    with pytest.warns(OhmCoreWarning, match=r"PCMJoshi was fitted from 0\.25 uS"):
        PCMJoshi().check_cell(cell(0, 25))
    with pytest.warns(OhmCoreWarning, match="10 years"):
        RRAMCMO().check_cell(aged(CMO, 11 * YEAR))


def test_choices_are_checked():
    with pytest.raises(ParameterError, match="acceptance_range"):
        RRAMCMO(acceptance_range=2e-2)
    with pytest.raises(ParameterError, match="num_devices"):
        HermesPCM(num_devices=3)
    with pytest.raises(ParameterError, match="t_0"):
        PCM(t_0=0.0)


def test_units_and_what_each_model_describes():
    described = {
        "PCMJoshi": "p", "RRAMMilo": "pc", "RRAMWan": "p", "RRAMWan2022": "d", "SONOS": "prd",
        "PCM": "prd", "HermesPCM": "prd", "RRAMCMO": "prd",
    }  # fmt: skip
    letters = {"p": "programming", "r": "read", "d": "drift", "c": "current"}
    for device in (PCMJoshi, RRAMMilo, RRAMWan, RRAMWan2022, SONOS, PCM, HermesPCM, RRAMCMO):
        for letter, effect in letters.items():
            assert device.models(effect) == (letter in described[device.__name__])
        assert device.time_unit == ("days" if device is SONOS else "s")
        assert device.drift_includes_programming == (device in (SONOS, RRAMWan2022))
