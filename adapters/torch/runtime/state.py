"""Saving analog layers and copying them: what of a layer travels, and how it is taken over."""

from __future__ import annotations

import copy
from typing import Any

import torch

from adapters.torch.runtime.computed import (
    class_before,
    computing_hooks,
    is_parametrized,
    results_among,
    settled,
    with_settled_weights,
)
from simulator import InputError

EXTRA_STATE = "_extra_state"
STATE_VERSION = 1
# Torch's compiled call of a module; it calls the very module that was compiled.
COMPILED = "_compiled_call_impl"


class LayerState:
    """The part of ``AnalogLayer`` behind ``state_dict``, ``pickle`` and ``copy``."""

    arrays: list[Any]
    path: str
    epoch: int
    chip: int

    def get_extra_state(self) -> dict[str, Any]:
        """Conductances, ranges and random state, as tensors, numbers and strings."""
        cores = [_as_tensors(core.get_state()) for core in self.arrays]
        counters = {"epoch": self.epoch, "chip": self.chip, "in_step": self._is_in_step()}
        return {"version": STATE_VERSION, **counters, "arrays": cores}

    @with_settled_weights
    def _is_in_step(self) -> bool:
        """Whether the arrays were programmed with the parameters as they are."""
        return not self._is_stale()

    @with_settled_weights
    def set_extra_state(self, state: Any) -> None:
        """Continue from saved arrays. Raises InputError naming the layer where they do not fit."""
        try:
            cores = state["arrays"]
            epoch, chip = int(state["epoch"]), int(state["chip"])
            in_step = bool(state.get("in_step", True))
            if state["version"] != STATE_VERSION or len(cores) != len(self.arrays):
                raise InputError(f"{len(cores)} arrays of version {state['version']}")
            before = [core.get_state() for core in self.arrays]
            try:
                for core, saved in zip(self.arrays, cores, strict=True):
                    core.set_state(_as_arrays(saved))
            except Exception:
                for core, saved in zip(self.arrays, before, strict=True):
                    core.set_state(saved)
                raise
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise InputError(f"layer {self.path!r}: not the state of this layer: {error}") from None
        self.epoch, self.chip = epoch, chip
        self._mark()
        if not in_step:
            # Saved between a step of the optimizer and the next forward, which will program them.
            self.__dict__.update(_programmed_from=(), _traces={})

    def __deepcopy__(self, memo: dict[int, Any]) -> Any:
        # Torch gives parametrised layers a copy of their own, past the two methods below.
        replica = self.__new__(type(self))
        memo[id(self)] = replica
        state = class_before(self).__getstate__(self)
        memo.update(results_among(state.values()))
        replica.__setstate__(copy.deepcopy(state, memo))
        return replica

    def __getstate__(self) -> dict[str, Any]:
        # Addresses do not travel: the copy is as much in step with its arrays as the original.
        state = {**self.__dict__, "_programmed_from": self._is_in_step()}
        for name in (COMPILED, "_from", "_traces"):
            state.pop(name, None)
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        in_step = self._programmed_from
        self.__dict__.update(_programmed_from=(), _from=(), _traces={})
        if in_step:
            with settled(self):
                self._remember()

    def _load_from_state_dict(
        self, state_dict: Any, prefix: str, metadata: Any, strict: bool,
        missing: list[str], unexpected: list[str], errors: list[str],
    ) -> None:  # fmt: skip
        before = dict(self._parameters)
        values = {name: p.detach().clone() for name, p in before.items() if p is not None}
        try:
            super()._load_from_state_dict(
                state_dict, prefix, metadata, strict, missing, unexpected, errors
            )
            if prefix + EXTRA_STATE not in state_dict:
                # Weights of a digital model: the arrays follow them.
                missing[:] = [key for key in missing if key != prefix + EXTRA_STATE]
                if any(prefix + name in state_dict for name in self._deciding()):
                    self.synchronize()
        except Exception:
            self._parameters.update(before)
            with torch.no_grad():
                for name, kept in values.items():
                    before[name].copy_(kept)
            raise
        self._watch_children(prefix + EXTRA_STATE in state_dict)

    def _deciding(self) -> list[str]:
        """The parameters of this module itself that decide what the arrays hold."""
        return list(self._parameters) if computing_hooks(self) else list(self._followed())

    def _watch_children(self, has_state: bool) -> None:
        """Torch loads children after their parent, but what arrays hold may come from both."""
        if not self._modules:
            return
        then = "remember" if has_state or not is_parametrized(self) else "program"
        self.__dict__["_loading"] = then if then == "program" or self._is_in_step() else ""
        if _children_came not in self._load_state_dict_post_hooks.values():
            self.register_load_state_dict_post_hook(_children_came)


def _children_came(layer: Any, keys: Any) -> None:
    then = layer.__dict__.pop("_loading", "")
    if then == "program" and not layer._is_in_step():
        layer.synchronize()
    elif then == "remember":
        # The same values once more, or those that the state of the arrays was saved with.
        with settled(layer):
            layer._remember()


def _as_tensors(state: dict[str, Any]) -> dict[str, Any]:
    arrays = {k: [torch.from_numpy(a) for a in state[k]] for k in ("cells", "unit")}
    born = [[torch.from_numpy(a) for a in part] for part in state["born"]]
    return {**state, **arrays, "born": born}


def _as_arrays(state: dict[str, Any]) -> dict[str, Any]:
    arrays = {k: [t.cpu().numpy() for t in state[k]] for k in ("cells", "unit")}
    born = [[t.cpu().numpy() for t in part] for part in state["born"]]
    return {**state, **arrays, "born": born}
