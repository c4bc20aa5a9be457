"""A trained residual network on five kinds of hardware, as CrossSim 3.2 computes it."""

from functools import cache

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from torch_models import cifar10, reference_params, resnet14  # noqa: E402

from adapters.torch import from_torch  # noqa: E402

COUNT = 200


@cache
def reference(folder):
    with np.load(folder / "golden" / "resnet14.npz") as archive:
        return dict(archive)


@cache
def logits(folder, name):
    """Logits of the network on the hardware ``name``, in batches that stay in the cache."""
    params = reference_params(folder, name)
    model = from_torch(resnet14(folder), params, fuse_batchnorm=True)
    images, _ = cifar10(folder, COUNT)
    with torch.no_grad():
        return np.concatenate([model(batch).numpy() for batch in images.split(50)])


def agreement(folder, name):
    return np.mean(logits(folder, name).argmax(1) == reference(folder)[name].argmax(1))


def distances(folder, name):
    """Largest deviation of every image, relative to the largest logit of all."""
    wanted = reference(folder)[name]
    return np.abs(logits(folder, name) - wanted).max(axis=1) / np.abs(wanted).max()


def test_the_digital_network_is_the_reference(test_data):
    images, labels = cifar10(test_data, COUNT)
    assert np.array_equal(labels, reference(test_data)["y"])
    with torch.no_grad():
        got = resnet14(test_data)(images).numpy()
    # Float32 sums of up to 576 products through 14 layers, in an order of the library's own.
    np.testing.assert_allclose(got, reference(test_data)["digital"], rtol=0, atol=1e-4)


SETTINGS = ["balanced", "offset_ibits", "balanced_ibits", "balanced_tiled", "sliced"]


@pytest.mark.parametrize("name", SETTINGS)
def test_predicted_classes_agree(test_data, name):
    assert agreement(test_data, name) >= 0.97


@pytest.mark.parametrize("name", SETTINGS)
def test_accuracy_agrees(test_data, name):
    archive = reference(test_data)
    wanted = np.sum(archive[name].argmax(1) == archive["y"])
    got = np.sum(logits(test_data, name).argmax(1) == archive["y"])
    assert abs(int(got) - int(wanted)) <= 0.015 * COUNT


@pytest.mark.parametrize(("name", "share"), [("sliced", 0.95), ("balanced_tiled", 0.5)])
def test_logits_agree(test_data, name, share):
    # Most images fall on the same side of every threshold; one code that falls on the other
    # side moves a logit by up to 0.03 of the largest.
    distance = distances(test_data, name)
    assert np.mean(distance <= 1e-5) >= share
    assert distance.max() <= 0.03
