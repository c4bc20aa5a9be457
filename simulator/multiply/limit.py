"""The column limit: the largest current that a line can carry, `Icol_max`.

A limit that no current reaches is no stage. Only vectors that could reach it go through it.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from simulator.backend import Backend
from simulator.chip.conductances import Conductances
from simulator.hardware import Hardware, Plan
from simulator.multiply.currents import Call, Currents
from simulator.quantities import Inputs, Results, Volts

# A limit counts as out of reach of a noisy current at this many standard deviations.
NOISE_REACH = 10.0
# Every entry of a batch, without having looked.
ALL = object()
Route = Callable[[Volts, Call], Results]


@dataclass(frozen=True)
class ColumnLimit:
    """The limit of one direction, above zero, in currents of one full cell at full-scale input."""

    backend: Backend
    hardware: Hardware
    plan: Plan

    @property
    def amps(self) -> float:
        """The limit."""
        return self.hardware.column_limit

    def clipped(self, currents: Currents) -> Currents:
        """Currents within the limit, on either side."""
        mean = self.backend.xp.clip(currents.mean, -self.amps, self.amps)
        return replace(currents, mean=mean)

    def apart(
        self, inputs: Inputs, call: Call, gain: float, free: Route, limited: Route
    ) -> Results:
        """Results of ``limited`` for vectors that can reach the limit, of ``free`` for others.

        ``inputs`` times ``gain`` are voltages.
        """
        reaching = self._reaching(inputs, call, gain)
        if reaching is ALL or (reaching is not None and reaching.all()):
            return limited(inputs, call)
        if reaching is None or not reaching.any():
            return free(inputs, call)
        shape = self.plan.direction.outputs.length, *call.vectors.shape
        out = self.backend.xp.empty(shape, inputs.dtype)
        for mask, results in ((reaching, limited), (~reaching, free)):
            out[:, mask] = results(*call.part(inputs, mask))
        return out

    def _reaching(self, inputs: Inputs, call: Call, gain: float) -> Any:
        """Which entries of the batch could drive a line to the limit; None for none.

        On a GPU no value is looked at, which would take longer: there a limit is a stage for
        ``ALL``, unless converters keep every voltage below it.
        """
        xp, digits, conductances = self.backend.xp, self.plan.periphery.digits, call.conductances
        bound = self._simple_bound(conductances)
        largest_volt = self.plan.periphery.largest_volt
        if largest_volt < math.inf and largest_volt * bound <= self.amps:
            return None
        if self.backend.is_asynchronous:
            return ALL
        # A digit is at full scale, whatever the value it is of.
        peak = call.product.peak(inputs) * gain
        if (peak if digits is None else max(peak, 1.0)) * bound <= self.amps:
            return None
        largest = call.product.peaks(inputs) * gain
        if digits is not None:
            largest = xp.where(largest > 0, xp.maximum(largest, 1.0), 0.0)
        return largest * self._full_scale_current(conductances) > self.amps

    def _simple_bound(self, conductances: Conductances) -> float:
        # Noise has no bound that is known without looking at the lines.
        return math.inf if self.plan.noise is not None else conductances.simple_bound

    def _full_scale_current(self, conductances: Conductances) -> float:
        """A current that no line exceeds at full-scale input."""
        return conductances.line_bound + NOISE_REACH * conductances.noise_bound

    def linear_reach(self, conductances: Conductances) -> float:
        """Inputs of smaller magnitude stay below the limit; zero where that depends on more."""
        scaling = self.plan.periphery.fixed_scaling
        if scaling is None or self.plan.periphery.digits is not None:
            return 0.0
        bound = self._simple_bound(conductances) * scaling.gain
        return self.amps / bound if bound > 0 else math.inf
