"""The models that the parameter tree can name, as a list that prints itself."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping

from . import registry


class Catalogue(Mapping[str, type]):
    """Model classes by name. Printed, each has its first line of documentation and its parameters.

    Args:
        kinds: Which kinds of models; see ``registry.KINDS``.
    """

    def __init__(self, kinds: tuple[str, ...]) -> None:
        self._kinds = kinds
        self._models = {
            name: registry.resolve(kind, name) for kind in kinds for name in registry.names(kind)
        }

    def __getitem__(self, name: str) -> type:
        return self._models[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._models)

    def __len__(self) -> int:
        return len(self._models)

    def __repr__(self) -> str:
        return "\n".join(line for kind in self._kinds for line in _of_kind(kind))


def models(kind: str | None = None) -> Catalogue:
    """The models of a kind, those defined in a notebook included.

    Args:
        kind: ``"device"``, ``"adc"``, ``"dac"`` or ``"circuit"``; None for all.

    Returns:
        A mapping from the name of each model to its class; ``print`` shows what each is, and its
        parameters with unit and default.

    Raises:
        ModelError: For an unknown kind.
    """
    if kind is not None:
        registry.names(kind)
    return Catalogue(registry.KINDS if kind is None else (kind,))


def _of_kind(kind: str) -> Iterator[str]:
    yield f"{kind} models:"
    for name in registry.names(kind):
        cls = registry.resolve(kind, name)
        documentation = inspect.getdoc(cls) or ""
        yield f"  {name}: {documentation.split(chr(10), 1)[0]}"
        for parameter, field in registry.spec_fields(cls).items():
            spec = field.metadata["spec"]
            unit = f" {spec.unit}" if spec.unit else ""
            yield f"    {parameter} = {registry.default_of(field)!r}{unit}: {spec.doc}"
    yield ""
