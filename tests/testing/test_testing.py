"""The conformance suite: every shipped model passes, and broken models are told what is wrong."""

from dataclasses import dataclass

import numpy as np
import pytest

from simulator import registry
from simulator.circuits import Circuit, Wires
from simulator.converters import ADC
from simulator.devices import Cell, CellLaw, CubicDevice, Device, Draw
from simulator.mapping import (
    CellLevels,
    OneSidedPair,
    SingleCell,
    SlicedWeight,
    TwoSidedPair,
    WholeWeight,
)
from simulator.schema import parameter
from simulator.testing import (
    ConformanceError,
    check_adc,
    check_cells,
    check_circuit,
    check_dac,
    check_device,
    check_levels,
    check_weight_digits,
)

pytestmark = pytest.mark.usefixtures("own_registry")  # models defined here are forgotten

DEVICES = ["IdealDevice"] + [
    f"{law}{scale}Device"
    for law in ("Normal", "Uniform")
    for scale in ("Independent", "Proportional", "InverseProportional")
]

CIRCUIT_ADCS = {
    "RampADC": {"sigma_capacitor": 0.2},
    "SarADC": {"sigma_capacitor": 0.2, "group_size": 2},
    "PipelineADC": {"sigma_C1": 0.1, "sigma_C2": 0.1, "sigma_Cpar": 0.1, "group_size": 3},
    "CyclicADC": {"sigma_C1": 0.1, "sigma_C2": 0.1, "sigma_Cpar": 0.1},
}

# CubicDevice further down, the others in tests/devices/test_published_devices.py,
# tests/devices/test_table_devices.py and tests/devices/test_variability.py.
CHECKED_ELSEWHERE = {
    "CubicDevice", "HermesPCM", "PCM", "PCMJoshi", "RRAMCMO", "RRAMMilo", "RRAMWan", "RRAMWan2022",
    "SONOS", "TableDevice", "VariabilityDevice",
}  # fmt: skip

WIRED = [
    f"{style}{source}SourceCircuit"
    for style in ("Interleaved", "Noninterleaved")
    for source in ("Input", "Separate")
]


def shipped(kind):
    """Registered models of the engine itself; other tests may have registered more."""
    models = registry._models[kind].items()
    return {name for name, cls in models if cls.__module__.startswith("simulator.")}


def test_every_shipped_model_is_checked_here():
    assert shipped("device") == {*DEVICES, *CHECKED_ELSEWHERE}
    plain = ("Ideal", "Quantizer", "SignMagnitude", "MidTread")
    assert shipped("adc") == {*(f"{name}ADC" for name in plain), *CIRCUIT_ADCS}
    assert shipped("dac") == {f"{name}DAC" for name in plain}
    assert shipped("circuit") == {"IdealCircuit", "UncoupledNonlinearCircuit", *WIRED}


@pytest.mark.parametrize("name", DEVICES)
def test_devices_conform(name):
    check_device(name, **({} if name == "IdealDevice" else {"magnitude": 0.05}))


@pytest.mark.parametrize("bits", [0, 2, 5, 8])
@pytest.mark.parametrize("name", ["IdealADC", "QuantizerADC", "SignMagnitudeADC"])
def test_adcs_conform(name, bits):
    check_adc(name, bits=bits)
    if name != "SignMagnitudeADC":
        check_adc(name, bits=bits, signed=False)


@pytest.mark.parametrize("bits", [0, 2, 5, 8])
@pytest.mark.parametrize("name", CIRCUIT_ADCS)
def test_circuit_adcs_conform(name, bits):
    for signed in (True, False):
        check_adc(name, bits=bits, signed=signed)
        varied = {"sigma_comparator": 0.1, **CIRCUIT_ADCS[name]}
        check_adc(name, monotone=False, bits=bits, signed=signed, gain_db=40, **varied)
    # A search that halves is monotone whatever its levels are.
    if name == "SarADC":
        check_adc(name, bits=bits, sigma_capacitor=0.5, sigma_comparator=0.1)


@pytest.mark.parametrize("bits", [0, 2, 5, 8])
@pytest.mark.parametrize("name", ["IdealDAC", "QuantizerDAC", "SignMagnitudeDAC"])
def test_dacs_conform(name, bits):
    check_dac(name, bits=bits)


@pytest.mark.parametrize("resolution", [0.0, 0.5, 0.3, 0.2, 0.1, 1 / 126, 1 / 255])
def test_converters_with_a_step_conform(resolution):
    """So many bits that their number limits nothing."""
    check_adc("MidTreadADC", bits=24, resolution=resolution)
    check_dac("MidTreadDAC", bits=24, resolution=resolution)


