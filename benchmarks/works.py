"""What is timed: each work on its own, with the goal it is held against."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks import wires
from benchmarks.settings import (
    Problem,
    bit_serial,
    bit_serial_sliced,
    eight_bits,
    many_tiles,
    read_noise,
)
from benchmarks.timing import Timing, ratio, seconds
from simulator import AnalogCore, CrossSimParameters

ROOT = Path(__file__).resolve().parents[1]
WIRES_ACCURACY = 1e-10


@dataclass(frozen=True)
class Work:
    """One row of the table. A ratio counts plain products of the same
    shape and type (GEMM), or the same product without read noise."""

    name: str
    unit: str
    goal: float
    measure: Callable[[], Timing]


Setting = Callable[[Problem], CrossSimParameters]


def against_gemm(setting: Setting, batch: int, repeats: int) -> Timing:
    """A 1024 by 1024 core against the plain product."""
    problem = Problem.uniform(1024, batch)
    core = AnalogCore(problem.matrix, setting(problem))
    _require_sense(core, problem)
    return ratio(lambda: core @ problem.inputs, problem.gemm, repeats)


def own_ranges(percentile: float, repeats: int) -> Timing:
    """A 1024 by 1024 core with an input range for each of 256 vectors, against a fixed range."""
    problem, cores = Problem.uniform(1024, 256), []
    for own in (True, False):
        p = eight_bits(problem)
        limits = p.core.mapping.inputs.mvm
        if own:
            limits.percentile, limits.percentile_scope = percentile, "vector"
        cores.append(AnalogCore(problem.matrix, p))
    x = problem.inputs
    return ratio(lambda: cores[0] @ x, lambda: cores[1] @ x, repeats)


def _require_sense(core: AnalogCore, problem: Problem) -> None:
    """A product that is mostly error would be timed for nothing."""
    exact = problem.gemm()
    error = np.linalg.norm(core @ problem.inputs - exact) / np.linalg.norm(exact)
    if not error < 0.2:
        raise RuntimeError(f"the product to be timed is off by {error:.0%}")


def noisy_batch() -> Timing:
    """Milliseconds of one product of a 1024 by 1024 core with 16 inputs."""
    problem = Problem.uniform(1024, 16)
    core = AnalogCore(problem.matrix, read_noise(problem))
    return seconds(lambda: core @ problem.inputs, repeats=15).scaled(1e3)


def tiles_built() -> Timing:
    """Milliseconds to program 1024 tiles of 32 by 32."""
    matrix = Problem.uniform(1024, 1).matrix
    return seconds(lambda: AnalogCore(matrix, many_tiles()), repeats=7).scaled(1e3)


def tiles_multiplied() -> Timing:
    """Milliseconds of one vector through 1024 tiles of 32 by 32."""
    problem = Problem.uniform(1024, 1)
    core = AnalogCore(problem.matrix, many_tiles())
    vector = problem.inputs[:, 0]
    return seconds(lambda: core @ vector, repeats=31).scaled(1e3)


def small_call() -> Timing:
    """Microseconds of one vector through an ideal 16 by 16 core."""
    problem = Problem.uniform(16, 1)
    core = AnalogCore(problem.matrix, CrossSimParameters())
    vector = problem.inputs[:, 0]
    return seconds(lambda: core @ vector, repeats=15, loops=2000).scaled(1e6)


def wires_first(size: int, turns: int) -> Timing:
    """Seconds of the first product of a pair of arrays with wire resistance, exact to 1e-10."""
    error = wires.accuracy(min(size, 256))
    if not error < WIRES_ACCURACY:
        raise RuntimeError(f"the solution to be timed is off by {error:.0e}")
    return wires.first_call(size, 64, turns)


def wires_memory() -> Timing:
    """GiB that a process needs for the first product of a pair of 512 by 512 arrays."""
    value = wires.peak_memory(512)
    return Timing(value, value, value, 1)


def product_memory() -> Timing:
    """GiB that a process needs for 10,000 inputs of 8 phases through 4 weight slices."""
    program = (
        "from benchmarks.wires import resident; from benchmarks.works import *; "
        "problem = Problem.uniform(1024, 10_000); "
        "AnalogCore(problem.matrix, bit_serial_sliced(problem)) @ problem.inputs; "
        "print(resident())"
    )
    command = [sys.executable, "-c", program]
    value = float(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    return Timing(value, value, value, 1)


def import_time() -> Timing:
    """Seconds for `import simulator` in a fresh interpreter."""
    probe = "import time; t = time.perf_counter(); import simulator; print(time.perf_counter() - t)"

    def once() -> float:
        command = [sys.executable, "-c", probe]
        return float(subprocess.run(command, capture_output=True, text=True, check=True).stdout)

    values = sorted(once() for _ in range(9))
    return Timing(values[4], values[2], values[6], len(values))


def network(name: str, *args: object) -> Timing:
    """A work of `benchmarks.networks`; torch is imported for it alone."""
    from benchmarks import networks

    return getattr(networks, name)(*args)


def step_in_numpy() -> Timing:
    """The training step without compiled kernels, which are chosen once per process."""
    probe = "from benchmarks.networks import training_step as t; t = t(); "
    probe += "print(t.median, t.low, t.high, t.repeats)"
    environment = {**os.environ, "OHMCORE_KERNELS": "reference"}
    done = subprocess.run(
        [sys.executable, "-c", probe], capture_output=True, text=True, check=True, cwd=ROOT,
        env=environment,
    )  # fmt: skip
    *values, repeats = done.stdout.split()
    median, low, high = map(float, values)
    return Timing(median, low, high, int(repeats))


def resnet20(serial: bool | None, repeats: int) -> Timing:
    """ResNet-20 on ideal arrays (None), or with 8 bits everywhere."""
    from benchmarks import networks

    params = CrossSimParameters() if serial is None else networks.eight_bit_layers(serial)
    return networks.inference(params, repeats)


def pulsed(measure: str, model: str, batch: int, rate: float) -> Timing:
    """A work of `benchmarks.pulsed` with one of its models; torch is imported for it alone."""
    from benchmarks import pulsed

    return getattr(pulsed, measure)(getattr(pulsed, model), batch, rate)


WORKS = [
    Work(
        "1024x1024 core, batch 256, float32, 8-bit weights, DAC and ADC, 5 % error",
        "GEMM",
        1.15,
        lambda: against_gemm(eight_bits, batch=256, repeats=25),
    ),
    Work(
        "the same, 8 input bits one at a time, ADC each",
        "GEMM",
        9,
        lambda: against_gemm(bit_serial, batch=256, repeats=15),
    ),
    Work(
        "the same, 4 weight slices as well",
        "GEMM",
        36,
        lambda: against_gemm(bit_serial_sliced, batch=256, repeats=15),
    ),
    Work("the same, 10,000 inputs: peak memory", "GiB", 1, product_memory),
    Work(
        "the first row, an input range for each vector",
        "fixed range",
        1.1,
        lambda: own_ranges(1.0, repeats=25),
    ),
    Work(
        "the same, a range of 99.9 % of each vector",
        "fixed range",
        2,
        lambda: own_ranges(0.999, repeats=25),
    ),
    Work(
        "linear layer of 512 on 8x64 tokens: an input range for each token",
        "fixed range",
        1.15,
        lambda: network("token_ranges", 101),
    ),
    Work("read noise, 1024x1024, batch 16", "ms", 2, noisy_batch),
    Work("1024 tiles of 32x32, 4 slices: build", "ms", 100, tiles_built),
    Work("1024 tiles of 32x32, 4 slices: multiply one vector", "ms", 2, tiles_multiplied),
    Work("16x16 core, one vector, ideal: time per call", "us", 10, small_call),
    Work("wires, 256x256 (pair), 64 inputs: first call", "s", 0.8, lambda: wires_first(256, 5)),
    Work(
        "wires, 256x256 (pair): later calls",
        "GEMM",
        1.15,
        lambda: wires.later_calls(256, 64, repeats=31),
    ),
    Work(
        "read noise with wires, 256x256 (pair), 8-bit converters, one vector",
        "noiseless",
        3.3,
        lambda: wires.noisy_calls(1, repeats=401),
    ),
    Work("the same, 64 vectors", "noiseless", 5, lambda: wires.noisy_calls(64, repeats=101)),
    Work("wires, 512x512 (pair): first call", "s", 15, lambda: wires_first(512, 3)),
    Work("wires, 512x512 (pair): peak memory", "GiB", 2, wires_memory),
    Work("import simulator", "s", 0.25, import_time),
    Work("ResNet-20, batch 64: ideal", "torch", 1.15, lambda: resnet20(None, repeats=15)),
    Work("ResNet-20, batch 64: all 8 bit", "torch", 2, lambda: resnet20(False, repeats=9)),
    Work("ResNet-20, batch 64: bit-serial inputs", "torch", 12, lambda: resnet20(True, repeats=9)),
    Work(
        "6 linear layers of 512, batch 128: all 8 bit",
        "torch",
        2,
        lambda: network("linear_layers", 31),
    ),
    Work("course CNN, one training step", "torch", 1.5, lambda: network("training_step")),
    Work("course CNN, one training step, in NumPy alone", "torch", 2, step_in_numpy),
    Work(
        "perceptron by pulses, batch 64: one training step",
        "torch",
        9,
        lambda: pulsed("against_torch", "perceptron", 64, 0.05),
    ),
    Work(
        "LeNet by pulses, batch 8: one training step",
        "torch",
        5.2,
        lambda: pulsed("against_torch", "lenet", 8, 0.01),
    ),
    Work(
        "the perceptron's step: time",
        "ms",
        5,
        lambda: pulsed("milliseconds", "perceptron", 64, 0.05),
    ),
    Work("LeNet's step: time", "ms", 6, lambda: pulsed("milliseconds", "lenet", 8, 0.01)),
]
