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

from rnnsym.calculus.adjoints import AdjointRecursion, LoopRecursion
from rnnsym.calculus.rules import slope
from rnnsym.calculus.unrolling import BACK, LoopGraph, StepGraph
from rnnsym.evidence.sequences import Sequence
from rnnsym.model.evaluation import Arithmetic, Array, choose, entrywise, evaluate
from rnnsym.model.expressions import ZERO, Elementwise, Expression, Parameter, Variable, t
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


def _select(condition: Array, chosen: Array, other: Array) -> Array:
    """Return what is taken, with its bound; no bound where the condition is no number."""
    decided = np.asarray(entrywise(lambda entry: entry.value, condition), dtype=np.float64)
    lost: Array = np.array(Bounded(math.nan, math.inf), dtype=object)
    return np.where(np.isnan(decided), lost, np.where(decided > 0, chosen, other))[()]


def _largest(vector: Array) -> Bounded:
    """A shift that cancels, so that its own error does not matter."""
    return Bounded(max(entry.value for entry in vector))


def _call(function: str, argument: Bounded) -> Bounded:
    value = float(elementwise_functions()[function](np.float64(argument.value)))
    steepness = abs(_slope_at(function, argument.value, value))
    return Bounded(value, steepness * argument.error + FUNCTION_ULPS * 2 * UNIT * abs(value))


_ARGUMENT, _OUTPUT = Variable("argument", ()), Variable("output", ())
_PLAIN = Arithmetic(np.float64, lambda name, value: elementwise_functions()[name](value), {}, choose, np.max)


@cache
def _slope_of(function: str) -> Expression:
    return slope(Elementwise(function, _ARGUMENT), _OUTPUT)


def _slope_at(function: str, argument: float, output: float) -> float:
    known = {_ARGUMENT: np.float64(argument), _OUTPUT: np.float64(output)}
    return float(evaluate(_slope_of(function), lambda node: known[node], _PLAIN))


def gradient_bounds(
    graph: StepGraph, recursion: AdjointRecursion, sizes: dict[Any, int], sequence: Sequence
) -> dict[str, Array]:
    """Return {parameter: bound of the rounding error of ∂L/∂parameter} for one sequence.

    ``sizes`` holds all sizes, and the numbers of steps among them.
    """
    arithmetic = Arithmetic(lambda number: Bounded(float(number)), _apply, sizes, _select, _largest)
    with np.errstate(all="ignore"):  # outside a domain the bound becomes infinite or no number, and says so
        sweep = _Sweep(graph, recursion, sequence, arithmetic)
    return {parameter.name: _errors(sweep.gradient(parameter)) for parameter in graph.network.parameters}


Values = dict[Expression, Array]


