"""How exact the products of one core are, what its ranges take, and what to change."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from simulator.core import AnalogCore
from simulator.core.arraylike import numeric_array
from simulator.core.converter_ranges import ADCRange, DACRange
from simulator.errors import ParameterError, ShapeError
from simulator.multiply.lookout import unwatched
from simulator.multiply.loss import MANY_ZEROS, Loss, percent, rounded_up, thinned
from simulator.profile.attribution import EffectCost, Estimate, Trees, effect_costs
from simulator.profile.recorded import adc_samples

# Vectors that the experiments multiply.
VECTORS = 64
# Streams of the chips that are drawn for them, apart from those that users number.
FIRST_STREAM = 1 << 48
# An effect is worth a word where so much of the power of the error goes with it.
SHARE = 0.2
# Below this error (1e-4 of a result) nothing is worth a word.
EXACT = 1e-4
# Converters that use fewer of their codes than this waste two bits.
FEW_CODES = 0.25

REMEDIES = {
    "weight clipping": "widen core.mapping.weights.min and max, or set their percentile to 1.0",
    "weight levels": "give xbar.device.cell_bits more bits, or spread weights over more slices "
    "(core.style = BITSLICED, core.bit_sliced.num_slices)",
    "programming error": "lower xbar.device.programming_error.magnitude (write and verify), choose "
    "a device with less of it, or spread weights over more slices",
    "drift": "set simulation.drift_compensation, program more often (xbar.device.time), or choose "
    "a device that drifts less",
    "read noise": "lower xbar.device.read_noise.magnitude, or take the mean of several products",
    "nonlinear cells": "lower xbar.device.Vread, or choose a device with a straighter curve",
    "wires": "lower xbar.array.parasitics.Rp_row and Rp_col, cut the matrix into smaller arrays "
    "(core.rows_max, core.cols_max), or raise xbar.device.Rmin and Rmax",
    "on/off ratio": "raise xbar.device.Rmax against Rmin; cells that are off conduct, and add to "
    "currents and their errors",
    "column current limit": "raise xbar.array.Icol_max, or cut the matrix into smaller arrays "
    "(core.rows_max, core.cols_max)",
}


@dataclass(frozen=True)
class ConverterReport:
    """What the converters of one side see.

    ``loss`` says what their range takes; ``low`` and ``high`` are its ends, one for each weight
    slice, in the unit of the inputs, or in currents of one full cell at full input. ``used`` of
    ``codes`` different codes occur. ``keeps_zero``: whether zero has a code.
    """

    loss: Loss
    low: tuple[float, ...]
    high: tuple[float, ...]
    used: int
    codes: int
    keeps_zero: bool


@dataclass(frozen=True)
class CoreReport:
    """A diagnosis of one core; printing it shows tables and advice.

    ``error`` of this core on the given inputs, relative to the exact product (root of the sum of
    squares); ``weights_error`` that of what its cells hold, None where no matrix was given.
    ``inputs`` and ``currents`` are those of its DACs and ADCs, None for ideal ones. ``expected``
    is the error of such hardware over several chips, ``effects`` what each of its effects costs,
    the costliest first, and ``advice`` what to change, the most useful first.
    """

    shape: tuple[int, ...]
    transposed: bool
    error: float
    weights_error: float | None
    inputs: ConverterReport | None
    currents: ConverterReport | None
    expected: Estimate
    effects: tuple[EffectCost, ...]
    advice: tuple[str, ...]

    @property
    def snr(self) -> float:
        """Signal-to-noise ratio of the products in dB; infinite where they are exact."""
        return math.inf if self.error == 0 else -20 * math.log10(self.error)

    def __repr__(self) -> str:
        rows, cols = self.shape
        product = "x @ core" if self.transposed else "core @ x"
        lines = [f"{product}, {rows}x{cols}: error {_percent_of(self.error)} ({self.snr:.1f} dB)"]
        if self.weights_error is not None:
            lines.append(
                f"cells hold the matrix with an error of {_percent_of(self.weights_error)}"
            )
        for name, seen in (("inputs", self.inputs), ("currents", self.currents)):
            if seen is not None:
                lines.append(
                    f"{name}: {percent(seen.loss.share)} clipped, {seen.used} of {seen.codes} "
                    f"codes used, {percent(seen.loss.zeros)} zeros"
                    + ("" if seen.keeps_zero else ", no code at zero")
                )
        lines += ["", *_effect_table(self)]
        return "\n".join([*lines, "", *(self.advice or ("Nothing needs a change.",))])


def report(
    core: AnalogCore, x: Any, matrix: Any = None, *, transposed: bool = False, draws: int = 5
) -> CoreReport:
    """Say how exact a core is on real inputs, which of its effects costs most, and what to change.

    Effects are told apart by experiment: each is switched off, and left on alone, on as many chips
    of the same hardware as ``draws`` says. The core itself stays as it is, with its random numbers.

    Args:
        core: a programmed core.
        x: (n,) or (n, k) as in ``core @ x``; (m,) or (k, m) as in ``x @ core`` if ``transposed``.
        matrix: (m, n), what the core was programmed with; None takes what its cells hold, so that
            their own errors count in ``expected`` and ``effects`` but not in ``error``.
        transposed: look at products from the left.
        draws: chips that are drawn for the experiments; at least 2 for intervals.

    Returns:
        A frozen value that prints as tables with advice below.

    Raises:
        ShapeError: inputs or a matrix of another shape.
        InputError: values that are not finite; no programming yet.
        ParameterError: a number of draws below 1.
    """
    if draws < 1:
        raise ParameterError(f"draws: got {draws!r}; allowed is an integer >= 1")
    host = core.backend.to_host
    held = host(core.get_matrix())
    target = held if matrix is None else host(numeric_array(matrix, "matrix", core.backend))
    if target.shape != core.shape:
        raise ShapeError(f"matrix of shape {target.shape} for a core of shape {core.shape}")
    vectors = host(numeric_array(x, "input", core.backend))
    lines = vectors.shape[-1] if transposed else vectors.shape[0] if vectors.ndim else 0
    if vectors.ndim not in (1, 2) or lines != core.shape[not transposed]:
        raise ShapeError(
            f"inputs of shape {vectors.shape} for a core of shape {core.shape}; allowed are "
            + ("(m,) or (k, m)" if transposed else "(n,) or (n, k)")
        )
    multiply = partial(_product, x=vectors, transposed=transposed)
    exact = multiply(target)
    with unwatched():
        recording = _twin(core)
        error = _relative(host(multiply(recording)), exact)
        inputs = _inputs(core, vectors, transposed)
        currents = _currents(recording, transposed)
        expected, effects = _experiments(core, target, vectors, transposed, draws)
    return CoreReport(
        shape=core.shape,
        transposed=transposed,
        error=error,
        weights_error=None if matrix is None else _relative(held, target),
        inputs=inputs,
        currents=currents,
        expected=expected,
        effects=effects,
        advice=tuple(_advice(core, inputs, currents, expected, effects, transposed)),
    )


def _product(core_or_matrix: Any, x: np.ndarray, transposed: bool) -> Any:
    return x @ core_or_matrix if transposed else core_or_matrix @ x


def _relative(got: np.ndarray, wanted: np.ndarray) -> float:
    size = float(np.linalg.norm(wanted))
    return float(np.linalg.norm(got - wanted)) / size if size else 0.0


def _params_of(trees: Trees) -> Any:
    return trees if len(trees) > 1 else trees[0]


def _twin(core: AnalogCore) -> AnalogCore:
    """The same chip, which records what its ADCs see."""
    trees = [tree.copy() for tree in core.trees]
    for tree in trees:
        tree.simulation.analytics.profile_adc_inputs = True
    shape, dtype = core.shape, core.dtype
    twin = AnalogCore(np.zeros(shape, dtype), _params_of(trees), empty_matrix=True)
    # The cells and the numbers; its own parameters are other ones on purpose.
    twin.set_state({**core.get_state(), "params": None})
    return twin


def _experiments(
    core: AnalogCore, target: np.ndarray, x: np.ndarray, transposed: bool, draws: int
) -> tuple[Estimate, tuple[EffectCost, ...]]:
    # Vectors are columns, or rows where they come from the left.
    vectors = 0 if transposed else -1
    some = x if x.ndim == 1 else thinned(x, VECTORS * x.shape[-1 - vectors], vectors)
    exact = _product(target, some, transposed)

    def errors(trees: Trees) -> list[float]:
        for tree in trees:
            # Chips are told apart by their streams.
            tree.simulation.seed = tree.simulation.seed or 0
        found = []
        for draw in range(draws):
            chip = AnalogCore(target, _params_of(trees), stream=FIRST_STREAM + draw)
            found.append(_relative(chip.backend.to_host(_product(chip, some, transposed)), exact))
        return found

    return effect_costs([tree.copy() for tree in core.trees], errors)


# -- converters ----------------------------------------------------------------------------------


def _inputs(core: AnalogCore, x: np.ndarray, transposed: bool) -> ConverterReport | None:
    """What the DACs see; None for ideal ones, and for ranges that follow the inputs."""
    dac: DACRange = core.converter_ranges(transposed).dac
    if dac.levels <= 1 or dac.low is None or dac.high is None:
        return None
    values = np.concatenate(
        [x.real.ravel(), x.imag.ravel()] if x.dtype.kind == "c" else [x.ravel()]
    )
    used = _codes(values, dac.low, dac.high, dac.levels)
    loss = Loss.of(values, dac.low, dac.high, dac.levels)
    keeps = core.drives_zero(transposed)
    return ConverterReport(loss, (dac.low,), (dac.high,), used, dac.levels, keeps)


def _currents(twin: AnalogCore, transposed: bool) -> ConverterReport | None:
    """What the ADCs saw; None for ideal ones. Of ranges that differ by arrays, the widest."""
    adc: ADCRange = twin.converter_ranges(transposed).adc
    if adc.levels <= 1 or adc.low is None or adc.high is None:
        return None
    samples = adc_samples([twin], transposed)
    values = np.stack([sample.values for sample in samples])
    limits = adc.low[:, None], adc.high[:, None]
    loss = Loss.of(values, *limits, adc.levels, twin.slice_weights[:, None])
    ends = zip(values, adc.low, adc.high, strict=True)
    used = sum(_codes(some, low, high, adc.levels) for some, low, high in ends)
    return ConverterReport(
        loss, tuple(map(float, adc.low)), tuple(map(float, adc.high)), used,
        adc.levels * len(values), twin.reads_zero(transposed),
    )  # fmt: skip


def _codes(values: np.ndarray, low: float, high: float, levels: int) -> int:
    """How many different codes occur."""
    step = (high - low) / (levels - 1)
    return len(np.unique(np.rint((np.clip(values, low, high) - low) / step)))


# -- words ---------------------------------------------------------------------------------------


def _advice(
    core: AnalogCore, inputs: ConverterReport | None, currents: ConverterReport | None,
    expected: Estimate, effects: tuple[EffectCost, ...], transposed: bool,
) -> list[str]:  # fmt: skip
    """What to change, by how much of the error goes with it."""
    if expected.mean < EXACT:
        return []
    side, params = "vmm" if transposed else "mvm", core.params
    words = []
    for cost in effects:
        if cost.share is None or cost.without is None or cost.share.mean < SHARE:
            continue
        if cost.effect == "input DAC":
            path = _side(params.core.mapping.inputs, side)
            remedy = _of_inputs(inputs, f"core.mapping.inputs.{path}", f"xbar.dac.{path}.bits")
        elif cost.effect == "output ADC":
            path = _side(params.xbar.adc, side)
            remedy = _of_currents(currents, f"xbar.adc.{path}")
        else:
            remedy = REMEDIES[cost.effect]
        gain = f"{expected} with it, {cost.without} without"
        words.append(f"{cost.effect} ({gain}): {remedy}")
    if not words and effects:
        words.append(
            "no effect stands out: " + ", ".join(cost.effect for cost in effects) + " together "
            f"make {expected}"
        )
    return words


def _side(pair: Any, side: str) -> str:
    return "mvm" if pair.match else side


def _of_inputs(seen: ConverterReport | None, node: str, bits: str) -> str:
    if seen is None:
        return f"give {bits} more bits"
    top = rounded_up(seen.loss.reach)
    if seen.loss.matters:
        return f"{percent(seen.loss.share)} of the inputs are clipped: set {node}.min, max = " + (
            f"{-top if seen.low[0] else 0:g}, {top:g}"
        )
    if not seen.keeps_zero and seen.loss.zeros >= MANY_ZEROS:
        return (
            f"{percent(seen.loss.zeros)} of the inputs are zero, which has no level: choose "
            f"SignMagnitudeDAC for {bits.removesuffix('bits')}model"
        )
    if seen.used < FEW_CODES * seen.codes and top < max(map(abs, (*seen.low, *seen.high))):
        return f"only {seen.used} of {seen.codes} levels are used: lower {node}.max to {top:g}"
    return f"its range fits: give {bits} more bits"


def _of_currents(seen: ConverterReport | None, node: str) -> str:
    if seen is None:
        return f"lower {node}.input_noise"
    if seen.loss.matters:
        return (
            f"{percent(seen.loss.share)} of the currents are clipped: widen "
            f"{node}.calibrated_range to about +-{rounded_up(seen.loss.reach):g}"
        )
    if not seen.keeps_zero and seen.loss.zeros >= MANY_ZEROS:
        return (
            f"{percent(seen.loss.zeros)} of the currents are zero, which has no code: choose "
            f"SignMagnitudeADC for {node}.model"
        )
    reach, top = rounded_up(seen.loss.reach), max(map(abs, (*seen.low, *seen.high)))
    if seen.used < FEW_CODES * seen.codes and reach < top:
        return (
            f"only {seen.used} of {seen.codes} codes are used: lower {node}.calibrated_range from "
            f"+-{top:.3g} to about +-{reach:g}, with adc_range_option = 'CALIBRATED'"
        )
    return f"its range fits: give {node}.bits more bits"


def _percent_of(error: float) -> str:
    return f"{100 * error:.3g} %"


def _effect_table(found: CoreReport) -> list[str]:
    if not found.effects:
        return ["no effect is active: the hardware is ideal"]
    header = ("effect", "error alone", "without it", "share of the error", "")
    rows: list[tuple[str, ...]] = [header]
    for cost in found.effects:
        parts = (cost.alone, cost.without, cost.share)
        numbers = ("-" if part is None else str(part) for part in parts)
        rows.append((cost.effect, *numbers, cost.described))
    rows.append(("all", str(found.expected), "", "", ""))
    widths = [max(len(row[i]) for row in rows) for i in range(len(header))]
    return ["  ".join(c.ljust(w) for c, w in zip(row, widths)).rstrip() for row in rows]
