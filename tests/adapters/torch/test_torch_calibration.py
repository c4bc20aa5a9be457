"""Ranges of all converters in one call: found on real inputs, the chips left as they are."""

import copy

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from torch import nn  # noqa: E402
from torch.nn import functional  # noqa: E402
from torch_models import ADC, MEAN, NOISE, PROGRAMMING, STD, cifar10, resnet14, seeded  # noqa: E402

from adapters.torch import analog_modules, from_torch  # noqa: E402
from adapters.torch.study.calibration import calibrate  # noqa: E402
from adapters.torch.study.report import report  # noqa: E402
from simulator import CrossSimParameters, InputError, ParameterError  # noqa: E402

SIGNED = {"xbar__dac__mvm__model": "SignMagnitudeDAC", "xbar__dac__mvm__bits": 8}
SIGNED12 = {**SIGNED, "xbar__dac__mvm__bits": 12}
UNSIGNED = {"xbar__dac__mvm__model": "QuantizerDAC", "xbar__dac__mvm__bits": 8,
            "xbar__dac__mvm__signed": False, "core__mapping__inputs__mvm__min": 0.0}  # fmt: skip
ADC8 = {**ADC, "xbar__adc__mvm__bits": 8}
ADC12 = {**ADC, "xbar__adc__mvm__bits": 12}
SERIAL = {"xbar__dac__mvm__input_bitslicing": True, "xbar__adc__mvm__adc_per_ibit": True}
SLICED = {"core__style": "BITSLICED", "core__weight_bits": 8, "core__bit_sliced__num_slices": 4,
          "xbar__device__cell_bits": 2}  # fmt: skip
OFFSET = {"core__style": "OFFSET"}


class Network(nn.Module):
    """A convolution and two linear layers, all behind each other's rectifiers."""

    def __init__(self):
        super().__init__()
        self.features = nn.Conv2d(2, 5, 3, padding=1)
        self.hidden = nn.Linear(5, 7)
        self.drop = nn.Dropout(0.5)
        self.last = nn.Linear(7, 3)

    def forward(self, x, scale=1.0):
        x = functional.relu(self.features(x)).mean((2, 3))
        return self.last(self.drop(functional.relu(self.hidden(3 * scale * x))))


def network(seed=1):
    torch.manual_seed(seed)
    return Network()


def images(count=24, seed=2):
    return 2.5 * torch.randn(count, 2, 6, 6, generator=torch.Generator().manual_seed(seed))


def converted(*changes, **kwargs):
    merged = {key: value for change in changes for key, value in change.items()}
    return from_torch(network(), seeded(**merged), **kwargs)


def answers(model, x):
    with torch.no_grad():
        return copy.deepcopy(model).eval()(x)


def distance(model):
    """Largest deviation from the digital network, relative to its largest answer."""
    wanted = answers(network(), images())
    return float((answers(model, images()) - wanted).abs().max() / wanted.abs().max())


def limits_of(layer):
    inputs = layer.params.core.mapping.inputs.mvm
    return inputs.min, inputs.max, np.asarray(layer.params.xbar.adc.mvm.calibrated_range)


# -- what is found ----------------------------------------------------------------------------


def test_the_widest_ranges_are_the_extremes_that_layers_see():
    model = converted(SIGNED, ADC8)
    found = calibrate(model, images().split(8), inputs="max", outputs="max")
    inputs = []
    digital = network().eval()
    for layer in (digital.features, digital.hidden, digital.last):
        layer.register_forward_pre_hook(lambda _, args: inputs.append(float(args[0].abs().max())))
    with torch.no_grad():
        digital(images())
    tops = [ranges.inputs[1] for ranges in found.layers]
    assert [ranges.layer for ranges in found.layers] == ["features", "hidden", "last"]
    # Without errors of cells the arrays are the digital layers, but for their single precision.
    np.testing.assert_allclose(tops, inputs, rtol=1e-5)
    assert all(ranges.inputs[0] == -ranges.inputs[1] for ranges in found.layers)
    for layer, ranges in zip(analog_modules(model), found.layers, strict=True):
        assert limits_of(layer)[:2] == ranges.inputs
        assert np.array_equal(limits_of(layer)[2], ranges.outputs)
        assert layer.params.xbar.adc.mvm.adc_range_option.name == "CALIBRATED"
        assert layer.core.params == layer.params
    table = repr(found)
    assert all(text in table for text in ("features", "8 bit", f"{tops[0]:.4g}"))


