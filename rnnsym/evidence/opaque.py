"""What one step, one output, or sums of products are, whatever the state: the places where induction steps are decided.

Parameters, inputs, the states before and all that arrives from outside are independent random residues. An identity
between them holds at every step of every sequence, since each step is one of their values.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from random import Random
from typing import Any

import numpy as np
from sympy import Integer

from rnnsym.calculus import notation as no
from rnnsym.calculus.binding import Assignment
from rnnsym.calculus.paths import cell_parameters, handover, head, state_at, step_jacobian
from rnnsym.calculus.unrolling import LoopGraph, StepGraph, outputs_of
from rnnsym.evidence.points import group_of, random_residues
from rnnsym.evidence.quantities import Quantities
from rnnsym.evidence.residues import Atoms, Residue, residue_arithmetic
from rnnsym.evidence.tangents import contract, entry_of, reshaped, summing_to_one, tangents_of
from rnnsym.model.evaluation import Array
from rnnsym.model.expressions import Expression, Parameter, S, T, Variable, add, at_step, multiply
from rnnsym.model.losses import losses

HERE = Integer(1)  # the step at which a line about any step t is read


class _Opaque(Quantities):
    """Quantities of a graph whose leaves are all random; some derivatives by parameters are random, too."""

    def __init__(
        self, graph: StepGraph, assignments: tuple[Assignment, ...], sizes: Mapping[str, int], random: Random,
        counts: Mapping[Any, Any], *, free: bool, lengths: Mapping[Any, int],
    ) -> None:
        self.graph = graph
        arithmetic = residue_arithmetic(Atoms(random, free=free), graph.network.size_values(**sizes) | dict(lengths))
        draw = partial(random_residues, random, arithmetic)
        self._arriving: dict[tuple[Any, Any], Array] = {}
        leaves = {name: summing_to_one(draw(name.shape)) for name in _distributions(graph, assignments)}
        super().__init__(assignments, leaves, arithmetic, loss=graph.loss.target, states=graph.states,
                         group=group_of(graph), number=Residue, draw=draw, counts=counts)

    def arriving(self, state: Expression, parameter: Expression) -> Array:
        """Return arbitrary derivatives of a state by a parameter."""
        key = (state, parameter)
        if key not in self._arriving:
            self._arriving[key] = self._draw((*state.shape, *parameter.shape))
        return self._arriving[key]

    def carried(self, of: Any, parameter: Parameter, states: tuple[Expression, ...]) -> Array:
        """∂of/∂parameter as ``states`` move with it by what arrives, and the parameter itself moves where it stands."""
        count = int(np.size(self.value(parameter)))
        seeds = {parameter: seeded(self.value(parameter), np.eye(count, dtype=int).astype(object))}
        for state in states:
            rows = rows_of(self.arriving(state, parameter), count)
            parts = state.args if isinstance(state, no.Stack) else (state,)
            for part in parts:
                size = int(np.size(self.value(part)))
                seeds[part] = seeded(self.value(part), rows[:size])
                rows = rows[size:]
        targets = of.args if isinstance(of, no.Stack) else (of,)
        reached = self.propagate(seeds, targets, no.Total)
        stacked = np.concatenate([tangents_of(reached[target], count) for target in targets])
        shape = (len(stacked),) if isinstance(of, no.Stack) else np.shape(self.value(of))
        return reshaped(stacked, (*shape, *np.shape(self.value(parameter))), Residue)


def _distributions(graph: StepGraph, assignments: tuple[Assignment, ...]) -> set[Variable]:
    """The targets that sum to one."""
    if not losses[graph.network.loss].distribution:
        return set()
    names = {graph.target.at(a.target.step) for a in assignments if a.target.name == "L"}
    return names | {graph.target.at(None)} if not graph.every else names


class OpaqueStep(_Opaque):
    """Any one step of a loop: t is 1, and the step before 0, or 2 in a loop that runs from the end.

    L stands for what the loss is seen as from here: arbitrary weights times the states, and where there is an output
    at every step, those of this step and of the one before.
    """

    def __init__(self, graph: StepGraph, place: int, sizes: Mapping[str, int], seed: int, *, free: bool = True) -> None:
        self.loop, random = graph.loops[place], Random(f"step {place} {seed}")
        before = HERE - self.loop.loop.direction
        steps = (before, HERE) if graph.every and self.loop in graph.reading else ()
        cell = [_moved(a, HERE) for a in self.loop.cell]
        outputs = {step: [_moved(a, step) for a in (*graph.readout, graph.step_loss)] for step in steps}
        seen = add(*(_weighed(Variable("arrives " + s.name, s.shape, HERE), s.at(HERE)) for s in self.loop.states),
                   *(multiply(graph.weight, graph.step_loss.target.at(step)) for step in steps))
        lengths = {symbol: random.randrange(2, 10**9) for symbol in (T, S)}
        super().__init__(
            graph, (*outputs.get(before, ()), *cell, *outputs.get(HERE, ()), Assignment(graph.loss.target, seen)),
            sizes, random, {}, free=free, lengths=lengths,
        )
        self._before = state_at(self.loop, before)

    def derivative(self, of: Any, by: Any, kind: type[no.Total] = no.Total) -> Array:
        """Return ∂of/∂by; the states of the step before move with a parameter by what arrives."""
        if kind is no.Total and isinstance(by, Parameter) and of != self.graph.loss.target:
            return self.arriving(of, by) if of == self._before else self.carried(of, by, (self._before,))
        return super().derivative(of, by, kind)


def _moved(assignment: Assignment, step: Any) -> Assignment:
    return Assignment(assignment.target.at(step), at_step(assignment.value, step))


def _weighed(weight: Expression, state: Expression) -> Expression:
    return weight @ state if state.shape else multiply(weight, state)


class OpaqueOutputs(_Opaque):
    """The outputs of two steps, or the only output, at arbitrary states; T and S are 2."""

    def __init__(self, graph: StepGraph, place: int, sizes: Mapping[str, int], seed: int, *, free: bool = True) -> None:
        two = 1 if graph.network.shape_of_steps.single_step else 2
        counts = {T: Integer(two), S: Integer(two)}
        self.loop = graph.loops[place]
        super().__init__(graph, tuple(outputs_of(graph, counts)), sizes, Random(f"output {seed}"), counts, free=free,
                         lengths={T: two, S: two})
        steps = range(1, two + 1) if graph.every else (self.loop.last(two),)
        self._seen = tuple(state_at(self.loop, step) for step in steps)
        self._carried = frozenset(cell_parameters(graph))

    def derivative(self, of: Any, by: Any, kind: type[no.Total] = no.Total) -> Array:
        """Return ∂of/∂by; the states move with a parameter of the cell by what arrives."""
        if kind is no.Total and by in self._carried:
            return self.arriving(of, by) if of in self._seen else self.carried(of, by, self._seen)
        return super().derivative(of, by, kind)


class ClosedForm(_Opaque):
    """Sums and products of arbitrary matrices, and what the recurrences make of the same matrices, at given lengths."""

    def __init__(
        self, graph: StepGraph, place: int, sizes: Mapping[str, int], seed: int, counts: Mapping[Any, Any]
    ) -> None:
        self.loop = graph.loops[place]
        super().__init__(graph, (), sizes, Random(f"closed {seed}"), counts, free=True,
                         lengths={symbol: int(count) for symbol, count in counts.items()})

    def derivative(self, of: Any, by: Any, kind: type[no.Total] = no.Total) -> Array:
        """Return an arbitrary array for a factor, and for what is accumulated what its recurrence gives."""
        key = (of, by, kind)
        if key not in self._derivatives:
            found = self._accumulated(of, by) if kind is no.Total else None
            self._derivatives[key] = self._draw((*of.shape, *by.shape)) if found is None else found
        return self._derivatives[key]

    def _accumulated(self, of: Any, by: Any) -> Array | None:
        """dS_t/dθ, ∂L/∂S_t and dL/dθ by their recurrences; None for a factor."""
        loss = self.graph.loss.target
        if isinstance(by, Parameter):
            return self._loss_by(by) if of == loss else self._state_by(of, by)
        step = _step_in(self.loop, by)
        if of != loss or step is None or of == by:
            return None
        return self._loss_by_state(self.loop, step)

    def _state_by(self, state: Any, theta: Parameter) -> Array:
        """M_t = J_t M_{t−1} + E_t from 0, up to the state's step."""
        loop, step = self.loop, _step_in(self.loop, state)
        total: Array = None
        for here in _order(loop, self.counts[loop.loop.steps]):
            entering = self.value(no.Immediate(state_at(loop, here), theta))
            back = None if total is None else contract(self.value(step_jacobian(loop, here)), total)
            total = entering if back is None else back + entering
            if here == step:
                break
        return total

    def _loss_by_state(self, loop: LoopGraph, step: Any) -> Array:
        """λ_{t−1} = λ_t J_t, and what an output of its own step gives, from the last step down to ``step``."""
        graph, steps = self.graph, self.counts[loop.loop.steps]
        row: Array = None
        for here in reversed(_order(loop, steps)):
            after = here + loop.loop.direction
            parts = [] if row is None else [contract(row, self.value(step_jacobian(loop, after)))]
            if loop in graph.reading and (graph.every or row is None):
                weight = self.value(graph.weight) if graph.every else Residue(1)
                parts.append(weight * self._chain(head(graph, loop, here)))
            elif row is None:
                parts.append(self._handed_over(loop))
            row = sum(parts[1:], parts[0])
            if here == step:
                break
        return row

    def _handed_over(self, loop: LoopGraph) -> Array:
        factor, later = handover(self.graph, loop, self.counts)
        first = later.first(self.counts[later.loop.steps])
        row = self._loss_by_state(later, first)
        return contract(contract(row, self.value(step_jacobian(later, first))), self.value(factor))

    def _loss_by(self, theta: Parameter) -> Array:
        """Σ_t λ_t E_t."""
        terms = [
            contract(self._loss_by_state(self.loop, here), self.value(no.Immediate(state_at(self.loop, here), theta)))
            for here in _order(self.loop, self.counts[self.loop.loop.steps])
        ]
        return sum(terms[1:], terms[0])


def _order(loop: LoopGraph, steps: Any) -> list[Integer]:
    """The steps of a loop in the order in which it runs."""
    numbers = [Integer(step) for step in range(1, int(steps) + 1)]
    return numbers[::-1] if loop.loop.reverse else numbers


def _step_in(loop: LoopGraph, state: Any) -> Any:
    """The step of a loop's state, None for anything else."""
    first = state.args[0] if isinstance(state, no.Stack) else state
    step = getattr(first, "step", None)
    return step if step is not None and state == state_at(loop, step) else None


def seeded(array: Array, rows: Array) -> Array:
    """Return ``array`` with the given tangents, one row an entry."""
    plain: Array = np.asarray(array, dtype=object)
    moving = np.empty(plain.shape, dtype=object)
    for place, row in zip(np.ndindex(plain.shape), rows, strict=True):
        moving[place] = Residue(entry_of(plain, place).value, row)
    return moving if moving.shape else moving[()]


def rows_of(array: Array, count: int) -> Array:
    """Return the values of an array of residues as rows of ``count`` integers."""
    entries = np.asarray(array, dtype=object).reshape(-1)
    return np.array([entry.value for entry in entries], dtype=object).reshape(-1, count)

