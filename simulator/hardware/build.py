"""From the parameter tree to frozen models. After that nothing of the engine looks at the tree."""

from __future__ import annotations

import dataclasses
import inspect
from dataclasses import replace
from typing import Any

import numpy as np

from simulator import registry
from simulator.circuits import Circuit, IdealCircuit, UncoupledNonlinearCircuit, Wires
from simulator.converters import ADC, DAC, ConverterRange
from simulator.devices import Cell, CellLaw, Device, IdealDevice
from simulator.errors import ClippingWarning, ModelError, ParameterError, warn_user
from simulator.hardware.hardware import Hardware, Periphery, is_ideal
from simulator.mapping import (
    CellLevels,
    CellStyle,
    InputDigits,
    OneSidedPair,
    SingleCell,
    SlicedWeight,
    TwoSidedPair,
    WeightCode,
    WholeWeight,
)
from simulator.parameters import CrossSimParameters
from simulator.parameters.core_parameters import (
    BalancedCoreStyle,
    CoreStyle,
    OffsetCoreStyle,
)
from simulator.parameters.idle import warn_of_idle
from simulator.parameters.plausible import warn_of_unusual
from simulator.parameters.xbar_parameters import ADCRangeLimits

UNIT_TOLERANCE = 1e-9


def snapshots(params: Any) -> list[CrossSimParameters]:
    """Checked copies of one parameter tree or of a list of them, which cannot be changed.

    Warns of settings without effect and of values that no hardware has. Raises ParameterError.
    """
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
        tree._freeze()
    warn_of_idle(copies)
    warn_of_unusual(copies)
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
    ideal = is_ideal(circuit, wired)
    if sampling == "per_output" and not (read.is_ideal or ideal or circuit.has_moments):
        raise ParameterError(
            "simulation.read_noise_sampling is 'per_output', but with nonlinear cells the noise of "
            "an output is not known from that of its cells; choose 'auto' or 'per_device'"
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
        mvm=_periphery(params, "mvm", code, pair_in_array),
        vmm=_periphery(params, "vmm", code, pair_in_array),
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
    if not code.digits_fit:
        _misfit(code, params)
    if abs(code.unit_offset) > UNIT_TOLERANCE:
        warn_user(
            f"core.weight_bits is {core.weight_bits} with core.bit_sliced.num_slices = "
            f"{core.bit_sliced.num_slices}: the unit column stands for the weight "
            f"{code.unit_offset:g} of full scale instead of zero and shifts every product; "
            "choose weight bits that the slices divide evenly, or DIGITAL_OFFSET"
        )
    return code


def _misfit(code: WeightCode, params: CrossSimParameters) -> None:
    """Warn of cells on whose levels digits do not lie; raise where there are fewer than digits."""
    digits, cell_bits = code.digits, params.xbar.device.cell_bits
    assert isinstance(digits, SlicedWeight)
    given = (
        f"core.weight_bits = {digits.weight_bits} in core.bit_sliced.num_slices = "
        f"{digits.num_slices} gives digits of {digits.slice_bits} bits, but "
        f"xbar.device.cell_bits = {cell_bits}"
    )
    choice = f"xbar.device.cell_bits = {digits.slice_bits} (or 0, continuous)"
    for count in range(1, digits.weight_bits):
        if replace(code, digits=replace(digits, num_slices=count)).digits_fit:
            choice += f", or core.bit_sliced.num_slices = {count}"
            break
    if cell_bits < digits.slice_bits:
        raise ParameterError(
            f"{given} has fewer levels than digits: products would be wrong by "
            f"{100 * code.rounding_error():.2g} %. Choose {choice}"
        )
    fitting = replace(code, levels=CellLevels(code.levels.lowest, digits.slice_bits))
    warn_user(
        f"{given} has levels on which these digits do not lie: products are wrong by "
        f"{100 * code.rounding_error():.2g} % instead of {100 * fitting.rounding_error():.2g} %. "
        f"Choose {choice}"
    )


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


def _require_conversion(model: Any, base: Any, path: str) -> None:
    """Refuse a converter that says nowhere what it does."""
    if type(model).convert is base.convert and not model.is_ideal:
        wanted = ", ".join(inspect.signature(base.convert).parameters)
        raise ModelError(
            f"{path}.model: {type(model).__name__} defines no conversion; "
            f"write def convert({wanted}), as {base.__name__}.convert describes"
        )


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


def _periphery(
    params: CrossSimParameters, direction: str, code: WeightCode, in_array: bool
) -> Periphery:
    inputs = getattr(params.core.mapping.inputs, direction)
    adc_node = getattr(params.xbar.adc, direction)
    dac_node = getattr(params.xbar.dac, direction)
    adc: ADC = _model("adc", adc_node, f"xbar.adc.{direction}")
    dac: DAC = _model("dac", dac_node, f"xbar.dac.{direction}")
    _require_conversion(adc, ADC, f"xbar.adc.{direction}")
    _require_conversion(dac, DAC, f"xbar.dac.{direction}")
    adc = adc.bound(params, adc_node, dac_node)
    digits = None
    if dac_node.input_bitslicing:
        digits = InputDigits(dac.magnitude_bits, dac_node.slice_size)
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
    percentile = inputs.percentile
    periphery = Periphery(
        dac=dac,
        adc=adc,
        digits=digits,
        adc_per_digit=bool(adc_node.adc_per_ibit),
        range_option=adc_node.adc_range_option,
        given=None,
        range=headroom,
        input_low=_end(inputs.min) if percentile is None else 0.0,
        input_high=_end(inputs.max) if percentile is None else 0.0,
        percentile=percentile,
        each_vector=percentile is not None and inputs.percentile_scope == "vector",
    )
    return periphery if adc.is_ideal else _with_adc_range(periphery, params, direction, code)


def _end(value: float | None) -> float:
    """One end of a range of inputs; NaN where it is still to be found."""
    return np.nan if value is None else value


def _with_adc_range(
    periphery: Periphery, params: CrossSimParameters, direction: str, code: WeightCode
) -> Periphery:
    """The periphery with the range that its ADCs are given; warns of one that loses something."""
    node, path = getattr(params.xbar.adc, direction), f"xbar.adc.{direction}"
    # Of two directions that share their parameters one is enough.
    speaks = direction == "mvm" or not params.xbar.adc.match
    slices, option = len(code.digits.merge), periphery.range_option
    if option == ADCRangeLimits.CALIBRATED:
        given = _calibrated(node, path, slices)
        if speaks and isinstance(code.digits, SlicedWeight):
            _warn_uneven_ranges(given, path)
        return replace(periphery, given=given)
    if option == ADCRangeLimits.MAX:
        return periphery
    # On use: exact fractions take longer to import than most of the engine.
    from simulator.hardware.current_step import current_step, off_conductance, volt_step

    per_digit = periphery.digits if periphery.adc_per_digit else None
    step = current_step(
        code,
        off_conductance(params.xbar.device),
        volt_step(periphery.dac, periphery.dac_limits, per_digit),
        in_array=params.core.balanced.subtract_current_in_xbar,
        has_unit=code.unit_column and direction == "mvm",
    )
    limits = replace(periphery.range, step=None if step is None else float(step))
    periphery = replace(periphery, range=limits)
    if option == ADCRangeLimits.EXACT:
        ends = limits.exact(periphery.adc, f"{path}.adc_range_option")
        return replace(periphery, given=np.asarray([ends] * slices))
    if speaks and limits.lost_by_granular(periphery.adc):
        warn_user(
            f"{path}.adc_range_option = GRANULAR: its step is not the smallest difference of the "
            "currents here, so codes come to lie between currents, and more bits do not help; "
            "choose EXACT",
            ClippingWarning,
        )
    return periphery


def _calibrated(node: Any, path: str, slices: int) -> np.ndarray:
    """The given limits, (slices, 2); NaN where they are still to be found."""
    if not np.size(node.calibrated_range):
        return np.full((slices, 2), np.nan)
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


# The accuracy that iterative results have at least, relative to the largest output.
LOOSEST = 1e-6


def build_circuit(params: CrossSimParameters, shared_line: bool, law: CellLaw | None) -> Circuit:
    """The circuit of the arrays of a checked parameter tree; ``law`` None for ohmic cells."""
    parasitics = params.xbar.array.parasitics
    wires = Wires(
        parasitics.Rp_row_norm, parasitics.Rp_col_norm,
        parasitics.Rp_row_terminal_norm, parasitics.Rp_col_terminal_norm,
    )  # fmt: skip
    if not parasitics.enable or wires.is_zero:
        if law is None:
            return IdealCircuit(shared_line)
        return UncoupledNonlinearCircuit(law, shared_line)
    simulation = params.simulation
    common: dict[str, Any] = {
        "law": law,
        "method": simulation.parasitics_solver,
        "tolerance": min(simulation.Verr_th_mvm, LOOSEST),
        "iterations": simulation.Niters_max_parasitics,
    }
    style = "Interleaved" if shared_line else "Noninterleaved"
    if parasitics.current_from_input:
        cls: Any = registry.resolve("circuit", f"{style}InputSourceCircuit")
        return cls(wires, **common)
    cls = registry.resolve("circuit", f"{style}SeparateSourceCircuit")
    return cls(
        wires, **common, array_inputs=params.core.rows_max, selected=parasitics.selected_rows
    )


def wired_slices(params: CrossSimParameters, slices: int) -> tuple[bool, ...]:
    """Which weight slices have wires with resistance."""
    disabled = params.xbar.array.parasitics.disable_slices
    if len(disabled) not in (0, slices):
        raise ParameterError(
            f"xbar.array.parasitics.disable_slices is {disabled!r}; needed are {slices} values, "
            "one for each weight slice, or none"
        )
    return tuple(not off for off in disabled) or (True,) * slices
