"""Public entry points say what they take: every argument by name, with shapes and units.

To add one, put its dotted name into the list.
"""

import importlib
import inspect
import re

import pytest

ENTRY_POINTS = [
    "simulator.AnalogCore",
    "simulator.AnalogCore.converter_ranges",
    "simulator.AnalogCore.ir_drop",
    "simulator.AnalogCore.matmat",
    "simulator.AnalogCore.matmul",
    "simulator.AnalogCore.matvec",
    "simulator.AnalogCore.multiply",
    "simulator.AnalogCore.recorders",
    "simulator.AnalogCore.rmatmat",
    "simulator.AnalogCore.rmatmul",
    "simulator.AnalogCore.rmatvec",
    "simulator.AnalogCore.set_conductances",
    "simulator.AnalogCore.set_matrix",
    "simulator.AnalogCore.set_state",
    "simulator.AnalogCore.vecmat",
    "simulator.AnalogCore.write_verify",
    "simulator.CrossSimParameters.as_dict",
    "simulator.CrossSimParameters.copy",
    "simulator.CrossSimParameters.from_json",
    "simulator.CrossSimParameters.from_yaml",
    "simulator.CrossSimParameters.load_pickle",
    "simulator.CrossSimParameters.presets",
    "simulator.CrossSimParameters.to_json",
    "simulator.CrossSimParameters.to_yaml",
    "simulator.CrossSimParameters.update",
    "simulator.CrossSimParameters.validate",
    "simulator.MatrixProduct",
    "simulator.Product.currents",
    "simulator.Product.merged",
    "simulator.circuits.Circuit.cell_state",
    "simulator.circuits.Circuit.currents",
    "simulator.circuits.Circuit.effective",
    "simulator.circuits.Circuit.prefers_currents",
    "simulator.circuits.Circuit.slopes",
    "simulator.circuits.Wires",
    "simulator.circuits.Wires.input_profile",
    "simulator.circuits.Wires.output_profile",
    "simulator.circuits.Wires.strength",
    "simulator.converters.ADC.bound",
    "simulator.converters.ADC.convert",
    "simulator.converters.ADC.fabricate",
    "simulator.converters.ADC.levels",
    "simulator.converters.ConverterRange",
    "simulator.converters.ConverterRange.maximum",
    "simulator.converters.DAC.convert",
    "simulator.converters.DAC.levels",
    "simulator.converters.DAC.on_digit_grid",
    "simulator.converters.curves.linearity",
    "simulator.converters.curves.plot_linearity",
    "simulator.converters.curves.plot_transfer",
    "simulator.converters.curves.transfer",
    "simulator.devices.Cell",
    "simulator.devices.CellLaw",
    "simulator.devices.CellLaw.__call__",
    "simulator.devices.Device.bound",
    "simulator.devices.Device.check_cell",
    "simulator.devices.Device.chip_sigma",
    "simulator.devices.Device.current",
    "simulator.devices.Device.device_sigma",
    "simulator.devices.Device.drift_mean",
    "simulator.devices.Device.drift_sigma",
    "simulator.devices.Device.drifted",
    "simulator.devices.Device.programmed",
    "simulator.devices.Device.programming_mean",
    "simulator.devices.Device.programming_sigma",
    "simulator.devices.Device.read",
    "simulator.devices.Device.read_mean",
    "simulator.devices.Device.read_sigma",
    "simulator.devices.Device.slope",
    "simulator.devices.Draw",
    "simulator.devices.Draw.seed",
    "simulator.devices.Draw.standard",
    "simulator.devices.TableDevice.load",
    "simulator.devices.TableDevice.save",
    "simulator.devices.curves.plot_fit",
    "simulator.devices.from_measurements",
    "simulator.devices.plot_current",
    "simulator.devices.plot_drift",
    "simulator.devices.plot_spread",
    "simulator.lab.Role",
    "simulator.lab.Table",
    "simulator.lab.Table.of",
    "simulator.lab.TextFormat",
    "simulator.lab.Unit",
    "simulator.lab.choose_columns",
    "simulator.lab.numbers_of",
    "simulator.lab.read_matrix",
    "simulator.lab.read_table",
    "simulator.lab.unit_of",
    "simulator.legacy.converters.IADC",
    "simulator.legacy.converters.IADC.convert",
    "simulator.legacy.devices.EmptyDevice",
    "simulator.legacy.devices.EmptyDevice.drift_error",
    "simulator.legacy.devices.EmptyDevice.nonlinear_current",
    "simulator.legacy.devices.EmptyDevice.programming_error",
    "simulator.legacy.devices.EmptyDevice.read_noise",
    "simulator.mapping.CellLevels",
    "simulator.mapping.CellLevels.encode",
    "simulator.mapping.CellLevels.nearest",
    "simulator.mapping.CellStyle.encode",
    "simulator.mapping.InputDigits",
    "simulator.mapping.InputDigits.encode",
    "simulator.mapping.InputScaling",
    "simulator.mapping.SlicedWeight",
    "simulator.mapping.SlicedWeight.encode",
    "simulator.mapping.WeightCode",
    "simulator.mapping.WeightCode.decode",
    "simulator.mapping.WeightCode.encode",
    "simulator.mapping.WeightCode.shift_add",
    "simulator.mapping.WeightScaling",
    "simulator.mapping.WeightScaling.encode",
    "simulator.mapping.WholeWeight",
    "simulator.mapping.WholeWeight.encode",
    "simulator.mapping.symmetric_limit",
    "simulator.parameter",
    "simulator.profile.adc_inputs",
    "simulator.profile.adc_ranges",
    "simulator.profile.quantisation_error",
    "simulator.registry.check_definitions",
    "simulator.registry.defined",
    "simulator.registry.fields",
    "simulator.registry.names",
    "simulator.registry.register",
    "simulator.registry.resolve",
    "simulator.schema.Spec",
    "simulator.schema.Spec.check",
    "simulator.schema.check_fields",
    "simulator.schema.child",
    "simulator.testing.check_adc",
    "simulator.testing.check_cells",
    "simulator.testing.check_circuit",
    "simulator.testing.check_dac",
    "simulator.testing.check_device",
    "simulator.testing.check_levels",
    "simulator.testing.check_weight_digits",
    "simulator.update.ExactArray.update",
    "simulator.update.PulsedArray",
    "simulator.update.PulsedArray.set_state",
    "simulator.update.StepDevice.fabricate",
    "simulator.update.StepDevice.step_size",
    "simulator.update.StepDevice.stepped",
    "simulator.update.PulsedArray.write_verify",
    "simulator.update.curves.plot_ramps",
    "simulator.update.from_ramps",
    "simulator.update.ramps.RampFit",
    "simulator.update.ramps.cell_of",
    "simulator.verification.WriteVerify",
    "simulator.verification.checked_rule",
]
FRONT_ENDS = [
    "adapters.aihwkit.nn.convert_to_analog",
    "adapters.torch.calibrate",
    "adapters.torch.from_torch",
    "adapters.torch.reinitialize",
    "adapters.torch.report",
    "adapters.torch.synchronize",
    "adapters.torch.to_torch",
]
PLACES = {"adapters.aihwkit.nn.convert_to_analog": "adapters.aihwkit.nn.conversion"}


