"""One sequence through a network in scalars: the step graph and the adjoint recursion, entry by entry."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from rnnsym.calculus.adjoints import AdjointRecursion, LoopRecursion, adjoint_recursion, is_fused
from rnnsym.calculus.binding import Assignment
from rnnsym.calculus.notation import Adjoint
from rnnsym.calculus.unrolling import BACK, LoopGraph, StepGraph, register
from rnnsym.model.expressions import ONE, Expression, Parameter, T, Variable
from rnnsym.model.losses import losses
from rnnsym.numerics.components import Components, Entries, flat

Values = dict[Any, Entries]


@dataclass(frozen=True)
class Plan:
    """What of a network does not depend on sizes: its step graph, how it is differentiated, what the loss is of."""

    graph: StepGraph
    recursion: AdjointRecursion
    loss: Expression

    @classmethod
    def of(cls, graph: StepGraph) -> Plan:
        """Return the plan; the loss is that of the logit where readout and loss are fused."""
        entry = losses[graph.network.loss]
        fused = entry.fused_value if is_fused(graph) and graph.logit is not None else None
        of = graph.output if fused is None or graph.logit is None else graph.logit
        target = Variable("target", of.shape, of.step)
        return cls(graph, adjoint_recursion(graph), (fused or entry.value)(of, target))


class Sequence:
    """Loss, outputs and gradients of one sequence whose entries are given.

    ``parameters`` {Parameter: entries}, ``inputs`` and ``targets`` one a step (targets one alone where there is one
    output), ``start`` the entries of the initial states that are given. What is computed is entered into the ledger of
    ``components``, in the order of the equations.
    """

    def __init__(self, plan: Plan, components: Components, parameters: Mapping[Parameter, Entries],
                 inputs: list[Entries], targets: list[Entries] | None, start: Mapping[Variable, Entries]) -> None:
        self.plan, self.graph, self._components = plan, plan.graph, components
        self._parameters, self._inputs, self._targets, self._start = parameters, inputs, targets, start
        self._steps = range(1, len(inputs) + 1)
        self._histories = [self._run(loop) for loop in self.graph.loops]
        self._seen = [self._read_out(step) for step in (self._steps if self.graph.every else self._steps[-1:])]

    def _order(self, loop: LoopGraph) -> list[int]:
        return list(self._steps)[:: loop.loop.direction]

    def _run(self, loop: LoopGraph) -> dict[int, Values]:
        """The values of every step of a loop."""
        found = dict[int, Values]()
        states = {state: self._first(loop, state) for state in loop.states}
        for step in self._order(loop):
            values: Values = {**self._parameters, loop.loop.reads: self._inputs[step - 1]}
            values |= {state.at(loop.before): entries for state, entries in states.items()}
            self._assign(loop.cell, values, str(step))
            states = {state: values[state] for state in loop.states}
            found[step] = values
        return found

    def _first(self, loop: LoopGraph, state: Variable) -> Entries:
        """What a state starts with: what is given, else what is declared."""
        if state in self._start:
            return self._start[state]
        number = self._components.scalars.number(float(loop.initial(state)))
        return self._full(number, state)

    def _full(self, entries: Entries, like: Any) -> Entries:
        return self._components.each(self._components.shape(like), lambda entry: entry, entries)

    def _assign(self, assignments: Iterable[Assignment], values: Values, step: str,
                arriving: Mapping[Any, list[Entries]] | None = None) -> None:
        """Enter assignments; ``arriving`` is added to what is assigned to a name."""
        for a in assignments:
            entries = self._components.entries(a.value, values)
            entries = self._total(a.target, [entries, *(arriving or {}).get(a.target, [])])
            self._wish(a.target, entries, step)
            values[a.target] = entries

    def _total(self, like: Any, terms: list[Entries]) -> Entries:
        add = self._components.scalars.add
        return self._components.each(self._components.shape(like), lambda *numbers: add(numbers), *terms)

    def _wish(self, target: Any, entries: Entries, step: str) -> None:
        name = f"d_{target.variable.name}" if isinstance(target, Adjoint) else target.name
        bare = name.replace(BACK, "_back").replace(" ", "_")
        for place, number in enumerate(flat(entries)):
            self._components.scalars.wish(number, f"{bare}_{step}_{place}")

    def _read_out(self, step: int) -> Values:
        """The values of an output and its loss."""
        values: Values = dict(self._parameters)
        for loop, history in zip(self.graph.loops, self._histories, strict=True):
            if self.graph.every:
                values |= history[step]
            else:
                last = history[self._order(loop)[-1]]
                values |= {state.at(loop.last(T)): last[state] for state in loop.states}
        if self._targets is not None:
            values[self.graph.target] = self._targets[step - 1 if self.graph.every else 0]
        self._assign(self.graph.readout, values, str(step) if self.graph.every else "end")
        return values

    @property
    def outputs(self) -> list[Entries]:
        """The outputs, one a step, or the only one."""
        return [values[self.graph.output] for values in self._seen]

    @cached_property
    def loss(self) -> Entries:
        """The loss."""
        scalars, entries = self._components.scalars, self._components.entries
        total = scalars.add([entries(self.plan.loss, values) for values in self._seen])
        return total if self.graph.weight == ONE else scalars.multiply((entries(self.graph.weight, {}), total))

    @cached_property
    def gradients(self) -> dict[Any, Entries]:
        """δ of each parameter, of each state before the first step, and of the input of each step by its number."""
        recursion, terms = self.plan.recursion, dict[Any, list[Entries]]()
        final = dict[int, Values]()
        for step, values in zip(self._steps if self.graph.every else [0], self._seen, strict=True):
            self._assign(recursion.readout, values, str(step) if self.graph.every else "end")
            final[step] = {s: self._components.entries(value, values) for s, value in recursion.final.items()}
            self._gather(terms, recursion.readout_gradients, values)
        for loop, history in zip(recursion.loops, self._histories, strict=True):
            self._go_back(loop, history, final, terms)
        return {key: self._total(key, parts) if not isinstance(key, int) else self._total(
            self.graph.network.input, parts) for key, parts in terms.items()}

    def _gather(self, terms: dict[Any, list[Entries]], gradients: Mapping[Any, Expression], values: Values) -> None:
        for name, value in gradients.items():
            terms.setdefault(name, []).append(self._components.entries(value, values))

    def _go_back(self, loop: LoopRecursion, history: dict[int, Values], final: dict[int, Values],
                 terms: dict[Any, list[Entries]]) -> None:
        carried: Values = {}
        order = self._order(loop.graph)
        for step in reversed(order):
            values = history[step]
            seen = final[step] if self.graph.every else final[0] if step == order[-1] else {}
            arriving = {Adjoint(state): [source[state] for source in (seen, carried) if state in source]
                        for state in loop.graph.states}
            self._assign(loop.step, values, str(step), arriving)
            carried = {state: self._components.entries(value, values) for state, value in loop.carry.items()}
            self._gather(terms, loop.step_gradients, values)
            terms.setdefault(step, []).append(self._components.entries(loop.input, values))
        for state in loop.graph.states:
            terms[state] = [carried.get(state, self._components.scalars.zero)]


def registers_of(graph: StepGraph, state: Any) -> list[Variable]:
    """The quantities that hold what a state starts from, the oldest first."""
    variable = state.variable
    return [register(variable, back) if back else variable for back in reversed(range(state.lag))]
