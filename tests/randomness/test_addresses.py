"""The table of addresses: no two users of random numbers meet, and draws stand where it says."""

import itertools

import numpy as np
import pytest
from strategies import core_of, set_style

from adapters.torch import numbering
from simulator import CrossSimParameters
from simulator.backend import Backend, numpy_backend
from simulator.kernels import ReferenceKernels
from simulator.kernels.naming import LineNames
from simulator.randomness import Purpose, RandomSource, addresses
from simulator.randomness.addresses import FIELDS, Field


def test_no_two_users_meet():
    met = [(a.user, b.user) for a, b in itertools.combinations(FIELDS, 2) if a.meets(b)]
    assert met == []


def test_users_that_share_an_address_are_found():
    lines = Field("lines", Purpose.ROUNDING, range(8))
    assert lines.meets(Field("others", Purpose.ROUNDING, range(7, 9)))
    assert not lines.meets(Field("others", Purpose.ROUNDING, range(8, 9)))
    assert not lines.meets(Field("others", Purpose.CONVERSION, range(8)))
    apart = Field("others", Purpose.ROUNDING, range(8), events=range(5))
    assert lines.meets(apart)
    assert not Field("later", Purpose.ROUNDING, range(8), events=range(5, 6)).meets(apart)


def test_every_field_fits_its_word():
    for field in FIELDS:
        assert 0 <= field.slots.start < field.slots.stop <= 1 << addresses.SLOT_BITS
        assert 0 <= field.rows.start < field.rows.stop <= 1 << 32
        assert 0 <= field.events.start < field.events.stop <= 1 << addresses.VECTOR_BITS


def test_every_purpose_has_its_users():
    assert {field.purpose for field in FIELDS} == set(Purpose)


def test_the_high_part_of_an_event_stands_above_the_slot():
    """Numbers of vectors differ where their low words are alike, in kernels too."""
    stream = RandomSource(numpy_backend(), 3)(Purpose.READ_NOISE)
    events = np.array([5, 5 + (1 << 32), 5 + (1 << 47)])
    drawn = stream.normal(range(4), 0, events, addresses.MOST_PULSES)
    assert len(np.unique(drawn)) == drawn.size
    line = np.arange(4)[None]
    words = LineNames(stream.key, range(4), [0], [4], line, [0], events, None).events
    assert (words[1] == (events >> 32) << addresses.SLOT_BITS).all()
    assert max(words[1]) < 1 << 32


def test_ranks_and_vectors_fill_the_number_of_a_vector():
    assert numbering.RANK_BITS + numbering.VECTOR_BITS == addresses.VECTOR_BITS


class Spy(ReferenceKernels):
    """Kernels that remember which keys, slots, rows and events they were asked for."""

    def named(self, law, key, minor, major, event, slot):
        SEEN.append((key, slot, major, event))
        return super().named(law, key, minor, major, event, slot)


SEEN: list = []
EFFECTS = {
    "xbar.device.programming_error.enable": True,
    "xbar.device.programming_error.model": "UniformIndependentDevice",
    "xbar.device.programming_error.magnitude": 0.05,
    "xbar.device.read_noise.enable": True,
    "xbar.device.read_noise.model": "NormalIndependentDevice",
    "xbar.device.read_noise.magnitude": 0.01,
    "xbar.adc.mvm.model": "QuantizerADC",
    "xbar.adc.mvm.bits": 8,
    "xbar.adc.mvm.adc_range_option": "MAX",
    "xbar.adc.mvm.stochastic_rounding": True,
}


MISMATCH = {
    "xbar.device.programming_error.model": "VariabilityDevice",
    "xbar.device.programming_error.device_to_device": 0.05,
    "xbar.device.programming_error.chip_to_chip": 0.05,
    "xbar.device.programming_error.cycle_to_cycle": 0.05,
}


@pytest.mark.parametrize("error", [{}, MISMATCH], ids=["uniform", "mismatch"])
@pytest.mark.parametrize("sampling", ["per_output", "per_device"])
@pytest.mark.parametrize("style", ["one_sided", "unit", "sliced_unit", "sliced_offset"])
def test_a_core_draws_only_where_the_table_says(style, sampling, error, monkeypatch):
    params = CrossSimParameters()
    set_style(params, style)
    params.update({**EFFECTS, "simulation.seed": 5, "simulation.read_noise_sampling": sampling})
    params.update(error)
    matrix = np.random.default_rng(0).normal(size=(6, 20))
    SEEN.clear()
    core = core_of(matrix, params, backend=Backend("numpy", np, Spy(np)))
    core @ np.ones((20, 3))
    purposes = {core._random.keys[purpose]: purpose for purpose in Purpose}
    asked = {purposes[key] for key, *_ in SEEN}
    assert asked >= {Purpose.READ_NOISE, Purpose.PROGRAMMING}
    assert not error or Purpose.FABRICATION in asked
    for key, *places in SEEN:
        fields = [field for field in FIELDS if field.purpose is purposes[key]]
        for slot, row, event in zip(*(np.ravel(p).tolist() for p in np.broadcast_arrays(*places))):
            assert any(
                slot in field.slots and row in field.rows and event in field.events
                for field in fields
            )
