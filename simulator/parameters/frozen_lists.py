"""Lists in the parameters of arrays that are built: they read as lists, and refuse to change."""

from __future__ import annotations

from typing import Any, NoReturn

from simulator.errors import ParameterError


class FrozenList(list[Any]):
    """A list that cannot be changed; a copy of it is an ordinary list."""

    refusal = ""

    def _refuse(self, *args: Any, **kwargs: Any) -> NoReturn:
        raise ParameterError(self.refusal)

    append = extend = insert = remove = pop = clear = sort = reverse = _refuse
    __setitem__ = __delitem__ = __iadd__ = __imul__ = _refuse

    def copy(self) -> list[Any]:
        """An ordinary list of the same entries."""
        return [entry.copy() if isinstance(entry, FrozenList) else entry for entry in self]

    __copy__ = copy

    def __deepcopy__(self, memo: dict[int, Any]) -> list[Any]:
        return self.copy()

    def __reduce__(self) -> Any:
        return list, (self.copy(),)


def frozen_list(value: Any, refusal: str) -> Any:
    """A value whose lists, also those within lists, cannot be changed.

    Args:
        value: A list, or anything else, which is returned as it is.
        refusal: What the error says that writing raises.
    """
    if not isinstance(value, list):
        return value
    frozen = FrozenList(frozen_list(entry, refusal) for entry in value)
    frozen.refusal = refusal
    return frozen
