"""Old import paths: one table from names that scripts use to the places where things live here.

Modules of the table do not exist as files. A finder serves them, and they look up a name only
when it is asked for, so that nothing is imported that a script does not use. Packages that do exist
get the same lookup for names that they do not have.
"""

from __future__ import annotations

import importlib
import importlib.machinery
import sys
from collections.abc import Sequence
from functools import partial
from types import ModuleType
from typing import Any

from simulator import registry
from simulator.errors import nearest
from simulator.legacy.definitions import refuse_methods_of_before
from simulator.parameters import pickles

# Old module to the module that has its names. None is a package that only holds others.
MODULES: dict[str, str | None] = {
    "simulator.algorithms": None,
    "simulator.algorithms.dsp": None,
    "simulator.algorithms.dsp.dft": "applications.dsp.dft",
    "simulator.algorithms.dnn": None,
    "simulator.algorithms.dnn.torch": "adapters.torch",
    "simulator.algorithms.dnn.torch.convert": "adapters.torch",
    "simulator.algorithms.dnn.torch.profile": "adapters.torch.profiling",
    "simulator.algorithms.dnn.keras": "adapters.keras",
    "simulator.algorithms.dnn.keras.convert": "adapters.keras",
    "simulator.algorithms.dnn.keras.profile": "adapters.keras.profiling",
    "simulator.algorithms.dnn.analog_layer": "adapters.neutral",
    "simulator.algorithms.dnn.analog_linear": "adapters.neutral",
    "simulator.algorithms.dnn.analog_convolution": "adapters.neutral",
    "simulator.algorithms.dnn.analog_rnn": "adapters.neutral",
    "simulator.algorithms.dnn.analog_rnn_cell": "adapters.neutral",
    "simulator.algorithms.dnn.analog_lstm": "adapters.neutral",
    "simulator.algorithms.dnn.analog_lstm_cell": "adapters.neutral",
    "simulator.algorithms.dnn.analog_gru": "adapters.neutral",
    "simulator.algorithms.dnn.analog_gru_cell": "adapters.neutral",
    "applications.dnn.torch": None,
    "applications.dnn.torch.cifar10_resnet": None,
    "applications.dnn.torch.cifar10_resnet.build_resnet_cifar10": "applications.dnn.models",
    "simulator.circuits.adc": "simulator.converters",
    "simulator.circuits.adc.iadc": "simulator.legacy.converters",
    "simulator.circuits.adc.adc": "simulator.converters",
    "simulator.circuits.dac": "simulator.converters",
    "simulator.circuits.dac.dac": "simulator.converters",
    "simulator.circuits.array": "simulator.circuits",
    "simulator.devices.idevice": "simulator.legacy.devices",
    "simulator.devices.device": "simulator.legacy.composite",
    "simulator.devices.generic_device": "simulator.legacy.generic",
    "simulator.devices.custom": None,
    "simulator.devices.custom.SONOS": "simulator.legacy.shipped",
    "simulator.devices.custom.PCM_Joshi": "simulator.legacy.shipped",
    "simulator.devices.custom.RRAM_Milo": "simulator.legacy.shipped",
    "simulator.devices.custom.RRAM_Wan": "simulator.legacy.shipped",
    "simulator.devices.custom.Analytical_Devices": "simulator.legacy.shipped",
    # Where version 0.1 had its own modules: pickles name them.
    "simulator.arraylike": "simulator.core.arraylike",
    "simulator.arrays": "simulator.legacy.saved",
    "simulator.backend.streams": "simulator.randomness.streams",
    "simulator.compat": "simulator.legacy.table",
    "simulator.draws": "simulator.legacy.saved",
    "simulator.fold": "simulator.legacy.saved",
    "simulator.irdrop": "simulator.core.ir_drop",
    "simulator.partition": "simulator.hardware.layout",
    "simulator.parts": "simulator.core.physical_arrays",
    "simulator.physics": "simulator.legacy.saved",
    "simulator.products": "simulator.multiply.products",
    "simulator.recorder": "simulator.multiply.recorder",
    "simulator.stack": "simulator.legacy.saved",
    "simulator.state": "simulator.legacy.saved",
    "simulator.views": "simulator.core.views",
    "simulator.cores": "simulator.cores.analog_core",
    "simulator.cores.analog_core": "simulator.core",
    **{
        f"adapters.aihwkit.{old}": f"adapters.aihwkit.engine.{new}"
        for old, new in {
            "crossbar": "tiles.crossbar", "tile": "tiles.tile", "periphery": "tiles.periphery",
            "state": "tiles.state", "windows": "layers.windows", "nn.base": "layers.base",
            "simulator.names": "names",
        }.items()
    },
    "adapters.lowering": "adapters.shared.lowering",
    "adapters.per_layer": "adapters.shared.per_layer",
    "adapters.profiles": "adapters.shared.profiles",
    "adapters.ranges": "simulator.profile",
    **{
        f"adapters.torch.{name}": f"adapters.torch.{folder}.{name}"
        for folder, names in {
            "layers": (
                "attention", "columns", "conv", "gates", "huggingface", "layer", "linear", "matrix",
                "recurrent", "transposed", "windows",
            ),
            "conversion": ("batchnorm", "convert", "fused", "rewire"),
            "study": (
                "batches", "calibration", "converters", "diagnosis", "figure", "profiling",
                "report", "summary", "tables",
            ),
            "runtime": ("numbering", "processes", "state", "tensors"),
        }.items()
        for name in names
    },
    "adapters.torch.parts": "adapters.torch.layers.composite",
    "adapters.torch.recurrence": "adapters.torch.layers.recurrent",
}  # fmt: skip
# Packages that exist here, and had more names.
REAL = (
    "simulator",
    "simulator.backend",
    "simulator.core",
    "simulator.hardware",
    "simulator.circuits",
    "simulator.parameters.xbar_parameters",
)
# CrossSim has a class of parameters for each converter circuit; here one class has all fields.
CONVERTER_NODES = (
    "RampADCParameters", "SarADCParameters", "PipelineADCParameters", "CyclicADCParameters",
)  # fmt: skip
# Names that live elsewhere than the rest of their module: where, and under which name.
NAMES: dict[tuple[str, str], tuple[str, str]] = {
    **{
        ("simulator.core", name): (place, name)
        for place, names in {
            "simulator.legacy.cores": (
                "BalancedCore", "OffsetCore", "BitslicedCore", "NumericCore", "WrapperCore",
                "ICore",
            ),
        }.items()
        for name in names
    },
    **{
        ("simulator.circuits", f"{name}Array"): ("simulator.circuits", f"{name}Circuit")
        for name in (
            "NoninterleavedInputSource", "NoninterleavedSeparateSource", "UncoupledNonlinear",
            "InterleavedInputSource", "InterleavedSeparateSource",
        )
    },
    **{
        ("simulator.circuits", name): ("simulator.converters", name)
        for name in ("ADC", "DAC", "IdealADC", "IdealDAC")
    },
    **{
        ("simulator.parameters.xbar_parameters", name): ("simulator.legacy.parameters", name)
        for name in CONVERTER_NODES
    },
    **{
        (f"adapters.{library}.profiling", "corestyle_str"): (
            "simulator.legacy.parameters", "corestyle_str",
        )
        for library in ("torch", "keras")
    },
    **{
        (f"adapters.torch.{module}", name): (f"adapters.torch.{place}", name)
        for (module, place), names in {
            ("layer", "layers.models"): ("analog_modules",),
            ("convert", "layers.models"): (
                "ideal", "new_epoch", "reinitialize", "set_time", "synchronize",
            ),
            ("profiling", "layers.models"): ("named_layers",),
            ("profiling", "layers.inputs"): (
                "Look", "Seen", "_Tap", "follow_inputs", "watch_inputs", "watched",
            ),
            ("state", "runtime.processes"): ("share_chips",),
        }.items()
        for name in names
    },
    ("applications.dnn.models", "ResNet_cifar10"): ("applications.dnn.models", "CifarResNet"),
    ("simulator.backend", "ComputeBackend"): ("simulator.legacy.backend", "ComputeBackend"),
    **{
        ("simulator.backend", name): ("simulator.randomness", name)
        for name in ("EventsAhead", "Purpose", "RandomSource", "Stream")
    },
    ("simulator.core.physical_arrays", "Conductances"): (
        "simulator.core.physical_arrays", "HeldConductances",
    ),
    ("simulator.circuits", "CellLaw"): ("simulator.circuits", "CurrentLaw"),
    ("simulator.devices.measurements", "Line"): ("simulator.devices.measurements", "Trend"),
    ("simulator.update", "Spread"): ("simulator.update", "CellTrait"),
    ("simulator.hardware", "Line"): ("simulator.hardware", "Periphery"),
    ("simulator", "DNN"): ("simulator.legacy.networks", "DNN"),
    ("simulator.algorithms", "DNN"): ("simulator.legacy.networks", "DNN"),
}  # fmt: skip


