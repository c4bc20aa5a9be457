"""The arrays: parameter trees from options or a file, and as a file that repeats a run."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from applications.mvm_study.errors import StudyError
from applications.mvm_study.settings import is_random
from applications.mvm_study.yaml_document import read_document
from simulator import AnalogCore, CrossSimParameters, OhmCoreError
from simulator.parameters import of_course

from .dnn_inference_params import dnn_inference_params

Trees = CrossSimParameters | list[CrossSimParameters]
"""The parameters of one layer: one tree, or a list with one for each of its arrays."""

# What the options of the command mean without --params.
DEFAULTS: dict[str, Any] = {
    "style": "balanced",
    "slices": 1,
    "weight_bits": 8,
    "input_bits": 8,
    "bit_serial": False,
    "adc_bits": 8,
    "rows_max": None,
    "cols_max": None,
    "rmin": 10e3,
    "on_off": None,
    "error": 0.05,
    "error_model": "generic",
    "read_noise": 0.0,
    "noise_model": "generic",
    "drift_model": "none",
    "time": 0.0,
    "wires": 0.0,
}


def from_options(options: Mapping[str, Any], bias_rows: int) -> CrossSimParameters:
    """Return the arrays that `options` ask for; DACs convert a sign, ranges are not set yet.

    Names and defaults are those of :data:`DEFAULTS`. Raises ParameterError.
    """
    given = DEFAULTS | dict(options)
    ratio = given["on_off"]
    tree = dnn_inference_params(
        core_style=given["style"].upper(),
        Nslices=given["slices"],
        weight_bits=given["weight_bits"],
        NrowsMax=given["rows_max"],
        NcolsMax=given["cols_max"],
        Rmin=given["rmin"],
        Rmax=given["rmin"] * (ratio or 100),
        infinite_on_off_ratio=ratio is None,
        error_model=given["error_model"],
        alpha_error=given["error"],
        proportional_error=True,
        noise_model=given["noise_model"],
        alpha_noise=given["read_noise"],
        proportional_noise=True,
        drift_model=given["drift_model"],
        t_drift=given["time"],
        Rp_row=given["wires"],
        Rp_col=given["wires"],
        input_bits=given["input_bits"],
        input_range=(-1, 1),
        input_bitslicing=given["bit_serial"],
        adc_bits=given["adc_bits"],
        adc_range=_placeholder(given),
        adc_per_ibit=given["bit_serial"],
        digital_bias=not bias_rows,
    )
    tree.simulation.analytics.ntest = 0
    # Device models are looked up when an array is built; better now than after long preparations.
    AnalogCore(np.ones((1, 1)), tree)
    return tree


def _placeholder(given: Mapping[str, Any]) -> Any:
    """A range for calibration to replace; of bit slices one for each."""
    return (-1, 1) if given["slices"] == 1 else [(-1, 1)] * given["slices"]


def unsigned_inputs(tree: CrossSimParameters) -> CrossSimParameters:
    """Return a copy whose DACs convert no sign, for layers whose inputs are never negative."""
    copy = tree.copy()
    dac, limits = copy.xbar.dac.mvm, copy.core.mapping.inputs.mvm
    if dac.bits > 0:
        dac.signed, dac.model = False, "QuantizerDAC"
        limits.min = 0.0
    return copy


def from_file(name: str) -> CrossSimParameters | dict[str, Trees]:
    """Return the tree in a file or preset called `name`, or trees by patterns of layer names.

    A file with ``layers`` at its top has the latter: what :func:`to_file` writes. Raises
    :class:`StudyError` or FileFormatError naming the file.
    """
    path = Path(name)
    if not path.is_file():
        try:
            return CrossSimParameters.from_yaml(name)
        except FileNotFoundError as error:
            raise StudyError(f"--params: {error}") from None
    document = read_document(path)
    if not isinstance(document.data, dict) or "layers" not in document.data:
        reader = CrossSimParameters.from_json if path.suffix == ".json" else None
        return (reader or CrossSimParameters.from_yaml)(name)
    layers = document.data["layers"]
    if not isinstance(layers, dict) or not layers:
        raise document.error(("layers",), "empty; allowed are names of layers with parameters")
    trees = {}
    for layer, changes in layers.items():
        try:
            several = isinstance(changes, list)
            found = [_changed(part) for part in (changes if several else [changes])]
            trees[str(layer)] = found if several else found[0]
        except (OhmCoreError, TypeError, AttributeError) as error:
            raise document.error(("layers", str(layer)), str(error)) from None
    return trees


def _changed(changes: Any) -> CrossSimParameters:
    if changes is not None and not isinstance(changes, dict):
        raise StudyError(f"got {changes!r}; allowed are parameters as xbar.adc.mvm.bits: 8")
    tree = CrossSimParameters()
    tree.update(changes or {})
    tree.validate()
    # A file of layers is mostly one that was written for a finished run.
    return of_course(tree)


def to_file(layers: Mapping[str, Trees]) -> str:
    """Return YAML of what is not the default in each layer, for ``--params``."""
    content = {
        name: [_differences(tree) for tree in trees]
        if isinstance(trees, list)
        else _differences(trees)
        for name, trees in layers.items()
    }
    return yaml.safe_dump(
        {"layers": content}, sort_keys=False, allow_unicode=True, width=100, default_flow_style=None
    )


def _differences(tree: CrossSimParameters) -> dict[str, Any]:
    """Return by dotted paths what differs from the defaults, as plain values."""
    standard = dict(_leaves(CrossSimParameters().as_dict()))
    return {
        path: _plain(value)
        for path, value in _leaves(tree.as_dict())
        if path not in standard or _plain(value) != _plain(standard[path])
    }


def _leaves(node: Mapping[str, Any], prefix: str = "") -> list[tuple[str, Any]]:
    found: list[tuple[str, Any]] = []
    for name, value in node.items():
        path = f"{prefix}{name}"
        found += _leaves(value, f"{path}.") if isinstance(value, dict) else [(path, value)]
    return found


def _plain(value: Any) -> Any:
    if isinstance(value, np.ndarray | np.generic):
        return value.tolist()
    if isinstance(value, list | tuple):
        return [_plain(entry) for entry in value]
    return getattr(value, "name", value)


def any_random(layers: Mapping[str, Trees]) -> bool:
    """Return whether two chips of these layers can give different numbers."""
    return any(is_random(tree) for trees in layers.values() for tree in listed(trees))


def listed(trees: Trees) -> list[CrossSimParameters]:
    """Return the trees of a layer as a list."""
    return trees if isinstance(trees, list) else [trees]


def with_seed(layers: Mapping[str, Trees], seed: int) -> dict[str, Trees]:
    """Return copies of the parameters for the chip that `seed` stands for."""
    chips: dict[str, Trees] = {}
    for name, trees in layers.items():
        copies = [tree.copy() for tree in listed(trees)]
        for tree in copies:
            tree.simulation.seed = seed
        chips[name] = copies if isinstance(trees, list) else copies[0]
    return chips


def in_words(options: Mapping[str, Any]) -> str:
    """Return the arrays that `options` ask for in a sentence without an end."""
    if "params" in options:
        return f"as {options['params']} says"
    given = DEFAULTS | dict(options)
    words = [f"{given['weight_bits']}-bit weights in {_cells(given)}"]
    for name, what in (("input_bits", "DAC"), ("adc_bits", "ADC")):
        words.append(f"{given[name]}-bit {what}" if given[name] else f"exact {what}")
    words += ["inputs bit by bit"] * bool(given["bit_serial"])
    words += _effects(given)
    return ", ".join(words)


def _cells(given: Mapping[str, Any]) -> str:
    if given["slices"] > 1:
        return f"{given['slices']} slices of {given['style']} cells"
    return "balanced pairs of cells" if given["style"] == "balanced" else "cells with an offset"


def _effects(given: Mapping[str, Any]) -> list[str]:
    words = []
    if given["on_off"] is not None:
        words.append(f"on/off ratio {given['on_off']:g}")
    if given["error_model"] != "generic":
        words.append(f"programming error of {given['error_model']}")
    elif given["error"]:
        words.append(f"programming error {100 * given['error']:g} %")
    if given["noise_model"] != "generic":
        words.append(f"read noise of {given['noise_model']}")
    elif given["read_noise"]:
        words.append(f"read noise {100 * given['read_noise']:g} %")
    if given["drift_model"] != "none":
        words.append(f"drift of {given['drift_model']} at time {given['time']:g}")
    if given["wires"]:
        words.append(f"wires of {given['wires']:g} ohm per cell")
    return words
