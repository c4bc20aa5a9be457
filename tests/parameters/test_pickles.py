"""Parameters that CrossSim has pickled or written, and files that ask for anything else."""

import contextlib
import io
import json
import os
import pickle
import subprocess
import warnings

import numpy as np
import pytest

from simulator import CrossSimParameters, FileFormatError, OhmCoreWarning
from simulator.parameters import BaseParameters

OBSOLETE = [
    *("stride", "Kx", "Ky", "Noc", "Nic", "weight_reorder", "conv_matmul", "bias_row"),
    "gate_input",
]


class Plain(pickle.Unpickler):
    """As ``pickle.load``, for files that are known."""


class Raw(pickle.Unpickler):
    """What a file of parameters says, without any class of ours."""

    def find_class(self, module, name):
        if module.startswith("simulator."):
            return type(name, (Seen,), {})
        assert module.split(".")[0] == "numpy"
        return super().find_class(module, name)


class Seen:
    """A node with its fields as attributes, or a choice with its number."""

    number = None

    def __init__(self, number):
        self.number = number


def plainly(path):
    with open(path, "rb") as file:
        return Plain(file).load()


def said(node, prefix=""):
    """Every leaf that a decoded file holds, by its path."""
    for name, value in vars(node).items():
        if name in ("_parent", "_implicitly_initialized"):
            continue
        if isinstance(value, Seen) and value.number is None:
            yield from said(value, f"{prefix}{name}.")
        else:
            yield prefix + name, value.number if isinstance(value, Seen) else value


def leaf(params, path):
    for step in path.split("."):
        params = getattr(params, step)
    return params


@pytest.fixture(params=["params_3_2.p", "params_older.p"])
def path(request, test_data):
    return test_data / "golden" / request.param


def quietly(load, path):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", OhmCoreWarning)
        return load(path)


@pytest.mark.parametrize("load", [CrossSimParameters.load_pickle, plainly])
def test_every_value_of_a_pickled_list_is_taken_over(path, load):
    trees = quietly(load, path)
    with open(path, "rb") as file:
        decoded = Raw(file).load()
    assert len(trees) == len(decoded) == 3
    for tree, raw in zip(trees, decoded, strict=True):
        values = {k: v for k, v in said(raw) if k.split(".")[-1] not in OBSOLETE}
        assert len(values) > 60
        for name, value in values.items():
            assert np.array_equal(leaf(tree, name), value), name
        tree.validate()


@pytest.mark.parametrize("load", [CrossSimParameters.load_pickle, plainly])
def test_what_a_pickle_leaves_out_has_the_default_of_3_2(path, load, test_data):
    trees = quietly(load, path)
    with open(path, "rb") as file:
        given = [{k for k, _ in said(raw)} for raw in Raw(file).load()]
    default = CrossSimParameters.from_json(test_data / "golden" / "params_3_2_default.json")
    for tree, names in zip(trees, given, strict=True):
        left_out = [p for p in leaves(default) if p not in names]
        assert left_out
        for name in left_out:
            assert np.array_equal(leaf(tree, name), leaf(default, name)), name


def leaves(node, prefix=""):
    for name, value in node.items():
        if isinstance(value, BaseParameters):
            yield from leaves(value, f"{prefix}{name}.")
        else:
            yield prefix + name


def test_older_pickles_mean_the_same(test_data):
    folder = test_data / "golden"
    older = quietly(CrossSimParameters.load_pickle, folder / "params_older.p")
    assert older == CrossSimParameters.load_pickle(folder / "params_3_2.p")
    assert older == quietly(plainly, folder / "params_older.p")


def test_trees_of_a_pickle_hang_together(path):
    for tree in quietly(CrossSimParameters.load_pickle, path):
        assert tree.parent is None
        adc = tree.xbar.adc
        assert adc.mvm.root is tree
        assert (adc.vmm is adc.mvm) == adc.match
        assert type(adc.mvm.calibrated_range) is np.ndarray
        assert "CrossSimParameters:" in str(tree)


def test_obsolete_names_are_dropped_with_one_warning(test_data):
    file = test_data / "golden" / "params_older.p"
    with pytest.warns(OhmCoreWarning, match="gate_input") as caught:
        trees = CrossSimParameters.load_pickle(str(file))
    assert len(caught) == 1
    assert caught[0].filename == __file__
    assert all(name in str(caught[0].message) for name in (*OBSOLETE, str(file)))
    for tree in trees:
        assert not set(OBSOLETE) & set(vars(tree.simulation.convolution))
        assert not set(OBSOLETE) & set(vars(tree.xbar.array.parasitics))


