"""What the tests of the engine generate: matrices, styles, partitions, converters, and both sides.

A strategy draws parameters; numbers come from a NumPy generator with a drawn seed, so that values
are generic: they do not sit on a converter's threshold unless they are meant to (zeros are).
"""

import contextlib
import warnings
from dataclasses import dataclass
from unittest import mock

import numpy as np
from hypothesis import strategies as st

from simulator import AnalogCore, CrossSimParameters
from simulator.converters import QuantizerADC, SignMagnitudeADC
from simulator.errors import OhmCoreWarning

REAL_DTYPES = (
    "float16", "float32", "float64", "int8", "int16", "int32", "int64", "uint8", "bool",
)  # fmt: skip
COMPLEX_DTYPES = ("complex64", "complex128")
STYLES = (
    "one_sided", "two_sided", "offset", "unit",
    "sliced_balanced", "sliced_offset", "sliced_unit",
)  # fmt: skip


@contextlib.contextmanager
def quietly():
    """Warnings about settings that work but are doubtful do not matter here."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", OhmCoreWarning)
        yield


def core_of(matrix, params, **kwargs):
    """A core, without warnings."""
    with quietly():
        return AnalogCore(matrix, params, **kwargs)


def arrays_of(part):
    """The physical arrays that hold one part of a matrix, by name."""
    if hasattr(part, "core_slices"):
        return {
            (i, side): array
            for i, pair in enumerate(part.core_slices) for side, array in enumerate(pair)
        }  # fmt: skip
    names = ("core",) if hasattr(part, "core") else ("core_pos", "core_neg")
    return {name: getattr(part, name) for name in names}


def conductances(core):
    """G / Gmax of all cells, in the order of the matrix: an array for each slice and side."""
    grid = [[arrays_of(part) for part in row] for row in core.cores]
    return {
        name: np.block([[np.asarray(part[name].matrix) for part in row] for row in grid])
        for name in grid[0][0]
    }


def numbers(rng, shape, dtype, largest=1.0):
    """Random values of any dtype, both signs where it has them; about one in ten is zero."""
    dtype = np.dtype(dtype)
    if dtype.kind == "b":
        return rng.random(shape) < 0.5
    if dtype.kind in "iu":
        top = min(int(np.iinfo(dtype).max), 1000)
        return rng.integers(0 if dtype.kind == "u" else -top, top + 1, shape).astype(dtype)
    values = rng.uniform(-largest, largest, shape)
    if dtype.kind == "c":
        values = values + 1j * rng.uniform(-largest, largest, shape)
    return (values * (rng.random(shape) > 0.1)).astype(dtype)


@st.composite
def shapes(draw, largest=24):
    """Rows and columns: tall, wide, square, a single line."""
    size = st.one_of(st.just(1), st.integers(1, 8), st.integers(2, largest))
    return draw(size), draw(size)


def set_style(params, style, weight_bits=8, slices=2):
    """One of STYLES on a parameter tree."""
    core = params.core
    if style in ("one_sided", "two_sided"):
        core.style = "BALANCED"
        core.balanced.style = style.upper()
    elif style in ("offset", "unit"):
        core.style = "OFFSET"
    else:
        core.style = "BITSLICED"
        core.weight_bits = weight_bits
        core.bit_sliced.num_slices = slices
        core.bit_sliced.style = "BALANCED" if style == "sliced_balanced" else "OFFSET"
    if style.endswith("unit"):
        core.offset.style = "UNIT_COLUMN_SUBTRACTION"


def is_paired(params):
    core = params.core
    style = core.bit_sliced.style if core.style.name == "BITSLICED" else core.style
    return style.name == "BALANCED"


@st.composite
def styles(draw, params):
    """Any style, its subtraction, and slices that may divide the weight bits unevenly."""
    style = draw(st.sampled_from(STYLES))
    slices = draw(st.integers(1, 4))
    set_style(params, style, draw(st.integers(max(2, slices), 10)), slices)
    if is_paired(params):
        how = draw(st.sampled_from(("array", "digital", "interleaved")))
        params.core.balanced.subtract_current_in_xbar = how != "digital"
        params.core.balanced.interleaved_posneg = how == "interleaved"


@st.composite
def cells(draw, params, bits=True):
    """On/off ratio from 2 to infinity, and the levels of a cell."""
    ratio = draw(st.sampled_from((2.0, 3.7, 100.0, 1e6, np.inf)))
    device = params.xbar.device
    device.Rmax = device.Rmin * ratio if np.isfinite(ratio) else device.Rmax
    device.infinite_on_off_ratio = bool(np.isinf(ratio))
    if bits:
        # Offset weights in cells of two levels leave no level for a sign.
        fewest = 2 if params.core.style.name == "OFFSET" else 1
        device.cell_bits = draw(st.sampled_from((0, 0, fewest, 2, 3, 6)))
        if params.core.style.name == "BITSLICED" and device.cell_bits:
            # A digit needs a level of its own.
            device.cell_bits = max(device.cell_bits, -(-params.core.weight_bits // _slices(params)))


def _slices(params):
    return params.core.bit_sliced.num_slices


@st.composite
def partitions(draw, params):
    """Limits of an array, by every rule."""
    core, weights = params.core, params.core.mapping.weights
    core.rows_max, core.cols_max = (draw(st.sampled_from((0, 0, 1, 3, 4, 7, 16))) for _ in "rc")
    for axis in ("row", "col"):
        setattr(weights, f"{axis}_partition_strategy", draw(st.sampled_from(("EQUAL", "MAX"))))
        setattr(weights, f"{axis}_partition_priority", draw(st.sampled_from(([], [1, 2], [3]))))


@st.composite
def weight_ranges(draw, params, largest=1.0, clipping=True):
    """A percentile, or an explicit range that need not be symmetric; without ``clipping`` it covers
    every weight up to ``largest``."""
    weights = params.core.mapping.weights
    kind = draw(st.sampled_from(("percentile", "percentile", "explicit")))
    if kind == "percentile":
        weights.percentile = draw(st.sampled_from((1.0, 1.37, 0.95) if clipping else (1.0, 1.37)))
        return
    low, high = draw(st.sampled_from(((-1.0, 1.0), (-0.53, 1.0), (-1.9, 0.27), (-1.0, 2.9))))
    weights.percentile = None
    weights.min, weights.max = low * largest, high * largest
    weights.clipping = clipping


@st.composite
def converters(draw, params, inputs_per_array, direction="mvm"):
    """Input range, DAC, digits, and ADC of one direction."""
    dac = getattr(params.xbar.dac, direction)
    adc = getattr(params.xbar.adc, direction)
    inputs = getattr(params.core.mapping.inputs, direction)
    kind = draw(st.sampled_from(("IdealDAC", "QuantizerDAC", "QuantizerDAC", "SignMagnitudeDAC")))
    dac.signed = kind == "SignMagnitudeDAC" or draw(st.booleans())
    dac.bits = 0 if kind == "IdealDAC" else draw(st.integers(2, 8))
    dac.model = kind
    dac.input_bitslicing = dac.bits > 0 and (
        kind == "SignMagnitudeDAC" or not dac.signed
    ) and draw(st.booleans())  # fmt: skip
    dac.slice_size = draw(st.integers(1, 4))
    _input_range(draw, inputs, dac)
    _adc(draw, params, adc, dac, inputs_per_array)


def _input_range(draw, inputs, dac):
    if draw(st.integers(0, 3)) == 0:
        inputs.percentile = draw(st.sampled_from((1.0, 1.3, 0.9)))
        return
    if dac.model == "SignMagnitudeDAC":
        ranges = ((-1.0, 1.0), (-0.7, 0.7), (-3.0, 3.0))
    elif dac.signed:
        ranges = ((-1.0, 1.0), (-0.7, 0.7), (-0.3, 1.1), (0.0, 0.8))
    else:
        ranges = ((0.0, 1.0), (0.0, 0.6)) + ((0.2, 0.9),) * (not dac.input_bitslicing)
    inputs.min, inputs.max = draw(st.sampled_from(ranges))


def _adc(draw, params, adc, dac, inputs_per_array):
    adc.model = draw(st.sampled_from(("IdealADC", "QuantizerADC", "SignMagnitudeADC")))
    adc.adc_per_ibit = dac.input_bitslicing and draw(st.booleans())
    if adc.model == "IdealADC":
        return
    adc.bits = draw(st.integers(2, 10))
    core = params.core
    subtracted = is_paired(params) and core.balanced.subtract_current_in_xbar
    both = dac.signed or subtracted or (is_paired(params) and core.style.name == "BITSLICED")
    options = ["CALIBRATED"]
    if both or adc.model == "QuantizerADC":
        options += ["MAX"] + ["GRANULAR"] * adc.adc_per_ibit
    adc.adc_range_option = draw(st.sampled_from(options))
    top = draw(st.sampled_from((0.1, 0.5, 1.0))) * inputs_per_array
    low = -top if adc.model == "SignMagnitudeADC" else draw(st.sampled_from((-top, 0.0, -top / 3)))
    slices = core.bit_sliced.num_slices if core.style.name == "BITSLICED" else 1
    pairs = [[low / 2**i, top / 2**i] for i in range(slices)]
    adc.calibrated_range = pairs if core.style.name == "BITSLICED" else pairs[0]


@dataclass(frozen=True)
class Setting:
    """Everything of one multiply: ``transposed`` means ``x @ core``."""

    params: CrossSimParameters
    matrix: np.ndarray
    x: np.ndarray
    transposed: bool

    def with_inputs(self, x):
        """The same for other inputs."""
        return Setting(self.params, self.matrix, x, self.transposed)

    def astype(self, dtype):
        """The same in another precision."""
        matrix, x = self.matrix.astype(dtype), self.x.astype(dtype)
        return Setting(self.params, matrix, x, self.transposed)

    def __repr__(self):
        changed = difference(self.params.as_dict(), CrossSimParameters().as_dict())
        values = ", ".join(f"{path}={value!r}" for path, value in changed)
        return f"Setting({self.matrix!r}, {self.x!r}, {self.transposed}, {values})"

    def _repr_pretty_(self, printer, cycle):
        printer.text(repr(self))


def difference(tree, default, path=""):
    """Paths and values of a parameter tree that are not the default ones."""
    for name, value in tree.items():
        if isinstance(value, dict):
            yield from difference(value, default[name], f"{path}{name}.")
        elif value != default[name]:
            yield path + name, value


def multiply(core, setting):
    """The product that the setting asks for."""
    return setting.x @ core if setting.transposed else core @ setting.x


@st.composite
def full_settings(draw):
    """Every stage that has no randomness, in one setting."""
    params = CrossSimParameters()
    is_complex = draw(st.integers(0, 3)) == 0
    m, n = draw(shapes())
    if is_complex:
        m, n = max(m, 2), max(n, 2)
        params.core.complex_matrix = True
    draw(styles(params))
    draw(cells(params))
    draw(partitions(params))
    draw(weight_ranges(params))
    transposed = draw(st.booleans())
    params.xbar.adc.match = params.xbar.dac.match = params.core.mapping.inputs.match = False
    draw(converters(params, n, "mvm"))
    draw(converters(params, m, "vmm"))
    params.xbar.array.Icol_max = draw(st.sampled_from((0.0, 0.0, 0.4, 2.0, 1e6)))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    dac = params.xbar.dac.vmm if transposed else params.xbar.dac.mvm
    lines, batch = (m if transposed else n), draw(st.sampled_from((None, 1, 3)))
    shape = (lines,) if batch is None else ((batch, lines) if transposed else (lines, batch))
    kind = "complex128" if is_complex else "float64"
    x = numbers(rng, shape, kind)
    if not dac.signed:
        x = np.abs(x.real) + (1j * np.abs(x.imag) if is_complex else 0)
    return Setting(params, numbers(rng, (m, n), kind), x, transposed)


@st.composite
def noisy_settings(draw):
    """The same with read noise of every sampling, in either precision."""
    setting = draw(full_settings())
    if draw(st.booleans()):
        setting = setting.astype(np.complex64 if setting.x.dtype.kind == "c" else np.float32)
    noise = setting.params.xbar.device.read_noise
    noise.enable, noise.magnitude = True, draw(st.sampled_from((0.01, 0.2)))
    law = draw(st.sampled_from(("Normal", "Uniform")))
    noise.model = law + draw(st.sampled_from(("Independent", "Proportional"))) + "Device"
    setting.params.xbar.device.clip_conductance = draw(st.booleans())
    sampling = draw(st.sampled_from(("auto", "per_output", "per_output", "per_device")))
    setting.params.simulation.read_noise_sampling = sampling
    setting.params.simulation.seed = 7
    return setting


@dataclass(frozen=True)
class Conversion:
    """What one call of a converter saw and returned."""

    amps: np.ndarray
    low: np.ndarray
    high: np.ndarray
    codes: np.ndarray
    bits: int
    magnitude: bool

    @property
    def step(self):
        """Distance of neighbouring codes."""
        if self.magnitude:
            return self.high / (2 ** (self.bits - 1) - 1)
        return (self.high - self.low) / (2**self.bits - 1)

    @property
    def to_threshold(self):
        """Distance of every current from the nearest point where its code changes."""
        low = 0.0 if self.magnitude else self.low
        position = (np.clip(self.amps, self.low, self.high) - low) / self.step
        return np.abs(np.abs(position - np.floor(position)) - 0.5) * self.step


@contextlib.contextmanager
def conversions():
    """Record every analog-to-digital conversion of quantising ADCs."""
    seen = []

    def recording(model):
        convert = model.convert

        def recorded(self, amps, low, high, kernels, dither=None):
            codes = convert(self, amps, low, high, kernels, dither)
            magnitude = isinstance(self, SignMagnitudeADC)
            seen.append(Conversion(amps.copy(), low, high, codes, self.bits, magnitude))
            return codes

        return mock.patch.object(model, "convert", recorded)

    with recording(QuantizerADC), recording(SignMagnitudeADC):
        yield seen
