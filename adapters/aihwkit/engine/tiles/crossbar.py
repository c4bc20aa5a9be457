"""One array of a tile: multiplied from both sides by an analog core, changed in place by pulses."""

from __future__ import annotations

import math
from functools import partial
from typing import Any

import numpy as np

from adapters.aihwkit.engine.configuration import devices
from adapters.aihwkit.engine.configuration.base import fields_of
from adapters.aihwkit.engine.configuration.configs import RPUConfig
from adapters.aihwkit.engine.configuration.enums import WeightNoiseType
from adapters.aihwkit.engine.configuration.io import IOParameters
from adapters.aihwkit.engine.exceptions import TileError
from adapters.aihwkit.engine.tiles.periphery import is_exact, managed, out_bound, resolution
from adapters.torch.layers.columns import ColumnProduct
from simulator import AnalogCore, CrossSimParameters, InputError, update
from simulator.update import ExactArray, PulsedArray, PulseParameters, StepDevice

DEVICES: dict[type, type[StepDevice]] = {
    devices.ConstantStepDevice: update.ConstantStep,
    devices.LinearStepDevice: update.LinearStep,
    devices.SoftBoundsDevice: update.SoftBounds,
    devices.SoftBoundsReferenceDevice: update.SoftBoundsReference,
    devices.ExpStepDevice: update.ExpStep,
    devices.PowStepDevice: update.PowStep,
    devices.PiecewiseStepDevice: update.PiecewiseStep,
}
# A pair of cells, each at half of its conductance for weight zero, holds weights up to this share
# of its range without a noisy cell ever reaching zero.
NOISY_SHARE = 0.25


class Crossbar:
    """Weights (outputs, inputs) on one array.

    Vectors are columns: ``forward`` (inputs, vectors) -> (outputs, vectors), ``backward`` the other
    way. ``entropy`` gives the seed of everything random, once.
    """

    def __init__(self, shape: tuple[int, int], config: RPUConfig, entropy: Any) -> None:
        self._entropy = entropy = partial(int, entropy())  # one seed for all, drawn now
        dtype = np.dtype(config.runtime.data_type.value)
        self.config, self.shape = config, shape
        exact = IOParameters(is_perfect=True)
        self.io: tuple[IOParameters, IOParameters] = (
            getattr(config, "forward", exact),
            getattr(config, "backward", exact),
        )
        self.steps = _weights_on(config, shape, dtype, entropy)
        self._build_cores()

    def _build_cores(self) -> None:
        """Make the cores, with a range that the bounds of the cells ask for."""
        limit, noises = self._range(), [_weight_noise(io) for io in self.io]
        # Noise belongs to the cells, so sides that differ in it have each their own copy of them.
        self.cores = [
            AnalogCore(
                self.steps.weights, _hardware(*self.io, limit, noise), empty_matrix=True,
                entropy=self._entropy, stream=number,
            )
            for number, noise in enumerate(dict.fromkeys(noises))
        ]  # fmt: skip
        for core in self.cores:
            # The bounds of inputs and outputs are part of what is simulated.
            core.watch.is_silent = True
        self._product = ColumnProduct(backend=self.cores[0].backend)
        self._is_programmed = False

    @property
    def tag(self) -> str:
        """Kind of device and shape in one line, such as ``RPUPulsed<float>[ConstantStep](2,4)``."""
        rows, columns = self.shape
        device = type(self.config.device).__name__.removesuffix("Device")
        kind = "RPUPulsed" if isinstance(self.steps, PulsedArray) else "RPUSimple"
        number = self.config.runtime.data_type.name.lower()
        return f"{kind}<{number}>[{device}]({rows},{columns})"

    def __str__(self) -> str:
        return f"{self.config}\n{self.tag}"

    def _range(self) -> float:
        """The weight that a full cell stands for. Only noisy cells are kept off their limits."""
        if not any(_weight_noise(io) for io in self.io):
            return 1.0
        cells = getattr(self.steps, "cells", {})
        bounds = [float(abs(cells[name]).max()) for name in cells if name.endswith("_bound")]
        return max(bounds, default=1.0) / NOISY_SHARE

    @property
    def weights(self) -> Any:
        """What the cells hold, (outputs, inputs); a copy."""
        return self.steps.weights.copy()

    def set_weights(self, weights: Any) -> None:
        """Put weights into the cells, each within its bounds."""
        self.steps.set_weights(weights)
        self._is_programmed = False

    def update(self, x: Any, d: Any, lr: float) -> None:
        """Apply ``W -= lr * d x^T`` for ``x`` (inputs, vectors) and ``d`` (outputs, vectors)."""
        self.steps.update(x.T, d.T, lr)
        self._is_programmed = False

    def age(self) -> None:
        """Decay and diffusion of one optimizer step."""
        device = getattr(self.steps, "device", None)
        if device is not None and (device.lifetime > 0 or device.diffusion > 0):
            self.steps.age()
            self._is_programmed = False

    def forward(self, x: Any) -> Any:
        """``W x`` of (inputs, vectors)."""
        self._program()
        return managed(partial(self._multiply, transposed=False), x, self.io[0], bounded=True)

    def backward(self, d: Any) -> Any:
        """``W^T d`` of (outputs, vectors)."""
        self._program()
        return managed(partial(self._multiply, transposed=True), d, self.io[1], bounded=False)

    def _multiply(self, inputs: Any, transposed: bool) -> Any:
        return self.cores[-int(transposed)].multiply(inputs, self._product, transposed)

    def _program(self) -> None:
        """Give the core the weights of now."""
        if not self._is_programmed:
            self._check_range()
            for core in self.cores:
                core.set_matrix(self.steps.weights)
            self._is_programmed = True

    def _check_range(self) -> None:
        """Raise TileError where a device without bounds holds more than noisy cells can."""
        if any(_weight_noise(io) for io in self.io):
            limit = self._range()
            most = float(abs(self.steps.weights).max())
            if most > limit:
                raise TileError(f"w_noise: got a weight of {most:g}; allowed are {limit:g} at most")

    def get_state(self) -> dict[str, Any]:
        """What ``set_state`` continues from bit for bit."""
        self._program()
        cores = [core.get_state() for core in self.cores]
        return {"tag": self.tag, "steps": self.steps.get_state(), "cores": cores}

    def set_state(self, state: dict[str, Any]) -> None:
        """Continue from ``get_state``. Raises InputError; the array then stays as it was."""
        before = self.get_state()
        try:
            self._take(state)
        except InputError:
            self._take(before)
            raise
        except (KeyError, TypeError, ValueError) as error:
            self._take(before)
            raise InputError(f"not the state of an array of {self.shape}: {error!r}") from None

    def _take(self, state: dict[str, Any]) -> None:
        if state["tag"] != self.tag:
            raise ValueError(f"it is that of {state['tag']}, not of {self.tag}")
        self.steps.set_state(state["steps"])
        self._build_cores()
        for core, saved in zip(self.cores, state["cores"], strict=True):
            core.set_state(saved)
        self._is_programmed = True


