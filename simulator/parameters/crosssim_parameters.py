"""The root of the parameter tree."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from simulator.schema import child

from . import pickles
from .base_parameters import BaseParameters
from .combinations import check_combinations
from .core_parameters import CoreParameters
from .simulation_parameters import SimulationParameters
from .xbar_parameters import XbarParameters

_PRESETS = Path(__file__).parent.parent / "presets"


class CrossSimParameters(BaseParameters):
    """All parameters of an analog core: what is stored, how it is simulated, which hardware."""

    core: CoreParameters = child(CoreParameters)
    simulation: SimulationParameters = child(SimulationParameters)
    xbar: XbarParameters = child(XbarParameters)

    @classmethod
    def presets(cls) -> list[str]:
        """Names of the shipped parameter sets, for :meth:`from_json` and :meth:`from_yaml`."""
        return sorted(file.stem for file in _PRESETS.glob("*.yaml"))

    @staticmethod
    def load_pickle(path: str | os.PathLike[str]) -> Any:
        """Read parameters from a pickle, also one of CrossSim.

        Missing fields get their defaults, and one warning names obsolete ones. Nothing but
        parameters, choices and arrays of numbers is built, so files of unknown origin can be read.

        Args:
            path: of the file.

        Returns:
            What the pickle holds: a tree, or lists and dictionaries of trees and numbers.

        Raises:
            FileFormatError: the file asks for something else; the message names it.
        """
        return pickles.load(path)

    @classmethod
    def _preset(cls, name: str) -> str | None:
        return str(_PRESETS / f"{name}.yaml") if name in cls.presets() else None

    def _prefix(self) -> str:
        return ""

    def _check_combinations(self) -> None:
        check_combinations(self)
