"""Drift and 1/f noise of phase-change memory: the formulas typed again here, cell by cell."""

import math

import numpy as np
import pytest
from device_moments import draw, moments_agree

from simulator.devices import PCM, Cell, HermesPCM

DRAWS = 40_000
YEAR, DAY = 365.25 * 86400.0, 86400.0
U = 1e-6
PCM_CELL = Cell(0.25 * U, 25 * U, time=DAY)


def exponent_pcm(u):
    mu = min(max(-0.0155 * math.log(u) + 0.0244, 0.049), 0.1)
    return mu, min(max(-0.0125 * math.log(u) - 0.0059, 0.008), 0.045)


def exponent_hermes(u, number):
    log = math.log(u)
    mu = -0.0436 * u**2 - 0.0126 * u + 0.0736
    if u < 0.0945:
        mu = min(max(-0.0387 * log - 0.0182, 0.072), 0.13)
    if number == 1:
        low = min(max(-0.0120 * log - 0.0023, 0.0124), 0.04)
        return mu, low if u < 0.3039 else -0.0165 * u**2 + 0.0116 * u + 0.0104
    low = min(max(-0.0117 * log - 0.0057, 0.0091), 0.04)
    return mu, low if u < 0.3055 else -0.0118 * u**2 + 0.0093 * u + 0.0073


def noise_pcm(u):
    return min(0.0088 / max(u**0.65, 1e-3), 0.2)


def noise_hermes(u, number):
    log = math.log(u)
    if number == 1:
        low = min(max(-0.0078 * log + 0.0038, 0.0179), 0.04)
        return low if u < 0.1591 else 0.0664 * u**3 - 0.1352 * u**2 + 0.0768 * u + 0.0088
    low = min(max(-0.0117 * log - 0.0069, 0.015), 0.04)
    return low if u < 0.16 else 0.0069 * u**3 - 0.028 * u**2 + 0.0211 * u + 0.0123


PHASE = [
    (PCM(), 25e-6, 20.0, 250e-9, exponent_pcm, noise_pcm),
    (
        HermesPCM(num_devices=1), 10.35e-6, 200.0, 512e-9,
        lambda u: exponent_hermes(u, 1), lambda u: noise_hermes(u, 1),
    ),
    (
        HermesPCM(num_devices=2), 20.7e-6, 300.0, 512e-9,
        lambda u: exponent_hermes(u, 2), lambda u: noise_hermes(u, 2),
    ),
]  # fmt: skip
phase_change = pytest.mark.parametrize(
    ("device", "full", "t0", "t_read", "exponent", "noise"), PHASE, ids=[repr(p[0]) for p in PHASE]
)
STATES = np.array([1e-3, 0.01, 0.03, 0.08, 0.12, 0.2, 0.25, 0.4, 0.7, 1.0])


@phase_change
@pytest.mark.parametrize("time", [0.0, 1.0, 3600.0, YEAR])
def test_cells_of_a_known_exponent_follow_its_power_law(
    device, full, t0, t_read, exponent, noise, time
):
    frame = Cell(1e-3 * full, full, time=time)
    for z in (-4.0, -1.0, 0.0, 2.5):
        nu = np.array([abs(mu + s * z) for mu, s in map(exponent, STATES)])
        wanted = STATES * full * ((time + t0) / t0) ** -nu
        got = device.drifted(STATES * full, np.full(10, z), frame)
        np.testing.assert_allclose(got, wanted, rtol=1e-9)


@phase_change
def test_exponents_have_the_published_moments(device, full, t0, t_read, exponent, noise):
    shape = (DRAWS, 10)
    normal = np.random.default_rng(3).standard_normal(shape)
    frame = Cell(1e-3 * full, full, time=YEAR)
    now = device.drifted(np.broadcast_to(STATES * full, shape), normal, frame)
    nu = -np.log(now / (STATES * full)) / math.log1p(YEAR / t0)
    assert nu.min() >= 0
    mu, s = np.array([exponent(u) for u in STATES]).T
    # A folded normal: mean and variance from the normal law, whose sign is dropped.
    tail = np.array([0.5 * math.erfc(m / d / math.sqrt(2)) for m, d in zip(mu, s)])
    mean = s * np.sqrt(2 / np.pi) * np.exp(-(mu**2) / (2 * s**2)) + mu * (1 - 2 * tail)
    moments_agree(nu / U, mean / U, np.sqrt(mu**2 + s**2 - mean**2) / U)


@phase_change
@pytest.mark.parametrize("time", [0.0, 3600.0, YEAR])
def test_read_noise_grows_and_follows_from_where_a_cell_began(
    device, full, t0, t_read, exponent, noise, time
):
    frame = Cell(1e-3 * full, full, time=time)
    now = device.drifted(STATES * full, np.zeros(10), frame)
    growth = math.sqrt(math.log((time + t0 + t_read) / (2 * t_read)))
    wanted = np.array([noise(u) for u in STATES]) * now * growth
    got = device.read_sigma(now, frame)
    # The start is recovered to 1e-3, where the mean exponent is not the same on both sides of
    # its bend only as well as the bend allows.
    np.testing.assert_allclose(got, wanted, rtol=1e-9 if isinstance(device, PCM) else 2e-3)
    shape = (DRAWS, 10)
    moments_agree(device.read(np.broadcast_to(now, shape), frame, draw(shape)), now, got)


def test_scales_of_phase_change_memory():
    frame, g = PCM_CELL, np.linspace(PCM_CELL.Gmin, PCM_CELL.Gmax, 10)
    half = PCM(drift_scale=0.5, read_scale=2.0)
    plain = PCM().drifted(g, 0 * g, frame) / g
    np.testing.assert_allclose(half.drifted(g, 0 * g, frame) / g, plain**0.5)
    still = PCM(drift_scale=0.0, read_scale=2.0)
    np.testing.assert_array_equal(still.drifted(g, 0 * g + 1, frame), g)
    np.testing.assert_allclose(
        still.read_sigma(g, frame), 2 * PCM(drift_scale=0.0).read_sigma(g, frame)
    )


def test_a_cell_that_does_not_conduct_neither_drifts_nor_rustles():
    nothing = np.zeros(3)
    for device in (PCM(), HermesPCM()):
        for time in (0.0, YEAR):
            frame = Cell(0.0, 10e-6, time=time)
            np.testing.assert_array_equal(device.drifted(nothing, nothing + 1, frame), 0)
            np.testing.assert_array_equal(device.read_sigma(nothing, frame), 0)
