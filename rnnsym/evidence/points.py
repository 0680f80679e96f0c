"""A network at one random point modulo a prime: all values, derivatives by tangents, the meaning of notation.

Derivatives come forward, by dual numbers over the network's own equations: neither the pullbacks nor the Jacobians
nor the recursion that they judge take part.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from random import Random
from typing import Any

import numpy as np
from sympy import Integer

from rnnsym.calculus import notation as no
from rnnsym.calculus.binding import Assignment, names_in
from rnnsym.calculus.paths import head, state_at, step_jacobian
from rnnsym.calculus.unrolling import BACK, LoopGraph, StepGraph, step_counts, unroll
from rnnsym.errors import CheckError
from rnnsym.evidence.residues import Atoms, Residue, random_array, residue_arithmetic, with_tangents
from rnnsym.evidence.sequences import OwnEquations, Sequence, leaf_names
from rnnsym.evidence.tangents import contract, entry_of, reshaped, summing_to_one, tangents_of
from rnnsym.model.evaluation import Array, evaluate
from rnnsym.model.expressions import Expression, Parameter, Variable
from rnnsym.model.losses import losses

LONGEST_DIRECT = 12  # beyond this many steps, tangents from each step to the loss would cost T² step evaluations


@dataclass(frozen=True)
class Draw:
    """What a random point is drawn from: sizes by name, the number of steps and of the decoder's, a seed."""

    sizes: dict[str, int]
    steps: int
    seed: int
    output_steps: int | None = None


