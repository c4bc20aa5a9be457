"""Exceptions and warnings of OhmCore, and the words they use.

Every exception derives from :class:`OhmCoreError` and from the built-in exception that fits, so
``except ValueError`` keeps working. Messages say where (parameter path, argument or file), what
was given, what is allowed and, for names, which existing name is nearest.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Hashable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any


class OhmCoreError(Exception):
    """Base class of every exception that OhmCore raises on purpose."""


class ParameterError(OhmCoreError, ValueError):
    """A parameter has a wrong type, a wrong value, or contradicts another parameter."""


class UnknownParameterError(ParameterError, KeyError):
    """A parameter name that does not exist; also a :class:`KeyError`."""

    __str__ = Exception.__str__


class ShapeError(OhmCoreError, ValueError):
    """An array has the wrong number of dimensions or the wrong size."""


class InputError(OhmCoreError, ValueError):
    """An array or argument has values that cannot be computed with, such as NaN."""


class ModelError(ParameterError):
    """A device, converter or circuit model is unknown or unfit for what is asked of it."""


class FileFormatError(OhmCoreError, ValueError):
    """A file cannot be read; the message names the file and, where there is one, the line."""


class NotSupportedError(OhmCoreError, NotImplementedError):
    """The request is meaningful, but this combination is not implemented."""


class OhmCoreWarning(RuntimeWarning):
    """Something works but is probably not what was meant."""


class NoEffectWarning(OhmCoreWarning):
    """A setting changes nothing, because another one is missing."""


class ClippingWarning(OhmCoreWarning):
    """Values are lost to a range: they lie beyond it, or it has no level for them."""


def nearest(name: str, names: Iterable[str]) -> str:
    """A hint at the nearest existing name, for the end of a message.

    Args:
        name: What was given.
        names: What exists; the comparison ignores case.

    Returns:
        A hint such as ``" Did you mean 'cell_bits'?"``, with a blank in front so that it can follow
        a sentence; ``""`` if nothing is close.
    """
    found = nearest_names(name, names)
    return f" Did you mean {found[0]!r}?" if found else ""


def nearest_names(name: str, names: Iterable[str]) -> list[str]:
    """The nearest existing name, if one is close.

    Args:
        name: What was given.
        names: What exists; the comparison ignores case.

    Returns:
        A list of one name, or an empty one.
    """
    from difflib import get_close_matches

    by_lower_case = {candidate.lower(): candidate for candidate in names}
    matches = get_close_matches(str(name).lower(), by_lower_case, n=1, cutoff=0.6)
    return [by_lower_case[match] for match in matches]


def require_shape(model: object, result: Any, shape: tuple[int, ...]) -> Any:
    """Check the shape of what a model returned.

    Args:
        model: The model, for the message.
        result: What it returned.
        shape: The shape that is needed.

    Returns:
        ``result``.

    Raises:
        ModelError: ``result`` has another shape, or none.
    """
    if getattr(result, "shape", None) != shape:
        raise ModelError(
            f"{type(model).__name__} returned {type(result).__name__} of shape "
            f"{getattr(result, 'shape', None)} for values of shape {shape}"
        )
    return result


# What lies between a user's line and ours: ourselves, and frameworks that call layers.
PACKAGES = ("simulator", "adapters", "torch", "keras")


_said: ContextVar[set[str] | None] = ContextVar("_said", default=None)


@contextmanager
def each_said_once() -> Iterator[None]:
    """Within this, :func:`warn_user` issues a warning of the same text once.

    For work on many arrays that are alike, such as those of the layers of a network.
    """
    if _said.get() is not None:
        yield
        return
    token = _said.set(set())
    try:
        yield
    finally:
        _said.reset(token)


def warn_user(message: str, category: type[OhmCoreWarning] = OhmCoreWarning) -> None:
    """Issue a warning that points at the line outside OhmCore that led to it.

    Args:
        message: Its text.
        category: Its class, by which users filter it.
    """
    said = _said.get()
    if said is not None:
        if message in said:
            return
        said.add(message)
    warnings.warn(message, category, stacklevel=_level_of_user())


def _level_of_user() -> int:
    """For :func:`warnings.warn` in the caller: the level of the first line outside of OhmCore."""
    level, frame = 2, sys._getframe(2)
    while frame.f_back and frame.f_globals.get("__name__", "").split(".")[0] in PACKAGES:
        level, frame = level + 1, frame.f_back
    return level


_warned: set[Hashable] = set()


def warn_once(key: Hashable, message: str, stacklevel: int | None = None) -> None:
    """Issue an :class:`OhmCoreWarning`, once in a process.

    Args:
        key: Says which warnings are the same one.
        message: Its text.
        stacklevel: Whose line it points at, as in :func:`warnings.warn`; 1 is the caller's, None
            the first one outside of OhmCore.
    """
    if key not in _warned:
        _warned.add(key)
        level = _level_of_user() if stacklevel is None else stacklevel + 1
        warnings.warn(message, OhmCoreWarning, stacklevel=level)
