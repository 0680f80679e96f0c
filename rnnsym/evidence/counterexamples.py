"""Counterexamples: small round numbers at which ball arithmetic keeps the two sides of a claim apart."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from random import Random
from typing import Any

import numpy as np
from flint import arb, ctx, fmpq
from sympy import Rational

from rnnsym.calculus.unrolling import BACK
from rnnsym.errors import CheckError
from rnnsym.evidence.balls import BITS, Ball, ball_numbers
from rnnsym.evidence.claim_points import Judge
from rnnsym.evidence.claim_values import Sequence
from rnnsym.model.evaluation import Array
from rnnsym.model.expressions import Parameter, T
from rnnsym.model.losses import losses

ROUND = tuple(Rational(text) for text in ("0", "1", "-1", "1/2", "-1/2", "2", "-2", "3/2", "1/4", "-3/2", "3", "-1/4"))
CLEAR = arb("0.001")  # a gap that is seen in any arithmetic, if the sides are of the order of one
WITHIN = Rational(1, 2)  # of targets and outputs between 0 and 1

Leaves = dict[Any, Array]


@dataclass(frozen=True)
class Counterexample:
    """Numbers at which a claim fails: ``left`` and ``right`` are its two sides, apart in the entry ``entry``.

    ``parameters``, ``inputs`` (T, d), ``target`` and ``initial_state`` are arrays as ``rnnsym.compile`` takes them (of
    one sequence); ``indices`` are the values of the claim's free indices. ``gap`` is a proved lower bound.
    """

    sizes: Mapping[str, int]
    steps: int
    indices: Mapping[str, int]
    parameters: Mapping[str, Array]
    inputs: Array
    target: Array
    initial_state: Mapping[str, Array]
    left: Array
    right: Array
    entry: tuple[int, ...]
    gap: float

    def lines(self) -> list[str]:
        """Return the numbers as lines of Python, and what the two sides are there."""
        where = ", ".join(f"{name} = {value}" for name, value in (*self.sizes.items(), ("T", self.steps),
                                                                 *self.indices.items()))
        return [
            f"# at {where}", "parameters = {",
            *(f"    {name!r}: {_written(value)}," for name, value in self.parameters.items()), "}",
            f"inputs = {_written(self.inputs)}",
            "initial_state = {" + ", ".join(f"{k!r}: {_written(v)}" for k, v in self.initial_state.items()) + "}",
            f"target = {_written(self.target)}",
            f"# left:  {_written(self.left)}", f"# right: {_written(self.right)}",
            f"# apart by at least {self.gap:.3g}" + (f" in the entry {list(self.entry)}" if self.entry else ""),
        ]


@dataclass(frozen=True)
class Site:
    """Where a counterexample is sought: sizes, number of steps, and free indices."""

    judge: Judge
    sizes: Mapping[str, int]
    steps: int
    indices: Mapping[str, int]

    def sides(self, leaves: Leaves) -> tuple[Array, Array]:
        """Return both sides as balls."""
        values = self.judge.graph.network.size_values(**self.sizes) | {T: self.steps}
        given = {name: _balls(array) for name, array in leaves.items()}
        sequence = Sequence(self.judge.unrolled(self.steps), given, ball_numbers(values))
        left, right = sequence.sides(self.judge.claim, self.indices)
        return np.asarray(left, dtype=object), np.asarray(right, dtype=object)

    def gap(self, leaves: Leaves) -> tuple[Any, tuple[int, ...]]:
        """Return the largest proved distance between the sides, relative to their size, and in which entry it is.

        0 where nothing is proved. Of a bound, only a left side that is too large counts.
        """
        left, right = self.sides(leaves)
        best: tuple[Any, tuple[int, ...]] = (arb(0), ())
        for place in np.ndindex(left.shape):
            a, b = left[place].value, right[place].value
            apart = a - b if self.judge.claim.relation == "<=" else abs(a - b)
            found = (apart / (1 + abs(a) + abs(b))).lower() if apart.is_finite() else arb(0)
            best = max(best, (found, place), key=lambda one: one[0])
        return best

    def draws(self, seed: int, count: int) -> Iterator[Leaves]:
        """Yield leaves of round numbers."""
        for number in range(count):
            random = Random(f"{seed} {number} {sorted(self.sizes.items())} {self.steps}")
            yield {leaf: self._drawn(leaf, random, large=number % 3 == 2)
                   for leaf in self.judge.unrolled(self.steps).leaves}

    def _drawn(self, leaf: Any, random: Random, *, large: bool) -> Array:
        values = self.judge.graph.network.size_values(**self.sizes)
        array = np.empty(tuple(int(length.subs(values)) for length in leaf.shape), dtype=object)
        pool = self.pool(leaf) or ROUND[1:]
        for place in np.ndindex(array.shape):
            array[place] = random.choice(pool) * (2 if large and isinstance(leaf, Parameter) else 1)
        return one_hot(array, random.randrange(array.size)) if self._is_distribution(leaf) else array

    def pool(self, leaf: Any) -> tuple[Any, ...]:
        """Return the numbers that an entry of a target may take, () where all are allowed."""
        loss = losses[self.judge.graph.network.loss]
        return (Rational(1), Rational(0), WITHIN) if leaf.name == "target" and loss.upper == 1 else ()

    def _is_distribution(self, leaf: Any) -> bool:
        return bool(leaf.name == "target" and losses[self.judge.graph.network.loss].distribution)

    def shrunk(self, leaves: Leaves) -> Leaves:
        """Return leaves with entries as round as can be at which the sides stay clearly apart."""
        least = min(self.gap(leaves)[0], CLEAR)
        found = dict(leaves)
        for leaf in [name for name in found if not self._is_distribution(name)]:
            for value in (self.pool(leaf) or ROUND)[:2]:
                whole = np.full(found[leaf].shape, value, dtype=object)
                if self._stays(found | {leaf: whole}, least):
                    found[leaf] = whole
                    break
            else:
                found[leaf] = self._rounded(found, leaf, least)
        return found

    def _rounded(self, found: Leaves, leaf: Any, least: Any) -> Array:
        array = found[leaf].copy()
        for place in np.ndindex(array.shape):
            for value in self.pool(leaf) or ROUND:
                if value == array[place]:
                    break
                changed = array.copy()
                changed[place] = value
                if self._stays(found | {leaf: changed}, least):
                    array = changed
                    break
        return array

    def _stays(self, leaves: Leaves, least: Any) -> bool:
        return bool(self.gap(leaves)[0] >= least)

    def counterexample(self, leaves: Leaves) -> Counterexample:
        """Return the numbers, and both sides rounded to doubles."""
        relative, entry = self.gap(leaves)
        if not relative > 0:
            raise CheckError("a counterexample is none: its sides are not proved to differ")
        left, right = self.sides(leaves)
        apart = abs(left[entry].value - right[entry].value).lower()
        doubles = {leaf: np.array(array, dtype=float) for leaf, array in leaves.items()}
        network, graph = self.judge.graph.network, self.judge.graph
        steps = range(1, self.steps + 1)
        inputs = [doubles[network.input.at(step)] for step in steps] if network.input.step is not None else None
        return Counterexample(
            dict(self.sizes), self.steps, dict(self.indices),
            {p.name: doubles[p] for p in network.parameters},
            np.array(inputs) if inputs is not None else doubles[network.input],
            np.array([doubles[graph.target.at(step)] for step in steps]) if graph.every else doubles[graph.target],
            dict(self._starts(doubles)), _rounded_to_doubles(left), _rounded_to_doubles(right), entry, float(apart),
        )

    def _starts(self, doubles: Mapping[Any, Array]) -> Iterator[tuple[str, Array]]:
        """Yield each free state's start; of one that reaches back several steps, the oldest first."""
        for loop in self.judge.graph.loops:
            start = loop.start(self.steps)
            rows: dict[str, list[Array]] = {}
            for state in loop.states:
                if state.at(start) in doubles:
                    rows.setdefault(state.name.partition(BACK)[0], []).insert(0, doubles[state.at(start)])
            yield from ((name, np.array(found) if len(found) > 1 else found[0]) for name, found in rows.items())


