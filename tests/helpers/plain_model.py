"""A second, independent model of the data path: plain loops over tiles, slices, cells and digits.

Written from the published description of CrossSim's numerics, in float64, one array at a time and
with every stage in its place: nothing is merged, nothing is shared with the engine. It reads the
parameter tree and knows no random effects.
"""

import math
from dataclasses import dataclass

import numpy as np


def part_sizes(length, limit, priority, maximal):
    """Lines on each array, at most ``limit`` of them (0: no limit)."""
    count = math.ceil(length / limit) if limit > 0 else 1
    if length % count == 0:
        return [length // count] * count
    if maximal or any((length * d) % limit == 0 for d in priority):
        return [limit] * (count - 1) + [length - (count - 1) * limit]
    even = round(length / count)
    last = length - even * (count - 1)
    if last <= limit:
        return [even] * (count - 1) + [last]
    return [length // count + (i < length % count) for i in range(count)]


def percentile_limit(values, p):
    """Largest magnitude of the range that the percentile ``p`` stands for."""
    if p >= 1:
        limit = p * np.abs(values).max()
    else:
        limit = max(abs(np.percentile(values, 100 * p)), abs(np.percentile(values, 100 - 100 * p)))
    return limit if limit > 0 else np.finfo(float).eps


def quantize(x, low, high, bits):
    """The nearest of ``2**bits`` levels between ``low`` and ``high``."""
    q = (2**bits - 1) / (high - low)
    return np.rint((np.clip(x, low, high) - low) * q) / q + low


def quantize_magnitude(x, limit, bits):
    """The nearest of ``2**bits - 1`` levels between ``-limit`` and ``limit``."""
    q = (2 ** (bits - 1) - 1) / limit
    return np.rint(np.clip(x, -limit, limit) * q) / q


@dataclass
class Tile:
    """What one array does in one multiply: currents at its converter, axes phase, slice, side,
    output, vector; the full-scale range of every slice; and what drives the array."""

    amps: np.ndarray
    low: np.ndarray
    high: np.ndarray
    inputs: int
    peak: float  # largest voltage on a line


class PlainCore:
    """A programmed matrix; ``product`` is a multiply up to the converters, ``result`` the rest."""

    def __init__(self, matrix, params):
        self.p = params
        matrix = np.asarray(matrix)
        core = params.core
        self.is_complex = bool(core.complex_matrix or core.complex_input)
        if self.is_complex:
            re, im = matrix.real, matrix.imag
            matrix = np.block([[re, -im], [im, re]])
        matrix = matrix.astype(np.float64)
        weights = core.mapping.weights
        low, high = weights.min, weights.max
        if weights.percentile:
            high = percentile_limit(matrix, weights.percentile)
            low = -high
        self.wmax = max(abs(low), abs(high))
        if weights.clipping:
            matrix = np.clip(matrix, low, high)
        self.w = matrix / self.wmax
        self.row_parts = part_sizes(
            len(matrix), core.cols_max, weights.row_partition_priority,
            weights.row_partition_strategy.name == "MAX",
        )  # fmt: skip
        self.col_parts = part_sizes(
            matrix.shape[1], core.rows_max, weights.col_partition_priority,
            weights.col_partition_strategy.name == "MAX",
        )  # fmt: skip
        device = params.xbar.device
        self.g0 = device.Gmin_norm
        self.gr = 1 - self.g0
        self.cell_bits = max(device.cell_bits, 0)
        self.sliced = core.style.name == "BITSLICED"
        self.paired = (core.bit_sliced.style if self.sliced else core.style).name == "BALANCED"
        self.unit = not self.paired and core.offset.style.name == "UNIT_COLUMN_SUBTRACTION"
        self.slices = core.bit_sliced.num_slices if self.sliced else 1
        self.wb = core.weight_bits
        if self.sliced:
            magnitude = self.wb - 1 if self.paired else self.wb
            even = self.wb % self.slices == 0
            self.s = self.wb // self.slices if even else math.ceil(magnitude / self.slices)
        # An unsigned cell of few levels leaves its lowest one unused.
        steps = 2**self.cell_bits
        self.wr = self.gr * (steps - 2) / (steps - 1) if self.cell_bits else self.gr
        self.base = 1 - self.wr if self.cell_bits else self.g0

    # -- conductances ------------------------------------------------------------------------

    def tile_weights(self, r, c):
        """Normalised weights of one array."""
        top, left = sum(self.row_parts[:r]), sum(self.col_parts[:c])
        return self.w[top : top + self.row_parts[r], left : left + self.col_parts[c]]

    def cells(self, r, c):
        """Conductances of one array in units of Gmax: slice, side, output, input; no unit line."""
        return self.leveled(self.targets(self.tile_weights(r, c)))

    def unit_cells(self, count):
        """Conductances of one unit column: slice, side, 1, input."""
        if not self.sliced:
            return self.leveled(self.targets(np.zeros((1, count))))
        values = np.zeros((self.slices, 1, 1, count))
        values[-1] = (2**self.s // 2) / (2**self.s - 1)
        return self.leveled(self.g0 + self.gr * values)

    def leveled(self, g):
        if not self.cell_bits:
            return g
        q = (2**self.cell_bits - 1) / self.gr
        # What lies halfway between two levels shall do so in spite of the arithmetic.
        return np.rint(np.round((g - self.g0) * q, 9)) / q + self.g0

    def targets(self, w):
        if self.sliced:
            return self.sliced_targets(w)
        if not self.paired:
            return (self.wr * (w / 2 + 0.5) + self.base)[None, None]
        if self.p.core.balanced.style.name == "TWO_SIDED":
            pair = [self.g0 + self.gr * (1 + w) / 2, self.g0 + self.gr * (1 - w) / 2]
        else:
            t = 2.0 ** -(self.cell_bits + 1) if self.cell_bits else 0.0
            pair = [
                np.where(w >= t, self.g0 + self.gr * w, self.g0),
                np.where(w < -t, self.g0 - self.gr * w, self.g0),
            ]
        return np.stack(pair)[None]

    def sliced_targets(self, w):
        v = np.rint(w * (2 ** (self.wb - 1) - 1) + (0 if self.paired else 2 ** (self.wb - 1)))
        sign, rest = np.sign(v), np.abs(v)
        out = []
        for i in range(self.slices):
            digit = rest % 2**self.s if i < self.slices - 1 else rest
            rest = (rest - digit) / 2**self.s
            value = digit / (2**self.s - 1)
            out.append([value * (sign > 0), value * (sign < 0)] if self.paired else [value])
        return self.g0 + self.gr * np.array(out)

    def readback(self):
        """The matrix the cells hold, in units of the algorithm."""
        rows = [
            np.hstack([self.tile_readback(r, c) for c in range(len(self.col_parts))])
            for r in range(len(self.row_parts))
        ]
        full = np.vstack(rows)
        if not self.is_complex:
            return full
        m, n = full.shape[0] // 2, full.shape[1] // 2
        return full[:m, :n] + 1j * full[m:, :n]

    def tile_readback(self, r, c):
        g = self.cells(r, c)
        if self.sliced:
            scale = (2**self.s - 1) / (2 ** (self.wb - 1) - 1) / self.gr
            if self.paired:
                digits = g[:, 0] - g[:, 1]
            elif self.unit:
                digits = g[:, 0] - self.unit_cells(g.shape[-1])[:, 0]
            else:
                digits = g[:, 0] - self.g0
            w = sum(2.0 ** (i * self.s) * digits[i] for i in range(self.slices)) * scale
            shift = self.unit_shift() if self.unit else -(2 ** (self.wb - 1))
            w = w if self.paired else w + shift / (2 ** (self.wb - 1) - 1)
        elif self.paired:
            w = (g[0, 0] - g[0, 1]) / self.gr
        elif self.unit:
            w = 2 * (g[0, 0] - self.unit_cells(g.shape[-1])[0, 0]) / self.wr
        else:
            w = 2 * ((g[0, 0] - self.base) / self.wr - 0.5)
        return w * self.wmax

    def unit_shift(self):
        """The integer a unit column stands for, less the one of the weight zero."""
        return 2 ** ((self.slices - 1) * self.s) * (2**self.s // 2) - 2 ** (self.wb - 1)

    # -- one multiply, up to the converters --------------------------------------------------

    def lines(self, x, transposed):
        """Inputs on the real lines, (lines, vectors), for ``x`` as ``@`` takes it."""
        x = np.asarray(x)
        single = x.ndim == 1
        x = x[:, None] if single else (x.T if transposed else x)
        if not self.is_complex:
            return x.astype(np.float64)
        if not transposed:
            return np.vstack([x.real, x.imag])
        return np.vstack([x.imag, x.real] if single else [x.real, -x.imag])

    def side(self, transposed):
        name = "vmm" if transposed else "mvm"
        xbar = self.p.xbar
        nodes = getattr(xbar.dac, name), getattr(xbar.adc, name)
        return *nodes, getattr(self.p.core.mapping.inputs, name)

    def gain(self, lines, transposed):
        """Full-scale voltages per unit of input."""
        dac, _, inputs = self.side(transposed)
        if inputs.percentile is None:
            width = inputs.max - inputs.min
        else:
            width = 2 * percentile_limit(lines, inputs.percentile)
        return (2 if dac.signed else 1) / width

    def volts(self, lines, transposed):
        """Voltages after the DAC."""
        dac, _, inputs = self.side(transposed)
        a = self.gain(lines, transposed)
        u = lines * a
        if dac.model == "IdealDAC" or not dac.bits:
            return u
        if dac.model == "SignMagnitudeDAC":
            return quantize_magnitude(u, 1.0, dac.bits)
        low, high = (-1.0, 1.0) if dac.signed else (0.0, 1.0)
        if inputs.percentile is None:
            low, high = a * inputs.min, a * inputs.max
        return quantize(u, low, high, dac.bits)

    def digits(self, volts, transposed):
        """Phases (phase, lines, vectors) and the weight of each in the input."""
        dac, _, _ = self.side(transposed)
        if not dac.input_bitslicing:
            return volts[None], np.ones(1)
        m = dac.bits - 1 if dac.model == "SignMagnitudeDAC" else dac.bits
        s = dac.slice_size
        whole = np.rint(np.abs(volts) * (2**m - 1))
        phases = [
            np.sign(volts) * (np.floor(whole / 2 ** (s * k)) % 2**s) / (2**s - 1)
            for k in range(math.ceil(m / s))
        ]
        return np.array(phases), (2**s - 1) / (2**m - 1) * 2.0 ** (s * np.arange(len(phases)))

    def product(self, x, transposed=False):
        """Every array's currents at its converters, ``{(output part, input part): Tile}``."""
        _, adc, _ = self.side(transposed)
        volts = self.volts(self.lines(x, transposed), transposed)
        phases, weights = self.digits(volts, transposed)
        tiles = {}
        for r in range(len(self.row_parts)):
            for c in range(len(self.col_parts)):
                cut, sizes = (r, self.row_parts) if transposed else (c, self.col_parts)
                start = sum(sizes[:cut])
                driven = slice(start, start + sizes[cut])
                g = self.cells(r, c)
                if self.unit and not transposed:
                    g = np.concatenate([self.unit_cells(g.shape[-1]), g], axis=2)
                g = g.swapaxes(-1, -2) if transposed else g
                amps = self.array(g, phases[:, driven])
                if not adc.adc_per_ibit:
                    amps = np.tensordot(weights, amps, axes=1)[None]
                low, high = self.adc_range(sizes[cut], transposed)
                peak = max(np.abs(part).max(initial=0) for part in (volts, phases))
                key = (c, r) if transposed else (r, c)
                tiles[key] = Tile(amps, low, high, sizes[cut], peak)
        return tiles

    def array(self, g, phases):
        """Currents (phase, slice, side, output, vector) of one array, pairs subtracted or not."""
        balanced, limit = self.p.core.balanced, self.p.xbar.array.Icol_max
        if self.paired and balanced.interleaved_posneg:
            g = g[:, :1] - g[:, 1:]
        amps = np.array([g @ u for u in phases])
        if limit > 0:
            amps = np.clip(amps, -limit, limit)
        if self.paired and balanced.subtract_current_in_xbar and amps.shape[2] == 2:
            amps = amps[:, :, :1] - amps[:, :, 1:]
        return amps

    # -- converters --------------------------------------------------------------------------

    def adc_range(self, n, transposed):
        """Full-scale limits of every slice for ``n`` inputs."""
        dac, adc, _ = self.side(transposed)
        option, bits = adc.adc_range_option.name, adc.bits
        if adc.model == "IdealADC" or not bits:
            return np.full(self.slices, np.nan), np.full(self.slices, np.nan)
        if option == "CALIBRATED":
            pairs = np.reshape(adc.calibrated_range, (self.slices, 2)).astype(float)
            return pairs[:, 0], pairs[:, 1]
        c = 1.0
        if dac.bits:
            d = dac.bits - 1 if dac.signed else dac.bits
            c = 2**d / (2**d - 1)
        both = dac.signed or (self.paired and self.p.core.balanced.subtract_current_in_xbar)
        if not self.sliced:
            low, high = -float(n), float(n)
            if option == "GRANULAR":
                high = 2.0**-self.wb * c * (2 ** (bits - 1) - 1 if both else 2**bits - 1)
                low = -high
        elif option == "GRANULAR":
            both = dac.signed or self.paired
            high = c / (2**self.s - 1) * (2 ** (bits - 1) - 1 if both else 2**bits - 1)
            low = -high
        elif self.paired:
            low, high, both = -float(n), float(n), True
        else:
            high = 2.0 ** round(math.log2(n)) * 2**self.s / (2**self.s - 1) * c
            high *= ((2**bits - 2) if dac.signed else (2**bits - 1)) / 2**bits
            low, both = -high, dac.signed
        return np.full(self.slices, low if both else 0.0), np.full(self.slices, high)

    def convert(self, tile, transposed):
        """Currents of one array after its converters."""
        _, adc, _ = self.side(transposed)
        if adc.model == "IdealADC" or not adc.bits:
            return tile.amps
        low, high = (limit[None, :, None, None, None] for limit in (tile.low, tile.high))
        if adc.model == "SignMagnitudeADC":
            return quantize_magnitude(tile.amps, high, adc.bits)
        return quantize(tile.amps, low, high, adc.bits)

    # -- from codes to the result ------------------------------------------------------------

    def result(self, x, transposed, codes, magnitude=False):
        """The result, shaped as ``@`` returns it, from ``codes[output part, input part]``.

        ``magnitude``: every term with its absolute value, to bound rounding errors.
        """
        lines = self.lines(x, transposed)
        volts = self.volts(lines, transposed)
        _, adc, _ = self.side(transposed)
        weights = self.digits(volts, transposed)[1] if adc.adc_per_ibit else np.ones(1)
        in_sizes, out_sizes = self.row_parts, self.col_parts
        if not transposed:
            in_sizes, out_sizes = out_sizes, in_sizes
        rows = []
        for o in range(len(out_sizes)):
            total = 0.0
            for i, size in enumerate(in_sizes):
                start = sum(in_sizes[:i])
                drive = volts[start : start + size].sum(axis=0)
                if magnitude:
                    drive = np.abs(volts[start : start + size]).sum(axis=0)
                amps = np.tensordot(weights, codes[o, i], axes=1)
                total = total + self.merged(amps, drive, transposed, magnitude)
            rows.append(total)
        y = np.vstack(rows) * 2 * self.wmax / self.gr / self.gain(lines, transposed)
        return self.shaped(y / 2 if self.paired and not self.sliced else y, x, transposed)

    def merged(self, amps, drive, transposed, magnitude):
        """Slices and sides of one array to the product with its normalised weights."""
        minus = np.add if magnitude else np.subtract
        unit = self.unit and not transposed
        lines = []
        for slice_ in amps:
            y = slice_[0] if len(slice_) == 1 else minus(slice_[0], slice_[1])
            lines.append(minus(y[1:], y[:1]) if unit else y)
        if not self.sliced:
            offset = 0.0 if self.paired or unit else (self.base + self.wr / 2) * drive
            return minus(lines[0], offset)
        total = 0.0
        for i, y in enumerate(lines):
            if not self.paired and not unit:
                y = minus(y, self.g0 * drive)
            total = total + 2.0 ** (i * self.s) * (2**self.s - 1) * y / self.gr
        if not self.paired and not unit:
            total = minus(total, 2 ** (self.wb - 1) * drive)
        full = 2.0**self.wb * (2 ** (self.wb - 1) - 1) / 2 ** (self.wb - 1)
        return total / full * self.gr

    def shaped(self, y, x, transposed):
        x = np.asarray(x)
        if self.is_complex:
            half = len(y) // 2
            first, second = y[:half], y[half:]
            if not transposed:
                y = first + 1j * second
            else:
                y = second + 1j * first if x.ndim == 1 else first - 1j * second
        if x.ndim == 1:
            return y[:, 0]
        return y.T if transposed else y

    def multiply(self, x, transposed=False):
        """The product, all stages in order."""
        tiles = self.product(x, transposed)
        codes = {key: self.convert(tile, transposed) for key, tile in tiles.items()}
        return self.result(x, transposed, codes)


def product_covariance(params, matrix, x, transposed, spread):
    """Covariance of the results: every current is linear in the cells, every result in currents."""
    model = PlainCore(matrix, params)
    ((key, tile),) = model.product(x, transposed).items()
    adc = (params.xbar.adc.vmm if transposed else params.xbar.adc.mvm).adc_per_ibit
    phases, weights = model.digits(model.volts(model.lines(x, transposed), transposed), transposed)
    g = model.cells(0, 0)
    if model.unit and not transposed:
        g = np.concatenate([model.unit_cells(g.shape[-1]), g], axis=2)
    g = g.swapaxes(-1, -2) if transposed else g
    squares = np.einsum("sdoi,kib->ksdob", spread(g) ** 2, phases**2)
    if not adc:
        squares = np.tensordot(weights**2, squares, axes=1)[None]
    if tile.amps.shape[2] == 1:
        squares = squares.sum(axis=2, keepdims=True)
    zero = model.result(x, transposed, {key: np.zeros(squares.shape)})
    gains = []
    for index in np.ndindex(squares.shape):
        unit = np.zeros(squares.shape)
        unit[index] = 1.0
        gains.append(model.result(x, transposed, {key: unit}) - zero)
    gains = np.array(gains)
    return np.einsum("qi,q,qj->ij", gains, squares.ravel(), gains)
