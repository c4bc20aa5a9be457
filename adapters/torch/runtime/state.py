"""Saving analog layers and copying them: what of a layer travels, and how it is taken over."""

from __future__ import annotations

from typing import Any

import torch

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

    def _is_in_step(self) -> bool:
        """Whether the arrays were programmed with the parameters as they are."""
        if self.auto_synchronize:
            return not self._is_stale()
        return self._stamp() == self._programmed_from

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
            self.__dict__.update(_programmed_from=(), _copy=None)

    def __getstate__(self) -> dict[str, Any]:
        # Addresses do not travel: the copy is as much in step with its arrays as the original.
        in_step = self._stamp() == self._programmed_from
        state = {**self.__dict__, "_programmed_from": in_step}
        state.pop(COMPILED, None)
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        self._programmed_from = self._stamp() if self._programmed_from else ()

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
                if any(prefix + name in state_dict for name in self._followed()):
                    self.synchronize()
        except Exception:
            self._parameters.update(before)
            with torch.no_grad():
                for name, kept in values.items():
                    before[name].copy_(kept)
            raise


def _as_tensors(state: dict[str, Any]) -> dict[str, Any]:
    arrays = {k: [torch.from_numpy(a) for a in state[k]] for k in ("cells", "unit")}
    born = [[torch.from_numpy(a) for a in part] for part in state["born"]]
    return {**state, **arrays, "born": born}


def _as_arrays(state: dict[str, Any]) -> dict[str, Any]:
    arrays = {k: [t.cpu().numpy() for t in state[k]] for k in ("cells", "unit")}
    born = [[t.cpu().numpy() for t in part] for part in state["born"]]
    return {**state, **arrays, "born": born}
