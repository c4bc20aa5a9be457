"""What a study file may say, and the one line that each mistake gives."""

import dataclasses
import math

import pytest
import yaml

pytest.importorskip("sklearn", reason="the study needs the extra 'study'")

from applications.mvm_study.axes import SHORT_NAMES, axis, parameter_updates
from applications.mvm_study.config import load_config, plain_name, quick
from applications.mvm_study.errors import StudyError
from applications.mvm_study.settings import expand, is_random, parameters
from simulator import CrossSimParameters


@pytest.fixture
def load(tmp_path):
    def load(text, name="study.yaml"):
        path = tmp_path / name
        path.write_text(text, encoding="utf-8")
        return load_config(path)

    return load


SWEEP = "sweeps: [{axis: adc_bits, values: [4, 8]}]\n"


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("chipz: 3\n", 1, ["chipz", "no such key", "Did you mean 'chips'?"]),
        ("chips: 0\n", 1, ["chips: got 0", "[1, 100000]"]),
        ("seed: 1\nchips: many\n", 2, ["chips: got 'many' (str)"]),
        ("seed: -1\n", 1, ["seed: got -1"]),
        ("name: ../up\n", 1, ["name: got '../up'"]),
        ("name: 3\n", 1, ["name: got 3"]),
        ("calibration_percentile: 101\n", 1, ["calibration_percentile: got 101"]),
        ("classifier: {hidden: [64, 0]}\n", 1, ["classifier.hidden[1]: got 0"]),
        ("classifier: {test_share: 1.0}\n", 1, ["classifier.test_share: got 1.0"]),
        ("classifier: 3\n", 1, ["classifier: got a number", "keys and values"]),
        ("data: {matrix: W.npy}\n", 1, ["data: inputs is missing"]),
        ("base:\n  adc_bitz: 3\n", 2, ["base.adc_bitz", "Did you mean 'adc_bits'?"]),
        ("base:\n  xbar.adc.mvm.bitz: 3\n", 2, ["Did you mean 'xbar.adc.mvm.bits'?"]),
        ("base:\n  adc_bits: 3\n  input_bits: x\n", 3, ["base.input_bits", "got 'x' (str)"]),
        ("base:\n  xbar.adc.mvm.bits: 3\n  adc_bits: 4\n", 3, ["the same as adc_bits"]),
        ("base: {core.style: BALANCE}\n", 1, ["core.style: got 'BALANCE'", "OFFSET"]),
        ("base: {simulation.seed: 4}\n", 1, ["the study sets this itself"]),
        ("base: {programming_error: -0.1}\n", 1, ["base.programming_error: got -0.1"]),
        ("base: {on_off_ratio: 1}\n", 1, ["base.on_off_ratio: got 1"]),
        ("base:\n- 3\n", 1, ["base: got a list"]),
        ("mappings: {}\n", 1, ["mappings: got none"]),
        ("mappings: {a b: {}}\n", 1, ["mappings.a b"]),
        ("sweeps: []\n", 1, ["nothing to vary"]),
        ("sweeps:\n- values: [1]\n", 2, ["sweeps[0]: axis is missing"]),
        ("sweeps:\n- axis: adc_bits\n  values: []\n", 3, ["sweeps[0].values: got an empty list"]),
        ("sweeps:\n- axis: adc_bits\n  values: [4,\n    4]\n", 4, ["got 4 twice"]),
        ("sweeps:\n- axis: adc_bits\n  valeus: [4]\n", 3, ["Did you mean 'values'?"]),
        (2 * SWEEP, 2, ["sweeps: given twice, first on line 1"]),
        ("sweeps:\n- &a {axis: adc_bits, values: [4]}\n- *a\n", 2, ["aliases"]),
        ("grid: {adc_bits: 4}\n", 1, ["grid.adc_bits: got a number"]),
        ("seed: [1\n", 2, ["not valid YAML"]),
        ("seed: !!python/object/apply:os.getcwd []\n", 1, ["not valid YAML"]),
        ("- 1\n", 1, ["got a list"]),
        ("", None, ["the file is empty"]),
        ("1: 2\n", 1, ["1: no such key"]),
    ],
)
def test_a_mistake_gives_one_line_with_file_line_and_key(load, text, line, words):
    with pytest.raises(StudyError) as caught:
        load(text)
    message = str(caught.value)
    assert f"study.yaml{'' if line is None else f':{line}'}: " in message
    for word in words:
        assert word in message
    assert "\n" not in message


def test_two_sweeps_of_one_name_are_an_error(load):
    entry = "- {axis: adc_bits, values: [4]}\n"
    with pytest.raises(StudyError, match=r"study.yaml:3: sweeps\[1\].name: .* is taken"):
        load(f"sweeps:\n{entry}{entry}")


def test_a_file_that_is_no_text_is_an_error(tmp_path):
    path = tmp_path / "study.yaml"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(StudyError, match="not UTF-8"):
        load_config(path)


def test_the_default_study_stands_and_can_be_written_and_read(load):
    config = load_config()
    text = yaml.safe_dump(config.as_dict(), sort_keys=False)
    assert load(text, "again.yaml") == config


