"""The parameter tree: assignment, places in the tree, copies, derived values."""

import copy
import warnings

import numpy as np
import pytest

from simulator import errors
from simulator.errors import OhmCoreWarning, ParameterError
from simulator.parameters import (
    ADCParameters,
    BaseParameters,
    CoreStyle,
    CrossSimParameters,
    DeviceParameters,
    MappingParameters,
    OffsetCoreStyle,
    ParasiticParameters,
    SimulationParameters,
    WeightMappingParameters,
    settings_without_effect,
)


@pytest.fixture(autouse=True)
def fresh_warnings(monkeypatch):
    monkeypatch.setattr(errors, "_warned", set())


def leaves(node):
    """Every (path, spec, value) below `node`."""
    prefix = f"{node.path}." if node.path else ""
    for name, value in node.items():
        if isinstance(value, BaseParameters):
            yield from leaves(value)
        else:
            yield prefix + name, node._spec(name), value


LEAVES = list(leaves(CrossSimParameters()))


@pytest.mark.parametrize(("path", "spec", "value"), LEAVES, ids=[path for path, _, _ in LEAVES])
def test_every_field_takes_its_default_and_rejects_wrong_values(path, spec, value):
    assert spec.doc
    params = CrossSimParameters()
    params.update({path: value})
    assert params == CrossSimParameters()
    for wrong in spec.invalid_examples():
        with pytest.raises(ParameterError) as caught:
            params.update({path: wrong})
        assert path.replace("_match", "match") in str(caught.value).replace("_match", "match")
    assert params == CrossSimParameters()


def test_assignment_checks_as_update_does():
    params = CrossSimParameters()
    with pytest.raises(ParameterError, match=r"xbar\.device\.Rmin: got -5 .* ohm"):
        params.xbar.device.Rmin = -5
    params.core.style = "OFFSET"
    assert params.core.style is CoreStyle.OFFSET
    with pytest.raises(ParameterError, match=r"DeviceParameters\.Rmin"):
        DeviceParameters(Rmin="x")


def test_a_node_is_assigned_as_arguments_as_default_or_as_a_node():
    params = CrossSimParameters()
    params.xbar.device = {"Rmin": 5, "read_noise": {"enable": True}}
    assert params.xbar.device.Rmin == 5
    assert params.xbar.device.read_noise.path == "xbar.device.read_noise"
    params.xbar.device = None
    assert params == CrossSimParameters()
    for wrong in (3, "device", ADCParameters(), [("Rmin", 5)]):
        with pytest.raises(ParameterError, match=r"xbar\.device: got"):
            params.xbar.device = wrong
    with pytest.raises(ParameterError, match=r"xbar\.device\.read_noise\.enable: got"):
        params.xbar.device = {"Rmin": 7, "read_noise": {"enable": "no"}}
    assert params == CrossSimParameters()


def test_a_node_is_adopted_and_a_held_one_copied():
    params, parasitics = CrossSimParameters(), ParasiticParameters(Rp_row=2)
    params.xbar.array.parasitics = parasitics
    assert params.xbar.array.parasitics is parasitics
    assert parasitics.root is params
    assert parasitics.Rp_row_norm == 2 / 1000

    other = CrossSimParameters()
    other.xbar.array.parasitics = parasitics
    assert other.xbar.array.parasitics is not parasitics
    assert other.xbar.array.parasitics == parasitics
    assert parasitics.root is params

    params.xbar.array.parasitics = None
    assert parasitics.parent is None


def test_positions_in_the_tree():
    params = CrossSimParameters()
    noise = params.xbar.device.read_noise
    assert noise.parent is params.xbar.device
    assert noise.parents == [params, params.xbar, params.xbar.device]
    assert noise.root is params
    assert noise.path == "xbar.device.read_noise"
    assert params.path == ""
    assert params.parent is None


def test_leaves_are_set_in_place():
    params = CrossSimParameters()
    node = params.xbar.adc.mvm
    node.model = "RampADC"
    params.update({"xbar.adc.mvm.bits": 8, "xbar.adc.mvm.model": "SarADC"})
    assert params.xbar.adc.mvm is node


def test_positional_arguments_follow_the_declaration():
    simulation = SimulationParameters(useGPU=True)
    params = CrossSimParameters(None, simulation)
    assert params.simulation is simulation
    with pytest.raises(ParameterError, match="given twice"):
        CrossSimParameters(None, core=None)
    with pytest.raises(ParameterError, match="4 arguments"):
        CrossSimParameters(None, None, None, None)


