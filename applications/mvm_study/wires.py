"""A look inside arrays: what the resistance of their wires takes from the cells."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from simulator import AnalogCore, CrossSimParameters
from simulator.errors import ModelError

from .config import StudyConfig
from .measure import calibrate
from .settings import BASE, Setting, parameters
from .workload import Workload

_RESISTANCES = ("Rp_row", "Rp_col", "Rp_row_terminal", "Rp_col_terminal")
# Pictures come after everything is computed, so they may wait longer for an answer.
_ITERATIONS = 10_000


@dataclass(frozen=True)
class Drops:
    """What wires take while one vector is multiplied, as shares of the voltage of a full input.

    All of shape (word lines, bit lines), of the positive cells where there are pairs; `error` is
    how far the bit lines' currents are from those without wires, as a relative RMS.
    """

    drive: np.ndarray
    lost: np.ndarray
    word_lines: np.ndarray
    bit_lines: np.ndarray
    error: float

    @property
    def worst(self) -> tuple[int, int]:
        """The cell that loses most: its word line and bit line, counted from 1."""
        row, column = np.unravel_index(np.argmax(self.lost), self.lost.shape)
        return int(row) + 1, int(column) + 1


@dataclass(frozen=True)
class Look:
    """The first array of the first matrix in one setting: at full scale, and for a real input.

    Gated arrays bring the current on supply lines, and word lines only switch cells; `word_lines`
    is then what supply lines take. `problem` says why there is nothing to see.
    """

    setting: Setting
    resistances: dict[str, float]
    is_pair: bool
    is_sliced: bool
    is_gated: bool
    is_serial: bool
    full: Drops | None = None
    real: Drops | None = None
    problem: str = ""


def look_inside(
    config: StudyConfig, settings: Sequence[Setting], workload: Callable[[], Workload]
) -> list[Look]:
    """Return a look inside one setting of each mapping that has wires with resistance.

    It is the base setting if that has them, else the middle one by resistance. `workload` is asked
    for only if there is anything to see.
    """
    wired: dict[str, list[tuple[float, Setting]]] = {}
    for setting in settings:
        ohms = sum(resistances(parameters(setting, config.seed)).values())
        if ohms > 0:
            wired.setdefault(setting.mapping, []).append((ohms, setting))
    if not wired:
        return []
    data = workload()
    return [_look(config, _representative(own), data) for own in wired.values()]


def _representative(wired: list[tuple[float, Setting]]) -> Setting:
    if wired[0][1].sweep == BASE:
        return wired[0][1]
    return sorted(wired, key=lambda pair: pair[0])[len(wired) // 2][1]


def resistances(tree: CrossSimParameters) -> dict[str, float]:
    """Return the wire resistances in ohms that count, by name; none where wires are ideal."""
    wires = tree.xbar.array.parasitics
    if not wires.enable or tree.core.complex_matrix or tree.core.complex_input:
        return {}
    return {name: ohms for name in _RESISTANCES if (ohms := getattr(wires, name)) > 0}


def _look(config: StudyConfig, setting: Setting, workload: Workload) -> Look:
    tree = calibrate(setting, workload, config.seed, config.calibration_percentile)[0]
    tree.simulation.Niters_max_parasitics = _ITERATIONS
    matrix = workload.matrices[0]
    limit = tree.core.mapping.inputs.mvm.max or 1.0
    core = tree.core
    sliced = core.style.name == "BITSLICED"
    pairs = (core.bit_sliced.style if sliced else core.style).name == "BALANCED"
    top = core.bit_sliced.num_slices - 1 if sliced else 0
    digit = {"weight_slice": top, "phase": _last_phase(tree)}
    found: dict[str, Any] = {"resistances": resistances(tree), "is_pair": pairs}
    found |= {"setting": setting, "is_sliced": sliced}
    found["is_gated"] = not tree.xbar.array.parasitics.current_from_input
    found["is_serial"] = digit["phase"] > 0
    try:
        full = _drops(tree, matrix, np.full(matrix.shape[1], float(limit)), digit)
        real = _drops(tree, matrix, workload.inputs[:, 0], digit)
    except ModelError as error:
        return Look(**found, problem=str(error))
    return Look(**found, full=full, real=real)


def _last_phase(tree: CrossSimParameters) -> int:
    """Return the number of the most significant digit of an input."""
    dac = tree.xbar.dac.mvm
    if not dac.input_bitslicing or dac.bits == 0:
        return 0
    return -(-(dac.bits - dac.sign_bit) // dac.slice_size) - 1


def _drops(
    tree: CrossSimParameters, matrix: np.ndarray, vector: np.ndarray, digit: dict[str, Any]
) -> Drops:
    """Return what the wires of the first chip take from its first array."""
    without = tree.copy()
    without.xbar.array.parasitics.enable = False
    state, ideal = (AnalogCore(matrix, t).ir_drop(vector, **digit) for t in (tree, without))
    volts = tree.xbar.device.Vread
    difference = state.line_amps - ideal.line_amps
    scale = np.linalg.norm(ideal.line_amps)
    return Drops(
        drive=ideal.cell_volts[0].T / volts,
        lost=np.abs(ideal.cell_volts - state.cell_volts)[0].T / volts,
        word_lines=np.abs(ideal.input_volts - state.input_volts)[0].T / volts,
        bit_lines=np.abs(state.output_volts)[0].T / volts,
        error=float(np.linalg.norm(difference) / scale) if scale > 0 else 0.0,
    )
