"""Values and derivatives of let-bound assignments, over any numbers that carry tangents.

Derivatives come forward, by dual numbers over the assignments alone: neither the pullbacks nor the Jacobians nor the
recursion that they judge take part.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np
from sympy import Integer

from rnnsym.calculus import notation as no
from rnnsym.calculus.binding import Assignment, names_in
from rnnsym.errors import CheckError
from rnnsym.evidence.tangents import contract, reshaped, tangents_of, with_tangents
from rnnsym.model.evaluation import Arithmetic, Array, evaluate, whole_number
from rnnsym.model.expressions import Expression, Variable

Group = Callable[[Any], Any]


class Quantities:
    """The values of all quantities that ``assignments`` make of ``leaves``, and their derivatives.

    ``loss`` is what an adjoint δ is the derivative of. ``group(target)`` tells to which step a quantity belongs:
    an immediate derivative stays within its own. ``number(value)`` is a number without a tangent. A name that neither
    a leaf nor an assignment gives is asked of ``draw(shape)``: a row or a rate for which an equation holds whatever
    it is.
    """

    def __init__(
        self,
        assignments: Iterable[Assignment],
        leaves: Mapping[Any, Array],
        arithmetic: Arithmetic,
        *,
        loss: Any,
        states: Iterable[Variable],
        group: Group,
        number: Callable[[Any], Any],
        draw: Callable[[Any], Array],
        counts: Mapping[Any, Any],
    ) -> None:
        self.assignments = tuple(assignments)
        self.arithmetic, self.counts = arithmetic, counts
        self._loss, self._states, self._number, self._draw = loss, tuple(states), number, draw
        self._values: dict[Any, Array] = dict(leaves)
        self._derivatives: dict[tuple[Any, ...], Array] = {}
        self._rows: dict[tuple[int, Expression], tuple[int, Array]] = {}
        self._products: dict[tuple[int, Expression, int], list[tuple[int, Any]]] = {}
        self._factors: dict[tuple[Expression, int], Expression] = {}
        self._uses = {a.target: frozenset(names_in(a.value)) for a in self.assignments}
        self._places = {a.target: place for place, a in enumerate(self.assignments)}
        self._groups = {a.target: group(a.target) for a in self.assignments}
        for assignment in self.assignments:
            if assignment.target not in self._values:
                self._values[assignment.target] = self.value(assignment.value)

    def value(self, expression: Expression) -> Array:
        """Return the value of any expression or notation at this point."""
        return evaluate(expression, self._look_up, self.arithmetic)

    def _look_up(self, node: Expression) -> Array:
        match node:
            case no.Total():
                return self.derivative(node.of, node.by, type(node))
            case no.Adjoint():
                return self.derivative(self._loss, node.variable)
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
            self._values[node] = self._draw(node.shape)
        return self._values[node]

    def _sum(self, node: no.SumOverSteps) -> Array:
        _, index, lower, upper = node.args
        steps = range(whole_number(lower, self.counts), whole_number(upper, self.counts) + 1)
        terms = [self.value(node.term.xreplace({**self.counts, index: Integer(step)})) for step in steps]
        return sum(terms[1:], terms[0]) if terms else self._zeros(node.shape)

    def _zeros(self, shape: Any) -> Array:
        array = np.empty(tuple(self.arithmetic.length(length) for length in shape), dtype=object)
        array[...] = self._number(0)
        return array if array.shape else array[()]

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
        first, last = (whole_number(bound, self.counts) for bound in (begin, end))
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
            self._derivatives[key] = self._differentiate(of, by, kind)
        return self._derivatives[key]

    def _differentiate(self, of: Any, by: Any, kind: type[no.Total]) -> Array:
        targets = of.args if isinstance(of, no.Stack) else (of,)
        sources = by.args if isinstance(by, no.Stack) else (by,)
        counts = [int(np.size(self.value(source))) for source in sources]
        seeds, first = {}, 0
        for source, count in zip(sources, counts, strict=True):
            seeds[source] = with_tangents(self.value(source), first, sum(counts))
            first += count
        reached = self.propagate(seeds, targets, kind)
        rows = [tangents_of(reached[target], sum(counts)) for target in targets]
        stacked = np.concatenate(rows) if isinstance(of, no.Stack) else rows[0]
        shape = np.shape(self.value(of)) if not isinstance(of, no.Stack) else (len(stacked),)
        by_shape = np.shape(self.value(by)) if not isinstance(by, no.Stack) else (sum(counts),)
        return reshaped(stacked, (*shape, *by_shape), self._number)

    def propagate(self, seeds: dict[Any, Array], targets: tuple[Any, ...], kind: type[no.Total]) -> dict[Any, Array]:
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
        return {state.at(targets[0].step) for state in self._states} - set(targets)

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
