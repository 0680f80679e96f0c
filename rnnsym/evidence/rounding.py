"""Running error bounds: how far float64 may stray from the exact gradient in the natural algorithm.

Each number carries a first-order bound of its rounding error: |fl(a ∘ b) − (a ∘ b)| ≤ u |a ∘ b| for the four operations
(Higham 2002, section 2.2), inherited errors added to first order (section 3.3). A function adds ``FUNCTION_ULPS``
units. The bound is taken along our own recursion; another order of the same sums differs by a small factor, ``SLACK``.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache
from typing import Any, Union

import numpy as np

from rnnsym.calculus.adjoints import AdjointRecursion
from rnnsym.calculus.rules import slope
from rnnsym.calculus.unrolling import StepGraph
from rnnsym.model.evaluation import Arithmetic, Array, entrywise, evaluate
from rnnsym.model.expressions import ZERO, Elementwise, Expression, Parameter, T, Variable, t
from rnnsym.numerics.functions import elementwise_functions

UNIT = float(np.finfo(np.float64).eps) / 2
FUNCTION_ULPS = 4.0  # what good mathematical libraries promise for tanh, exp, log, in units in the last place
SLACK = 8.0  # another order of summation, a fused multiply-add, a slope written otherwise: 1 − o² or (1 − o)(1 + o)
TINY = float(np.finfo(np.float64).tiny)

Operand = Union["Bounded", float, int]


@dataclass(frozen=True, eq=False)
class Bounded:
    """A float64 with a bound of its error."""

    value: float
    error: float = 0.0

    def __add__(self, other: Operand) -> Bounded:
        if isinstance(other, np.ndarray):
            return NotImplemented
        right = _bounded(other)
        return _rounded(self.value + right.value, self.error + right.error)

    __radd__ = __add__

    def __neg__(self) -> Bounded:
        return Bounded(-self.value, self.error)

    def __sub__(self, other: Operand) -> Bounded:
        return NotImplemented if isinstance(other, np.ndarray) else self + -_bounded(other)

    def __mul__(self, other: Operand) -> Bounded:
        if isinstance(other, np.ndarray):
            return NotImplemented
        right = _bounded(other)
        error = abs(self.value) * right.error + abs(right.value) * self.error
        return _rounded(self.value * right.value, error)

    __rmul__ = __mul__

    def __truediv__(self, other: Operand) -> Bounded:
        if isinstance(other, np.ndarray):
            return NotImplemented
        right = _bounded(other)
        if right.value == 0.0:
            return Bounded(math.nan, math.inf)  # outside the domain: no bound, and so no verdict
        quotient = self.value / right.value
        return _rounded(quotient, (self.error + abs(quotient) * right.error) / abs(right.value))

    def __rtruediv__(self, other: Operand) -> Bounded:
        return _bounded(other) / self


def _bounded(value: Operand) -> Bounded:
    return value if isinstance(value, Bounded) else Bounded(float(value))


def _rounded(value: float, inherited: float) -> Bounded:
    return Bounded(value, inherited + UNIT * abs(value) + TINY * UNIT)


def bounded_array(array: Any) -> Array:
    """Return an array of exact numbers."""
    return entrywise(lambda value: Bounded(float(value)), np.asarray(array, dtype=np.float64))


def _apply(function: str, array: Array) -> Array:
    return entrywise(lambda argument: _call(function, argument), array)


def _call(function: str, argument: Bounded) -> Bounded:
    value = float(elementwise_functions()[function](np.float64(argument.value)))
    steepness = abs(_slope_at(function, argument.value, value))
    return Bounded(value, steepness * argument.error + FUNCTION_ULPS * 2 * UNIT * abs(value))


_ARGUMENT, _OUTPUT = Variable("argument", ()), Variable("output", ())
_PLAIN = Arithmetic(np.float64, lambda name, value: elementwise_functions()[name](value), {})


@cache
def _slope_of(function: str) -> Expression:
    return slope(Elementwise(function, _ARGUMENT), _OUTPUT)


def _slope_at(function: str, argument: float, output: float) -> float:
    known = {_ARGUMENT: np.float64(argument), _OUTPUT: np.float64(output)}
    return float(evaluate(_slope_of(function), lambda node: known[node], _PLAIN))


def gradient_bounds(
    graph: StepGraph, recursion: AdjointRecursion, sizes: dict[Any, int], leaves: dict[Expression, Any], steps: int
) -> dict[str, Array]:
    """Return {parameter: bound of the rounding error of ∂L/∂parameter} for one sequence of ``steps`` steps.

    ``leaves`` gives the float64 values of parameters, x_1 … x_T, the initial states and the target.
    """
    arithmetic = Arithmetic(lambda number: Bounded(float(number)), _apply, sizes)
    values = {leaf: bounded_array(value) for leaf, value in leaves.items()}
    with np.errstate(all="ignore"):  # outside a domain the bound becomes infinite or no number, and says so
        sweep = _Sweep(graph, recursion, values, arithmetic, steps)
    return {parameter.name: _errors(sweep.gradient(parameter)) for parameter in graph.network.parameters}


class _Sweep:
    """The forward pass and the recursion over numbers with bounds."""

    def __init__(
        self,
        graph: StepGraph,
        recursion: AdjointRecursion,
        values: dict[Expression, Array],
        arithmetic: Arithmetic,
        steps: int,
    ) -> None:
        self.graph, self.recursion, self.leaves = graph, recursion, values
        self.arithmetic, self.steps = arithmetic, steps
        self.totals: dict[Parameter, Array] = {}
        self.tape: list[dict[Expression, Array]] = []
        self._backward(self._forward())

    def gradient(self, parameter: Parameter) -> Array:
        """Return ∂L/∂parameter with bounds; a parameter that L does not depend on has an exact zero."""
        return self.totals.get(parameter, bounded_array(np.zeros(np.shape(self.leaves[parameter]))))

    def _value(self, expression: Expression, now: dict[Expression, Array]) -> Array:
        return evaluate(expression, lambda node: now[node], self.arithmetic)

    def _forward(self) -> dict[Expression, Array]:
        now = dict(self.leaves) | {state: self.leaves[state.at(0)] for state in self.graph.states}
        for step in range(1, self.steps + 1):
            now[self.graph.network.input] = now[self.graph.network.input.at(step)]
            now |= {state.at(t - 1): now[state] for state in self.graph.states}
            for a in self.graph.cell:
                now[a.target] = self._value(a.value, now)
            self.tape.append(dict(now))
        now |= {state.at(T): now[state] for state in self.graph.states}
        for a in self.graph.readout:
            now[a.target] = self._value(a.value, now)
        return now

    def _backward(self, now: dict[Expression, Array]) -> None:
        for a in self.recursion.readout:
            now[a.target] = self._value(a.value, now)
        for parameter, value in self.recursion.readout_gradients.items():
            self.totals[parameter] = self._value(value, now)
        final = self.recursion.final
        carried = {s: self._value(final[s], now) if s in final else self._zero(s) for s in self.graph.states}
        for before in reversed(self.tape):
            carried = self._step_back(before, carried)

    def _zero(self, state: Variable) -> Array:
        return bounded_array(np.zeros(np.shape(self.leaves[state.at(0)])))

    def _step_back(self, now: dict[Expression, Array], carried: dict[Variable, Array]) -> dict[Variable, Array]:
        for a in self.recursion.step:
            start = carried.get(a.target.variable)
            value = None if a.value == ZERO else self._value(a.value, now)
            both = [part for part in (start, value) if part is not None]
            now[a.target] = sum(both[1:], both[0])
        for parameter, value in self.recursion.step_gradients.items():
            term = self._value(value, now)
            self.totals[parameter] = self.totals[parameter] + term if parameter in self.totals else term
        carry = self.recursion.carry
        return {s: self._value(carry[s], now) if s in carry else self._zero(s) for s in self.graph.states}


def _errors(array: Array) -> Array:
    entries = np.asarray(array, dtype=object)
    errors = np.array([entry.error for entry in entries.reshape(-1)]).reshape(entries.shape)
    return SLACK * errors
