"""What published notebooks do with networks, in code of our own and with the same calls."""

import pickle

import numpy as np
import pytest

torch = pytest.importorskip("torch")
from torch import nn  # noqa: E402

from applications.mvm_params import set_params  # noqa: E402
from simulator import CrossSimParameters  # noqa: E402
from simulator.algorithms.dnn.torch.convert import (  # noqa: E402
    analog_modules,
    convertible_modules,
    from_torch,
    inconvertible_modules,
    reinitialize,
    synchronize,
    to_torch,
)

pytestmark = pytest.mark.filterwarnings("ignore:.*string that is not empty")


class Block(nn.Module):
    """A module inside a module that is no container of torch."""

    def __init__(self, width):
        super().__init__()
        self.inner = nn.Sequential(nn.Linear(width, width), nn.ReLU())

    def forward(self, x):
        return x + self.inner(x)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.convs = nn.Sequential(
            nn.Conv2d(1, 4, 3, stride=2), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten()
        )
        self.block = Block(36)
        self.out = nn.Linear(36, 3)

    def forward(self, x):
        return self.out(self.block(self.convs(x)))


def batch(count=64):
    generator = torch.Generator().manual_seed(1)
    labels = torch.arange(count) % 3
    x = 0.3 * torch.randn(count, 1, 8, 8, generator=generator)
    # Each class has a bright corner of its own.
    x[labels == 0, :, :4, :4] += 1
    x[labels == 1, :, 4:, :4] += 1
    x[labels == 2, :, :4, 4:] += 1
    return x, labels


@pytest.fixture
def net():
    torch.manual_seed(0)
    return Net()


def course_params(alpha=0.3):
    return set_params(weight_bits=8, wtmodel="BALANCED", error_model="generic",
                      proportional_error="False", alpha_error=alpha)  # fmt: skip


def test_modules_are_found_through_others(net):
    assert len(convertible_modules(net)) == 3
    assert any(isinstance(m, nn.BatchNorm2d) for m in inconvertible_modules(net))
    analog = from_torch(net, CrossSimParameters())
    assert len(analog_modules(analog)) == 3
    assert "AnalogConv2d(1, 4" in repr(analog)
    x = batch()[0]
    torch.testing.assert_close(analog.eval()(x), net.eval()(x), rtol=1e-4, atol=1e-5)


def test_a_list_of_parameters_and_fused_normalisation(net):
    net.train()(batch()[0])
    net.eval()
    params = [set_params(weight_bits=12) for _ in convertible_modules(net)]
    analog = from_torch(net, params, fuse_batchnorm=True)
    assert not any(isinstance(m, nn.BatchNorm2d) for m in analog.modules())
    x = batch()[0]
    y = analog.forward(x).data.detach().numpy()
    np.testing.assert_allclose(y, net(x).detach().numpy(), atol=0.05)
    with pytest.raises(ValueError, match="3"):
        from_torch(net, params[:2], fuse_batchnorm=True)


def test_pickled_lists_reach_a_network(net, tmp_path):
    params = [course_params(0.0) for _ in convertible_modules(net)]
    (tmp_path / "params.p").write_bytes(pickle.dumps(params))

    class Unpickler(pickle.Unpickler):
        """As ``pickle.load``."""

    with open(tmp_path / "params.p", "rb") as file:
        loaded = Unpickler(file).load()
    assert str(loaded[2]) == str(params[2])
    x = batch()[0]
    first, second = (
        from_torch(net, trees, fuse_batchnorm=False).eval()(x)
        for trees in (loaded, CrossSimParameters.load_pickle(tmp_path / "params.p"))
    )
    assert torch.equal(first, second)


def test_a_published_list_reaches_a_network(test_data):
    params = CrossSimParameters.load_pickle(test_data / "golden" / "params_3_2.p")
    torch.manual_seed(0)
    layers = [nn.Linear(20, 20) for _ in params]
    model = from_torch(nn.Sequential(*layers), params)
    assert [layer.params == p for layer, p in zip(analog_modules(model), params, strict=True)]
    assert torch.isfinite(model.eval()(torch.rand(4, 20))).all()


def test_training_with_synchronize_after_every_step(net):
    torch.manual_seed(3)
    x, labels = batch()
    analog = from_torch(net, course_params(0.1))
    optimizer = torch.optim.Adam(analog.parameters(), lr=5e-3)
    losses = []
    for _ in range(25):
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(analog(x), labels)
        loss.backward()
        optimizer.step()
        synchronize(analog)
        losses.append(float(loss.detach()))
    assert losses[-1] < 0.3 * losses[0]
    # A look without eval() and no_grad(), as the course has it.
    assert analog(x[:1]).data.detach().numpy().shape == (1, 3)
    digital = to_torch(analog)
    assert torch.equal(digital.out.weight, analog.out.weight)


def test_reinitialize_gives_another_chip_of_the_same_weights(net):
    torch.manual_seed(3)
    analog = from_torch(net, course_params()).eval()
    x, weight = batch()[0], analog.out.weight.clone()
    first = analog(x)
    assert torch.equal(analog(x), first)
    reinitialize(analog)
    assert not torch.equal(analog(x), first)
    assert torch.equal(analog.out.weight, weight)


def test_seeds_at_the_top_repeat_a_conversion(net):
    def run():
        torch.manual_seed(7)
        np.random.seed(7)
        return from_torch(net, course_params()).eval()(batch()[0])

    assert torch.equal(run(), run())


def test_a_state_dict_of_the_digital_network_is_programmed(net):
    torch.manual_seed(9)
    other = Net()
    analog = from_torch(net, CrossSimParameters())
    analog.load_state_dict(other.state_dict(), strict=False)
    x = batch()[0]
    torch.testing.assert_close(analog.eval()(x), other.eval()(x), rtol=1e-4, atol=1e-5)


def test_a_core_as_one_layer_of_a_notebook():
    from simulator import AnalogCore

    w = np.random.default_rng(0).normal(size=(3, 8))
    core = AnalogCore(w, CrossSimParameters())
    x = torch.rand(8)
    y = core @ x
    assert isinstance(y, np.ndarray)
    np.testing.assert_allclose(y, w @ x.numpy(), rtol=1e-6)


def test_profiles_under_their_old_path(net):
    from simulator.algorithms.dnn.torch.profile import (
        corestyle_str,
        get_conductance_matrices,
        get_profiled_adc_inputs,
    )

    params = CrossSimParameters()
    params.simulation.analytics.profile_adc_inputs = True
    params.simulation.analytics.ntest = 4
    params.simulation.disable_fast_balanced = True
    analog = from_torch(net, params).eval()
    analog(batch(4)[0])
    currents = get_profiled_adc_inputs(analog)
    assert len(currents) == 3
    assert currents[2].size == 4 * 3
    held = get_conductance_matrices(analog)
    assert held[2]["Gmats"][0]["Gmat_pos"].shape == (3, 36)
    assert corestyle_str(params) == held[0]["core_style"] == "BALANCED"
