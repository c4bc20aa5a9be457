"""What the layers of a model see: inputs, currents at the ADCs, and what the cells hold.

Set ``simulation.analytics.profile_xbar_inputs`` or ``profile_adc_inputs`` before the model is
converted, run it, and ask. Memory is bounded: of very many values an evenly thinned part is kept.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from adapters.keras.convert import all_analog_layers
from adapters.shared import profiles
from adapters.shared.profiles import Folder


def get_profiled_xbar_inputs(model: Any, save_dir: Folder = None) -> list[np.ndarray | None]:
    """Recorded inputs of every analog layer.

    Args:
        model: a converted model whose parameters said ``profile_xbar_inputs`` when it was
            converted, and that has run since.
        save_dir: folder to write them to, as the pickle ``all_xbar_inputs.p``; None for none.

    Returns:
        For each layer a one-dimensional float32 array in units of its inputs, of very many values
        an evenly thinned part; None for a layer that records none.

    Raises:
        InputError: no layer has recorded anything.
    """
    return profiles.xbar_inputs([layer.seen_inputs for layer in all_analog_layers(model)], save_dir)


def get_profiled_adc_inputs(model: Any, save_dir: Folder = None) -> list[np.ndarray | None]:
    """Recorded currents at the ADCs of every analog layer.

    Args:
        model: a converted model whose parameters said ``profile_adc_inputs`` when it was converted,
            and that has run since.
        save_dir: folder to write them to, as the pickle ``all_adc_inputs.p``; None for none.

    Returns:
        For each layer a float32 array (input digits or 1, currents), or (slices, input digits or 1,
        currents) for bit-sliced weights, in units of one full cell at full input; None for a layer
        that records none.

    Raises:
        InputError: no layer has recorded anything.
    """
    return profiles.adc_inputs([layer.arrays for layer in all_analog_layers(model)], save_dir)


def get_conductance_matrices(model: Any) -> list[dict[str, Any]]:
    """What the cells of every analog layer hold, errors of programming included.

    Args:
        model: a converted model.

    Returns:
        For each layer a dictionary: ``core_style`` and ``bitsliced_core_style`` ("NONE" for whole
        weights), ``num_slices``, and ``Gmats`` with an entry for each array: a dictionary with
        ``Gmat_pos`` and ``Gmat_neg``, or ``Gmat`` of an offset core; for bit-sliced weights a list
        of these, least significant first. Arrays are (outputs, inputs), in units of Gmax.
    """
    return [profiles.conductances(layer.arrays) for layer in all_analog_layers(model)]
