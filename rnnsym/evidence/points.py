"""A network at one random point modulo a prime: all values, derivatives by tangents, the meaning of notation.

Derivatives come forward, by dual numbers over the network's own equations: neither the pullbacks nor the Jacobians
nor the recursion that they judge take part.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from random import Random
from typing import Any

import numpy as np
from sympy import Integer

from rnnsym.calculus import notation as no
from rnnsym.calculus.paths import head, state_at, step_jacobian
from rnnsym.calculus.unrolling import Assignment, StepGraph, names_in, unroll
from rnnsym.errors import CheckError
from rnnsym.evidence.residues import Atoms, Residue, random_array, residue_arithmetic, with_tangents
from rnnsym.model.evaluation import Array, evaluate
from rnnsym.model.expressions import Expression, Parameter, T, Variable, at_step, t

LONGEST_DIRECT = 12  # beyond this many steps, tangents from each step to the loss would cost T² step evaluations


@dataclass(frozen=True)
class Draw:
    """What a random point is drawn from: sizes by name, the number of steps, a seed."""

    sizes: dict[str, int]
    steps: int
    seed: int


class Point:
    """The values of all quantities of an unrolled network at random parameters, inputs, target and initial state."""

    def __init__(self, graph: StepGraph, draw: Draw) -> None:
        self.graph, self.steps = graph, draw.steps
        self._random = Random(draw.seed)
        self._sizes = graph.network.size_values(**draw.sizes)
        self.atoms = Atoms(self._random)
        self.arithmetic = residue_arithmetic(self.atoms, self._sizes)
        self._values: dict[Expression, Array] = {}
        self._derivatives: dict[tuple[Any, ...], Array] = {}
        self._rows: dict[tuple[int, Expression], tuple[int, Array]] = {}
        self._products: dict[tuple[int, Expression, int], list[tuple[int, Any]]] = {}
        self._factors: dict[tuple[Expression, int], Expression] = {}
        self.assignments = unroll(graph, draw.steps)
        self._uses = {a.target: frozenset(names_in(a.value)) for a in self.assignments}
        self._places = {a.target: place for place, a in enumerate(self.assignments)}
        self._users: dict[Expression, list[Assignment]] = defaultdict(list)
        for assignment in self.assignments:
            for name in self._uses[assignment.target]:
                self._users[name].append(assignment)
        self._draw_leaves()
        self._run_own_equations()

    def _draw_leaves(self) -> None:
        network = self.graph.network
        leaves: list[Any] = [*network.parameters, network.target.at(None)]
        leaves += [network.input.at(Integer(step)) for step in range(1, self.steps + 1)]
        leaves += [state.at(Integer(0)) for state in self.graph.states]
        for leaf in leaves:
            self._values[leaf] = self.random(leaf.shape)

    def users(self, name: Variable) -> list[Assignment]:
        """Return the assignments that use ``name``."""
        return self._users[name]

    def random(self, shape: Any) -> Array:
        """Return random residues of a symbolic shape."""
        array = random_array(self._random, tuple(self.arithmetic.length(length) for length in shape))
        return array if array.shape else array[()]

    def _run_own_equations(self) -> None:
        """Run the user's equations as they stand, then let-bound: what both assign must be the same."""
        network = self.graph.network
        for step in range(1, self.steps + 1):
            for equation in network.equations:
                self._values[equation.target.at(step)] = self.value(at_step(equation.expression, step))
        for assignment in self.assignments:
            self._values.setdefault(assignment.target, self.value(assignment.value))

    def value(self, expression: Expression) -> Array:
        """Return the value of any expression or notation at this point."""
        return evaluate(expression, self._look_up, self.arithmetic)

    def _look_up(self, node: Expression) -> Array:
        match node:
            case no.Total():
                return self.derivative(node.of, node.by, type(node))
            case no.Adjoint():
                return self.derivative(self.graph.loss.target, node.variable)
            case no.Chain():
                return self._chain(node.args)
            case no.DescendingProduct():
                return self._chain((node,), node)
            case no.SumOverSteps():
                return self._sum(node)
            case no.Stack():
                return np.concatenate([np.atleast_1d(self.value(part)) for part in node.args])
            case no.Labelled():
                return self.value(node.expression)
        if node not in self._values:
            self._values[node] = self.random(node.shape)  # a row or a rate for which the equation holds whatever it is
        return self._values[node]

    def _sum(self, node: no.SumOverSteps) -> Array:
        _, index, lower, upper = node.args
        steps = range(int(lower), int(upper.subs(T, self.steps)) + 1)
        terms = [self.value(node.term.xreplace({index: Integer(step), T: Integer(self.steps)})) for step in steps]
        return sum(terms[1:], terms[0])

    def _factor(self, factor: Expression, index: Any, step: int) -> Expression:
        if (factor, step) not in self._factors:
            self._factors[factor, step] = factor.xreplace({index: Integer(step)})
        return self._factors[factor, step]

    def _chain(self, factors: Any, empty: Expression | None = None) -> Array:
        """Contract from the left: a row times each factor, however long the product."""
        row: tuple[int, Any] = (0, None)
        for factor in factors:
            extend = self._along_product if isinstance(factor, no.DescendingProduct) else self._extended
            row = extend(row, factor)
        if row[1] is None:
            raise CheckError(f"an empty product stands alone: {empty}")
        return row[1]

    def _along_product(self, row: tuple[int, Any], node: no.DescendingProduct) -> tuple[int, Any]:
        """Contract a row with a product; products that begin alike share their rows, the longest found so far leads."""
        factor, index, upper, lower = node.args
        last, first = (int(bound.subs(T, self.steps)) for bound in (upper, lower))
        rows = self._products.setdefault((row[0], factor, last), [row])
        while len(rows) <= last - first + 1:
            rows.append(self._extended(rows[-1], self._factor(factor, index, last - len(rows) + 1)))
        return rows[last - first + 1]

    def _extended(self, row: tuple[int, Any], factor: Expression) -> tuple[int, Array]:
        """Contract a row with one more factor; paths share their beginnings, and each beginning is computed once."""
        key, result = row
        if (key, factor) not in self._rows:
            value = self.value(factor) if result is None else contract(result, self.value(factor))
            self._rows[key, factor] = (len(self._rows) + 1, value)
        return self._rows[key, factor]

    def derivative(self, of: Any, by: Any, kind: type[no.Total] = no.Total) -> Array:
        """Return J = ∂of/∂by of the given kind, of shape of.shape + by.shape, by tangents along the assignments."""
        key = (of, by, kind)
        if key not in self._derivatives:
            long_way = self.steps > LONGEST_DIRECT and of == self.graph.loss.target and _step_of(by) is not None
            self._derivatives[key] = self._through_states(by) if long_way else self._differentiate(of, by, kind)
        return self._derivatives[key]

    def _through_states(self, by: Any) -> Array:
        """∂L/∂v_t as ∂L/∂s_t · ∂s_t/∂v_t: tangents within one step, rows from step to step, linear in T."""
        here = int(_step_of(by))
        links = no.DescendingProduct(step_jacobian(self.graph, t), t, self.steps, here + 1)
        row = self._chain([*head(self.graph, Integer(self.steps)), links])
        state = state_at(self.graph, Integer(here))
        return row if state == by else contract(row, self.derivative(state, by))

    def _differentiate(self, of: Any, by: Any, kind: type[no.Total]) -> Array:
        targets = of.args if isinstance(of, no.Stack) else (of,)
        sources = by.args if isinstance(by, no.Stack) else (by,)
        counts = [int(np.size(self.value(source))) for source in sources]
        seeds, first = {}, 0
        for source, count in zip(sources, counts, strict=True):
            seeds[source] = with_tangents(self.value(source), first, sum(counts))
            first += count
        reached = self._propagate(seeds, targets, kind)
        rows = [_tangents(reached[target], sum(counts)) for target in targets]
        stacked = np.concatenate(rows) if isinstance(of, no.Stack) else rows[0]
        shape = np.shape(self.value(of)) if not isinstance(of, no.Stack) else (len(stacked),)
        by_shape = np.shape(self.value(by)) if not isinstance(by, no.Stack) else (sum(counts),)
        return _reshaped(stacked, (*shape, *by_shape))

    def along(self, parameter: Parameter, direction: Array) -> Residue:
        """Return the derivative of L as ``parameter`` moves in one direction."""
        base, way = (np.asarray(array, dtype=object) for array in (self.value(parameter), direction))
        seeded: Array = np.empty(base.shape, dtype=object)
        for place in np.ndindex(base.shape):
            tangent = np.zeros(1, dtype=object)
            tangent[0] = _entry(way, place).value
            seeded[place] = Residue(_entry(base, place).value, tangent)
        loss = self.graph.loss.target
        reached = self._propagate({parameter: seeded if seeded.shape else seeded[()]}, (loss,), no.Total)
        return Residue(int(_tangents(reached[loss], 1)[0, 0]))

    def _propagate(self, seeds: dict[Any, Array], targets: tuple[Any, ...], kind: type[no.Total]) -> dict[Any, Array]:
        """Run the assignments from the seeds to the targets; what no seed reaches keeps its plain value."""
        moving: dict[Any, Array] = dict(seeds)
        held = self._held(targets) if kind is no.Immediate else set()
        for assignment in self._between(seeds, targets, within_step=kind is not no.Total):
            if assignment.target in seeds:
                continue
            if any(name in moving for name in self._uses[assignment.target]):
                moving[assignment.target] = self._moved(assignment, moving)
            if assignment.target in held:
                moving.pop(assignment.target, None)
        return {target: moving.get(target, self.value(target)) for target in targets}

    def _held(self, targets: tuple[Any, ...]) -> set[Any]:
        """An immediate derivative of one state alone holds the other states of its step fixed."""
        if len(targets) > 1:
            return set()
        return {state.at(targets[0].step) for state in self.graph.states} - set(targets)

    def _moved(self, assignment: Assignment, moving: dict[Any, Array]) -> Array:
        return evaluate(
            assignment.value, lambda node: moving[node] if node in moving else self._look_up(node), self.arithmetic
        )

    def _between(self, seeds: dict[Any, Array], targets: tuple[Any, ...], *, within_step: bool) -> list[Assignment]:
        """The assignments that can carry a tangent: from the seeds to the targets, of one step alone if so asked."""
        first = min((self._places.get(seed, -1) for seed in seeds), default=-1)
        if first < 0:
            first = self._first_use(seeds)
        if within_step:
            first = max(first, self._start_of_step(targets[0]))
        last = max(self._places[target] for target in targets)
        return list(self.assignments[first : last + 1])

    def _first_use(self, seeds: dict[Any, Array]) -> int:
        steps = [seed.step for seed in seeds if isinstance(seed, Variable) and seed.step is not None]
        return int(min(steps)) * len(self.graph.cell) if steps else 0

    def _start_of_step(self, target: Any) -> int:
        cell = len(self.graph.cell)
        return (int(target.step) - 1) * cell if target.step is not None else self.steps * cell


