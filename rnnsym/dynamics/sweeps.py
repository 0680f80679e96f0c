"""The backward pass along followed sequences: adjoints of all quantities of all steps, beyond the range of floats."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rnnsym.calculus.adjoints import AdjointRecursion
from rnnsym.calculus.binding import Assignment
from rnnsym.calculus.notation import Adjoint
from rnnsym.dynamics.trajectories import Trajectories, Values, wide
from rnnsym.model.expressions import Expression, T, Variable
from rnnsym.model.stacking import flattened, rank_of, with_axes

Float = NDArray[np.float64]
States = dict[Variable, Float]


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


def sweep(trajectories: Trajectories, recursion: AdjointRecursion) -> Swept:
    """Go back from the last step to the first, all sequences at a time; L is the mean over each batch."""
    return _Sweep(trajectories, recursion).run()


class _Sweep:
    """The adjoints that are on their way back, as mantissas beside the exponents of their networks."""

    def __init__(self, trajectories: Trajectories, recursion: AdjointRecursion) -> None:
        self.trajectories, self.recursion = trajectories, recursion
        self.leading = trajectories.arguments.leading
        self.exponent: NDArray[np.int64] = np.zeros(self.leading[:-1], dtype=np.int64)

    def run(self) -> Swept:
        graph, last = self.trajectories.graph, self.trajectories.steps - 1
        carried = {s: np.zeros_like(self.trajectories.values[s][last]) for s in graph.states}
        outputs = self._outputs()
        steps, exponents = list[Values](), list[NDArray[np.int64]]()
        for step in reversed(range(last + 1)):
            if graph.every or step == last:
                carried = self._joined(carried, {s: own[step if graph.every else 0] for s, own in outputs.items()})
            carried = self._rescaled(carried)
            values, own = self._step(step, carried)
            steps.append(own)
            exponents.append(self.exponent)
            carried = {s: self._carried(s, values) for s in graph.states}
        adjoints = {name: np.stack([own[name] for own in steps[::-1]]) for name in steps[0]}
        return Swept(adjoints, np.stack(exponents[::-1]), self.leading)

    def _outputs(self) -> States:
        """What each state's δ gets from the outputs, (T, *leading, *own), or (1, …) from one; L is the batch's mean."""
        graph, found, arguments = self.trajectories.graph, self.recursion.final, self.trajectories.arguments
        targets = arguments.targets
        assert targets is not None  # ``follow`` was given them
        steps = slice(None) if graph.every else slice(-1, None)
        states = {s: self.trajectories.values[s][steps] for s in graph.states}
        values: Values = dict(self.trajectories.parameters)
        values.update({s if graph.every else s.at(T): value for s, value in states.items()})
        values[graph.target] = np.moveaxis(targets, len(self.leading), 0) if graph.every else targets
        self.trajectories.assign(values, graph.readout)
        self.trajectories.assign(values, self.recursion.readout)
        batch = self.leading[-1]
        count = batch * (self.trajectories.steps if graph.network.over_steps == "mean" else 1)
        return {s: wide(self.trajectories.evaluate(found[s], values) / count, (len(own), *self.leading), s)
                if s in found else np.zeros_like(own) for s, own in states.items()}

    def _joined(self, carried: States, outputs: States) -> States:
        """Add what comes from outputs to what was carried, under the larger of the two exponents."""
        exponent = np.where(self._largest(carried) > 0, self.exponent, 0)
        largest = self._largest(outputs)
        joint = np.where(largest > 0, np.maximum(exponent, np.frexp(largest)[1]), exponent)
        joined = {s: self._times_power(old, exponent - joint) + self._times_power(outputs[s], -joint)
                  for s, old in carried.items()}
        self.exponent = joint
        return joined

    def _rescaled(self, carried: States) -> States:
        power = np.frexp(self._largest(carried))[1]
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

    def _step(self, step: int, arrived: States) -> tuple[Values, Values]:
        """All values of one step, and among them its adjoints: what arrived, and the uses within the step."""
        values = self.trajectories.at(step) | {Adjoint(s): value for s, value in arrived.items()}
        for assignment in self.recursion.step:
            self._assign(assignment, values)
        names = dict.fromkeys([Adjoint(s) for s in arrived] + [a.target for a in self.recursion.step])
        return values, {name: wide(values[name], self.leading, name) for name in names}

    def _assign(self, assignment: Assignment, values: Values) -> None:
        value = self.trajectories.evaluate(assignment.value, values)
        is_state = assignment.target.variable in self.trajectories.graph.states
        values[assignment.target] = values[assignment.target] + value if is_state else value

    def _carried(self, state: Variable, values: Values) -> Float:
        found = self.recursion.carry
        if state not in found:
            return np.zeros_like(values[state])
        return np.asarray(wide(self.trajectories.evaluate(found[state], values), self.leading, state))
