"""The diagnosis of a converted model: planted faults are found, healthy layers left in peace."""

import copy
import math
from functools import cache

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from torch import nn  # noqa: E402
from torch_models import ADC, NOISE, PROGRAMMING, seeded  # noqa: E402

from adapters.torch import analog_modules, from_torch  # noqa: E402
from adapters.torch.study.calibration import calibrate  # noqa: E402
from adapters.torch.study.report import report  # noqa: E402
from simulator import InputError, ParameterError  # noqa: E402

DAC8 = {"xbar__dac__mvm__model": "SignMagnitudeDAC", "xbar__dac__mvm__bits": 8}
ADC8 = {**ADC, "xbar__adc__mvm__bits": 8}
SLICED = {"core__style": "BITSLICED", "core__weight_bits": 8, "core__bit_sliced__num_slices": 4,
          "xbar__device__cell_bits": 2}  # fmt: skip
SERIAL = {"xbar__dac__mvm__input_bitslicing": True, "xbar__adc__mvm__adc_per_ibit": True}
STYLES = {
    "pairs": {},
    "offset": {"core__style": "OFFSET"},
    "sliced": SLICED,
    "serial": SERIAL,
    "magnitude": {"xbar__adc__mvm__model": "SignMagnitudeADC"},
}


def network():
    torch.manual_seed(5)
    return nn.Sequential(
        nn.Conv2d(3, 16, 3), nn.ReLU(), nn.Conv2d(16, 16, 3), nn.ReLU(), nn.Flatten(),
        nn.Linear(256, 32), nn.ReLU(), nn.Linear(32, 10),
    )  # fmt: skip


def images(count=60):
    return 2 * torch.randn(count, 3, 8, 8, generator=torch.Generator().manual_seed(6))


def calibrated(**changes):
    model = from_torch(network(), seeded(**{**DAC8, **ADC8, **changes}))
    calibrate(model, images().split(20))
    return model


@cache
def healthy(style):
    """A calibrated model of some hardware, and what is said of it; not to be changed."""
    model = calibrated(**STYLES[style])
    return model, looked_at(model)


def looked_at(model):
    return {layer.layer: layer for layer in report(model, images().split(20)).layers}


def scaled_inputs(layer, factor):
    tree = layer.params.copy()
    limits = tree.core.mapping.inputs.mvm
    limits.min, limits.max = factor * limits.min, factor * limits.max
    layer.params = tree


def scaled_outputs(layer, factor):
    tree = layer.params.copy()
    adc = tree.xbar.adc.mvm
    adc.calibrated_range = factor * np.asarray(adc.calibrated_range)
    layer.params = tree


@pytest.mark.parametrize("style", STYLES)
def test_a_calibrated_network_gets_no_advice(style):
    model, found = healthy(style)
    assert list(found) == ["0", "2", "5", "7"]
    for layer in found.values():
        assert layer.advice == ()
        assert layer.snr > 15
        assert layer.dac_clipped <= 1e-3
        # Of 600 currents of the last layer at most one lies beyond either percentile.
        assert layer.adc_clipped <= 2 / 600
        assert layer.adc_codes > layer.adc_levels / 4
    words = repr(report(model, [images(20)]))
    assert "No layer needs" in words
    assert "dB" in words


@pytest.mark.parametrize("style", ["pairs", "sliced"])
@pytest.mark.parametrize(
    ("scaled", "factor", "words"),
    [
        (scaled_outputs, 0.1, ["ADCs clip", "raise xbar.adc.mvm.calibrated_range"]),
        (scaled_outputs, 10, ["ADCs use only", "lower xbar.adc.mvm.calibrated_range"]),
        (scaled_inputs, 0.1, ["DACs clip", "raise core.mapping.inputs.mvm"]),
        (scaled_inputs, 10, ["DACs use only", "lower core.mapping.inputs.mvm"]),
    ],
)
def test_a_range_that_is_ten_times_off_is_found(style, scaled, factor, words):
    model, before = copy.deepcopy(healthy(style))
    scaled(model[2], factor)
    found = looked_at(model)
    (advice,) = found["2"].advice
    assert all(word in advice for word in words)
    assert found["2"].snr < before["2"].snr - 3
    # A bad layer does not spoil what is said of the others.
    assert all(found[name].advice == () for name in ("0", "5", "7"))