def found(name):
    """What a dotted name stands for."""
    if name in PLACES:
        return getattr(importlib.import_module(PLACES[name]), name.split(".")[-1])
    parts = name.split(".")
    for end in range(len(parts) - 1, 0, -1):
        try:
            thing = importlib.import_module(".".join(parts[:end]))
        except ImportError:
            continue
        for part in parts[end:]:
            thing = getattr(thing, part)
        return thing
    raise AssertionError(name)


def arguments(thing):
    names = [n for n in inspect.signature(thing).parameters if n not in ("self", "cls", "args")]
    return [name for name in names if not name.startswith("_")]


def told(doc):
    """Names that the section of arguments tells of."""
    section = re.search(r"^Args:\n(.*?)(?=^\S|\Z)", doc, flags=re.S | re.M)
    if section is None:
        return set()
    lines = re.findall(r"^    \*{0,2}(\w[\w, ]*):", section.group(1), flags=re.M)
    return {name.strip() for line in lines for name in line.split(",")}


@pytest.mark.parametrize("name", ENTRY_POINTS)
def test_every_argument_is_told_of(name):
    thing = found(name)
    missing = set(arguments(thing)) - told(inspect.getdoc(thing) or "")
    assert missing == set()


@pytest.mark.parametrize("name", ENTRY_POINTS)
def test_no_argument_is_told_of_that_is_not_there(name):
    thing = found(name)
    assert told(inspect.getdoc(thing) or "") <= set(inspect.signature(thing).parameters)


@pytest.mark.parametrize("name", FRONT_ENDS)
def test_every_argument_of_a_front_end_is_told_of(name):
    pytest.importorskip("torch")
    test_every_argument_is_told_of(name)


def test_arguments_that_are_not_told_of_are_found():
    doc = "Words.\n\nArgs:\n    one, two: both.\n        more: words.\n\nReturns:\n    x: y."
    assert told(doc) == {"one", "two"}
    assert told("Words of ``one``.") == set()