def _entry(array: Array, place: tuple[int, ...]) -> Residue:
    entry: Residue = array[place]
    return entry


def _step_of(by: Any) -> Any:
    return by.step if isinstance(by, Variable) else None


def contract(left: Array, right: Array) -> Array:
    """Σ over the last axis of ``left`` and the first of ``right``; a scalar has none and multiplies."""
    if not np.shape(left) or not np.shape(right):
        return left * right
    return np.tensordot(left, right, axes=(-1, 0))


def _tangents(array: Array, count: int) -> Array:
    """Return the derivatives of each entry: (entries, directions)."""
    entries = np.asarray(array, dtype=object).reshape(-1)
    rows = np.zeros((len(entries), count), dtype=object)
    for place, entry in enumerate(entries):
        if entry.tangent is not None:
            rows[place] = entry.tangent
    return rows


def _reshaped(rows: Array, shape: tuple[int, ...]) -> Array:
    flat = np.empty(rows.size, dtype=object)
    for place, value in enumerate(rows.reshape(-1)):
        flat[place] = Residue(int(value))
    return flat.reshape(shape) if shape else flat[0]


def same(left: Array, right: Array) -> tuple[int, int]:
    """Return (entries that differ, entries compared); arrays of different shapes differ in every entry."""
    first, second = np.asarray(left, dtype=object), np.asarray(right, dtype=object)
    if first.shape != second.shape:
        return max(first.size, second.size, 1), max(first.size, second.size, 1)
    differing = sum(a.value != b.value for a, b in zip(first.reshape(-1), second.reshape(-1), strict=True))
    return differing, first.size
