"""A state holds what decides results, or is refused: generated hardware, files, parameters."""

import json
from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from settings import ADC, NOISE, PROGRAMMING, hardware
from strategies import core_of, full_settings, multiply, noisy_settings, quietly

from simulator import (
    AnalogCore,
    CrossSimParameters,
    FileFormatError,
    InputError,
    ModelError,
    registry,
    states,
)
from simulator.devices import Device

INPUTS = np.linspace(-1, 1, 15).reshape(5, 3)
MATRIX = np.linspace(-1, 1, 20).reshape(4, 5)
NOISY = {**PROGRAMMING, **NOISE}


def product(core, setting):
    with quietly():
        return multiply(core, setting)


@given(setting=noisy_settings())
def test_a_saved_core_goes_on_bit_for_bit(setting, tmp_path_factory):
    core = core_of(setting.matrix, setting.params)
    product(core, setting)
    file = tmp_path_factory.mktemp("saved") / "any name"
    core.save(file)
    with quietly():
        other = AnalogCore.load(file)
    for _ in range(2):
        np.testing.assert_array_equal(product(core, setting), product(other, setting))
        with quietly():
            core.set_matrix(setting.matrix[::-1])
            other.set_matrix(setting.matrix[::-1])


@given(setting=full_settings(), other=full_settings(), strict=st.booleans())
def test_a_state_that_is_taken_gives_the_same_products(setting, other, strict):
    core = core_of(setting.matrix, setting.params)
    with quietly():
        target = (
            core_of(setting.matrix[::-1].copy(), other.params) if fits(setting, other) else None
        )
    if target is None:
        return
    before = target.get_state()
    try:
        with quietly():
            target.set_state(core.get_state(), strict=strict)
    except InputError:
        assert strict
        assert same(target.get_state(), before)
        return
    np.testing.assert_array_equal(product(core, setting), product(target, setting))
    np.testing.assert_array_equal(target.get_matrix(), core.get_matrix())


def fits(setting, other):
    return setting.matrix.dtype.kind == other.matrix.dtype.kind


def same(one, other):
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(one[k], other[k]) for k in one)
    if isinstance(one, list):
        return len(one) == len(other) and all(map(same, one, other))
    return np.array_equal(one, other, equal_nan=isinstance(one, np.ndarray))


# -- every parameter ------------------------------------------------------------------------------


EVERYTHING = {
    **{name.replace(".", "__"): value for name, value in {**NOISY, **ADC}.items()},
    "xbar__array__parasitics__enable": True,
    "xbar__array__parasitics__Rp_col": 2.0,
    "xbar__dac__mvm__model": "QuantizerDAC",
    "xbar__dac__mvm__bits": 6,
    "xbar__device__drift_error__enable": True,
    "xbar__device__drift_error__model": "PCM",
    "xbar__device__Rmin": 4e4,
    "xbar__device__Rmax": 4e6,
    "core__mapping__weights__clipping": True,
}


def leaves(node, prefix=""):
    for name, value in node.items():
        if name in node._children:
            yield from leaves(value, f"{prefix}{name}.")
        elif name != "_match":
            yield prefix + name


def another(spec, value):
    """A value that the field may have beside ``value``."""
    options = [not value] if spec.type is bool else list(spec.choices or ())
    if isinstance(spec.type, type) and hasattr(spec.type, "__members__"):
        options = list(spec.type)
    if spec.type in (int, float) and value is not None:
        options = [value * 1.25 + 1, value * 0.8, value - 1]
        options = [int(o) for o in options] if spec.type is int else options
    for option in options:
        try:
            if spec.check("x", option) != value:
                return option
        except ValueError:
            continue
    return None


def refusal(core, state):
    """Why a core does not take a state; empty if it did."""
    try:
        core.set_state(state)
    except InputError as error:
        return str(error)
    return ""


@pytest.mark.parametrize("path", sorted(leaves(CrossSimParameters())))
def test_no_parameter_goes_unseen(path):
    params = hardware(**EVERYTHING)
    for pair in (params.core.mapping.inputs, params.xbar.adc, params.xbar.dac):
        pair.match = False
    node, name = states.measured.node_at(params, path.rpartition(".")[0]), path.rpartition(".")[2]
    value = another(node._spec(name), getattr(node, name))
    if value is None:
        pytest.skip("nothing else is allowed here")
    other = params.copy()
    try:
        with quietly():
            other.update({path: value})
            target = AnalogCore(MATRIX, other)
    except (ValueError, NotImplementedError):
        pytest.skip("hardware that cannot be built")
    with quietly():
        core = AnalogCore(MATRIX, params)
        core @ INPUTS
        state = core.get_state()
        refused = refusal(target, state)
        if refused:
            # For this parameter and no other.
            assert f"{path}: " in refused
            assert refused.count(" in the state, ") == 1
            target.set_state(state, strict=False)
        np.testing.assert_array_equal(core @ INPUTS, target @ INPUTS)
        core.set_matrix(MATRIX), target.set_matrix(MATRIX)
        np.testing.assert_array_equal(core @ INPUTS, target @ INPUTS)