@pytest.mark.parametrize("method", ["max", "percentile", "lp"])
@pytest.mark.parametrize(
    "hardware",
    [
        (SIGNED,),
        (SIGNED, {"xbar__adc__mvm__model": "SignMagnitudeADC"}),
        (SIGNED, {"xbar__adc__mvm__model": "SarADC"}),
        (SIGNED, SERIAL),
        (SIGNED, SLICED),
        (SIGNED, SLICED, {"core__bit_sliced__style": "OFFSET"}),
        (SIGNED, SLICED, SERIAL, {"core__bit_sliced__style": "OFFSET"}),
        (SIGNED, OFFSET),
        (SIGNED, OFFSET, SERIAL),
        (SIGNED, {"core__rows_max": 4, "core__cols_max": 2}),
        (SIGNED, {"core__balanced__subtract_current_in_xbar": False}),
        (SIGNED, {"xbar__array__parasitics__enable": True, "xbar__array__parasitics__Rp_row": 0.1}),
    ],
    ids=["plain", "magnitude", "sar", "serial", "sliced", "sliced-offset", "sliced-offset-serial",
         "offset", "offset-serial", "tiled", "apart", "wires"],
)  # fmt: skip
def test_calibrated_hardware_computes_the_network(hardware, method):
    model = converted(ADC12, *hardware)
    before = distance(model)
    calibrate(model, images().split(8), inputs="max", outputs=method)
    after = distance(model)
    assert before > 0.1
    assert after < 0.05


def test_ranges_of_bit_slices_differ_by_powers_of_two():
    model = converted(SIGNED, ADC8, SLICED)
    found = calibrate(model, [images()])
    for ranges in found.layers:
        octaves = np.log2(np.diff(ranges.outputs).ravel())
        assert ranges.outputs.shape == (4, 2)
        np.testing.assert_allclose(octaves - octaves[0], np.rint(octaves - octaves[0]), atol=1e-9)


def test_converters_without_bits_stay_ideal():
    model = converted(ADC8)
    found = calibrate(model, [images()])
    assert all(ranges.inputs is None and ranges.outputs is not None for ranges in found.layers)
    assert limits_of(model.last)[:2] == (-1, 1)
    model = converted(SIGNED)
    found = calibrate(model, [images()])
    assert all(ranges.inputs is not None and ranges.outputs is None for ranges in found.layers)
    assert "ideal" in repr(found)


def test_bias_lines_get_their_constant():
    model = from_torch(network(), seeded(**SIGNED, **ADC8), bias_rows=[1, 0, 2])
    found = calibrate(model, [0.1 * images()], inputs="max")
    assert found.layers[0].inputs == (-1, 1)
    assert found.layers[1].inputs[1] < 1
    assert found.layers[2].inputs == (-1, 1)


def test_a_layer_that_sees_zeros_stays_as_it_was():
    model = converted(UNSIGNED, ADC8)
    with torch.no_grad():
        model.hidden.bias.fill_(-1e3)
    found = calibrate(model, [images()])
    assert found.layers[2].inputs is None
    assert found.layers[2].outputs is None
    assert limits_of(model.last)[:2] == (0, 1)
    assert "only zeros seen" in repr(found)
    # The layer that makes the zeros is calibrated.
    assert found.layers[1].inputs[1] > 0