@pytest.mark.parametrize("protocol", range(2, pickle.HIGHEST_PROTOCOL + 1))
def test_our_own_pickles_with_arrays_and_containers(protocol, tmp_path):
    params = CrossSimParameters()
    params.xbar.adc.mvm.model, params.xbar.adc.mvm.gain_db = "RampADC", np.float64(60)
    params.xbar.adc.mvm.calibrated_range = np.array([[-1.5, 2]])
    limits = np.asfortranarray(np.arange(6, dtype=">f4").reshape(2, 3))
    thing = [params, {"limits": (limits, np.float32(0.5), np.arange(3))}, "text", None]
    (tmp_path / "p.p").write_bytes(pickle.dumps(thing, protocol))
    back = CrossSimParameters.load_pickle(tmp_path / "p.p")
    assert back[0] == params
    array, number, integers = back[1]["limits"]
    assert type(array) is np.ndarray
    assert array.dtype.newbyteorder("=") == np.float32
    assert np.array_equal(array, limits)
    assert (number, type(number)) == (np.float32(0.5), np.float32)
    assert np.array_equal(integers, np.arange(3))
    assert back[2:] == ["text", None]


@pytest.mark.parametrize("load", [CrossSimParameters.load_pickle, plainly])
def test_nodes_of_single_converter_circuits(load, tmp_path):
    state = b"}(X\x05\x00\x00\x00modelX\x07\x00\x00\x00RampADCX\x04\x00\x00\x00bitsK\x06ub."
    head = b"\x80\x04csimulator.parameters.xbar_parameters\nRampADCParameters\n)\x81"
    (tmp_path / "p.p").write_bytes(head + state)
    node = load(tmp_path / "p.p")
    assert (node.model, node.bits, node.gain_db) == ("RampADC", 6, 100)


class Calls:
    """A pickle of it calls a function."""

    def __init__(self, function, *args):
        self.function, self.args = function, args

    def __reduce__(self):
        return self.function, self.args


def calling(module, name, argument=b"X\x01\x00\x00\x00x"):
    return b"\x80\x04c" + f"{module}\n{name}\n".encode() + argument + b"\x85R."


PAYLOADS = {
    "a shell": pickle.dumps(Calls(os.system, "true")),
    "a process": pickle.dumps(Calls(subprocess.Popen, ["true"])),
    "eval": pickle.dumps(Calls(eval, "1 + 1")),
    "getattr": pickle.dumps(Calls(getattr, "text", "upper")),
    "inside a list of parameters": pickle.dumps([CrossSimParameters(), Calls(os.getcwd)]),
    "a function of NumPy": pickle.dumps(Calls(np.fromfile, "x")),
    "another function of NumPy": calling("numpy.core.multiarray", "fromstring"),
    "a module of NumPy": calling("numpy.testing._private.utils", "runstring"),
    "a function of ours": calling("simulator.parameters.files", "read"),
    "what a module of ours imported": calling("simulator.parameters.pickles", "Path"),
    "a dotted name": b"\x80\x04\x8c\x1asimulator.parameters.files\x8c\x0aos.getcwd\x93)R.",
    "a class of the engine": calling("simulator.core.core", "AnalogCore"),
    "a module that is not there": calling("simulator.parameters.nothing", "Nothing"),
    "objects in an array": pickle.dumps(np.array([{}, []], dtype=object)),
    "an old way to register": b"\x80\x02\x82\x01.",
}


@pytest.mark.parametrize("what", PAYLOADS)
def test_anything_else_is_refused(what, tmp_path):
    file = tmp_path / "p.p"
    file.write_bytes(PAYLOADS[what])
    with pytest.raises(FileFormatError, match=r"p\.p: ") as caught:
        CrossSimParameters.load_pickle(file)
    assert caught.value.__suppress_context__


def test_a_refusal_says_what_was_asked_for(tmp_path):
    (tmp_path / "p.p").write_bytes(calling("builtins", "eval"))
    with pytest.raises(FileFormatError, match=r"asks for builtins\.eval; allowed are classes of"):
        CrossSimParameters.load_pickle(tmp_path / "p.p")


BUILD_ON = b"\x80\x04c%b\nN}X\x04\x00\x00\x00nameK\x01s\x86b."


