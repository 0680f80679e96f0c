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
from rnnsym.model.activations import activations
from rnnsym.model.evaluation import Arithmetic, Array, evaluate
from rnnsym.model.expressions import Expression, T, Variable, t
from rnnsym.model.losses import losses
from rnnsym.numerics.functions import elementwise_functions

Extended = np.longdouble
PRECISION = float(np.finfo(Extended).eps)
FIRST_STEP = Extended(2.0**-5)  # well inside the radius of convergence of tanh and σ, whose nearest pole is at π/2
LEVELS = 6  # at the smallest step, 2^-10, rounding and the extrapolated truncation are both below 1e-14
FEWEST_LEVELS = 3  # with fewer there is no neighbour of an extrapolated value to tell its error
MOST_HALVINGS = 40  # of the first step, in search of one over which the loss changes moderately
MODERATE = 0.5  # share of the loss (or of 1) by which it may change over the first step
SAFETY = 10.0  # the tableau shows the size of an error, not a bound of it
SMALLEST_STEP = float(FIRST_STEP) / 2 ** (LEVELS - 1)
ROUNDING_OPERATIONS = 64  # operations whose rounding meets in one value of L, a generous count for a few dozen steps
NOISE = ROUNDING_OPERATIONS * PRECISION / SMALLEST_STEP  # rounding alone, in a difference of a loss of order one


@dataclass(frozen=True)
class Slope:
    """A derivative and the bound of its error that the tableau shows."""

    value: float
    error: float


UNSETTLED = Slope(float("nan"), float("inf"))


@dataclass(frozen=True)
class Value:
    """A loss, and on which side of its kinks each function was: ``sides`` differ where a kink was crossed."""

    loss: Any
    sides: tuple[bytes, ...] = ()

    def comparable(self, other: Value) -> bool:
        """Whether both are finite and no kink lies between them."""
        return bool(np.isfinite(self.loss)) and self.sides == other.sides


def central_difference(function: Callable[[Any], Value]) -> Slope:
    """Return f′(0) of a function of one extended number, with an error estimate; ``UNSETTLED`` at a kink."""
    base = function(Extended(0))
    if not np.isfinite(base.loss):
        return UNSETTLED
    step, best, levels = _first_step(function, base), UNSETTLED, 0
    previous: list[Any] = []
    for _ in range(LEVELS):
        right, left = function(step), function(-step)
        if not (right.comparable(base) and left.comparable(base)):
            previous, best, levels, step = [], UNSETTLED, 0, step / 2
            continue
        row = _next_row(previous, (right.loss - left.loss) / (2 * step))
        noise = ROUNDING_OPERATIONS * PRECISION * float(max(abs(right.loss), abs(left.loss), Extended(1))) / float(step)
        best = min([best, *_estimates(row, previous, noise)], key=lambda slope: slope.error)
        previous, step, levels = row, step / 2, levels + 1
    return best if levels >= FEWEST_LEVELS else UNSETTLED


def _first_step(function: Callable[[Any], Value], base: Value) -> Any:
    """Halve until the loss changes moderately: a tableau over a steep piece agrees with itself by accident."""
    step = FIRST_STEP
    allowed = MODERATE * max(abs(base.loss), Extended(1))
    for _ in range(MOST_HALVINGS):
        right, left = function(step).loss, function(-step).loss
        if abs(right - base.loss) <= allowed and abs(left - base.loss) <= allowed:
            break
        step = step / 2
    return step


def _next_row(previous: list[Any], difference: Any) -> list[Any]:
    """The next row of Neville's tableau; each order removes the next even power of the step."""
    row = [difference]
    for order, coarse in enumerate(previous, start=1):
        factor = Extended(4**order)
        row.append((factor * row[order - 1] - coarse) / (factor - 1))
    return row


def _estimates(row: list[Any], previous: list[Any], noise: float) -> list[Slope]:
    found = []
    for order, coarse in enumerate(previous, start=1):
        spread = float(max(abs(row[order] - row[order - 1]), abs(row[order] - coarse)))
        found.append(Slope(float(row[order]), SAFETY * spread + noise))
    return found


class ReferenceLoss:
    """L of one sequence in extended precision, as a function of its parameters."""

    def __init__(self, graph: StepGraph, example: Example, sequence: int) -> None:
        self.graph = graph
        self.steps = example.inputs.shape[1] if example.lengths is None else int(example.lengths[sequence])
        self._sides: list[bytes] = []
        self.arithmetic = Arithmetic(_number, self._apply, graph.network.size_values(**example.sizes))
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

    def value(self, changes: dict[Expression, Array] | None = None) -> Value:
        """Return L with some parameters replaced; not finite outside a function's domain."""
        self._sides = []
        with np.errstate(all="ignore"):
            return Value(self._run(changes), tuple(self._sides))

    def _apply(self, function: str, array: Array) -> Array:
        for kink in activations[function].kinks:
            self._sides.append(np.sign(np.asarray(array) - kink).astype(np.int8).tobytes())
        return elementwise_functions()[function](array)

    def _run(self, changes: dict[Expression, Array] | None) -> Any:
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
