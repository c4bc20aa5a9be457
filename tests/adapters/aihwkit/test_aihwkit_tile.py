"""Tiles of the aihwkit adapter: weights, scales, order of updates, states, copies."""

import copy
import io
import pickle

import numpy as np
import pytest

torch = pytest.importorskip("torch")
from adapters.aihwkit.exceptions import AnalogBiasConfigError, TileError  # noqa: E402
from adapters.aihwkit.nn import AnalogLinear, AnalogSequential  # noqa: E402
from adapters.aihwkit.optim import AnalogSGD  # noqa: E402
from adapters.aihwkit.simulator.configs import (  # noqa: E402
    ConstantStepDevice,
    FloatingPointRPUConfig,
    IdealDevice,
    IOParameters,
    MappingParameter,
    PulseType,
    RPUDataType,
    RuntimeParameter,
    SingleRPUConfig,
    SoftBoundsDevice,
    UpdateParameters,
    WeightNoiseType,
)
from adapters.aihwkit.tile import (  # noqa: E402
    AnalogContext,
    AnalogTile,
    TileModuleArray,
    make_tile,
    near_equal,
)
from simulator import InputError  # noqa: E402

DOUBLE = RuntimeParameter(data_type=RPUDataType.DOUBLE)


@pytest.fixture(autouse=True)
def seeded():
    torch.manual_seed(0)


def perfect(device=None, **config):
    """The exact product, on pulsed devices by default."""
    exact = IOParameters(is_perfect=True)
    device = ConstantStepDevice() if device is None else device
    return SingleRPUConfig(forward=exact, backward=exact, device=device, **config)


def digital(**config):
    return FloatingPointRPUConfig(runtime=DOUBLE, **config)


def trained(model, steps=3, lr=0.1, seed=1):
    """The model after a few steps, and all its outputs."""
    generator = torch.Generator().manual_seed(seed)
    optimizer, outputs = AnalogSGD(model.parameters(), lr=lr), []
    for _ in range(steps):
        optimizer.zero_grad()
        x = torch.rand(5, model.in_features, generator=generator)
        y = model(x)
        (y**2).sum().backward()
        optimizer.step()
        outputs.append(y.detach())
    return torch.stack(outputs)


def same(one, other):
    for left, right in zip(one.get_weights(), other.get_weights(), strict=True):
        assert (left is None and right is None) or torch.equal(left, right)


# -- weights --------------------------------------------------------------------------------------


def test_cells_take_weights_within_their_bounds():
    tile = AnalogTile(3, 4, SingleRPUConfig(), bias=False)
    wanted = torch.linspace(-2, 2, 12).reshape(3, 4)
    tile.set_weights(wanted)
    hidden = tile.get_hidden_parameters()
    within = torch.clamp(wanted, hidden["min_bound"], hidden["max_bound"])
    assert torch.equal(tile.get_weights()[0], within)
    assert not torch.equal(within, wanted)


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("digital_bias", [True, False])
@pytest.mark.parametrize("omega", [0.0, 0.4])
@pytest.mark.parametrize("columnwise", [True, False])
def test_weights_come_back(bias, digital_bias, omega, columnwise):
    mapping = MappingParameter(
        digital_bias=digital_bias, weight_scaling_omega=omega, weight_scaling_columnwise=columnwise
    )
    tile = AnalogTile(3, 4, digital(mapping=mapping), bias)
    weight = torch.randn(3, 4, dtype=torch.double)
    given = torch.randn(3, dtype=torch.double) if bias else None
    tile.set_weights(weight, given)
    found = tile.get_weights()
    # One division and one multiplication.
    torch.testing.assert_close(found[0], weight, rtol=4 * 2**-52, atol=0)
    if bias:
        torch.testing.assert_close(found[1], given, rtol=4 * 2**-52, atol=0)
    else:
        assert found[1] is None
    assert tile.tile.shape == (3, 5 if bias and not digital_bias else 4)


