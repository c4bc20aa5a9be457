"""Parameters on disk: JSON, YAML, presets, pickles, and files that are wrong."""

import copy
import io
import json
import pickle
import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator.errors import FileFormatError, OhmCoreWarning, ParameterError
from simulator.parameters import CoreStyle, CrossSimParameters, DeviceParameters
from simulator.parameters.yaml_text import YamlProblem, parse_yaml


class Unpickler(pickle.Unpickler):
    """Admits parameter classes and NumPy arrays only."""

    def find_class(self, module, name):
        assert module.split(".")[0] in {"simulator", "numpy", "_codecs"}
        return super().find_class(module, name)


def repickled(thing, protocol=pickle.HIGHEST_PROTOCOL):
    return Unpickler(io.BytesIO(pickle.dumps(thing, protocol))).load()


def unusual():
    """A tree in which every kind of value differs from the default."""
    params = CrossSimParameters()
    params.update(
        {
            "core.style": "BITSLICED",
            "core.weight_bits": 8,
            "core.mapping.weights.row_partition_priority": [3, 4],
            "core.mapping.inputs.match": False,
            "core.mapping.inputs.vmm.max": 2.5,
            "simulation.Verr_th_mvm": 1e-6,
            "simulation.seed": 2**64 - 1,
            "simulation.read_noise_sampling": "per_device",
            "xbar.device.Rmax": np.float32(3e7),
            "xbar.adc.mvm.model": "RampADC",
            "xbar.adc.mvm.gain_db": np.float64(60),
            "xbar.adc.mvm.input_noise": 1e-3,
            "xbar.adc.mvm.calibrated_range": np.array([[-1.5, 1.5], [-3, 3]], dtype=np.float32),
        }
    )
    return params


def through_json(params, tmp_path):
    params.to_json(tmp_path / "p.json")
    return type(params).from_json(tmp_path / "p.json")


def through_yaml(params, tmp_path):
    params.to_yaml(tmp_path / "p.yaml")
    return type(params).from_yaml(tmp_path / "p.yaml")


def through_pickle(params, tmp_path):
    return repickled(params)


def through_copy(params, tmp_path):
    return copy.deepcopy(params)


@pytest.mark.parametrize("through", [through_json, through_yaml, through_pickle, through_copy])
@pytest.mark.parametrize("make", [CrossSimParameters, unusual, lambda: unusual().core.mapping])
def test_round_trips(through, make, tmp_path):
    params = make()
    back = through(params, tmp_path)
    assert back == params
    assert back is not params
    assert back.parent is None
    inputs = (back.core.mapping if isinstance(back, CrossSimParameters) else back).inputs
    assert (inputs.vmm is inputs.mvm) == inputs.match
    assert inputs.vmm.root is back


@given(
    number=st.floats(min_value=1e-300, max_value=1e300),
    text=st.text(),
    ranges=st.lists(st.tuples(*[st.floats(-1e9, 1e9)] * 2), max_size=3),
)
def test_round_trips_of_any_number_text_and_range(tmp_path_factory, number, text, ranges):
    params = CrossSimParameters()
    params.xbar.device.Rmin = number
    params.xbar.adc.mvm.model = text
    params.xbar.adc.mvm.calibrated_range = ranges
    folder = tmp_path_factory.mktemp("trip")
    assert through_json(params, folder) == params
    assert through_yaml(params, folder) == params


def test_pickles_of_every_binary_protocol_and_of_several_nodes():
    params = unusual()
    for protocol in range(2, pickle.HIGHEST_PROTOCOL + 1):
        assert repickled(params, protocol) == params
    first, device, second = repickled([params, params.xbar.device, params])
    assert first is second
    assert device is first.xbar.device
    device, first = repickled([params.xbar.device, params])
    assert device.root is first


def test_a_pickle_of_another_version_gets_defaults_and_keeps_what_it_had():
    device = DeviceParameters()
    device.__setstate__({"Rmin": 5, "obsolete": 3, "_parent": None})
    assert (device.Rmin, device.Rmax, device.obsolete) == (5, 10000, 3)
    assert device.read_noise.parent is device


