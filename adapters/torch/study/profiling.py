"""What the layers of a model see: inputs, currents at the ADCs, and what the cells hold.

Set ``simulation.analytics.profile_xbar_inputs`` or ``profile_adc_inputs`` before the model is
converted, run it, and ask. Memory is bounded: of very many values an evenly thinned part is kept.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from torch import nn

from adapters.shared import profiles
from adapters.torch.layers.models import analog_modules


def get_profiled_xbar_inputs(model: nn.Module, save_dir: Any = None) -> list[np.ndarray | None]:
    """Recorded inputs of every analog layer, one-dimensional; None for one that records none.

    ``save_dir``: folder to write them to, as the pickle ``all_xbar_inputs.p``. Raises InputError
    where no layer has recorded anything.
    """
    seen = [layer.__dict__.get("xbar_inputs") for layer in analog_modules(model)]
    return profiles.xbar_inputs(seen, save_dir)


def get_profiled_adc_inputs(model: nn.Module, save_dir: Any = None) -> list[np.ndarray | None]:
    """Recorded currents at the ADCs of every analog layer; None for one that records none.

    (input digits or 1, currents), or (slices, input digits or 1, currents) for bit-sliced weights,
    in units of one full cell at full input. ``save_dir``: folder to write them to, as the pickle
    ``all_adc_inputs.p``. Raises InputError where no layer has recorded anything.
    """
    return profiles.adc_inputs([layer.arrays for layer in analog_modules(model)], save_dir)


def get_conductance_matrices(model: nn.Module) -> list[dict[str, Any]]:
    """What the cells of every analog layer hold, in units of Gmax; see ``conductances``."""
    return [profiles.conductances(layer.arrays) for layer in analog_modules(model)]
