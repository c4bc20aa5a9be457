"""Layers and containers of the aihwkit adapter beside those of torch, and conversion of models."""

import copy
import pickle
import weakref

import numpy as np
import pytest

torch = pytest.importorskip("torch")
from torch import nn  # noqa: E402

from adapters.aihwkit.exceptions import (  # noqa: E402
    ConfigError,
    ModuleError,
    TileError,
)
from adapters.aihwkit.nn import AnalogConv2d, AnalogLinear, AnalogSequential  # noqa: E402
from adapters.aihwkit.nn.conversion import convert_to_analog, convert_to_digital  # noqa: E402
from adapters.aihwkit.optim import AnalogSGD  # noqa: E402
from adapters.aihwkit.simulator.configs import (  # noqa: E402
    FloatingPointRPUConfig,
    MappingParameter,
    RPUDataType,
    RuntimeParameter,
    SingleRPUConfig,
)
from simulator import InputError, ShapeError  # noqa: E402

DOUBLE = RuntimeParameter(data_type=RPUDataType.DOUBLE)


@pytest.fixture(autouse=True)
def seeded():
    torch.manual_seed(0)


def exact(**mapping):
    return FloatingPointRPUConfig(runtime=DOUBLE, mapping=MappingParameter(**mapping))


def close(one, other):
    # Sums of at most a few hundred terms of size below 10.
    torch.testing.assert_close(one, other, rtol=1e-11, atol=1e-11)


def held(model):
    return [tile.get_weights()[0] for tile in model.analog_tiles()]


# -- shapes ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(4,), (3, 4), (2, 3, 4), (0, 4), (2, 0, 4)])
@pytest.mark.parametrize("config", [exact(), SingleRPUConfig(), exact(max_input_size=3)])
def test_linear_takes_any_leading_axes(shape, config):
    layer = AnalogLinear(4, 2, rpu_config=config).double()
    x = torch.randn(shape, dtype=torch.double, requires_grad=True)
    y = layer(x)
    y.sum().backward()
    AnalogSGD(layer.parameters(), lr=0.1).step()
    assert y.shape == (*shape[:-1], 2)
    assert x.grad.shape == shape


def test_linear_is_that_of_torch_on_any_axes():
    layer = AnalogLinear(4, 2, rpu_config=exact()).double()
    twin, x = AnalogLinear.to_digital(layer), torch.randn(2, 3, 4, dtype=torch.double)
    close(layer(x), twin(x))
    close(layer(x.transpose(0, 1)), twin(x.transpose(0, 1)))


@pytest.mark.parametrize(("layer", "shape"), [
    (AnalogLinear(4, 2), (3, 5)), (AnalogLinear(4, 2), ()), (AnalogLinear(4, 2), (4, 1)),
    (AnalogConv2d(2, 3, 3), (5, 5)), (AnalogConv2d(2, 3, 3), (1, 3, 5, 5)),
    (AnalogConv2d(2, 3, 3), (1, 1, 2, 5, 5)),
])  # fmt: skip
def test_inputs_of_another_shape(layer, shape):
    with pytest.raises(ShapeError, match="input of shape"):
        layer(torch.ones(shape))


@pytest.mark.parametrize("make", [
    lambda: AnalogLinear(0, 2), lambda: AnalogLinear(2, 0), lambda: AnalogConv2d(0, 2, 3),
])  # fmt: skip
def test_layers_without_weights(make):
    with pytest.raises(ModuleError, match="allowed are 1 or more"):
        make()


@pytest.mark.parametrize("arguments", [
    {"groups": 2}, {"padding_mode": "circular"}, {"padding": "same"},
])  # fmt: skip
def test_convolutions_that_are_not_offered(arguments):
    with pytest.raises(ModuleError, match="allowed are 1, 'zeros' and numbers"):
        AnalogConv2d(2, 2, 3, **arguments)


def test_what_is_no_configuration():
    with pytest.raises(ConfigError, match="AnalogLinear: rpu_config"):
        AnalogLinear(3, 2, True, {"device": "ConstantStep"})


@pytest.mark.parametrize("value", [torch.nan, torch.inf])
def test_inputs_that_are_no_numbers(value):
    x = torch.ones(3, 4)
    x[1, 2] = value
    with pytest.raises(InputError, match="finite"):
        AnalogLinear(4, 2)(x)


