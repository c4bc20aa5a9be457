"""What is set up for timing, in names that CrossSim has too, so that both can be timed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from simulator import CrossSimParameters


def seeded() -> CrossSimParameters:
    """Default parameters with a seed, where the simulator knows one."""
    p = CrossSimParameters()
    if hasattr(p.simulation, "seed"):
        p.simulation.seed = 1
    return p


@dataclass(frozen=True)
class Problem:
    """A matrix, inputs as columns, and the range that the column currents fill."""

    matrix: np.ndarray
    inputs: np.ndarray

    @staticmethod
    def uniform(size: int, batch: int) -> Problem:
        """Float32 values from -1 to 1."""
        random = np.random.default_rng(1)
        matrix = random.uniform(-1, 1, (size, size)).astype(np.float32)
        return Problem(matrix, random.uniform(-1, 1, (size, batch)).astype(np.float32))

    def full_scale(self) -> float:
        """Four standard deviations of a column current, in currents of one cell."""
        return 4 * float(np.std(self.matrix @ self.inputs[:, :16]))

    def gemm(self) -> np.ndarray:
        """The plain product."""
        return self.matrix @ self.inputs


def eight_bits(problem: Problem) -> CrossSimParameters:
    """8-bit weights, DAC and ADC, and cells that miss their target by 5 %."""
    p = seeded()
    p.xbar.device.cell_bits = 7
    p.xbar.device.infinite_on_off_ratio = True
    p.xbar.device.programming_error.enable = True
    p.xbar.device.programming_error.model = "NormalProportionalDevice"
    p.xbar.device.programming_error.magnitude = 0.05
    p.xbar.dac.mvm.model = "SignMagnitudeDAC"
    p.xbar.dac.mvm.bits = 8
    p.xbar.adc.mvm.model = "SignMagnitudeADC"
    p.xbar.adc.mvm.bits = 8
    p.xbar.adc.mvm.calibrated_range = [-problem.full_scale(), problem.full_scale()]
    return p


def bit_serial(problem: Problem) -> CrossSimParameters:
    """The same with input bits one at a time, and an ADC conversion of each."""
    p = eight_bits(problem)
    p.xbar.dac.mvm.input_bitslicing = True
    p.xbar.dac.mvm.slice_size = 1
    p.xbar.adc.mvm.adc_per_ibit = True
    return p


def bit_serial_sliced(problem: Problem) -> CrossSimParameters:
    """The same with every weight spread over four slices."""
    p = bit_serial(problem)
    p.core.style = "BITSLICED"
    p.core.weight_bits = 8
    p.core.bit_sliced.num_slices = 4
    p.xbar.device.cell_bits = 2
    limit = problem.full_scale()
    p.xbar.adc.mvm.calibrated_range = [[-limit, limit]] * 4
    return p


def read_noise(problem: Problem) -> CrossSimParameters:
    """Cells that read 5 % differently each time; ideal converters."""
    p = seeded()
    p.xbar.device.read_noise.enable = True
    p.xbar.device.read_noise.model = "NormalProportionalDevice"
    p.xbar.device.read_noise.magnitude = 0.05
    return p


def many_tiles() -> CrossSimParameters:
    """Arrays of 32 by 32 cells, four weight slices."""
    p = CrossSimParameters()
    p.core.rows_max = p.core.cols_max = 32
    p.core.style = "BITSLICED"
    p.core.weight_bits = 8
    p.core.bit_sliced.num_slices = 4
    p.xbar.device.cell_bits = 2
    return p
