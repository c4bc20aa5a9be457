"""Time the engine on a GPU: ``python -m benchmarks.gpu``; a table in ``benchmarks/results``.

Every figure is put beside what the card reaches in a plain float32 product. ``--cpu`` runs the same
work at a fraction of the size on the processor, to see that it runs.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from benchmarks import networks, settings
from benchmarks.run import RESULTS, markdown, this_machine, write
from benchmarks.timing import Timing, ratio, seconds
from simulator import AnalogCore, CrossSimParameters

SEED = 1


@dataclass(frozen=True)
class Device:
    """Where the work runs: the array module, torch's name of it, and a wait for all its work."""

    xp: Any
    torch_name: str
    wait: Callable[[], object]
    size: int
    images: int

    @property
    def is_gpu(self) -> bool:
        """False on the processor."""
        return self.xp is not np

    def timed(self, call: Callable[[], object], repeats: int = 9) -> Timing:
        """Seconds until the device has finished."""
        return seconds(lambda: (call(), self.wait()), repeats)

    def params(self, setting: Callable[[Any], CrossSimParameters], problem: Any) -> Any:
        """Parameters of a setting, for this device."""
        p = setting(problem)
        p.simulation.useGPU = self.is_gpu
        return p


def gpu() -> Device:
    """The first GPU. Raises ImportError without CuPy."""
    import cupy

    return Device(cupy, "cuda", lambda: cupy.cuda.Device().synchronize(), 4096, 256)


def processor() -> Device:
    """This processor, with small work."""
    return Device(np, "cpu", lambda: None, 256, 8)


def gemm_rate(device: Device) -> float:
    """Float32 operations per second of one large plain product."""
    n = device.size
    a = device.xp.ones((n, n), dtype=np.float32)
    return 2 * n**3 / device.timed(lambda: a @ a).median


def core_rows(device: Device, rate: float) -> list[dict[str, Any]]:
    """Products of one large core, as seconds and as a fraction of the card's rate."""
    n, batch = device.size, device.size // 4
    problem = settings.Problem.uniform(n, batch)
    inputs = device.xp.asarray(problem.inputs)
    rows = []
    cases: list[tuple[str, Callable, int]] = [
        ("ideal", lambda _: settings.seeded(), 1),
        ("8-bit weights, DAC and ADC, 5 % error", settings.eight_bits, 1),
        ("the same, 8 input bits one at a time, ADC each", settings.bit_serial, 7),
        ("the same, 4 weight slices as well", settings.bit_serial_sliced, 28),
        ("read noise", settings.read_noise, 2),
    ]
    for name, setting, products in cases:
        core = AnalogCore(problem.matrix, device.params(setting, problem))
        timing = device.timed(lambda core=core: core @ inputs)
        share = products * 2 * n * n * batch / timing.median / rate
        rows.append(row(f"{n}x{n} core, batch {batch}: {name}", "ms", timing.scaled(1e3), share))
    return rows


def wires_row(device: Device) -> dict[str, Any]:
    """The first product of a pair of arrays with wire resistance."""
    n = device.size // 8
    problem = settings.Problem.uniform(n, 64)
    p = device.params(lambda _: settings.seeded(), problem)
    p.xbar.device.Rmin, p.xbar.device.Rmax = 1e4, 1e6
    p.xbar.array.parasitics.enable = True
    p.xbar.array.parasitics.Rp_row = p.xbar.array.parasitics.Rp_col = 1.0
    inputs = device.xp.asarray(problem.inputs)
    timing = device.timed(lambda: AnalogCore(problem.matrix, p) @ inputs, 3)
    return row(f"wires, {n}x{n} (pair), 64 inputs: first call", "s", timing)


def network_rows(device: Device) -> list[dict[str, Any]]:
    """ResNet-20 as multiples of plain torch on the same device."""
    import torch

    from adapters.torch import from_torch

    torch.manual_seed(SEED)
    model = networks.resnet20().to(device.torch_name)
    images = torch.randn(device.images, 3, 32, 32, device=device.torch_name)
    cases = [
        ("ideal", settings.seeded()),
        ("all 8 bit", networks.eight_bit_layers(False)),
        ("bit-serial inputs", networks.eight_bit_layers(True)),
    ]
    rows = []
    for name, p in cases:
        p.simulation.useGPU = device.is_gpu
        analog = from_torch(model, p)

        def run(network: Any) -> None:
            with torch.no_grad():
                network(images)
            device.wait()

        timing = ratio(lambda net=analog: run(net), lambda: run(model), 9)
        rows.append(row(f"ResNet-20, batch {device.images}: {name}", "torch", timing))
    return rows


def row(work: str, unit: str, timing: Timing, share: float | None = None) -> dict[str, Any]:
    """One row of the results; ``share`` is the fraction of the card's rate."""
    if share is not None:
        work += f" ({share:.0%} of the rate)"
    return {
        "work": work, "unit": unit, "goal": None, "median": timing.median,
        "quartiles": [timing.low, timing.high], "repeats": timing.repeats,
    }  # fmt: skip


def main(arguments: list[str] | None = None) -> int:
    """Measure, print, and write what a GPU did."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gpu", description=__doc__)
    parser.add_argument("--cpu", action="store_true", help="small sizes on the processor")
    options = parser.parse_args(arguments)
    device = processor() if options.cpu else gpu()
    rate = gemm_rate(device)
    machine = this_machine()
    if device.is_gpu:
        properties = device.xp.cuda.runtime.getDeviceProperties(0)
        machine["processor"] = f"{properties['name'].decode()} on {machine['processor']}"
    machine["gemm_tflops"] = rate / 1e12
    rows = [*core_rows(device, rate), wires_row(device), *network_rows(device)]
    table = markdown(machine, rows)
    table += f"\n\nA plain float32 product runs at {rate / 1e12:.3g} TFLOP/s."
    print(table)
    if device.is_gpu:
        write(RESULTS, machine, rows, table)
    return 0


if __name__ == "__main__":
    sys.exit(main())
