"""From the parameter tree to frozen models: everything a core needs to know about its hardware.

Read once, when a core is built. After that nothing of the engine looks at the tree.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from simulator import registry
from simulator.backend import Backend
from simulator.circuits import Circuit
from simulator.converters import ADC, DAC, ConverterRange
from simulator.devices import Cell, CellLaw, Device, IdealDevice
from simulator.devices.generic import spread_of
from simulator.errors import ModelError, ParameterError, warn_user
from simulator.kernels.programming import Programming
from simulator.mapping import (
    CellLevels,
    CellStyle,
    InputDigits,
    InputScaling,
    OneSidedPair,
    SingleCell,
    SlicedWeight,
    TwoSidedPair,
    WeightCode,
    WholeWeight,
    symmetric_limit,
)
from simulator.parameters import CrossSimParameters
from simulator.parameters.core_parameters import (
    BalancedCoreStyle,
    CoreStyle,
    OffsetCoreStyle,
)
from simulator.parameters.xbar_parameters import ADCRangeLimits
from simulator.wiring import build_circuit, wired_slices

UNIT_TOLERANCE = 1e-9


@dataclass(frozen=True)
class Line:
    """The converters of one direction: drivers of the input lines, readers of the output lines."""

    dac: DAC
    adc: ADC
    digits: InputDigits | None
    adc_per_digit: bool
    range_option: ADCRangeLimits
    calibrated: np.ndarray | None
    range: ConverterRange
    input_low: float
    input_high: float
    percentile: float | None

    def scaling(self, values: Callable[[], Any], backend: Backend) -> InputScaling:
        """Scaling of one call: fixed limits, or a percentile over all ``values()`` of the input."""
        if self.fixed_scaling is not None:
            return self.fixed_scaling
        assert self.percentile is not None
        limit = symmetric_limit(values(), self.percentile, backend.xp)
        return InputScaling(-limit, limit, self.dac.signed)

    @cached_property
    def fixed_scaling(self) -> InputScaling | None:
        """Scaling by fixed limits; None where each call has its own."""
        if self.percentile is not None:
            return None
        return InputScaling(self.input_low, self.input_high, self.dac.signed)

    def keeps_zero(self, backend: Backend) -> bool:
        """True where the DAC turns an input of zero into a voltage of exactly zero."""
        if self.dac.is_ideal:
            return True
        limits = self.dac_limits(self._any_scaling)
        converted = self.dac.convert(backend.xp.zeros(1), *limits, backend.kernels)
        return float(converted[0]) == 0.0

    @property
    def _any_scaling(self) -> InputScaling:
        """The fixed limits, or any for a percentile: DAC limits then do not depend on them."""
        return self.fixed_scaling or InputScaling(-1.0, 1.0, self.dac.signed)

    def dac_limits(self, scaling: InputScaling) -> tuple[float, float]:
        """Voltages of the lowest and the highest level of the DAC."""
        if self.percentile is not None:
            return (-1.0 if self.dac.signed else 0.0), 1.0
        return scaling.encode(scaling.low), scaling.encode(scaling.high)

    @cached_property
    def largest_volt(self) -> float:
        """A voltage that no line is driven above, whatever the inputs; infinite without a DAC."""
        ideal, limits = self.dac.is_ideal, self.dac_limits(self._any_scaling)
        levels = None if ideal else self.dac.levels(*limits)
        if levels is None:
            return math.inf
        # A digit is at full scale, whatever the value it is of.
        return max(abs(levels[0]), abs(levels[1]), 0.0 if self.digits is None else 1.0)

    @property
    def has_mismatch(self) -> bool:
        """True where converters differ from one another, by random numbers."""
        return not self.adc.is_ideal and self.adc.has_mismatch

    @property
    def digits_exact(self) -> bool:
        """True where cutting a converted input into digits and merging them gives it back."""
        limits = self.dac_limits(self._any_scaling)
        return self.digits is None or self.dac.on_digit_grid(*limits)

    def adc_limits(self, inputs: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
        """Full-scale limits for tiles of so many inputs, two arrays of shape (tiles, slices)."""
        if self.range_option == ADCRangeLimits.CALIBRATED:
            assert self.calibrated is not None  # read with the line
            pairs = [self.calibrated] * len(inputs)
        elif self.range_option == ADCRangeLimits.MAX:
            pairs = [np.atleast_2d(self.range.maximum(count)) for count in inputs]
        else:
            pairs = [np.atleast_2d(self.range.granular())] * len(inputs)
        limits = np.stack(pairs)
        return limits[..., 0], limits[..., 1]


@dataclass(frozen=True)
class Hardware:
    """Frozen models and choices of one core."""

    style: CoreStyle
    code: WeightCode
    cell: Cell
    programming: Device
    drift: Device
    read: Device
    circuit: Circuit
    wired_slices: tuple[bool, ...]
    mvm: Line
    vmm: Line
    pair_in_array: bool
    shared_line: bool
    column_limit: float
    noise: str | None
    folding: bool
    record: bool
    memory_limit: int

    @cached_property
    def in_one_pass(self) -> Programming | None:
        """Programming as numbers for one pass; None where a model has a law of its own."""
        error, cell = spread_of(self.programming), self.cell
        if error is None or not self.drift.is_ideal:
            return None
        high = math.inf if cell.high is None else cell.high
        return Programming(self.code.as_numbers, *error, cell.Gmax, cell.low, high)

    @property
    def ideal_wires(self) -> bool:
        """True where every current is a conductance times a voltage."""
        return _is_ideal(self.circuit, self.wired_slices)

    @property
    def solves_each_input(self) -> bool:
        """True where the network has no effective conductances, or they are not wanted."""
        return not self.ideal_wires and self.circuit.solves_each_input


def _is_ideal(circuit: Circuit, wired: tuple[bool, ...]) -> bool:
    return circuit.is_ideal or (circuit.is_linear and not any(wired))


def at_time(hardware: Hardware, time: float) -> Hardware:
    """The same hardware at another time since programming.

    Raises ParameterError for a time that is not a number >= 0, ModelError where a model has
    nothing to say about it.
    """
    try:
        number = math.nan if isinstance(time, (bool, str, bytes)) else float(time)
    except (TypeError, ValueError, OverflowError):
        number = math.nan
    if not 0 <= number < math.inf:
        raise ParameterError(f"time: got {time!r}; allowed is a finite number >= 0")
    cell, circuit = dataclasses.replace(hardware.cell, time=number), hardware.circuit
    for model in (hardware.programming, hardware.drift, hardware.read):
        model.check_cell(cell)
    law = getattr(circuit, "law", None)
    if isinstance(law, CellLaw):
        law.model.check_cell(cell)
        circuit = dataclasses.replace(circuit, law=dataclasses.replace(law, cell=cell))  # type: ignore[call-arg]
    return dataclasses.replace(hardware, cell=cell, circuit=circuit)


def snapshots(params: Any) -> list[CrossSimParameters]:
    """Checked copies of one parameter tree or of a list of them. Raises ParameterError."""
    trees = list(params) if isinstance(params, (list, tuple)) else [params]
    for tree in trees:
        if not isinstance(tree, CrossSimParameters):
            raise ParameterError(
                f"params: got {type(tree).__name__}; allowed is CrossSimParameters or a list of it"
            )
    if not trees:
        raise ParameterError("params is an empty list")
    copies = [tree.copy() for tree in trees]
    for tree in copies:
        tree.validate()
    return copies


def build_hardware(params: CrossSimParameters) -> Hardware:
    """The frozen models of a checked parameter tree.

    Raises ModelError where a named model does not exist or cannot do what it is named for.
    """
    device = params.xbar.device
    code = _weight_code(params)
    paired = len(code.cells.merge) == 2
    shared_line = paired and bool(params.core.balanced.interleaved_posneg)
    pair_in_array = paired and params.core.balanced.subtract_current_in_xbar
    cell = _cell(device)
    nonlinear = _device_model(device.nonlinear_IV, "xbar.device.nonlinear_IV", "current", cell)
    law = None if nonlinear.is_ideal else CellLaw(nonlinear, cell)
    circuit = build_circuit(params, shared_line, law)
    wired = wired_slices(params, len(code.merge))
    read = _device_model(device.read_noise, "xbar.device.read_noise", "read", cell)
    sampling = params.simulation.read_noise_sampling
    if sampling == "per_output" and not read.is_ideal and not _is_ideal(circuit, wired):
        raise ParameterError(
            "simulation.read_noise_sampling is 'per_output', but with wire resistance or nonlinear "
            "cells the noise of an output is no sum over its cells; choose 'auto' or 'per_device'"
        )
    if params.simulation.drift_compensation == "per_tile" and code.zero and not code.unit_column:
        raise ParameterError(
            "simulation.drift_compensation is 'per_tile', but a digital offset is taken off all "
            "tiles at once; choose 'global', pairs of cells, or core.offset.style = "
            "UNIT_COLUMN_SUBTRACTION"
        )
    return Hardware(
        style=params.core.style,
        code=code,
        cell=cell,
        programming=_device_model(
            device.programming_error, "xbar.device.programming_error", "programming", cell
        ),
        drift=_drift_model(device.drift_error, device.programming_error, cell),
        read=read,
        circuit=circuit,
        wired_slices=wired,
        mvm=_line(params, "mvm", code, pair_in_array),
        vmm=_line(params, "vmm", code, pair_in_array),
        pair_in_array=pair_in_array,
        shared_line=shared_line,
        column_limit=params.xbar.array.Icol_max,
        noise=None if read.is_ideal else sampling,
        folding=not (params.simulation.disable_fast_balanced
                     or params.simulation.disable_fast_matmul),
        record=params.simulation.analytics.profile_adc_inputs,
        memory_limit=params.simulation.memory_limit,
    )  # fmt: skip


def _weight_code(params: CrossSimParameters) -> WeightCode:
    """The chain of mapping steps: two independent choices, digits and cells."""
    core, device = params.core, params.xbar.device
    sliced = core.style == CoreStyle.BITSLICED
    style = core.bit_sliced.style if sliced else core.style
    paired = style.name == "BALANCED"
    digits: WholeWeight | SlicedWeight
    if sliced:
        digits = SlicedWeight(paired, core.weight_bits, core.bit_sliced.num_slices)
    else:
        digits = WholeWeight(paired, 0 if paired else device.cell_bits)
    cells: CellStyle = SingleCell()
    if paired:
        two_sided = core.balanced.style == BalancedCoreStyle.TWO_SIDED and not sliced
        cells = TwoSidedPair() if two_sided else OneSidedPair()
    unit = not paired and core.offset.style == OffsetCoreStyle.UNIT_COLUMN_SUBTRACTION
    code = WeightCode(digits, cells, CellLevels(device.Gmin_norm, device.cell_bits), unit)
    if abs(code.unit_offset) > UNIT_TOLERANCE:
        warn_user(
            f"core.weight_bits is {core.weight_bits} with core.bit_sliced.num_slices = "
            f"{core.bit_sliced.num_slices}: the unit column stands for the weight "
            f"{code.unit_offset:g} of full scale instead of zero and shifts every product; "
            "choose weight bits that the slices divide evenly, or DIGITAL_OFFSET"
        )
    return code


def _cell(device: Any) -> Cell:
    gmax = 1.0 / device.Rmin
    return Cell(gmax * device.Gmin_norm, gmax, device.Vread, device.clip_conductance, device.time)


def _model(kind: str, node: Any, path: str) -> Any:
    """The model named by a node, with the node's values for the fields the model declares."""
    try:
        cls: Any = registry.resolve(kind, node.model)
    except ModelError as error:
        raise ModelError(f"{path}.model: {error}") from None
    known = {field.name for field in dataclasses.fields(cls)}
    try:
        return cls(**{k: v for k, v in node.model_values().items() if k in known})
    except ParameterError as error:
        raise type(error)(f"{path}: {error}") from None


