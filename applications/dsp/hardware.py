"""The hardware of a study: its options, and converter ranges fitted to the work."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from applications.common.keywords import cell_bits
from simulator import AnalogCore, CrossSimParameters
from simulator.parameters import ADCRangeLimits, CoreStyle, of_course
from simulator.profile import adc_ranges

# What a study sets and varies, by short names: option, meaning.
_SETTINGS: dict[str, tuple[type, str, str]] = {
    "style": (str, "NAME", "BALANCED (a pair of cells per weight) or OFFSET (one)"),
    "weight_bits": (int, "BITS", "of a weight; 0: continuous"),
    "input_bits": (int, "BITS", "of the DACs; 0: exact"),
    "adc_bits": (int, "BITS", "of the ADCs; 0: exact"),
    "error": (float, "SHARE", "by which a cell misses its conductance (standard deviation)"),
    "noise": (float, "SHARE", "by which a conductance fluctuates from read to read"),
    "wire": (float, "OHM", "of the wire from cell to cell, along rows and columns"),
    "rmin": (float, "OHM", "of a cell that is fully on"),
    "rmax": (float, "OHM", "of a cell that is fully off"),
    "array": (int, "LINES", "most rows and columns of an array; 0: one array holds the matrix"),
}

STUDIED = {"style": "BALANCED", "weight_bits": 8, "input_bits": 8, "rmin": 1e5, "rmax": 1e7}
"""What the studies have in common where nothing else is asked for."""


def add_options(parser: argparse.ArgumentParser, defaults: Mapping[str, Any]) -> None:
    """Add an option per setting, ``--params`` and ``--gpu``; `defaults` are shown only."""
    group = parser.add_argument_group("hardware")
    for name, (kind, unit, meaning) in _SETTINGS.items():
        default = f" (default: {defaults[name]})" if name in defaults else ""
        group.add_argument(option(name), type=kind, metavar=unit, help=meaning + default)
    group.add_argument(
        "--params", metavar="FILE",
        help="parameters from a .yaml or .json file, or of a preset; options change what they say,"
        " and ranges of converters are fitted to the work anyway",
    )  # fmt: skip
    group.add_argument("--gpu", action="store_true", help="compute on a GPU (needs CuPy)")


def option(name: str) -> str:
    """Return how the setting `name` is written on the command line."""
    return "--" + name.replace("_", "-")


def from_options(options: argparse.Namespace, defaults: Mapping[str, Any]) -> CrossSimParameters:
    """Return the parameters that the command line asks for; a file replaces all `defaults`."""
    if options.params is None:
        params = with_settings(CrossSimParameters(), {**STUDIED, **defaults})
    else:
        params = _read(options.params)
    given = {name: getattr(options, name) for name in _SETTINGS}
    params = with_settings(params, {n: value for n, value in given.items() if value is not None})
    params.simulation.seed = options.seed
    params.simulation.useGPU = params.simulation.useGPU or options.gpu
    # Ranges of ADCs are missing until they are fitted; all else can be checked now.
    exact(params).validate()
    return params


def _read(name: str) -> CrossSimParameters:
    read = CrossSimParameters.from_json if Path(name).suffix == ".json" else None
    return (read or CrossSimParameters.from_yaml)(name)


def with_settings(
    params: CrossSimParameters, settings: Mapping[str, Any] | None = None, **more: Any
) -> CrossSimParameters:
    """Return a copy of `params` with settings by the names of the options.

    Raises :class:`~simulator.errors.ParameterError` naming the path.
    """
    copy = params.copy()
    for name, value in {**(settings or {}), **more}.items():
        copy.update(_updates(name, value))
    copy.xbar.device.cell_bits = cell_bits(copy)
    return of_course(copy, always=True)


def _updates(name: str, value: Any) -> dict[str, Any]:
    """Return what a setting means, by dotted path."""
    if name in ("error", "noise"):
        effect = "programming_error" if name == "error" else "read_noise"
        node = f"xbar.device.{effect}."
        model = "NormalProportionalDevice" if value else "IdealDevice"
        return {node + "enable": bool(value), node + "model": model, node + "magnitude": value}
    if name == "wire":
        node = "xbar.array.parasitics."
        return {node + "enable": value != 0, node + "Rp_row": value, node + "Rp_col": value}
    if name == "adc_bits":
        model = "SignMagnitudeADC" if value else "IdealADC"
        return {"xbar.adc.match": True, "xbar.adc.mvm.bits": value, "xbar.adc.mvm.model": model}
    if name == "input_bits":
        model = "SignMagnitudeDAC" if value else "IdealDAC"
        return {"xbar.dac.match": True, "xbar.dac.mvm.bits": value, "xbar.dac.mvm.model": model}
    paths = {
        "style": ("core.style",),
        "weight_bits": ("core.weight_bits",),
        "rmin": ("xbar.device.Rmin",),
        "rmax": ("xbar.device.Rmax",),
        "array": ("core.rows_max", "core.cols_max"),
    }
    return dict.fromkeys(paths[name], value)


def fitted(
    params: CrossSimParameters, work: Callable[[CrossSimParameters], AnalogCore]
) -> CrossSimParameters:
    """Return `params` with converters whose ranges hold exactly what `work` needs.

    Inputs are scaled by their largest value in each call, as a digital exponent would. The ranges
    of the ADCs are those of the currents that flow while `work`, given parameters without errors,
    noise, wires and rounding of currents, builds a core, uses it and returns it. Ranges that do
    not follow currents (MAX, GRANULAR) stay.
    """
    ready = params.copy()
    inputs = {"min": None, "max": None, "percentile": 1.0}
    for side in (ready.core.mapping.inputs.mvm, ready.core.mapping.inputs.vmm):
        side.update(inputs)
    adcs = ready.xbar.adc
    calibrated = adcs.mvm.adc_range_option == ADCRangeLimits.CALIBRATED
    if not calibrated or max(adcs.mvm.bits, adcs.vmm.bits) == 0:
        return ready
    core = work(exact(ready, record=True))
    adcs.match = False
    for transposed, adc in ((False, adcs.mvm), (True, adcs.vmm)):
        recorders = core.recorders(transposed)
        if recorders and recorders[0].values(0).size:
            _set_range(adc, adc_ranges(core, 100, transposed))
        else:
            # Nothing is ever read on this side; any converter does.
            adc.update({"model": "IdealADC", "bits": 0, "calibrated_range": []})
    return ready


def _set_range(adc: Any, limits: Any) -> None:
    signed = bool((limits < 0).any())
    adc.update({"calibrated_range": limits.tolist(), "signed": signed})
    if adc.model in ("IdealADC", "SignMagnitudeADC", "QuantizerADC"):
        adc.model = "SignMagnitudeADC" if signed else "QuantizerADC"


def exact(params: CrossSimParameters, record: bool = False) -> CrossSimParameters:
    """Return `params` without errors, noise, drift, wires and ADCs; `record` records currents."""
    copy = params.copy()
    copy.xbar.adc.match = True
    device = copy.xbar.device
    for effect in (device.programming_error, device.read_noise, device.drift_error):
        effect.enable = False
    device.nonlinear_IV.enable = False
    copy.xbar.array.parasitics.enable = False
    copy.update({"xbar.adc.mvm.bits": 0, "xbar.adc.mvm.model": "IdealADC"})
    copy.xbar.adc.mvm.calibrated_range = []
    copy.simulation.analytics.profile_adc_inputs = record
    of_course(copy, always=True)
    return copy


def in_words(params: CrossSimParameters) -> str:
    """Return the settings in one line."""
    core, xbar = params.core, params.xbar
    device, parasitics = xbar.device, xbar.array.parasitics
    sliced = core.style == CoreStyle.BITSLICED
    style = f"{core.bit_sliced.style.name}, {core.bit_sliced.num_slices} slices" if sliced else (
        core.style.name
    )  # fmt: skip
    size = "one array per matrix"
    if core.rows_max:
        size = f"arrays of at most {core.rows_max} x {core.cols_max}"
    parts = [
        f"{style} cells of {device.Rmin:g} to {device.Rmax:g} ohm",
        f"{_bits(core.weight_bits)} weights",
        f"{_bits(xbar.dac.mvm.bits)} inputs",
        f"{_bits(max(xbar.adc.mvm.bits, xbar.adc.vmm.bits))} ADCs",
        _effect("programming error", device.programming_error),
        _effect("read noise", device.read_noise),
    ]
    wired = max(parasitics.Rp_row, parasitics.Rp_col) if parasitics.enable else 0
    parts.append(f"wires of {wired:g} ohm per cell" if wired else "ideal wires")
    return f"{', '.join(parts)}; {size}"


def _bits(bits: int) -> str:
    return f"{bits}-bit" if bits else "exact"


def _effect(name: str, node: Any) -> str:
    if not node.enable or node.model == "IdealDevice":
        return f"no {name}"
    if node.model.startswith("Normal"):
        return f"{100 * node.magnitude:g} % {name}"
    return f"{name} of {node.model}"
