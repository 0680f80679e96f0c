"""Sizes found equal by unification: classes of axes, and the one name, or the sum of names, that each gets in the end.

A size may be the sum of others, d + n. It is never solved for its parts: where it would have to equal another sum, a
number or a named size, that is a demand, and is compared when all is known.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NoReturn

from sympy import Add

from rnnsym.model.expressions import size

Axes = tuple[int, ...]
STANDARD = ("n", "d", "k")  # of sizes that are one, the first of these names stays


@dataclass
class _Facts:
    """What is known of a class: its number, or its parts; the names of sizes and quantities in it with their axes."""

    number: int | None = None
    parts: Axes = ()
    labels: list[tuple[int, str]] = field(default_factory=list)
    variables: list[tuple[int, str]] = field(default_factory=list)
    parameters: list[tuple[int, str]] = field(default_factory=list)

    def absorb(self, other: _Facts) -> None:
        self.number = other.number if self.number is None else self.number
        self.parts = self.parts or other.parts
        self.labels += other.labels
        self.variables += other.variables
        self.parameters += other.parameters


class Sizes:
    """A union of axes into classes of equal size; the earliest axis of a class stands for it."""

    def __init__(self) -> None:
        self._parents: list[int] = []
        self._facts: list[_Facts] = []
        self._named: dict[str | int, int] = {}
        self._demands: list[tuple[int, int]] = []
        self._refusals: list[Callable[[], NoReturn]] = []

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

    def sum(self, parts: Axes) -> int:
        """Return the axis that is as long as ``parts`` together."""
        axis = self.new()
        self._facts[axis].parts = parts
        return axis

    def of(self, one: Any) -> int:
        """Return the axis of a size that is written with names and numbers: n, 7 or d + 2 n."""
        if one.is_Integer or one.is_Symbol:
            return self.named(int(one) if one.is_Integer else str(one))
        coefficients = one.as_coefficients_dict().items()
        pieces = [[term] * int(times) if term.is_Symbol else [times * term] for term, times in coefficients]
        return self.sum(tuple(self.of(term) for group in pieces for term in group))

    def find(self, axis: int) -> int:
        """Return the axis that stands for the class of ``axis``."""
        while self._parents[axis] != axis:
            self._parents[axis] = axis = self._parents[self._parents[axis]]
        return axis

    def anchored(self, axis: int) -> bool:
        """Whether the class belongs to a number, a sum, a named size, or a variable, and not to parameters alone."""
        facts = self._facts[self.find(axis)]
        return facts.number is not None or bool(facts.parts or facts.labels or facts.variables)

    def belongs(self, axis: int) -> bool:
        """Whether any quantity or name determines the class."""
        return self.anchored(axis) or bool(self._facts[self.find(axis)].parameters)

    def merge(self, left: int, right: int) -> bool:
        """Make two sizes one; answer False where they are two different numbers, or a sum and one of its own parts."""
        first, second = sorted((self.find(left), self.find(right)))
        numbers = {self._facts[first].number, self._facts[second].number} - {None}
        if len(numbers) == 2 or (first != second and self._holds(first, second)):
            return False
        if self._is_demand(first, second):
            self._demands.append((first, second))
        elif first != second:
            self._parents[second] = first
            self._facts[first].absorb(self._facts[second])
        return True

    def _is_demand(self, first: int, second: int) -> bool:
        facts = self._facts[first], self._facts[second]
        settled = [one.number is not None or bool(one.parts or one.labels) for one in facts]
        return first != second and all(settled) and any(one.parts for one in facts)

    def _holds(self, first: int, second: int) -> bool:
        """Whether one of two classes is a part of the other, so that it would have to be longer than itself."""
        return second in self._within(first) or first in self._within(second)

    def _parts(self, root: int) -> list[int]:
        return [self.find(part) for part in self._facts[root].parts]

    def _within(self, axis: int) -> list[int]:
        """Return a class and all its parts, each before its own parts; without recursion, as sums may nest deeply."""
        found: dict[int, None] = {}
        seen: set[int] = set()
        stack = [(self.find(axis), False)]
        while stack:
            root, done = stack.pop()
            if done:
                found[root] = None
            elif root not in seen:
                seen.add(root)
                stack += [(root, True), *((part, False) for part in self._parts(root))]
        return list(reversed(found))

    def terms(self, axis: int) -> Counter[int]:
        """Return how often each class that is no sum stands in a size."""
        times = Counter([self.find(axis)])
        for root in self._within(axis):
            parts = self._parts(root)
            times.update({part: parts.count(part) * times[root] for part in set(parts)})
            if parts:
                del times[root]
        return times

    def same(self, left: int, right: int) -> bool:
        """Whether two sizes are one by all that is known now."""
        return bool(self._total(left) == self._total(right))

    def _total(self, axis: int) -> Counter[Any]:
        """Return a size as {class: times}, the sum of all numbers under None."""
        total: Counter[Any] = Counter()
        for root, times in self.terms(axis).items():
            number = self._facts[root].number
            total[root if number is None else None] += times if number is None else times * number
        return total

    def merge_all(self, left: Axes, right: Axes) -> bool:
        """Make two shapes of one rank equal, axis by axis; answer False where two numbers differ."""
        merged = [self.merge(*pair) for pair in zip(left, right, strict=True)]
        return all(merged)

    def agree(self, left: Axes, right: Axes, refuse: Callable[[], NoReturn]) -> None:
        """Make two shapes one, or refuse; what can only be compared when all is known is refused by ``settle``."""
        before = len(self._demands)
        if not self.merge_all(left, right):
            refuse()
        self._refusals += [refuse] * (len(self._demands) - before)

    def settle(self) -> None:
        """Compare the sums that must be equal to something, now that all is known; refuse the first that is not."""
        for demand, refuse in zip(self._demands, self._refusals, strict=True):
            if not self.same(*demand):
                refuse()

    def names(self) -> dict[int, str | int]:
        """Return the name of every class that is no sum by the axis that stands for it."""
        roots = [axis for axis in range(len(self._parents)) if self.find(axis) == axis and not self._facts[axis].parts]
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

        def length(axis: int) -> Any:
            return Add(*(times * size(names[root]) for root, times in self.terms(axis).items()))

        return {key: tuple(length(axis) for axis in axes) for key, axes in many.items()}

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