def small_sizes(judge: Judge, units: int) -> dict[str, int]:
    """Return the smallest sizes with so many units; an output that sums to 1 has two entries."""
    network = judge.graph.network
    outputs = set(network.output.shape) if losses[network.loss].distribution else set()
    return {one.name: units if one.name == "n" else 2 if one in outputs else 1 for one in network.sizes}


def counterexample_at(site: Site, seed: int, count: int) -> Counterexample | None:
    """Return the roundest counterexample that is found from so many draws, None where no draw gives one."""
    with ctx.workprec(BITS):
        for leaves in site.draws(seed, count):
            if site.gap(leaves)[0] > 0:
                return site.counterexample(site.shrunk(leaves))
    return None


def largest_difference(site: Site, seed: int, count: int) -> float:
    """Return an upper bound of the difference of the sides at so many draws; infinite where one has no value."""
    with ctx.workprec(BITS):
        found = [0.0]
        for leaves in site.draws(seed, count):
            left, right = site.sides(leaves)
            apart = [abs(a.value - b.value) for a, b in zip(left.reshape(-1), right.reshape(-1), strict=True)]
            found += [float(one.upper()) if one.is_finite() else float("inf") for one in apart]
        return max(found)


def one_hot(array: Array, place: int) -> Array:
    """Return a vector with a single 1."""
    found = np.full(array.shape, Rational(0), dtype=object)
    found[place] = Rational(1)
    return found


def _balls(array: Array) -> Array:
    found = np.empty(array.shape, dtype=object)
    for place in np.ndindex(array.shape):
        found[place] = Ball(arb(fmpq(int(array[place].p), int(array[place].q))))
    return found if found.shape else found[()]


def _rounded_to_doubles(array: Array) -> Array:
    found = np.empty(array.shape)
    for place in np.ndindex(array.shape):
        found[place] = 0.0 if array[place].value.contains(0) else float(array[place].value.mid())
    return found


def _written(value: Any) -> str:
    return repr(np.asarray(value).tolist())
