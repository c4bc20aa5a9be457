"""The device of an array as CrossSim's scripts make it: one object for all of its effects."""

from __future__ import annotations

from typing import Any

import numpy as np

from simulator import registry
from simulator.backend import numpy_backend
from simulator.devices import Cell, Draw, IdealDevice
from simulator.quantities import Amps, Conductances, Volts
from simulator.randomness import Purpose, RandomSource


class Device:
    """All effects of the cells that the node ``xbar.device`` describes.

    Conductances are in units of Gmax, voltages in units of the read voltage, of any shape. Random
    numbers follow ``np.random.seed``. An effect that is not enabled changes nothing.

    Args:
        device_params: The node ``xbar.device`` of a parameter tree.

    Raises:
        ModelError: A model of the node does not exist.
    """

    def __init__(self, device_params: Any) -> None:
        self.device_params = params = device_params
        gmax = 1.0 / params.Rmin
        low = gmax * params.Gmin_norm
        self.cell = Cell(low, gmax, params.Vread, params.clip_conductance, params.time)
        effects = ("read_noise", "programming_error", "drift_error", "nonlinear_IV")
        self.models = {effect: self._model(getattr(params, effect)) for effect in effects}
        self._random = RandomSource(numpy_backend(), None, 0)
        self._event = 0

    @classmethod
    def create_device(cls, device_params: Any) -> Device:
        """The device of a node ``xbar.device``. Raises ModelError for a model that is not there."""
        return cls(device_params)

    def read_noise(self, input_: Conductances) -> Conductances:
        """Conductances in one read."""
        model = self.models["read_noise"]
        return self._run(input_, lambda g, draw: model.read(g, self.cell, draw), model)

    def programming_error(self, input_: Conductances) -> Conductances:
        """Conductances after programming."""
        model = self.models["programming_error"]
        return self._run(input_, lambda g, draw: model.programmed(g, self.cell, draw), model)

    def drift_error(self, input_: Conductances, time: float | None = None) -> Conductances:
        """Conductances after ``time``; None for that of the parameters."""
        model, cell = self.models["drift_error"], self.cell
        if time is not None:
            cell = Cell(cell.Gmin, cell.Gmax, cell.Vread, cell.clip, time)
        return self._run(input_, lambda g, draw: model.drifted(g, draw.normal(), cell), model)

    def nonlinear_current(self, input_: Conductances, voltages: Volts) -> Amps:
        """Currents of the cells, in currents of a fully on cell at the read voltage."""
        model, cell = self.models["nonlinear_IV"], self.cell
        siemens, volts = np.asarray(input_) * cell.Gmax, np.asarray(voltages) * cell.Vread
        return model.current(siemens, volts, cell) / (cell.Gmax * cell.Vread)

    def _model(self, node: Any) -> Any:
        if not node.enable:
            return IdealDevice()
        cls: Any = registry.resolve("device", node.model)
        fields = registry.spec_fields(cls)
        values = {name: value for name, value in node.model_values().items() if name in fields}
        return cls(**values).bound(self.device_params, node)

    def _run(self, input_: Conductances, effect: Any, model: Any) -> Conductances:
        values = np.array(input_, dtype=np.float64)
        if model.is_ideal:
            return values
        model.check_cell(self.cell)
        self._event += 1
        flat = values.reshape(-1, 1)
        stream = self._random(Purpose.PROGRAMMING)
        where = (range(1), np.arange(len(flat)), self._event)
        draw = Draw(
            lambda: stream.normal(*where, 0).reshape(values.shape),
            lambda: stream.uniform(*where, 1).reshape(values.shape),
        )
        siemens = effect(values * self.cell.Gmax, draw)
        return np.clip(siemens, self.cell.low, self.cell.high) / self.cell.Gmax