def test_a_mismatch_lists_all_paths_with_both_values():
    core = AnalogCore(MATRIX, hardware())
    other = hardware(xbar__device__Rmin=2000.0, core__output_dtype="FLOAT32")
    with pytest.raises(InputError) as caught:
        AnalogCore(MATRIX, other).set_state(core.get_state())
    words = str(caught.value)
    assert "xbar.device.Rmin: 1000.0 in the state, 2000.0 here" in words
    assert "core.output_dtype: NATIVE in the state, FLOAT32 here" in words
    assert "strict=False" in words


def test_what_is_switched_off_may_differ():
    core = AnalogCore(MATRIX, hardware())
    other = hardware(xbar__device__read_noise__magnitude=0.3, xbar__array__parasitics__Rp_row=3.0)
    AnalogCore(MATRIX, other).set_state(core.get_state())


def test_parameters_of_single_arrays_are_compared():
    trees = [hardware(core__cols_max=2, xbar__device__Rmin=r) for r in (1000.0, 2000.0)]
    core = AnalogCore(MATRIX, trees)
    target = AnalogCore(MATRIX, trees[0])
    with pytest.raises(InputError, match=r"params\[1\]\.xbar\.device\.Rmin"):
        target.set_state(core.get_state())
    target.set_state(core.get_state(), strict=False)
    np.testing.assert_array_equal(target @ INPUTS, core @ INPUTS)
    assert target.cores[1][0].params.xbar.device.Rmin == 2000.0


# -- measured ranges ------------------------------------------------------------------------------


def quantised(**changes):
    fields = {**ADC, "xbar.dac.mvm.model": "QuantizerDAC", "xbar.dac.mvm.bits": 6}
    return hardware(**{n.replace(".", "__"): v for n, v in fields.items()}, **changes)


def measured(params):
    params = params.copy()
    states.set_input_range(params, -2.5, 2.5)
    states.set_output_range(params, [-0.7, 0.7])
    return params


def test_measured_ranges_come_with_the_state():
    core = AnalogCore(MATRIX, measured(quantised()))
    target = AnalogCore(MATRIX, quantised())
    target.set_state(core.get_state())
    assert target.params == core.params
    np.testing.assert_array_equal(target @ INPUTS, core @ INPUTS)


@pytest.mark.parametrize("limit", [1.0, 3.0])
def test_ranges_that_a_user_wrote_are_compared(limit):
    core = AnalogCore(MATRIX, measured(quantised(core__mapping__inputs__mvm__max=2.0)))
    target = AnalogCore(MATRIX, quantised(core__mapping__inputs__mvm__max=limit))
    if limit == 1.0:
        # Nothing was written here.
        target.set_state(core.get_state())
        return
    with pytest.raises(InputError, match=r"core\.mapping\.inputs\.mvm\.max: 2\.5 in the state, 3"):
        target.set_state(core.get_state())


def test_a_measured_range_is_not_lost_to_a_state_without():
    target = AnalogCore(MATRIX, measured(quantised()))
    with pytest.raises(InputError, match="calibrated_range"):
        target.set_state(AnalogCore(MATRIX, quantised()).get_state())


def test_a_range_that_is_changed_again_is_written():
    params = measured(quantised())
    assert set(states.measured_ranges(params)) == {"core.mapping.inputs.mvm", "xbar.adc.mvm"}
    params.core.mapping.inputs.mvm.max = 4.0
    assert set(states.measured_ranges(params)) == {"xbar.adc.mvm"}
    written = states.as_written(params)
    assert (written.core.mapping.inputs.mvm.max, written.xbar.adc.mvm.adc_range_option) == (4, 2)


# -- copies, cells beyond the range, files --------------------------------------------------------


def test_the_arrays_of_the_caller_stay_his_own():
    params = hardware(
        xbar__device__drift_error__enable=True, xbar__device__drift_error__model="PCM",
        xbar__device__Rmin=4e4, xbar__device__Rmax=4e6, core__style="OFFSET",
        core__offset__style="UNIT_COLUMN_SUBTRACTION",
    )  # fmt: skip
    core, target = AnalogCore(MATRIX, params), AnalogCore(MATRIX[::-1].copy(), params)
    state = core.get_state()
    target.set_state(state)
    for arrays in (state["cells"], state["unit"], *state["born"]):
        for array in arrays:
            array[...] = np.nan
    target.set_matrix(MATRIX, draw=1)
    core.set_matrix(MATRIX, draw=1)
    np.testing.assert_array_equal(core.get_matrix(), target.get_matrix())
    assert same(core.get_state()["cells"], target.get_state()["cells"])


def test_cells_of_weights_beyond_an_open_range_are_taken():
    params = hardware(
        core__style="OFFSET", core__mapping__weights__percentile=None,
        core__mapping__weights__min=-1.0, core__mapping__weights__max=1.0,
        core__mapping__weights__clipping=False,
    )  # fmt: skip
    core, target = AnalogCore(-3 * np.ones((2, 2)), params), AnalogCore(np.ones((2, 2)), params)
    assert core.get_state()["cells"][0].min() < 0
    target.set_state(core.get_state())
    np.testing.assert_array_equal(core.get_matrix(), target.get_matrix())


