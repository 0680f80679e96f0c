"""One sequence of an example, and L of it by the network's own equations: nothing derived or generated takes part."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from rnnsym.evidence.examples import Example
from rnnsym.model.applications import Application
from rnnsym.model.cells import State
from rnnsym.model.composition import Loop
from rnnsym.model.evaluation import Array
from rnnsym.model.expressions import Expression, S, T, Variable, t
from rnnsym.model.losses import losses
from rnnsym.model.networks import Network

Evaluate = Callable[[Expression, Callable[[Expression], Array]], Array]


@dataclass(frozen=True)
class Sequence:
    """The numbers of steps {T: …, S: …} of one sequence, and its ``leaves``.

    Leaves are the parameters, the input and the target (at each step where there is one at each), and the states of
    the steps before the first.
    """

    counts: Mapping[Any, int]
    leaves: Mapping[Expression, Array]


def sequence_of(network: Network, example: Example, number: int) -> Sequence:
    """Return sequence ``number`` of the example's batch."""
    counts = _counts(network, example, number)
    leaves: dict[Expression, Any] = {p: example.parameters[p.name] for p in network.parameters}
    leaves |= _inputs(network, example, number, counts[T])
    leaves |= _targets(network, example, number, counts)
    for loop in network.loops:
        leaves |= _starts(loop, counts, example, number)
    return Sequence(counts, leaves)


def alike(network: Network, example: Example) -> list[tuple[int, ...]]:
    """The numbers of an example's sequences, those of as many steps together: they can be stacked."""
    groups: dict[Any, tuple[int, ...]] = {}
    for number in range(len(example.inputs)):
        counts = tuple(_counts(network, example, number).values())
        groups[counts] = (*groups.get(counts, ()), number)
    return list(groups.values())


def stacked_sequences(network: Network, example: Example, numbers: tuple[int, ...]) -> Sequence:
    """Return sequences that are alike as one, whose leaves have two leading axes.

    The first goes over the sequences, and has length 1 for parameters; the second, of length 1, is there for what
    each sequence is evaluated with.
    """
    sequences = [sequence_of(network, example, number) for number in numbers]
    leaves = {leaf: np.stack([one.leaves[leaf] for one in sequences])[:, None] for leaf in sequences[0].leaves}
    leaves |= {p: np.asarray(example.parameters[p.name])[None, None] for p in network.parameters}
    return Sequence(sequences[0].counts, leaves)


def _counts(network: Network, example: Example, number: int) -> dict[Any, int]:
    topology = network.shape_of_steps
    steps = example.targets.shape[1] if topology.feeds_back else 1 if topology.one_input else example.inputs.shape[1]
    steps = steps if example.lengths is None else int(example.lengths[number])
    outputs = steps
    if topology.decodes:
        own = example.target_lengths
        outputs = example.targets.shape[1] if own is None else int(own[number])
    return {T: int(steps), S: int(outputs)}


def _inputs(network: Network, example: Example, number: int, steps: int) -> dict[Expression, Array]:
    given, array = network.input, example.inputs[number]
    if network.reads_index:
        array = np.eye(example.sizes[str(given.shape[0])])[array]
    if network.shape_of_steps.one_input:
        return {given if given.step is None else given.at(1): array}
    return {given.at(step): array[step - 1] for step in range(1, steps + 1)}


def _targets(network: Network, example: Example, number: int, counts: Mapping[Any, int]) -> dict[Expression, Array]:
    target, array = network.target, example.targets[number]
    if not network.shape_of_steps.every:
        return {target.at(None): array}
    outputs = counts[network.loops[-1].steps]
    first = {target.at(0): np.zeros(array.shape[1:])} if network.forced else {}
    return first | {target.at(step): array[step - 1] for step in range(1, outputs + 1)}


def _starts(loop: Loop, counts: Mapping[Any, int], example: Example, number: int) -> dict[Expression, Array]:
    """The free states of the steps before the first; a state that reaches k steps back has k of them, oldest first."""
    found: dict[Expression, Array] = {}
    for state in loop.states:
        shape = tuple(int(length.subs(example.size_values)) for length in state.variable.shape)
        given = (example.initial_state or {}).get(state.variable.name)
        for back, before in enumerate(_before(loop, state, counts) if state.variable not in loop.starts else ()):
            value = np.full(shape, float(state.initial))
            if given is not None:
                value = given[number] if state.lag == 1 else given[number][state.lag - 1 - back]
            found[before] = value
    return found


