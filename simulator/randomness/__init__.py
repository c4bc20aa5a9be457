"""Random numbers by name: every draw is a function of seed, stream, purpose and place."""

from simulator.randomness.streams import EventsAhead, Purpose, RandomSource, Stream

__all__ = ["EventsAhead", "Purpose", "RandomSource", "Stream"]
