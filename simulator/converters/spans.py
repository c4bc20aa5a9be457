"""What full-scale ranges a converter can have."""

from enum import Enum


class Span(Enum):
    """Up from zero, symmetric about zero, or any."""

    POSITIVE = 1
    SYMMETRIC = 2
    FREE = 3