def test_arrays_of_one_layer_share_its_range():
    tree = seeded(**SIGNED, **ADC12, core__rows_max=4)
    model = from_torch(network(), {"hidden": [tree, tree.copy()]})
    found = calibrate(model, [images()], outputs="max")
    first, second = model.hidden.params
    assert first.core.mapping.inputs.mvm.max == second.core.mapping.inputs.mvm.max
    assert np.array_equal(second.xbar.adc.mvm.calibrated_range, found.layers[0].outputs)
    assert distance(model) < 0.05


def test_cells_that_inputs_switch_are_calibrated_with_digits():
    gated = {"xbar__array__parasitics__enable": True, "xbar__array__parasitics__Rp_row": 0.1,
             "xbar__array__parasitics__current_from_input": False}  # fmt: skip
    model = converted(SIGNED, SERIAL, ADC12, gated)
    calibrate(model, images(8).split(4), inputs="max", outputs="max")
    assert distance(model) < 0.05


@pytest.mark.parametrize("kind", ["LSTM", "GRU", "MultiheadAttention"])
def test_layers_of_several_parts_are_calibrated_too(kind):
    torch.manual_seed(0)
    attends = kind == "MultiheadAttention"
    layer = nn.MultiheadAttention(6, 2) if attends else getattr(nn, kind)(6, 5, num_layers=2)
    x = 3 * torch.randn(4, 6, 6)
    given = (x, x, x) if attends else (x,)
    model = from_torch(layer, seeded(**SIGNED12, **ADC12)).eval()
    with torch.no_grad():
        wanted = layer.eval()(*given)[0]
        before = (model(*given)[0] - wanted).abs().max()
        calibrate(model, [given], inputs="max", outputs="max")
        after = (model(*given)[0] - wanted).abs().max()
    assert model.params.core.mapping.inputs.mvm.max >= x.abs().max() * (1 - 1e-6)
    assert after < 0.1 * before


# -- what stays -------------------------------------------------------------------------------


def test_the_chip_stays():
    ramp = {"xbar__adc__mvm__model": "RampADC", "xbar__adc__mvm__sigma_capacitor": 0.3}
    model = converted(SIGNED, ADC8, ramp, PROGRAMMING, NOISE)
    x = images()
    states = [layer.get_chip_state() for layer in analog_modules(model)]
    found = calibrate(model, x.split(8))
    for layer, before in zip(analog_modules(model), states, strict=True):
        after = layer.get_chip_state()
        assert (after["chip"], after["epoch"]) == (before["chip"], before["epoch"])
        for old, new in zip(before["arrays"], after["arrays"], strict=True):
            assert all(map(np.array_equal, old["cells"], new["cells"]))
            assert {k: new[k] for k in ("seed", "stream", "vectors", "programmings")} == {
                k: old[k] for k in ("seed", "stream", "vectors", "programmings")
            }
    # The same chip that was given the ranges without being run: mismatch and noise agree.
    other = converted(SIGNED, ADC8, ramp, PROGRAMMING, NOISE)
    found.apply(other)
    assert torch.equal(answers(model, x), answers(other, x))


def test_seeds_and_modes_stay():
    tree = CrossSimParameters()
    tree.update({key.replace("__", "."): v for key, v in {**SIGNED, **ADC8, **NOISE}.items()})
    model = from_torch(network(), tree)
    model.drop.eval()
    dataset = torch.utils.data.TensorDataset(images(), torch.zeros(24))
    loader = torch.utils.data.DataLoader(dataset, batch_size=5, shuffle=True)
    torch.manual_seed(4)
    np.random.seed(4)
    before = torch.get_rng_state(), np.random.get_state()[1].copy()
    calibrate(model, loader)
    assert torch.equal(torch.get_rng_state(), before[0])
    assert np.array_equal(np.random.get_state()[1], before[1])
    assert model.training
    assert not model.drop.training
    assert all(not layer._forward_pre_hooks for layer in analog_modules(model))
    assert all(p.grad is None for p in model.parameters())


class Trap:
    """A loader that breaks off in one of its passes."""

    def __init__(self, at):
        self.at, self.passes = at, 0

    def __iter__(self):
        self.passes += 1
        yield images(4)
        if self.passes == self.at:
            raise OSError("unplugged")


