"""The array without wire resistance: Ohm's law in every cell, Kirchhoff's on every line."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from simulator import registry


@dataclass(frozen=True)
class Circuit:
    """Base of all circuit models of linear cells.

    A linear network has one current per output and input voltage, so it is a matrix: the
    conductances that an array without wires would need for the same currents.
    """

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        registry.register("circuit", cls)

    def effective(self, conductances: Any) -> Any:
        """Effective conductances of shape (..., outputs, inputs), same shape as the cells'."""
        raise NotImplementedError


@dataclass(frozen=True)
class IdealCircuit(Circuit):
    """Wires without resistance."""

    def effective(self, conductances: Any) -> Any:
        """The conductances themselves."""
        return conductances
