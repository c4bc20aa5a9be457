"""Systems of equations on analog arrays, to full precision: ``--help`` lists the options."""

from __future__ import annotations

if __name__ == "__main__":  # before all that is slow to import
    from applications.common.interrupts import leave_on_interrupt
    from applications.dsp import IF_STOPPED

    leave_on_interrupt(IF_STOPPED)

import argparse
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator

from applications.common.drawing import COLOURS, GREY
from simulator import AnalogCore, CrossSimParameters

from .hardware import fitted
from .products import Products
from .report import LOOK, Picture, Report, Table, estimate, picture
from .solvers import Product, conjugate_residuals, refined
from .study import Study, add_whole, progress, run

DIGITAL, ALONE, REFINED = "digital", "analog alone", "analog, refined"
_COLOUR = {DIGITAL: "black", ALONE: COLOURS[1], REFINED: COLOURS[0]}


@dataclass(frozen=True)
class System:
    """A symmetric matrix (n, n) with a constant diagonal, a right-hand side (n,), and a name."""

    name: str
    matrix: np.ndarray
    rhs: np.ndarray
    description: str

    @property
    def diagonal(self) -> float:
        """The entries of the diagonal, which are kept digitally: n products of numbers."""
        return float(self.matrix[0, 0])

    @property
    def rest(self) -> np.ndarray:
        """What the arrays hold: the matrix without its diagonal."""
        return self.matrix - self.diagonal * np.eye(len(self.matrix))

    def residual(self, solution: np.ndarray) -> float:
        """Return the length of ``b - A x`` over that of b, in double precision."""
        left = self.rhs - self.matrix @ solution
        return float(np.linalg.norm(left) / np.linalg.norm(self.rhs))


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add what this study asks for beside the hardware."""
    parser.add_argument(
        "--systems", choices=("poisson", "regression", "both"), default="both",
        help="Poisson's equation, a Gaussian process (default: %(default)s)",
    )  # fmt: skip
    add_whole(
        parser,
        ("grid", 4, 64, 32, "points per side for Poisson's equation; their square is its size"),
        ("chips", 1, 1000, 3, "per system"),
        ("corrections", 1, 1000, 60, "at most"),
        ("inner", 1, 1000, 40, "analog products of a correction, at most"),
    )


def compute(options: argparse.Namespace, params: CrossSimParameters) -> Report:
    """Solve every system digitally, with analog products alone, and refined."""
    systems = chosen(options)
    runs = [(system, chip) for system in systems for chip in range(options.chips)]
    records: list[dict[str, Any]] = []
    ready: dict[str, CrossSimParameters] = {}
    for system in systems:
        records += _traced(system, DIGITAL, 0, digital(system))
        ready[system.name] = fitted(params, partial(_exercise, system=system))
    for system, chip in progress(runs, len(runs), "chip"):
        products = Products(AnalogCore(system.rest, ready[system.name], stream=chip))
        records += _traced(system, ALONE, chip, _alone(system, products, options))
        products.count = 0
        records += _traced(system, REFINED, chip, _refined(system, products, options))
    return Report(
        title="Systems of equations on analog arrays, to full precision",
        lead="Arrays multiply fast and inexactly, so a solver that relies on them alone stops at"
        " their precision. Used for corrections only, with a digital product between one and the"
        " next, the same arrays lead to the last digit.",
        data="; ".join(system.description for system in systems),
        params=ready[systems[0].name],
        findings=[_finding(system, records) for system in systems],
        pictures=[_picture(systems, records)],
        tables=[_table(systems, records)],
        records=records,
        notes=[
            ("Solver", "generalised conjugate residuals, for corrections and around them;"
             " corrections are solved to a tenth, as the arrays see it"),
            ("Diagonal", "kept digitally; the arrays hold the rest of the matrix"),
            ("Residual", "length of b - A x over that of b, computed in double precision"),
        ],
    )  # fmt: skip


def chosen(options: argparse.Namespace) -> list[System]:
    """Return the systems that the options ask for."""
    systems = []
    if options.systems != "regression":
        systems.append(poisson(options.grid, options.seed))
    if options.systems != "poisson":
        systems.append(regression())
    return systems


def poisson(side: int, seed: int) -> System:
    """Return Poisson's equation on a square, five-point differences, with a few charges."""
    line = 2 * np.eye(side) - np.eye(side, k=1) - np.eye(side, k=-1)
    matrix = np.kron(line, np.eye(side)) + np.kron(np.eye(side), line)
    rng = np.random.default_rng(seed)
    charges = np.zeros(side * side)
    places = rng.choice(len(charges), min(12, len(charges)), replace=False)
    charges[places] = rng.normal(size=len(places))
    described = f"Poisson's equation on {side} x {side} points, {len(charges)} unknowns"
    return System("Poisson", matrix, charges, f"{described} ({_condition(matrix)})")


