"""Arrays with wire resistance: time of the first product against size, batch and solver.

Usage: ``python -m benchmarks.wires`` prints the table and keeps it in ``benchmarks/results``.
"""

from __future__ import annotations

import math
import resource
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.timing import Timing, ratio
from simulator import AnalogCore, CrossSimParameters
from simulator.circuits import Wires, effective, iterative

SIZES, BATCHES = (64, 128, 256), (1, 64, 4096)
SOLVERS = ("effective", "iterative", "nodal")
# Solvers that would take longer are not run.
PATIENCE = 30.0
# Kilobytes of ru_maxrss.
GIBIBYTE = 2**20


def wired(size: int, solver: str = "auto") -> tuple[AnalogCore, np.ndarray]:
    """A pair of arrays, 1 ohm per segment against cells of 10 kiloohms to 1 megaohm."""
    p = CrossSimParameters()
    p.simulation.seed = 1
    p.simulation.parasitics_solver = solver
    p.xbar.device.Rmin, p.xbar.device.Rmax = 1e4, 1e6
    wires = p.xbar.array.parasitics
    wires.enable, wires.Rp_row, wires.Rp_col = True, 1.0, 1.0
    matrix = np.random.default_rng(1).uniform(-1, 1, (size, size))
    return AnalogCore(matrix, p), matrix


def inputs(size: int, batch: int) -> np.ndarray:
    """Values from -1 to 1, (size, batch)."""
    return np.random.default_rng(2).uniform(-1, 1, (size, batch))


def first_calls(size: int, batch: int, solvers: tuple[str, ...], turns: int) -> list[list[float]]:
    """Seconds of the first product after programming, for every solver; they take turns."""
    cores = [wired(size, solver) for solver in solvers]
    x = inputs(size, batch)
    values: list[list[float]] = [[] for _ in solvers]
    for _ in range(turns):
        for (core, matrix), times in zip(cores, values, strict=True):
            core.set_matrix(matrix)
            start = time.perf_counter()
            core @ x
            times.append(time.perf_counter() - start)
    return values


def first_call(size: int, batch: int, turns: int) -> Timing:
    """Seconds of the first product after programming, with the solver that "auto" picks."""
    values = first_calls(size, batch, ("auto",), turns)[0]
    low, median, high = statistics.quantiles(values, n=4)
    return Timing(median, low, high, turns)


def later_calls(size: int, batch: int, repeats: int) -> Timing:
    """Products after the first, as multiples of the plain product."""
    core, matrix = wired(size, "effective")
    x = inputs(size, batch)
    return ratio(lambda: core @ x, lambda: matrix @ x, repeats)


def noisy_calls(batch: int, repeats: int) -> Timing:
    """Products with 5 % read noise through 8-bit converters, as multiples of those without noise.

    A pair of 256 by 256 arrays; the noise of every output is drawn from its moments.
    """
    cores = []
    for magnitude in (0.0, 0.05):
        core, matrix = wired(256, "effective")
        p = core.params.copy()
        p.core.mapping.inputs.mvm.min, p.core.mapping.inputs.mvm.max = -1.0, 1.0
        p.xbar.dac.mvm.model, p.xbar.dac.mvm.bits = "SignMagnitudeDAC", 8
        p.xbar.adc.mvm.model, p.xbar.adc.mvm.bits = "SignMagnitudeADC", 8
        p.xbar.adc.mvm.calibrated_range = [-30.0, 30.0]
        if magnitude:
            noise = p.xbar.device.read_noise
            noise.enable, noise.model = True, "NormalProportionalDevice"
            noise.magnitude = magnitude
            p.simulation.read_noise_sampling = "per_output"
        cores.append(AnalogCore(matrix, p))
    x = inputs(256, batch)
    x = x[:, 0] if batch == 1 else x
    return ratio(lambda: cores[1] @ x, lambda: cores[0] @ x, repeats)