# -- the convolution ------------------------------------------------------------------------------


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("limits", [(0, 0), (5, 2)])
@pytest.mark.parametrize(("channels", "kernel", "geometry"), [
    ((1, 2), 3, {}), ((3, 4), (2, 3), {"stride": 2}), ((2, 1), 3, {"padding": 1}),
    ((2, 3), 3, {"dilation": 2, "padding": 2}), ((2, 3), 1, {"stride": (1, 3)}),
    ((2, 5), (3, 2), {"stride": (2, 1), "padding": (0, 1), "dilation": (1, 3)}),
    ((2, 2), (7, 9), {}), ((2, 2), (3, 3), {"stride": 4, "padding": 2}),
])  # fmt: skip
def test_convolution_trains_as_that_of_torch(channels, kernel, geometry, limits, bias):
    config = exact(max_input_size=limits[0], max_output_size=limits[1])
    layer = AnalogConv2d(*channels, kernel, bias=bias, rpu_config=config, **geometry).double()
    twin = AnalogConv2d.to_digital(layer)
    optimizers = AnalogSGD(layer.parameters(), lr=0.01), torch.optim.SGD(twin.parameters(), lr=0.01)
    for _ in range(2):
        x, found = torch.randn(3, channels[0], 7, 9, dtype=torch.double), []
        for model, optimizer in zip((layer, twin), optimizers, strict=True):
            leaf = x.clone().requires_grad_()
            optimizer.zero_grad()
            y = model(leaf)
            torch.tanh(y).square().sum().backward()
            optimizer.step()
            found.append((y.detach(), leaf.grad))
        for one, other in zip(*found, strict=True):
            close(one, other)
    close(layer.get_weights()[0], twin.weight.data)


def test_convolution_with_the_bias_on_the_array():
    layer = AnalogConv2d(2, 3, 3, rpu_config=exact(digital_bias=False))
    twin, x = AnalogConv2d.to_digital(layer), torch.randn(2, 2, 5, 5, dtype=torch.double)
    assert layer.analog_tile.tile.shape == (3, 19)
    close(layer(x), twin(x))
    for model, kind in ((layer, AnalogSGD), (twin, torch.optim.SGD)):
        model(x).square().sum().backward()
        kind(model.parameters(), lr=0.01).step()
    close(layer.get_weights()[1], twin.bias.data)


def test_an_image_alone():
    layer, x = AnalogConv2d(2, 3, 3, rpu_config=exact()), torch.randn(2, 5, 5).double()
    assert torch.equal(layer(x), layer(x[None])[0])


def test_no_images():
    layer, x = AnalogConv2d(2, 3, 3), torch.zeros(0, 2, 5, 5, requires_grad=True)
    y = layer(x)
    y.sum().backward()
    AnalogSGD(layer.parameters(), lr=0.1).step()
    assert (y.shape, x.grad.shape) == ((0, 3, 3, 3), (0, 2, 5, 5))


@pytest.mark.parametrize("bias", [True, False])
def test_what_follows_may_work_in_place(bias):
    model = AnalogSequential(AnalogConv2d(1, 2, 3, bias=bias), nn.ReLU(inplace=True))
    x = torch.randn(2, 1, 5, 5, requires_grad=True)
    model(x).sum().backward()
    assert x.grad.abs().sum() > 0


def test_layers_of_other_memory_layouts():
    layer, x = AnalogConv2d(2, 3, 3, rpu_config=exact()), torch.randn(2, 2, 6, 6).double()
    close(layer(x.contiguous(memory_format=torch.channels_last)), layer(x))


@pytest.mark.parametrize("make", [
    lambda: (AnalogLinear(5, 4), nn.Linear(5, 4)),
    lambda: (AnalogConv2d(3, 4, (2, 3)), nn.Conv2d(3, 4, (2, 3))),
])  # fmt: skip
def test_start_weights_have_the_range_of_those_of_torch(make):
    analog, digital = make()
    limit = digital.weight[0].numel() ** -0.5
    for one, other in zip(analog.get_weights(), (digital.weight, digital.bias), strict=True):
        assert one.shape == other.shape
        assert 0.5 * limit < one.abs().max() <= limit


