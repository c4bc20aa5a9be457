"""Weights across: from the files of analog models to digital ones, and the other way round."""

from __future__ import annotations

import io
import os
import zipfile
from collections import Counter
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from adapters.keras.layer import AnalogLayer
from adapters.shared.loaded import LoadedWeights
from simulator import FileFormatError, ShapeError

# In an archive of Keras.
WEIGHTS = "model.weights.h5"


def load_weights(model: Any, path: str | os.PathLike[str]) -> LoadedWeights:
    """Load what fits by the names of layers and by shape, between digital and analog models.

    Keras itself files weights under the classes of layers, which differ. Arrays of the model are
    programmed with the weights that come; those in the file stay behind. ``model.load_weights``
    continues a whole analog model with its arrays.

    Args:
        model: digital, or what ``from_keras`` returned; built.
        path: a file of ``save_weights`` or ``save`` (".weights.h5", ".keras"), digital or analog.

    Returns:
        What was taken, layer by layer, and what was left and why.

    Raises:
        FileFormatError: a file that holds no weights of layers.
        ShapeError: nothing fits; the model stays as it was.
        InputError: weights that are not finite, for arrays.
    """
    found, left = _weights_in(Path(path))
    layers = {layer.name: layer for layer in _with_weights(model)}
    for name, weights in found.items():
        reason = _reason(layers.get(name), weights)
        if reason:
            left[name] = reason
    taken = [name for name in found if name not in left]
    if not taken:
        raise ShapeError(
            "no layer of the file fits the model by name and shape: "
            + "; ".join(f"{name}: {reason}" for name, reason in list(left.items())[:5])
        )
    for name in taken:
        layers[name].set_weights(found[name])
    analog = [name for name in taken if isinstance(layers[name], AnalogLayer)]
    for name in analog:
        layers[name].synchronize()
    missing = tuple(name for name in layers if name not in found)
    return LoadedWeights(tuple(taken), left, missing, tuple(analog))


def _with_weights(model: Any) -> list[Any]:
    """Layers that hold weights themselves."""
    inside = model._flatten_layers()
    return [x for x in inside if x._trainable_variables + x._non_trainable_variables]


def _reason(layer: Any, weights: list[np.ndarray]) -> str:
    """Why weights are not loaded into a layer; empty if they are."""
    if layer is None:
        return "the model has no such layer"
    own = [tuple(w.shape) for w in layer.weights]
    given = [tuple(w.shape) for w in weights]
    return "" if given == own else f"of shapes {given}; the layer has {own}"


def _weights_in(path: Path) -> tuple[dict[str, list[np.ndarray]], dict[str, str]]:
    """The weights of every layer in a file by its name, and names that several layers have."""
    groups: list[tuple[str, list[np.ndarray]]] = []

    def visit(name: str, group: Any) -> None:
        if not isinstance(group, h5py.Group) or not name.endswith("/vars"):
            return
        if "name" in group.attrs and len(group):
            weights = [np.asarray(group[key]) for key in sorted(group, key=int)]
            groups.append((str(group.attrs["name"]), weights))

    try:
        source: Any = path
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as archive:
                source = io.BytesIO(archive.read(WEIGHTS))
        with h5py.File(source, "r") as file:
            file["layers"].visititems(visit)
    except FileNotFoundError:
        raise
    except (OSError, KeyError, ValueError, zipfile.BadZipFile) as error:
        raise FileFormatError(f"{path}: not a file of weights of Keras: {error}") from None
    counts = Counter(name for name, _ in groups)
    left = {name: "several layers have this name" for name in counts if counts[name] > 1}
    return {name: weights for name, weights in groups if name not in left}, left
