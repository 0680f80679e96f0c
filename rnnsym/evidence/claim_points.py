"""Random points of a claim modulo a prime: sizes, leaves, special cases, and whether both sides agree there."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from random import Random
from typing import Any

import numpy as np

from rnnsym.calculus.unrolling import StepGraph
from rnnsym.errors import CheckError
from rnnsym.evidence.claim_names import Names
from rnnsym.evidence.claim_terms import Claim
from rnnsym.evidence.claim_values import Numbers, Sequence, Unrolled, instances
from rnnsym.evidence.degrees import exponent, largest_degree
from rnnsym.evidence.points import random_residues
from rnnsym.evidence.residues import PRIME, Atoms, Residue, residue_arithmetic
from rnnsym.evidence.tangents import same, summing_to_one
from rnnsym.model.evaluation import Array
from rnnsym.model.expressions import Parameter, T
from rnnsym.model.losses import losses

Leaves = dict[Any, Array]
Change = Callable[[Leaves], Leaves]


@dataclass(frozen=True)
class Judge:
    """A claim about a network, with the kind of draws that it is judged by.

    ``free``: slopes of two cases are residues, too. ``change`` makes a special case of the leaves, such as a symmetric
    weight matrix.
    """

    claim: Claim
    graph: StepGraph
    names: Names
    seed: int = 0
    free: bool = True
    change: Change = dict
    plans: dict[int, Unrolled] = field(default_factory=dict, repr=False, compare=False)
    places: dict[int, tuple[dict[str, int], ...]] = field(default_factory=dict, repr=False, compare=False)

    def unrolled(self, steps: int) -> Unrolled:
        """Return the network over so many steps, unrolled once."""
        if steps not in self.plans:
            self.plans[steps] = Unrolled(self.graph, steps)
        return self.plans[steps]

    def instances(self, steps: int) -> tuple[dict[str, int], ...]:
        """Return the free indices at which both sides make sense, found once."""
        if steps not in self.places:
            self.places[steps] = tuple(instances(self.claim, self.names, steps))
        return self.places[steps]

    def sequence(self, sizes: Mapping[str, int], steps: int) -> Sequence:
        """Return a random sequence."""
        random = Random(f"{self.seed} {sorted(sizes.items())} {steps}")
        values = self.graph.network.size_values(**sizes) | {T: steps}
        arithmetic = residue_arithmetic(Atoms(random, free=self.free), values)
        drawn = {leaf: random_residues(random, arithmetic, leaf.shape) for leaf in self.unrolled(steps).leaves}
        if losses[self.graph.network.loss].distribution:
            drawn |= {leaf: summing_to_one(value) for leaf, value in drawn.items() if leaf.name == "target"}
        numbers = Numbers(arithmetic, _residue, partial(_opaque_norm, {}, random))
        return Sequence(self.unrolled(steps), self.change(drawn), numbers)

    def failures(self, sizes: Mapping[str, int], steps: int) -> Iterator[dict[str, int]]:
        """Yield the free indices at which the sides differ, those left out at which something is divided by zero."""
        places = self.instances(steps)
        sequence = self.sequence(sizes, steps) if places else None
        compared = 0
        for indices in places:
            assert sequence is not None
            try:
                differing = same(*sequence.sides(self.claim, indices))[0]
            except CheckError:
                continue
            compared += 1
            if differing:
                yield indices
        if places and not compared:
            raise CheckError(f"the claim `{self.claim.text[:60]}` divides by zero at all its steps for T = {steps}")

    def certainty(self, tried: Mapping[int, range]) -> int:
        """Return k so that what was tried misses a difference with a probability below 2^−k.

        All numbers of units and of steps are counted as if they were the largest, which is measured.
        """
        units, steps = max(tried), max(lengths[-1] for lengths in tried.values())
        values = self.graph.network.size_values(**sizes_of(self.graph, units))
        wrong = largest_degree(self.unrolled(steps), values, self._all_sides)
        return exponent(wrong * sum(len(lengths) for lengths in tried.values()))

    def _all_sides(self, sequence: Sequence) -> Iterator[tuple[Array, Array]]:
        for indices in self.instances(sequence.steps):
            yield sequence.sides(self.claim, indices)

    def failure(self, sizes: Mapping[str, int], steps: int) -> dict[str, int] | None:
        """Return the first free indices at which the sides differ, None where there are none."""
        return next(self.failures(sizes, steps), None)


def _residue(value: Any) -> Residue:
    return Residue(int(value) % PRIME)


def _opaque_norm(known: dict[Any, Residue], random: Random, matrix: Array) -> Residue:
    """The 2-norm of a matrix as an opaque function of its entries."""
    key = tuple(entry.value for entry in np.asarray(matrix, dtype=object).reshape(-1))
    if key not in known:
        known[key] = Residue(random.randrange(1, PRIME))
    return known[key]


def sizes_of(graph: StepGraph, units: int) -> dict[str, int]:
    """Return sizes with so many units in a state, all others above one and distinct from it and from each other."""
    others = (number for number in range(2, 100) if number != units)
    return {symbol.name: units if symbol.name == "n" else next(others) for symbol in graph.network.sizes}


def settling_steps(judge: Judge, sizes: Mapping[str, int]) -> int:
    """Return after how many steps the states fill as many dimensions as they will ever fill.

    The states that t steps can lead to are a part of those that t − 1 can lead to. Where both are of one dimension,
    the rank of the states' derivative by all that they start from and read, they are the same up to lower dimensions.
    """
    for steps in range(1, 100):
        sequence, leaves = judge.sequence(sizes, steps), judge.unrolled(steps).leaves
        moving = [leaf for leaf in leaves if leaf.name != "target" and not isinstance(leaf, Parameter)]
        if _state_rank(judge.graph, sequence, moving, steps) == _state_rank(judge.graph, sequence, moving, steps - 1):
            return steps - 1
    raise AssertionError("a rank cannot fall a hundred times")


def _state_rank(graph: StepGraph, sequence: Sequence, moving: list[Any], step: int) -> int:
    """Return the rank of ∂(all states at a step)/∂(all that moves them)."""
    rows = [
        np.concatenate([_flat(sequence.total(state.at(step), leaf), state) for leaf in moving], axis=1)
        for state in graph.states
    ]
    return rank(np.concatenate(rows))


def _flat(value: Array, state: Any) -> Array:
    entries = np.asarray(value, dtype=object).reshape(-1)
    numbers = np.array([entry.value for entry in entries], dtype=object)
    return numbers.reshape(1, -1) if not state.shape else numbers.reshape(np.shape(value)[0], -1)


def rank(matrix: Array) -> int:
    """Return the rank of a matrix of residues."""
    rows = [[int(entry) for entry in row] for row in matrix]
    found = 0
    for column in range(len(rows[0]) if rows else 0):
        pivot = next((place for place in range(found, len(rows)) if rows[place][column]), None)
        if pivot is None:
            continue
        rows[found], rows[pivot] = rows[pivot], rows[found]
        inverse = pow(rows[found][column], -1, PRIME)
        for row in rows[found + 1 :]:
            factor = row[column] * inverse % PRIME
            row[:] = [(a - factor * b) % PRIME for a, b in zip(row, rows[found], strict=True)]
        found += 1
    return found


