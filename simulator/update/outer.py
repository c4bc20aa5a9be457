"""An array whose weights are changed in place by pulses: ``W -= lr * d x^T``, cell by cell.

::

    x, d -> slots, probabilities -> pulse trains -> coincidences -> steps of each cell -> W

Vectors of a batch are applied one after the other, each pulse to what the one before left. Every
draw is named by cell, vector and slot, so a result does not depend on how a batch is cut.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np

from simulator.backend import Backend
from simulator.errors import InputError
from simulator.kernels.reference.pulses import (
    each_pulse,
    firing,
    meetings,
    trains,
    vectors_at_a_time,
)
from simulator.randomness import Purpose, RandomSource, Stream
from simulator.randomness.addresses import (
    AGEING_EVENTS,
    DIFFUSION,
    ROUND_COLUMNS,
    ROUND_ROWS,
    ROWS_OF_NEGATIVE,
)
from simulator.update.exact import ExactArray
from simulator.update.pulses import PulseParameters, PulsePlan, PulseType
from simulator.update.steps import Cells, CellTrait, Draws, StepDevice
from simulator.verification import WriteVerify, checked_rule


class PulsedArray(ExactArray):
    """Weights (rows, columns) on step devices.

    Args:
        shape: rows (outputs, ``d``) and columns (inputs, ``x``).
        device: the law of a pulse.
        pulses: how products become pulses.
        backend: where to compute; None is the CPU.
        dtype: of the weights, float32 or float64.
        seed, stream, entropy: as those of ``AnalogCore``.
        device_seed: fixes the population apart from all else; None takes it from the same seed.
    """

    def __init__(
        self,
        shape: tuple[int, int],
        device: StepDevice,
        pulses: PulseParameters,
        *,
        backend: Backend | None = None,
        dtype: Any = np.float32,
        seed: int | None = None,
        stream: int = 0,
        entropy: Callable[[], int] | None = None,
        device_seed: int | None = None,
    ) -> None:
        super().__init__(shape, backend=backend, dtype=dtype)
        self.device, self.pulses = device, pulses
        self._random = source = RandomSource(self.backend, seed, stream, entropy)
        if device_seed is not None:
            source = RandomSource(self.backend, device_seed, stream)
        self.vectors, self.updates = 0, 0
        made = device.fabricate(self._draws(source(Purpose.FABRICATION)))
        self.cells: Cells = {name: value.astype(dtype) for name, value in made.items()}
        self._packed: Any = None
        self._keep_within()

    def _keep_within(self) -> None:
        high, low = self.cells["max_bound"], self.cells["min_bound"]
        self.backend.xp.clip(self._weights, low, high, out=self._weights)

    def _draws(self, stream: Stream) -> Draws:
        rows, cols = self.shape
        xp = self.backend.xp

        def draw(law: str) -> Callable[[CellTrait], Any]:
            return lambda name: getattr(stream, law)(range(cols), xp.arange(rows), 0, int(name))

        return Draws(xp, self.shape, draw("normal"), draw("uniform"))

    # -- one batch ---------------------------------------------------------------------------

    def _change(self, x: Any, d: Any, lr: float) -> None:
        xp, kind = self.backend.xp, self.pulses.pulse_type
        if kind in (PulseType.NONE, PulseType.NONE_WITH_DEVICE):
            super()._change(x, d, lr)
            if kind == PulseType.NONE_WITH_DEVICE:
                self._keep_within()
            return
        x_max, d_max = (largest(part, xp) for part in (x, d))
        if not self.backend.is_asynchronous and not (np.isfinite(x_max) & np.isfinite(d_max)).all():
            raise InputError("inputs and gradients of an update must be finite numbers")
        plan = self.pulses.plan(x_max, d_max, lr, self.device.granularity, xp)
        first, self.vectors = self.vectors, self.vectors + len(x)
        if self._is_plain:
            self._apply_plain(x, d, plan, lr, first)
        else:
            self._apply(x, d, plan, lr, first)

    @property
    def _is_plain(self) -> bool:
        """True for trains and steps that a kernel knows: steps linear in the weight."""
        pulses = self.pulses
        compressed = pulses.pulse_type == PulseType.STOCHASTIC_COMPRESSED and pulses.res == 0
        return compressed and self._lines() is not None

    def _apply_plain(self, x: Any, d: Any, plan: PulsePlan, lr: float, first: int) -> None:
        keys = [self._random.keys[purpose] for purpose in (Purpose.PULSES, Purpose.STEPS)]
        noise = float(self.device.dw_min_std), bool(self.device.relative_noise)
        scales, sign = (plan.x_scale, plan.d_scale), 1.0 if lr > 0 else -1.0
        self.backend.kernels.pulse(
            self._weights, self._lines(), (x, d), plan.slots, scales, sign, noise, first, keys
        )

    def _lines(self) -> Any:
        """Steps, slopes and bounds of every cell side by side, (rows, columns, 8), or None."""
        if self._packed is None:
            law = self.device.affine(self.cells)
            if law is None or not self.device.is_affine:
                return None
            names = ("max_bound", "min_bound", "dwmin_up", "dwmin_down")
            parts = (*law, *(self.cells[name] for name in names))
            self._packed = self.backend.xp.stack(parts, axis=-1)
        return self._packed

    # -- other trains and other steps ---------------------------------------------------------

    def _apply(self, x: Any, d: Any, plan: PulsePlan, lr: float, first: int) -> None:
        """Vector after vector, slot after slot, by the law of the device."""
        step = vectors_at_a_time(plan.slots, self.shape)
        for start in range(0, len(x), step):
            part = slice(start, start + step)
            some = PulsePlan(*(values[part] for values in (plan.slots, plan.x_scale, plan.d_scale)))
            if not int(some.slots.max()):
                continue
            meet = self._meetings(x[part], d[part], some, first + start)
            each_pulse(
                meet, x[part], d[part], some.slots, float(np.sign(lr)), first + start, self._move,
                self.backend.xp,
            )  # fmt: skip

    def _meetings(self, x: Any, d: Any, plan: PulsePlan, first: int) -> Callable[[int, int], Any]:
        """Tells which cells (rows, columns) get a pulse of one vector in one slot."""
        xp, kind, slots = self.backend.xp, self.pulses.pulse_type, plan.slots
        p, q = firing(x, plan.x_scale, xp), firing(d, plan.d_scale, xp)
        if kind == PulseType.DETERMINISTIC_IMPLICIT:
            p = xp.clip(self._rounded(p, self.pulses.x_res_implicit, ROUND_COLUMNS, first), 0, 1)
            q = xp.clip(self._rounded(q, self.pulses.d_res_implicit, ROUND_ROWS, first), 0, 1)
            return _counted(lambda v: xp.rint(slots[v] * (q[v][:, None] * p[v][None, :])))
        p = self._rounded(p, self.pulses.res, ROUND_COLUMNS, first)
        q = self._rounded(q, self.pulses.res, ROUND_ROWS, first)
        if kind == PulseType.MEAN_COUNT:
            p, q = (xp.clip(xp.rint(slots[:, None] * r), 0, slots[:, None]) for r in (p, q))
            return _counted(lambda v: xp.rint(q[v][:, None] * p[v][None, :] / slots[v]))
        columns, rows = (self._trains(r, slots, side, first) for side, r in enumerate((p, q)))
        if kind == PulseType.STOCHASTIC_COMPRESSED:
            return meetings(rows, columns)
        again = self._trains(q, slots, ROWS_OF_NEGATIVE, first)

        def meet(v: int, slot: int) -> Any:
            fires = xp.where(x[v] > 0, rows[v, slot][:, None], again[v, slot][:, None])
            return fires & columns[v, slot]

        return meet

    def _trains(self, p: Any, slots: Any, side: int, first: int) -> Any:
        """Which lines fire in which slot, (vectors, slots, lines)."""
        key = self._random.keys[Purpose.PULSES]
        return trains(self.backend.kernels, p, slots, side, first, key)

    def _rounded(self, p: Any, step: float, side: int, first: int) -> Any:
        """Probabilities as multiples of ``step``."""
        if step == 0:
            return p
        places, xp = p / step, self.backend.xp
        if self.pulses.sto_round:
            events = xp.arange(first, first + len(p))
            stream = self._random(Purpose.PULSES)
            places = places + stream.uniform(range(p.shape[1]), side, events, 0) - 0.5
        return xp.rint(places) * step

    def _move(self, there: Any, up: Any, vector: int, slot: int) -> None:
        """Give cells (rows, columns) one pulse each, ``up`` or down."""
        (rows, columns), xp, w = there, self.backend.xp, self._weights
        cells = {name: value[there].astype(xp.float64) for name, value in self.cells.items()}
        normal = None
        if self.device.varies:
            normal = self._random(Purpose.STEPS).normal_of(columns, rows, vector, slot)
        held = w[there].astype(xp.float64)
        w[there] = self.device.stepped(held, up, cells, normal, xp).astype(w.dtype)

    def write_verify(
        self, weights: Any, *, tolerance: float = 0.01, max_pulses: int = 1000
    ) -> WriteVerify:
        """Give cells one pulse after the other until they are near enough to their targets.

        Each pulse goes to the cells that are too far away, in the direction of their target. One
        warning counts cells that never came near enough, such as those whose bounds lie before it.

        Args:
            weights: Targets, (rows, columns).
            tolerance: How far a weight may be from its target, in units of the weight.
            max_pulses: How many pulses a cell gets at most, from 1.

        Returns:
            A frozen value: how many pulses every cell got and its final error, both (rows,
            columns), with histogram and totals; ``print`` it.

        Raises:
            ShapeError: Targets of another shape.
            InputError: Targets that are not finite numbers; a tolerance below 0 or a number of
                pulses below 1.
        """
        limit, most = checked_rule(tolerance, max_pulses, "max_pulses")
        xp = self.backend.xp
        target = self._targets(weights).astype(xp.float64)
        pulses = xp.zeros(self.shape, dtype=xp.int64)
        for _ in range(most):
            rest = target - self._weights
            there = xp.nonzero(abs(rest) > limit)
            if not len(there[0]):
                break
            self._move(there, rest[there] > 0, self.vectors, 0)
            self.vectors += 1
            pulses[there] += 1
        host = self.backend.to_host
        errors = host(self._weights - target)
        result = WriteVerify(limit, most, host(pulses), errors, "of the weight", "pulse")
        result.warn_of_failures()
        return result

    # -- between updates -----------------------------------------------------------------------

    def age(self) -> None:
        """One step of diffusion and decay: what happens to all cells between two updates."""
        device, cells = self.device, self.cells
        self.updates += 1
        if device.diffusion > 0:
            self._weights += (cells["diffusion_rates"] * self._noise(DIFFUSION)).astype(
                self._weights.dtype
            )
            self._keep_within()
        if device.lifetime > 0:
            away = (self._weights - cells["reset_bias"]) * cells["decay_scales"]
            self._weights[...] = away + cells["reset_bias"]
            self._keep_within()

    def _noise(self, what: int) -> Any:
        rows, cols = self.shape
        lines = self.backend.xp.arange(rows)
        stream = self._random(Purpose.STEPS)
        return stream.normal(range(cols), lines, AGEING_EVENTS + self.updates, what)

    # -- state -------------------------------------------------------------------------------

    def get_state(self) -> dict[str, Any]:
        """Weights, population, counters and random state."""
        host = self.backend.to_host
        return {
            **super().get_state(),
            "cells": {name: np.array(host(value)) for name, value in self.cells.items()},
            "vectors": self.vectors,
            "updates": self.updates,
            **self._random.state,
        }

    def set_state(self, state: dict[str, Any]) -> None:
        """Continue from ``get_state``.

        Args:
            state: of an array of the same shape and device.

        Raises:
            InputError: a state that does not fit; the array then stays as it was.
        """
        try:
            cells = {name: self._checked(state["cells"][name]) for name in self.cells}
            weights = self._checked(state["weights"])
            counters = int(state["vectors"]), int(state["updates"])
            if min(counters) < 0 or max(counters) >= AGEING_EVENTS:
                raise ValueError(f"counters {counters}")
            self._random.state = state
        except (KeyError, TypeError, ValueError, OverflowError) as error:
            raise InputError(f"not the state of an array of {self.shape}: {error!r}") from None
        self.cells, self._packed = cells, None
        self._weights[...] = weights
        self.vectors, self.updates = counters


def _counted(pulses: Callable[[int], Any]) -> Callable[[int, int], Any]:
    """``pulses`` of one vector after the other in as many slots, from the first one on."""
    of_vector = lru_cache(maxsize=1)(pulses)
    return lambda v, slot: of_vector(v) > slot


def largest(values: Any, xp: Any) -> Any:
    """Largest magnitude of each vector (vectors, lines), float64."""
    return xp.maximum(values.max(axis=1), -values.min(axis=1)).astype(xp.float64)
