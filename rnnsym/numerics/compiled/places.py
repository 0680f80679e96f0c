"""Where the numbers of a quantity stand: an array, and the indices before the quantity's own."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Place:
    """An array; ``lead`` are its first indices, of step, sequence or member, before those of the entry."""

    array: str
    lead: tuple[str, ...] = ()

    def at(self, index: tuple[str, ...]) -> str:
        """Return the code of one entry."""
        return f"{self.array}[{', '.join((*self.lead, *index)) or '()'}]"
