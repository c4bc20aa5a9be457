"""From the parameter tree to the circuit of an array."""

from __future__ import annotations

from typing import Any

from simulator import registry
from simulator.circuits import CellLaw, Circuit, IdealCircuit, UncoupledNonlinearCircuit, Wires
from simulator.errors import ParameterError
from simulator.parameters import CrossSimParameters

# The accuracy that iterative results have at least, relative to the largest output.
LOOSEST = 1e-6


def build_circuit(params: CrossSimParameters, shared_line: bool, law: CellLaw | None) -> Circuit:
    """The circuit of the arrays of a checked parameter tree; ``law`` None for ohmic cells."""
    parasitics = params.xbar.array.parasitics
    wires = Wires(
        parasitics.Rp_row_norm, parasitics.Rp_col_norm,
        parasitics.Rp_row_terminal_norm, parasitics.Rp_col_terminal_norm,
    )  # fmt: skip
    if not parasitics.enable or wires.is_zero:
        if law is None:
            return IdealCircuit(shared_line)
        return UncoupledNonlinearCircuit(law, shared_line)
    simulation = params.simulation
    common: dict[str, Any] = {
        "law": law,
        "method": simulation.parasitics_solver,
        "tolerance": min(simulation.Verr_th_mvm, LOOSEST),
        "iterations": simulation.Niters_max_parasitics,
    }
    style = "Interleaved" if shared_line else "Noninterleaved"
    if parasitics.current_from_input:
        cls: Any = registry.resolve("circuit", f"{style}InputSourceCircuit")
        return cls(wires, **common)
    cls = registry.resolve("circuit", f"{style}SeparateSourceCircuit")
    return cls(
        wires, **common, array_inputs=params.core.rows_max, selected=parasitics.selected_rows
    )


def wired_slices(params: CrossSimParameters, slices: int) -> tuple[bool, ...]:
    """Which weight slices have wires with resistance."""
    disabled = params.xbar.array.parasitics.disable_slices
    if len(disabled) not in (0, slices):
        raise ParameterError(
            f"xbar.array.parasitics.disable_slices is {disabled!r}; needed are {slices} values, "
            "one for each weight slice, or none"
        )
    return tuple(not off for off in disabled) or (True,) * slices