class _Sweep:
    """The forward pass and the recursion over numbers with bounds."""

    def __init__(
        self, graph: StepGraph, recursion: AdjointRecursion, sequence: Sequence, arithmetic: Arithmetic
    ) -> None:
        self.graph, self.recursion, self.counts = graph, recursion, sequence.counts
        self.arithmetic = arithmetic
        self.leaves: Values = {leaf: bounded_array(value) for leaf, value in sequence.leaves.items()}
        self.parameters: Values = {p: self.leaves[p] for p in graph.network.parameters}
        self.totals: dict[Parameter, Array] = {}
        self.tapes = [dict[int, Values]() for _ in graph.loops]
        self.arriving: dict[tuple[Variable, int], Array] = {}
        for number in range(len(graph.loops)):
            self._forward(number)
        for step in self._output_steps():
            self._output(step)
        self._backward()

    def gradient(self, parameter: Parameter) -> Array:
        """Return ∂L/∂parameter with bounds; a parameter that L does not depend on has an exact zero."""
        return self.totals.get(parameter, bounded_array(np.zeros(np.shape(self.leaves[parameter]))))

    def _value(self, expression: Expression, now: Values) -> Array:
        return evaluate(expression, lambda node: now[node], self.arithmetic)

    def _order(self, loop: LoopGraph) -> range:
        steps = self.counts[loop.loop.steps]
        return range(steps, 0, -1) if loop.loop.reverse else range(1, steps + 1)

    def _forward(self, number: int) -> None:
        loop = self.graph.loops[number]
        states = {state: self._start(loop, state) for state in loop.states}
        for step in self._order(loop):
            now = dict(self.parameters) | self._read(loop, step)
            now |= {state.at(loop.before): value for state, value in states.items()}
            for a in loop.cell:
                now[a.target] = self._value(a.value, now)
            states = {state: now[state] for state in loop.states}
            self.tapes[number][step] = now

    def _read(self, loop: LoopGraph, step: int) -> Values:
        """The loop's input at a step, and the target of its output where the loop makes the outputs."""
        reads, found = loop.loop.reads, dict[Expression, Array]()
        if reads is not None:
            found[reads] = self.leaves[reads.at(step + int(reads.step - t))]
        if self.graph.every and not self.graph.readout:
            target = self.leaves.get(self.graph.target.at(step))
            found |= {} if target is None else {self.graph.target: target}
        return found

    def _start(self, loop: LoopGraph, state: Variable) -> Array:
        steps = self.counts[loop.loop.steps]
        source = loop.starts().get(state)
        if source is None:
            name, _, back = state.name.partition(BACK)
            own = Variable(name, state.shape, loop.start(steps) - int(back or 0) * loop.loop.direction)
            return self.leaves[own]
        for number, other in enumerate(self.graph.loops):
            if source in other.states:
                return self.tapes[number][int(other.last(self.counts[other.loop.steps]))][source]
        return self.leaves[source]

    def _output_steps(self) -> list[int | None]:
        if not self.graph.readout:
            return []
        return [*range(1, self.counts[self.graph.loops[-1].loop.steps] + 1)] if self.graph.every else [None]

    def _output(self, step: int | None) -> None:
        """Forward and back through the readout at one step: what arrives at the states of that step."""
        now = dict(self.parameters)
        now[self.graph.target] = self.leaves[self.graph.target.at(step)]
        places: dict[Variable, int] = {}
        for number, loop in enumerate(self.graph.loops):
            steps = loop.loop.steps
            places |= dict.fromkeys(loop.states, int(loop.last(self.counts[steps])) if step is None else step)
            if loop in self.graph.reading:
                seen = {s: s if step is not None else s.at(loop.last(steps)) for s in loop.states}
                now |= {seen[s]: self.tapes[number][places[s]][s] for s in loop.states}
        for a in (*self.graph.readout, *self.recursion.readout):
            now[a.target] = self._value(a.value, now)
        for parameter, value in self.recursion.readout_gradients.items():
            self._add(parameter, self._value(value, now))
        for state, value in self.recursion.final.items():
            self.arriving[state, places[state]] = self._value(value, now)

    def _add(self, parameter: Parameter, term: Array) -> None:
        self.totals[parameter] = self.totals[parameter] + term if parameter in self.totals else term

    def _backward(self) -> None:
        handed: dict[Variable, Array] = {}
        for number in reversed(range(len(self.graph.loops))):
            loop = self.recursion.loops[number]
            carried = {s: handed.get(s) for s in loop.graph.states}
            for step in reversed(self._order(loop.graph)):
                carried = self._step_back(loop, self.tapes[number][step], carried, step)
            handed = {source: carried[s] for s, source in loop.graph.starts().items()}

    def _step_back(
        self, loop: LoopRecursion, before: Values, carried: dict[Variable, Any], step: int
    ) -> dict[Variable, Any]:
        now = dict(before)
        for a in loop.step:
            variable = a.target.variable
            value = None if a.value == ZERO else self._value(a.value, now)
            parts = [part for part in (carried.get(variable), self.arriving.get((variable, step)), value)
                     if part is not None]
            now[a.target] = sum(parts[1:], parts[0]) if parts else bounded_array(np.zeros(np.shape(now[variable])))
        for parameter, value in loop.step_gradients.items():
            self._add(parameter, self._value(value, now))
        return {s: self._value(loop.carry[s], now) if s in loop.carry else None for s in loop.graph.states}


def _errors(array: Array) -> Array:
    entries = np.asarray(array, dtype=object)
    errors = np.array([entry.error for entry in entries.reshape(-1)]).reshape(entries.shape)
    return SLACK * errors
