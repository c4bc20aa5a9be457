"""What the tests of the Keras adapter share. Import it before Keras: it chooses the backend."""

import os

import numpy as np
import pytest

os.environ.setdefault("KERAS_BACKEND", "torch")
pytest.importorskip("keras", reason="Keras is not installed (extra keras)")
try:
    import keras
except ImportError as error:
    pytest.skip(f"the backend of Keras is not installed: {error}", allow_module_level=True)

from keras import layers, ops
from settings import ADC, NOISE, PROGRAMMING  # noqa: F401

from adapters.keras.chip import Chip
from simulator import CrossSimParameters

BACKEND = keras.backend.backend()
# Keras and NumPy 2 speak about a keyword that neither a user nor OhmCore can give.
QUIET = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")


def hardware(*changes, seed=8):
    """Ideal hardware with a seed, and changes by their dotted paths."""
    params = CrossSimParameters()
    params.simulation.seed = seed
    for change in changes:
        params.update(change)
    return params


# Keras has no optimizers for it.
FITS = pytest.mark.skipif(BACKEND == "numpy", reason="the backend numpy of Keras cannot fit")


@pytest.fixture
def every_stage(monkeypatch):
    """Products go through all stages of the arrays, also where they are nothing but a product."""
    monkeypatch.setattr(Chip, "linear_reach", property(lambda self: 0.0))


def array(tensor):
    """The values of a tensor."""
    tensor = ops.convert_to_tensor(tensor)
    return tensor.detach().cpu().numpy() if BACKEND == "torch" else np.array(tensor)


def weights_of(layer):
    """Copies of the weights."""
    return [np.array(array(variable)) for variable in layer.weights]


def filled(layer, seed=0):
    """The layer or model, with random weights of size one in place of its own."""
    rng = np.random.default_rng(seed)
    layer.set_weights([rng.uniform(-1, 1, w.shape).astype(w.dtype) for w in weights_of(layer)])
    return layer


def inputs(*shape, seed=1, dtype=np.float32):
    """Random numbers in [-1, 1)."""
    return np.random.default_rng(seed).uniform(-1, 1, shape).astype(dtype)


def rounding(layer):
    """How far two sums of the products of a layer of ``filled`` may be apart.

    Numbers are at most 1, so after n products and a bias an error of n + 1 roundings of n + 1, in
    either sum.
    """
    lines = int(np.prod(layer.kernel.shape[:-1])) + 1
    return 2 * lines**2 * np.finfo(np.float32).eps


def gradients(layer, x, upstream):
    """Gradients of sum(upstream * layer(x)) for x and for the weights of the layer."""
    if BACKEND != "torch":
        pytest.skip("gradients of single layers are looked at with the backend torch")
    import torch

    x = torch.tensor(x, requires_grad=True)
    (layer(x) * torch.tensor(upstream)).sum().backward()
    found = [x.grad, *(w.value.grad for w in layer.weights)]
    for weight in layer.weights:
        weight.value.grad = None
    return [array(gradient) for gradient in found]


# Every kind of layer with every option, and a shape of its inputs.
LAYERS = {
    "dense": (lambda: layers.Dense(4, activation="tanh"), (2, 5)),
    "dense of sequences": (lambda: layers.Dense(4, use_bias=False), (2, 3, 5)),
    "conv1d": (lambda: layers.Conv1D(4, 3), (2, 8, 3)),
    "conv1d same": (lambda: layers.Conv1D(4, 4, strides=3, padding="same"), (2, 9, 3)),
    "conv1d causal": (lambda: layers.Conv1D(4, 3, padding="causal", dilation_rate=2), (2, 9, 3)),
    "conv1d causal channels first": (
        lambda: layers.Conv1D(4, 3, padding="causal", data_format="channels_first"), (2, 3, 9),
    ),
    "conv2d": (lambda: layers.Conv2D(4, (3, 2), activation="relu"), (2, 6, 7, 3)),
    "conv2d same": (lambda: layers.Conv2D(4, (3, 2), strides=2, padding="same"), (2, 6, 7, 3)),
    "conv2d large strides": (
        lambda: layers.Conv2D(4, 2, strides=3, padding="same", use_bias=False), (2, 7, 8, 3),
    ),
    "conv2d dilated": (
        lambda: layers.Conv2D(4, 3, dilation_rate=(2, 1), padding="same"), (2, 6, 7, 3),
    ),
    "conv2d groups": (lambda: layers.Conv2D(6, 3, groups=2), (2, 5, 5, 4)),
    "conv2d channels first": (
        lambda: layers.Conv2D(4, 3, padding="same", data_format="channels_first"), (2, 3, 6, 7),
    ),
    "conv3d": (lambda: layers.Conv3D(3, 2, strides=(1, 2, 1), padding="same"), (2, 4, 4, 3, 2)),
    "depthwise1d": (lambda: layers.DepthwiseConv1D(3, depth_multiplier=2), (2, 6, 3)),
    "depthwise2d": (
        lambda: layers.DepthwiseConv2D((3, 2), depth_multiplier=2, strides=2, padding="same"),
        (2, 5, 6, 3),
    ),
    "depthwise2d channels first": (
        lambda: layers.DepthwiseConv2D(
            2, dilation_rate=2, use_bias=False, data_format="channels_first"
        ),
        (2, 3, 5, 6),
    ),
}  # fmt: skip


def digital_layer(kind):
    """A layer of ``LAYERS`` with random weights, and inputs for it."""
    make, shape = LAYERS[kind]
    layer, x = make(), inputs(*shape)
    layer.build(shape)
    return filled(layer), x
