"""Models, checkpoints and configurations that version 0.1 saved load, and train on as they would.

``saved/aihwkit.pt`` was written by that version, with the module paths of its classes: for some
devices a whole model, a checkpoint, a pickled configuration, the next product, and the weights
after one more step.
"""

import pytest
from places import SAVED
from project_pickles import load_model, loads

torch = pytest.importorskip("torch")

from torch import nn  # noqa: E402

from adapters.aihwkit.nn import AnalogLinear, AnalogSequential  # noqa: E402
from adapters.aihwkit.optim import AnalogSGD  # noqa: E402
from adapters.aihwkit.simulator import configs  # noqa: E402

DEVICES = {
    "constant": configs.ConstantStepDevice, "soft": configs.SoftBoundsDevice,
    "linear": configs.LinearStepDevice, "exp": configs.ExpStepDevice,
}  # fmt: skip
# Products of at most 4 float32 numbers; steps of 0.001 with normals that are equal to rounding.
CLOSE = {"rtol": 1e-5, "atol": 1e-6}


@pytest.fixture(scope="module")
def saved():
    return torch.load(SAVED / "aihwkit.pt", weights_only=True)


def optimizer_of(model):
    optimizer = AnalogSGD(model.parameters(), lr=0.1)
    optimizer.regroup_param_groups(model)
    return optimizer


def step(model, optimizer, run):
    optimizer.zero_grad()
    ((model(run["x"]) - run["t"]) ** 2).sum().backward()
    optimizer.step()


def fresh(config):
    return AnalogSequential(
        AnalogLinear(4, 3, bias=True, rpu_config=config), nn.Sigmoid(),
        AnalogLinear(3, 2, bias=False, rpu_config=config),
    )  # fmt: skip


@pytest.mark.parametrize("name", DEVICES)
def test_a_checkpoint_goes_on(saved, name):
    run, model = saved[name], fresh(configs.SingleRPUConfig(device=DEVICES[name]()))
    optimizer, checkpoint = optimizer_of(model), load_model(saved[name]["checkpoint"])
    model.load_state_dict(checkpoint["model"])
    optimizer.load_state_dict(checkpoint["optimizer"])
    torch.testing.assert_close(model(run["x"]).detach(), run["y"], **CLOSE)
    step(model, optimizer, run)
    torch.testing.assert_close(model[0].get_weights()[0], run["after"], **CLOSE)


@pytest.mark.parametrize("name", DEVICES)
def test_a_whole_model_goes_on(saved, name):
    run, model = saved[name], load_model(saved[name]["whole"])
    assert type(model) is AnalogSequential
    assert type(model[0]) is AnalogLinear
    torch.testing.assert_close(model(run["x"]).detach(), run["y"], **CLOSE)
    step(model, optimizer_of(model), run)
    torch.testing.assert_close(model[0].get_weights()[0], run["after"], **CLOSE)


@pytest.mark.parametrize("name", DEVICES)
def test_a_configuration_is_the_same(saved, name):
    config = loads(saved[name]["config"])
    assert config == configs.SingleRPUConfig(device=DEVICES[name]())
    assert type(config.device) is DEVICES[name]