def peak_memory(size: int) -> float:
    """GiB that a process needs for one first product, libraries included."""
    program = (
        "from benchmarks.wires import wired, inputs, resident; "
        f"core, _ = wired({size}, 'effective'); core @ inputs({size}, 64); print(resident())"
    )
    command = [sys.executable, "-c", program]
    return float(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


def resident() -> float:
    """Largest memory of this process so far, in GiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / GIBIBYTE


def accuracy(size: int) -> float:
    """Largest deviation from conjugate gradients driven to 1e-12, relative to the largest output.

    The two solvers share no arithmetic.
    """
    core, matrix = wired(size, "effective")
    other, _ = wired(size, "iterative")
    other.params.simulation.Verr_th_mvm = 1e-12
    other = AnalogCore(matrix, other.params)
    x = inputs(size, 2)
    wanted = other @ x
    return float(np.abs(core @ x - wanted).max() / np.abs(wanted).max())


@dataclass(frozen=True)
class Row:
    """Seconds of every solver for one size and batch; infinite where it was not run."""

    size: int
    batch: int
    seconds: dict[str, float]

    @property
    def excess(self) -> float:
        """Time of "auto" as a multiple of the best."""
        return self.seconds["auto"] / min(self.seconds[solver] for solver in SOLVERS)


def expected(size: int, batch: int, solver: str) -> float:
    """Rough seconds for a pair of arrays."""
    if solver == "nodal":
        # Measured: 2 * size right sides of a sparse factorisation in two dimensions.
        return 2 * 1.6e-9 * size**4 * math.log(size) / 8
    if solver == "effective":
        return effective.predicted_seconds(1, size, size, 2, batch)
    strength = Wires(1e-4, 1e-4).strength(size, size, 0.25)
    return iterative.predicted_seconds(1, size, size, 2 * batch, strength, 1e-6)


def table(sizes: tuple[int, ...] = SIZES, batches: tuple[int, ...] = BATCHES) -> list[Row]:
    """Every solver on every size and batch."""
    rows = []
    for size in sizes:
        for batch in batches:
            print(f"timing {size}x{size}, {batch} inputs", file=sys.stderr)
            run = tuple(s for s in SOLVERS if expected(size, batch, s) < PATIENCE)
            # What takes seconds is steady enough to be run once.
            slow = tuple(s for s in run if expected(size, batch, s) > 1.0 or s == "nodal")
            quick = ("auto", *(s for s in run if s not in slow))
            turns = 5 if expected(size, batch, "effective") > 0.1 else 15
            values = first_calls(size, batch, quick, turns) + first_calls(size, batch, slow, 1)
            seconds = dict.fromkeys(SOLVERS, math.inf)
            for solver, times in zip((*quick, *slow), values, strict=True):
                seconds[solver] = statistics.median(times)
            rows.append(Row(size, batch, seconds))
    return rows


def markdown(rows: list[Row]) -> str:
    """The table, in milliseconds."""
    lines = [
        "First product of a pair of arrays after programming, in milliseconds; 1 ohm per segment,",
        "cells of 10 kiloohms to 1 megaohm.",
        "",
        "| size | inputs | auto | " + " | ".join(SOLVERS) + " | auto / best |",
        "|--:|--:|--:|" + "--:|" * (len(SOLVERS) + 1),
    ]
    for row in rows:
        cells = [row.seconds[s] * 1e3 for s in ("auto", *SOLVERS)]
        shown = ["not run" if math.isinf(c) else f"{c:.3g}" for c in cells]
        lines.append(f"| {row.size} | {row.batch} | {' | '.join(shown)} | {row.excess:.2f} |")
    return "\n".join(lines)


def main() -> int:
    """Measure, print and write; returns the exit status."""
    text = markdown(table())
    print(text)
    folder = Path(__file__).resolve().parent / "results"
    folder.mkdir(exist_ok=True)
    (folder / "wires.md").write_text(text + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