def regression() -> System:
    """Return a Gaussian process on the diabetes data: squared exponential kernel plus noise."""
    from sklearn.datasets import load_diabetes

    data, progression = load_diabetes(return_X_y=True)
    data = (data - data.mean(axis=0)) / data.std(axis=0)
    squares = (data**2).sum(axis=1)
    distances = np.maximum(squares[:, None] + squares - 2 * data @ data.T, 0)
    # A length of three standard deviations; a third of the signal's variance is noise.
    matrix = np.exp(-distances / (2 * 3.0**2)) + np.eye(len(data)) / 3
    np.fill_diagonal(matrix, 4 / 3)
    rhs = progression - progression.mean()
    described = f"Gaussian-process regression of {len(data)} diabetes patients by 10 features"
    return System("Regression", matrix, rhs, f"{described} ({_condition(matrix)})")


def _condition(matrix: np.ndarray) -> str:
    values = np.linalg.eigvalsh(matrix)
    return f"condition {values[-1] / values[0]:.0f}"


# One point of a curve: the solution, and analog and digital products so far.
_Point = tuple[np.ndarray, int, int]


def digital(system: System, tolerance: float = 1e-13, most: int = 2000) -> Iterable[_Point]:
    """Yield the points of a digital solution."""
    steps = conjugate_residuals(lambda x: system.matrix @ x, system.rhs, tolerance, most)
    for number, (solution, _) in enumerate(steps, start=1):
        yield solution, 0, number


def analog_product(system: System, products: Products) -> Product:
    """Return the product with the matrix: its diagonal exactly, the rest on arrays."""
    return lambda x: system.diagonal * x + products.forward(x)


def _alone(system: System, products: Products, options: argparse.Namespace) -> Iterable[_Point]:
    product = analog_product(system, products)
    steps = conjugate_residuals(product, system.rhs, 1e-13, 4 * options.inner)
    for solution, _ in steps:
        yield solution, products.count, 0


def _refined(system: System, products: Products, options: argparse.Namespace) -> Iterable[_Point]:
    steps = refined(
        lambda x: system.matrix @ x, analog_product(system, products), system.rhs,
        tolerance=1e-13, most=options.corrections, inner_tolerance=0.1, inner_most=options.inner,
    )  # fmt: skip
    for number, (solution, _) in enumerate(steps, start=1):
        yield solution, products.count, number


def _exercise(params: CrossSimParameters, system: System) -> AnalogCore:
    """Use the arrays as a solver does, on a chip without errors."""
    products = Products(AnalogCore(system.rest, params))
    for _ in conjugate_residuals(analog_product(system, products), system.rhs, 1e-6, 60):
        pass
    return products.core


def _traced(
    system: System, method: str, chip: int, points: Iterable[_Point]
) -> list[dict[str, Any]]:
    start = {"system": system.name, "method": method, "chip": chip}
    rows = [{**start, "analog_products": 0, "digital_products": 0, "relative_residual": 1.0}]
    for solution, analog, exact in points:
        rows.append(
            {
                **start,
                "analog_products": analog,
                "digital_products": exact,
                "relative_residual": system.residual(solution),
            }
        )
    return rows


def _chips(records: Sequence[Mapping[str, Any]], system: str, method: str) -> list[list[Any]]:
    """Return the rows of a method, chip by chip."""
    chips: dict[int, list[Any]] = {}
    for r in records:
        if (r["system"], r["method"]) == (system, method):
            chips.setdefault(r["chip"], []).append(r)
    return list(chips.values())


