"""What an unrolled diagram shows, before any place on paper: rows of cells, axes of steps, and which box feeds which.

Everything is read off the network's loops and their equations; no topology is known by its name.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from sympy import Integer

from rnnsym.dynamics.letters import AUTHOR, letters
from rnnsym.errors import DataError
from rnnsym.model.cells import Cell, State
from rnnsym.model.composition import Loop
from rnnsym.model.equations import Equation
from rnnsym.model.expressions import Parameter, S, T, Variable, t, walk
from rnnsym.model.kinds import known_network
from rnnsym.model.networks import Network

IN_FULL = 6  # more steps are drawn as 1, 2, 3, …, T
FIRST = 3
MOST_STEPS = 10_000
GAP = "…"  # the steps between the third and the last


@dataclass(frozen=True, eq=False)
class Row:
    """One layer of one loop. ``lags`` pairs each number of steps back with the states that are read from there.

    ``parameters`` are the names of those that its equations use.
    """

    loop: int
    name: str
    states: tuple[Variable, ...]
    lags: Mapping[int, tuple[Variable, ...]]
    parameters: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Axis:
    """Loops that run over the same steps 1 … ``count``, of which ``shown`` are drawn; the others are the gap."""

    loops: tuple[int, ...]
    count: Any
    shown: tuple[Any, ...]

    @property
    def keys(self) -> tuple[Any, ...]:
        """The columns from left to right."""
        broken = len(self.shown) > 1 and self.shown[-1] - self.shown[-2] != 1
        return (*self.shown[:-1], GAP, self.shown[-1]) if broken else self.shown

    def column(self, step: Any) -> Any:
        """Return the column of a step: itself, the gap, or None where it lies beside the sequence."""
        if step in self.shown:
            return step
        outside = (step - 1).is_negative or (step - self.count).is_positive
        return None if outside else GAP


@dataclass(frozen=True)
class Place:
    """A column: a step of an axis, its gap, or (``start``) a step before the first one of a loop."""

    axis: int
    key: Any
    start: bool = False


@dataclass(frozen=True)
class Edge:
    """States that go from a place in one row to a place in another, ``lag`` steps later."""

    source: Place
    source_row: Row
    target: Place
    target_row: Row
    lag: int
    states: tuple[tuple[Variable, Any], ...]  # each with the step whose value goes over
    handed: tuple[Variable, ...] = ()  # the states of a later loop that start from them


class Parts:
    """The rows, axes and edges of a network over ``steps`` steps, and ``output_steps`` of a later loop's.

    ``notation`` says in whose letters its quantities are written.
    """

    def __init__(
        self, network: Network, steps: int | None, output_steps: int | None, notation: str = AUTHOR
    ) -> None:
        self.network = known_network(network)
        self.style = letters(self.network, notation)
        self.loops = network.loops
        self.rows = tuple(row for number in range(len(self.loops)) for row in _rows(network, number))
        self.axes = tuple(_axes(network, _counts(network, steps, output_steps)))

    def axis_of(self, loop: int) -> int:
        """Return the number of the axis that a loop runs over."""
        return next(number for number, axis in enumerate(self.axes) if loop in axis.loops)

    def rows_of(self, axis: int) -> tuple[Row, ...]:
        """Return the rows of an axis from the input upwards."""
        return tuple(row for row in self.rows if row.loop in self.axes[axis].loops)

    @property
    def read(self) -> tuple[Row, ...]:
        """The rows that the readout reads."""
        names = {node.name for e in self.network.readout_equations for node in walk(e.expression)
                 if isinstance(node, Variable)}
        return tuple(row for row in self.rows if names & {state.name for state in row.states})

    def last(self, loop: int) -> Any:
        """Return the step at which a loop ends."""
        return Integer(1) if self.loops[loop].reverse else self.axes[self.axis_of(loop)].count

    @cached_property
    def edges(self) -> tuple[Edge, ...]:
        """All uses of a state of another step, from the bottom row up."""
        return tuple(edge for row in self.rows for lag in sorted(row.lags) for edge in self._edges(row, lag))

    def _edges(self, row: Row, lag: int) -> Iterator[Edge]:
        number = self.axis_of(row.loop)
        axis, shift = self.axes[number], lag * self.loops[row.loop].direction
        for step in axis.shown:
            target, column = Place(number, step), axis.column(step - shift)
            if column is None:
                yield from self._from_before(row, target, step - shift, lag)
            else:
                states = tuple((state, step - shift) for state in row.lags[lag])
                yield Edge(Place(number, column), row, target, row, lag, states)
            if axis.column(step + shift) == GAP:
                states = tuple((state, step) for state in row.lags[lag])
                yield Edge(Place(number, step), row, Place(number, GAP), row, lag, states)

    def _from_before(self, row: Row, target: Place, step: Any, lag: int) -> Iterator[Edge]:
        """Yield what a step reads from before the first: states that start freely, and an earlier loop's last ones."""
        starts = self.loops[row.loop].starts
        free = tuple((state, step) for state in row.lags[lag] if state not in starts)
        if free:
            yield Edge(Place(target.axis, step, start=True), row, target, row, lag, free)
        sources: dict[tuple[Place, Row], list[tuple[Variable, Variable, Any]]] = {}
        for state in (one for one in row.lags[lag] if one in starts):
            from_row = next(one for one in self.rows if starts[state] in one.states)
            back = self._handed_step(from_row.loop, row.loop, step)
            number = self.axis_of(from_row.loop)
            column = self.axes[number].column(back)
            place = Place(number, back, start=True) if column is None else Place(number, column)
            sources.setdefault((place, from_row), []).append((starts[state], state, back))
        for (place, from_row), found in sources.items():
            yield Edge(place, from_row, target, row, lag, tuple((source, back) for source, _, back in found),
                       tuple(state for _, state, _ in found))

    def _handed_step(self, earlier: int, later: int, step: Any) -> Any:
        """Return the step of the earlier loop that stands for a step before the later one's first."""
        before = self.axes[self.axis_of(later)].count + 1 - step if self.loops[later].reverse else step
        return self.last(earlier) + self.loops[earlier].direction * before

    def fed(self, loop: int) -> tuple[Variable, int] | None:
        """Return what a loop reads at step t and how many steps back: an input, a target or an output fed back."""
        reads = self.loops[loop].reads
        if reads is not None:
            return reads.at(t), int(t - reads.step) if reads.step is not None else 0
        state = self._fed_state(loop)
        return None if state is None else (state.variable, state.lag)

    def fed_start(self, loop: int) -> Variable | Any:
        """Return what a loop reads in place of an output before the first: the only input, or a number."""
        state = self._fed_state(loop)
        if state is None:
            return Integer(0)
        return self.loops[loop].starts.get(state.variable, state.initial)

    def _fed_state(self, loop: int) -> State | None:
        own = {state for row in self.rows if row.loop == loop for state in row.states}
        fed = (state for state in self.loops[loop].states if state.variable not in own and state.lag)
        return next(fed, None)


