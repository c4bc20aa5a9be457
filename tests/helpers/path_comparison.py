"""When two paths of a multiply are equal: at the converters, in their codes, in the results."""

import numpy as np
from strategies import conversions, core_of, multiply

EPS = np.finfo(np.float64).eps
# Of a normal draw: Box and Muller on 32-bit words reach no further.
LARGEST_NORMAL = 6.7


def run(setting, folded):
    """The result, and what the converters saw."""
    params = setting.params.copy()
    params.simulation.disable_fast_balanced = not folded
    core = core_of(setting.matrix, params)
    with conversions() as seen:
        y = multiply(core, setting)
    return y, seen


def assert_same_codes(got, wanted, to_threshold, step, bound):
    """Codes differ by at most one, and only within ``bound`` of a threshold."""
    apart = np.abs(got - wanted)
    differ = apart > step / 2
    assert (apart <= 1.001 * step).all()
    assert (to_threshold <= bound)[differ].all()


def current_bound(tile, eps=EPS):
    """What two orders of the same sum can differ by; no cell conducts more than Gmax."""
    return 8 * eps * tile.inputs * tile.peak


def result_bound(model, setting, tiles, slack, eps=EPS):
    """What results can differ by whose currents differ by ``slack`` of every array.

    Merging adds terms, each rounded a few times; none is larger than a line of full cells or the
    range of its converter.
    """
    x, transposed = setting.x, setting.transposed

    def merged(value_of):
        values = {key: np.full(tile.amps.shape, value_of(key)) for key, tile in tiles.items()}
        return np.abs(model.result(x, transposed, values, magnitude=True))

    def largest(key):
        ranges = np.nan_to_num([tiles[key].low, tiles[key].high])
        return max(tiles[key].inputs * tiles[key].peak, np.abs(ranges).max())

    terms = sum(np.prod(tile.amps.shape[:3]) + tile.inputs for tile in tiles.values())
    passed = merged(lambda key: slack[key]) - merged(lambda key: 0.0)
    return 4 * eps * terms * merged(largest) + passed
