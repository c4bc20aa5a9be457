"""Old import paths: one table from names that scripts use to the places where things live here.

Modules of the table do not exist as files. A finder serves them, and they look up a name only
when it is asked for, so that nothing is imported that a script does not use.
"""

from __future__ import annotations

import importlib
import importlib.machinery
import sys
from collections.abc import Sequence
from types import ModuleType
from typing import Any

from simulator.errors import nearest

# Old module to the module that has its names. None is a package that only holds others.
MODULES: dict[str, str | None] = {
    "simulator.algorithms": None,
    "simulator.algorithms.dnn": None,
    "simulator.algorithms.dnn.torch": "adapters.torch",
    "simulator.algorithms.dnn.torch.convert": "adapters.torch",
    "simulator.circuits.adc": None,
    "simulator.circuits.adc.iadc": "simulator.legacy.converters",
    "simulator.circuits.adc.adc": "simulator.converters",
    "simulator.circuits.dac": None,
    "simulator.circuits.dac.dac": "simulator.converters",
    "simulator.devices.idevice": "simulator.legacy.devices",
    "simulator.devices.device": "simulator.devices",
    "simulator.devices.generic_device": "simulator.devices",
    "simulator.devices.custom": None,
    "simulator.devices.custom.SONOS": "simulator.devices",
    "simulator.devices.custom.PCM_Joshi": "simulator.devices",
    "simulator.devices.custom.RRAM_Milo": "simulator.devices",
    "simulator.devices.custom.RRAM_Wan": "simulator.devices",
    "simulator.devices.custom.Analytical_Devices": "simulator.devices",
    "simulator.cores": "simulator.cores.analog_core",
    "simulator.cores.analog_core": "simulator.core",
}
# Names that live elsewhere than the rest of their module.
NAMES = {
    ("simulator.core", "TransposedCore"): "simulator.views",
    ("simulator.core", "MaskedCore"): "simulator.views",
}


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
        module.__getattr__ = lambda attribute: lookup(name, attribute)  # type: ignore[method-assign]


def lookup(module: str, name: str) -> Any:
    """What ``name`` of an old module is here. Raises AttributeError with the nearest name."""
    place: str | None = module
    while place in MODULES:
        place = MODULES[place]
    if name.startswith("__") or place is None:
        raise AttributeError(f"module {module!r} has no attribute {name!r}")
    home = importlib.import_module(NAMES.get((place, name), place))
    try:
        return getattr(home, name)
    except AttributeError:
        hint = nearest(name, [n for n in dir(home) if not n.startswith("_")])
        raise AttributeError(f"module {module!r} has no attribute {name!r}.{hint}") from None


def install() -> None:
    """Serve the old modules; once per process."""
    if not any(isinstance(finder, OldModules) for finder in sys.meta_path):
        sys.meta_path.append(OldModules())
