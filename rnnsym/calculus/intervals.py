"""Between which numbers the entries of a quantity lie, whatever the weights: interval arithmetic with exact ends.

Functions contribute the ranges of their table entries. A state's interval is found from its start by repeated steps
until a step leads nowhere new; one that keeps growing is all reals. (Moore, Kearfott, Cloud 2009, Introduction to
interval analysis, chapter 5.)
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from sympy import Integer, Rational, oo

from rnnsym.calculus.unrolling import LoopGraph
from rnnsym.model.activations import activations
from rnnsym.model.expressions import (
    ONE,
    Comparison,
    Constant,
    Elementwise,
    Expression,
    Extremum,
    Hadamard,
    Negative,
    Numeral,
    Ones,
    OrderedSum,
    Power,
    Selection,
    Softmax,
    add,
    negate,
)

GROWING = 4  # so many steps that each lead somewhere new count as growth without end


@dataclass(frozen=True)
class Interval:
    """All numbers from ``low`` to ``high``, exact or infinite."""

    low: Any
    high: Any

    @property
    def largest(self) -> Any:
        """The largest absolute value."""
        return max(abs(self.low), abs(self.high))

    @property
    def bounded(self) -> bool:
        """Whether both ends are finite."""
        return bool(self.largest < oo)

    def __contains__(self, other: Interval) -> bool:
        return bool(self.low <= other.low and other.high <= self.high)

    def __or__(self, other: Interval) -> Interval:
        return Interval(min(self.low, other.low), max(self.high, other.high))

    def __add__(self, other: Interval) -> Interval:
        return Interval(self.low + other.low, self.high + other.high)

    def __neg__(self) -> Interval:
        return Interval(-self.high, -self.low)

    def __mul__(self, other: Interval) -> Interval:
        ends = [Integer(0) if 0 in (a, b) else a * b for a in (self.low, self.high) for b in (other.low, other.high)]
        return Interval(min(ends), max(ends))


REALS = Interval(-oo, oo)
UNIT = Interval(Integer(0), Integer(1))
Ranges = Mapping[Expression, Interval]


def interval(expression: Expression, ranges: Ranges) -> Interval:
    """Return an interval that holds every entry of ``expression``, names being in their ``ranges`` (else anywhere)."""
    rule = interval_rules.get(type(expression))
    if rule is None:
        return ranges.get(expression, REALS)
    return rule(expression, lambda operand: interval(operand, ranges))


def state_ranges(loop: LoopGraph) -> dict[Expression, Interval]:
    """Return each state's interval at every step, if it starts in that: the least one found that holds its start."""
    states = loop.states
    given = loop.starts()
    found = {state: REALS if state in given else _point(Rational(loop.initial(state))) for state in states}
    for round_number in range(GROWING * (len(states) + 1)):
        after = _stepped(loop, found)
        if all(after[state] in found[state] for state in states):
            return found
        endless = (round_number + 1) % GROWING == 0
        found = {state: found[state] if after[state] in found[state] else REALS if endless
                 else found[state] | after[state] for state in states}
    return dict.fromkeys(states, REALS)


def name_ranges(loop: LoopGraph, states: Ranges) -> Mapping[Expression, Interval]:
    """Return the intervals of all names of one step, the states of the step before being in those of ``states``."""
    return MappingProxyType(_ranges_of_step(loop, states))


def _stepped(loop: LoopGraph, states: Ranges) -> dict[Expression, Interval]:
    ranges = _ranges_of_step(loop, states)
    return {state: ranges[state] for state in loop.states}


def _ranges_of_step(loop: LoopGraph, states: Ranges) -> dict[Expression, Interval]:
    ranges = {state.at(loop.before): own for state in loop.states if (own := states.get(state)) is not None}
    for assignment in loop.cell:
        ranges[assignment.target] = interval(assignment.value, ranges)
    return ranges


Within = Callable[[Expression], Interval]


def _of_sum(node: OrderedSum, within: Within) -> Interval:
    mixed = _mixture(node, within)
    if mixed is not None:
        return mixed
    total = within(node.args[0])
    for term in node.args[1:]:
        total = total + within(term)
    return total


def _mixture(node: OrderedSum, within: Within) -> Interval | None:
    """A w + (1 − w) b with w in [0, 1] lies between a and b, entry by entry."""
    if len(node.args) != 2:
        return None
    first, second = (_factors(term) for term in node.args)
    for weight in first:
        for other in second:
            complements = other == _complement(weight) or weight == _complement(other)
            if complements and within(weight) in UNIT and within(other) in UNIT:
                return within(_without(first, weight)) | within(_without(second, other))
    return None


def _factors(term: Expression) -> tuple[Expression, ...]:
    return term.args if isinstance(term, Hadamard) else (term,)


def _complement(weight: Expression) -> Expression:
    return add(ONE, negate(weight))


def _without(factors: tuple[Expression, ...], factor: Expression) -> Expression:
    rest = list(factors)
    rest.remove(factor)
    return rest[0] if len(rest) == 1 else Hadamard(*rest) if rest else ONE


def _of_product(node: Hadamard, within: Within) -> Interval:
    product = within(node.args[0])
    for factor in node.args[1:]:
        product = product * within(factor)
    return product


def _of_power(node: Power, within: Within) -> Interval:
    if node.exponent.q != 1 or node.exponent < 1:
        return REALS
    base = within(node.base)
    if node.exponent % 2:
        return Interval(base.low**node.exponent, base.high**node.exponent)
    least = Integer(0) if base.low <= 0 <= base.high else min(abs(base.low), abs(base.high))
    return Interval(least**node.exponent, base.largest**node.exponent)


def _of_function(node: Elementwise, within: Within) -> Interval:
    low, high = activations[node.function].range
    return Interval(-oo if low is None else Integer(low), oo if high is None else Integer(high))


def _of_extremum(node: Extremum, within: Within) -> Interval:
    (a, b), pick = (within(operand) for operand in node.operands), max if node.name == "maximum" else min
    return Interval(pick(a.low, b.low), pick(a.high, b.high))


def _point(value: Any) -> Interval:
    return Interval(value, value)


interval_rules: dict[type, Callable[[Any, Within], Interval]] = {
    Numeral: lambda node, within: _point(node.value),
    Constant: lambda node, within: _point(node.value),
    Ones: lambda node, within: _point(Integer(1)),
    OrderedSum: _of_sum,
    Negative: lambda node, within: -within(node.args[0]),
    Hadamard: _of_product,
    Power: _of_power,
    Elementwise: _of_function,
    Extremum: _of_extremum,
    Selection: lambda node, within: within(node.args[1]) | within(node.args[2]),
    Comparison: lambda node, within: UNIT,
    Softmax: lambda node, within: UNIT,
}
"""Kinds of nodes without an entry lie anywhere, which is always true."""