@pytest.mark.parametrize("digital_bias", [True, False])
def test_weights_without_a_bias_leave_it(digital_bias):
    mapping = MappingParameter(digital_bias=digital_bias, weight_scaling_omega=0.5)
    tile = AnalogTile(2, 3, digital(mapping=mapping), True)
    tile.set_weights(torch.ones(2, 3), torch.tensor([0.25, -4.0]))
    tile.set_weights(torch.full((2, 3), 2.0))
    torch.testing.assert_close(tile.get_weights()[1], torch.tensor([0.25, -4.0]).double())


def test_what_is_given_and_got_is_a_copy():
    tile = AnalogTile(2, 2, digital(), True)
    weight, bias = torch.ones(2, 2, dtype=torch.double), torch.ones(2, dtype=torch.double)
    tile.set_weights(weight, bias)
    weight.zero_(), bias.zero_()
    got = tile.get_weights()
    got[0].zero_(), got[1].zero_()
    assert all((part == 1).all() for part in tile.get_weights())


@pytest.mark.parametrize("make", [
    lambda bias: AnalogTile(2, 3, digital(), bias),
    lambda bias: TileModuleArray(2, 3, digital(mapping=MappingParameter(max_input_size=2)), bias),
])  # fmt: skip
def test_weights_that_do_not_fit_change_nothing(make):
    tile = make(True)
    tile.set_weights(torch.ones(2, 3), torch.ones(2))
    for weight, bias in (
        (torch.zeros(3, 2), None), (torch.zeros(2, 3), torch.zeros(3)),
        (torch.zeros(2, 3), torch.zeros(1)), (torch.full((2, 3), torch.nan), torch.zeros(2)),
    ):  # fmt: skip
        with pytest.raises((TileError, InputError), match="shape|finite"):
            tile.set_weights(weight, bias)
        assert all((part == 1).all() for part in tile.get_weights())
    with pytest.raises(TileError, match="bias"):
        make(False).set_weights(torch.ones(2, 3), torch.ones(2))


@pytest.mark.parametrize("columnwise", [True, False])
def test_scales_put_the_largest_weight_at_omega(columnwise):
    mapping = MappingParameter(weight_scaling_omega=0.5, weight_scaling_columnwise=columnwise)
    tile = AnalogTile(3, 4, digital(mapping=mapping), False)
    weight = torch.randn(3, 4) * torch.tensor([[0.01], [1], [30]])
    tile.set_weights(weight)
    held = torch.from_numpy(tile.tile.weights).abs()
    largest = held.amax(dim=1) if columnwise else held.max()
    torch.testing.assert_close(largest, torch.full_like(largest, 0.5))


def test_rows_of_zeros_have_a_scale():
    mapping = MappingParameter(weight_scaling_omega=0.5, weight_scaling_columnwise=True)
    tile = AnalogTile(2, 2, digital(mapping=mapping), False)
    tile.set_weights(torch.tensor([[0.0, 0.0], [1.0, -2.0]]))
    assert torch.equal(tile.get_weights()[0], torch.tensor([[0, 0], [1, -2]]).double())


# -- products and updates -------------------------------------------------------------------------