def _counts(network: Network, steps: int | None, output_steps: int | None) -> dict[Any, Any]:
    for name, value in (("steps", steps), ("output_steps", output_steps)):
        whole = isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= MOST_STEPS
        if value is not None and not whole:
            raise DataError(f"{name}: expected a whole number from 1 to {MOST_STEPS}, or None for a T that is left "
                            f"open, but it is {value!r:.80}")
    if output_steps is not None and not any(loop.steps == S for loop in network.loops):
        raise DataError(f"output_steps: the outputs of {network.topology} have no steps of their own; leave it out")
    inputs = 1 if network.shape_of_steps.single_step else steps
    outputs = output_steps if output_steps is not None else steps
    return {T: T if inputs is None else Integer(inputs), S: S if outputs is None else Integer(outputs)}


def _axes(network: Network, counts: Mapping[Any, Any]) -> Iterator[Axis]:
    """Gather loops that run side by side; one that starts where another ends gets an axis of its own behind it."""
    groups: list[list[int]] = []
    seen: set[Variable] = set()
    for number, loop in enumerate(network.loops):
        follows = any(source in seen for source in loop.starts.values())
        if follows or not groups:
            groups.append([])
        groups[-1].append(number)
        seen |= {state.variable for state in loop.states}
    for group in groups:
        count = counts[network.loops[group[0]].steps]
        yield Axis(tuple(group), count, _shown(count))


def _shown(count: Any) -> tuple[Any, ...]:
    full = count.is_Integer and count <= IN_FULL
    return tuple(Integer(step) for step in range(1, count + 1)) if full else (
        *(Integer(step) for step in range(1, FIRST + 1)), count)


def _rows(network: Network, number: int) -> Iterator[Row]:
    loop = network.loops[number]
    cell = _cell_of(network, loop, later=number > 0)
    states, equations = [state.variable for state in loop.states], list(loop.equations)
    for layer in cell.layers or (cell,):
        own, states = states[:len(layer.states)], states[len(layer.states):]
        used, equations = equations[:len(layer.equations)], equations[len(layer.equations):]
        parameters = frozenset(node.name for equation in used for node in walk(equation.expression)
                               if isinstance(node, Parameter))
        yield Row(number, layer.name, tuple(own), _lags(own, used, loop), parameters)


def _cell_of(network: Network, loop: Loop, *, later: bool) -> Cell:
    """Return the cell whose equations a loop runs, under names that may bear a prefix."""
    known = [network.decoder, network.cell] if later else [network.cell]
    names = [equation.target.name for equation in loop.equations]
    for cell in known:
        if cell is not None and len(cell.equations) <= len(names):
            own = [equation.target.name for equation in cell.equations]
            prefix = names[0].removesuffix(own[0])
            if all(name == prefix + bare for name, bare in zip(names, own, strict=False)):
                return cell
    raise DataError(f"no cell of this network has the equations of the loop that computes {', '.join(names)}")


def _lags(states: list[Variable], equations: list[Equation], loop: Loop) -> dict[int, tuple[Variable, ...]]:
    """Pair each lag with the states that the equations read from that many steps back."""
    read = {(node.name, int(loop.direction * (t - node.step))) for equation in equations
            for node in walk(equation.expression) if isinstance(node, Variable) and node.step is not None}
    lags = sorted({lag for name, lag in read if lag and name in {state.name for state in states}})
    return {lag: tuple(state for state in states if (state.name, lag) in read) for lag in lags}
