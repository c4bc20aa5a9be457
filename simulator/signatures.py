"""Whether the methods of a model class can be called as the engine calls them."""

from __future__ import annotations

import inspect
from functools import cached_property
from typing import Any

from .errors import ModelError


def refuse_other_signatures(cls: type) -> None:
    """Look at every method and property of a model that takes the place of one of its base.

    Args:
        cls: The class, as it is defined.

    Raises:
        ModelError: One cannot be called as that of the base is, or is a method where the base has a
            property, or the other way round; the message has both signatures.
    """
    for name, found in vars(cls).items():
        base = _first_to_define(cls, name)
        if base is not None and not name.startswith("__"):
            _compare(cls, base, name, found, vars(base)[name])


def _first_to_define(cls: type, name: str) -> type | None:
    """The base class that says what ``name`` is; None where ``cls`` is the first."""
    return next((base for base in cls.__mro__[:0:-1] if name in vars(base)), None)


def _compare(cls: type, base: type, name: str, found: Any, wanted: Any) -> None:
    where, theirs = f"{cls.__name__}.{name}", f"{base.__name__}.{name}"
    if isinstance(wanted, property | cached_property):
        if inspect.isfunction(found):
            raise ModelError(
                f"{where} is a method, but {theirs} is a property, which is read and not called: "
                f"write @property above def {name}(self)"
            )
    elif inspect.isfunction(wanted):
        if isinstance(found, property | cached_property):
            raise ModelError(
                f"{where} is a property, but {theirs} is a method: leave out @property above "
                f"def {name}{_without_annotations(wanted)}"
            )
        if inspect.isfunction(found) and not _takes_what(wanted, found):
            raise ModelError(
                f"{where} takes {_without_annotations(found)}, but the engine calls it as "
                f"{theirs}{_without_annotations(wanted)}: write def {name}"
                f"{_without_annotations(wanted)}"
            )


def _takes_what(wanted: Any, found: Any) -> bool:
    """Whether ``found`` can be called with everything that ``wanted`` takes."""
    parameters = inspect.signature(wanted).parameters.values()
    by_place = [
        p.name for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)
    ]
    by_name = {p.name: None for p in parameters if p.kind is p.KEYWORD_ONLY}
    try:
        inspect.signature(found).bind(*by_place, **by_name)
    except TypeError:
        return False
    return True


def _without_annotations(function: Any) -> str:
    signature = inspect.signature(function)
    plain = [p.replace(annotation=p.empty) for p in signature.parameters.values()]
    return str(signature.replace(parameters=plain, return_annotation=signature.empty))
