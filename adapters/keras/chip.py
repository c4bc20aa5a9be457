"""The arrays of one layer, in NumPy: they follow its weights and multiply in their place."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from adapters.keras.layouts import Layout
from adapters.shared.lowering import layer_matrix, split_matrix
from adapters.shared.profiles import Seen
from adapters.shared.saved import as_trees, in_force, opened, packed, unpacked
from simulator import AnalogCore, InputError, OhmCoreError, states

FILE = "arrays.npz"
VERSION = 1
# Lists of arrays in the state of a core of that version; "born" is a list of such lists.
LISTS = ("cells", "unit")
REMEDY = "Give the layer these parameters (layer.params = ...) before its arrays are loaded"
# What a file that is damaged, or not one of ours, leads to.
UNREADABLE = (
    KeyError, TypeError, ValueError, AttributeError, OSError, EOFError, zipfile.BadZipFile,
)  # fmt: skip


class Chip:
    """Arrays that are programmed from a kernel and a bias when they are first needed.

    ``stream`` names their random numbers, ``name`` is that of the layer. With ``auto_synchronize``
    every use first looks whether kernel or bias have changed, and programs them if so. ``bias``
    counts only with ``bias_rows`` > 0.
    """

    auto_synchronize = True

    def __init__(self, layout: Layout, params: Any, bias_rows: int, name: str, stream: str) -> None:
        self.layout, self.params, self.bias_rows = layout, params, bias_rows
        self.name, self.stream = name, stream
        self.count = 0
        # What was said of values that ranges take; layers of one model share it.
        self.told: set[str] = set()
        self.seen: Seen | None = None
        self._groups: list[Any] = []
        self._programmed: list[np.ndarray] | None = None
        self._held: tuple[Any, ...] = ()

    # -- programming -------------------------------------------------------------------------

    @property
    def is_programmed(self) -> bool:
        """Whether there are arrays yet."""
        return bool(self._groups)

    @property
    def arrays(self) -> list[AnalogCore]:
        """One array for each group of outputs; empty before the first programming."""
        return [group.core for group in self._groups]

    def matrix(self, kernel: np.ndarray, bias: np.ndarray | None) -> np.ndarray:
        """The target matrix (outputs, inputs of one group + bias rows), float32 or float64."""
        dtype = np.result_type(kernel.dtype, np.float32)
        weight = np.array(self.layout.weight(kernel), dtype, order="C")
        on_lines = None if bias is None or not self.bias_rows else np.asarray(bias, dtype)
        return layer_matrix(weight, on_lines, self.bias_rows, np)

    def build(self, kernel: np.ndarray, bias: np.ndarray | None) -> None:
        """Arrays anew: new fabrication, new programming errors."""
        try:
            groups = self._new_groups()
            self._program(groups, kernel, bias)
        except OhmCoreError as error:
            raise self._named(error) from None
        self._take(groups, self.count + 1)

    def _take(self, groups: list[Any], count: int) -> None:
        self._groups, self.count = groups, count
        for core in self.arrays:
            core.watch.name, core.watch.told = self.name, self.told
        analytics = self.arrays[0].params.simulation.analytics
        if analytics.profile_xbar_inputs and self.seen is None:
            self.seen = Seen()

    def synchronize(self, kernel: np.ndarray, bias: np.ndarray | None) -> None:
        """Program kernel and bias. Raises InputError naming the layer if they are not finite."""
        if not self._groups:
            self.build(kernel, bias)
            return
        try:
            self._program(self._groups, kernel, bias)
        except InputError as error:
            raise self._named(error) from None

    def keep_up(self, kernel: np.ndarray, bias: np.ndarray | None = None) -> None:
        """Program what has not been programmed yet."""
        if not self._groups or (self.auto_synchronize and not self._is_in_step(kernel, bias)):
            self.synchronize(kernel, bias)

    def _new_groups(self) -> list[Any]:
        return self.layout.build(self.params, self.bias_rows, self.stream, self.count)

    def _program(self, groups: list[Any], kernel: np.ndarray, bias: np.ndarray | None) -> None:
        blocks = np.split(self.matrix(kernel, bias), self.layout.groups)
        for group, block in zip(groups, blocks, strict=True):
            group.set_matrix(block)
        self._note(kernel, bias)

    def _note(self, kernel: np.ndarray, bias: np.ndarray | None) -> None:
        self._programmed = [np.array(values) for values in self._followed(kernel, bias)]
        self._held = ()

    def _followed(self, kernel: np.ndarray, bias: np.ndarray | None) -> list[np.ndarray]:
        return [kernel] if bias is None or not self.bias_rows else [kernel, bias]

    def _is_in_step(self, kernel: np.ndarray, bias: np.ndarray | None) -> bool:
        if self._programmed is None:
            return False
        pairs = zip(self._followed(kernel, bias), self._programmed, strict=True)
        return all(np.array_equal(now, then) for now, then in pairs)

    def _named(self, error: OhmCoreError) -> OhmCoreError:
        """The same error, saying which layer it is about."""
        error.args = (f"layer {self.name!r}: {error}", *error.args[1:])
        return error

    # -- reading back ------------------------------------------------------------------------

    def get_matrix(self) -> np.ndarray:
        """The matrix the cells hold, in the shape of ``matrix``."""
        return np.concatenate([_on_host(core, core.get_matrix()) for core in self.arrays])

    def physical(self) -> tuple[np.ndarray, np.ndarray | None]:
        """Kernel and bias (None without bias lines) with all errors of the cells."""
        return self._split(self.get_matrix())

    def held(self) -> tuple[np.ndarray, np.ndarray | None]:
        """Kernel and bias (None without bias lines) that products are taken with."""
        versions = [core.version for core in self.arrays]
        if not self._held or self._held[0] != versions:
            matrices = [_on_host(core, core.get_effective_matrix()) for core in self.arrays]
            self._held = (versions, *self._split(np.concatenate(matrices)))
        return self._held[1:]

    def _split(self, matrix: np.ndarray) -> tuple[np.ndarray, np.ndarray | None]:
        weight, bias = split_matrix(matrix, self.layout.weight_shape, self.bias_rows)
        return self.layout.kernel(weight), bias

    @property
    def linear_reach(self) -> float:
        """Inputs of smaller magnitude meet nothing but a product with ``held()``.

        Zero where a bias line, which carries ones, may meet more.
        """
        reach = min(core.linear_reach for core in self.arrays)
        return reach if not self.bias_rows or reach > 1 else 0.0

    # -- multiplying -------------------------------------------------------------------------

    def watch(self, x: np.ndarray) -> None:
        """Record inputs where the parameters say so."""
        if self.seen is not None:
            self.seen.add(x)

    def multiply(self, x: np.ndarray) -> np.ndarray:
        """Products with what is programmed, in the dtype of ``x``.

        Raises InputError and ShapeError naming the layer.
        """
        self.watch(x)
        try:
            y = self.layout.multiply(self._groups, x)
        except OhmCoreError as error:
            raise self._named(error) from None
        return np.ascontiguousarray(y, x.dtype)

    # -- saving ------------------------------------------------------------------------------

    def saved(self, kernel: np.ndarray, bias: np.ndarray | None) -> np.ndarray | None:
        """The arrays as bytes, with their parameters and random state; None where there are none.

        The form is that of ``simulator.states``.
        """
        if not self._groups:
            return None
        return packed(
            {
                "arrays": [core.get_state(parameters=False) for core in self.arrays],
                "epoch": 0,
                "chip": self.count,
                "in_step": self._is_in_step(kernel, bias),
                **states.plain_parameters(as_trees(self.params)),
            }
        )

    def load(self, data: np.ndarray, kernel: np.ndarray, bias: np.ndarray | None) -> None:
        """Continue from the bytes of ``saved``; the arrays hold kernel and bias.

        Ranges that were measured become those of ``params``. Raises InputError naming the layer for
        bytes of something else, and for arrays of other parameters, which it lists.
        """
        try:
            sealed = opened(data)
            if sealed.changed:
                raise InputError("the bytes are not those that were saved")
            state = unpacked(sealed)
            params = in_force(self.params, state, True, REMEDY)
        except OhmCoreError as error:
            raise self._refused(error) from None
        self._continue(state, self.params if params is None else params, kernel, bias)

    def load_file(self, folder: str, kernel: np.ndarray, bias: np.ndarray | None) -> None:
        """Continue from the arrays that an earlier version wrote into ``folder``, if there are any.

        Raises InputError naming the layer for a file that is not of these arrays.
        """
        path = Path(folder, FILE)
        if not path.is_file():
            return
        try:
            with path.open("rb") as file, np.load(file, allow_pickle=False) as saved:
                values = {name: saved[name] for name in saved.files}
            meta = json.loads(str(values.pop("meta")))
            if meta["version"] != VERSION:
                raise InputError(f"arrays of version {meta['version']}")
            plain = enumerate(meta["arrays"])
            state = {
                "arrays": [_state(words, values, number) for number, words in plain],
                "chip": int(meta["count"]),
                "in_step": bool(meta["in_step"]),
            }
        except UNREADABLE as error:
            raise self._refused(error) from None
        self._continue(state, self.params, kernel, bias)

    def _continue(
        self, state: dict[str, Any], params: Any, kernel: np.ndarray, bias: np.ndarray | None
    ) -> None:
        """Take over arrays; if they do not fit, everything stays."""
        before, self.params = self.params, params
        try:
            groups = self._new_groups()
            if len(state["arrays"]) != len(groups):
                raise InputError(f"{len(state['arrays'])} arrays; the layer has {len(groups)}")
            for group, saved in zip(groups, state["arrays"], strict=True):
                group.core.set_state({**saved, "params": None})
        except UNREADABLE as error:
            self.params = before
            raise self._refused(error) from None
        self._take(groups, state["chip"])
        self._note(kernel, bias)
        if not state["in_step"]:
            self._programmed = None

    def _refused(self, error: Exception) -> InputError:
        return InputError(f"layer {self.name!r}: not the arrays of this layer: {error}")


def _state(plain: dict[str, Any], values: dict[str, np.ndarray], number: int) -> dict[str, Any]:
    """The state of one core, from the words and the arrays of a file."""
    lists = {
        name: [
            [values[f"{number}/{name}/{i}/{j}"] for j in range(int(length))]
            for i, length in enumerate(lengths)
        ]
        for name, lengths in plain["lengths"].items()
    }
    return {**plain["state"], **{n: lists[n][0] for n in LISTS}, "born": lists["born"]}


def _on_host(core: AnalogCore, array: Any) -> np.ndarray:
    return core.backend.to_host(array)