def test_shares_and_codes_are_those_of_the_hardware():
    model = copy.deepcopy(healthy("pairs")[0])
    scaled_inputs(model[2], 0.25)
    scaled_outputs(model[5], 4)
    found = looked_at(model)
    inputs = []
    digital = network()
    digital[2].register_forward_pre_hook(lambda _, args: inputs.append(args[0]))
    with torch.no_grad():
        digital(images())
    limit = model[2].params.core.mapping.inputs.mvm.max
    assert found["2"].dac_clipped == pytest.approx(float((inputs[0] > limit).float().mean()))
    assert found["5"].adc_clipped == 0
    assert 0.2 <= found["5"].adc_codes / found["5"].adc_levels <= 0.26


def test_the_ratio_is_that_of_the_layer_alone():
    model = calibrated(**PROGRAMMING)
    found = looked_at(model)
    digital = network()
    with torch.no_grad():
        x = digital[:5](images())
        wanted, got = digital[5](x), model[5](x)
    ratio = float((wanted**2).sum() / ((got - wanted) ** 2).sum())
    assert found["5"].snr == pytest.approx(10 * math.log10(ratio), abs=1e-3)
    # Errors of 10 % of the conductances.
    assert found["5"].weights_snr == pytest.approx(20, abs=4)


def test_ideal_hardware_is_exact():
    found = looked_at(from_torch(network(), seeded()))
    assert all(layer.snr > 100 for layer in found.values())
    assert all(layer.dac_clipped is None and layer.adc_codes is None for layer in found.values())
    assert all(layer.advice == () for layer in found.values())


def test_dead_layers_are_told_from_those_behind_them():
    model = copy.deepcopy(healthy("pairs")[0])
    with torch.no_grad():
        model[2].weight.zero_()
        model[2].bias.fill_(-1)
        model[2].synchronize()
    found = looked_at(model)
    assert "look at its weights and bias" in found["2"].advice[0]
    assert "every input that it gets is zero" in found["5"].advice[0]
    assert "look at the layers before it" in found["7"].advice[0]
    assert found["0"].advice == ()
    with torch.no_grad():
        model[2].bias.fill_(1)
    assert "that it gets is the same" in looked_at(model)["5"].advice[0]
    # One example alone cannot tell.
    (layer,) = report(model, [images(1)]).layers[1:2]
    assert not any("dead" in words for words in layer.advice)


def test_inputs_with_a_sign_that_the_converter_lacks():
    changes = {"xbar__dac__mvm__model": "QuantizerDAC", "xbar__dac__mvm__signed": False,
               "core__mapping__inputs__mvm__min": 0.0}  # fmt: skip
    found = looked_at(calibrated(**changes))
    assert "negative" in found["0"].advice[0]
    assert "signed = True" in found["0"].advice[0]
    assert not any("negative" in words for x in ("2", "5", "7") for words in found[x].advice)


def test_bias_lines_that_the_range_cuts_off():
    model = from_torch(network(), seeded(**DAC8, **ADC8), bias_rows=1)
    calibrate(model, [images()])
    tree = model[7].params.copy()
    tree.core.mapping.inputs.mvm.min, tree.core.mapping.inputs.mvm.max = -0.5, 0.5
    model[7].params = tree
    found = looked_at(model)
    assert "bias lines" in found["7"].advice[0]
    assert found["0"].advice == ()


def test_cells_and_noise_are_named_where_converters_do_well():
    coarse = {"xbar__device__cell_bits": 1}
    found = looked_at(calibrated(**coarse))
    assert all("cells hold the weights" in layer.advice[0] for layer in found.values())
    noisy = {**NOISE, "xbar__device__read_noise__magnitude": 1.0}
    found = looked_at(calibrated(**noisy))
    assert any("read noise" in words for layer in found.values() for words in layer.advice)