class OldModules:
    """Finds and loads the modules of the table.

    It follows the protocols of ``importlib.abc`` without deriving from them: importing them takes
    as long as a tenth of the engine.
    """

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        """The spec of an old module; None for every other."""
        if name not in MODULES:
            return None
        return importlib.machinery.ModuleSpec(name, self, is_package=True)  # type: ignore[arg-type]

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> None:
        """The usual module."""

    def exec_module(self, module: ModuleType) -> None:
        """Give the module its lookup; nothing is imported yet."""
        name = module.__name__
        module.__doc__ = f"Old import path; its names live in {MODULES[name] or 'its submodules'}."
        module.__getattr__ = partial(lookup, name)  # type: ignore[method-assign]


def lookup(module: str, name: str) -> Any:
    """What ``name`` of an old module is here. Raises AttributeError with the nearest name."""
    if name == "__all__" and module in MODULES:
        return names_of(module)
    if f"{module}.{name}" in MODULES:
        return importlib.import_module(f"{module}.{name}")
    place = module
    while (place, name) not in NAMES and MODULES.get(place):
        place = MODULES[place] or place
    home, new_name = NAMES.get((place, name), (place, name))
    if name.startswith("__") or home in MODULES or (home, new_name) == (module, name):
        names = [] if module in MODULES else dir(sys.modules[module])
        raise _missing(module, name, names)
    found = importlib.import_module(home)
    try:
        return getattr(found, new_name)
    except AttributeError:
        raise _missing(module, name, dir(found)) from None


def names_of(module: str) -> list[str]:
    """The public names of an old module; it imports the place where they live."""
    place: str = module
    while MODULES.get(place):
        place = MODULES[place] or place
    found = {name for home, name in NAMES if home in (module, place)}
    if place not in MODULES:
        home = importlib.import_module(place)
        found.update(getattr(home, "__all__", dir(home)))
    return sorted(name for name in found if not name.startswith("_"))


def _missing(module: str, name: str, names: list[str]) -> AttributeError:
    hint = nearest(name, [n for n in names if not n.startswith("_")])
    return AttributeError(f"module {module!r} has no attribute {name!r}.{hint}")


def install() -> None:
    """Serve the old modules and names; once per process."""
    if any(isinstance(finder, OldModules) for finder in sys.meta_path):
        return
    sys.meta_path.append(OldModules())
    registry.check_definitions("device", refuse_methods_of_before)
    pickles.RENAMED.update(dict.fromkeys(CONVERTER_NODES, "ADCParameters"))
    for name in REAL:
        module = importlib.import_module(name)
        module.__getattr__ = partial(lookup, name)  # type: ignore[method-assign]