# -- what is kept, and for how long ---------------------------------------------------------------


def inputs():
    """A tensor, and what tells whether anything still holds its memory."""
    memory = np.ones((2, 4), np.float32)
    return torch.from_numpy(memory), weakref.ref(memory)


def test_inference_keeps_nothing():
    layer, (x, memory) = AnalogLinear(4, 3), inputs()
    with torch.no_grad():
        y = layer(x)
    with torch.inference_mode():
        z = layer(x)
    del x
    assert not y.requires_grad
    assert not z.requires_grad
    assert memory() is None


def test_an_output_that_is_dropped_takes_its_inputs_along():
    layer, (x, memory) = AnalogLinear(4, 3), inputs()
    y = layer(x)
    del x
    assert memory() is not None
    del y
    assert memory() is None


def test_evaluation_is_as_noisy_as_training():
    layer, x = AnalogLinear(4, 3).eval(), torch.ones(2, 4)
    assert not torch.equal(layer(x), layer(x))


def zero_by_hand(model):
    for parameter in model.parameters():
        parameter.grad = None


@pytest.mark.parametrize("zero", [lambda model: model.zero_grad(), zero_by_hand])
def test_dropped_gradients_are_not_applied(zero):
    """Of a model of torch too, whose ``zero_grad`` knows nothing of tiles."""
    model = nn.Sequential(AnalogLinear(4, 3, rpu_config=exact()))
    before, x = model[0].get_weights()[0], torch.ones(2, 4).double()
    for _ in range(5):
        zero(model)
        model(x).sum().backward()
        assert len(model[0].analog_tile._used) == 1
    optimizer = AnalogSGD(model.parameters(), lr=0.1)
    optimizer.step()
    close(model[0].get_weights()[0], before - 0.2)
    model(x).sum().backward()
    zero(model)
    optimizer.step()
    close(model[0].get_weights()[0], before - 0.2)


def test_gradients_of_something_else_change_no_tile():
    layer, x = AnalogLinear(4, 3), torch.ones(2, 4, requires_grad=True)
    before = layer.get_weights()[0]
    torch.autograd.grad(layer(x).sum(), x)
    layer(x).sum().backward(inputs=[x])
    AnalogSGD(layer.parameters(), lr=1.0).step()
    assert torch.equal(layer.get_weights()[0], before)


def test_inputs_without_gradients_train_all_the_same():
    layer = AnalogLinear(4, 3)
    before = layer.get_weights()[0]
    layer(torch.ones(2, 4)).sum().backward()
    AnalogSGD(layer.parameters(), lr=0.1).step()
    assert not torch.equal(layer.get_weights()[0], before)


def test_second_derivatives_are_an_error():
    layer, x = AnalogLinear(4, 3), torch.ones(2, 4, requires_grad=True)
    (grad,) = torch.autograd.grad(layer(x).square().sum(), x, create_graph=True)
    with pytest.raises(RuntimeError, match="differentiate twice"):
        grad.sum().backward()


@pytest.mark.parametrize("frozen", [0, 1, 2])
def test_a_frozen_layer_does_not_train(frozen):
    model = AnalogSequential(AnalogLinear(4, 3), AnalogLinear(3, 3), AnalogLinear(3, 2))
    model[frozen].requires_grad_(False)
    before, bias = held(model), model[frozen].get_weights()[1]
    optimizer = AnalogSGD(model.parameters(), lr=0.5)
    for _ in range(2):
        optimizer.zero_grad()
        model(torch.ones(2, 4)).sum().backward()
        optimizer.step()
    for number, (one, other) in enumerate(zip(held(model), before, strict=True)):
        assert torch.equal(one, other) == (number == frozen)
    assert torch.equal(model[frozen].get_weights()[1], bias)


def test_a_frozen_model_has_no_gradient():
    model = AnalogSequential(AnalogLinear(4, 3)).requires_grad_(False)
    assert not model(torch.ones(2, 4)).requires_grad
    x = torch.ones(2, 4, requires_grad=True)
    model(x).sum().backward()
    assert x.grad.abs().sum() > 0
    assert not model[0].analog_tile._used