def test_looking_changes_nothing():
    model = calibrated(**PROGRAMMING, **NOISE)
    x = images(8)
    other = copy.deepcopy(model)
    before = torch.get_rng_state()
    found = report(model, [images()], progress=False)
    assert torch.equal(torch.get_rng_state(), before)
    assert model.training
    for layer, twin in zip(analog_modules(model), analog_modules(other), strict=True):
        assert layer.params == twin.params
        assert not layer.ideal
        assert len(layer._forward_hooks) == len(twin._forward_hooks)
    assert torch.equal(model(x), other(x))
    assert repr(report(model, [images()])) != ""
    assert [layer.layer for layer in found.layers] == ["0", "2", "5", "7"]


@pytest.mark.parametrize("kind", ["GRU", "MultiheadAttention"])
def test_layers_of_several_parts_are_looked_at(kind):
    attends = kind == "MultiheadAttention"
    torch.manual_seed(0)
    layer = nn.MultiheadAttention(8, 2) if attends else nn.GRU(8, 16)
    x = torch.randn(5, 20, 8)
    batch = (x, x, x) if attends else (x,)
    model = from_torch(layer, seeded(**DAC8, **ADC8))
    assert report(model, [batch]).layers[0].advice
    calibrate(model, [batch])
    (found,) = report(model, [batch]).layers
    assert found.advice == ()
    assert found.snr > 15
    assert found.arrays == sum(core.Ncores for core in model.arrays)


def test_sequences_of_many_lengths_are_looked_at():
    torch.manual_seed(0)
    model = from_torch(nn.GRU(8, 16), seeded(**DAC8, **ADC8))
    batches = [(torch.randn(steps, 20, 8),) for steps in (3, 5)]
    packed = nn.utils.rnn.pack_sequence([torch.randn(n, 8) for n in (6, 4, 1)])
    calibrate(model, batches)
    (found,) = report(model, [*batches, packed]).layers
    assert found.advice == ()


def test_layers_that_nothing_reaches():
    class Half(nn.Module):
        def __init__(self):
            super().__init__()
            self.used, self.unused = nn.Linear(4, 3), nn.Linear(4, 3)

        def forward(self, x):
            return self.used(x)

    model = from_torch(Half(), seeded(**DAC8, **ADC8))
    x = torch.randn(50, 4)
    calibrate(model, [x])
    used, unused = report(model, [x]).layers
    assert math.isnan(unused.snr)
    assert unused.advice == ("no input reached it",)
    assert used.advice == ()


def test_models_and_loaders_that_cannot_be_looked_at():
    with pytest.raises(ParameterError, match="from_torch"):
        report(network(), [images()])
    with pytest.raises(InputError, match="no batches"):
        report(calibrated(), [])


def test_the_table_as_a_frame():
    pytest.importorskip("pandas")
    model = copy.deepcopy(healthy("pairs")[0])
    scaled_outputs(model[2], 0.1)
    frame = report(model, [images()]).to_frame()
    assert list(frame.index) == ["0", "2", "5", "7"]
    assert frame.loc["2", "snr"] < frame.loc["0", "snr"]
    assert "raise" in frame.loc["2", "advice"]
    assert frame.loc["0", "advice"] == ""


def test_the_figure_shows_every_layer(tmp_path):
    pytest.importorskip("matplotlib")
    model = from_torch(network(), {"0": seeded(), "2": seeded(**DAC8, **ADC8), "5": seeded(**DAC8)})
    figure = report(model, [images()]).plot()
    figure.savefig(tmp_path / "report.png")
    assert (tmp_path / "report.png").stat().st_size > 10_000
    names = [label.get_text() for label in figure.axes[0].get_yticklabels()]
    assert names == ["0", "2", "5"]
    bars = [patch.get_height() for patch in figure.axes[0].patches]
    assert len(bars) == 3