def leaf_names(network: Network, counts: Mapping[Any, int]) -> list[Any]:
    """The leaves of a sequence of so many steps; a decoder's targets begin at step 0, before the first."""
    target, given = network.target, network.input
    steps = range(counts[network.loops[-1].steps] + 1)
    targets = [target.at(step) for step in steps] if network.shape_of_steps.every else [target.at(None)]
    inputs = [given] if given.step is None else [given.at(step) for step in range(1, counts[T] + 1)]
    starts = [before for loop in network.loops for state in loop.states if state.variable not in loop.starts
              for before in _before(loop, state, counts)]
    return [*network.parameters, *targets, *inputs, *starts]


def _before(loop: Loop, state: State, counts: Mapping[Any, int]) -> list[Variable]:
    """A state of the steps before the first, the newest first."""
    start = counts[loop.steps] + 1 if loop.reverse else 0
    return [state.variable.at(start - back * loop.direction) for back in range(max(state.lag, 1))]


class OwnEquations:
    """Runs a network's own equations over one sequence, with any arithmetic."""

    def __init__(self, network: Network, sequence: Sequence, evaluate: Evaluate) -> None:
        self.network, self.counts, self.evaluate = network, sequence.counts, evaluate
        self.values: dict[Any, Array] = {}

    def loss(self, leaves: Mapping[Expression, Array]) -> Array:
        """Return L of the leaves' values."""
        self.run(leaves)
        if not self.network.shape_of_steps.every:
            return self._output_loss(None)
        steps = self.counts[self.network.loops[-1].steps]
        each = [self._output_loss(step) for step in range(1, steps + 1)]
        total = sum(each[1:], each[0])
        return total / len(each) if self.network.over_steps == "mean" else total

    def run(self, leaves: Mapping[Expression, Array]) -> dict[Any, Array]:
        """Run all loops; return {(name, step): value} of all quantities, parameters by their names alone."""
        self.values = {_key(leaf): value for leaf, value in leaves.items()}
        for loop in self.network.loops:
            self._run_loop(loop)
        return self.values

    def _run_loop(self, loop: Loop) -> None:
        steps = self.counts[loop.steps]
        for state in loop.states:
            if state.variable in loop.starts:
                source = loop.starts[state.variable]
                end = self._end_of(source)
                for back in range(max(state.lag, 1)):
                    self.values[state.variable.name, -back] = self.values[source.name, end and end - back]
        for step in range(steps, 0, -1) if loop.reverse else range(1, steps + 1):
            for equation in loop.equations:
                self.values[equation.target.name, step] = self._value(equation.expression, step)

    def _end_of(self, source: Variable) -> int | None:
        """The last step of the loop that a state belongs to; the only input has none."""
        for loop in self.network.loops:
            if any(state.variable == source for state in loop.states):
                return 1 if loop.reverse else self.counts[loop.steps]
        return None

    def _value(self, expression: Expression, step: int | None) -> Array:
        def look_up(node: Expression) -> Array:
            name, offset = _name_and_offset(node)
            return self.values[name] if offset is None else self.values[name, self._place(name, offset, step)]

        return self.evaluate(expression, look_up)

    def _place(self, name: str, offset: int, step: int | None) -> int | None:
        """The step that a name stands at; behind the last step, a state stands where its loop ends."""
        if step is not None:
            return step + offset
        for loop in self.network.loops:
            if any(state.variable.name == name for state in loop.states):
                return 1 if loop.reverse else self.counts[loop.steps]
        return None

    def _output_loss(self, step: int | None) -> Array:
        """The loss of the output at ``step``, from the logit where loss and readout belong together."""
        network, entry = self.network, losses[self.network.loss]
        last = network.readout_equations[-1]
        fused = isinstance(last.expression, Application) and last.expression.function == entry.link
        for equation in network.readout_equations if not network.feeds_back else ():
            self.values[equation.target.name, step] = self._value(equation.expression, step)
        of = Variable("logit", last.target.shape, t) if fused else last.target
        if fused:
            self.values["logit", step] = self._value(last.expression.argument, step)
        value = entry.fused_value if fused and entry.fused_value is not None else entry.value
        return self._value(value(of, Variable("target", of.shape, t)), step)


def _key(leaf: Any) -> Any:
    if not isinstance(leaf, Variable):
        return leaf.name
    return (leaf.name, None if leaf.step is None else int(leaf.step))


@lru_cache(maxsize=4096)
def _name_and_offset(node: Any) -> tuple[str, int | None]:
    return (node.name, int(node.step - t)) if isinstance(node, Variable) else (node.name, None)
