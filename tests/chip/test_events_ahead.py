"""Normals drawn for several events at a time are those of each event by itself."""

import copy

import numpy as np
import pytest

from simulator import AnalogCore, CrossSimParameters
from simulator.backend import numpy_backend
from simulator.randomness import EventsAhead, Purpose, Stream

EVENTS = [1, 2, 3, 4, 5, 6, 7, 8, 9, 3, 4, 20, 21, 22, 22, 1]


def place(rows=5, columns=7):
    return range(3, 3 + columns), np.arange(rows), np.arange(4).reshape(2, 2, 1)


@pytest.mark.parametrize("limit", [0, 300, 1 << 15])
def test_every_event_has_its_own_numbers(limit):
    stream = Stream.open(numpy_backend(), 11, 12, Purpose.PROGRAMMING)
    ahead, (minor, major, slot) = EventsAhead(limit), place()
    for event in EVENTS:
        drawn = ahead.normal(stream, minor, major, event, slot)
        np.testing.assert_array_equal(drawn, stream.normal(minor, major, event, slot))
        # What a model does to its numbers reaches no later draw.
        drawn[:] = 0


def test_another_stream_has_other_numbers():
    one, other = (Stream.open(numpy_backend(), s, 0, Purpose.PROGRAMMING) for s in (1, 2))
    ahead, (minor, major, slot) = EventsAhead(), place()
    for event, stream in enumerate([one, one, other, other, one], start=1):
        drawn = ahead.normal(stream, minor, major, event, slot)
        np.testing.assert_array_equal(drawn, stream.normal(minor, major, event, slot))


def test_programmings_of_a_copy_are_those_of_the_core():
    params = CrossSimParameters()
    params.simulation.seed = 1
    device = params.xbar.device.programming_error
    device.enable, device.model, device.magnitude = True, "NormalIndependentDevice", 0.1
    matrix = np.linspace(-1, 1, 12).reshape(3, 4)
    core, held = AnalogCore(matrix, params), []
    for _ in range(4):
        core.set_matrix(matrix)
        twin = copy.deepcopy(core)
        core.set_matrix(matrix)
        twin.set_matrix(matrix)
        np.testing.assert_array_equal(core.get_matrix(), twin.get_matrix())
        np.testing.assert_array_equal(core @ np.eye(4), twin @ np.eye(4))
        held.append(core.get_matrix())
    assert all((held[0] != other).any() for other in held[1:])
