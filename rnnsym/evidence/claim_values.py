"""The two sides of a claim as numbers: values of terms over one unrolled sequence, of residues or of balls."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
from sympy import Integer

from rnnsym.calculus.binding import names_in
from rnnsym.calculus.lengths import step_counts
from rnnsym.calculus.notation import Immediate, Total
from rnnsym.calculus.unrolling import StepGraph, unroll
from rnnsym.evidence.claim_names import Names
from rnnsym.evidence.claim_terms import (
    LAST,
    Claim,
    Contraction,
    Count,
    Derivative,
    Formula,
    Norm,
    Repeated,
    StepSum,
    Term,
    Value,
    part,
    quantities,
    steps_in,
    uses,
)
from rnnsym.evidence.quantities import Quantities
from rnnsym.evidence.tangents import contract, reshaped, tangents_of, with_tangents
from rnnsym.model.evaluation import Arithmetic, Array, evaluate

Indices = Mapping[str, int]


@dataclass(frozen=True)
class Numbers:
    """One kind of numbers: its arithmetic, ``number(value)`` without a tangent, and the 2-norm of a matrix."""

    arithmetic: Arithmetic
    number: Callable[[Any], Any]
    matrix_norm: Callable[[Array], Any]


class Unrolled:
    """A network over so many steps: its assignments, the leaves that they are made of, and where each belongs.

    The leaves are parameters, states before the first step, inputs and targets. All outputs belong together, so that
    the immediate derivative of L holds the states fixed, and nothing else.
    """

    def __init__(self, graph: StepGraph, steps: int) -> None:
        self.graph, self.steps = graph, steps
        self.assignments = unroll(graph, steps)
        self._loops = {a.target.name: number for number, loop in enumerate(graph.loops) for a in loop.cell}
        self.leaves = self._found_leaves()

    def _found_leaves(self) -> tuple[Any, ...]:
        graph, steps = self.graph, self.steps
        network, every = graph.network, range(1, steps + 1)
        given = [network.input] if network.input.step is None else [network.input.at(step) for step in every]
        targets = [graph.target.at(step) for step in every] if graph.every else [graph.target]
        starts = [state.at(loop.start(Integer(steps))) for loop in graph.loops for state in loop.states]
        used = (name for a in self.assignments for name in names_in(a.value))
        assigned = {a.target for a in self.assignments}
        named = dict.fromkeys((*network.parameters, *starts, *given, *targets, *used))
        return tuple(name for name in named if name not in assigned)

    def group(self, name: Any) -> Any:
        """Tell to which step of which loop a quantity belongs."""
        return (self._loops[name.name], name.step) if name.name in self._loops else "outputs"


class Sequence:
    """All quantities of one sequence, each derivative found once: tangents run from a name to all that it moves."""

    def __init__(self, unrolled: Unrolled, leaves: Mapping[Any, Array], numbers: Numbers) -> None:
        graph, self.steps, self.numbers = unrolled.graph, unrolled.steps, numbers
        self._quantities = Quantities(
            unrolled.assignments, leaves, numbers.arithmetic, loss=graph.loss.target, states=graph.states,
            group=unrolled.group, number=numbers.number, draw=_unknown, counts=step_counts(graph, self.steps),
        )
        self._swept: dict[Any, dict[Any, Array]] = {}
        self._local: dict[Any, Array] = {}
        self._known: dict[Any, Array] = {}
        self._prefixes: dict[Any, list[Array]] = {}
        self._used: dict[int, tuple[Term, tuple[str, ...]]] = {}

    def sides(self, claim: Claim, indices: Indices) -> tuple[Array, Array]:
        """Return both sides of a claim for given free indices."""
        here = {**indices, LAST: self.steps}
        return self.value(claim.left, here), self.value(claim.right, here)

    def value(self, term: Term, indices: Indices) -> Array:
        """Return the value of a term, kept by the indices that it uses."""
        key = self._key(term, indices)
        if key not in self._known:
            self._known[key] = self._evaluated(term, indices)
        return self._known[key]

    def _key(self, term: Term, indices: Indices, *, without: str | None = None) -> tuple[Any, ...]:
        """Tell a term's values apart by the term itself and by the indices that it uses; hashing a tree would be slow.

        The term is kept, so that no other takes its identity.
        """
        if id(term) not in self._used:
            self._used[id(term)] = (term, _free_names(term))
        return (id(term), *((name, indices[name]) for name in self._used[id(term)][1] if name != without))

    def _evaluated(self, term: Term, indices: Indices) -> Array:
        match term:
            case Value():
                return self._quantities.value(term.quantity.at(indices))
            case Count():
                return self.numbers.arithmetic.number(term.step.at(indices))
            case Derivative():
                find = self.immediate if term.immediate else self.total
                return find(term.of.at(indices), term.by.at(indices))
            case Contraction():
                return contract(self.value(term.left, indices), self.value(term.right, indices))
            case Norm():
                return self._norm(self.value(term.operand, indices))
            case Repeated():
                return self._repeated(term, indices)
            case Formula():
                values = {part(place, one.shape): self.value(one, indices) for place, one in enumerate(term.parts)}
                return evaluate(term.expression, values.__getitem__, self.numbers.arithmetic)
        raise TypeError(f"no value for {type(term).__name__}")

    def _repeated(self, term: Repeated, indices: Indices) -> Array:
        """Join the values in order; sums and products that begin alike share their beginnings."""
        steps = term.span.steps(indices)
        assert steps is not None  # such indices are left out before
        if not steps:
            return self._empty(term)
        begun = ("begun", steps[0], *self._key(term.term, indices, without=term.span.index))
        joined = self._prefixes.setdefault((type(term), begun), [])
        for step in steps[len(joined) :]:
            value = self.value(term.term, {**indices, term.span.index: step})
            joined.append(value if not joined else self._joined(term, joined[-1], value))
        return joined[len(steps) - 1]

    def _joined(self, term: Repeated, before: Array, value: Array) -> Array:
        return before + value if isinstance(term, StepSum) else contract(before, value)

    def _empty(self, term: Repeated) -> Array:
        """An empty sum is the zero of its term's shape, an empty product the identity."""
        number, lengths = self.numbers.arithmetic.number, [self.numbers.arithmetic.length(one) for one in term.shape]
        value = np.full(tuple(lengths), number(0), dtype=object)
        if not isinstance(term, StepSum):
            value[np.diag_indices(lengths[0]) if lengths else ()] = number(1)
        return value if lengths else value[()]

    def _norm(self, value: Array) -> Any:
        if np.ndim(value) == 2:
            return self.numbers.matrix_norm(value)
        return self.numbers.arithmetic.apply("sqrt", (value * value).sum())

    def total(self, of: Any, by: Any) -> Array:
        """Return the derivative over the whole graph, J[i, j] = ∂of_i/∂by_j."""
        if by not in self._swept:
            targets = tuple(a.target for a in self._quantities.assignments)
            seeds = {by: with_tangents(self._quantities.value(by), 0, self._size(by))}
            self._swept[by] = self._quantities.propagate(seeds, targets, Total) | seeds
        key = (of, by)
        if key not in self._local:
            self._local[key] = self._read(self._swept[by].get(of, self._quantities.value(of)), of, by)
        return self._local[key]

    def immediate(self, of: Any, by: Any) -> Array:
        """Return the derivative within a step, other states and earlier steps held fixed."""
        key = (of, by, "immediate")
        if key not in self._local:
            seeds = {by: with_tangents(self._quantities.value(by), 0, self._size(by))}
            reached = self._quantities.propagate(seeds, (of,), Immediate)
            self._local[key] = self._read(seeds.get(of, reached[of]), of, by)
        return self._local[key]

    def _size(self, name: Any) -> int:
        return int(np.size(self._quantities.value(name)))

    def _read(self, value: Array, of: Any, by: Any) -> Array:
        shape = np.shape(self._quantities.value(of)) + np.shape(self._quantities.value(by))
        return reshaped(tangents_of(value, self._size(by)), shape, self.numbers.number)