def test_json_is_plain_with_choices_as_numbers_and_pairs_written_twice(tmp_path):
    unusual().to_json(tmp_path / "p.json", encoding="ascii")
    values = json.loads((tmp_path / "p.json").read_text())
    assert values["core"]["style"] == 2
    assert values["xbar"]["adc"]["_match"] is True
    assert values["xbar"]["adc"]["vmm"] == values["xbar"]["adc"]["mvm"]
    assert values["xbar"]["adc"]["mvm"]["calibrated_range"] == [[-1.5, 1.5], [-3, 3]]
    assert "symmetric_cdac" not in values["xbar"]["adc"]["mvm"]


def test_yaml_is_readable(tmp_path):
    unusual().to_yaml(tmp_path / "p.yaml")
    text = (tmp_path / "p.yaml").read_text()
    assert "  style: BITSLICED\n" in text
    assert "calibrated_range: [[-1.5, 1.5], [-3.0, 3.0]]\n" in text
    assert text.index("core:") < text.index("\nsimulation:") < text.index("\nxbar:")
    assert "&" not in text


@pytest.mark.parametrize("text", ["1e-6", "1E-6", "1.e-6", "+1e-06", "0.000001", "10e-7"])
def test_yaml_numbers_are_numbers(text, tmp_path):
    (tmp_path / "p.yaml").write_text(f"simulation: {{Verr_th_mvm: {text}}}")
    assert CrossSimParameters.from_yaml(tmp_path / "p.yaml").simulation.Verr_th_mvm == 1e-6


def test_quoted_numbers_are_text(tmp_path):
    (tmp_path / "p.yaml").write_text("simulation: {Verr_th_mvm: '1e-6'}")
    with pytest.raises(ParameterError, match=r"p\.yaml: simulation\.Verr_th_mvm: got '1e-6'"):
        CrossSimParameters.from_yaml(tmp_path / "p.yaml")


def test_an_instance_reads_files_without_changing_itself(tmp_path):
    unusual().to_json(tmp_path / "p.json")
    params = CrossSimParameters()
    assert params.from_json(tmp_path / "p.json") == unusual()
    assert params == CrossSimParameters()


def test_what_a_file_leaves_out_has_its_default(tmp_path):
    (tmp_path / "p.yaml").write_text("core: {style: OFFSET}\nxbar: null")
    expected = CrossSimParameters()
    expected.core.style = CoreStyle.OFFSET
    assert CrossSimParameters.from_yaml(str(tmp_path / "p.yaml")) == expected


BROKEN = [
    ("json", '{"core": {\n  "style": 1,,\n}}', r"broken\.json, line 2, column 14: not JSON"),
    ("json", "", "line 1"),
    ("json", "[1, 2]", "holds a list at the top"),
    ("json", '{"core": {}, "core": {}}', "'core' appears twice"),
    ("json", "[" * 100_000, "nested too deeply"),
    ("yaml", "core:\n  style: [1\nxbar: 3", r"broken\.yaml, line 3, column 5: not YAML"),
    (
        "yaml",
        "core: {}\nxbar: {}\ncore: {}",
        r"line 3, column 1: .*core: given twice, first on line 1",
    ),
    ("yaml", "just text", "holds a str at the top"),
    ("yaml", "", "holds a NoneType at the top"),
    ("yaml", "core: !!python/object:os.system {}", "not YAML"),
    ("yaml", "3: 4", "broken.yaml"),
]


@pytest.mark.parametrize(("form", "text", "message"), BROKEN)
def test_broken_files_name_file_and_line(form, text, message, tmp_path):
    path = tmp_path / f"broken.{form}"
    path.write_text(text)
    with pytest.raises(FileFormatError, match=message) as caught:
        getattr(CrossSimParameters, f"from_{form}")(path)
    assert str(path) in str(caught.value)


