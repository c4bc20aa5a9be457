"""Follow one warm multiply through the engine: `python -m benchmarks.follow`.

The core is bit-serial, with an ADC for every digit and read noise, on the plain kernels: more
stages than most. Printed are the functions it runs through, in the order of their first call, and
how many files, functions and calls that were.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

import numpy as np

import simulator
from simulator import AnalogCore, CrossSimParameters
from simulator.backend import Backend
from simulator.kernels import ReferenceKernels
from simulator.multiply.lookout import FIRST_CALLS

ENGINE = Path(simulator.__file__).parent
SETTINGS = {
    "simulation.seed": 3,
    "core.mapping.inputs.mvm.min": -3.5,
    "core.mapping.inputs.mvm.max": 3.5,
    "xbar.dac.mvm.model": "SignMagnitudeDAC",
    "xbar.dac.mvm.bits": 8,
    "xbar.dac.mvm.input_bitslicing": True,
    "xbar.adc.mvm.model": "QuantizerADC",
    "xbar.adc.mvm.bits": 8,
    "xbar.adc.mvm.adc_range_option": "MAX",
    "xbar.adc.mvm.adc_per_ibit": True,
    "xbar.device.read_noise.enable": True,
    "xbar.device.read_noise.model": "NormalIndependentDevice",
    "xbar.device.read_noise.magnitude": 0.02,
}


@dataclass
class Trail:
    """Functions of the engine, by file, that ran: how deep and how often."""

    depths: dict[CodeType, int] = field(default_factory=dict)
    counts: dict[CodeType, int] = field(default_factory=dict)

    def __call__(self, frame: FrameType, event: str, argument: Any) -> None:
        """What `sys.setprofile` calls."""
        code = frame.f_code
        if event != "call" or not code.co_filename.startswith(str(ENGINE)):
            return
        if code not in self.counts:
            self.depths[code] = sum(1 for above in _stack(frame) if above in self.counts)
        self.counts[code] = self.counts.get(code, 0) + 1

    @property
    def files(self) -> list[str]:
        """The files, in the order in which they were reached."""
        names = (Path(code.co_filename).relative_to(ENGINE).as_posix() for code in self.counts)
        return list(dict.fromkeys(names))


def _stack(frame: FrameType) -> list[CodeType]:
    codes, above = [], frame.f_back
    while above is not None:
        codes.append(above.f_code)
        above = above.f_back
    return codes


def bit_serial_core() -> tuple[AnalogCore, np.ndarray]:
    """The core, and inputs for it, (32, 4)."""
    params, rng = CrossSimParameters(), np.random.default_rng(0)
    params.update(SETTINGS)
    plain = Backend("numpy", np, ReferenceKernels(np))
    return AnalogCore(rng.normal(size=(32, 32)), params, backend=plain), rng.normal(size=(32, 4))


def ideal_core() -> tuple[AnalogCore, np.ndarray]:
    """A core whose whole path is one matrix, and inputs for it."""
    rng = np.random.default_rng(0)
    return AnalogCore(rng.normal(size=(16, 16)), CrossSimParameters()), rng.normal(size=16)


def follow(core: AnalogCore, x: np.ndarray) -> Trail:
    """What ``core @ x`` runs through once all that it keeps is found, and inputs were looked at."""
    for _ in range(FIRST_CALLS + 1):
        core @ x
    trail = Trail()
    sys.setprofile(trail)
    try:
        core @ x
    finally:
        sys.setprofile(None)
    return trail


def main() -> None:
    """Print both trails."""
    for title, made in (("bit-serial", bit_serial_core()), ("ideal", ideal_core())):
        trail = follow(*made)
        print(f"one multiply of the {title} core")
        for code, depth in trail.depths.items():
            name = Path(code.co_filename).relative_to(ENGINE).as_posix()
            print(f"  {name:32} {'  ' * depth}{code.co_name}  x{trail.counts[code]}")
        print(
            f"{len(trail.files)} files, {len(trail.counts)} functions, "
            f"{sum(trail.counts.values())} calls\n"
        )


if __name__ == "__main__":
    main()