def test_unknown_names_are_errors_in_constructors_and_updates():
    params = CrossSimParameters()
    for error in (ParameterError, KeyError):
        with pytest.raises(error, match=r"xbar\.device\.Rmim.*Did you mean 'Rmi"):
            params.update({"core.rows_max": 8, "xbar.device.Rmim": 5})
        with pytest.raises(error, match=r"xbar\.device\.cel_bits.*'cell_bits'"):
            params.xbar = {"device": {"cel_bits": 3}}
    with pytest.raises(ParameterError, match=r"xbar\.devices"):
        params.update({"xbar.devices.Rmin": 5})
    assert params == CrossSimParameters()


def test_unknown_attributes_are_kept_and_warned_about_once():
    params = CrossSimParameters()
    hint = r"xbar\.device\.cel_bits.*Did you mean 'cell_bits'"
    with pytest.warns(OhmCoreWarning, match=hint) as caught:
        params.xbar.device.cel_bits = 3
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        params.xbar.device.cel_bits = 4
        CrossSimParameters().xbar.device.cel_bits = 5
    assert len(caught) == 1
    assert caught[0].filename == __file__
    assert params.copy().xbar.device.cel_bits == 4
    assert copy.deepcopy(params).xbar.device.cel_bits == 4
    assert "cel_bits" not in params.xbar.device.as_dict()
    assert params == CrossSimParameters()


def test_reading_an_unknown_name_names_the_nearest():
    with pytest.raises(AttributeError, match="Did you mean 'cell_bits'"):
        _ = CrossSimParameters().xbar.device.cel_bits


def test_derived_values_and_methods_cannot_be_set():
    device = CrossSimParameters().xbar.device
    for name in ("Gmin_norm", "root", "copy"):
        with pytest.raises(ParameterError, match=name):
            setattr(device, name, 1)


def test_fields_cannot_be_deleted_but_extra_ones_can():
    params = CrossSimParameters()
    for node, name in ((params.xbar.device, "Rmin"), (params, "core")):
        with pytest.raises(ParameterError, match=name):
            delattr(node, name)
    params.xbar.adc.mvm.gain_db = 60
    del params.xbar.adc.mvm.gain_db
    assert params == CrossSimParameters()


def test_a_percentile_of_zero_counts_for_inputs_and_not_for_weights():
    assert MappingParameters(percentile=0).follows_values
    assert not WeightMappingParameters(percentile=0, min=-1, max=1).follows_values
    with pytest.raises(ParameterError, match="min = None"):
        WeightMappingParameters(percentile=0).validate()


def test_copies_share_nothing():
    params = CrossSimParameters()
    params.xbar.adc.mvm.calibrated_range = [-1, 1]
    params.core.mapping.weights.row_partition_priority = [3]
    twin = params.copy()
    assert twin == params
    twin.xbar.adc.mvm.calibrated_range[0] = -2
    twin.core.mapping.weights.row_partition_priority.append(4)
    twin.xbar.device.Rmin = 5
    assert params.xbar.adc.mvm.calibrated_range == [-1, 1]
    assert params.core.mapping.weights.row_partition_priority == [3]
    assert params.xbar.device.Rmin == 1000
    assert CrossSimParameters().xbar.adc.mvm.calibrated_range == []

    device = params.xbar.device.copy()
    assert device.parent is None
    assert device.read_noise.parent is device
    assert copy.deepcopy(params.xbar.device).parent is None


def test_equality_compares_arrays_and_types():
    one, two = CrossSimParameters(), CrossSimParameters()
    one.xbar.adc.mvm.calibrated_range = np.array([-1.0, 1.0])
    assert one != two
    two.xbar.adc.mvm.calibrated_range = (-1, 1)
    assert one == two
    assert one.core != one.xbar
    assert one != "parameters"


def test_as_dict_rebuilds_the_tree():
    params = CrossSimParameters()
    params.update({"core.style": "OFFSET", "xbar.adc.mvm.gain_db": 60})
    values = params.as_dict()
    assert CrossSimParameters(**values) == params
    values["xbar"]["device"]["Rmin"] = 5
    assert params.xbar.device.Rmin == 1000