def _unknown(shape: Any) -> Array:
    raise KeyError(f"a name of the shape {shape} is neither assigned nor drawn")


def _free_names(term: Term) -> tuple[str, ...]:
    """Return the indices that a term's value rests on, T included."""
    found: dict[str, None] = {}
    own = {name for step in steps_in(term) for name in step.names}
    for name in own:
        found[name] = None
    for operand in term.operands:
        bound = term.span.index if isinstance(term, Repeated) else None
        for name in _free_names(operand):
            if name != bound:
                found[name] = None
    return tuple(sorted(found))


def instances(claim: Claim, names: Names, steps: int) -> Iterator[dict[str, int]]:
    """Yield the free indices at which both sides make sense for a sequence of so many steps."""
    reach = max((abs(step.offset) for term in claim.walk() for step in steps_in(term)), default=0)
    for chosen in product(range(-reach, steps + reach + 1), repeat=len(claim.free)):
        indices = {**dict(zip(claim.free, chosen, strict=True)), LAST: steps}
        if all(makes_sense(side, names, indices) for side in claim.sides):
            yield {name: indices[name] for name in claim.free}


def makes_sense(term: Term, names: Names, indices: Indices) -> bool:
    """Whether all quantities of a term exist, those of sums and products at each of their steps."""
    if not all(names.exists(quantity, indices) for quantity in quantities(term)):
        return False
    if isinstance(term, Derivative) and term.immediate and not names.computed(term.of, indices):
        return False
    if not isinstance(term, Repeated):
        return all(makes_sense(operand, names, indices) for operand in term.operands)
    steps = term.span.steps(indices)
    if steps is None:
        return False
    if not uses(term.term, term.span.index):
        return makes_sense(term.term, names, indices)
    return all(0 <= step <= indices[LAST] and makes_sense(term.term, names, {**indices, term.span.index: step})
               for step in steps)

