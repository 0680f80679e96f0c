"""Central differences in extended precision, extrapolated, with an error estimate that becomes the tolerance.

The loss is evaluated by the interpreter over the network's own equations in ``numpy.longdouble``: no generated code, no
derivative and no let-bound cell takes part. D(h) = (L(w + h) − L(w − h)) / 2h has an error in even powers of h;
Neville's tableau over h, h/2, h/4, … removes them one by one, and neighbouring entries tell the error of the best
(Ridders 1982, Adv. Eng. Softw. 4). All slopes that are asked for at a time are taken together: their perturbations are
stacked, and the loss is evaluated once for LEVELS steps, both signs and all directions.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from rnnsym.model.activations import activations
from rnnsym.model.expressions import Elementwise, Expression, walk

Array = Any
Extended = np.longdouble
SIGNS = np.array([1, -1], dtype=Extended)
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
class Slopes:
    """Derivatives and the bounds of their errors that the tableaus show; NaN and ∞ where one did not settle."""

    values: Array
    errors: Array


@dataclass(frozen=True)
class Losses:
    """Losses, and ``same``: whether no kink lies between them and the loss at the base point."""

    values: Array
    same: Array

    @property
    def comparable(self) -> Array:
        """Where the loss is finite and no kink was crossed."""
        return np.isfinite(self.values) & self.same


def differences_measure(expressions: Iterable[Expression]) -> bool:
    """Whether differences measure the derivative: a function that gradients go straight through has another one."""
    used = (activations[node.function] for one in expressions for node in walk(one) if isinstance(node, Elementwise))
    return not any(entry.straight_through or entry.jump for entry in used)


Moved = Callable[[Array, Array], Losses]


def central_differences(function: Moved, bases: Array) -> Slopes:
    """Return f_i′(0) of functions of one extended number, i = 0 … m − 1, with error estimates, (…, m).

    ``function(i, h)`` returns the losses f_i(h), (…, rows), for arrays of indices and of numbers, (rows,); ``bases``
    are the f_i(0), (…, m). A slope is unsettled at a kink, and where f_i(0) is not finite.
    """
    with np.errstate(all="ignore"):
        ladder = _Ladder(function, np.asarray(bases, dtype=Extended))
        return _extrapolated(ladder, ladder.first_rungs())


class _Ladder:
    """The losses at ± FIRST_STEP / 2^k, k = 0, 1, … the rungs, as far down as each function needs them."""

    def __init__(self, function: Moved, bases: Array) -> None:
        self.function, self.bases = function, bases
        shape = (MOST_HALVINGS + LEVELS, *bases.shape)
        self.right, self.left = np.full(shape, np.nan, dtype=Extended), np.full(shape, np.nan, dtype=Extended)
        self.comparable = np.zeros(shape, dtype=bool)

    def first_rungs(self) -> Array:
        """Where each tableau begins: the first step over which the loss changes moderately.

        Over a steep piece a tableau agrees with itself by accident.
        """
        first = np.zeros(self.bases.shape, dtype=int)
        searching = np.isfinite(self.bases)
        lacking = searching.copy()
        for start in range(0, MOST_HALVINGS + LEVELS, LEVELS):
            if not lacking.any():
                break
            end = min(start + LEVELS, MOST_HALVINGS + LEVELS)
            self._descend(start, end, np.flatnonzero(lacking.reshape(-1, lacking.shape[-1]).any(axis=0)))
            for rung in range(start, min(end, MOST_HALVINGS)):
                searching &= ~self._moderate(rung)
                first[searching] = rung + 1
            lacking &= searching | (first > start)
        return first

    def _descend(self, start: int, end: int, of: Array) -> None:
        """Evaluate some rungs of some functions, both signs, in one stack."""
        steps = np.ldexp(FIRST_STEP, -np.arange(start, end))[:, None, None] * SIGNS[:, None]
        steps = np.broadcast_to(steps, (end - start, len(SIGNS), len(of)))
        found = self.function(np.broadcast_to(of, steps.shape).ravel(), steps.ravel())
        shape = (*self.bases.shape[:-1], *steps.shape)
        values, comparable = (np.moveaxis(np.reshape(one, shape), (-3, -2), (0, 1))
                              for one in (found.values, found.comparable))
        self.right[start:end, ..., of], self.left[start:end, ..., of] = values[:, 0], values[:, 1]
        self.comparable[start:end, ..., of] = comparable.all(axis=1)

    def _moderate(self, rung: int) -> Array:
        allowed = MODERATE * np.maximum(np.abs(self.bases), 1)
        right, left = np.abs(self.right[rung] - self.bases), np.abs(self.left[rung] - self.bases)
        return (right <= allowed) & (left <= allowed)

    def at(self, rung: Array) -> tuple[Array, Array, Array, Array]:
        """At a rung for each function: the losses to its right and left, whether they are comparable, and the step."""
        own = (np.take_along_axis(one, rung[None], axis=0)[0] for one in (self.right, self.left, self.comparable))
        return (*own, np.ldexp(FIRST_STEP, -rung))


def _extrapolated(ladder: _Ladder, first: Array) -> Slopes:
    """Neville's tableaus side by side; one begins anew behind a rung that is not comparable."""
    nothing = Slopes(np.full(first.shape, np.nan), np.full(first.shape, np.inf))
    best, levels, previous = nothing, np.zeros(first.shape, dtype=int), list[Array]()
    for level in range(LEVELS):
        right, left, good, step = ladder.at(first + level)
        row = _next_row(previous, np.where(good, (right - left) / (2 * step), np.nan))
        size = np.maximum(np.maximum(np.abs(right), np.abs(left)), 1)
        noise = ROUNDING_OPERATIONS * PRECISION * size.astype(np.float64) / step.astype(np.float64)
        best = _better(_chosen(good, best, nothing), row, previous, noise)
        levels, previous = np.where(good, levels + 1, 0), row
    return _chosen(levels >= FEWEST_LEVELS, best, nothing)


def _next_row(previous: list[Array], difference: Array) -> list[Array]:
    """The next row of the tableaus; each order removes the next even power of the step. What is NaN was left behind."""
    row = [difference]
    for order, coarse in enumerate(previous, start=1):
        factor = Extended(4**order)
        row.append((factor * row[order - 1] - coarse) / (factor - 1))
    return row


def _better(best: Slopes, row: list[Array], previous: list[Array], noise: Array) -> Slopes:
    """Each slope as the entry of its row that differs least from its two neighbours, where that is better still."""
    for order, coarse in enumerate(previous, start=1):
        spread = np.maximum(np.abs(row[order] - row[order - 1]), np.abs(row[order] - coarse))
        found = Slopes(row[order].astype(np.float64), SAFETY * spread.astype(np.float64) + noise)
        best = _chosen(found.errors < best.errors, found, best)
    return best


def _chosen(condition: Array, one: Slopes, other: Slopes) -> Slopes:
    return Slopes(np.where(condition, one.values, other.values), np.where(condition, one.errors, other.errors))
