"""From currents at the converters to results: noise, ADC, shift and add, offset, scale."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import Any

import numpy as np

from simulator.backend import Backend
from simulator.errors import NotSupportedError, require_shape
from simulator.hardware.hardware import Hardware, Line
from simulator.hardware.layout import Direction
from simulator.kernels.reading import Reading
from simulator.mapping import InputDigits
from simulator.multiply.currents import OUT_PART, OUTPUT, REST, SIDE, SLICE, Currents
from simulator.multiply.draws import LineDraws
from simulator.multiply.products import Call
from simulator.multiply.recorder import Recorder
from simulator.parameters.xbar_parameters import ADCRangeLimits
from simulator.randomness import Purpose


@dataclass(frozen=True)
class Readout:
    """The output side of one direction.

    ``digits`` are those of the inputs where every phase is converted on its own, else None.
    ``noise_point`` is "converter" or "output", see ``fold.Plan``. ``converters`` gives what was
    fixed when converters of a shape were made.
    """

    backend: Backend
    hardware: Hardware
    line: Line
    digits: InputDigits | None
    noise_point: str
    direction: Direction
    draws: LineDraws
    weight_limit: float
    recorder: Recorder | None
    converters: Callable[[tuple[int, ...]], Any]
    tile_gains: Any = None

    def fits(self, weight_limit: float, tile_gains: Any) -> bool:
        """Whether it also reads cells with this range of weights, and these gains of tiles."""
        return self.weight_limit == weight_limit and self.tile_gains is None is tile_gains

    def results(self, currents: Currents, volts: Any, call: Call) -> Any:
        """From currents at the converter to results."""
        if self.noise_point == "converter":
            currents = self.draw_noise(currents, call.vectors)
        spread = self.line.adc.input_noise
        if spread:
            noise = Purpose.CONVERSION, currents.mean, spread, call.vectors
            currents = replace(currents, mean=self.draws.with_normals(*noise))
        if self._is_plain:
            return self._read_codes(currents.mean, volts, call)
        converted = replace(currents, mean=self._convert(currents.mean, call.vectors))
        return self._merge_digital(converted, volts, call).astype(volts.dtype, copy=False)

    def draw_noise(self, currents: Currents, vectors: Any) -> Currents:
        """Draw the read noise of every current."""
        if currents.variance is None:
            return currents
        normals = self.draws.for_lines(Purpose.READ_NOISE, "normal", currents.mean.shape, vectors)
        return Currents(self.backend.kernels.add_noise(currents.mean, currents.variance, normals))

    def _convert(self, amps: Any, vectors: Any) -> Any:
        adc = self.line.adc
        if self.recorder is not None:
            # The lines that pad a smaller tile are no currents.
            lines = self.backend.xp.moveaxis(amps, (SLICE, OUT_PART, OUTPUT), (0, 1, 2))
            real = lines[:, self.backend.asarray(self.direction.real_lines)]
            self.recorder.add(self.backend.to_host(real))
        if adc.is_ideal:
            return amps
        dtype = self._code_dtype(amps.dtype)
        low, high = (
            self.backend.asarray(limit, dtype=dtype).reshape(
                1, 1, *limit.shape, *[1] * (amps.ndim - SIDE)
            )
            for limit in self._adc_limits
        )
        dither = None
        if adc.stochastic_rounding:
            dither = self.draws.for_lines(Purpose.ROUNDING, "uniform", amps.shape, vectors)
            dither = dither.astype(amps.dtype)
        made = self.converters(amps.shape[OUT_PART:REST])
        last = () if made is None else (made,)
        converted = adc.convert(amps, low, high, self.backend.kernels, dither, *last)
        return require_shape(adc, converted, amps.shape)

    def _code_dtype(self, dtype: Any) -> Any:
        """What codes are added up in.

        Where phases are added and a large offset is taken off the sum, single precision would
        lose what is left. Codes of ranges that are not measured are exact in it.
        """
        measured = self.line.range_option == ADCRangeLimits.CALIBRATED
        return np.dtype(np.float64) if measured and self.digits and self._takes_off else dtype

    @cached_property
    def _adc_limits(self) -> tuple[np.ndarray, np.ndarray]:
        return self.line.adc_limits(self.direction.inputs.sizes)

    # -- plain converters: from currents to results in one pass ------------------------------

    @cached_property
    def _is_plain(self) -> bool:
        """True where the converters are known by their levels, and nobody looks at their inputs."""
        adc = self.line.adc
        if self.recorder is not None or adc.is_ideal or adc.stochastic_rounding:
            return False
        return not self.line.has_mismatch and adc.levels(*self._adc_limits) is not None

    @cached_property
    def _readings(self) -> dict[Any, Reading]:
        return {}

    def _reading(self, dtype: Any, scale: float) -> Reading:
        """Conversion and sums, for one dtype; ``scale`` is for the last of them.

        That of the call before is kept: most calls have the same scale.
        """
        reading = self._readings.get(dtype) or self._new_reading(dtype)
        if reading.scale != scale:
            reading = replace(reading, scale=scale)
        self._readings[dtype] = reading
        return reading

    def _new_reading(self, dtype: Any) -> Reading:
        """In units of normalised weights and voltages."""
        put = partial(self.backend.asarray, dtype=dtype)
        # One range may stand for those of all slices.
        shape = len(self.direction.inputs.sizes), len(self.hardware.code.merge)
        full = (np.array(np.broadcast_to(limit, shape), dtype) for limit in self._adc_limits)
        limits = (self.backend.asarray(limit) for limit in full)
        levels = self.line.adc.levels(*limits)
        assert levels is not None  # they are plain
        slices = self.hardware.code.shift_add(self._takes_off)
        phases = np.ones(1) if self.digits is None else np.asarray(self.digits.merge)
        return Reading(
            *levels,
            weights=put(phases / phases[0]),
            phase_unit=float(phases[0]),
            gains=None if self._gains is None else self._gains.astype(dtype),
            slices=replace(slices, weights=put(slices.weights)),
            scale=1.0,
            has_unit=self.direction.has_unit,
        )

    def _read_codes(self, amps: Any, volts: Any, call: Call) -> Any:
        reading = self._reading(self._code_dtype(amps.dtype), self._output_scale / call.gain)
        totals = call.product.totals(volts) if self._takes_off else None
        out = self.backend.kernels.read_codes(amps, reading, totals, volts.dtype)
        return self.direction.outputs.join(out, self.backend)

    # -- stage by stage ----------------------------------------------------------------------

    def _merge_digital(self, codes: Currents, volts: Any, call: Call) -> Any:
        """Shift and add: phases, pairs, input parts and slices; take off the offset, scale."""
        code, scale = self.hardware.code, self._output_scale / call.gain
        if self.digits is not None:
            codes = replace(codes, mean=self.digits.combine(codes.mean)[None])
        mean = self._compared_with_unit(codes.merge_pairs().mean[0, :, :, :, 0])
        if self._gains is not None:
            gains = self._gains.astype(mean.dtype)
            mean = mean * gains.reshape(*gains.shape, *[1] * (mean.ndim - 2))
        mean = mean[:, 0] if mean.shape[1] == 1 else mean.sum(axis=1)
        totals = call.product.totals(volts) if self._takes_off else None
        out = code.combine([mean[:, i] for i in range(mean.shape[1])], totals) * scale
        if codes.variance is not None:
            spread = self.backend.xp.sqrt(self._merged_variance(codes))
            spread *= self.weight_limit / call.gain
            tiles = self.draws.for_outputs(call.vectors, out.dtype)
            return self.direction.outputs.join(out, self.backend) + spread * tiles
        return self.direction.outputs.join(out, self.backend)

    @property
    def _takes_off(self) -> bool:
        """True where the offset of single cells is taken off digitally."""
        return self.hardware.code.zero != 0 and not self.direction.has_unit

    @property
    def _gains(self) -> Any:
        """Gain of every tile, (output parts, input parts); None where they have none."""
        if self.tile_gains is not None and self._takes_off:
            raise NotSupportedError(
                "simulation.drift_compensation = 'per_tile': the offset of this product is taken "
                "off all tiles at once; use pairs, A @ x with a unit column, or 'global'"
            )
        return self.tile_gains

    @cached_property
    def _output_scale(self) -> float:
        return self.hardware.code.output_scale * self.weight_limit

    def _compared_with_unit(self, currents: Any) -> Any:
        """Every output less the unit column of its part; output is the axis behind the slices."""
        if not self.direction.has_unit:
            return currents
        return currents[:, :, :, 1:] - currents[:, :, :, :1]

    def _merged_variance(self, codes: Currents) -> Any:
        """Variance of normalised results, from that of all currents before merging."""
        weights = self.hardware.code.merge[:, 0] * self.hardware.code.product_gain
        w = self.backend.asarray(weights**2, dtype=codes.mean.dtype)
        variance = codes.merge_pairs().variance[0, :, :, :, 0]
        if self.tile_gains is not None:
            squares = self.tile_gains.astype(variance.dtype) ** 2
            variance = variance * squares.reshape(*squares.shape, *[1] * (variance.ndim - 2))
        merged = self.backend.xp.einsum("s,tiso...->to...", w, variance)
        return self.direction.outputs.join(merged, self.backend)
