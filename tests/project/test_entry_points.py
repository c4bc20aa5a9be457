"""Where people enter the engine, each argument is explained: shape, unit and meaning."""

import importlib
import inspect
import re

import pytest

from simulator.parameters import BaseParameters

# By module: what a user calls, or overrides in a model of their own. Methods as "Class.method".
ENTRY_POINTS = {
    "simulator": """
        AnalogCore AnalogCore.set_matrix AnalogCore.multiply AnalogCore.converter_ranges
        AnalogCore.set_state AnalogCore.ir_drop AnalogCore.recorders parameter
    """,
    "simulator.registry": "register check_definitions defined names resolve fields",
    "simulator.schema": "Spec Spec.check child check_fields",
    "simulator.parameters": """
        CrossSimParameters CrossSimParameters.update CrossSimParameters.validate
        CrossSimParameters.copy CrossSimParameters.as_dict CrossSimParameters.to_json
        CrossSimParameters.to_yaml CrossSimParameters.from_json CrossSimParameters.from_yaml
        CrossSimParameters.load_pickle CrossSimParameters.presets
    """,
    "simulator.mapping": """
        CellLevels CellLevels.encode CellLevels.nearest CellStyle.encode InputDigits
        InputDigits.encode InputScaling SlicedWeight SlicedWeight.encode
        WeightCode WeightCode.encode WeightCode.decode WeightCode.shift_add WeightScaling
        WeightScaling.encode WholeWeight WholeWeight.encode symmetric_limit
    """,
    "simulator.devices": """
        Cell CellLaw CellLaw.__call__ Device.programming_mean Device.programming_sigma
        Device.programmed Device.read_mean Device.read_sigma Device.read Device.drift_mean
        Device.drift_sigma Device.drifted Device.current Device.slope Device.bound
        Device.check_cell Draw Draw.standard Draw.seed TableDevice.save TableDevice.load
        from_measurements plot_spread plot_drift plot_current
    """,
    "simulator.devices.curves": "plot_fit",
    "simulator.converters": """
        ADC.bound ADC.fabricate ADC.levels ADC.convert ConverterRange ConverterRange.maximum
        DAC.levels DAC.convert DAC.on_digit_grid
    """,
    "simulator.converters.curves": "transfer linearity plot_transfer plot_linearity",
    "simulator.circuits": """
        Circuit.slopes Circuit.prefers_currents Circuit.effective Circuit.currents
        Circuit.cell_state Wires Wires.input_profile Wires.output_profile Wires.strength
    """,
    "simulator.testing": """
        check_adc check_cells check_circuit check_dac check_device check_levels check_weight_digits
    """,
    "simulator.legacy.devices": """
        EmptyDevice EmptyDevice.programming_error EmptyDevice.read_noise EmptyDevice.drift_error
        EmptyDevice.nonlinear_current
    """,
    "simulator.legacy.converters": "IADC IADC.convert",
}
PATHS = [f"{module}:{name}" for module, names in ENTRY_POINTS.items() for name in names.split()]


def found(path):
    module, _, name = path.partition(":")
    thing = importlib.import_module(module)
    for part in name.split("."):
        thing = getattr(thing, part)
    return thing


def arguments(thing):
    """Names of what a caller gives; a node of the parameter tree takes its fields."""
    if inspect.isclass(thing) and issubclass(thing, BaseParameters):
        return thing.names()
    return [name for name in inspect.signature(thing).parameters if name != "self"]


def section(thing, title):
    """The lines of one section of a docstring, empty without it."""
    match = re.search(rf"^{title}:\n((?:    .*\n?|\n)+)", inspect.getdoc(thing) or "", re.MULTILINE)
    return match.group(1) if match else ""


def unexplained(thing):
    """Arguments of which the docstring says nothing."""
    told = section(thing, "Args")
    return [
        name
        for name in arguments(thing)
        if not re.search(rf"^    (\*{{0,2}}){name}: \S", told, re.MULTILINE)
    ]


@pytest.mark.parametrize("path", PATHS)
def test_every_argument_of_an_entry_point_is_explained(path):
    assert unexplained(found(path)) == []


def test_no_entry_point_explains_an_argument_that_it_does_not_have():
    for path in PATHS:
        told = re.findall(r"^    \*{0,2}(\w+): ", section(found(path), "Args"), re.MULTILINE)
        assert set(told) <= set(arguments(found(path))), path


def test_a_docstring_without_arguments_is_found():
    def bare(siemens, cell):
        """Something.

        Args:
            siemens: Conductances.
        """

    assert unexplained(bare) == ["cell"]
