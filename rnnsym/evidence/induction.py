"""The proof by induction decided line by line: exact arithmetic at arbitrary states, at several sizes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any

import numpy as np
from sympy import Integer

from rnnsym.calculus.adjoints import adjoint_recursion
from rnnsym.calculus.notation import Total
from rnnsym.calculus.readings import any_parameter
from rnnsym.calculus.unrolling import StepGraph
from rnnsym.errors import CheckError
from rnnsym.evidence.certainty import draws_of_cases, error_exponent, exponent_of_cases, matrix_factors, number_of_cases
from rnnsym.evidence.opaque import HERE, ClosedForm, OpaqueOutputs, OpaqueStep
from rnnsym.evidence.points import Draw, Point
from rnnsym.evidence.residues import Residue
from rnnsym.evidence.tangents import same
from rnnsym.model.expressions import ZERO, Expression, Parameter, S, T, t
from rnnsym.writing.derivation import Check, Step
from rnnsym.writing.proof import j

LARGEST_STATE = 4  # or beyond half the number of matrix factors: below, some wrong identities of matrices hold
LENGTHS = ((1, 2), (2, 1), (3, 3), (4, 2), (7, 5))  # T and S at which a closed form is compared with its recurrence
LEAST_EXPONENT = 60
SAMPLED = (1, 2)  # sizes n at which whole sequences and closed forms are compared: they say nothing new of a size

WITNESSES: Mapping[str, str] = {
    "start": "exact at the first state, derivatives by dual numbers",
    "step": "exact at an arbitrary state of any one step, derivatives by dual numbers",
    "output": "exact at arbitrary states, derivatives by dual numbers",
    "closed form": "exact in arbitrary matrices, against the recurrence",
}

Pair = tuple[Any, Any]


@dataclass(frozen=True)
class Prover:
    """Decides the lines of a proof about one network."""

    graph: StepGraph
    seed: int
    _known: dict[Any, Any] = field(default_factory=dict, repr=False, compare=False)

    def decides(self, step: Step) -> bool:
        """Whether a line is about one step, one output, the first state, or arbitrary matrices."""
        return step.scope in WITNESSES

    def checked(self, step: Step) -> Step:
        """Return the line with its check, passed or failed."""
        compared = differing = 0
        certainty = []
        for size in (sizes := self.sizes(step)):
            pairs, exponent = self._decided(step, size)
            counts = [same(*pair) for pair in pairs]
            differing, compared = differing + sum(c[0] for c in counts), compared + sum(c[1] for c in counts)
            certainty += [] if exponent is None else [exponent]
        if compared == 0:
            raise CheckError(f"the line {step.rule!r} ({step.before}) of the proof was compared with nothing")
        most = min([error_exponent(self.graph, max(sizes), compared), *certainty])
        if most < LEAST_EXPONENT:
            raise CheckError(
                f"the line {step.rule!r} ({step.before}) of the proof is decided with an error of 2^-{most}, more than "
                f"2^-{LEAST_EXPONENT}: the cell is too deep to be proved by this"
            )
        at = f"n = {', '.join(map(str, sizes))}" + self._lengths_in_words() * (step.scope == "closed form")
        return replace(step, checks=(*step.checks, Check(
            f"{WITNESSES[step.scope]}, {at}", differing == 0, f"{differing} of {compared} entries differ",
            f"0 entries; a wrong line passes with probability below 2^-{most}", self.seed,
        )))

    def sizes(self, step: Step) -> tuple[int, ...]:
        """Return the sizes n at which a line is decided."""
        if step.scope not in ("step", "output"):
            return SAMPLED
        return tuple(range(1, max(LARGEST_STATE, matrix_factors(self.graph) // 2 + 1) + 1))

    def _lengths_in_words(self) -> str:
        return f", T = {', '.join(str(counts[T]) for counts in self._lengths())}"

    def _lengths(self) -> list[dict[Any, Any]]:
        pairs = ((1, 1),) if self.graph.network.shape_of_steps.single_step else LENGTHS
        return [{T: Integer(first), S: Integer(second)} for first, second in pairs]

    def _decided(self, step: Step, size: int) -> tuple[list[Pair], int | None]:
        """Return both sides of all instances, slopes of functions with cases being free residues where that succeeds.

        An identity that needs c² = c of such a slope c is decided by many draws of 0 and 1 instead; then the k of their
        own probability of an error, 2^−k, comes second.
        """
        pairs = list(self._pairs(step, size, self.seed, free=True))
        cases = number_of_cases(self.graph) if step.scope in ("step", "output") else 0
        if not cases or not any(same(*pair)[0] for pair in pairs):
            return pairs, None
        draws = draws_of_cases(cases)
        for number in range(draws):
            pairs = list(self._pairs(step, size, self.seed + number, free=False))
            if any(same(*pair)[0] for pair in pairs):
                break
        return pairs, exponent_of_cases(cases, draws)

    def _pairs(self, step: Step, size: int, seed: int, *, free: bool) -> Iterator[Pair]:
        for before, after in self._instances(step):
            for place in self._places(step, size, seed, free):
                yield from self._sides(step, place, before, after)

    def _instances(self, step: Step) -> list[tuple[Expression, Expression]]:
        """Return the line for each parameter that θ stands for."""
        theta = any_parameter(self.graph)
        if step.scope == "closed form" or theta not in step.after.atoms(Parameter) | step.before.atoms(Parameter):
            return [(step.before, step.after)]
        return [(step.before.xreplace({theta: p}), step.after.xreplace({theta: p}))
                for p in parameters_of_loop(self.graph, step.loop)]

    def _places(self, step: Step, size: int, seed: int, free: bool) -> list[Any]:
        key = (step.scope, step.loop, size, seed, free)
        if not free:
            return self._drawn(step, sizes_of(self.graph, size), seed, free)
        if key not in self._known:
            self._known[key] = self._drawn(step, sizes_of(self.graph, size), seed, free)
        return self._known[key]

    def _drawn(self, step: Step, sizes: dict[str, int], seed: int, free: bool) -> list[Any]:
        match step.scope:
            case "step":
                return [OpaqueStep(self.graph, step.loop, sizes, seed, free=free)]
            case "output":
                return [OpaqueOutputs(self.graph, step.loop, sizes, seed, free=free)]
            case "start":
                return [Point(self.graph, Draw(sizes, 1, seed))]
        return [ClosedForm(self.graph, step.loop, sizes, seed, counts) for counts in self._lengths()]

    def _sides(self, step: Step, place: Any, before: Expression, after: Expression) -> Iterator[Pair]:
        """Both sides at one place, for each j where one is free."""
        here = {**place.counts} if step.span is None else {**place.counts, t: HERE}
        free = step.scope == "closed form" and isinstance(before, Total) and j in before.free_symbols
        steps = self.graph.loops[step.loop].loop.steps
        for number in range(1, int(place.counts[steps]) + 1) if free else (None,):
            index = here if number is None else {**here, j: Integer(number)}
            left = place.value(before.xreplace(index))
            yield left, zeros_like(left) if after == ZERO else place.value(after.xreplace(index))


@lru_cache(maxsize=64)
def parameters_of_loop(graph: StepGraph, place: int) -> tuple[Parameter, ...]:
    """The parameters that enter in the steps of a loop."""
    return tuple(adjoint_recursion(graph, fused=not graph.network.feeds_back).loops[place].step_gradients)


def sizes_of(graph: StepGraph, state: int) -> dict[str, int]:
    """Sizes for n = ``state``, all distinct."""
    known = {"n": state, "d": state + 1, "k": state + 2}
    names = [symbol.name for symbol in graph.network.sizes]
    return {name: known.get(name, state + 3 + place) for place, name in enumerate(names)}


def zeros_like(array: Any) -> Any:
    """Return zeros of the shape of an array of residues."""
    zeros = np.full(np.shape(array), Residue(0), dtype=object)
    return zeros if zeros.shape else zeros[()]
