"""Curves of converters: the numbers behind the figures, and what the figures say."""

import sys

import numpy as np
import pytest

from simulator import AnalogCore, CrossSimParameters, InputError
from simulator.converters import (
    ADC,
    CyclicADC,
    IdealADC,
    PipelineADC,
    QuantizerADC,
    RampADC,
    SarADC,
    SignMagnitudeADC,
)
from simulator.converters.curves import linearity, plot_linearity, plot_transfer, transfer

SHIPPED = [IdealADC(), QuantizerADC(bits=0), QuantizerADC(bits=4), SignMagnitudeADC(bits=4),
           QuantizerADC(bits=3, stochastic_rounding=True), RampADC(bits=5), SarADC(bits=5),
           PipelineADC(bits=5), CyclicADC(bits=1)]  # fmt: skip


@pytest.mark.parametrize("adc", SHIPPED, ids=lambda adc: f"{type(adc).__name__}{adc.bits}")
def test_ideal_converters_are_linear(adc):
    curve, found = transfer(adc, -2.0, 2.0), linearity(adc, -2.0, 2.0)
    assert np.abs(curve.error).max() <= 0.51
    assert found.dnl.shape == found.inl.shape == (1, len(found.levels))
    if found.dnl.size:
        assert np.abs(found.dnl).max() <= 0.02
        assert np.abs(found.inl).max() <= 0.02


def test_the_lsb_is_that_of_the_model():
    assert transfer(QuantizerADC(bits=4), -3.0, 3.0).step == pytest.approx(6 / 15)
    assert transfer(SignMagnitudeADC(bits=4), -3.0, 3.0).step == pytest.approx(3 / 7)
    assert transfer(SarADC(bits=4), -3.0, 3.0).step == pytest.approx(6 / 16)
    assert len(linearity(SarADC(bits=4), -3.0, 3.0).levels) == 14
    assert len(linearity(SarADC(bits=4), 0.0, 3.0).levels) == 6


def test_a_known_nonlinearity_is_found():
    """Of eight codes one takes from its neighbour three quarters of its width."""

    class Uneven(ADC):
        def convert(self, amps, low, high, kernels, dither=None):
            edges = [-0.75, -0.5, -0.25, 0.1875, 0.25, 0.5, 0.75]
            return (2 * np.searchsorted(edges, amps) - 7) / 8

    found = linearity(Uneven(bits=3), -1.0, 1.0, samples=1 << 14)
    np.testing.assert_allclose(found.dnl[0], [0, 0, 0.75, -0.75, 0, 0], atol=0.01)
    np.testing.assert_allclose(found.inl[0], [0, 0, 0.75, 0, 0, 0], atol=0.01)
    np.testing.assert_allclose(found.levels, np.arange(-5, 6, 2) / 8)


def test_a_missing_code_has_minus_one_and_mismatch_shows():
    found = linearity(SarADC(bits=8, sigma_capacitor=0.3), -1.0, 1.0, converters=20)
    assert found.dnl.min() == -1.0
    assert found.dnl.shape[0] == 20
    assert len({row.tobytes() for row in found.dnl}) == 20
    again = linearity(SarADC(bits=8, sigma_capacitor=0.3), -1.0, 1.0, converters=3)
    np.testing.assert_array_equal(again.dnl, found.dnl[:3])
    other = linearity(SarADC(bits=8, sigma_capacitor=0.3), -1.0, 1.0, seed=1)
    assert (other.dnl != found.dnl[:1]).any()


@pytest.mark.parametrize("model", ["RampADC", "SarADC", "PipelineADC", "CyclicADC"])
def test_the_curve_is_that_of_the_first_outputs_of_a_core(model):
    params = CrossSimParameters()
    adc = params.xbar.adc.mvm
    adc.model, adc.bits, adc.calibrated_range = model, 5, [-1.0, 1.0]
    adc.sigma_comparator = 0.05
    params.simulation.seed = 12
    params.xbar.device.infinite_on_off_ratio = True
    core = AnalogCore(np.ones((1, 1)), params)
    curve = transfer(core.chip.tiles[0].mvm.periphery.adc, -1.0, 1.0, samples=500, seed=12)
    np.testing.assert_allclose((core @ curve.amps[None])[0], curve.results[0], atol=1e-6)


def test_limits_have_to_rise():
    with pytest.raises(InputError, match="below"):
        transfer(SarADC(bits=4), 1.0, 1.0)


@pytest.mark.parametrize("adc", SHIPPED, ids=lambda adc: f"{type(adc).__name__}{adc.bits}")
def test_figures_say_what_they_show(adc, tmp_path):
    pytest.importorskip("matplotlib")
    for plot, labels in ((plot_transfer, ("result", "error")), (plot_linearity, ("DNL", "INL"))):
        figure = plot(adc, -1.0, 1.0, converters=2)
        assert type(adc).__name__ in figure.axes[0].get_title("left")
        for axes, label in zip(figure.axes, labels, strict=True):
            assert axes.get_ylabel().startswith(label)
            assert axes.get_ylabel().endswith(")")
        assert "full cell" in figure.axes[1].get_xlabel()
        figure.savefig(tmp_path / "figure.png")
        assert (tmp_path / "figure.png").stat().st_size > 10000


def test_numbers_need_no_figures(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    linearity(SarADC(bits=4), -1.0, 1.0)
    with pytest.raises(ImportError):
        plot_linearity(SarADC(bits=4), -1.0, 1.0)
