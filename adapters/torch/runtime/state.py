"""Saving analog layers and copying them: what of a layer travels, and how it is taken over."""

from __future__ import annotations

import copy
import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch

from adapters.shared.saved import as_trees, design_of, in_force, opened, packed, unpacked
from adapters.torch.runtime.computed import (
    class_before,
    computing_hooks,
    is_parametrized,
    results_among,
    settled,
    with_settled_weights,
)
from simulator import InputError, OhmCoreError, states, warn_user

EXTRA_STATE = "_extra_state"
# Torch's compiled call of a module; it calls the very module that was compiled.
COMPILED = "_compiled_call_impl"

log = logging.getLogger("adapters.torch")


class LayerState:
    """The part of ``AnalogLayer`` behind ``state_dict``, ``pickle`` and ``copy``.

    A state dictionary holds the arrays of a layer as one tensor of bytes, ``_extra_state``, in the
    form of ``simulator.states``.
    """

    arrays: list[Any]
    path: str
    epoch: int
    chip: int
    _params: Any

    def get_chip_state(self) -> dict[str, Any]:
        """Everything of the arrays that ``set_chip_state`` continues from.

        Returns:
            ``arrays``, the state of every array; their parameters (``params`` as the user wrote
            them, measured ``ranges``), counters, and whether the arrays are in step with the
            weights.
        """
        return {
            "arrays": [core.get_state(parameters=False) for core in self.arrays],
            "epoch": self.epoch,
            "chip": self.chip,
            "in_step": self._is_in_step(),
            **states.plain_parameters(as_trees(self._params)),
        }

    @with_settled_weights
    def set_chip_state(
        self, state: dict[str, Any], *, strict: bool = True, params: Any = None
    ) -> None:
        """Continue from ``get_chip_state``.

        Args:
            state: of a layer of the same shape.
            strict: False takes the parameters of the state where they differ.
            params: continue on this hardware instead; nothing is compared.

        Raises:
            InputError: a state that does not fit, or of other parameters with ``strict``; it names
                the layer, which then stays as it was.
            ParameterError, ModelError: hardware that no array can have.
        """
        with self._named_errors():
            try:
                cores = list(state["arrays"])
                counters = int(state["epoch"]), int(state["chip"]), bool(state["in_step"])
            except (KeyError, TypeError, ValueError) as error:
                raise InputError(f"not the state of this layer: {error!r}") from None
            if len(cores) != len(self.arrays):
                raise InputError(
                    f"the state has {len(cores)} arrays; the layer has {len(self.arrays)}"
                )
            wanted = in_force(self._params, state, strict) if params is None else params
            self._continue(cores, wanted)
        self.epoch, self.chip, in_step = counters
        self._mark()
        if not in_step:
            # Saved between a step of the optimizer and the next forward, which will program them.
            self._lag()

    def _continue(self, cores: list[dict[str, Any]], params: Any) -> None:
        """Put states into the arrays, on other hardware if it is given; all or none."""
        before: list[tuple[Any, Any, Any]] = []
        try:
            for core, saved in zip(self.arrays, cores, strict=True):
                if len(cores) > 1:
                    before.append((core, core.trees, core.get_state(parameters=False)))
                core.set_state({**saved, "params": None}, params=params)
        except (TypeError, AttributeError) as error:
            _undo(before)
            raise InputError(f"not the state of this layer: {error!r}") from None
        except Exception:
            _undo(before)
            raise
        if params is not None:
            self._note_params(params)

    def _note_params(self, params: Any) -> None:
        """The arrays have this hardware now."""
        self.__dict__["_params"] = params
        for part in self.__dict__.get("parts", {}).values():
            part.__dict__["_params"] = params

    def _lag(self) -> None:
        """The parameters have changed since the arrays were programmed."""
        self.__dict__.update(_programmed_from=(), _traces={})

    @contextmanager
    def _named_errors(self) -> Iterator[None]:
        try:
            yield
        except OhmCoreError as error:
            error.args = (f"layer {self.path!r}: {error}", *error.args[1:])
            raise

    @with_settled_weights
    def _is_in_step(self) -> bool:
        """Whether the arrays were programmed with the parameters as they are."""
        return not self._is_stale()

    # -- state dictionaries ------------------------------------------------------------------

    def get_extra_state(self) -> torch.Tensor:
        """The arrays as bytes, (length,) of uint8, which states of one hardware have in common."""
        return torch.from_numpy(packed(self.get_chip_state()))

    def set_extra_state(self, state: Any) -> None:
        """Continue from what ``get_extra_state`` returned, also in an earlier version.

        Where its bytes were averaged or exchanged since, as by averages over models, the cells are
        none that were ever programmed: then they are programmed from the weights, with a warning.

        Raises:
            InputError, ModelError: as ``set_chip_state``. The parameters of a state are taken where
                ``load_state_dict`` was called with ``strict=False``.
        """
        strict = strict_was_asked()
        with self._named_errors():
            sealed = None if isinstance(state, dict) else opened(_as_array(state))
            if sealed is None or not sealed.changed:
                saved = _of_version_1(state) if sealed is None else unpacked(sealed)
            else:
                wanted = in_force(self._params, design_of(sealed), strict)
        if sealed is None or not sealed.changed:
            self.set_chip_state(saved, strict=strict)
            return
        if wanted is not None:
            self.set_chip_state(self.get_chip_state(), params=wanted)
        self._lag()
        warn_user(
            f"layer {self.path!r}: the saved arrays have been changed since, by an average or in "
            "their type; they are programmed anew from the weights"
        )

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
        state, in_step = state_dict.get(prefix + EXTRA_STATE), self._is_in_step()
        try:
            super()._load_from_state_dict(
                state_dict, prefix, metadata, strict, missing, unexpected, errors
            )
            if state is None:
                # Weights of a digital model: the arrays follow them.
                missing[:] = [key for key in missing if key != prefix + EXTRA_STATE]
                if any(prefix + name in state_dict for name in self._deciding()):
                    self.synchronize()
                    log.info("layer %r: arrays programmed from digital weights", self.path)
            elif _is_changed(state):
                self.synchronize()
        except Exception:
            self._parameters.update(before)
            with torch.no_grad():
                for name, kept in values.items():
                    before[name].copy_(kept)
            self._unchanged(in_step)
            raise
        self._watch_children(state is not None and not _is_changed(state))

    def _unchanged(self, in_step: bool) -> None:
        """The parameters have their values of before, when arrays were ``in_step`` with them."""
        if in_step:
            with settled(self):
                self._remember()

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


