"""Degrees of the two sides of a claim, and with them how likely it is that sides that differ agree at a random point.

Two rational functions that differ agree at a random point with probability at most (the degree of the numerator of
their difference)/p (Schwartz 1980; Zippel 1979). A function's value is a residue of its own for each argument, and so
of degree 1; two arguments that differ may meet with the same probability.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any, Self

import numpy as np
import sympy

from rnnsym.errors import CheckError
from rnnsym.evidence.claim_values import Numbers, Sequence, Unrolled
from rnnsym.evidence.duals import Dual, scaled
from rnnsym.evidence.residues import PRIME, symbolic_slope
from rnnsym.model.evaluation import Arithmetic, Array, entrywise
from rnnsym.model.expressions import T


@dataclass(frozen=True)
class Ratio:
    """Bounds on the degrees of a numerator and its denominator."""

    above: int = 0
    below: int = 0

    def __add__(self, other: Any) -> Ratio:
        right = _ratio(other)
        if right is None:
            return self
        above = max(self.above + right.below, right.above + self.below)
        return Ratio(above, self.below + right.below)

    __radd__ = __add__

    def __neg__(self) -> Ratio:
        return self

    def __mul__(self, other: Any) -> Any:
        right = _ratio(other)
        return 0 if right is None else Ratio(self.above + right.above, self.below + right.below)

    __rmul__ = __mul__

    def __rtruediv__(self, other: Any) -> Any:
        return self._inverse() * other

    def _inverse(self) -> Ratio:
        return Ratio(self.below, self.above)


def _ratio(value: Any) -> Ratio | None:
    """Return the degrees of a constant, None where it is 0."""
    return value if isinstance(value, Ratio) else Ratio() if value else None


class Degree(Dual):
    """The degrees of a number and of its derivatives, of which the integer 0 is one that is zero."""

    @classmethod
    def constant(cls, number: int) -> Self:
        return cls(_ratio(number) or Ratio())


@dataclass
class Measure:
    """The largest degree of an argument of a function, and how many of its values are taken."""

    calls: int = 0
    argument: int = 1

    def apply(self, function: str, array: Array) -> Array:
        """Return the degrees of a function's values, each a residue of its own, and of their derivatives."""
        return entrywise(lambda one: self._called(function, one), array)

    def _called(self, function: str, one: Degree) -> Degree:
        self.calls += 1
        self.argument = max(self.argument, one.value.above + one.value.below)
        own = one.value * Ratio(1) if function == "abs" else Ratio(1)  # |a| = a sign(a)
        return Degree(own, None if one.tangent is None else scaled(_slope(function)(one.value), one.tangent))


@cache
def _slope(function: str) -> Callable[[Ratio], Ratio]:
    return _compiled(symbolic_slope(function)[1])


def _compiled(node: Any) -> Callable[[Ratio], Ratio]:
    """Return the degrees of a SymPy expression of one symbol, whose functions are residues of their own."""
    match node:
        case sympy.Symbol():
            return lambda a: a
        case sympy.Rational():
            return lambda a: Ratio()
        case sympy.Add() | sympy.Mul():
            parts = [_compiled(part) for part in node.args]
            return lambda a: _folded(isinstance(node, sympy.Add), [part(a) for part in parts])
        case sympy.Pow():
            base = (lambda a: Ratio(1)) if node.exp.q == 2 else _compiled(node.base)
            return lambda a: _power(base(a), int(node.exp.p))
        case sympy.Piecewise():
            first, second = (_compiled(branch) for branch, _ in node.args)
            return lambda a: second(a) + (first(a) + second(a)) * Ratio(1)
        case sympy.Function():
            return lambda a: Ratio(1)
    raise CheckError(f"no degree for the SymPy node {type(node).__name__}")


def _folded(is_sum: bool, parts: list[Ratio]) -> Ratio:
    total = parts[0]
    for one in parts[1:]:
        total = total + one if is_sum else total * one
    return total


def _power(base: Ratio, exponent: int) -> Ratio:
    above, below = (base.above, base.below) if exponent > 0 else (base.below, base.above)
    return Ratio(above * abs(exponent), below * abs(exponent))


def _norm(matrix: Array) -> Degree:
    return Degree(Ratio(1))


def largest_degree(unrolled: Unrolled, sizes: Any, sides: Callable[[Sequence], Iterator[tuple[Array, Array]]]) -> int:
    """Return a number that, divided by p, bounds the probability that one of the sides' entries agrees by chance."""
    measure = Measure()
    arithmetic = Arithmetic(lambda value: Degree(Ratio()), measure.apply, dict(sizes) | {T: unrolled.steps})
    leaves = {leaf: _free(tuple(arithmetic.length(one) for one in leaf.shape)) for leaf in unrolled.leaves}
    numbers = Numbers(arithmetic, lambda value: Degree(_ratio(value) or Ratio()), _norm)
    total = 0
    for left, right in sides(Sequence(unrolled, leaves, numbers)):
        total += sum(_difference(a, b) for a, b in zip(_entries(left), _entries(right), strict=True))
    return total + measure.calls**2 * 2 * measure.argument


def _difference(left: Degree, right: Degree) -> int:
    return (left.value + right.value).above


def _entries(array: Array) -> Any:
    return np.asarray(array, dtype=object).reshape(-1)


def _free(shape: tuple[int, ...]) -> Array:
    found = np.empty(shape, dtype=object)
    for place in np.ndindex(shape):
        found[place] = Degree(Ratio(1))
    return found if shape else found[()]


def exponent(wrong: int) -> int:
    """Return k so that ``wrong``/p is below 2^−k."""
    return PRIME.bit_length() - 1 - wrong.bit_length()
