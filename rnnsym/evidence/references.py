"""L in extended precision by the network's own equations: the loss that others are compared with, and its slopes.

Sequences of as many steps are evaluated together, with all their perturbations, in one stack.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np

from rnnsym.calculus.unrolling import StepGraph
from rnnsym.evidence.differences import Extended, Losses, Slopes, central_differences
from rnnsym.evidence.examples import Example
from rnnsym.evidence.sequences import OwnEquations, alike, stacked_sequences
from rnnsym.model.activations import Activation, activations
from rnnsym.model.evaluation import Arithmetic, Array, choose
from rnnsym.model.expressions import Expression
from rnnsym.model.stacking import evaluate_stacked, flattened, largest_entry
from rnnsym.numerics.functions import elementwise_functions

NEAR = 1e-9  # of a jump, beside 1 or the argument: far above what float64 loses on the way there, and seldom met
Direction = Mapping[Expression, Array]
LEADING = 2  # axes of a stack: sequences, perturbations


class ReferenceLoss:
    """L of each of some sequences, alike in their numbers of steps, as functions of the parameters.

    ``losses`` are those of the example itself, (sequences,). A straight-through function is judged as its surrogate:
    f(u) = u + c, with c frozen at the example. ``near_jump`` says that the example lies so close to a jump that float64
    may fall on its other side: then it tells nothing.
    """

    def __init__(self, graph: StepGraph, example: Example, numbers: tuple[int, ...]) -> None:
        sequence = stacked_sequences(graph.network, example, numbers)
        sizes = {**graph.network.size_values(**example.sizes), **sequence.counts}
        arithmetic = Arithmetic(extended, self._apply, sizes, choose, largest_entry)
        self._equations = OwnEquations(graph.network, sequence, partial(evaluate_stacked, arithmetic=arithmetic))
        self._leaves = {leaf: np.asarray(value, dtype=Extended) for leaf, value in sequence.leaves.items()}
        self._kinks: list[Array] = []  # the sides of all kinks at the example, in the order of evaluation
        self._frozen: list[tuple[Array, Array]] = []
        self._again: tuple[Iterator[Array], Iterator[tuple[Array, Array]]] | None = None
        self._same: Array = True
        self.near_jump = False
        with np.errstate(all="ignore"):
            losses = np.asarray(self._equations.loss(self._leaves), dtype=Extended)
        self.losses: Array = np.broadcast_to(losses, (len(numbers), 1))[:, 0]

    def slopes(self, directions: Sequence[Direction]) -> Slopes:
        """Return the derivatives of L as parameters move in directions of their own shapes, (sequences, directions)."""
        bases = np.broadcast_to(self.losses[:, None], (len(self.losses), len(directions)))
        ways = _ways(directions)
        return central_differences(lambda of, by: self._moved({leaf: (moved[of], way[of]) for leaf, (moved, way)
                                                               in ways.items()}, by), bases)

    def _moved(self, ways: Mapping[Expression, tuple[Array, Array]], by: Array) -> Losses:
        """Return the losses with the parameters moved; not finite outside a function's domain."""
        changed = {}
        for leaf, (moved, way) in ways.items():
            value = np.repeat(self._leaves[leaf], len(by), axis=1)
            value[:, moved] += by[moved].reshape(-1, *(1,) * (way.ndim - 1)) * way[moved]
            changed[leaf] = value
        shape = (len(self.losses), len(by))
        self._same, self._again = np.ones(shape, dtype=bool), (iter(self._kinks), iter(self._frozen))
        with np.errstate(all="ignore"):
            losses = self._equations.loss({**self._leaves, **changed})
        return Losses(np.broadcast_to(losses, shape), self._same)

    def _apply(self, function: str, array: Array) -> Array:
        entry = activations[function]
        for kink in entry.kinks:
            self._see(np.sign(np.asarray(array) - kink).astype(np.int8))
        if entry.straight_through and self._again is not None:
            base, value = next(self._again[1])
            return value + (array - base)
        value = elementwise_functions()[function](array)
        if self._again is None:
            self._note(entry, array, value)
        return value

    def _see(self, sides: Array) -> None:
        """Keep on which sides of a kink the example lies, or compare; what never changes has no leading axes."""
        if self._again is None:
            self._kinks.append(sides)
            return
        same = sides == next(self._again[0])
        if not np.all(same):
            self._same = self._same & flattened(same, same.ndim - LEADING).all(axis=-1)

    def _note(self, entry: Activation, array: Array, value: Array) -> None:
        """Keep what the example itself says of a function: where a jump is near, and what is frozen."""
        if entry.straight_through:
            self._frozen.append((array, value))
        if entry.jump is not None:
            distance = np.abs(entry.jump(array))
            near = (distance > 0) & (distance <= NEAR * np.maximum(np.abs(array), 1))
            self.near_jump |= bool(np.any(near))


def reference_losses(graph: StepGraph, example: Example) -> list[ReferenceLoss]:
    """Return L of all sequences of an example, those of as many steps together."""
    return [ReferenceLoss(graph, example, numbers) for numbers in alike(graph.network, example)]


def extended(value: Any) -> Any:
    """Return an exact number in extended precision."""
    return Extended(int(value.p)) / Extended(int(value.q)) if hasattr(value, "q") else Extended(value)


def _ways(directions: Sequence[Direction]) -> dict[Expression, tuple[Array, Array]]:
    """Return {leaf: (which directions move it, the ways of all)}."""
    found = {}
    for leaf in {leaf: None for direction in directions for leaf in direction}:
        moved = np.array([leaf in direction for direction in directions])
        own = np.shape(next(direction[leaf] for direction in directions if leaf in direction))
        ways = [np.asarray(direction.get(leaf, np.zeros(own)), dtype=Extended) for direction in directions]
        found[leaf] = moved, np.stack(ways)
    return found
