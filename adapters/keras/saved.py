"""The arrays of a layer beside its weights, in every file that Keras writes weights to."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from keras.src.saving.keras_saveable import KerasSaveable

NAME = "state"


class SavedArrays(KerasSaveable):
    """A part of a layer that Keras finds by itself when it saves and loads the weights of a model.

    It stands beside the variables of the layer, not among them: a digital layer, which has no such
    part, loads the weights of an analog file, and an analog layer those of a digital one.

    ``save`` gives the bytes, None where there are no arrays yet; ``load`` takes them.
    """

    def __init__(
        self, save: Callable[[], np.ndarray | None], load: Callable[[np.ndarray], None]
    ) -> None:
        self._save, self._load = save, load

    def _obj_type(self) -> str:
        # Keras knows a few kinds; this one says which attributes are none to be saved.
        return "Operation"

    def save_own_variables(self, store: Any) -> None:
        """Put the bytes into the store, if there are arrays."""
        data = self._save()
        if data is not None:
            store[NAME] = data

    def load_own_variables(self, store: Any) -> None:
        """Take the bytes from the store; one of a digital layer has none."""
        if NAME in store.keys():  # noqa: SIM118 - not all stores are dictionaries
            self._load(np.asarray(store[NAME]))
