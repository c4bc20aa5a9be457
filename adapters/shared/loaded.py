"""What loading weights by name and shape did."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class LoadedWeights:
    """What ``load_weights`` did; printing it says so in words.

    ``taken`` are the names that were loaded, ``left`` those that were not, with the reason,
    ``missing`` those of the model for which nothing came, ``programmed`` the layers whose arrays
    were programmed with weights that came.
    """

    taken: tuple[str, ...]
    left: Mapping[str, str]
    missing: tuple[str, ...]
    programmed: tuple[str, ...]

    def __repr__(self) -> str:
        lines = [f"{len(self.taken)} taken"]
        lines += [f"{len(self.programmed)} layers programmed"] if self.programmed else []
        lines += [f"left: {name}: {reason}" for name, reason in self.left.items()]
        lines += [f"nothing came for {name}" for name in self.missing]
        return "\n".join(lines)
