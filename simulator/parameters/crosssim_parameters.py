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
    """All parameters of an analog core: mapping, simulation and hardware.

    ``core`` says how a matrix becomes cells, ``xbar`` what the devices, arrays and converters are,
    ``simulation`` how it is all computed. A core takes a snapshot when it is built; changes of the
    tree reach only cores that are built later.

    Args:
        core: A CoreParameters, a dictionary of its arguments, or None for the default.
        simulation: A SimulationParameters, likewise.
        xbar: An XbarParameters, likewise.

    Raises:
        ParameterError: A value has a wrong type or lies outside of what is allowed.
        UnknownParameterError: There is no field of this name; also a KeyError.
    """

    core: CoreParameters = child(CoreParameters)
    simulation: SimulationParameters = child(SimulationParameters)
    xbar: XbarParameters = child(XbarParameters)

    @classmethod
    def presets(cls) -> list[str]:
        """Names of the shipped parameter sets, for :meth:`from_json` and :meth:`from_yaml`."""
        return sorted(file.stem for file in _PRESETS.glob("*.yaml"))

    @staticmethod
    def load_pickle(path: str | os.PathLike[str]) -> Any:
        """Read a pickle of parameters, also one of CrossSim or of unknown origin.

        Nothing but parameters, choices and arrays of numbers is built, so that a file cannot run
        anything. Missing fields get their defaults, and one warning names obsolete ones.

        Args:
            path: Path of the file.

        Returns:
            What it holds: a tree, or lists and dictionaries of trees and numbers.

        Raises:
            FileFormatError: The file is no pickle, or asks for something else; the message says
                for what.
            FileNotFoundError: There is no such file.
        """
        return pickles.load(path)

    @classmethod
    def _preset(cls, name: str) -> str | None:
        return str(_PRESETS / f"{name}.yaml") if name in cls.presets() else None

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        # Pickles hold whole trees, in which published ones say more than they need.
        self._count_as_published()

    def _count_as_published(self) -> None:
        from .idle import of_course

        of_course(self)

    def _prefix(self) -> str:
        return ""

    def _check_combinations(self) -> None:
        check_combinations(self)