@pytest.mark.parametrize(
    "target",
    [
        b"simulator.parameters.core_parameters\nCoreStyle",
        b"simulator.parameters.xbar_parameters\nRampADCParameters",
        b"simulator.parameters.xbar_parameters\nDeviceParameters",
        b"numpy.core.multiarray\n_reconstruct",
        b"numpy\nndarray",
    ],
)
def test_a_pickle_cannot_change_what_it_names(target, tmp_path):
    from simulator.parameters import pickles, xbar_parameters

    (tmp_path / "p.p").write_bytes(BUILD_ON % target)
    things = [*vars(xbar_parameters).values(), *vars(pickles).values()]
    things = [t for t in things if isinstance(t, type) or callable(t)]
    before = [dict(vars(t)) for t in things if hasattr(t, "__dict__")]
    with contextlib.suppress(FileFormatError):
        CrossSimParameters.load_pickle(tmp_path / "p.p")
    assert [dict(vars(t)) for t in things if hasattr(t, "__dict__")] == before


@pytest.mark.parametrize("data", [b"", b"no pickle", b"\x80\x04", b"\x80\x04]q\x00h\x05."])
def test_broken_files_are_named(data, tmp_path):
    (tmp_path / "broken.p").write_bytes(data)
    with pytest.raises(FileFormatError, match=r"broken\.p: not a pickle of parameters"):
        CrossSimParameters.load_pickle(tmp_path / "broken.p")
    with pytest.raises(FileNotFoundError):
        CrossSimParameters.load_pickle(tmp_path / "none.p")


def test_cutting_a_pickle_anywhere_gives_one_kind_of_error(tmp_path):
    data = pickle.dumps([CrossSimParameters(), np.arange(3)])
    file = tmp_path / "p.p"
    for end in range(0, len(data), 97):
        file.write_bytes(data[:end])
        with pytest.raises(FileFormatError):
            CrossSimParameters.load_pickle(file)


def test_attributes_of_a_notebook_stay_and_obsolete_ones_do_not():
    params = CrossSimParameters()
    vars(params.core)["my_own"], vars(params.core)["complex_inputs"] = 3, True
    back = quietly(lambda data: Plain(io.BytesIO(data)).load(), pickle.dumps(params))
    assert back.core.my_own == 3
    assert "complex_inputs" not in vars(back.core)


# -- JSON ------------------------------------------------------------------------------------


def test_json_of_3_2_is_read_and_written_back_alike(test_data, tmp_path):
    path = test_data / "golden" / "params_3_2_default.json"
    params = CrossSimParameters().from_json(str(path))
    params.to_json(tmp_path / "again.json")
    ours, theirs = (json.loads(p.read_text()) for p in (tmp_path / "again.json", path))
    assert not list(lost(theirs, ours))


def lost(theirs, ours, prefix=""):
    for name, value in theirs.items():
        if isinstance(value, dict):
            yield from lost(value, ours[name], f"{prefix}{name}.")
        elif ours[name] != value:
            yield f"{prefix}{name}"


def test_json_of_3_1_is_read_with_one_warning(test_data, tmp_path):
    values = json.loads((test_data / "golden" / "params_3_2_default.json").read_text())
    del values["xbar"]["device"]["nonlinear_IV"]
    for name in ("selected_rows", "current_from_input", "Rp_row_terminal", "Rp_col_terminal"):
        del values["xbar"]["array"]["parasitics"][name]
    values["simulation"]["convolution"].update(dict.fromkeys(OBSOLETE[:-1], 1))
    values["xbar"]["array"]["parasitics"]["gate_input"] = True
    (tmp_path / "old.json").write_text(json.dumps(values))
    with pytest.warns(OhmCoreWarning, match="obsolete") as caught:
        params = CrossSimParameters.from_json(tmp_path / "old.json")
    assert len(caught) == 1
    assert params == CrossSimParameters()


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ('{"core": {\n    "style": 1,\n  },\n  "xbar": {}\n}', "line 2, column 15"),
        ('{"core": {"style": 1}, \n\n}', "line 1, column 22"),
        ('{"core": {"mapping": {"weights": {"row_partition_priority": [3,]}}}}', "column 63"),
    ],
)
def test_a_comma_too_many_is_found_where_it_is(text, place, tmp_path):
    (tmp_path / "example.json").write_text(text)
    with pytest.raises(FileFormatError, match=rf"example\.json.*{place}.*comma before the closing"):
        CrossSimParameters.from_json(tmp_path / "example.json")
