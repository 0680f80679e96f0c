"""A network at one random point modulo a prime: all values of an unrolled sequence, and their derivatives."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from random import Random
from typing import Any

from sympy import Integer

from rnnsym.calculus import notation as no
from rnnsym.calculus.binding import Assignment, names_in
from rnnsym.calculus.lengths import step_counts
from rnnsym.calculus.paths import head, state_at, step_jacobian
from rnnsym.calculus.unrolling import BACK, LoopGraph, StepGraph, unroll
from rnnsym.evidence.quantities import Quantities
from rnnsym.evidence.residues import Atoms, Residue, random_array, residue_arithmetic
from rnnsym.evidence.sequences import OwnEquations, Sequence, leaf_names
from rnnsym.evidence.tangents import contract, summing_to_one
from rnnsym.model.evaluation import Arithmetic, Array, evaluate
from rnnsym.model.expressions import Expression, Variable
from rnnsym.model.losses import losses
from rnnsym.model.networks import Network

LONGEST_DIRECT = 12  # beyond this many steps, tangents from each step to the loss would cost T² step evaluations


@dataclass(frozen=True)
class Draw:
    """What a random point is drawn from: sizes by name, the number of steps and of the decoder's, a seed."""

    sizes: dict[str, int]
    steps: int
    seed: int
    output_steps: int | None = None


def random_residues(random: Random, arithmetic: Arithmetic, shape: Any) -> Array:
    """Return random residues of a symbolic shape."""
    array = random_array(random, tuple(arithmetic.length(length) for length in shape))
    return array if array.shape else array[()]


class Point(Quantities):
    """The values of all quantities of an unrolled network at random parameters, inputs, target and initial state."""

    def __init__(self, graph: StepGraph, draw: Draw) -> None:
        self.graph, self.steps, self.atoms = graph, draw.steps, Atoms(random := Random(draw.seed))
        counts = step_counts(graph, draw.steps, draw.output_steps)
        arithmetic = residue_arithmetic(self.atoms, graph.network.size_values(**draw.sizes) | counts)
        self.random = partial(random_residues, random, arithmetic)
        assignments = unroll(graph, draw.steps, draw.output_steps)
        super().__init__(
            assignments, self._own_values(counts, arithmetic), arithmetic, loss=graph.loss.target, states=graph.states,
            group=group_of(graph), number=Residue, draw=self.random, counts=counts,
        )
        self._loop_rows: dict[int, dict[int, Array]] = {}
        self._users: dict[Expression, list[Assignment]] = defaultdict(list)
        for assignment in assignments:
            for name in names_in(assignment.value):
                self._users[name].append(assignment)

    def _own_values(self, counts: dict[Any, Any], arithmetic: Arithmetic) -> dict[Any, Array]:
        """Draw the leaves and run the user's equations as they stand; the let-bound ones must make the same of them."""
        numbers = {symbol: int(count) for symbol, count in counts.items()}
        leaves = drawn_leaves(self.graph.network, numbers, self.random)
        own = OwnEquations(self.graph.network, Sequence(numbers, leaves), partial(evaluate, arithmetic=arithmetic))
        found = own.run(leaves)
        taken = [_taken_over(loop, counts[loop.loop.steps], found) for loop in self.graph.loops]
        return {name: value for values in (leaves, *taken) for name, value in values.items()}

    def users(self, name: Variable) -> list[Assignment]:
        """Return the assignments that use ``name``."""
        return self._users[name]

    def derivative(self, of: Any, by: Any, kind: type[no.Total] = no.Total) -> Array:
        """Return J = ∂of/∂by of the given kind; a long way from the loss goes through the states, linear in T."""
        key = (of, by, kind)
        group = self._step_of(by) if of == self.graph.loss.target and key not in self._derivatives else None
        if group is not None:
            self._derivatives[key] = self._through_states(by, group)
        return super().derivative(of, by, kind)

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


def drawn_leaves(network: Network, counts: dict[Any, int], draw: Any) -> dict[Any, Array]:
    """Draw all leaves of a sequence; a target that is a distribution sums to 1."""
    leaves = {leaf: draw(leaf.shape) for leaf in leaf_names(network, counts)}
    if losses[network.loss].distribution:
        leaves |= {leaf: summing_to_one(value) for leaf, value in leaves.items() if leaf.name == "target"}
    return leaves


def _taken_over(loop: LoopGraph, length: Any, found: dict[Any, Array]) -> dict[Any, Array]:
    """What a loop's own equations gave at each step, and what its states and registers start from."""
    values = {e.target.at(step): found[e.target.name, step]
              for step in range(1, int(length) + 1) for e in loop.loop.equations}
    start = loop.start(length)
    for state in loop.states:
        name, _, back = state.name.partition(BACK)
        if state not in loop.starts():
            values[state.at(start)] = found[name, int(start) - int(back or 0) * loop.loop.direction]
    return values


def group_of(graph: StepGraph) -> Callable[[Any], Any]:
    """Return what tells to which step of which loop an assigned name belongs, or to which output."""
    owners = {a.target.name: number for number, loop in enumerate(graph.loops) for a in loop.cell}
    return lambda target: (owners[target.name], int(target.step)) if target.name in owners else f"output {target.step}"