@pytest.mark.parametrize("at", [1, 2])
def test_an_error_leaves_the_model_as_it_was(at):
    model = converted(SIGNED, ADC8, PROGRAMMING)
    x = images()
    trees, wanted = [layer.params.copy() for layer in analog_modules(model)], answers(model, x)
    with pytest.raises(OSError, match="unplugged"):
        calibrate(model, Trap(at))
    assert [layer.params for layer in analog_modules(model)] == trees
    assert torch.equal(answers(model, x), wanted)
    assert model.training
    assert all(not layer._forward_pre_hooks for layer in analog_modules(model))


def test_layers_that_follow_their_weights_do_so_before():
    model = converted(SIGNED, ADC12, auto_synchronize=True)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(2)
    calibrate(model, [images()], inputs="max", outputs="max")
    digital = network().eval()
    with torch.no_grad():
        for parameter in digital.parameters():
            parameter.mul_(2)
    wanted, got = answers(digital, images()), answers(model, images())
    assert float((got - wanted).abs().max() / wanted.abs().max()) < 0.05


def test_ranges_go_to_other_chips_of_the_model():
    found = calibrate(converted(SIGNED, ADC8), [images()])
    other = from_torch(network(), seeded(seed=9, **SIGNED, **ADC8, **PROGRAMMING))
    cells = other.last.core.get_matrix()
    found.apply(other)
    assert limits_of(other.last)[:2] == found.layers[2].inputs
    assert np.array_equal(other.last.core.get_matrix(), cells)
    with pytest.raises(ParameterError, match="'features', 'hidden'"):
        found.apply(nn.ModuleDict({"last": other.last}))


# -- what a loader may be ---------------------------------------------------------------------


@pytest.mark.parametrize(
    "loader",
    [
        [(images(), torch.zeros(24))],
        [[images(), torch.zeros(24)]],
        [{"x": images(), "label": torch.zeros(24)}],
        [((images(),), torch.zeros(24))],
        iter([images()]),
        (part for part in [images(), images(4), images(8)]),
    ],
    ids=["pair", "list", "dictionary", "nested", "iterator", "generator"],
)
def test_batches_of_many_kinds(loader):
    wanted = calibrate(converted(SIGNED, ADC8), [images()])
    found = calibrate(converted(SIGNED, ADC8), loader, batches=1, progress=True)
    assert repr(found) == repr(wanted)


