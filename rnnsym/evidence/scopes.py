"""What a text is made of while it is drawn: pieces with their precedence, and the names that are in scope."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

Shape = tuple[str | int, ...]

SUM, PRODUCT, SIGN, POWER, ATOM = range(5)  # how tightly Python binds the outermost operator


class Source(NamedTuple):
    """The text of an expression and the level of its outermost operator."""

    text: str
    level: int

    def at(self, level: int) -> str:
        """Return the text as an operand that must bind at least as tightly as ``level``."""
        return self.text if self.level >= level else f"({self.text})"


def atom(text: str) -> Source:
    """Return a name, a call or a number as a source."""
    return Source(text, SIGN if text.startswith("-") else ATOM)


def call(function: str, *arguments: Source) -> Source:
    """Return ``function(a, b, …)``."""
    return atom(f"{function}({', '.join(argument.text for argument in arguments)})")


@dataclass
class Weight:
    """A parameter: the shape that is meant, and its annotation ("" where the equations tell it)."""

    shape: Shape
    annotation: str


@dataclass
class Scope:
    """What a text may use where it has got to (``names``), and the parameters and constants it has introduced.

    ``kept`` are the states of the step before, ``taken`` the names that are no longer free; ``indexed`` says that the
    input is the index of a row, ``E[x]``, and no vector.
    """

    names: dict[str, Shape]
    indexed: bool = False
    kept: dict[str, Shape] = field(default_factory=dict)
    weights: dict[str, Weight] = field(default_factory=dict)
    constants: dict[str, str] = field(default_factory=dict)
    taken: set[str] = field(default_factory=set)

    def fresh(self, base: str) -> str:
        """Return ``base`` or, where it is taken, the first free ``base_i``."""
        free = (name for name in (base, *(f"{base}_{i}" for i in range(1, 400))) if name not in self.taken)
        name = next(free)
        self.taken.add(name)
        return name


def annotation_of(shape: Shape) -> str:
    """Return ``scalar``, ``(n,)`` or ``(n, m)``."""
    return "scalar" if not shape else f"({shape[0]},)" if len(shape) == 1 else f"({shape[0]}, {shape[1]})"
