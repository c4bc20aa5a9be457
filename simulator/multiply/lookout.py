"""A look at what ranges take from values, in a few calls, and one warning for each kind of loss.

To look at every value would take as long as converting it. So a sample is looked at, in the first
calls of a core and then in ever fewer of them. Where work is queued on a device, which a look would
wait for, only the very first call is looked at.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from simulator.backend import Backend
from simulator.errors import ClippingWarning, warn_user
from simulator.hardware import Hardware, Periphery, Plan
from simulator.mapping import InputScaling
from simulator.multiply.currents import OUT_PART, OUTPUT
from simulator.multiply.loss import MANY_ZEROS, Loss, percent, rounded_up, thinned
from simulator.parameters import CrossSimParameters
from simulator.parameters.xbar_parameters import ADCRangeLimits
from simulator.quantities import Amps, Array, Inputs

# Calls that are looked at one after the other; then the next is twice as far away.
FIRST_CALLS = 4
# Values that are looked at in a call.
SAMPLE = 1 << 12
# Whether somebody else tells of lost values.
_unwatched: ContextVar[bool] = ContextVar("unwatched", default=False)
# Axes of a sample of currents: lines of all tiles, then as they were.
PHASE, IN_PART, SLICE = 1, 2, 3


@contextmanager
def unwatched() -> Iterator[None]:
    """Inside, nobody looks for values that are lost to ranges, and nothing is said of them."""
    token = _unwatched.set(True)
    try:
        yield
    finally:
        _unwatched.reset(token)


@dataclass
class Watch:
    """What a core says of lost values: each kind once, for all cores that share ``told``.

    ``name`` is that of the layer that the core belongs to. ``is_silent`` where values are lost as
    they are meant to be, or somebody else tells of them.
    """

    params: CrossSimParameters
    name: str = ""
    told: set[str] = field(default_factory=set)
    is_silent: bool = False

    def speak_as(self, other: Watch) -> None:
        """Take over the name of another, and what was said so far."""
        self.name, self.told, self.is_silent = other.name, other.told, other.is_silent

    def tell(self, kind: str, words: str) -> None:
        """Warn of a kind of loss."""
        if self.is_silent or kind in self.told or _unwatched.get():
            return
        self.told.add(kind)
        where = f"layer {self.name!r}: " if self.name else ""
        more = (
            "report(model, loader) shows all layers" if self.name else "core.report(x) shows more"
        )
        warn_user(f"{where}{words}; {more}", ClippingWarning)

    def weights(self, matrix: Array, low: float, high: float) -> None:
        """Look at weights, on the host, that are clipped to a range as they are programmed."""
        loss = Loss.of(matrix, low, high, 0)
        if loss.matters:
            top = rounded_up(loss.reach)
            self.tell(
                "weights",
                f"{percent(loss.share)} of the weights lie beyond [{low:g}, {high:g}] and are "
                f"clipped: set core.mapping.weights.min, max = {-top:g}, {top:g}, or "
                "core.mapping.weights.percentile = 1.0",
            )


@dataclass
class Lookout:
    """Looks at inputs and currents of one direction of a stack of tiles.

    ``is_due`` while the currents of a call are still to be looked at.
    """

    watch: Watch
    backend: Backend
    hardware: Hardware
    plan: Plan
    calls: int = 0
    is_due: bool = False

    def call(self, inputs: Inputs, scaling: InputScaling) -> None:
        """Count a call, and look at its inputs where it is one of the few."""
        self.calls, self.is_due = self.calls + 1, False
        number = self.calls
        if number > FIRST_CALLS and number & (number - 1):
            return
        if number > 1 and self.backend.is_asynchronous:
            return
        if _unwatched.get():
            self.calls -= 1
            return
        self.is_due = True
        if not self.periphery.dac.is_ideal:
            self._look_at_inputs(inputs, scaling)

    @cached_property
    def periphery(self) -> Periphery:
        """The converters of this direction."""
        return self.plan.periphery

    def _path(self, kind: str) -> str:
        """Path of a node of the parameters for this direction, which both may share."""
        params = self.watch.params
        owner = params.core.mapping.inputs if kind == "inputs" else getattr(params.xbar, kind)
        place = "core.mapping.inputs" if kind == "inputs" else f"xbar.{kind}"
        return f"{place}.{'mvm' if owner.match else self.plan.direction.name}"

    # -- inputs ------------------------------------------------------------------------------

    def _look_at_inputs(self, inputs: Inputs, scaling: InputScaling) -> None:
        dac, ends = self.periphery.dac, (scaling.low, scaling.high)
        values = self.backend.to_host(thinned(inputs.reshape(-1), SAMPLE))
        loss = Loss.of(values, *ends, dac.level_count)
        # A percentile below 1 clips on purpose.
        if loss.matters and self.periphery.percentile is None:
            self.watch.tell(
                "inputs",
                f"the DACs clip {percent(loss.share)} of the inputs to [{ends[0]:g}, {ends[1]:g}]: "
                + self._better_inputs(loss),
            )
        if loss.zeros >= MANY_ZEROS and not self.periphery.keeps_zero(self.backend):
            self.watch.tell(
                "zeros of inputs",
                f"{percent(loss.zeros)} of the inputs are exactly zero, and "
                f"{self._path('dac')}.model = {type(dac).__name__!r} with signed = {dac.signed} "
                "has no level there, so that each becomes half a step: choose SignMagnitudeDAC, "
                "or QuantizerDAC with signed = False for inputs of one sign",
            )

    def _better_inputs(self, loss: Loss) -> str:
        node, top = self._path("inputs"), rounded_up(loss.reach)
        if self.periphery.dac.signed:
            return f"set {node}.min, max = {-top:g}, {top:g}, or {node}.percentile = 1.0"
        if loss.below > loss.share / 2:
            return (
                f"set {self._path('dac')}.signed = True, with a model that has a sign, and "
                f"{node}.min, max = {-top:g}, {top:g}"
            )
        return f"set {node}.max = {top:g}"

    # -- currents ----------------------------------------------------------------------------

    def currents(
        self, amps: Amps, limits: tuple[np.ndarray, np.ndarray], phases: Array, slices: Array
    ) -> None:
        """Look at currents before their ADCs.

        Args:
            amps: of the axes of currents.
            limits: low and high, (input parts, slices or 1).
            phases, slices: what the codes of each count in a result.
        """
        self.is_due = False
        lines = self._sample(amps)
        rest = (1,) * (lines.ndim - SLICE - 1)
        low, high = (np.reshape(end, (1, 1, *end.shape, *rest)) for end in limits)
        weights = np.reshape(phases, (-1, 1, 1, *rest)) * np.reshape(slices, (-1, *rest))
        adc, node = self.periphery.adc, self._path("adc")
        loss = Loss.of(lines, low, high, adc.level_count, weights)
        if loss.matters:
            self.watch.tell(
                "currents",
                f"the ADCs clip {percent(loss.share)} of the currents: "
                + self._better_currents(lines, limits, node),
            )
        if loss.zeros >= MANY_ZEROS and self._shifts_zero:
            self.watch.tell(
                "zeros of currents",
                f"{percent(loss.zeros)} of the currents are exactly zero, and {node}.model = "
                f"{type(adc).__name__!r} has no code there, so that each becomes half a step: "
                f"choose SignMagnitudeADC, or {node}.adc_range_option = 'EXACT'",
            )

    def limited(self, amps: Amps, limit: float) -> None:
        """Look at currents before the column limit."""
        loss = Loss.of(self._sample(amps), -limit, limit, 0)
        if loss.matters:
            self.watch.tell(
                "limit",
                f"xbar.array.Icol_max = {limit:g} clips {percent(loss.share)} of the column "
                f"currents, which reach {loss.reach:.3g}: raise it, or lower core.rows_max and "
                "cols_max",
            )

    def _sample(self, amps: Amps) -> np.ndarray:
        """Some currents, of the axes (line, phase, input part, slice, side, *rest).

        The lines that pad a smaller tile are no currents.
        """
        few = thinned(thinned(amps, SAMPLE), SAMPLE, OUTPUT)
        step = -(-amps.shape[OUTPUT] // few.shape[OUTPUT])
        lines = np.moveaxis(self.backend.to_host(few), (OUT_PART, OUTPUT), (0, 1))
        return lines[self.plan.direction.real_lines[:, ::step]]

    def _better_currents(self, lines: np.ndarray, limits: Any, node: str) -> str:
        option = self.periphery.range_option
        if option in (ADCRangeLimits.EXACT, ADCRangeLimits.GRANULAR):
            needed = self.periphery.range.exact_bits(max(self.plan.direction.inputs.sizes))
            bits = f"{node}.bits = {needed}" if needed else f"more {node}.bits"
            return f"set {bits}, with which {option.name} reaches the largest current"
        others = tuple(axis for axis in range(lines.ndim) if axis != SLICE)
        low, high = (np.asarray(end).reshape(-1, end.shape[-1]) for end in limits)
        lows = np.minimum(low.min(axis=0), lines.min(axis=others))
        highs = np.maximum(high.max(axis=0), lines.max(axis=others))
        if (low == -high).all():
            highs = np.maximum(highs, -lows)
            lows = -highs
        pairs = [[rounded_up(float(a)), rounded_up(float(b))] for a, b in zip(lows, highs)]
        wanted = pairs if self.watch.params.core.style.name == "BITSLICED" else pairs[0]
        return f"set {node}.calibrated_range = {wanted}, with adc_range_option = 'CALIBRATED'"

    @cached_property
    def _shifts_zero(self) -> bool:
        """Whether a current of zero reaches a result as half a step."""
        paired, direction = len(self.hardware.code.cells.merge) == 2, self.plan.direction
        # Both sides are shifted alike.
        cancels = direction.has_unit or (paired and not self.hardware.pair_in_array)
        return not cancels and not self.periphery.reads_zero(direction.inputs.sizes)
