"""Sizes found equal by unification: classes of axes, and the one name that each class gets in the end."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from rnnsym.model.expressions import size

Axes = tuple[int, ...]
STANDARD = ("n", "d", "k")  # of sizes that are one, the first of these names stays


@dataclass
class _Facts:
    """What is known of a class: its number, and the names of sizes and quantities in it, each with its axis."""

    number: int | None = None
    labels: list[tuple[int, str]] = field(default_factory=list)
    variables: list[tuple[int, str]] = field(default_factory=list)
    parameters: list[tuple[int, str]] = field(default_factory=list)

    def absorb(self, other: _Facts) -> None:
        self.number = other.number if self.number is None else self.number
        self.labels += other.labels
        self.variables += other.variables
        self.parameters += other.parameters


class Sizes:
    """A union of axes into classes of equal size; the earliest axis of a class stands for it."""

    def __init__(self) -> None:
        self._parents: list[int] = []
        self._facts: list[_Facts] = []
        self._named: dict[str | int, int] = {}

    def new(self, variable: str | None = None, parameter: str | None = None) -> int:
        """Return a fresh axis of the quantity named."""
        axis = len(self._parents)
        self._parents.append(axis)
        self._facts.append(_Facts(variables=[(axis, variable)] if variable else [],
                                  parameters=[(axis, parameter)] if parameter else []))
        return axis

    def named(self, name: str | int) -> int:
        """Return the axis that bears ``name``, or a number."""
        if name not in self._named:
            axis = self.new()
            if isinstance(name, int):
                self._facts[axis].number = name
            else:
                self._facts[axis].labels.append((axis, name))
            self._named[name] = axis
        return self._named[name]

    def find(self, axis: int) -> int:
        """Return the axis that stands for the class of ``axis``."""
        while self._parents[axis] != axis:
            self._parents[axis] = axis = self._parents[self._parents[axis]]
        return axis

    def anchored(self, axis: int) -> bool:
        """Whether the class belongs to a number, a named size, or a variable, and not to parameters alone."""
        facts = self._facts[self.find(axis)]
        return facts.number is not None or bool(facts.labels or facts.variables)

    def belongs(self, axis: int) -> bool:
        """Whether any quantity or name determines the class."""
        return self.anchored(axis) or bool(self._facts[self.find(axis)].parameters)

    def merge(self, left: int, right: int) -> bool:
        """Make two sizes one; answer False where they are two different numbers."""
        first, second = sorted((self.find(left), self.find(right)))
        numbers = {self._facts[first].number, self._facts[second].number} - {None}
        if len(numbers) == 2:
            return False
        if first != second:
            self._parents[second] = first
            self._facts[first].absorb(self._facts[second])
        return True

    def merge_all(self, left: Axes, right: Axes) -> bool:
        """Make two shapes of one rank equal, axis by axis; answer False where two numbers differ."""
        merged = [self.merge(*pair) for pair in zip(left, right, strict=True)]
        return all(merged)

    def names(self) -> dict[int, str | int]:
        """Return the name of every class by the axis that stands for it."""
        roots = [axis for axis in range(len(self._parents)) if self.find(axis) == axis]
        taken = {label for root in roots for _, label in self._facts[root].labels}
        names: dict[int, str | int] = {}
        for root in roots:
            name = _choose(self._facts[root], taken)
            names[root] = name
            taken |= {name} if isinstance(name, str) else set()
        return names

    def shapes(self, many: Mapping[Any, Axes]) -> dict[Any, tuple[Any, ...]]:
        """Return shapes of symbols and numbers for tuples of axes, under the same keys."""
        names = self.names()
        return {key: tuple(size(names[self.find(axis)]) for axis in axes) for key, axes in many.items()}

    def show(self, axes: Axes) -> str:
        """Return the shape as Python writes a tuple."""
        return str(self.shapes({0: axes})[0])


def _choose(facts: _Facts, taken: set[str]) -> str | int:
    if facts.number is not None:
        return facts.number
    labels = [label for _, label in sorted(facts.labels)]
    if labels:
        return next((standard for standard in STANDARD if standard in labels), labels[0])
    base = f"n_{min(facts.variables or facts.parameters or [(0, 'I')])[1]}"
    name, count = base, 2
    while name in taken:
        name, count = f"{base}_{count}", count + 1
    return name
