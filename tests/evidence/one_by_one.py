"""Central differences as one writes them down: one sequence, one direction, one perturbation at a time.

What ``rnnsym.evidence`` computes in stacks must be this, to the last bit of extended precision.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from rnnsym.calculus.unrolling import StepGraph
from rnnsym.evidence.differences import (
    FEWEST_LEVELS,
    FIRST_STEP,
    LEVELS,
    MODERATE,
    MOST_HALVINGS,
    PRECISION,
    ROUNDING_OPERATIONS,
    SAFETY,
    Extended,
)
from rnnsym.evidence.examples import Example
from rnnsym.evidence.references import extended
from rnnsym.evidence.sequences import OwnEquations, sequence_of
from rnnsym.model.activations import activations
from rnnsym.model.evaluation import Arithmetic, choose, evaluate
from rnnsym.model.expressions import Expression
from rnnsym.numerics.functions import elementwise_functions


@dataclass(frozen=True)
class Value:
    loss: Any
    sides: tuple[bytes, ...]

    def comparable(self, other: Value) -> bool:
        return bool(np.isfinite(self.loss)) and self.sides == other.sides


class Loss:
    """L of one sequence; the sides of kinks are kept as bytes, straight-through functions frozen at the example."""

    def __init__(self, graph: StepGraph, example: Example, number: int) -> None:
        sequence = sequence_of(graph.network, example, number)
        sizes = {**graph.network.size_values(**example.sizes), **sequence.counts}
        arithmetic = Arithmetic(extended, self._apply, sizes, choose, np.max)
        self.own = OwnEquations(graph.network, sequence, partial(evaluate, arithmetic=arithmetic))
        self.leaves = {leaf: np.asarray(value, dtype=Extended) for leaf, value in sequence.leaves.items()}
        self.frozen: list[tuple[Any, Any]] = []
        self.again: Iterator[tuple[Any, Any]] | None = None
        self.base = self.value({}, 0)
        self.again = iter(())

    def value(self, way: Mapping[Expression, Any], by: Any) -> Value:
        self.sides: list[bytes] = []
        if self.again is not None:
            self.again = iter(self.frozen)
        changes = {leaf: self.leaves[leaf] + by * np.asarray(own, dtype=Extended) for leaf, own in way.items()}
        with np.errstate(all="ignore"):
            return Value(self.own.loss({**self.leaves, **changes}), tuple(self.sides))

    def _apply(self, function: str, array: Any) -> Any:
        entry = activations[function]
        self.sides += [np.sign(np.asarray(array) - kink).astype(np.int8).tobytes() for kink in entry.kinks]
        if entry.straight_through and self.again is not None:
            base, value = next(self.again)
            return value + (array - base)
        value = elementwise_functions()[function](array)
        if entry.straight_through:
            self.frozen.append((array, value))
        return value


def slope(loss: Loss, way: Mapping[Expression, Any]) -> tuple[float, float]:
    """Return the derivative of L along a way and its error; NaN and ∞ where it does not settle."""
    base, best, levels, previous = loss.base, (np.nan, np.inf), 0, list[Any]()
    if not np.isfinite(base.loss):
        return best
    step = first_step(loss, way)
    for _ in range(LEVELS):
        right, left = loss.value(way, step), loss.value(way, -step)
        if not (right.comparable(base) and left.comparable(base)):
            previous, best, levels, step = [], (np.nan, np.inf), 0, step / 2
            continue
        row = [(right.loss - left.loss) / (2 * step)]
        for order, coarse in enumerate(previous, start=1):
            row.append((Extended(4**order) * row[-1] - coarse) / (Extended(4**order) - 1))
        size = float(max(abs(right.loss), abs(left.loss), Extended(1)))
        noise = ROUNDING_OPERATIONS * PRECISION * size / float(step)
        for order, coarse in enumerate(previous, start=1):
            error = SAFETY * float(max(abs(row[order] - row[order - 1]), abs(row[order] - coarse))) + noise
            best = (float(row[order]), error) if error < best[1] else best
        previous, step, levels = row, step / 2, levels + 1
    return best if levels >= FEWEST_LEVELS else (np.nan, np.inf)


def first_step(loss: Loss, way: Mapping[Expression, Any]) -> Any:
    step, base = FIRST_STEP, loss.base.loss
    for _ in range(MOST_HALVINGS):
        if all(abs(loss.value(way, by).loss - base) <= MODERATE * max(abs(base), Extended(1)) for by in (step, -step)):
            break
        step = step / 2
    return step