def test_a_compiled_model_trains():
    pytest.importorskip("torch._dynamo")
    model = AnalogSequential(AnalogConv2d(1, 2, 3), nn.Flatten(), AnalogLinear(18, 2))
    compiled, before = torch.compile(model, backend="eager"), held(model)
    compiled(torch.ones(2, 1, 5, 5)).sum().backward()
    AnalogSGD(model.parameters(), lr=0.5).step()
    assert not any(map(torch.equal, held(model), before))


# -- configurations, lists, printing --------------------------------------------------------------


def test_a_layer_keeps_a_copy_of_its_configuration():
    config = SingleRPUConfig()
    layer = AnalogLinear(4, 3, rpu_config=config)
    config.mapping.weight_scaling_omega = 0.5
    config.forward.is_perfect = True
    assert layer.rpu_config.mapping.weight_scaling_omega == 0
    assert not layer.rpu_config.forward.is_perfect


def test_parameters_are_contexts_and_digital_biases():
    on_array = SingleRPUConfig(mapping=MappingParameter(digital_bias=False))
    model = AnalogSequential(
        AnalogLinear(4, 3), AnalogConv2d(1, 2, 3, bias=False), AnalogLinear(4, 3, True, on_array),
    )  # fmt: skip
    assert [name for name, _ in model.named_parameters()] == [
        "0.analog_module.analog_ctx", "0.analog_module.bias", "1.analog_module.analog_ctx",
        "2.analog_module.analog_ctx",
    ]  # fmt: skip


class Net(AnalogSequential):
    """As older scripts have it: a forward of its own over sequences of torch."""

    def __init__(self):
        super().__init__()
        self.features = nn.Sequential(AnalogConv2d(1, 2, 3), nn.Tanh(), nn.MaxPool2d(2))
        self.classifier = nn.Sequential(AnalogLinear(2, 3))

    def forward(self, x):
        return self.classifier(self.features(x).flatten(1))


def test_containers_know_all_tiles_below():
    model = Net()
    assert model(torch.ones(2, 1, 4, 4)).shape == (2, 3)
    assert [name for name, _ in model.named_analog_layers()] == ["features.0", "classifier.0"]
    assert [name for name, _ in model.named_analog_tiles()] == [
        "features.0.analog_module", "classifier.0.analog_module",
    ]  # fmt: skip
    assert list(model.analog_layers()) == [model.features[0], model.classifier[0]]
    assert model.analog_tile_count() == len(list(model.analog_modules())) == 2
    seen = []
    model.apply_to_analog_layers(seen.append)
    model.apply_to_analog_tiles(seen.append)
    assert seen == [*model.analog_layers(), *model.analog_tiles()]


def test_the_tile_of_a_layer():
    layer = AnalogLinear(4, 3)
    assert layer.analog_tile is layer.analog_module is next(layer.analog_tiles())
    several = AnalogLinear(4, 3, rpu_config=exact(max_input_size=2))
    with pytest.raises(ModuleError, match="2 tiles"):
        _ = several.analog_tile


@pytest.mark.parametrize("method", ["drift_analog_weights", "program_analog_weights"])
def test_inference_on_devices_is_not_simulated(method):
    with pytest.raises(ModuleError, match="not simulated"):
        getattr(AnalogLinear(4, 3), method)()


def test_weights_are_those_of_the_digital_layer():
    layer, weight = AnalogConv2d(2, 3, 3, rpu_config=exact()), torch.randn(3, 2, 3, 3).double()
    layer.set_weights(weight, torch.ones(3))
    assert torch.equal(layer.get_weights()[0], weight)
    layer.set_weights(weight.reshape(3, 18))
    assert torch.equal(layer.get_weights()[0], weight)
    with pytest.raises(ModuleError, match="weights of shape"):
        layer.set_weights(torch.ones(3, 2, 3))


def test_printing():
    assert str(AnalogLinear(4, 2)) == (
        "AnalogLinear(\n  in_features=4, out_features=2, bias=True, SingleRPUConfig\n"
        "  (analog_module): AnalogTile(RPUPulsed<float>[ConstantStep](2,4))\n)"
    )
    assert str(AnalogConv2d(1, 2, 3, 2, 1, 1, bias=False)).startswith(
        "AnalogConv2d(\n  1, 2, kernel_size=(3, 3), stride=(2, 2), padding=(1, 1), bias=False, "
        "SingleRPUConfig\n"
    )