def _device_model(node: Any, path: str, effect: Any, cell: Cell) -> Device:
    if not node.enable:
        return IdealDevice()
    model = _model("device", node, path)
    if not model.models(effect):
        raise ModelError(f"{path}.model: {node.model!r} does not describe {effect} of a cell")
    model = model.bound(node.parents[-1], node)
    try:
        model.check_cell(cell)
    except ModelError as error:
        raise ModelError(f"{path}.model = {node.model!r}: {error}") from None
    return model


def _drift_model(node: Any, programming: Any, cell: Cell) -> Device:
    """The drift of cells; where it contains the programming error, that is not added again."""
    path = "xbar.device.drift_error"
    model = _device_model(node, path, "drift", cell)
    other = programming.enable and programming.model not in (node.model, "IdealDevice")
    if model.drift_includes_programming and other:
        warn_user(
            f"{path}.model is {node.model!r}, whose spread contains that of programming; "
            f"xbar.device.programming_error.model = {programming.model!r} is not added"
        )
    return model


def _line(params: CrossSimParameters, direction: str, code: WeightCode, in_array: bool) -> Line:
    inputs = getattr(params.core.mapping.inputs, direction)
    adc_node = getattr(params.xbar.adc, direction)
    dac_node = getattr(params.xbar.dac, direction)
    adc: ADC = _model("adc", adc_node, f"xbar.adc.{direction}")
    dac: DAC = _model("dac", dac_node, f"xbar.dac.{direction}")
    adc = adc.bound(params, adc_node, dac_node)
    digits = None
    if dac_node.input_bitslicing:
        digits = InputDigits(dac.magnitude_bits, dac_node.slice_size)
    sliced = isinstance(code.digits, SlicedWeight)
    paired = len(code.cells.merge) == 2
    headroom = ConverterRange(
        adc_bits=adc.bits,
        dac_bits=dac.bits,
        signed_inputs=dac.signed,
        weight_bits=params.core.weight_bits,
        slice_bits=code.digits.slice_bits if isinstance(code.digits, SlicedWeight) else None,
        paired=paired,
        bipolar=paired and in_array,
    )
    calibrated = None
    if not adc.is_ideal and adc_node.adc_range_option == ADCRangeLimits.CALIBRATED:
        calibrated = _calibrated(adc_node, f"xbar.adc.{direction}", len(code.digits.merge))
        if sliced and (direction == "mvm" or not params.xbar.adc.match):
            _warn_uneven_ranges(calibrated, f"xbar.adc.{direction}")
    percentile = inputs.percentile
    return Line(
        dac=dac,
        adc=adc,
        digits=digits,
        adc_per_digit=bool(adc_node.adc_per_ibit),
        range_option=adc_node.adc_range_option,
        calibrated=calibrated,
        range=headroom,
        input_low=inputs.min if percentile is None else 0.0,
        input_high=inputs.max if percentile is None else 0.0,
        percentile=percentile,
    )


def _calibrated(node: Any, path: str, slices: int) -> np.ndarray:
    pairs = np.atleast_2d(np.asarray(node.calibrated_range, dtype=np.float64))
    if pairs.shape != (slices, 2) or not (pairs[:, 0] < pairs[:, 1]).all():
        raise ParameterError(
            f"{path}.calibrated_range is {node.calibrated_range!r}; needed are {slices} pair(s) "
            "[min, max] with min < max, one for each weight slice"
        )
    return pairs


def _warn_uneven_ranges(pairs: np.ndarray, path: str) -> None:
    """Digital shift-and-add needs widths that differ by powers of two from slice to slice."""
    ratios = np.log2(np.diff(pairs, axis=1)[1:] / np.diff(pairs, axis=1)[:-1])
    if np.any(np.abs(ratios - np.rint(ratios)) > 1e-6):
        warn_user(
            f"{path}.calibrated_range: widths of neighbouring slices do not differ by powers of "
            "two; shift-and-add hardware could not merge their codes"
        )
