"""Networks in PyTorch: what analog layers cost, as multiples of the plain network.

Layers are imported from where CrossSim has them too, so that both can be timed.
"""

from __future__ import annotations

import torch
from torch import nn

from applications.mvm_params import set_params
from benchmarks.timing import Call, Timing, ratio
from simulator import CrossSimParameters
from simulator.algorithms.dnn.torch.convert import from_torch, synchronize

BATCH = 64


def course_cnn() -> nn.Sequential:
    """Three layers for images of 28 by 28: 7018 weights."""
    return nn.Sequential(
        nn.Conv2d(1, 8, 3, stride=2), nn.ReLU(), nn.Conv2d(8, 16, 3, stride=2), nn.ReLU(),
        nn.Flatten(), nn.Linear(576, 10),
    )  # fmt: skip


class Block(nn.Module):
    """Two convolutions with batch norms and a shortcut (He et al., 2016)."""

    def __init__(self, inputs: int, outputs: int, stride: int = 1) -> None:
        super().__init__()
        self.first = nn.Sequential(
            nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False), nn.BatchNorm2d(outputs)
        )
        self.second = nn.Sequential(
            nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False), nn.BatchNorm2d(outputs)
        )
        self.shortcut = nn.Identity()
        if inputs != outputs:
            self.shortcut = nn.Sequential(
                nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs)
            )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """The sum of both ways."""
        return torch.relu(self.second(torch.relu(self.first(x))) + self.shortcut(x))


def resnet20() -> nn.Sequential:
    """The CIFAR network of 20 layers, in evaluation mode."""
    sizes = (
        [(16, 16, 1)] * 3 + [(16, 32, 2)] + [(32, 32, 1)] * 2 + [(32, 64, 2)] + [(64, 64, 1)] * 2
    )
    return nn.Sequential(
        nn.Conv2d(3, 16, 3, 1, 1, bias=False), nn.BatchNorm2d(16), nn.ReLU(),
        *[Block(*size) for size in sizes], nn.AdaptiveAvgPool2d(1), nn.Flatten(),
        nn.Linear(64, 10),
    ).eval()  # fmt: skip


def eight_bit_layers(serial: bool) -> CrossSimParameters:
    """8-bit weights, inputs and ADCs; ``serial`` applies inputs bit by bit, each converted."""
    p = CrossSimParameters()
    p.xbar.device.cell_bits = 7
    p.core.mapping.inputs.mvm.min, p.core.mapping.inputs.mvm.max = -4, 4
    p.xbar.dac.mvm.model, p.xbar.dac.mvm.bits = "SignMagnitudeDAC", 8
    p.xbar.adc.mvm.model, p.xbar.adc.mvm.bits = "QuantizerADC", 8
    p.xbar.adc.mvm.calibrated_range = [-8, 8]
    p.xbar.dac.mvm.input_bitslicing = p.xbar.adc.mvm.adc_per_ibit = serial
    return p


def inference(params: CrossSimParameters, repeats: int) -> Timing:
    """One batch through ResNet-20 on arrays, against the plain network."""
    torch.manual_seed(1)
    model, images = resnet20(), torch.randn(BATCH, 3, 32, 32)
    analog = from_torch(model, params)
    with torch.no_grad():
        return ratio(lambda: analog(images), lambda: model(images), repeats)


def linear_layers(repeats: int) -> Timing:
    """A batch through six layers of 512 units with 8 bits everywhere, against the plain layers."""
    torch.manual_seed(1)
    blocks = [(nn.Linear(512, 512), nn.GELU(), nn.LayerNorm(512)) for _ in range(6)]
    model = nn.Sequential(*[layer for block in blocks for layer in block]).eval()
    analog, x = from_torch(model, eight_bit_layers(False)), torch.randn(128, 512)
    with torch.no_grad():
        return ratio(lambda: analog(x), lambda: model(x), repeats)


def token_ranges(repeats: int) -> Timing:
    """A linear layer of a transformer with an input range for each token, against a fixed range."""
    torch.manual_seed(1)
    fixed, own = eight_bit_layers(False), eight_bit_layers(False)
    limits = own.core.mapping.inputs.mvm
    limits.percentile, limits.percentile_scope, limits.min, limits.max = 1.0, "vector", None, None
    layer, x = nn.Linear(512, 512), torch.randn(8, 64, 512)
    layers = [from_torch(nn.Sequential(layer), params) for params in (own, fixed)]
    with torch.no_grad():
        return ratio(lambda: layers[0](x), lambda: layers[1](x), repeats)


def training_step(repeats: int = 100) -> Timing:
    """One Adam step of the course network with 30 % programming error, against a plain step."""
    torch.manual_seed(1)
    params = set_params(
        weight_bits=8, error_model="generic", proportional_error=True, alpha_error=0.3
    )
    if hasattr(params.simulation, "seed"):
        params.simulation.seed = 1
    plain = course_cnn()
    analog = from_torch(plain, params)
    return ratio(_step(analog, True), _step(plain, False), repeats)


def _step(model: nn.Module, on_arrays: bool) -> Call:
    images, labels = torch.rand(BATCH, 1, 28, 28), torch.randint(0, 10, (BATCH,))
    optimizer, loss = torch.optim.Adam(model.parameters()), nn.CrossEntropyLoss()

    def step() -> None:
        optimizer.zero_grad()
        loss(model(images), labels).backward()
        optimizer.step()
        if on_arrays:
            synchronize(model)

    return step