def test_a_binary_file_is_no_text(tmp_path):
    (tmp_path / "p.json").write_bytes(b"\xff\xfe\x00\x80")
    with pytest.raises(FileFormatError, match=r"p\.json"):
        CrossSimParameters.from_json(tmp_path / "p.json")


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"xbar": {"device": {"Rmim": 5}}}, r"p\.json: xbar\.device\.Rmim: no such.*'Rmi"),
        ({"xbar": {"device": {"Rmin": -5}}}, r"p\.json: xbar\.device\.Rmin: got -5"),
        ({"xbra": {}}, r"p\.json: xbra: no such parameter.*'xbar'"),
        ({"xbar": {"device": 5}}, r"p\.json: xbar\.device: got 5"),
        ({"core": {"style": "BALANCD"}}, r"core\.style: .*Did you mean 'BALANCED'"),
    ],
)
def test_wrong_names_and_values_name_file_and_path(values, message, tmp_path):
    (tmp_path / "p.json").write_text(json.dumps(values))
    with pytest.raises(ParameterError, match=message):
        CrossSimParameters.from_json(tmp_path / "p.json")


def test_obsolete_names_of_older_files_are_dropped_with_one_warning(tmp_path):
    values = CrossSimParameters().as_dict()
    values["simulation"]["convolution"].update(stride=1, Kx=3, conv_matmul=True)
    values["xbar"]["array"]["parasitics"]["gate_input"] = False
    (tmp_path / "p.json").write_text(json.dumps(values))
    names = r"simulation\.convolution\.Kx, .*stride, xbar\.array\.parasitics\.gate_input"
    with pytest.warns(OhmCoreWarning, match=names) as caught:
        params = CrossSimParameters.from_json(tmp_path / "p.json")
    assert len(caught) == 1
    assert caught[0].filename == __file__
    assert params == CrossSimParameters()


def test_a_missing_file_names_the_presets():
    with pytest.raises(FileNotFoundError, match=r"'ISAC'.*PRIME.*Did you mean 'ISAAC'"):
        CrossSimParameters.from_json("ISAC")
    with pytest.raises(FileNotFoundError, match="no file 'ISAAC'"):
        DeviceParameters.from_json("ISAAC")


@pytest.mark.parametrize("name", CrossSimParameters.presets())
def test_presets_load_by_name_and_are_valid(name):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        params = CrossSimParameters.from_json(name)
        params.validate()
    assert params == CrossSimParameters.from_yaml(name) == CrossSimParameters().from_json(name)
    assert params != CrossSimParameters()


def test_the_published_designs_are_there():
    assert set(CrossSimParameters.presets()) == {
        "default",
        "ISAAC",
        "ISAAC-SarADC",
        "PRIME",
        "SONOS-TCAS",
    }
    for name in CrossSimParameters.presets():
        with open(CrossSimParameters._preset(name), encoding="utf-8") as file:
            assert file.readline().startswith("# Source: ")


def test_the_two_isaac_designs_differ_in_the_converter_only():
    quantiser = CrossSimParameters.from_yaml("ISAAC")
    circuit = CrossSimParameters.from_yaml("ISAAC-SarADC")
    assert circuit.xbar.adc.mvm.group_size == 128
    circuit.xbar.adc = quantiser.xbar.adc
    assert circuit == quantiser


def test_the_reference_default_tree_is_ours(test_data):
    path = test_data / "golden" / "params_3_2_default.json"
    assert CrossSimParameters.from_json(path) == CrossSimParameters()


def test_aliases_that_multiply_are_read_once():
    """Ten levels of ten aliases each are ten billion values, and a few dozen nodes."""
    lines = ["a0: &a0 [1, 1]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]" for i in range(1, 11)]
    found = parse_yaml("\n".join(lines))
    assert len(found.data) == 11
    # Where the value stands, not its alias.
    assert found.lines["a10", 9] == 10


def test_a_key_given_twice_by_an_alias_is_named_by_its_own_path():
    with pytest.raises(YamlProblem, match="b.x: given twice, first on line 3") as caught:
        parse_yaml("a: &a {y: 1}\nb:\n  x: *a\n  x: 2\n")
    assert (caught.value.line, caught.value.column) == (4, 3)