def _weights_on(config: RPUConfig, shape: tuple[int, int], dtype: Any, entropy: Any) -> ExactArray:
    """The weights of an array on the device of the configuration."""
    kind = type(config.device)
    law = next((DEVICES[base] for base in kind.__mro__ if base in DEVICES), None)
    if law is None:
        return ExactArray(shape, dtype=dtype)
    given = fields_of(config.device)
    device = law(**{name: given[name] for name in law.__dataclass_fields__ if name in given})
    pulses = fields_of(config.update)
    pulses["pulse_type"] = update.PulseType[pulses["pulse_type"]]
    for name in ("res", "x_res_implicit", "d_res_implicit"):
        pulses[name] = max(pulses[name], 0.0)
    known = PulseParameters.__dataclass_fields__
    return PulsedArray(
        shape,
        device,
        PulseParameters(**{name: value for name, value in pulses.items() if name in known}),
        dtype=dtype,
        entropy=entropy,
        device_seed=config.device.construction_seed or None,
    )


def _weight_noise(io: IOParameters) -> float:
    """Spread of the noise of a weight in each read."""
    active = not is_exact(io) and io.w_noise_type == WeightNoiseType.ADDITIVE_CONSTANT
    return io.w_noise if active else 0.0


def _hardware(
    forward: IOParameters, backward: IOParameters, limit: float, noise: float
) -> CrossSimParameters:
    """Converters of both sides around one array of pairs.

    ``limit`` is the weight of a full cell, ``noise`` that of the weights in each read.
    """
    params = CrossSimParameters()
    params.core.style = "BALANCED"
    weights = params.core.mapping.weights
    weights.min, weights.max, weights.percentile, weights.clipping = -limit, limit, None, False
    params.xbar.device.infinite_on_off_ratio = True
    for pair in (params.xbar.dac, params.xbar.adc, params.core.mapping.inputs):
        pair.match = False
    for name, io in (("mvm", forward), ("vmm", backward)):
        dac, adc, inputs = (
            getattr(node, name)
            for node in (params.xbar.dac, params.xbar.adc, params.core.mapping.inputs)
        )
        bound = io.inp_bound if io.inp_bound < math.inf else 1.0
        inputs.min, inputs.max = -bound, bound
        if not is_exact(io):
            _set_converters(io, limit * bound, dac, adc)
    if noise:
        _add_weight_noise(params, noise / limit)
    return params


def _set_converters(io: IOParameters, unit: float, dac: Any, adc: Any) -> None:
    """DAC and ADC of one side; ``unit`` is the output of a full cell at full input."""
    if resolution(io.inp_res) > 0 and io.inp_bound < math.inf:
        dac.model, dac.resolution = "MidTreadDAC", resolution(io.inp_res)
    bound, step = out_bound(io), resolution(io.out_res)
    adc.input_noise = io.out_noise / unit
    if step > 0 and bound < math.inf:
        # One level more on either side tells an output beyond the bound from one at it.
        levels = math.floor(0.5 / step * (1 + 1e-9)) + 1
        full = levels * 2 * step * bound / unit
        adc.model, adc.resolution = "MidTreadADC", 0.5 / levels
        adc.calibrated_range = [-full, full]


def _add_weight_noise(params: CrossSimParameters, spread: float) -> None:
    """Read noise that is the same for all weights: the noises of both cells of a pair add up."""
    params.core.balanced.style = "TWO_SIDED"
    noise = params.xbar.device.read_noise
    noise.enable, noise.model = True, "NormalIndependentDevice"
    # A pair of the range [-1, 1] has cells of half of it.
    noise.magnitude = spread / math.sqrt(2)
