"""The same work on another checkout with CrossSim's interface, in a process of its own.

Only names that both have are used, so a checkout of this project can be timed against itself.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from benchmarks.timing import Timing, ratio, seconds

ROOT = Path(__file__).resolve().parents[1]
# Seconds for one work, the slowest of which takes minutes where tiles are looped over.
PATIENCE = 1800
CHILD = (
    "import sys; sys.path[:0] = [sys.argv[1]]; sys.path.append(sys.argv[2]); "
    "from benchmarks import peer; peer.print_timing(sys.argv[3])"
)


def timed_elsewhere(work: str, checkout: Path) -> float | None:
    """Median of a work with ``checkout`` first on the path; None for a work that it cannot do.

    Raises FileNotFoundError for a folder without a ``simulator``, RuntimeError with the last line
    of the child where it fails.
    """
    if not (checkout / "simulator").is_dir():
        raise FileNotFoundError(f"{checkout} has no folder 'simulator'")
    if work not in works():
        return None
    command = [sys.executable, "-c", CHILD, str(checkout.resolve()), str(ROOT), work]
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, cwd=checkout)
    if done.returncode:
        raise RuntimeError(f"{work}: {(done.stderr.strip() or 'no output').splitlines()[-1]}")
    return float(json.loads(done.stdout.splitlines()[-1])["median"])


def print_timing(work: str) -> None:
    """What the child runs: one work, its median as the last line."""
    print(json.dumps({"median": works()[work]().median}))


def works() -> dict[str, Callable[[], Timing]]:
    """The rows of the table that both can do, by their names in it."""
    return {
        "1024x1024 core, batch 256, float32, 8-bit weights, DAC and ADC, 5 % error": (
            lambda: _core("eight_bits", 9)
        ),
        "the same, 8 input bits one at a time, ADC each": lambda: _core("bit_serial", 5),
        "the same, 4 weight slices as well": lambda: _core("bit_serial_sliced", 3),
        "read noise, 1024x1024, batch 16": _read_noise,
        "1024 tiles of 32x32, 4 slices: build": lambda: _tiles(build=True),
        "1024 tiles of 32x32, 4 slices: multiply one vector": lambda: _tiles(build=False),
        "16x16 core, one vector, ideal: time per call": _small,
        "ResNet-20, batch 64: ideal": lambda: _resnet(None, 5),
        "ResNet-20, batch 64: all 8 bit": lambda: _resnet(False, 5),
        "ResNet-20, batch 64: bit-serial inputs": lambda: _resnet(True, 3),
        "course CNN, one training step": lambda: _networks().training_step(30),
    }


def _core(setting: str, repeats: int) -> Timing:
    from benchmarks import settings
    from simulator import AnalogCore

    problem = settings.Problem.uniform(1024, 256)
    core = AnalogCore(problem.matrix, getattr(settings, setting)(problem))
    return ratio(lambda: core @ problem.inputs, problem.gemm, repeats)


def _read_noise() -> Timing:
    from benchmarks import settings
    from simulator import AnalogCore

    problem = settings.Problem.uniform(1024, 16)
    core = AnalogCore(problem.matrix, settings.read_noise(problem))
    return seconds(lambda: core @ problem.inputs, repeats=5).scaled(1e3)


def _tiles(build: bool) -> Timing:
    from benchmarks import settings
    from simulator import AnalogCore

    problem = settings.Problem.uniform(1024, 1)
    if build:
        made = seconds(lambda: AnalogCore(problem.matrix, settings.many_tiles()), repeats=3)
        return made.scaled(1e3)
    core, vector = AnalogCore(problem.matrix, settings.many_tiles()), problem.inputs[:, 0]
    return seconds(lambda: core @ vector, repeats=9).scaled(1e3)


def _small() -> Timing:
    from benchmarks import settings
    from simulator import AnalogCore

    problem = settings.Problem.uniform(16, 1)
    core, vector = AnalogCore(problem.matrix, settings.seeded()), problem.inputs[:, 0]
    return seconds(lambda: core @ vector, repeats=9, loops=500).scaled(1e6)


def _resnet(serial: bool | None, repeats: int) -> Timing:
    from benchmarks import settings

    networks = _networks()
    params = settings.seeded() if serial is None else networks.eight_bit_layers(serial)
    return networks.inference(params, repeats)


def _networks():  # type: ignore[no-untyped-def]
    from benchmarks import networks

    return networks