def strict_was_asked() -> bool:
    """The ``strict`` of the ``load_state_dict`` that is running; True outside of one.

    Torch asks modules for everything as if it were True, and looks at the lists of keys in the end:
    too late for a layer that is to stay as it was.
    """
    frame = sys._getframe(1)
    while frame is not None:
        if frame.f_code is torch.nn.Module.load_state_dict.__code__:
            return bool(frame.f_locals["strict"])
        frame = frame.f_back  # type: ignore[assignment]
    return True


def _undo(before: list[tuple[Any, Any, Any]]) -> None:
    for core, trees, state in before:
        core.set_state(state, params=trees if len(trees) > 1 else trees[0])


def _is_changed(state: Any) -> bool:
    return isinstance(state, torch.Tensor) and bool(opened(_as_array(state)).changed)


def _as_array(state: Any) -> np.ndarray:
    if not isinstance(state, torch.Tensor):
        raise InputError(f"not the state of a layer: {type(state).__name__}")
    state = state.detach().cpu()
    # NumPy knows no bfloat16.
    return (state.float() if state.dtype == torch.bfloat16 else state).numpy()


def _of_version_1(state: dict[str, Any]) -> dict[str, Any]:
    """A state of nested dictionaries of tensors, as the first version saved them."""
    if state.get("version") != 1:
        raise InputError(f"not the state of a layer: version {state.get('version')!r}")
    try:
        return {"in_step": True, **state, "arrays": [_core_of_1(s) for s in state["arrays"]]}
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise InputError(f"not the state of a layer: {error!r}") from None


def _core_of_1(state: dict[str, Any]) -> dict[str, Any]:
    arrays = {name: [t.cpu().numpy() for t in state[name]] for name in ("cells", "unit")}
    born = [[t.cpu().numpy() for t in part] for part in state["born"]]
    return {**state, **arrays, "born": born}