def test_a_model_gets_as_many_values_as_it_needs():
    class Both(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = nn.Linear(3, 2)

        def forward(self, x, gain):
            return self.layer(x * gain)

    model = from_torch(Both(), seeded(**SIGNED))
    found = calibrate(model, [(torch.ones(4, 3), torch.full((4, 1), 7.0), None)], inputs="max")
    assert found.layers[0].inputs == (-7, 7)


@pytest.mark.parametrize(
    ("loader", "options", "error", "words"),
    [
        ([], {}, InputError, "no batches"),
        (images(), {}, ParameterError, r"\[x\]"),
        (None, {}, ParameterError, "NoneType"),
        ([images()], {"inputs": "best"}, ParameterError, "best"),
        ([images()], {"outputs": "MAX"}, ParameterError, "percentile"),
        ([images()], {"percentile": 0.9}, ParameterError, "percentile"),
        ([images()], {"batches": 0}, ParameterError, "batches"),
        ([{"image": images()}], {}, InputError, "image"),
    ],
)
def test_what_means_nothing_is_said(loader, options, error, words):
    with pytest.raises(error, match=words):
        calibrate(converted(SIGNED, ADC8), loader, **options)
    with pytest.raises(ParameterError, match="from_torch"):
        calibrate(network(), [images()])


RESNET_LAYERS = 16

# -- a trained network ------------------------------------------------------------------------


def resnet(test_data, bits, **changes):
    """ResNet-14 with inputs of 8 bits, signed for the image alone, and cells of 7 bits in pairs."""
    trees = []
    for layer in range(RESNET_LAYERS):
        kind = SIGNED if layer == 0 else UNSIGNED
        tree = seeded(**{**kind, **ADC, "xbar__device__cell_bits": 7, **changes})
        tree.xbar.adc.mvm.bits, tree.xbar.device.Rmax = bits, 1e5
        trees.append(tree)
    return from_torch(resnet14(test_data), trees, fuse_batchnorm=True)


def training_images(test_data, count=500):
    """The first training images, in batches."""
    with np.load(test_data / "data" / "cifar10" / "cifar10_train5728_lossless.npz") as data:
        pixels = torch.from_numpy(data["x"][:count].transpose(0, 3, 1, 2) / np.float32(255))
    mean, std = (torch.tensor(v).reshape(1, 3, 1, 1) for v in (MEAN, STD))
    return ((pixels - mean) / std).split(50)


def classes(model, test_data, count=1000):
    """What the model makes of the first test images."""
    pixels, _ = cifar10(test_data, count)
    with torch.no_grad():
        return np.concatenate([model(batch).argmax(1).numpy() for batch in pixels.split(100)])


def accuracy(model, test_data, count=1000):
    """Per cent of the test images."""
    return 100 * np.mean(classes(model, test_data, count) == cifar10(test_data, count)[1])


def test_a_few_images_calibrate_a_trained_network(test_data):
    model = resnet(test_data, 8)
    digital = accuracy(resnet14(test_data), test_data, 100)
    assert accuracy(model, test_data, 100) < 40
    calibrate(model, training_images(test_data, 50))
    assert accuracy(model, test_data, 100) >= digital - 4


@pytest.mark.slow
def test_no_range_is_set_by_hand_and_no_point_is_lost(test_data):
    digital = accuracy(resnet14(test_data), test_data)
    images = training_images(test_data)
    model = resnet(test_data, 8)
    for method in ("percentile", "lp"):
        calibrate(model, images, inputs=method, outputs=method)
        assert accuracy(model, test_data) >= digital - 1
        found = report(model, images, batches=2)
        assert [layer.layer for layer in found.layers if layer.advice] == []


@pytest.mark.slow
def test_few_bits_need_ranges_that_clip(test_data):
    images = training_images(test_data)
    found = {}
    for bits in (6, 4):
        model = resnet(test_data, bits)
        for method in ("max", "percentile", "lp"):
            calibrate(model, images, inputs=method, outputs=method)
            found[bits, method] = accuracy(model, test_data)
    model = resnet(test_data, 6)
    calibrate(model, images)
    for layer in analog_modules(model):
        tree = layer.params.copy()
        tree.xbar.adc.mvm.adc_range_option = "MAX"
        layer.params = tree
    safe = accuracy(model, test_data)
    for method in ("percentile", "lp"):
        # Ranges that no current can leave, and ranges that none of those seen left.
        assert found[6, method] >= safe + 2
        assert found[6, method] >= found[6, "max"] - 1
        assert found[4, method] >= found[4, "max"] + 2


@pytest.mark.slow
@pytest.mark.parametrize(
    ("bits", "changes"),
    [
        (8, SLICED),
        (8, SERIAL),
        (10, {**OFFSET, "xbar__device__cell_bits": 8}),
        (10, {**OFFSET, **SERIAL, "xbar__device__cell_bits": 8}),
    ],
    ids=["sliced", "serial", "offset", "offset-serial"],
)
def test_other_cores_are_calibrated_too(test_data, bits, changes):
    count, digital = 300, resnet14(test_data)
    model = resnet(test_data, bits, **changes)
    calibrate(model, training_images(test_data, 200))
    changed = classes(model, test_data, count) != classes(digital, test_data, count)
    # A point, and two standard errors of a difference that only the images of another class make.
    loss = 1 + 2 * 100 * np.sqrt(changed.mean() / count)
    assert changed.mean() < 0.1
    assert accuracy(model, test_data, count) >= accuracy(digital, test_data, count) - loss
