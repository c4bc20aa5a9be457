"""Where every random number stands: all slots and bit fields, in one table.

A draw is named by its purpose, which has a key of its own, and by an address::

    minor   32 bits   a column or an output; four neighbours share one Philox counter
    major   32 bits   a row of cells, the first input of a tile, or the kind of a train
    event   32 bits   low word of the number of a programming, a vector or a step of the optimizer
    slot    16 bits   which number of that place
    high    16 bits   high part of the number of a vector

`FIELDS` lists who draws what. No two users meet at one address: a test holds that for the table.
"""

from __future__ import annotations

from typing import NamedTuple

from simulator.kernels.reference.philox import SLOT_BITS, WORD_BITS
from simulator.randomness.streams import Purpose

# Bits of the number of a vector, whose high part stands above the slot.
VECTOR_BITS = WORD_BITS + SLOT_BITS

# -- cells: a number for every slice and side, for each of several uses -------------------------
CELL_SLOTS = 1 << 8
# Uses of one programming: its error, and what a cell keeps for its drift. Reads have one use for
# each input digit.
ERROR_USE, DRIFT_USE = 0, 1
# Uniforms stand apart from normals: a law may take one of each kind for every cell.
UNIFORM_CELLS = 1 << 14
# Rows of unit columns are named beyond all rows of the matrix.
UNIT_ROW_BIT = 31
UNIT_ROWS = 1 << UNIT_ROW_BIT
# Programmings that are named by the caller draw apart from those that are counted.
NAMED_EVENTS = 1 << 31
# The number that seeds drift models which draw for themselves.
DRIFT_SEED_SLOT = 1

# What a cell keeps for life, and the number of the whole chip: beyond all converters.
DEVICE_CELLS = 1 << 14
CHIP_SLOT = DEVICE_CELLS + CELL_SLOTS

# -- lines: a number for every phase, slice and side ---------------------------------------------
# Unit columns go by the first output of their part, and stand apart from it.
UNIT_LINES = 1 << 12
# Converters of a VMM can have the places of those of an MVM.
VMM_CONVERTERS = 1 << 13

# -- pulses of an update -------------------------------------------------------------------------
MOST_PULSES = (1 << SLOT_BITS) - 1
# Kinds of trains, in place of a row: of columns, of rows, and of rows for columns of negative
# value; then the roundings of their probabilities.
TRAINS, ROWS_OF_NEGATIVE, ROUND_COLUMNS, ROUND_ROWS = range(2), 2, 3, 4
# Steps of all cells at once draw apart from the pulses of vectors: diffusion and reset.
AGEING_EVENTS = 1 << 47
DIFFUSION, RESET = 0, 1

ANY_ROW, ANY_EVENT = range(1 << 32), range(1 << VECTOR_BITS)


class Field(NamedTuple):
    """The addresses of one user: ranges of slots, of majors (``rows``) and of events.

    Users with the same ``instead`` stand for one another: a vector draws for one of them only.
    ``owner`` is what has a key of its own: a core, or an array that learns by pulses.
    """

    user: str
    purpose: Purpose
    slots: range
    rows: range = ANY_ROW
    events: range = ANY_EVENT
    instead: str = ""
    owner: str = "core"

    def meets(self, other: Field) -> bool:
        """Whether both could draw one number."""
        if (self.purpose, self.owner) != (other.purpose, other.owner):
            return False
        if self.instead and self.instead == other.instead:
            return False
        pairs = zip(
            (self.slots, self.rows, self.events), (other.slots, other.rows, other.events),
            strict=True,
        )  # fmt: skip
        return all(max(a.start, b.start) < min(a.stop, b.stop) for a, b in pairs)


def _use(use: int, uniform: bool = False) -> range:
    first = use * CELL_SLOTS + UNIFORM_CELLS * uniform
    return range(first, first + CELL_SLOTS)


_CELLS, _UNITS = range(UNIT_ROWS), range(UNIT_ROWS, 1 << 32)
_LINES, _UNIT_LINES = range(UNIT_LINES), range(UNIT_LINES, 2 * UNIT_LINES)
_READS = range(UNIFORM_CELLS)
_UNIFORM_READS = range(UNIFORM_CELLS, 2 * UNIFORM_CELLS)
_VECTORS, _AGEING = range(AGEING_EVENTS), range(AGEING_EVENTS, 1 << VECTOR_BITS)

FIELDS = (
    *(
        Field(f"{what} of {kind}{law}", Purpose.PROGRAMMING, _use(use, uniform), rows)
        for what, use in (("programming error", ERROR_USE), ("drift", DRIFT_USE))
        for kind, rows in (("cells", _CELLS), ("unit columns", _UNITS))
        for law, uniform in (("", False), (", uniform", True))
    ),
    *(
        Field(f"read noise of {kind}{law}", Purpose.READ_NOISE, slots, rows, instead="read noise")
        for kind, rows in (("cells", _CELLS), ("unit columns", _UNITS))
        for law, slots in (("", _READS), (", uniform", _UNIFORM_READS))
    ),
    Field("read noise of lines", Purpose.READ_NOISE, _LINES, instead="read noise"),
    Field("read noise of unit lines", Purpose.READ_NOISE, _UNIT_LINES, instead="read noise"),
    Field("read noise of results", Purpose.READ_NOISE, range(1), instead="read noise"),
    Field("rounding", Purpose.ROUNDING, _LINES),
    Field("rounding of unit lines", Purpose.ROUNDING, _UNIT_LINES),
    Field("converter noise", Purpose.CONVERSION, _LINES),
    Field("converter noise of unit lines", Purpose.CONVERSION, _UNIT_LINES),
    Field("converters of an MVM", Purpose.FABRICATION, _LINES),
    Field("converters of unit lines", Purpose.FABRICATION, _UNIT_LINES),
    Field(
        "converters of a VMM", Purpose.FABRICATION,
        range(VMM_CONVERTERS, VMM_CONVERTERS + UNIT_LINES),
    ),
    *(
        Field(
            f"mismatch of {kind}", Purpose.FABRICATION,
            range(DEVICE_CELLS, DEVICE_CELLS + CELL_SLOTS), rows,
        )
        for kind, rows in (("cells", _CELLS), ("unit columns", _UNITS))
    ),
    Field("mismatch of chips", Purpose.FABRICATION, range(CHIP_SLOT, CHIP_SLOT + 1), range(1)),
    Field(
        "population of an array of pulses", Purpose.FABRICATION, range(1 << SLOT_BITS),
        owner="pulses",
    ),
    Field(
        "pulse trains", Purpose.PULSES, range(MOST_PULSES), range(ROUND_COLUMNS), owner="pulses",
    ),
    Field(
        "rounded probabilities", Purpose.PULSES, range(1), range(ROUND_COLUMNS, ROUND_ROWS + 1),
        owner="pulses",
    ),
    Field("steps", Purpose.STEPS, range(MOST_PULSES), events=_VECTORS, owner="pulses"),
    Field("diffusion and reset", Purpose.STEPS, range(RESET + 1), events=_AGEING, owner="pulses"),
)  # fmt: skip
# One number is drawn twice, as it always was: DRIFT_SEED_SLOT, which seeds drift models that draw
# for themselves, is that of the second side or slice of the first converter. A seed says nothing of
# the numbers that follow from it, so nothing is lost by it.