def parts(data):
    """Header and arrays of a safetensors file, read by its own description."""
    length = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + length])
    return header, data[8 + length :]


def test_a_file_is_one_that_other_programs_read(tmp_path):
    file = tmp_path / "core.safetensors"
    core = AnalogCore(MATRIX, hardware())
    core.save(file)
    assert [path.name for path in tmp_path.iterdir()] == ["core.safetensors"]
    header, data = parts(file.read_bytes())
    known = header.pop("__metadata__")
    assert (known["format"], known["version"], known["kind"]) == ("ohmcore", "2", "core")
    assert json.loads(known["words"])["params"][0]["xbar"]["device"]["Rmin"] == 1000
    assert header["cells.0"]["dtype"] == "F64"
    start, end = header["cells.0"]["data_offsets"]
    cells = np.frombuffer(data[start:end]).reshape(header["cells.0"]["shape"])
    np.testing.assert_array_equal(cells, core.get_state()["cells"][0])


def test_a_file_is_compared_with_the_parameters_that_are_given(tmp_path):
    core = AnalogCore(MATRIX, hardware(xbar__device__Rmin=500.0))
    core.save(tmp_path / "core")
    with pytest.raises(InputError, match="Rmin"):
        AnalogCore.load(tmp_path / "core", hardware())
    limited = hardware(simulation__memory_limit=1000)
    other = AnalogCore.load(tmp_path / "core", limited, strict=False)
    assert other.params.xbar.device.Rmin == 500
    assert other.params.simulation.memory_limit == 1000


def damaged(data):
    yield b""
    yield data[: len(data) // 2]
    yield data[:-1]
    yield b"no such file at all"
    yield data[:-1] + bytes([data[-1] ^ 1])
    for name in (b'"counters"', b'"cells.0"', b'"I64"', b'"ohmcore"', b'"core"'):
        yield data.replace(name, name.replace(b'"', b"'"))


def test_what_is_no_saved_core_is_refused(tmp_path):
    file = tmp_path / "core"
    AnalogCore(MATRIX, hardware()).save(file)
    for data in damaged(file.read_bytes()):
        file.write_bytes(data)
        with pytest.raises(FileFormatError, match="core: not a saved core"):
            AnalogCore.load(file)
    with pytest.raises(FileNotFoundError):
        AnalogCore.load(tmp_path / "nothing")


@given(place=st.integers(0, 10**6), bit=st.integers(0, 7))
def test_no_bit_of_a_file_changes_unseen(place, bit, tmp_path_factory):
    file = tmp_path_factory.mktemp("saved") / "core"
    core = AnalogCore(MATRIX, hardware())
    core.save(file)
    data = bytearray(file.read_bytes())
    data[place % len(data)] ^= 1 << bit
    file.write_bytes(data)
    with pytest.raises(FileFormatError):
        AnalogCore.load(file)


def test_a_file_of_a_later_version_says_so(tmp_path):
    file = tmp_path / "later"
    AnalogCore(MATRIX, hardware()).save(file)
    file.write_bytes(file.read_bytes().replace(b'"version":"2"', b'"version":"3"'))
    with pytest.raises(FileFormatError, match="version 3"):
        AnalogCore.load(file)


def test_saving_that_fails_leaves_the_file(tmp_path, monkeypatch):
    file = tmp_path / "core"
    core = AnalogCore(MATRIX, hardware())
    core.save(file)
    before = file.read_bytes()

    class Full(states.Sealed):
        def packed(self):
            raise OSError("no space left")

    monkeypatch.setattr("simulator.states.files.Sealed", Full)
    with pytest.raises(OSError, match="no space"):
        core.save(file)
    assert file.read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["core"]


def test_a_model_that_is_not_defined_is_named(tmp_path, monkeypatch):
    @dataclass(frozen=True)
    class PassingCell(Device):
        """A device of a notebook that is closed later."""

        def programming_sigma(self, siemens, cell):
            return 0.01 * siemens

    core = AnalogCore(
        MATRIX,
        hardware(xbar__device__programming_error__enable=True,
                 xbar__device__programming_error__model="PassingCell"),
    )  # fmt: skip
    core.save(tmp_path / "core")
    np.testing.assert_array_equal(
        AnalogCore.load(tmp_path / "core").get_matrix(), core.get_matrix()
    )
    monkeypatch.delitem(registry._models["device"], "PassingCell")
    with pytest.raises(ModelError, match=r"device\.programming_error\.model is 'PassingCell'"):
        AnalogCore.load(tmp_path / "core")


@pytest.mark.parametrize("params", ["x", [], [3], [{"core": {"no_such": 1}}], [{}, {}]])
def test_parameters_that_are_none_change_nothing(params):
    core = AnalogCore(MATRIX, hardware(**{n.replace(".", "__"): v for n, v in NOISY.items()}))
    before = core.get_state()
    with pytest.raises(InputError):
        core.set_state({**before, "params": params})
    assert same(core.get_state(), before)
