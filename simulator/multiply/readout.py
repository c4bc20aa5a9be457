"""From currents at the converters to results: noise, ADC, shift and add, offset, scale."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import Any

import numpy as np

from simulator.backend import Backend
from simulator.chip.converters import ConverterBank
from simulator.chip.programmed import Programmed
from simulator.errors import InputError, NotSupportedError, require_shape
from simulator.hardware import Direction, Hardware, Periphery, Plan
from simulator.hardware.values import Kept, Value
from simulator.kernels.reading import Reading, Sums
from simulator.mapping import InputDigits
from simulator.multiply.currents import OUT_PART, OUTPUT, REST, SIDE, SLICE, Call, Currents
from simulator.multiply.lookout import Lookout
from simulator.multiply.recorder import Recorder
from simulator.multiply.variances import scaled
from simulator.parameters.xbar_parameters import ADCRangeLimits
from simulator.quantities import Amps, Array, Codes, Results, VectorNumbers, Volts
from simulator.randomness import Purpose
from simulator.randomness.draws import LineDraws


@dataclass(frozen=True)
class Readout(Value):
    """The output side of one direction, fixed when the core is built.

    ``made`` gives what was fixed when converters of a shape were made; ``recorder`` keeps what
    they see, where that is asked for; ``lookout`` looks at some of it.
    """

    backend: Backend
    hardware: Hardware
    plan: Plan
    draws: LineDraws
    made: ConverterBank
    recorder: Recorder | None = None
    lookout: Lookout | None = None

    def results(self, currents: Currents, volts: Volts, call: Call) -> Results:
        """From currents at the converter to results (outputs, *rest) in the dtype of ``volts``."""
        if self.plan.noise_point == "converter":
            currents = self.draw_noise(currents, call.vectors)
        spread = self.periphery.adc.input_noise
        if spread:
            noise = Purpose.CONVERSION, currents.mean, spread, call.vectors
            currents = replace(currents, mean=self.draws.with_normals(*noise))
            self._require_finite(currents.mean, call)
        lookout = self.lookout
        if lookout is not None and lookout.is_due and not self.periphery.adc.is_ideal:
            lookout.currents(currents.mean, self._adc_limits, *self._code_weights)
        if self._is_plain:
            return self._read_codes(currents.mean, volts, call)
        converted = replace(currents, mean=self._convert(currents.mean, call.vectors))
        return self._merge_digital(converted, volts, call).astype(volts.dtype, copy=False)

    def draw_noise(self, currents: Currents, vectors: VectorNumbers) -> Currents:
        """Draw the read noise of every current."""
        if currents.variance is None:
            return currents
        normals = self.draws.for_lines(Purpose.READ_NOISE, "normals", currents.mean.shape, vectors)
        if currents.exponents is not None:
            normals = scaled(normals, currents.exponents)
        return Currents(self.backend.kernels.add_noise(currents.mean, currents.variance, normals))

    def _require_finite(self, amps: Amps, call: Call) -> None:
        """Raise InputError where currents exceed the range of floats, and noise has no meaning.

        Only here is a scale without limits left in: elsewhere converters clip, or it cancels.
        """
        with np.errstate(all="ignore"):
            if self.backend.is_asynchronous or np.isfinite(amps.sum()) or np.isfinite(amps).all():
                return
        raise InputError(
            f"currents exceed the range of {amps.dtype} at the input of the ADCs: inputs are in "
            f"units of {1 / call.scaling.gain:g}, the full scale, to which xbar.adc.*.input_noise "
            "relates; scale them, or widen core.mapping.inputs.*.min and max"
        )

    @cached_property
    def periphery(self) -> Periphery:
        """The converters of this direction."""
        return self.plan.periphery

    @cached_property
    def direction(self) -> Direction:
        """What is driven and what is read."""
        return self.plan.direction

    @cached_property
    def digits(self) -> InputDigits | None:
        """Those of the inputs, where every phase is converted on its own."""
        return self.periphery.digits if self.plan.phases else None

    @cached_property
    def takes_off(self) -> bool:
        """True where the offset of single cells is taken off digitally."""
        return self.hardware.code.zero != 0 and not self.direction.has_unit

    # -- conversion --------------------------------------------------------------------------

    def _convert(self, amps: Amps, vectors: VectorNumbers) -> Codes:
        adc = self.periphery.adc
        if self.recorder is not None:
            # The lines that pad a smaller tile are no currents.
            lines = self.backend.xp.moveaxis(amps, (SLICE, OUT_PART, OUTPUT), (0, 1, 2))
            real = lines[:, self.backend.asarray(self.direction.real_lines)]
            self.recorder.add(self.backend.to_host(real))
        if adc.is_ideal:
            return amps
        dtype = self._code_dtype[amps.dtype]
        low, high = (
            self.backend.asarray(limit, dtype=dtype).reshape(
                1, 1, *limit.shape, *[1] * (amps.ndim - SIDE)
            )
            for limit in self._adc_limits
        )
        dither = None
        if adc.stochastic_rounding:
            dither = self.draws.for_lines(Purpose.ROUNDING, "uniforms", amps.shape, vectors)
            dither = dither.astype(amps.dtype)
        made = self.made(amps.shape[OUT_PART:REST])
        last = () if made is None else (made,)
        converted = adc.convert(amps, low, high, self.backend.kernels, dither, *last)
        return require_shape(adc, converted, amps.shape)

    @cached_property
    def _code_dtype(self) -> Kept:
        """By dtype of the currents: the dtype in which ADC codes are summed.

        Where phases are added and a large offset is taken off the sum, single precision would
        lose what is left. Codes of ranges that are not measured are exact in it.
        """
        measured = self.periphery.range_option == ADCRangeLimits.CALIBRATED
        double = measured and self.digits and self.takes_off
        return Kept(lambda dtype: np.dtype(np.float64) if double else dtype)

    @cached_property
    def _adc_limits(self) -> tuple[np.ndarray, np.ndarray]:
        return self.periphery.adc_limits(self.direction.inputs.sizes)

    @cached_property
    def _code_weights(self) -> tuple[np.ndarray, np.ndarray]:
        """What the codes of each phase and of each slice count in a result."""
        phases = np.ones(1) if self.digits is None else np.asarray(self.digits.merge)
        return phases, np.abs(self.hardware.code.merge[:, 0])

    # -- plain converters: from currents to results in one pass ------------------------------

    @cached_property
    def _is_plain(self) -> bool:
        """True where the converters are known by their levels, and nobody looks at their inputs."""
        adc = self.periphery.adc
        if self.recorder is not None or adc.is_ideal or adc.stochastic_rounding:
            return False
        return not self.periphery.has_mismatch and adc.levels(*self._adc_limits) is not None

    def _read_codes(self, amps: Amps, volts: Volts, call: Call) -> Results:
        reading = self._of_call(self._readings, self._code_dtype[amps.dtype], call)
        out = self.backend.kernels.read_codes(amps, reading, self._totals(volts, call), volts.dtype)
        return self.direction.outputs.join(out, self.backend)

    def _totals(self, volts: Volts, call: Call) -> Volts | None:
        return call.product.totals(volts) if self.takes_off else None

    def _of_call(self, kept: Kept, dtype: np.dtype, call: Call) -> Any:
        """Sums for one dtype of codes, with the scale and the gains of a call."""
        sums, scale, chip = kept[dtype], self._scale(call), call.conductances.chip
        if sums.scale != scale or chip.tile_gains is not None:
            gains = self._gains(chip, dtype)
            sums = replace(sums, scale=scale, gains=gains)
            if gains is None:
                # Most calls have the scale of the one before.
                kept[dtype] = sums
        return sums

    @cached_property
    def _readings(self) -> Kept:
        """By dtype of codes: conversion, and sums in units of normalised weights and voltages."""

        def make(dtype: Any) -> Reading:
            # One range may stand for those of all slices.
            shape = len(self.direction.inputs.sizes), len(self.hardware.code.merge)
            full = (np.array(np.broadcast_to(limit, shape), dtype) for limit in self._adc_limits)
            levels = self.periphery.adc.levels(*(self.backend.asarray(limit) for limit in full))
            assert levels is not None  # they are plain
            low, high, steps = levels
            return Reading(**self._sums[dtype].__dict__, low=low, high=high, steps=steps)

        return Kept(make)

    @cached_property
    def _sums(self) -> Kept:
        """By dtype of codes: sums in units of normalised weights and voltages."""

        def make(dtype: Any) -> Sums:
            put = partial(self.backend.asarray, dtype=dtype)
            slices = self.hardware.code.shift_add(self.takes_off)
            phases = np.ones(1) if self.digits is None else np.asarray(self.digits.merge)
            return Sums(
                weights=put(phases / phases[0]),
                phase_unit=float(phases[0]),
                gains=None,
                slices=replace(slices, weights=put(slices.weights)),
                scale=1.0,
                has_unit=self.direction.has_unit,
            )

        return Kept(make)

    def _scale(self, call: Call) -> float:
        """What a result of normalised weights and voltages is multiplied by."""
        return self._unit * call.conductances.chip.weight_limit / call.scaling.gain

    @cached_property
    def _unit(self) -> float:
        return self.hardware.code.output_scale

    def _gains(self, chip: Programmed, dtype: np.dtype) -> Array | None:
        """Gain of every tile, (output parts, input parts); None where they have none."""
        gains = chip.tile_gains
        if gains is None:
            return None
        if self.takes_off:
            raise NotSupportedError(
                "simulation.drift_compensation = 'per_tile': the offset of this product is taken "
                "off all tiles at once; use pairs, A @ x with a unit column, or 'global'"
            )
        return (gains.T if self.direction.is_vmm else gains).astype(dtype)

    # -- stage by stage ----------------------------------------------------------------------

    def _merge_digital(self, codes: Currents, volts: Volts, call: Call) -> Results:
        """Shift and add, and the noise of every result where that is drawn at the end."""
        mean = codes.mean
        if not self.periphery.adc.is_ideal:
            # What a model gave is its own; sums are taken in place, in floats.
            dtype = np.result_type(mean.dtype, np.float32)
            mean = self.backend.xp.array(mean, dtype=dtype, order="K")
        sums = self._of_call(self._sums, mean.dtype, call)
        out = self.backend.kernels.shift_and_add(mean, sums, self._totals(volts, call))
        out = self.direction.outputs.join(out, self.backend)
        if codes.variance is None:
            return out
        chip = call.conductances.chip
        spread = self.backend.xp.sqrt(self._merged_variance(codes, chip))
        spread *= chip.weight_limit / call.scaling.gain
        noise = spread * self.draws.for_outputs(call.vectors, out.dtype)
        return out + scaled(noise, codes.exponents)

    def _merged_variance(self, codes: Currents, chip: Programmed) -> Array:
        """Variance of normalised results, from that of all currents before merging."""
        weights = self.hardware.code.merge[:, 0] * self.hardware.code.product_gain
        w = self.backend.asarray(weights**2, dtype=codes.mean.dtype)
        paired = codes.merge_pairs().variance
        assert paired is not None  # noise is still to be drawn
        variance = paired[0, :, :, :, 0]
        gains = self._gains(chip, variance.dtype)
        if gains is not None:
            squares = gains**2
            variance = variance * squares.reshape(*squares.shape, *[1] * (variance.ndim - 2))
        merged = self.backend.xp.einsum("s,tiso...->to...", w, variance)
        return self.direction.outputs.join(merged, self.backend)
