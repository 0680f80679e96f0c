"""Central differences in extended precision, extrapolated, with an error estimate that becomes the tolerance.

The loss is evaluated by the interpreter over the network's own equations in ``numpy.longdouble``: no generated code, no
derivative and no let-bound cell takes part. D(h) = (L(w + h) − L(w − h)) / 2h has an error in even powers of h;
Neville's tableau over h, h/2, h/4, … removes them one by one, and neighbouring entries tell the error of the best
(Ridders 1982, Adv. Eng. Softw. 4).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from rnnsym.calculus.adjoints import is_fused
from rnnsym.calculus.unrolling import StepGraph
from rnnsym.evidence.examples import Example
from rnnsym.model.evaluation import Arithmetic, Array, evaluate
from rnnsym.model.expressions import Expression, T, Variable, t
from rnnsym.model.losses import losses
from rnnsym.numerics.functions import elementwise_functions

Extended = np.longdouble
PRECISION = float(np.finfo(Extended).eps)
FIRST_STEP = Extended(2.0**-5)  # well inside the radius of convergence of tanh and σ, whose nearest pole is at π/2
HALVINGS = (
    6  # at the smallest step, 2^-11, rounding (about 1e-19 / h) and the extrapolated truncation are both below 1e-15
)
SMALLEST_STEP = float(FIRST_STEP) / 2 ** (HALVINGS - 1)
ROUNDING_OPERATIONS = 64  # operations whose rounding meets in one value of L, a generous count for a few dozen steps

NOISE = (
    ROUNDING_OPERATIONS * PRECISION / SMALLEST_STEP
)  # what rounding alone does to a difference of a loss of order one


@dataclass(frozen=True)
class Slope:
    """A derivative and the bound of its error that the tableau shows."""

    value: float
    error: float


def central_difference(function: Callable[[Any], Any]) -> Slope:
    """Return f′(0) of a function of one extended number, with an error estimate."""
    step, best = FIRST_STEP, Slope(float("nan"), float("inf"))
    previous: list[Any] = []
    for _ in range(HALVINGS):
        right, left = function(step), function(-step)
        noise = ROUNDING_OPERATIONS * PRECISION * float(max(abs(right), abs(left), Extended(1))) / float(step)
        row = [(right - left) / (2 * step)]
        for order, coarse in enumerate(previous, start=1):
            factor = Extended(4**order)
            row.append((factor * row[order - 1] - coarse) / (factor - 1))
            error = float(max(abs(row[order] - row[order - 1]), abs(row[order] - coarse))) + noise
            if error < best.error:
                best = Slope(float(row[order]), error)
        previous, step = row, step / 2
    return best


class ReferenceLoss:
    """L of one sequence in extended precision, as a function of its parameters."""

    def __init__(self, graph: StepGraph, example: Example, sequence: int) -> None:
        self.graph = graph
        self.steps = example.inputs.shape[1] if example.lengths is None else int(example.lengths[sequence])
        self.arithmetic = Arithmetic(_number, _apply, graph.network.size_values(**example.sizes))
        self.leaves = self._leaves(example, sequence)

    def _leaves(self, example: Example, sequence: int) -> dict[Expression, Any]:
        network = self.graph.network
        leaves: dict[Expression, Any] = {p: example.parameters[p.name] for p in network.parameters}
        for step in range(1, self.steps + 1):
            leaves[network.input.at(step)] = example.inputs[sequence, step - 1]
        leaves[network.target.at(None)] = example.targets[sequence]
        for state in network.states:
            leaves[state.variable.at(0)] = self._start(state, example, sequence)
        return leaves

    def _start(self, state: Any, example: Example, sequence: int) -> Any:
        given = (example.initial_state or {}).get(state.variable.name)
        shape = tuple(self.arithmetic.length(length) for length in state.variable.shape)
        return np.full(shape, float(state.initial)) if given is None else given[sequence]

    def value(self, changes: dict[Expression, Array] | None = None) -> Any:
        """Return L with some parameters replaced."""
        network = self.graph.network
        now = {leaf: np.asarray(value, dtype=Extended) for leaf, value in self.leaves.items()} | (changes or {})
        for state in self.graph.states:
            now[state] = now[state.at(0)]
        for step in range(1, self.steps + 1):
            now[network.input] = now[network.input.at(step)]
            now |= {state.at(t - 1): now[state] for state in self.graph.states}
            for equation in network.equations:
                now[equation.target] = self._evaluated(equation.expression, now)
        now |= {state.at(T): now[state] for state in self.graph.states}
        for assignment in self.graph.readout:
            now[assignment.target] = self._evaluated(assignment.value, now)
        return self._evaluated(self._loss(), now)

    def _loss(self) -> Expression:
        entry, logit = losses[self.graph.network.loss], self.graph.logit
        if is_fused(self.graph) and entry.fused_value is not None and logit is not None:
            return entry.fused_value(logit, Variable("target", logit.shape))
        return self.graph.loss.value

    def _evaluated(self, expression: Expression, values: dict[Expression, Array]) -> Array:
        return evaluate(expression, lambda node: values[node], self.arithmetic)

    def slope(self, leaf: Expression, direction: Array) -> Slope:
        """Return the derivative of L as a parameter moves in a direction of its own shape."""
        base, way = np.asarray(self.leaves[leaf], dtype=Extended), np.asarray(direction, dtype=Extended)
        return central_difference(lambda by: self.value({leaf: base + by * way}))


def _number(value: Any) -> Any:
    return Extended(int(value.p)) / Extended(int(value.q)) if hasattr(value, "q") else Extended(value)


def _apply(function: str, array: Array) -> Array:
    return elementwise_functions()[function](array)