def _worst_of_best(chips: list[list[Any]]) -> float:
    return max(min(r["relative_residual"] for r in rows) for rows in chips)


def _mean(chips: list[list[Any]], key: str) -> float:
    return estimate([rows[-1][key] for rows in chips]).mean


def _finding(system: System, records: Sequence[Mapping[str, Any]]) -> str:
    own = {m: _chips(records, system.name, m) for m in (DIGITAL, ALONE, REFINED)}
    return (
        f"{system.name}: with analog products alone the relative residual comes down to"
        f" {_worst_of_best(own[ALONE]):.1g}; refined, to {_worst_of_best(own[REFINED]):.1g}"
        f" with {_mean(own[REFINED], 'digital_products'):.0f} digital products beside"
        f" {_mean(own[REFINED], 'analog_products'):.0f} analog ones. Without arrays it takes"
        f" {_mean(own[DIGITAL], 'digital_products'):.0f} digital products."
    )


def _table(systems: Sequence[System], records: Sequence[Mapping[str, Any]]) -> Table:
    rows = []
    for system in systems:
        for method in (DIGITAL, ALONE, REFINED):
            chips = _chips(records, system.name, method)
            counts = [f"{_mean(chips, f'{kind}_products'):.0f}" for kind in ("digital", "analog")]
            reached = f"{_worst_of_best(chips):.1e}"
            rows.append([system.name, method, *counts, reached, str(len(chips))])
    columns = ["system", "solver", "digital products", "analog", "residual", "chips"]
    return Table("Products, and the relative residual of the worst chip", columns, rows, words=2)


def _picture(systems: Sequence[System], records: Sequence[Mapping[str, Any]]) -> Picture:
    with mpl.rc_context(LOOK):
        figure = Figure(figsize=(10.4, 3.6 * len(systems)))
        panels = figure.subplots(len(systems), 2, sharey=True, squeeze=False)
        for row, (axes, system) in enumerate(zip(panels, systems)):
            _draw(axes[0], system, records, (ALONE, REFINED), "analog_products")
            _draw(axes[1], system, records, (DIGITAL, REFINED), "digital_products")
            axes[0].set_title(f"{system.name}: over analog products")
            axes[1].set_title(f"{system.name}: over digital products")
            axes[0].set_ylabel("relative residual")
            if row == len(systems) - 1:
                axes[0].set_xlabel("analog products")
                axes[1].set_xlabel("digital products")
    return picture(
        "residuals", figure, "Relative residual over analog and over digital products",
        "One line per chip; a dot is a correction, after which a digital product says how far it"
        " led. Dotted, the rounding of double precision.",
    )  # fmt: skip


def _draw(
    axes: Axes, system: System, records: Sequence[Mapping[str, Any]], methods: Sequence[str],
    key: str,
) -> None:  # fmt: skip
    for method in methods:
        for chip, rows in enumerate(_chips(records, system.name, method)):
            axes.plot(
                [r[key] for r in rows], [r["relative_residual"] for r in rows],
                color=_COLOUR[method], lw=1.5, ls="--" if method == DIGITAL else "-",
                marker="o" if method == REFINED else None, ms=4, mew=0.5, mec="white",
                label=method if chip == 0 else None,
            )  # fmt: skip
    axes.axhline(np.finfo(float).eps, color=GREY, ls=":", lw=1)
    axes.set_yscale("log")
    axes.set_yticks([10.0**power for power in range(-16, 2, 4)])
    axes.yaxis.set_minor_locator(NullLocator())
    axes.set_ylim(5e-17, 20)
    axes.legend(loc="upper right")


STUDY = Study(
    name="linear_systems",
    description="Solve systems of equations with products of analog arrays: alone, and as"
    " corrections that are refined digitally to full double precision.",
    add_options=add_options,
    settings={"adc_bits": 8, "error": 0.01, "array": 256},
    compute=compute,
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the study; return 0, 2 for what the user can put right, or 130 for ^C."""
    return run(STUDY, arguments)


if __name__ == "__main__":
    raise SystemExit(main())
