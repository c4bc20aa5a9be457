"""Units in headers, and their factors to SI."""

from __future__ import annotations

import re
from dataclasses import dataclass

_PREFIXES = {"": 1.0, "k": 1e3, "M": 1e6, "G": 1e9, "m": 1e-3, "u": 1e-6, "n": 1e-9, "p": 1e-12,
             "f": 1e-15}  # fmt: skip
_SMALL = ("", "m", "u", "n", "p", "f")


@dataclass(frozen=True)
class Unit:
    """A unit of a column.

    Args:
        symbol: As it is written in a message, such as ``"uS"``.
        quantity: The SI unit that numbers are converted to: ``"S"``, ``"s"``, ``"V"`` or ``"A"``.
        factor: SI units per unit.
        inverse: Whether one over the number is converted: of an ohm the siemens.
    """

    symbol: str
    quantity: str
    factor: float
    inverse: bool = False


def _known() -> dict[str, Unit]:
    units = [Unit(f"{p}{q}", q, _PREFIXES[p]) for q in "SVA" for p in _SMALL]
    units += [
        Unit(f"{p}ohm", "S", 1 / _PREFIXES[p], inverse=True) for p in ("", "m", "k", "M", "G")
    ]
    units += [Unit(f"{p}s", "s", _PREFIXES[p]) for p in _SMALL]
    named = {unit.symbol: unit for unit in units}
    times = {"min": 60.0, "h": 3600.0, "d": 86400.0}
    named |= {symbol: Unit(symbol, "s", seconds) for symbol, seconds in times.items()}
    for other, symbol in (
        ("sec", "s"), ("second", "s"), ("seconds", "s"), ("minutes", "min"), ("minute", "min"),
        ("hr", "h"), ("hour", "h"), ("hours", "h"), ("day", "d"), ("days", "d"), ("mho", "S"),
    ):  # fmt: skip
        named[other] = named[symbol]
    return named


UNITS = _known()

# In brackets, behind a slash, a comma or "in", or as the last word.
_IN_HEADER = (
    re.compile(r"^(?P<name>.*?)\s*[(\[{<]\s*(?P<unit>[^()\[\]{}<>]*?)\s*[)\]}>]$"),
    re.compile(r"^(?P<name>.*?)\s*[/,]\s*(?P<unit>\S+)$"),
    re.compile(r"^(?P<name>.*?)\s+in\s+(?P<unit>\S+)$"),
    re.compile(r"^(?P<name>.+)[_\s](?P<unit>\S+)$"),
)


def unit_of(text: str) -> Unit | None:
    """The unit that a text means, upper and lower case apart.

    Args:
        text: Such as ``"uS"``, ``"[µS]"``, ``"kOhm"``, ``"s"`` or ``"min"``.

    Returns:
        The unit; None for a text that is none.
    """
    plain = text.strip().strip("()[]{}<>").strip()
    plain = plain.replace("µ", "u").replace("μ", "u")
    plain = re.sub("Ω|Ω|Ohms?|ohms", "ohm", plain)
    return UNITS.get(plain)


def split_header(text: str) -> tuple[str, Unit | None]:
    """A column's name and unit, from a header such as ``"G (uS)"``, ``"Id [A]"`` or ``"t_s"``.

    Args:
        text: The header.

    Returns:
        The name without the unit, and the unit; the whole text and None where no unit is known.
    """
    text = text.strip()
    for pattern in _IN_HEADER:
        match = pattern.match(text)
        unit = unit_of(match["unit"]) if match else None
        if match and unit is not None:
            return match["name"].strip(), unit
    return text, None
