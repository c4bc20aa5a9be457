"""Files of an earlier version load and go on as they would have there.

They lie in ``tests/saved``: whole torch models with all classes by the paths of that version, state
dictionaries, a checkpoint of a training run half way, a calibration, a pickled neutral layer, and a
Keras archive. Beside each stands what the earlier version computed next. Errors and noise of the
cells are drawn by number, so that nothing but the rounding of another machine may differ.
"""

import importlib
import io
import pickle
from pathlib import Path

import numpy as np
import pytest
from places import SAVED
from project_pickles import load_model, loads

torch = pytest.importorskip("torch")

from torch import nn  # noqa: E402

from adapters.torch import from_torch, synchronize  # noqa: E402
from simulator import CrossSimParameters  # noqa: E402

# Products of at most 27 float32 numbers, rounded in another order, through a few layers.
CLOSE = {"rtol": 1e-5, "atol": 1e-5}
WIRING = {
    "xbar.device.programming_error.enable": True,
    "xbar.device.programming_error.model": "NormalProportionalDevice",
    "xbar.device.programming_error.magnitude": 0.05,
    "xbar.device.read_noise.enable": True,
    "xbar.device.read_noise.model": "NormalIndependentDevice",
    "xbar.device.read_noise.magnitude": 0.02,
}
MODELS = {
    "linear": lambda: nn.Sequential(nn.Linear(5, 4), nn.ReLU(), nn.Linear(4, 3)),
    "conv": lambda: nn.Sequential(
        nn.Conv2d(2, 4, 3, padding=1, groups=2), nn.ReLU(), nn.Conv2d(4, 2, 1)
    ),
    "conv1d": lambda: nn.Sequential(nn.Conv1d(2, 3, 3)),
    "conv3d": lambda: nn.Sequential(nn.Conv3d(1, 2, 2)),
    "transposed": lambda: nn.Sequential(nn.ConvTranspose2d(2, 3, 2, stride=2)),
    "lstm": lambda: nn.LSTM(3, 4, batch_first=True),
    "gru": lambda: nn.GRU(3, 4, bidirectional=True),
    "rnn": lambda: nn.RNN(3, 4),
    "lstm_cell": lambda: nn.LSTMCell(3, 4),
    "gru_cell": lambda: nn.GRUCell(3, 4),
    "rnn_cell": lambda: nn.RNNCell(3, 4),
    "encoder": lambda: nn.TransformerEncoderLayer(4, 2, 8, batch_first=True, dropout=0.0),
    "bias": lambda: nn.Sequential(nn.Linear(5, 4)),
}


def of_torch(data):
    return torch.load(io.BytesIO(data), weights_only=True)


def hardware(**changes):
    p = CrossSimParameters()
    p.update({"simulation.seed": 11, **WIRING, **changes})
    return p


def first(y):
    while isinstance(y, tuple):
        y = y[0]
    return y.detach()


@pytest.fixture(scope="module")
def saved():
    return of_torch((SAVED / "torch.pt").read_bytes())


@pytest.mark.parametrize("name", MODELS)
def test_a_whole_model_of_before_goes_on(saved, name):
    model = load_model(saved["whole"][name])
    expected = saved["expected"][name]
    torch.testing.assert_close(first(model(expected["x"])), expected["y"], **CLOSE)
    # Its arrays are real ones: they are programmed, saved and loaded like new ones.
    synchronize(model)
    model.load_state_dict(of_torch(saved["state_dicts"][name]))
    torch.testing.assert_close(first(model(expected["x"])), expected["y"], **CLOSE)


@pytest.mark.parametrize("name", MODELS)
def test_a_state_of_before_continues_in_a_model_of_now(saved, name):
    expected = saved["expected"][name]
    digital = MODELS[name]()
    digital.load_state_dict(expected["digital"])
    rows = {"bias_rows": 1} if name == "bias" else {}
    model = from_torch(digital, hardware(), **rows).eval()
    model.load_state_dict(of_torch(saved["state_dicts"][name]))
    torch.testing.assert_close(first(model(expected["x"])), expected["y"], **CLOSE)


def test_a_training_run_of_before_goes_on(saved):
    run = saved["run"]
    net = from_torch(nn.Sequential(nn.Linear(5, 4), nn.Tanh(), nn.Linear(4, 2)), hardware())
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1, momentum=0.9)
    checkpoint = of_torch(run["checkpoint"])
    net.load_state_dict(checkpoint["model"])
    optimizer.load_state_dict(checkpoint["optimizer"])
    x, y = run["data"]
    optimizer.zero_grad()
    loss = ((net(x[2]) - y[2]) ** 2).mean()
    loss.backward()
    optimizer.step()
    synchronize(net)
    torch.testing.assert_close(loss.detach(), run["loss"], **CLOSE)
    torch.testing.assert_close(net[0].weight.detach(), run["after"], **CLOSE)
    torch.testing.assert_close(net(x[0]).detach(), run["y"], **CLOSE)


