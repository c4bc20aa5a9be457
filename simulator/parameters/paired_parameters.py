"""Nodes that exist twice, for products from the left (MVM) and from the right (VMM)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from simulator.errors import ParameterError
from simulator.schema import parameter

from .base_parameters import BaseParameters


class BasePairedParameters(BaseParameters):
    """Parameters of MVM and VMM; while ``match`` is True, both are one object.

    Setting ``match`` to False makes ``vmm`` a copy of ``mvm``; setting it to True drops that copy.
    Of a matched pair it is enough to give one; two that differ are an error.
    """

    _match: bool = parameter(True, type=bool, doc="use one set of parameters in both directions")
    mvm: Any
    vmm: Any

    @property
    def match(self) -> bool:
        """Whether MVM and VMM share one set of parameters."""
        return bool(vars(self)["_match"])

    @match.setter
    def match(self, value: bool) -> None:
        self._match = value

    def _completed(self, values: dict[str, Any]) -> dict[str, Any]:
        if "match" in values:
            values["_match"] = values.pop("match")
        return values

    def __setattr__(self, name: str, value: Any) -> None:
        if name in ("match", "_match") and not self._frozen:
            vars(self)["_match"] = self._checked("match", value)
            self._apply_match()
        else:
            super().__setattr__(name, value)

    def _spec(self, name: str) -> Any:
        return super()._spec("_match" if name == "match" else name)

    def _knows(self, name: str) -> bool:
        return name == "match" or super()._knows(name)

    def _apply_match(self) -> None:
        """Make ``vmm`` the same object as ``mvm``, or an object of its own, as `match` says."""
        state = vars(self)
        if state["_match"] and state["vmm"] is not state["mvm"]:
            vars(state["vmm"]).update(_parent=None, _name="")
            state["vmm"] = state["mvm"]
        elif not state["_match"] and state["vmm"] is state["mvm"]:
            state["vmm"] = self._node("vmm", state["mvm"])

    def _fill_children(self, values: Mapping[str, Any]) -> None:
        mvm, vmm = values.get("mvm"), values.get("vmm")
        state = vars(self)
        if not state["_match"]:
            state["mvm"] = self._node("mvm", mvm)
            state["vmm"] = self._node("vmm", vmm)
            return
        state["mvm"] = state["vmm"] = self._node("mvm", vmm if mvm is None else mvm)
        if mvm is not None and vmm is not None and vmm is not mvm:
            other = vmm if isinstance(vmm, BaseParameters) else self._node("vmm", vmm)
            if other != state["mvm"]:
                raise ParameterError(
                    f"{self._where('mvm')} and {self._where('vmm')}: got different parameters"
                    f" while {self._where('match')} is True; allowed are equal ones, or match=False"
                )

    def _set_child(self, name: str, value: Any) -> None:
        if not self.match:
            super()._set_child(name, value)
            return
        super()._set_child("mvm", value)
        vars(self)["vmm"] = vars(self)["mvm"]

    def _copy_children(self, new: BaseParameters) -> None:
        super()._copy_children(new)
        if self.match:
            vars(new)["vmm"] = vars(new)["mvm"]

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        vars(self.mvm)["_name"] = "mvm"
        self._apply_match()

    def _lines(self, indent: str) -> list[str]:
        if not self.match:
            return [f"{indent}match: false", *super()._lines(indent)[1:]]
        return [f"{indent}match: true", f"{indent}mvm, vmm:", *self.mvm._lines(indent + "  ")]

    def _explained(self, indent: str) -> list[str]:
        lines = super()._explained(indent)
        if not self.match:
            return [f"{indent}match: false", *lines[1:]]
        below = self.mvm._explained(indent + "  ")
        return [f"{indent}match: true  # both directions are one", f"{indent}mvm, vmm:", *below]