@pytest.mark.parametrize(("bias", "digital_bias", "limits"), [
    (True, True, (512, 512)), (True, False, (512, 512)), (False, True, (0, 0)),
    (True, True, (3, 2)), (False, True, (3, 2)), (False, True, (7, 2)), (True, True, (2, 5)),
])  # fmt: skip
@pytest.mark.parametrize("omega", [0.0, 0.4])
@pytest.mark.parametrize("columnwise", [True, False])
def test_exact_tiles_train_as_torch(bias, digital_bias, omega, columnwise, limits):
    mapping = MappingParameter(
        digital_bias=digital_bias, weight_scaling_omega=omega,
        weight_scaling_columnwise=columnwise, max_input_size=limits[0], max_output_size=limits[1],
    )  # fmt: skip
    layer = AnalogLinear(7, 5, bias, digital(mapping=mapping)).double()
    twin = AnalogLinear.to_digital(layer)
    assert twin.weight.dtype == torch.double
    optimizers = AnalogSGD(layer.parameters(), lr=0.05), torch.optim.SGD(twin.parameters(), lr=0.05)
    for _ in range(5):
        x, found = torch.randn(6, 7, dtype=torch.double), []
        for model, optimizer in zip((layer, twin), optimizers, strict=True):
            leaf = x.clone().requires_grad_()
            optimizer.zero_grad()
            y = model(leaf)
            torch.tanh(y).square().sum().backward()
            optimizer.step()
            found.append((y.detach(), leaf.grad))
        # A few sums of at most 7 terms of size below 10.
        for one, other in zip(*found, strict=True):
            torch.testing.assert_close(one, other, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(layer.get_weights()[0], twin.weight.data, rtol=1e-12, atol=1e-12)
    if bias:
        torch.testing.assert_close(layer.get_weights()[1], twin.bias.data, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("pulse_type", [PulseType.NONE, PulseType.STOCHASTIC_COMPRESSED])
def test_an_ideal_device_is_updated_exactly(pulse_type):
    update = UpdateParameters(pulse_type=pulse_type)
    config = perfect(IdealDevice(), update=update, runtime=DOUBLE)
    layer = AnalogLinear(3, 2, False, config)
    before, x = layer.get_weights()[0], torch.randn(4, 3, dtype=torch.double)
    layer(x).sum().backward()
    AnalogSGD(layer.parameters(), lr=0.3).step()
    wanted = before - 0.3 * x.sum(dim=0)
    torch.testing.assert_close(layer.get_weights()[0], wanted, rtol=1e-13, atol=1e-13)


def test_scales_leave_the_size_of_a_pulsed_update():
    """The mean update is the same with and without; that of pulses has a standard deviation."""
    changes = []
    for omega in (0.0, 0.3):
        device = ConstantStepDevice(
            w_max=9, w_min=-9, w_max_dtod=0, w_min_dtod=0, dw_min_dtod=0, up_down_dtod=0
        )
        mapping = MappingParameter(weight_scaling_omega=omega, weight_scaling_columnwise=True)
        layer = AnalogLinear(50, 40, False, perfect(device, mapping=mapping))
        layer.set_weights(torch.full((40, 50), 0.1))
        before = layer.get_weights()[0]
        layer(torch.full((1, 50), 0.5)).sum().backward()
        AnalogSGD(layer.parameters(), lr=0.02).step()
        changes.append(layer.get_weights()[0] - before)
    for change in changes:
        # Each of the 2000 changes is 0.01 with a spread below 0.01 (10 pulses or more of 31 slots),
        # but trains are shared by lines, so only 50 + 40 are independent.
        assert change.mean().item() == pytest.approx(-0.01, abs=5 * 0.01 / 90**0.5)
    assert changes[0].std() > 0


def test_the_bias_of_the_array_is_driven_by_one():
    mapping = MappingParameter(digital_bias=False)
    tile = AnalogTile(2, 3, digital(mapping=mapping), True)
    tile.set_weights(torch.zeros(2, 3), torch.tensor([0.3, -0.2]))
    x = torch.randn(5, 3, dtype=torch.double)
    wanted = torch.tensor([[0.3, -0.2]]).double().expand(5, 2)
    torch.testing.assert_close(tile(x).detach(), wanted)
    assert [name for name, _ in tile.named_parameters()] == ["analog_ctx"]


def test_forwards_are_applied_in_their_order():
    """Whatever the order of the gradients: pulses at a bound do not commute."""

    def weights(order):
        torch.manual_seed(3)
        config = perfect(SoftBoundsDevice(dw_min=0.1), runtime=DOUBLE)
        tile = AnalogTile(2, 3, config, False)
        tile.set_weights(torch.full((2, 3), 0.3))
        x = torch.tensor([[1.0, 0.5, -0.5]], dtype=torch.double)
        y = [tile(sign * x) for sign in (1, -1, 1)]
        for number in order:
            y[number].sum().backward()
        tile.update(1.0)
        return tile.get_weights()[0]

    assert torch.equal(weights([0, 1, 2]), weights([2, 0, 1]))


def test_two_gradients_of_one_forward_count_twice():
    layer = AnalogLinear(3, 2, False, digital())
    before, x = layer.get_weights()[0], torch.randn(4, 3, dtype=torch.double)
    y = layer(x).sum()
    y.backward(retain_graph=True)
    y.backward()
    AnalogSGD(layer.parameters(), lr=0.5).step()
    torch.testing.assert_close(layer.get_weights()[0], before - x.sum(dim=0).expand(2, 3))


def test_inputs_may_be_overwritten_once_there_is_a_gradient():
    layer, x = AnalogLinear(2, 1, False, digital()), torch.ones(1, 2, dtype=torch.double)
    before = layer.get_weights()[0]
    layer(x).sum().backward()
    x.zero_()
    AnalogSGD(layer.parameters(), lr=1.0).step()
    torch.testing.assert_close(layer.get_weights()[0], before - 1)


def test_inputs_that_are_overwritten_before_are_an_error():
    layer, x = AnalogLinear(2, 1, rpu_config=digital()), torch.ones(1, 2, dtype=torch.double)
    y = layer(x)
    x.zero_()
    with pytest.raises(RuntimeError, match="inplace"):
        y.sum().backward()


@pytest.mark.parametrize("value", [torch.nan, torch.inf])
def test_gradients_that_are_no_numbers_leave_the_weights(value):
    layer = AnalogLinear(3, 2, False)
    before = layer.get_weights()[0]
    (layer(torch.ones(1, 3)).sum() * value).backward()
    with pytest.raises(InputError, match="finite"):
        AnalogSGD(layer.parameters(), lr=0.1).step()
    assert torch.equal(layer.get_weights()[0], before)


def test_decay_and_diffusion_happen_once_a_step():
    device = ConstantStepDevice(lifetime=4.0, w_max_dtod=0, w_min_dtod=0)
    layer = AnalogLinear(3, 2, False, perfect(device, runtime=DOUBLE))
    layer.set_weights(torch.full((2, 3), 0.5))
    optimizer = AnalogSGD(layer.parameters(), lr=0.1)
    for _ in range(2):
        optimizer.step()
    wanted = torch.full((2, 3), 0.5 * 0.75**2, dtype=torch.double)
    torch.testing.assert_close(layer.get_weights()[0], wanted)
    y = layer(torch.eye(3, dtype=torch.double)).detach()
    torch.testing.assert_close(y.T, wanted)


# -- several tiles --------------------------------------------------------------------------------


@pytest.mark.parametrize(("length", "limit", "sizes"), [
    (7, 0, [7]), (7, 7, [7]), (7, 3, [3, 2, 2]), (1025, 512, [342, 342, 341]), (4, 1, [1] * 4),
])  # fmt: skip
def test_parts_are_nearly_equal(length, limit, sizes):
    assert near_equal(length, limit) == sizes


def test_several_tiles_hold_their_parts():
    config = digital(mapping=MappingParameter(max_input_size=3, max_output_size=2))
    tiles = make_tile(5, 7, config, bias=True)
    weight = torch.arange(35.0, dtype=torch.double).reshape(5, 7)
    tiles.set_weights(weight, torch.ones(5))
    assert [tile.tile.shape for tile in tiles.array[0]] == [(2, 3), (2, 3), (1, 3)]
    assert [column[0].tile.shape for column in tiles.array] == [(2, 3), (2, 2), (2, 2)]
    assert torch.equal(tiles.array[1][2].get_weights()[0], weight[4:, 3:5])
    assert torch.equal(tiles.get_weights()[0], weight)
    names = [name for name, _ in tiles.named_parameters() if not name.endswith("analog_ctx")]
    assert names == ["bias"]


def test_the_bias_of_several_tiles_is_digital():
    mapping = MappingParameter(max_input_size=3, digital_bias=False)
    with pytest.raises(AnalogBiasConfigError, match="digital_bias"):
        make_tile(2, 3, digital(mapping=mapping), bias=True)
    assert isinstance(make_tile(2, 3, digital(mapping=mapping), bias=False), AnalogTile)


def test_tiles_have_devices_and_noise_of_their_own():
    config = SingleRPUConfig(mapping=MappingParameter(max_input_size=4))
    tiles = make_tile(3, 8, config, bias=False)
    one, other = (column[0].get_hidden_parameters()["max_bound"] for column in tiles.array)
    assert (one != other).all()


def test_construction_seed_repeats_the_devices_alone():
    config = SingleRPUConfig(device=ConstantStepDevice(construction_seed=7))
    tiles = [AnalogTile(3, 4, config, False) for _ in range(2)]
    one, other = (tile.get_hidden_parameters() for tile in tiles)
    assert all(torch.equal(one[name], other[name]) for name in one)
    x = torch.ones(2, 4)
    for tile in tiles:
        tile.set_weights(torch.zeros(3, 4))
    assert not torch.equal(tiles[0](x), tiles[1](x))


def test_the_seed_of_torch_repeats_everything():
    runs = []
    for _ in range(2):
        torch.manual_seed(11)
        layer = AnalogLinear(4, 3)
        runs.append((trained(layer), *layer.get_weights()))
    for one, other in zip(*runs, strict=True):
        assert torch.equal(one, other)


# -- states and copies ----------------------------------------------------------------------------

NOISY = SingleRPUConfig(
    forward=IOParameters(w_noise=0.01, w_noise_type=WeightNoiseType.ADDITIVE_CONSTANT),
    device=SoftBoundsDevice(diffusion=0.01, lifetime=100.0),
    mapping=MappingParameter(weight_scaling_omega=0.5),
)
KINDS = [SingleRPUConfig(), NOISY, digital(),
         SingleRPUConfig(mapping=MappingParameter(max_input_size=3, max_output_size=2)),
         SingleRPUConfig(mapping=MappingParameter(digital_bias=False))]  # fmt: skip


@pytest.mark.parametrize("config", KINDS)
def test_a_saved_state_goes_on_bit_for_bit(config):
    layer = AnalogLinear(5, 4, rpu_config=config)
    trained(layer)
    file = io.BytesIO()
    torch.save(layer.state_dict(), file)
    file.seek(0)
    other = AnalogLinear(5, 4, rpu_config=config)
    other.load_state_dict(torch.load(file, weights_only=True))
    same(layer, other)
    assert torch.equal(trained(layer), trained(other))
    same(layer, other)


@pytest.mark.parametrize("config", KINDS)
@pytest.mark.parametrize("copied", [
    copy.deepcopy, lambda model: pickle.loads(pickle.dumps(model)),
])  # fmt: skip
def test_copies_go_on_alike_and_apart(config, copied):
    layer = AnalogLinear(5, 4, rpu_config=config)
    trained(layer)
    other = copied(layer)
    for tile in other.analog_tiles():
        assert tile.analog_ctx.analog_tile is tile
        assert any(tile.analog_ctx is p for p in other.parameters())
    kept = [tile.get_weights()[0] for tile in other.analog_tiles()]
    wanted = trained(layer)
    for tile, weights in zip(other.analog_tiles(), kept, strict=True):
        assert torch.equal(tile.get_weights()[0], weights)
    assert torch.equal(trained(other), wanted)
    same(layer, other)


def test_a_copy_stays_frozen():
    layer = AnalogLinear(3, 2).requires_grad_(False)
    for other in (copy.deepcopy(layer), pickle.loads(pickle.dumps(layer))):
        assert not any(p.requires_grad for p in other.parameters())


@pytest.mark.parametrize("other", [
    AnalogLinear(6, 4), AnalogLinear(5, 3), AnalogLinear(5, 4, rpu_config=digital()),
    AnalogLinear(5, 4, rpu_config=SingleRPUConfig(device=SoftBoundsDevice())),
    AnalogLinear(5, 4, rpu_config=NOISY),
])  # fmt: skip
def test_a_state_that_does_not_fit_changes_nothing(other):
    layer = AnalogLinear(5, 4)
    kept = copy.deepcopy(layer)
    with pytest.raises(InputError, match="not the state of an array of \\(4, 5\\)"):
        layer.load_state_dict(other.state_dict())
    same(layer, kept)
    assert torch.equal(trained(layer), trained(kept))


def test_keys_that_are_missing_are_named():
    state = AnalogLinear(5, 4).state_dict()
    del state["analog_module._extra_state"]
    with pytest.raises(RuntimeError, match=r"Missing key.*analog_module\._extra_state"):
        AnalogLinear(5, 4).load_state_dict(state)
    with pytest.raises(RuntimeError, match='Unexpected key.*"weight"'):
        AnalogLinear(5, 4).load_state_dict(torch.nn.Linear(5, 4).state_dict())


def test_assigning_a_state_keeps_the_context():
    layer = AnalogLinear(5, 4)
    layer.load_state_dict(AnalogLinear(5, 4).state_dict(), assign=True)
    before = layer.get_weights()[0]
    trained(layer)
    assert isinstance(layer.analog_tile.analog_ctx, AnalogContext)
    assert not torch.equal(layer.get_weights()[0], before)


def test_a_saved_state_is_a_copy():
    layer = AnalogLinear(5, 4)
    state = copy.deepcopy(layer.state_dict())
    live = layer.state_dict()
    trained(layer)
    tile = "analog_module._extra_state"
    steps = [held[tile]["tile"]["steps"]["weights"] for held in (state, live)]
    assert torch.equal(*steps)


# -- numbers and places ---------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [torch.half, torch.bfloat16, torch.float, torch.double])
def test_models_of_any_number_have_tiles_of_their_own(dtype):
    config = SingleRPUConfig(mapping=MappingParameter(weight_scaling_omega=0.5))
    layer = AnalogLinear(4, 3, rpu_config=config)
    before = layer.get_weights()[0]
    layer.to(dtype)
    assert torch.equal(layer.get_weights()[0], before)
    x = torch.randn(2, 4, dtype=dtype, requires_grad=True)
    y = layer(x)
    y.sum().backward()
    AnalogSGD(layer.parameters(), lr=0.1).step()
    assert (y.dtype, x.grad.dtype, layer.get_weights()[0].dtype) == (dtype, dtype, torch.float)
    assert not torch.equal(layer.get_weights()[0], before)


def test_double_is_computed_in_double():
    layer = AnalogLinear(4, 3, False, digital())
    assert layer.get_weights()[0].dtype == torch.double
    weight, x = torch.randn(3, 4, dtype=torch.double), torch.randn(2, 4, dtype=torch.double)
    layer.set_weights(weight)
    torch.testing.assert_close(layer(x).detach(), x @ weight.T, rtol=1e-15, atol=1e-15)


def test_tiles_stay_on_the_cpu():
    model = AnalogSequential(AnalogLinear(4, 3))
    with pytest.raises(TileError, match="meta; allowed is the CPU"):
        model.to("meta")
    with pytest.raises(TileError, match="meta; allowed is the CPU"):
        model(torch.ones(2, 4, device="meta"))
    assert model(torch.ones(2, 4)).shape == (2, 3)


def test_printing():
    tile = AnalogTile(2, 4, SingleRPUConfig(), True)
    assert str(tile) == "AnalogTile(RPUPulsed<float>[ConstantStep](2,4))"
    text = str(tile.tile)
    assert "out_noise" not in text
    assert "device=ConstantStepDevice()" in text
    assert text.endswith("\nRPUPulsed<float>[ConstantStep](2,4)")
    assert str(AnalogTile(2, 4, digital(mapping=MappingParameter(digital_bias=False)), True)) == (
        "AnalogTile(RPUSimple<double>[FloatingPoint](2,5))"
    )


def test_cells_are_copies():
    tile = AnalogTile(2, 4, SingleRPUConfig(), True)
    for values in tile.get_hidden_parameters().values():
        values.fill_(99)
    assert not np.any(tile.get_hidden_parameters()["max_bound"].numpy() == 99)
