"""A text of equations as a small tree of our own: what its grammar answers with."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from sympy import Rational, S

from rnnsym.model.sources import Place


@dataclass(frozen=True)
class Node:
    """One node of an equation.

    ``kind``: number, name, call, comparison, lookup, sum, negative, product, quotient, power, matmul or transpose; the
    names are told apart later into variable, previous, parameter, constant and identity. ``name`` is that of a name or
    of the function called, or a comparison's sign, ``value`` that of a number, of an exponent or of the steps back (1
    for a name alone).
    """

    kind: str
    place: Place
    operands: tuple[Node, ...] = ()
    name: str = ""
    value: Rational = S.Zero


@dataclass(frozen=True)
class Assignment:
    """A line ``target = expression``."""

    target: str
    expression: Node
    place: Place


@dataclass(frozen=True)
class Annotation:
    """A line ``name: scalar``, ``name: (n, 7)`` or ``name: scalar = 1``; ``sizes`` None means that it says the rank."""

    name: str
    rank: int
    sizes: tuple[str | int, ...] | None
    initial: Rational | None
    place: Place

    @property
    def text(self) -> str:
        """What stands behind the colon."""
        if self.sizes is None:
            return ("scalar", "vector", "matrix")[self.rank]
        return "(" + ", ".join(map(str, self.sizes)) + ("," if self.rank == 1 else "") + ")"


@dataclass(frozen=True)
class Statements:
    """A text of equations, read but not yet understood."""

    assignments: tuple[Assignment, ...]
    annotations: tuple[Annotation, ...]


def walk(node: Node) -> Iterator[Node]:
    """Yield ``node`` and all below it, parents first, left to right."""
    stack = [node]
    while stack:
        found = stack.pop()
        yield found
        stack.extend(reversed(found.operands))
