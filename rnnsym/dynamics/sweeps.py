"""The backward pass along followed sequences: adjoints of all quantities of all steps, beyond the range of floats."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rnnsym.calculus.adjoints import AdjointRecursion, LoopRecursion, adjoint_recursion
from rnnsym.calculus.binding import Assignment
from rnnsym.calculus.notation import Adjoint
from rnnsym.calculus.unrolling import StepGraph
from rnnsym.dynamics.trajectories import Trajectories, Values, wide
from rnnsym.model.expressions import Expression, Variable, walk
from rnnsym.model.stacking import flattened, rank_of, with_axes

Float = NDArray[np.float64]
States = dict[Variable, Float]
WEIGHT = Variable("weight'", ())  # of one output's loss in L; no name of a user's has such a sign


@dataclass(frozen=True)
class Swept:
    """``adjoints`` of all steps, (T, *leading, *own), of which each is to be multiplied by 2^exponent.

    The sequences of a batch, whose terms are added up, share the exponent of their step: ``exponents`` are (T,), or
    (T, networks).
    """

    adjoints: Mapping[Expression, Float]
    exponents: NDArray[np.int64]
    leading: tuple[int, ...]

    def shape(self, steps: slice) -> tuple[int, ...]:
        """The axes in front of what belongs to one sequence at each of some steps."""
        return (len(self.exponents[steps]), *self.leading)


def sweep_loops(followed: Sequence[Trajectories], graph: StepGraph) -> tuple[Swept, ...]:
    """Go back through each loop from where it ends to where it begins; L is the mean over each batch.

    The last loop comes first: an earlier one gets what a later one, which starts from it, hands back.
    """
    recursion = adjoint_recursion(graph, weight=WEIGHT)
    outputs = _outputs(followed, graph, recursion)
    found = list[Swept]()
    handed: _Arrived | None = None
    for one, own, arrived in zip(reversed(followed), reversed(recursion.loops), reversed(outputs), strict=True):
        going = _Sweep(one, own, arrived, handed)
        found.append(going.run())
        handed = going.handed()
    return tuple(reversed(found))


def _outputs(followed: Sequence[Trajectories], graph: StepGraph, recursion: AdjointRecursion) -> list[States]:
    """What δ of each loop's states gets from the readout, (steps, *leading, *own) in the order in which it runs.

    From one output it is (1, …), for the end; no state is named that gets nothing.
    """
    if not graph.readout:
        return [{} for _ in followed]
    arguments = followed[-1].arguments
    assert arguments.targets is not None  # the trajectories were followed with targets
    values: Values = dict(followed[-1].parameters)
    for one in followed:
        if one.loop in graph.reading:
            last = one.loop.last(one.loop.loop.steps)
            values.update({s: one.by_step(one.values[s]) for s in one.states} if graph.every else
                          {s.at(last): one.values[s][-1:] for s in one.states})
    axis = len(arguments.leading)
    values[graph.target] = np.moveaxis(arguments.targets, axis, 0) if graph.every else arguments.targets
    values[WEIGHT] = np.full(arguments.leading, 1.0 / _counted(followed[-1]))
    followed[-1].assign(values, graph.readout)
    followed[-1].assign(values, recursion.readout)
    return [{s: one.by_step(wide(one.evaluate(recursion.final[s], values), (_seen(one, graph), *arguments.leading), s))
             for s in one.states if s in recursion.final} for one in followed]


def _seen(trajectories: Trajectories, graph: StepGraph) -> int:
    return trajectories.steps if graph.every else 1


def _counted(trajectories: Trajectories) -> int:
    """What the sum of all losses is divided by: the batch, and where their mean is taken the outputs."""
    mean = trajectories.graph.network.over_steps == "mean"
    return int(trajectories.arguments.leading[-1] * (trajectories.steps if mean else 1))


@dataclass(frozen=True)
class _Arrived:
    """δ of the states that a later loop starts from, as mantissas beside the exponents of their networks."""

    states: States
    exponent: NDArray[np.int64]


class _Sweep:
    """The adjoints that are on their way back, as mantissas beside the exponents of their networks."""

    def __init__(
        self, trajectories: Trajectories, recursion: LoopRecursion, outputs: States, handed: _Arrived | None
    ) -> None:
        self.trajectories, self.recursion, self.outputs = trajectories, recursion, outputs
        self.leading = trajectories.arguments.leading
        self.exponent: NDArray[np.int64] = np.zeros(self.leading[:-1], dtype=np.int64)
        self.carried = {s: np.zeros_like(trajectories.values[s][-1]) for s in trajectories.states}
        if handed is not None:
            known = {s: value for s, value in handed.states.items() if s in self.carried}
            self.carried |= known
            self.exponent = handed.exponent if known else self.exponent
        self.seeded = any(WEIGHT in walk(one.value) for one in recursion.step)

    def run(self) -> Swept:
        last, every = self.trajectories.steps - 1, self.trajectories.graph.every
        steps, exponents = list[Values](), list[NDArray[np.int64]]()
        for step in reversed(range(last + 1)):
            if self.outputs and (every or step == last):
                arrived = {s: own[step if every else 0] for s, own in self.outputs.items()}
                self.carried = self._joined(self.carried, arrived)
            self.carried = self._rescaled(self.carried)
            values, own = self._step(step)
            steps.append(own)
            exponents.append(self.exponent)
            self.carried = {s: self._carried(s, values) for s in self.trajectories.states}
        adjoints = {name: np.stack([own[name] for own in steps[::-1]]) for name in steps[0]}
        return Swept(adjoints, np.stack(exponents[::-1]), self.leading)

    def handed(self) -> _Arrived:
        """What the states that this loop starts from get of it, when it has run back."""
        found: States = {}
        for state, source in self.trajectories.loop.starts().items():
            found[source] = found[source] + self.carried[state] if source in found else self.carried[state]
        return _Arrived(found, self.exponent)

    def _joined(self, carried: States, outputs: States) -> States:
        """Add what comes from outputs to what was carried, under the larger of the two exponents."""
        exponent = np.where(self._largest(carried) > 0, self.exponent, 0)
        largest = self._largest(outputs)
        joint = np.where(largest > 0, np.maximum(exponent, np.frexp(largest)[1]), exponent)
        joined = {s: self._times_power(old, exponent - joint) + (self._times_power(outputs[s], -joint) if s in outputs
                                                                 else 0.0) for s, old in carried.items()}
        self.exponent = joint
        return joined

    def _rescaled(self, carried: States) -> States:
        """Give the largest entry of each network the exponent 0, or where losses enter within the step at most that."""
        power = np.frexp(self._largest(carried))[1]
        if self.seeded:
            power = np.maximum(self.exponent + power, 0) - self.exponent
        self.exponent = self.exponent + power
        return {s: self._times_power(value, -power) for s, value in carried.items()}

    def _largest(self, states: States) -> Float:
        """The largest entry of all states of all sequences of each network."""
        each = [np.abs(flattened(value, rank_of(s) + 1)).max(axis=-1, initial=0.0) for s, value in states.items()]
        return np.asarray(np.max(each, axis=0))

    def _times_power(self, value: Float, exponent: Any) -> Float:
        """Multiply by 2^exponent, one a network."""
        own = value.ndim - np.ndim(exponent)
        return np.ldexp(value, with_axes(exponent, own))

    def _step(self, step: int) -> tuple[Values, Values]:
        """All values of one step, and among them its adjoints: what arrived, and the uses within the step."""
        values = self.trajectories.at(step) | {Adjoint(s): value for s, value in self.carried.items()}
        if self.seeded:
            values |= self._seeds(step)
        for assignment in self.recursion.step:
            self._assign(assignment, values)
        names = dict.fromkeys([Adjoint(s) for s in self.carried] + [a.target for a in self.recursion.step])
        return values, {name: wide(values[name], self.leading, name) for name in names}

    def _seeds(self, step: int) -> Values:
        """The target of a step whose own output has a loss, and the weight of that loss under the step's exponent."""
        arguments = self.trajectories.arguments
        assert arguments.targets is not None  # the trajectories were followed with targets
        weight = self._times_power(np.full(self.leading, 1.0 / _counted(self.trajectories)), -self.exponent)
        return {WEIGHT: weight,
                self.trajectories.graph.target: np.take(arguments.targets, step, axis=len(self.leading))}

    def _assign(self, assignment: Assignment, values: Values) -> None:
        value = self.trajectories.evaluate(assignment.value, values)
        is_state = assignment.target.variable in self.trajectories.states
        values[assignment.target] = values[assignment.target] + value if is_state else value

    def _carried(self, state: Variable, values: Values) -> Float:
        found = self.recursion.carry
        if state not in found:
            return np.zeros_like(values[state])
        return np.asarray(wide(self.trajectories.evaluate(found[state], values), self.leading, state))
