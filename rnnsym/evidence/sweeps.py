"""Forward pass and adjoint recursion of one sequence, over any numbers: what each step adds to a gradient is kept."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from rnnsym.calculus.adjoints import AdjointRecursion, LoopRecursion
from rnnsym.calculus.notation import Adjoint
from rnnsym.calculus.unrolling import BACK, LoopGraph, StepGraph
from rnnsym.evidence.sequences import Sequence
from rnnsym.model.evaluation import Arithmetic, Array, evaluate
from rnnsym.model.expressions import ZERO, Expression, Parameter, Variable, t

Values = dict[Expression, Array]
Place = tuple[int | None, int | None]  # number of the loop and step of it; the readout belongs to no loop


@dataclass(frozen=True)
class Numbers:
    """How the leaves enter; slopes may be numbers of another kind than values, at a kink.

    ``settle`` is told each state and each adjoint that goes from one step to another, ``bind`` each quantity and its
    name: a variable at its step, or the adjoint of one.
    """

    array: Any
    forward: Arithmetic
    backward: Arithmetic
    settle: Callable[[Array], Array] = lambda array: array
    bind: Callable[[Array, Expression], Array] = lambda array, name: array


class Sweep:
    """The forward pass and the recursion over one sequence.

    ``terms[parameter][place]`` is what a place adds to ∂L/∂parameter; ``inputs[step]`` is ∂L/∂x at a step, and
    ``starts[state]`` what reaches the state before the first step. ``tapes`` of an earlier sweep over the same sequence
    save the forward pass; ``last_output_only`` is a mistake to be recognised.
    """

    def __init__(
        self, graph: StepGraph, recursion: AdjointRecursion, sequence: Sequence, numbers: Numbers,
        tapes: list[dict[int, Values]] | None = None, *, last_output_only: bool = False,
    ) -> None:
        self.graph, self.recursion, self.counts, self.numbers = graph, recursion, sequence.counts, numbers
        self.leaves: Values = {leaf: numbers.array(value) for leaf, value in sequence.leaves.items()}
        self.parameters: Values = {p: self.leaves[p] for p in graph.network.parameters}
        self.terms: dict[Parameter, dict[Place, Array]] = defaultdict(dict)
        self.inputs: dict[int, Array] = {}
        self.starts: dict[Variable, Array] = {}
        self.arriving: dict[tuple[Variable, int], Array] = {}
        self._back: dict[tuple[int, int], Values] = {}
        self.tapes = tapes if tapes is not None else [dict[int, Values]() for _ in graph.loops]
        for number in range(len(graph.loops)) if tapes is None else ():
            self._forward(number)
        outputs = self._output_steps()
        for step in outputs[-1:] if last_output_only else outputs:
            self._output(step)
        self._backward()

    def zeros(self, shape: Any) -> Array:
        """Return an array of exact zeros."""
        return self.numbers.array(np.zeros(shape))

    def gradient(self, parameter: Parameter) -> Array:
        """Return ∂L/∂parameter, summed in the order of the recursion; exactly zero where L does not depend on it."""
        terms = list(self.terms[parameter].values())
        return sum(terms[1:], terms[0]) if terms else self.zeros(np.shape(self.leaves[parameter]))

    def term_with_wrapped_state(self, parameter: Parameter) -> tuple[Place, Array] | None:
        """The term of the first step with the states of the last in place of those before: a mistake to recognise."""
        for number, loop in enumerate(self.recursion.loops):
            if parameter in loop.step_gradients:
                order = self._order(loop.graph)
                now, last = dict(self._back[number, order[0]]), self.tapes[number][order[-1]]
                now |= {s.at(loop.graph.before): last[s] for s in loop.graph.states}
                return (number, order[0]), self._slope(loop.step_gradients[parameter], now, number, order[0])
        return None

    def _value(self, expression: Expression, now: Values) -> Array:
        return evaluate(expression, lambda node: now[node], self.numbers.forward)

    def _slope(self, expression: Expression, now: Values, number: int | None = None, step: int | None = None) -> Array:
        def look_up(node: Any) -> Array:
            return now[node] if node in now else self._elsewhere(node, number, step)

        return evaluate(expression, look_up, self.numbers.backward)

    def _elsewhere(self, node: Any, number: int | None, step: int | None) -> Array:
        """A quantity of the loop at a neighbouring step, which no right recursion asks for; zero outside the loop."""
        if number is None or step is None or not isinstance(node, Variable) or node.step is None:
            raise KeyError(node)
        leaf, tape = node.at(step + int(node.step - t)), self.tapes[number]
        if leaf in self.leaves:
            return self.leaves[leaf]
        known = [one for one in tape[step] if isinstance(one, Variable) and one.name == node.name]
        if not known:
            raise KeyError(node)
        values = tape.get(step + int(node.step - known[-1].step), {})
        return values[known[-1]] if known[-1] in values else self.zeros(np.shape(tape[step][known[-1]]))

    def _order(self, loop: LoopGraph) -> range:
        steps = self.counts[loop.loop.steps]
        return range(steps, 0, -1) if loop.loop.reverse else range(1, steps + 1)

    def _forward(self, number: int) -> None:
        loop = self.graph.loops[number]
        states = {state: self._start(loop, state) for state in loop.states}
        for step in self._order(loop):
            now = dict(self.parameters) | self._read(loop, step)
            now |= {state.at(loop.before): value for state, value in states.items()}
            for a in loop.cell:
                now[a.target] = self.numbers.bind(self._value(a.value, now), a.target.at(step))
            states = {state: self.numbers.settle(now[state]) for state in loop.states}
            now |= states
            self.tapes[number][step] = now

    def _read(self, loop: LoopGraph, step: int) -> Values:
        """The loop's input at a step, and the target of its output where the loop makes the outputs."""
        reads, found = loop.loop.reads, dict[Expression, Array]()
        if reads is not None:
            found[reads] = self.leaves[reads.at(step + int(reads.step - t))]
        if self.graph.every and not self.graph.readout:
            target = self.leaves.get(self.graph.target.at(step))
            found |= {} if target is None else {self.graph.target: target}
        return found

    def _start(self, loop: LoopGraph, state: Variable) -> Array:
        steps = self.counts[loop.loop.steps]
        source = loop.starts().get(state)
        if source is None:
            name, _, back = state.name.partition(BACK)
            own = Variable(name, state.shape, loop.start(steps) - int(back or 0) * loop.loop.direction)
            return self.leaves[own]
        for number, other in enumerate(self.graph.loops):
            if source in other.states:
                return self.tapes[number][int(other.last(self.counts[other.loop.steps]))][source]
        return self.leaves[source]

    def _output_steps(self) -> list[int | None]:
        if not self.graph.readout:
            return []
        return [*range(1, self.counts[self.graph.loops[-1].loop.steps] + 1)] if self.graph.every else [None]

    def _output(self, step: int | None) -> None:
        """Forward and back through the readout at one step: what arrives at the states of that step."""
        now = dict(self.parameters)
        now[self.graph.target] = self.leaves[self.graph.target.at(step)]
        places: dict[Variable, int] = {}
        for number, loop in enumerate(self.graph.loops):
            steps = loop.loop.steps
            places |= dict.fromkeys(loop.states, int(loop.last(self.counts[steps])) if step is None else step)
            if loop in self.graph.reading:
                seen = {s: s if step is not None else s.at(loop.last(steps)) for s in loop.states}
                now |= {seen[s]: self.tapes[number][places[s]][s] for s in loop.states}
        for a in self.graph.readout:
            now[a.target] = self.numbers.bind(self._value(a.value, now), a.target.at(step))
        for a in self.recursion.readout:
            now[a.target] = self.numbers.bind(self._slope(a.value, now), Adjoint(a.target.variable.at(step)))
        for parameter, value in self.recursion.readout_gradients.items():
            self.terms[parameter][None, step] = self._slope(value, now)
        for state, value in self.recursion.final.items():
            self.arriving[state, places[state]] = self._slope(value, now)

    def _backward(self) -> None:
        handed: dict[Variable, Array] = {}
        for number in reversed(range(len(self.graph.loops))):
            loop = self.recursion.loops[number]
            carried = {s: handed.get(s) for s in loop.graph.states}
            for step in reversed(self._order(loop.graph)):
                carried = self._step_back(number, loop, carried, step)
            starts = loop.graph.starts()
            self.starts |= {s: value for s, value in carried.items() if value is not None and s not in starts}
            handed |= {source: carried[s] for s, source in starts.items()}

    def _step_back(
        self, number: int, loop: LoopRecursion, carried: dict[Variable, Any], step: int
    ) -> dict[Variable, Any]:
        now = dict(self.tapes[number][step])
        for a in loop.step:
            variable = a.target.variable
            value = None if a.value == ZERO else self._slope(a.value, now, number, step)
            parts = [part for part in (carried.get(variable), self.arriving.get((variable, step)), value)
                     if part is not None]
            whole = sum(parts[1:], parts[0]) if parts else self.zeros(np.shape(now[variable]))
            now[a.target] = self.numbers.bind(whole, Adjoint(variable.at(step)))
        for parameter, value in loop.step_gradients.items():
            self.terms[parameter][number, step] = self._slope(value, now, number, step)
        if loop.input != ZERO and getattr(loop.graph.loop.reads, "name", "") == "x":
            part = self._slope(loop.input, now, number, step)
            self.inputs[step] = self.inputs[step] + part if step in self.inputs else part
        self._back[number, step] = now
        return {s: self.numbers.settle(self._slope(loop.carry[s], now, number, step)) if s in loop.carry else None
                for s in loop.graph.states}