class Point:
    """The values of all quantities of an unrolled network at random parameters, inputs, target and initial state."""

    def __init__(self, graph: StepGraph, draw: Draw) -> None:
        self.graph, self.steps = graph, draw.steps
        self._random = Random(draw.seed)
        self.counts = step_counts(graph, draw.steps, draw.output_steps)
        self._sizes = graph.network.size_values(**draw.sizes) | self.counts
        self.atoms = Atoms(self._random)
        self.arithmetic = residue_arithmetic(self.atoms, self._sizes)
        self._values: dict[Expression, Array] = {}
        self._derivatives: dict[tuple[Any, ...], Array] = {}
        self._rows: dict[tuple[int, Expression], tuple[int, Array]] = {}
        self._products: dict[tuple[int, Expression, int], list[tuple[int, Any]]] = {}
        self._factors: dict[tuple[Expression, int], Expression] = {}
        self.assignments = unroll(graph, draw.steps, draw.output_steps)
        self._uses = {a.target: frozenset(names_in(a.value)) for a in self.assignments}
        self._places = {a.target: place for place, a in enumerate(self.assignments)}
        self._groups = self._grouped()
        self._loop_rows: dict[int, dict[int, Array]] = {}
        self._users: dict[Expression, list[Assignment]] = defaultdict(list)
        for assignment in self.assignments:
            for name in self._uses[assignment.target]:
                self._users[name].append(assignment)
        self._run_own_equations()

    def _run_own_equations(self) -> None:
        """Draw the leaves and run the user's equations as they stand, then let-bound: both must be the same."""
        counts = {symbol: int(count) for symbol, count in self.counts.items()}
        leaves = {leaf: self.random(leaf.shape) for leaf in leaf_names(self.graph.network, counts)}
        if losses[self.graph.network.loss].distribution:
            leaves |= {leaf: summing_to_one(value) for leaf, value in leaves.items() if leaf.name == "target"}
        own = OwnEquations(self.graph.network, Sequence(counts, leaves), partial(evaluate, arithmetic=self.arithmetic))
        found = own.run(leaves)
        self._values |= leaves
        for loop in self.graph.loops:
            self._take_over(loop, found)
        for assignment in self.assignments:
            self._values.setdefault(assignment.target, self.value(assignment.value))

    def _take_over(self, loop: LoopGraph, found: dict[Any, Array]) -> None:
        """Note what a loop's own equations gave at each step, and what its states and registers start from."""
        length = self.counts[loop.loop.steps]
        for step in range(1, int(length) + 1):
            self._values |= {e.target.at(step): found[e.target.name, step] for e in loop.loop.equations}
        start = loop.start(length)
        for state in loop.states:
            name, _, back = state.name.partition(BACK)
            if state not in loop.starts():
                self._values[state.at(start)] = found[name, int(start) - int(back or 0) * loop.loop.direction]

    def users(self, name: Variable) -> list[Assignment]:
        """Return the assignments that use ``name``."""
        return self._users[name]

    def random(self, shape: Any) -> Array:
        """Return random residues of a symbolic shape."""
        array = random_array(self._random, tuple(self.arithmetic.length(length) for length in shape))
        return array if array.shape else array[()]

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
        steps = range(int(lower.subs(self.counts)), int(upper.subs(self.counts)) + 1)
        terms = [self.value(node.term.xreplace({**self.counts, index: Integer(step)})) for step in steps]
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
        factor, index, begin, end = node.args
        first, last = (int(bound.subs(self.counts)) for bound in (begin, end))
        way = 1 if isinstance(node, no.AscendingProduct) else -1
        count = (last - first) * way + 1
        rows = self._products.setdefault((row[0], factor, first), [row])
        while len(rows) <= count:
            rows.append(self._extended(rows[-1], self._factor(factor, index, first + way * (len(rows) - 1))))
        return rows[count]

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
            group = self._step_of(by) if of == self.graph.loss.target else None
            self._derivatives[key] = self._differentiate(of, by, kind) if group is None else \
                self._through_states(by, group)
        return self._derivatives[key]

    def _step_of(self, by: Any) -> tuple[int, int] | None:
        """Tell the loop and the step of a quantity whose way to the loss is long and leads through its step's states.

        None where tangents from it to the loss are as good: an output that is no state has a way of its own.
        """
        group = self._groups.get(by)
        if self.steps <= LONGEST_DIRECT or not isinstance(group, tuple):
            return None
        loop = self.graph.loops[group[0]]
        aside = self.graph.step_output in loop.cell and self.graph.output not in loop.states
        return None if aside or not 1 <= group[1] <= self.counts[loop.loop.steps] else group

    def _through_states(self, by: Any, group: tuple[int, int]) -> Array:
        """∂L/∂v_t as ∂L/∂s_t · ∂s_t/∂v_t: tangents within one step, rows from step to step, linear in T."""
        number, step = group
        row = self._state_rows(number)[step]
        state = state_at(self.graph.loops[number], Integer(step))
        return row if state == by else contract(row, self.derivative(state, by))

    def _state_rows(self, number: int) -> dict[int, Array]:
        """Return ∂L/∂s_t of a loop for all t, from the end: from its own output, and from the step after."""
        if number not in self._loop_rows:
            loop = self.graph.loops[number]
            length = int(self.counts[loop.loop.steps])
            order = range(1, length + 1) if loop.loop.reverse else range(length, 0, -1)
            rows: dict[int, Array] = {}
            for step in order:
                after = step + loop.loop.direction
                parts = [*self._from_output(number, step, length)]
                if after in rows:
                    parts.append(contract(rows[after], self.value(step_jacobian(loop, Integer(after)))))
                rows[step] = sum(parts[1:], parts[0])
            self._loop_rows[number] = rows
        return self._loop_rows[number]

    def _from_output(self, number: int, step: int, length: int) -> Iterator[Array]:
        """What ∂L/∂s_t gets from an output of its step, or at the end from the loop that starts there."""
        graph, loop = self.graph, self.graph.loops[number]
        at_end = step == int(loop.last(length))
        if loop in graph.reading and (graph.every or at_end):
            factor = self.value(graph.weight) if graph.every else Residue(1)
            yield factor * self._chain(head(graph, loop, Integer(step)))
        elif at_end:
            later = graph.loops[number + 1]
            rows = self._state_rows(number + 1)
            begin = state_at(later, later.start(self.counts[later.loop.steps]))
            first = int(later.first(self.counts[later.loop.steps]))
            back = contract(rows[first], self.value(step_jacobian(later, Integer(first))))
            yield contract(back, self.derivative(begin, state_at(loop, Integer(step))))

    def _differentiate(self, of: Any, by: Any, kind: type[no.Total]) -> Array:
        targets = of.args if isinstance(of, no.Stack) else (of,)
        sources = by.args if isinstance(by, no.Stack) else (by,)
        counts = [int(np.size(self.value(source))) for source in sources]
        seeds, first = {}, 0
        for source, count in zip(sources, counts, strict=True):
            seeds[source] = with_tangents(self.value(source), first, sum(counts))
            first += count
        reached = self._propagate(seeds, targets, kind)
        rows = [tangents_of(reached[target], sum(counts)) for target in targets]
        stacked = np.concatenate(rows) if isinstance(of, no.Stack) else rows[0]
        shape = np.shape(self.value(of)) if not isinstance(of, no.Stack) else (len(stacked),)
        by_shape = np.shape(self.value(by)) if not isinstance(by, no.Stack) else (sum(counts),)
        return reshaped(stacked, (*shape, *by_shape))

    def along(self, parameter: Parameter, direction: Array) -> Residue:
        """Return the derivative of L as ``parameter`` moves in one direction."""
        base, way = (np.asarray(array, dtype=object) for array in (self.value(parameter), direction))
        seeded: Array = np.empty(base.shape, dtype=object)
        for place in np.ndindex(base.shape):
            tangent = np.zeros(1, dtype=object)
            tangent[0] = entry_of(way, place).value
            seeded[place] = Residue(entry_of(base, place).value, tangent)
        loss = self.graph.loss.target
        reached = self._propagate({parameter: seeded if seeded.shape else seeded[()]}, (loss,), no.Total)
        return Residue(int(tangents_of(reached[loss], 1)[0, 0]))

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
        """The assignments that lead from the seeds to the targets, of the targets' own step alone if so asked."""
        groups = {self._groups.get(target) for target in targets}
        found: set[int] = set()
        stack = [target for target in targets if target not in seeds]
        while stack:
            name = stack.pop()
            place = self._places.get(name)
            if place is None or place in found or (within_step and self._groups[name] not in groups):
                continue
            found.add(place)
            stack += [used for used in self._uses[name] if used not in seeds]
        return [self.assignments[place] for place in sorted(found)]

    def _grouped(self) -> dict[Any, Any]:
        """Tell for each assigned name to which step of which loop it belongs, or to which output."""
        owners = {a.target.name: number for number, loop in enumerate(self.graph.loops) for a in loop.cell}
        return {a.target: (owners[a.target.name], int(a.target.step)) if a.target.name in owners
                else f"output {a.target.step}" for a in self.assignments}
