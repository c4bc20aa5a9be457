"""The folded path equals the unfolded one, and both equal a plain model of every stage.

Two paths are equal where the currents at the converters agree within ``8 eps n max|G| max|u|`` and
codes differ only where a current lies within that bound of a threshold, and then by one code. What
follows the converters is compared by merging the codes of the path itself.
"""

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from path_comparison import EPS, LARGEST_NORMAL, assert_same_codes, current_bound, result_bound, run
from plain_model import PlainCore
from strategies import Setting, full_settings, noisy_settings

from simulator import CrossSimParameters


def one_by_one(setting):
    """With a column limit every vector on its own: a batch is split by who can reach it."""
    if setting.x.ndim == 1 or setting.params.xbar.array.Icol_max <= 0:
        return [setting]
    if setting.transposed:
        return [setting.with_inputs(row[None]) for row in setting.x]
    return [setting.with_inputs(column[:, None]) for column in setting.x.T]


def assert_conversions_agree(seen, model, tiles, transposed):
    """Currents and codes of every array; returns the codes that were found."""
    codes = {}
    for key, tile in tiles.items():
        # Smaller arrays are padded in the stack.
        part = (slice(None), *key, slice(None), slice(None), slice(0, tile.amps.shape[3]))
        bound = current_bound(tile)
        assert (np.abs(seen.amps[part] - tile.amps) <= bound).all()
        low, high = (limit.reshape(1, -1, 1, 1, 1) for limit in (tile.low, tile.high))
        wanted = model.convert(tile, transposed)
        view = dataclasses.replace(seen, amps=tile.amps, low=low, high=high, codes=wanted)
        # Finding a code also rounds the position within the range: eps/2 of it, twice.
        bound = bound + EPS * (high - low)
        codes[key] = seen.codes[part]
        assert_same_codes(codes[key], wanted, view.to_threshold, view.step, bound)
    return codes


def assert_agrees_with_model(setting, folded):
    y, seen = run(setting, folded)
    x, transposed = setting.x, setting.transposed
    model = PlainCore(setting.matrix, setting.params)
    tiles = model.product(x, transposed)
    if seen:
        (conversion,) = seen
        codes = assert_conversions_agree(conversion, model, tiles, transposed)
        slack = dict.fromkeys(tiles, 0.0)
    else:
        # Ideal converters pass on what the currents differ by.
        codes = {key: tile.amps for key, tile in tiles.items()}
        slack = {key: current_bound(tile) for key, tile in tiles.items()}
    wanted = model.result(x, transposed, codes)
    assert y.shape == wanted.shape
    assert (np.abs(y - wanted) <= result_bound(model, setting, tiles, slack)).all()


@settings(max_examples=350)
@given(full_settings())
def test_folded_path_equals_plain_model(setting):
    for part in one_by_one(setting):
        assert_agrees_with_model(part, folded=True)


@settings(max_examples=200)
@given(full_settings())
def test_unfolded_path_equals_plain_model(setting):
    for part in one_by_one(setting):
        assert_agrees_with_model(part, folded=False)


@pytest.mark.parametrize("folded", [True, False], ids=["folded", "unfolded"])
def test_digits_of_inputs_in_a_range_that_does_not_start_at_zero(folded):
    """Voltages reach beyond full scale there, and the digits hold no more than full scale."""
    params = CrossSimParameters()
    inputs, dac = params.core.mapping.inputs.mvm, params.xbar.dac.mvm
    inputs.min, inputs.max = 0.2, 0.9
    dac.model, dac.signed, dac.bits, dac.input_bitslicing = "QuantizerDAC", False, 4, True
    rng = np.random.default_rng(3)
    x = rng.uniform(0.2, 0.9, (6, 4))
    assert_agrees_with_model(Setting(params, rng.normal(size=(5, 6)), x, False), folded)


@settings(max_examples=250)
@given(noisy_settings())
def test_folded_path_equals_unfolded_with_read_noise(setting):
    """The same numbers are drawn, for the same currents; in single precision too."""
    y, seen = run(setting, folded=True)
    reference, unfolded = run(setting, folded=False)
    model = PlainCore(setting.matrix, setting.params)
    tiles = model.product(setting.x, setting.transposed)
    eps = np.finfo(setting.x.dtype).eps
    # A spread is the root of n squares, each at most (magnitude * u)**2: as exact as the currents,
    # and sqrt(n) large instead of n; it is multiplied by a normal.
    magnitude = setting.params.xbar.device.read_noise.magnitude
    bounds = {
        key: current_bound(tile, eps) * (1 + LARGEST_NORMAL * magnitude / np.sqrt(tile.inputs))
        for key, tile in tiles.items()
    }
    bound = max(bounds.values())
    assert len(seen) == len(unfolded)
    for one, other in zip(seen, unfolded, strict=True):
        assert one.amps.shape == other.amps.shape
        assert (np.abs(one.amps - other.amps) <= bound).all()
        assert_same_codes(one.codes, other.codes, other.to_threshold, other.step, bound)
    if all((one.codes == other.codes).all() for one, other in zip(seen, unfolded, strict=True)):
        slack = dict.fromkeys(tiles, 0.0) if seen else bounds
        allowed = result_bound(model, setting, tiles, slack, eps)
        assert (np.abs(y - reference) <= allowed).all()