# -- conversion -----------------------------------------------------------------------------------


def digital_net():
    shared = nn.Linear(6, 6)
    return nn.Sequential(
        nn.Conv2d(1, 2, 3, padding=1), nn.Tanh(), nn.Flatten(), nn.Linear(18, 6),
        nn.Sequential(shared, nn.Tanh(), shared), nn.ModuleDict({"head": nn.Linear(6, 2)})["head"],
    ).double()  # fmt: skip


def test_there_and_back():
    model, x = digital_net(), torch.randn(2, 1, 3, 3, dtype=torch.double)
    analog = convert_to_analog(model, exact())
    assert isinstance(analog, AnalogSequential)
    assert isinstance(analog[4], AnalogSequential)
    assert analog.analog_tile_count() == 4
    assert analog[4][0] is analog[4][2]
    close(analog(x), model(x))
    back = convert_to_digital(analog)
    assert back[4][0] is back[4][2]
    assert [type(part) for part in back.modules()] == [type(part) for part in model.modules()]
    for one, other in zip(back.parameters(), model.parameters(), strict=True):
        assert torch.equal(one, other)
    assert type(model[0]) is nn.Conv2d


def test_conversion_in_place_and_of_a_single_layer():
    model = digital_net()
    assert convert_to_analog(model, exact(), inplace=True) is model
    assert isinstance(convert_to_analog(nn.Linear(3, 2), exact()), AnalogLinear)
    assert type(convert_to_digital(AnalogLinear(3, 2))) is nn.Linear


def test_what_conversion_leaves_out_and_tells_apart():
    seen = []

    def config_of(name, module, config):
        seen.append((name, type(module)))
        config.mapping.digital_bias = name != "3"
        return config

    model = convert_to_analog(
        digital_net(), exact(), exclude_modules=["0", "4"], specific_rpu_config_fun=config_of
    )
    assert seen == [("3", nn.Linear), ("5", nn.Linear)]
    assert [tile.analog_bias for tile in model.analog_tiles()] == [True, False]
    with pytest.raises(ConfigError, match="no module 'fc'"):
        convert_to_analog(digital_net(), exact(), exclude_modules=["fc"])


def test_conversion_keeps_modes_and_what_is_frozen():
    model = digital_net().eval()
    model[3].weight.requires_grad_(False)
    analog = convert_to_analog(model, exact())
    assert not any(module.training for module in analog.modules())
    frozen = [name for name, p in analog.named_parameters() if not p.requires_grad]
    assert frozen == ["3.analog_module.analog_ctx"]
    back = convert_to_digital(analog)
    assert [p.requires_grad for p in back.parameters()] == [
        p.requires_grad for p in model.parameters()
    ]


class Own(nn.Module):
    """A model of a class of its own."""

    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(3, 2)

    def forward(self, x):
        return self.layer(x)


@pytest.mark.parametrize("copied", [
    copy.deepcopy, lambda model: pickle.loads(pickle.dumps(model)),
])  # fmt: skip
def test_the_root_lists_its_tiles_and_stays_what_it_was(copied):
    model = copied(convert_to_analog(Own(), exact()))
    assert isinstance(model, Own)
    assert type(model).__name__ == "AnalogWrapperOwn"
    assert model.analog_tile_count() == 1
    tile = next(model.analog_tiles())
    assert tile.analog_ctx.analog_tile is tile
    assert model(torch.ones(3, dtype=torch.double)).shape == (2,)
    assert type(convert_to_digital(model)) is Own
    assert type(convert_to_analog(Own(), exact(), ensure_analog_root=False)) is Own


def test_realistic_reading_is_not_simulated():
    with pytest.raises(ModuleError, match="realistic"):
        AnalogLinear.to_digital(AnalogLinear(3, 2), realistic=True)


def test_complex_inputs_are_an_error_and_lose_nothing():
    with pytest.raises(TileError, match="complex64"):
        AnalogLinear(4, 2)(torch.ones(3, 4, dtype=torch.complex64))
