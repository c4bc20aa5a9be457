"""Random numbers by name: every draw is a function of seed, stream, purpose and place.

- ``addresses``: who draws where: every slot and bit field in one table.
- ``streams``: purposes, their keys, and where the seed of a core comes from.
- ``branches``: forked processes, which draw numbers of their own.
- ``draws``: numbers for the lines of an array and for results.
"""

from simulator.randomness.streams import EventsAhead, Purpose, RandomSource, Stream

__all__ = ["EventsAhead", "Purpose", "RandomSource", "Stream"]
