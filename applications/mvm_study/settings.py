"""The study as a list of settings, each with its parameter tree."""

from __future__ import annotations

import itertools
import re
from dataclasses import dataclass
from typing import Any

from simulator import CrossSimParameters
from simulator.errors import OhmCoreError
from simulator.parameters import of_course

from .axes import axis, parameter_updates
from .config import StudyConfig, Values
from .errors import StudyError

BASE = "base"
GRID = "grid"


@dataclass(frozen=True)
class Setting:
    """One point of the study: what the swept axes are set to (`point`), and all it sets (`values`).

    `chips` is how many chips are simulated: one where no random model is switched on, because
    every further chip would give the same numbers.
    """

    index: int
    sweep: str
    mapping: str
    point: Values
    values: Values
    chips: int = 1

    @property
    def label(self) -> str:
        """A name for file names and messages, such as ``007-adc_bits-4-balanced``."""
        words = [f"{key}-{axis(key).show(value)}" for key, value in self.point.items()]
        text = "-".join([*(words or [self.sweep]), self.mapping])
        return f"{self.index:03d}-{re.sub(r'[^A-Za-z0-9._-]+', '_', text)[:80]}"


def expand(config: StudyConfig) -> list[Setting]:
    """Return every setting of the study: the base setting, the sweeps, the grid.

    Raises :class:`StudyError` for a combination of parameters that cannot be.
    """
    points: list[tuple[str, Values, Values]] = [(BASE, {}, {})]
    for sweep in config.sweeps:
        points += [(sweep.name, sweep.parameters, {sweep.axis: value}) for value in sweep.values]
    if config.grid:
        combinations = itertools.product(*config.grid.values())
        points += [(GRID, {}, dict(zip(config.grid, values))) for values in combinations]
    settings: list[Setting] = []
    for sweep_name, fixed, point in points:
        for mapping, own in config.mappings.items():
            values = config.base | own | fixed | point
            setting = Setting(len(settings), sweep_name, mapping, point, values)
            chips = config.chips if is_random(parameters(setting, config.seed)) else 1
            settings.append(Setting(setting.index, sweep_name, mapping, point, values, chips))
    return settings


def parameters(setting: Setting, seed: int) -> CrossSimParameters:
    """Return the parameter tree of `setting`, before calibration."""
    tree = CrossSimParameters()
    try:
        tree.update(parameter_updates(setting.values) | {"simulation.seed": seed})
    except OhmCoreError as error:
        raise StudyError(f"setting {setting.label}: {error}") from None
    return of_course(tree, always=True)


def is_random(tree: CrossSimParameters) -> bool:
    """Return whether two chips with these parameters can give different numbers."""
    return _draws(tree.as_dict()["xbar"])


def _draws(node: dict[str, Any]) -> bool:
    if node.get("enable") and node.get("model", "IdealDevice") != "IdealDevice":
        generic = str(node["model"]).startswith(("Normal", "Uniform"))
        return not generic or node.get("magnitude", 0) > 0
    if node.get("input_noise", 0) > 0:
        return True
    if node.get("bits", 0) > 0:
        sigmas = [value for key, value in node.items() if key.startswith("sigma_")]
        return bool(node.get("stochastic_rounding")) or any(sigma > 0 for sigma in sigmas)
    children = (child for key, child in node.items() if key != "nonlinear_IV")
    return any(_draws(child) for child in children if isinstance(child, dict))
