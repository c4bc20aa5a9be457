"""What a product costs as things grow: ``python -m benchmarks.curves``; a table and a figure.

Each curve varies one thing of an 8-bit core and counts plain products of the same shape (GEMM).
"""

from __future__ import annotations

import csv
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from benchmarks.run import RESULTS
from benchmarks.settings import Problem, bit_serial_sliced, eight_bits
from benchmarks.timing import Timing, ratio
from simulator import AnalogCore, CrossSimParameters

SIZE, BATCH, REPEATS = 512, 128, 9


@dataclass(frozen=True)
class Curve:
    """One thing that varies: its values, and the problem and hardware for each."""

    name: str
    values: tuple[int, ...]
    case: Callable[[int], tuple[Problem, CrossSimParameters]]


def _sized(size: int) -> tuple[Problem, CrossSimParameters]:
    problem = Problem.uniform(size, BATCH)
    return problem, eight_bits(problem)


def _batched(batch: int) -> tuple[Problem, CrossSimParameters]:
    problem = Problem.uniform(SIZE, max(batch, 16))
    p = eight_bits(problem)
    return Problem(problem.matrix, problem.inputs[:, :batch].copy()), p


def _tiled(side: int) -> tuple[Problem, CrossSimParameters]:
    problem = Problem.uniform(SIZE, BATCH)
    p = eight_bits(problem)
    p.core.rows_max = p.core.cols_max = SIZE // side
    return problem, p


def _sliced(slices: int) -> tuple[Problem, CrossSimParameters]:
    problem = Problem.uniform(SIZE, BATCH)
    p = bit_serial_sliced(problem)
    p.core.bit_sliced.num_slices = slices
    p.xbar.device.cell_bits = -(-7 // slices)
    p.xbar.dac.mvm.input_bitslicing = p.xbar.adc.mvm.adc_per_ibit = False
    p.xbar.adc.mvm.calibrated_range = [p.xbar.adc.mvm.calibrated_range[0]] * slices
    return problem, p


def _serial(bits: int) -> tuple[Problem, CrossSimParameters]:
    problem = Problem.uniform(SIZE, BATCH)
    p = eight_bits(problem)
    p.xbar.dac.mvm.bits = bits
    p.xbar.dac.mvm.input_bitslicing = p.xbar.adc.mvm.adc_per_ibit = True
    return problem, p


CURVES = (
    Curve("matrix size", (64, 128, 256, 512, 1024, 2048), _sized),
    Curve("batch", (1, 4, 16, 64, 256, 1024), _batched),
    Curve("tiles along each side", (1, 2, 4, 8, 16), _tiled),
    Curve("weight slices", (2, 3, 4, 7), _sliced),
    Curve("input bits, one at a time", (2, 3, 4, 6, 8), _serial),
)


def measured(curve: Curve, repeats: int = REPEATS) -> Iterator[tuple[int, Timing]]:
    """Cost at every value of a curve."""
    for value in curve.values:
        problem, params = curve.case(value)
        core = AnalogCore(problem.matrix, params)
        yield value, ratio(lambda c=core, p=problem: c @ p.inputs, problem.gemm, repeats)


def main() -> int:
    """Measure all curves and write them."""
    points = []
    for curve in CURVES:
        print(f"timing {curve.name} ...", file=sys.stderr, flush=True)
        points += [(curve.name, value, timing) for value, timing in measured(curve)]
    with (RESULTS / "curves.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["curve", "value", "gemm_median", "gemm_low", "gemm_high"])
        for name, value, t in points:
            writer.writerow([name, value, f"{t.median:.4g}", f"{t.low:.4g}", f"{t.high:.4g}"])
    draw(points, RESULTS / "curves.png")
    print(f"written to {RESULTS / 'curves.csv'} and .png")
    return 0


def draw(points: list[tuple[str, int, Timing]], path: Path) -> None:
    """One panel for each curve."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(1, len(CURVES), figsize=(3 * len(CURVES), 3), sharey=True)
    for axis, curve in zip(axes, CURVES, strict=True):
        mine = [(value, t) for name, value, t in points if name == curve.name]
        values = [value for value, _ in mine]
        axis.fill_between(values, [t.low for _, t in mine], [t.high for _, t in mine], alpha=0.25)
        axis.plot(values, [t.median for _, t in mine], marker="o", markersize=4)
        axis.set(xscale="log", yscale="log", xlabel=curve.name)
        axis.set_xticks(values, [str(value) for value in values])
        axis.minorticks_off()
        axis.grid(alpha=0.3)
    axes[0].set_ylabel("cost / plain product")
    figure.tight_layout()
    figure.savefig(path, dpi=120)
    pyplot.close(figure)


if __name__ == "__main__":
    sys.exit(main())
