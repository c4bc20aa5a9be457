"""Everything that is wrong with a file, collected and said in one message."""

from __future__ import annotations

from dataclasses import dataclass, field

# Beyond these, a message only counts.
SHOWN = 20


@dataclass
class Problems:
    """What was found wrong so far; ``where`` is the file, empty for data in memory."""

    where: str = ""
    found: list[str] = field(default_factory=list)

    def add(self, sentence: str) -> None:
        """Note one problem."""
        self.found.append(sentence)

    def raise_any(self, kind: type[Exception]) -> None:
        """Raise ``kind`` with all problems, if there are any."""
        if self.found:
            raise kind(str(self))

    def __str__(self) -> str:
        place = f"{self.where}: " if self.where else ""
        if len(self.found) == 1:
            return place + self.found[0]
        shown = [f"\n  - {sentence}" for sentence in self.found[:SHOWN]]
        more = len(self.found) - SHOWN
        tail = f"\n  - and {more} more" if more > 0 else ""
        return f"{place}{len(self.found)} problems:{''.join(shown)}{tail}"