def test_circuits_conform():
    cubic = CellLaw(CubicDevice(), Cell(1e-6, 1e-5, Vread=0.5))
    check_circuit("IdealCircuit")
    check_circuit("UncoupledNonlinearCircuit", law=cubic)
    for name in WIRED:
        for law in (None, cubic):
            check_circuit(name, wires=Wires(1e-3, 2e-3, 1e-2, 3e-2), law=law)


def test_nonlinear_cells_conform():
    check_device("CubicDevice")

    @dataclass(frozen=True)
    class Steeper(CubicDevice):
        def slope(self, siemens, volts, cell):
            return 2.0 * super().slope(siemens, volts, cell)

    with pytest.raises(ConformanceError, match="derivative"):
        check_device(Steeper)


@dataclass(frozen=True)
class _Fading(Device):
    """Half of the conductance is lost in each unit of time, with a spread that grows."""

    def drift_mean(self, siemens, cell):
        return siemens * 0.5**cell.time

    def drift_sigma(self, siemens, cell):
        return 0.01 * cell.time * siemens


BROKEN_DRIFT = {
    "at time 1: its sigma is negative": {"drift_sigma": lambda self, g, cell: -cell.time * g},
    "as it began": {"drifted": lambda self, g, z, cell: 0.9 * g},
    "leaves the device": {"drifted": lambda self, g, z, cell: np.array(g.tolist())},
    "device array": {"drifted": lambda self, g, z, cell: np.asarray(g) + 0 * z},
    "changes its argument": {"drifted": lambda self, g, z, cell: np.multiply(g, 2, out=g)},
    "as it was programmed": {
        "drift_includes_programming": True,
        "drifted": Device.drifted,
        "programming_sigma": lambda self, g, cell: 0.1 * g,
    },
}


def test_drift_conforms_at_every_time():
    for time in (0.0, 0.5, 3.0):
        check_device(_Fading, Cell(1e-6, 1e-5, time=time))


@pytest.mark.parametrize("law", BROKEN_DRIFT)
def test_broken_drift_is_told_which_law_it_breaks(law):
    broken = dataclass(frozen=True)(type("BrokenDrift", (_Fading,), BROKEN_DRIFT[law]))
    with pytest.raises(ConformanceError, match=law):
        check_device(broken)


@pytest.mark.parametrize(("gain", "shift", "law"), [(1.1, 0.0, "spread"), (1.0, 0.2, "mean")])
def test_drift_that_is_not_its_declared_moments_is_found(monkeypatch, gain, shift, law):
    normal = Draw.normal
    monkeypatch.setattr(Draw, "normal", lambda self: gain * normal(self) + shift)
    with pytest.raises(ConformanceError, match=law):
        check_device(_Fading)


@pytest.mark.parametrize("signed", [True, False])
def test_mapping_steps_conform(signed):
    for cell_bits in (0, 2, 7):
        check_weight_digits(WholeWeight(signed, cell_bits))
    for bits, count in [(8, 1), (8, 2), (8, 4), (8, 8), (7, 3), (2, 2), (16, 5)]:
        step = SlicedWeight(signed, bits, count)
        check_weight_digits(step, tolerance=0.5 / step.steps)
    for cells in (OneSidedPair(), TwoSidedPair(), SingleCell()):
        check_cells(cells)
    for lowest in (0.0, 0.1, 0.5):
        for cell_bits in (-1, 0, 1, 4, 8):
            check_levels(CellLevels(lowest, cell_bits))


def broken_device(**methods):
    """A frozen device class with the given methods."""
    return dataclass(frozen=True)(type("Broken", (Device,), methods))


BROKEN_DEVICES = {
    "describes neither": {},
    "shape": {"programmed": lambda self, g, cell, draw: g.sum() + draw.normal() * g},
    "changes its argument": {"programmed": lambda self, g, cell, draw: np.multiply(g, 2, out=g)},
    "same draws": {
        "programmed": lambda self, g, cell, draw: g * np.random.default_rng().normal(size=g.shape)
    },
    "device array": {
        "programmed": lambda self, g, cell, draw: np.asarray(g) * draw.normal(),
    },
    "negative": {"programming_sigma": lambda self, g, cell: -0.1 * g},
    "not finite": {"read_sigma": lambda self, g, cell: np.inf * g},
}


@pytest.mark.parametrize("law", [law for law in BROKEN_DEVICES if law != "shape"])
def test_a_broken_device_is_told_which_law_it_breaks(law):
    with pytest.raises(ConformanceError, match=law):
        check_device(broken_device(**BROKEN_DEVICES[law]))


