"""Nodes that exist twice, and nodes that choose a model and carry its parameters."""

import copy
import dataclasses
import warnings

import pytest

from simulator import errors, registry
from simulator.errors import OhmCoreWarning, ParameterError
from simulator.parameters import ADCParameters, CrossSimParameters, PairedADCParameters
from simulator.schema import parameter


@pytest.fixture(autouse=True)
def fresh_warnings(monkeypatch):
    monkeypatch.setattr(errors, "_warned", set())


def test_matched_pairs_are_one_object_and_separate_ones_two():
    params = CrossSimParameters()
    adc = params.xbar.adc
    assert adc.match
    assert adc.vmm is adc.mvm
    adc.vmm.bits = 8
    assert adc.mvm.bits == 8

    adc.match = False
    assert adc.vmm is not adc.mvm
    assert adc.vmm == adc.mvm
    assert adc.vmm.parent is adc
    assert adc.vmm.path == "xbar.adc.vmm"
    adc.vmm.bits = 4
    assert adc.mvm.bits == 8
    assert adc.copy().vmm.bits == 4
    assert copy.deepcopy(adc).vmm is not adc.vmm

    adc.match = True
    assert adc.vmm is adc.mvm
    assert adc.mvm.bits == 8
    params.update({"xbar.adc.match": False})
    assert not adc._match


def test_the_alias_survives_copies_and_replacement():
    params = CrossSimParameters().copy()
    for pair in (params.xbar.adc, params.xbar.dac, params.core.mapping.inputs):
        assert pair.vmm is pair.mvm
        assert pair.mvm.parent is pair
    params.xbar.dac.vmm = {"bits": 3}
    assert params.xbar.dac.mvm.bits == 3
    assert params.xbar.dac.vmm is params.xbar.dac.mvm


def test_a_matched_pair_of_different_parts_is_an_error():
    with pytest.raises(ParameterError, match=r"mvm and .*vmm"):
        PairedADCParameters(mvm={"bits": 8}, vmm={"bits": 4})
    pair = PairedADCParameters(match=False, mvm={"bits": 8}, vmm={"bits": 4})
    assert (pair.mvm.bits, pair.vmm.bits) == (8, 4)
    assert PairedADCParameters(vmm={"bits": 4}).mvm.bits == 4
    assert PairedADCParameters(mvm={"bits": 4}, vmm=ADCParameters(bits=4)).vmm.bits == 4


def test_circuit_fields_stay_whatever_the_model():
    adc = CrossSimParameters().xbar.adc.mvm
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        adc.gain_db = 60
        adc.model = "RampADC"
        adc.symmetric_cdac = False
        adc.model = "SarADC"
        adc.model = "IdealADC"
    assert adc.gain_db == 60
    assert adc.as_dict()["symmetric_cdac"] is False
    assert adc != ADCParameters()
    assert adc.copy() == adc
    assert adc.model_values()["gain_db"] == 60
    assert "model" not in adc.model_values()
    assert "gain_db" in repr(adc)


@pytest.mark.usefixtures("own_registry")
def test_fields_of_a_registered_model_are_known_and_checked():
    params = CrossSimParameters()
    noise = params.xbar.device.read_noise
    with pytest.warns(OhmCoreWarning, match="corner"):
        noise.corner = 3.0
    assert "corner" not in noise.model_values()

    @dataclasses.dataclass(frozen=True)
    class Flicker:
        corner: float = parameter(1.0, low=0, unit="hertz")
        slope: float = parameter(0.5, low=0, high=2)

    registry.register("device", Flicker)
    assert noise.model_values()["corner"] == 3.0
    noise.slope = 1
    assert isinstance(noise.slope, float)
    noise.model = Flicker
    assert noise.model == "Flicker"
    with pytest.raises(ParameterError, match=r"xbar\.device\.read_noise\.slope: got 3"):
        noise.slope = 3
    fresh = params.xbar.device.drift_error
    fresh.model = "Flicker"
    assert fresh.corner == 1.0
    assert "corner" not in fresh.as_dict()


def test_any_model_name_is_accepted_until_a_core_is_built():
    params = CrossSimParameters()
    params.xbar.adc.mvm.model = "NotYetWritten"
    params.validate()


def test_a_model_and_its_fields_are_updated_together():
    params = CrossSimParameters()
    params.update(
        {
            "xbar.device.programming_error.spread": [1e-6, 2e-6],
            "xbar.device.programming_error.levels": [1e-5, 2e-5],
            "xbar.device.programming_error.model": "TableDevice",
        }
    )
    node = params.xbar.device.programming_error
    assert (node.model, list(node.spread)) == ("TableDevice", [1e-6, 2e-6])
    with pytest.raises(ParameterError, match="magnitude"):
        params.update({"xbar.device.programming_error.model": "NormalProportionalDevice",
                       "xbar.device.programming_error.magnitude": "large"})  # fmt: skip
    assert node.model == "TableDevice"