def test_repr_is_indented_text_with_every_value():
    lines = repr(CrossSimParameters()).splitlines()
    assert lines[0] == "CrossSimParameters:"
    assert "    style: BALANCED" in lines
    assert "      Rmin: 1000.0" in lines
    params = CrossSimParameters()
    params.xbar.adc.match = False
    params.xbar.adc.mvm.calibrated_range = np.array([[-1, 1]])
    assert "[[-1.0, 1.0]]" in repr(params)
    assert "vmm:" in repr(params.xbar.adc)


def test_default_weight_mapping_follows_the_matrix():
    weights = CrossSimParameters().core.mapping.weights
    assert (weights.clipping, weights.min, weights.max, weights.percentile) == (True, None, None, 1)
    assert weights == WeightMappingParameters(percentile=1.0)
    assert weights.parent.weights is weights


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ({}, (False, -1, 1, None)),
        ({"min": -2}, (False, -2, 1, None)),
        ({"max": 2, "clipping": True}, (True, -1, 2, None)),
        ({"percentile": 0.9}, (True, None, None, 0.9)),
        ({"percentile": 0.9, "clipping": False}, (False, None, None, 0.9)),
    ],
)
def test_weight_mapping_built_explicitly(arguments, expected):
    weights = WeightMappingParameters(**arguments)
    assert (weights.clipping, weights.min, weights.max, weights.percentile) == expected
    weights.validate()


def test_a_percentile_wins_over_a_range_and_the_range_is_told():
    params = CrossSimParameters()
    inputs = params.core.mapping.inputs.mvm
    inputs.percentile = 0.99
    inputs.validate()
    assert settings_without_effect(params) == []
    inputs.max = 3
    inputs.validate()
    (idle,) = settings_without_effect(params)
    assert idle.path == "core.mapping.inputs.mvm.max"
    assert "core.mapping.inputs.mvm.percentile = 0.99 gives the range" in str(idle)


def test_derived_values():
    params = CrossSimParameters()
    device = params.xbar.device
    assert device.Gmin_norm == pytest.approx(0.1)
    assert device.Gmax_norm == 1
    assert device.Grange_norm == pytest.approx(0.9)
    device.infinite_on_off_ratio = True
    assert DeviceParameters(infinite_on_off_ratio=True).Grange_norm == 1
    assert MappingParameters(min=-1, max=3).range == 4
    assert params.xbar.dac.mvm.sign_bit
    with pytest.raises(ParameterError, match="not in a tree"):
        _ = ParasiticParameters().Rp_col_norm
    with pytest.raises(ParameterError, match="not in a tree"):
        _ = SimulationParameters().fast_balanced
    with pytest.raises(ParameterError, match=r"min = None"):
        _ = params.core.mapping.weights.range


@pytest.mark.parametrize(
    "change",
    [
        {"simulation.disable_fast_balanced": True},
        {"xbar.array.Icol_max": 1},
        {"core.balanced.interleaved_posneg": True},
        {"core.balanced.subtract_current_in_xbar": False},
        {"xbar.array.parasitics.enable": True},
        {"xbar.device.nonlinear_IV.enable": True},
        {"xbar.device.read_noise.enable": True, "xbar.device.read_noise.model": "X"},
        {"core.style": "OFFSET"},
    ],
)
def test_what_keeps_pairs_apart(change):
    params = CrossSimParameters()
    assert params.simulation.fast_balanced
    params.update(change)
    assert not params.simulation.fast_balanced


def test_fast_nonlinear_cells():
    params = CrossSimParameters()
    assert not params.simulation.fast_nonlinear_IV
    params.xbar.device.nonlinear_IV.enable = True
    assert params.simulation.fast_nonlinear_IV
    params.xbar.device.read_noise.enable = True
    assert not params.simulation.fast_nonlinear_IV
    assert params.simulation.fast_matmul
    params.simulation.disable_fast_matmul = True
    assert not params.simulation.fast_matmul


def test_validate_finds_what_was_changed_in_place():
    params = CrossSimParameters()
    params.core.mapping.weights.row_partition_priority.append("three")
    with pytest.raises(ParameterError, match=r"core\.mapping\.weights\.row_partition_priority"):
        params.validate()


def test_enums_of_the_field_count_also_as_numbers():
    params = CrossSimParameters()
    params.core.offset.style = 2
    assert params.core.offset.style is OffsetCoreStyle.UNIT_COLUMN_SUBTRACTION
    with pytest.raises(ParameterError, match=r"core\.style"):
        params.core.style = OffsetCoreStyle.DIGITAL_OFFSET
