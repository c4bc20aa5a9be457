"""Samples of what converters see: exact extremes, thinned evenly, in bounded memory."""

import numpy as np
import pytest

from adapters.shared.profiles import Seen
from simulator.multiply import recorder
from simulator.multiply.recorder import Recorder


def test_everything_is_kept_up_to_the_capacity():
    rng = np.random.default_rng(0)
    batches = rng.standard_normal((3, 2, 4, 3, 5))
    seen = Recorder(2)
    for batch in batches:
        seen.add(batch)
    assert np.array_equal(seen.low, batches.min(axis=(0, 2, 3, 4)))
    assert np.array_equal(seen.high, batches.max(axis=(0, 2, 3, 4)))
    assert seen.phases.shape == (2, 3, 3 * 4 * 5)
    for i in range(2):
        wanted = np.sort(batches[:, i].astype(np.float32).ravel())
        assert np.array_equal(np.sort(seen.values(i)), wanted)
        for phase in range(3):
            wanted = np.sort(batches[:, i, :, phase].astype(np.float32).ravel())
            assert np.array_equal(np.sort(seen.phases[i, phase]), wanted)


@pytest.mark.parametrize("width", [1, 7, 32, 1024])
def test_a_thinned_sample_prefers_no_column_of_an_image(monkeypatch, width):
    capacity = 1 << 13
    monkeypatch.setattr(recorder, "CAPACITY", capacity)
    seen, rows = Recorder(1), (1 << 18) // width
    for batch in np.array_split(np.arange(rows * width), 5):
        seen.add((batch % width).reshape(1, 1, 1, -1))
    kept = seen.values().astype(int)
    assert capacity // 2 <= len(kept) <= capacity
    assert (seen.low[0], seen.high[0]) == (0, width - 1)
    shares = np.bincount(kept, minlength=width)
    # Multiples of the golden ratio differ from an even spread by O(log n) of n values.
    assert np.abs(shares - len(kept) / width).max() <= np.log2(len(kept))


def test_nothing_recorded_is_no_currents():
    seen = Recorder(3)
    seen.add(np.empty((3, 0, 1, 4)))
    assert seen.values(2).size == 0
    assert np.isinf(seen.low).all()


def test_how_values_come_changes_no_sample(monkeypatch):
    monkeypatch.setattr(recorder, "CAPACITY", 1 << 8)
    values = np.random.default_rng(1).standard_normal(5000)
    whole, cut = Recorder(1), Recorder(1)
    whole.add(values.reshape(1, -1, 1))
    monkeypatch.setattr(recorder, "TOGETHER", 37)
    for part in np.array_split(values, 7):
        cut.add(part.reshape(1, -1, 1))
    assert np.array_equal(whole.values(), cut.values())
    assert (whole.low, whole.high) == (cut.low, cut.high) == (values.min(), values.max())


def test_inputs_seen_before_this_version_are_kept():
    values = np.arange(10, dtype=np.float32)
    keys = np.arange(10, dtype=np.int64) * 2654435769 & 0xFFFFFFFF
    before = {"low": 0.0, "high": 9.0, "_last": 0xFFFFFFFF, "_count": 10}
    seen, again = Seen.__new__(Seen), Seen()
    seen.__setstate__({**before, "_kept": values, "_keys": keys})
    again.add(values)
    for each in (seen, again):
        each.add(values + 10)
        assert (each.low, each.high) == (0, 19)
        assert np.array_equal(each.sample.values, np.arange(20))
    assert np.array_equal(seen._recorder._keys, again._recorder._keys)
