"""Central differences in extended precision, extrapolated, with an error estimate that becomes the tolerance.

The loss is evaluated by the interpreter over the network's own equations in ``numpy.longdouble``: no generated code, no
derivative and no let-bound cell takes part. D(h) = (L(w + h) − L(w − h)) / 2h has an error in even powers of h;
Neville's tableau over h, h/2, h/4, … removes them one by one, and neighbouring entries tell the error of the best
(Ridders 1982, Adv. Eng. Softw. 4).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from rnnsym.calculus.unrolling import StepGraph
from rnnsym.evidence.examples import Example
from rnnsym.evidence.sequences import OwnEquations, sequence_of
from rnnsym.model.activations import Activation, activations
from rnnsym.model.evaluation import Arithmetic, Array, choose, evaluate
from rnnsym.model.expressions import Expression
from rnnsym.numerics.functions import elementwise_functions

Extended = np.longdouble
PRECISION = float(np.finfo(Extended).eps)
FIRST_STEP = Extended(2.0**-5)  # well inside the radius of convergence of tanh and σ, whose nearest pole is at π/2
LEVELS = 6  # at the smallest step, 2^-10, rounding and the extrapolated truncation are both below 1e-14
FEWEST_LEVELS = 3  # with fewer there is no neighbour of an extrapolated value to tell its error
MOST_HALVINGS = 40  # of the first step, in search of one over which the loss changes moderately
MODERATE = 0.5  # share of the loss (or of 1) by which it may change over the first step
SAFETY = 10.0  # the tableau shows the size of an error, not a bound of it
NEAR = 1e-9  # of a jump, beside 1 or the argument: far above what float64 loses on the way there, and seldom met
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
    """L of one sequence in extended precision, as a function of its parameters.

    A straight-through function is judged as its surrogate: f(u) = u + c, with c frozen at the example. ``near_jump``
    says that the example lies so close to a jump that float64 may fall on its other side: then it tells nothing.
    """

    def __init__(self, graph: StepGraph, example: Example, number: int) -> None:
        self.sequence = sequence_of(graph.network, example, number)
        self._sides: list[bytes] = []
        self._frozen: list[tuple[Array, Array]] = []
        self._calls: Iterator[tuple[Array, Array]] | None = None
        self.near_jump = False
        sizes = {**graph.network.size_values(**example.sizes), **self.sequence.counts}
        self.arithmetic = Arithmetic(_number, self._apply, sizes, choose, np.max)
        self._equations = OwnEquations(graph.network, self.sequence, partial(evaluate, arithmetic=self.arithmetic))
        self._leaves = {leaf: np.asarray(value, dtype=Extended) for leaf, value in self.sequence.leaves.items()}
        self.value()
        self._calls = iter(())

    def value(self, changes: dict[Expression, Array] | None = None) -> Value:
        """Return L with some parameters replaced; not finite outside a function's domain."""
        self._sides = []
        if self._calls is not None:
            self._calls = iter(self._frozen)
        with np.errstate(all="ignore"):
            return Value(self._equations.loss({**self._leaves, **(changes or {})}), tuple(self._sides))

    def _apply(self, function: str, array: Array) -> Array:
        entry = activations[function]
        for kink in entry.kinks:
            self._sides.append(np.sign(np.asarray(array) - kink).astype(np.int8).tobytes())
        if entry.straight_through and self._calls is not None:
            base, value = next(self._calls)
            return value + (array - base)
        value = elementwise_functions()[function](array)
        if self._calls is None:
            self._note(entry, array, value)
        return value

    def _note(self, entry: Activation, array: Array, value: Array) -> None:
        """Keep what the example itself says of a function: where a jump is near, and what is frozen."""
        if entry.straight_through:
            self._frozen.append((array, value))
        if entry.jump is not None:
            distance = np.abs(entry.jump(array))
            near = (distance > 0) & (distance <= NEAR * np.maximum(np.abs(array), 1))
            self.near_jump |= bool(np.any(near))

    def slope(self, leaf: Expression, direction: Array) -> Slope:
        """Return the derivative of L as a parameter moves in a direction of its own shape."""
        base, way = self._leaves[leaf], np.asarray(direction, dtype=Extended)
        return central_difference(lambda by: self.value({leaf: base + by * way}))


def _number(value: Any) -> Any:
    return Extended(int(value.p)) / Extended(int(value.q)) if hasattr(value, "q") else Extended(value)