def test_a_device_that_drops_dimensions_is_told_so():
    lost = {"programmed": lambda self, g, cell, draw: g.sum(keepdims=False) + 0.0}
    with pytest.raises(ConformanceError, match="shape"):
        check_device(broken_device(**lost))


@pytest.mark.parametrize(("gain", "shift", "law"), [(1.1, 0.0, "spread"), (1.0, 0.2, "mean")])
def test_a_law_that_is_not_its_declared_moments_is_found(monkeypatch, gain, shift, law):
    """Draws that are not standard make the drawn moments leave the declared ones."""
    standard = Draw.standard
    monkeypatch.setattr(Draw, "standard", lambda self, name: gain * standard(self, name) + shift)
    with pytest.raises(ConformanceError, match=law):
        check_device("NormalProportionalDevice", magnitude=0.1)


def test_an_undeclared_field_and_a_class_that_is_not_frozen_are_errors():
    @dataclass(frozen=True)
    class Undeclared(Device):
        spread: float = 0.1

        def read_sigma(self, siemens, cell):
            return self.spread * siemens

    with pytest.raises(ConformanceError, match="spread"):
        check_device(Undeclared)

    with pytest.raises(ConformanceError, match="not derived from ADC"):
        check_adc(Undeclared())


def test_broken_converters_are_told_which_law_they_break():
    @dataclass(frozen=True)
    class Overflowing(ADC):
        bits: int = parameter(4, type=int)

        def convert(self, amps, low, high, kernels, dither=None):
            return kernels.quantize(amps, 2 * low, 2 * high, 2**self.bits - 1)

    with pytest.raises(ConformanceError, match="leave the range"):
        check_adc(Overflowing)

    @dataclass(frozen=True)
    class Backwards(ADC):
        bits: int = parameter(4, type=int)

        def convert(self, amps, low, high, kernels, dither=None):
            return -kernels.quantize(amps, low, high, 2**self.bits - 1)

    with pytest.raises(ConformanceError, match="smaller result"):
        check_adc(Backwards)

    @dataclass(frozen=True)
    class TooFine(ADC):
        bits: int = parameter(4, type=int)

        def convert(self, amps, low, high, kernels, dither=None):
            return kernels.quantize(amps, low, high, 2 ** (self.bits + 1))

    with pytest.raises(ConformanceError, match="different results"):
        check_adc(TooFine)

    @dataclass(frozen=True)
    class Fabricated(ADC):
        bits: int = parameter(4, type=int)

        def fabricate(self, shape, draw, kernels):
            return draw(range(1), 1)[..., 0]

        def convert(self, amps, low, high, kernels, dither=None, made=None):
            shift = 0 if made is None else made.reshape(1, *made.shape, *(1,) * (amps.ndim - 6))
            return kernels.quantize(amps + 0.1 * shift, low, high, 2**self.bits - 1)

    check_adc(Fabricated)

    @dataclass(frozen=True)
    class Secret(Fabricated):
        has_mismatch = False

    with pytest.raises(ConformanceError, match="has_mismatch is False"):
        check_adc(Secret)

    @dataclass(frozen=True)
    class Restless(Fabricated):
        def fabricate(self, shape, draw, kernels):
            noise = np.random.default_rng().normal(size=shape)
            return kernels.xp.asarray(noise)

    with pytest.raises(ConformanceError, match="depends on its calls"):
        check_adc(Restless)

    @dataclass(frozen=True)
    class Neighbourly(Fabricated):
        def convert(self, amps, low, high, kernels, dither=None, made=None):
            moved = amps if made is None else amps - amps.mean(axis=-1, keepdims=True)
            return kernels.quantize(moved, low, high, 2**self.bits - 1)

    with pytest.raises(ConformanceError, match="vectors beside it"):
        check_adc(Neighbourly)


def test_a_circuit_that_makes_current_is_told_so():
    @dataclass(frozen=True)
    class Generous(Circuit):
        def effective(self, conductances, transposed=False, xp=np):
            return 1.01 * conductances

    with pytest.raises(ConformanceError, match="add to the total"):
        check_circuit(Generous)


def test_a_draw_has_one_seed_which_the_first_normal_decides():
    normals = np.random.default_rng(3).standard_normal((2, 3))
    whole = Draw(lambda: normals, lambda: normals)
    short = Draw(lambda: normals, lambda: normals, lambda: normals[:1, :1])
    assert whole.seed() == short.seed() == whole.seed()
    assert 0 <= whole.seed() < 2**64
    assert Draw(lambda: -normals, lambda: normals).seed() != whole.seed()