def test_a_calibration_of_before_is_applied(saved):
    found = loads(saved["calibration"])
    (ranges,) = found.layers
    assert (ranges.layer, ranges.dac_bits, ranges.adc_bits) == ("0", 6, 6)
    p = hardware(**{f"xbar.{kind}.mvm.{name}": value for kind in ("adc", "dac")
                    for name, value in {"model": f"Quantizer{kind.upper()}", "bits": 6}.items()},
                 **{"core.mapping.inputs.mvm.min": -3.0, "core.mapping.inputs.mvm.max": 3.0,
                    "xbar.adc.mvm.adc_range_option": "MAX"})  # fmt: skip
    model = from_torch(nn.Sequential(nn.Linear(5, 4)), p)
    found.apply(model)
    limits, adc = model[0].params.core.mapping.inputs.mvm, model[0].params.xbar.adc.mvm
    assert (limits.min, limits.max) == ranges.inputs
    np.testing.assert_array_equal(adc.calibrated_range, ranges.outputs)


def test_a_neutral_layer_of_before_goes_on():
    layers = loads((SAVED / "neutral.pickle").read_bytes())
    assert list(layers) == ["linear"]
    for saved in layers.values():
        layer = loads(saved["pickle"])
        np.testing.assert_allclose(layer.apply(saved["x"]), saved["y"], rtol=1e-12)


def test_a_keras_archive_of_before_goes_on():
    keras = pytest.importorskip("keras_models").keras
    importlib.import_module("adapters.keras")
    model = keras.models.load_model(SAVED / "model.keras")
    with np.load(SAVED / "keras.npz") as saved:
        y = keras.ops.convert_to_numpy(model(saved["x"]))
        np.testing.assert_allclose(y, saved["y"], rtol=1e-5, atol=1e-5)


def test_the_reader_refuses_what_is_not_ours():
    with pytest.raises(pickle.UnpicklingError, match="none of ours"):
        loads(pickle.dumps(Path("x")))


# The modules that had other paths, and what scripts and pickles take from them.
MOVED = {
    "adapters.lowering": "layer_matrix split_matrix stream_of GateLayout LSTM_GATES",
    "adapters.per_layer": "checked_rows copied params_by_layer values_by_layer",
    "adapters.profiles": "Seen adc_inputs conductances xbar_inputs",
    "adapters.ranges": "METHODS Choice Sample Span quantisation_error",
    "adapters.torch.attention": "AnalogMultiheadAttention",
    "adapters.torch.batches": "Batches feed undisturbed",
    "adapters.torch.batchnorm": "fuse_batchnorms",
    "adapters.torch.calibration": "Calibration LayerRanges calibrate",
    "adapters.torch.columns": "ColumnProduct",
    "adapters.torch.conv": "AnalogConv AnalogConv1d AnalogConv2d AnalogConv3d shows_rounding",
    "adapters.torch.convert": """ANALOG analog_class analog_modules base_of convertible_modules
        from_torch ideal inconvertible_modules new_epoch owned_modules reason_to_stay reinitialize
        set_time staying_modules synchronize to_torch""",
    "adapters.torch.converters": "current_ranges current_samples has_adc has_dac",
    "adapters.torch.diagnosis": "ConverterUse advice converter_use why_dead",
    "adapters.torch.fused": "switch_back switch_off",
    "adapters.torch.gates": "GATES Gates scan",
    "adapters.torch.huggingface": "AnalogTransposedLinear _bare analog_conv1d conv1d_class",
    "adapters.torch.layer": "AnalogLayer analog_modules",
    "adapters.torch.linear": "AnalogLinear",
    "adapters.torch.matrix": "MatrixLayer standing_in",
    "adapters.torch.numbering": "CallNumbers numbering",
    "adapters.torch.parts": "CompositeLayer Part",
    "adapters.torch.processes": "chip_entropy from_first_rank process_count process_rank",
    "adapters.torch.profiling": """Seen follow_inputs get_conductance_matrices
        get_profiled_adc_inputs get_profiled_xbar_inputs named_layers watch_inputs watched
        corestyle_str""",
    "adapters.torch.recurrence": "AnalogRecurrent Direction",
    "adapters.torch.recurrent": """AnalogGRU AnalogGRUCell AnalogLSTM AnalogLSTMCell AnalogRNN
        AnalogRNNCell""",
    "adapters.torch.report": "Comparison LayerReport Report report",
    "adapters.torch.rewire": "changed lent rewire",
    "adapters.torch.state": "LayerState share_chips",
    "adapters.torch.summary": "Summary summary",
    "adapters.torch.tables": "table",
    "adapters.torch.tensors": "in_torch_order to_array to_tensor torch_entropy",
    "adapters.torch.transposed": """AnalogConvTranspose1d AnalogConvTranspose2d
        AnalogConvTranspose3d""",
    "adapters.torch.windows": "WindowProduct",
}


@pytest.mark.parametrize("path", MOVED)
def test_a_module_of_before_has_its_names(path):
    module = importlib.import_module(path)
    for name in MOVED[path].split():
        assert getattr(module, name) is not None
    with pytest.raises(AttributeError, match="no_such_name"):
        _ = module.no_such_name


def test_functions_keep_their_names_from_modules_of_before():
    import adapters.torch

    for name in ("report", "summary"):
        function = getattr(adapters.torch, name)
        module = importlib.import_module(f"adapters.torch.{name}")
        assert getattr(module, name) is function is getattr(adapters.torch, name)
    assert adapters.torch.profiling.Seen
