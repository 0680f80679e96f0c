"""Running error bounds: how far float64 may stray from the exact gradient in the natural algorithm.

Each number carries a first-order bound of its rounding error: |fl(a ∘ b) − (a ∘ b)| ≤ u |a ∘ b| for the four operations
(Higham 2002, section 2.2), inherited errors added to first order (section 3.3). A function adds ``FUNCTION_ULPS`` units.
The bound is taken along our own recursion; another order of the same sums differs by a small factor, ``SLACK``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Union

import numpy as np

from rnnsym.calculus.adjoints import adjoint_recursion
from rnnsym.calculus.notation import Adjoint
from rnnsym.calculus.rules import slope
from rnnsym.calculus.unrolling import StepGraph, at_last_step
from rnnsym.model.evaluation import Arithmetic, Array, evaluate
from rnnsym.model.expressions import ZERO, Elementwise, Expression, Parameter, Variable, at_step
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
    source = np.asarray(array, dtype=np.float64)
    result = np.empty(source.shape, dtype=object)
    for place in np.ndindex(source.shape):
        result[place] = Bounded(float(source[place]))
    return result if source.shape else result[()]


def _apply(function: str, array: Array) -> Array:
    arrays = np.asarray(array, dtype=object)
    result = np.empty(arrays.shape, dtype=object)
    for place in np.ndindex(arrays.shape):
        result[place] = _call(function, arrays[place])
    return result if arrays.shape else result[()]


def _call(function: str, argument: Bounded) -> Bounded:
    value = float(elementwise_functions()[function](np.float64(argument.value)))
    steepness = abs(_slope_at(function, argument.value, value))
    return Bounded(value, steepness * argument.error + FUNCTION_ULPS * 2 * UNIT * abs(value))


def _slope_at(function: str, argument: float, output: float) -> float:
    a, o = Variable("argument", ()), Variable("output", ())
    known = {a: np.float64(argument), o: np.float64(output)}
    plain = Arithmetic(float, lambda name, value: elementwise_functions()[name](value), {})
    return float(evaluate(slope(Elementwise(function, a), o), lambda node: known[node], plain))


def gradient_bounds(graph: StepGraph, sizes: dict[Any, int], leaves: dict[Expression, Any], steps: int) -> dict[str, Array]:
    """Return {parameter: bound of the rounding error of ∂L/∂parameter} for one sequence of ``steps`` steps.

    ``leaves`` gives the float64 values of parameters, x_1 … x_T, the initial states and the target.
    """
    arithmetic = Arithmetic(lambda number: Bounded(float(number)), _apply, sizes)
    values = {leaf: bounded_array(value) for leaf, value in leaves.items()}
    sweep = _Sweep(graph, values, arithmetic, steps)
    return {parameter.name: _errors(sweep.gradient(parameter)) for parameter in graph.network.parameters}


class _Sweep:
    """The forward pass and the recursion over numbers with bounds."""

    def __init__(self, graph: StepGraph, values: dict[Expression, Array], arithmetic: Arithmetic, steps: int) -> None:
        self.graph, self.values, self.arithmetic, self.steps = graph, values, arithmetic, steps
        self.recursion = adjoint_recursion(graph)
        self.totals: dict[Parameter, Array] = {}
        self._forward()
        self._backward()

    def gradient(self, parameter: Parameter) -> Array:
        """Return ∂L/∂parameter with bounds; a parameter that L does not depend on has an exact zero."""
        return self.totals.get(parameter, bounded_array(np.zeros(np.shape(self.values[parameter]))))

    def _value(self, expression: Expression) -> Array:
        return evaluate(expression, lambda node: self.values[node], self.arithmetic)

    def _forward(self) -> None:
        for step in range(1, self.steps + 1):
            for a in self.graph.cell:
                self.values[a.target.at(step)] = self._value(at_step(a.value, step))
        for a in self.graph.readout:
            self.values[a.target] = self._value(self._last(a.value))

    def _last(self, expression: Expression) -> Expression:
        return at_last_step(expression, self.steps)

    def _backward(self) -> None:
        for a in self.recursion.readout:
            self.values[a.target] = self._value(self._last(a.value))
        for parameter, value in self.recursion.readout_gradients.items():
            self.totals[parameter] = self._value(self._last(value))
        arriving = {s: self.recursion.final.get(s) for s in self.graph.states}
        carried = {s: self._zero(s) if value is None else self._value(self._last(value)) for s, value in arriving.items()}
        for step in range(self.steps, 0, -1):
            carried = self._step_back(step, carried)

    def _zero(self, state: Variable) -> Array:
        return bounded_array(np.zeros(np.shape(self.values[state.at(0)])))

    def _step_back(self, step: int, carried: dict[Variable, Array]) -> dict[Variable, Array]:
        for a in self.recursion.step:
            variable = a.target.variable
            start = carried.get(variable)
            value = None if a.value == ZERO else self._value(at_step(a.value, step))
            both = [part for part in (start, value) if part is not None]
            self.values[Adjoint(variable.at(step))] = sum(both[1:], both[0])
        for parameter, value in self.recursion.step_gradients.items():
            term = self._value(at_step(value, step))
            self.totals[parameter] = self.totals[parameter] + term if parameter in self.totals else term
        return {
            s: self._value(at_step(self.recursion.carry[s], step)) if s in self.recursion.carry else self._zero(s)
            for s in self.graph.states
        }


def _errors(array: Array) -> Array:
    entries = np.asarray(array, dtype=object)
    errors = np.array([entry.error for entry in entries.reshape(-1)]).reshape(entries.shape)
    return SLACK * errors