def test_left_out_keys_come_from_the_default_study(load):
    default = load_config()
    config = load("chips: 4\n", "mine.yaml")
    assert config == dataclasses.replace(default, chips=4, name="mine")
    assert load("grid: {adc_bits: [4]}\n").sweeps == ()


def test_numbers_may_be_written_with_an_exponent(load):
    assert load("base: {programming_error: 1e-1}\n" + SWEEP).base["programming_error"] == 0.1


def test_a_path_and_its_short_name_are_the_same_axis(load):
    (sweep,) = load("sweeps: [{axis: xbar.adc.mvm.bits, values: [4]}]\n").sweeps
    assert sweep.axis == sweep.name == "adc_bits"


def test_any_path_of_the_parameter_tree_can_be_an_axis(load):
    config = load("sweeps: [{axis: xbar.device.clip_conductance, values: [false, true]}]\n")
    values = [
        parameters(setting, 1).xbar.device.clip_conductance
        for setting in expand(config)
        if setting.sweep != "base"
    ]
    assert values == [False] * 3 + [True] * 3


def test_own_files_are_relative_to_the_study_file(load, tmp_path):
    config = load("data: {matrix: W.npy, inputs: X.npy}\n" + SWEEP)
    assert (config.matrix, config.inputs) == (tmp_path / "W.npy", tmp_path / "X.npy")


def test_quick_keeps_first_middle_and_last():
    config = quick(load_config())
    assert config.chips == 3
    assert config.name == "digits-quick"
    assert config.sweeps[0].values == (3, 7, 10)


@pytest.mark.parametrize(
    ("name", "plain"), [("a/W.npy", "W"), ("..x y.csv", "x_y"), ("é.npy", "study")]
)
def test_plain_names(name, plain, tmp_path):
    assert plain_name(tmp_path / name) == plain


@pytest.mark.parametrize("key", SHORT_NAMES)
def test_short_names_set_the_parameters_they_stand_for(key):
    tree = CrossSimParameters()
    tree.update(parameter_updates({key: 4}))
    assert tree != CrossSimParameters()
    if axis(key).path:
        node, field = axis(key).path.rsplit(".", 1)
        assert tree.as_dict() != CrossSimParameters().as_dict()
        for part in node.split("."):
            tree = getattr(tree, part)
        assert getattr(tree, field) == 4


def test_errors_are_switched_on_only_where_they_are_not_zero():
    path = "xbar.device.programming_error"
    assert parameter_updates({"programming_error": 0.1})[f"{path}.enable"] is True
    assert parameter_updates({"programming_error": 0.0})[f"{path}.enable"] is False
    own = {"programming_error": 0.1, f"{path}.model": "NormalIndependentDevice"}
    assert parameter_updates(own)[f"{path}.model"] == "NormalIndependentDevice"


def test_an_infinite_on_off_ratio_is_allowed():
    updates = parameter_updates({"on_off_ratio": math.inf, "xbar.device.Rmin": 500.0})
    assert updates["xbar.device.infinite_on_off_ratio"] is True
    updates = parameter_updates({"on_off_ratio": 10.0, "xbar.device.Rmin": 500.0})
    assert updates["xbar.device.Rmax"] == 5000


def test_bit_slices_hold_the_weight_bits_between_them():
    values = {"core.style": "BITSLICED", "core.bit_sliced.num_slices": 3, "cell_bits": 2}
    assert parameter_updates(values)["core.weight_bits"] == 6
    assert parameter_updates(values | {"core.weight_bits": 5})["core.weight_bits"] == 5


@pytest.mark.parametrize(
    ("updates", "random"),
    [
        ({}, False),
        ({"xbar.device.programming_error.model": "NormalProportionalDevice"}, False),
        (parameter_updates({"programming_error": 0.1}), True),
        (parameter_updates({"programming_error": 0.0}), False),
        (parameter_updates({"read_noise": 0.1}), True),
        ({"xbar.adc.mvm.bits": 8}, False),
        ({"xbar.adc.mvm.bits": 8, "xbar.adc.mvm.stochastic_rounding": True}, True),
        ({"xbar.adc.mvm.input_noise": 0.1}, True),
    ],
)
def test_only_random_settings_get_several_chips(updates, random):
    tree = CrossSimParameters()
    tree.update(updates)
    assert is_random(tree) is random


def test_a_study_is_base_sweeps_and_grid_for_every_mapping(load):
    config = load(SWEEP + "grid: {adc_bits: [4, 5], programming_error: [0, 0.1]}\nchips: 7\n")
    settings = expand(config)
    assert [s.index for s in settings] == list(range(3 * (1 + 2 + 4)))
    assert len({s.label for s in settings}) == len(settings)
    assert [s.chips for s in settings if s.sweep == "grid"] == [1] * 3 + [7] * 3 + [1] * 3 + [7] * 3
    assert settings[0].point == {}
    assert settings[-1].point == {"adc_bits": 5, "programming_error": 0.1}
