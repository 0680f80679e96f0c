"""A network followed along sequences: every let-bound quantity of every step, as float64 arrays.

The derivation's own expressions are evaluated, so what is measured along a trajectory is what the pages print.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import numpy as np

from rnnsym.calculus.binding import Assignment
from rnnsym.calculus.unrolling import BACK, LoopGraph, StepGraph, graph_of
from rnnsym.dynamics.stacks import Stacks, stacks
from rnnsym.errors import DataError, NotFiniteError
from rnnsym.model.evaluation import Arithmetic, choose
from rnnsym.model.expressions import Expression, Variable
from rnnsym.model.networks import Network
from rnnsym.model.stacking import evaluate_stacked, flattened, largest_entry, rank_of
from rnnsym.numerics.functions import elementwise_functions
from rnnsym.numerics.validation import Arguments, Given

Values = dict[Expression, Any]


@dataclass(frozen=True)
class Trajectories:
    """The forward pass of one loop along a batch, or along batches of several networks.

    ``values`` holds each name's values at all steps, (steps, *leading, *own), in the order in which the loop runs, for
    the names of ``loop`` at step t and the states also at the step before; ``parameters`` those of the parameters,
    which are the same at every step. What the leading axes are is told by ``arguments``.
    """

    graph: StepGraph
    loop: LoopGraph
    arithmetic: Arithmetic
    arguments: Stacks
    parameters: Values
    values: Values

    @property
    def states(self) -> tuple[Variable, ...]:
        """The states of the loop at step t."""
        return self.loop.states

    @property
    def steps(self) -> int:
        """The number of steps."""
        return len(self.values[self.states[0]])

    @property
    def state_lengths(self) -> tuple[int, ...]:
        """The number of entries of each state, in the network's order; a scalar state has one."""
        return tuple(int(np.prod([self.arithmetic.length(n) for n in s.shape], dtype=int)) for s in self.states)

    def at(self, step: int | slice) -> Values:
        """The values at one step, counted from 0, with the parameters; at some, with an axis for these in front."""
        return self.parameters | {name: value[step] for name, value in self.values.items()}

    def by_step(self, values: Any) -> Any:
        """Turn values in the order in which the loop runs to the order of the steps t, or back."""
        return values[::-1] if self.loop.loop.reverse else values

    def evaluate(self, expression: Expression, values: Values) -> Any:
        """Return the value of an expression where its names have these values."""
        return evaluate_stacked(expression, values.__getitem__, self.arithmetic)

    def assign(self, values: Values, assignments: tuple[Assignment, ...]) -> None:
        """Compute the assignments one after another, each value under its target's name in ``values``."""
        for assignment in assignments:
            values[assignment.target] = self.evaluate(assignment.value, values)


def follow(
    network: Network, parameters: Any, inputs: Any, initial_state: Any = None, targets: Any = None
) -> Trajectories:
    """Follow a network of one loop: see ``follow_loops``. Errors: DerivationError for a network of several."""
    graph_of(network).only_loop()
    return follow_loops(network, Given(parameters, inputs, targets, initial_state))[0]


def follow_loops(network: Network, given: Given) -> tuple[Trajectories, ...]:
    """s_t = f(x_t, s_{t−1}) for all steps of each loop in turn, every intermediate kept, all sequences at a time.

    A later loop starts where an earlier one ends, or from the only input; one that reads its own outputs takes as many
    steps as there are targets, or ``given.steps``. Inputs are (batch, T, d), or (T, d) for one sequence; initial states
    {state: (batch, n) or (n,)}, the declared start where absent. Parameters with one more axis, (m, *shape), are those
    of m networks; then every argument has that axis in front. Errors: DataError for arguments that do not fit,
    NotFiniteError for a state that is not finite.
    """
    graph = graph_of(network)
    found = stacks(network, given, predict=given.targets is None)
    weights: Values = {p: found.parameters[p.name] for p in network.parameters}
    arithmetic = float_arithmetic(_sizes(network, found.first))
    followed = list[Trajectories]()
    with np.errstate(all="ignore"):
        for loop in graph.loops:
            begun = Trajectories(graph, loop, arithmetic, found, weights, {})
            steps = list(_steps(begun, followed))
            values = {name: np.stack([step[name] for step in steps]) for name in steps[0]}
            followed.append(replace(begun, values=values))
    return tuple(followed)


def float_arithmetic(sizes: Mapping[Any, int]) -> Arithmetic:
    """Return the arithmetic of float64 arrays, with the functions that compiled networks use."""
    functions = elementwise_functions()
    return Arithmetic(_number, lambda name, array: functions[name](array), dict(sizes), choose, largest_entry)


@lru_cache(maxsize=256)
def _number(value: Any) -> float:
    return float(value)


def _steps(trajectories: Trajectories, earlier: Sequence[Trajectories]) -> Iterator[Values]:
    loop, found = trajectories.loop, trajectories.arguments
    states = [_start(trajectories, state, earlier) for state in loop.states]
    for number, read in enumerate(_reading(trajectories), start=1):
        own: Values = dict(read)
        own.update(zip((s.at(loop.before) for s in loop.states), states, strict=True))
        values = trajectories.parameters | own
        trajectories.assign(values, loop.cell)
        own |= {one.target: wide(values[one.target], found.leading, one.target) for one in loop.cell}
        states = [own[s] for s in loop.states]
        _refuse_what_is_not_finite(trajectories, own, number)
        yield own


def _refuse_what_is_not_finite(trajectories: Trajectories, own: Values, number: int) -> None:
    for state in trajectories.states:
        bad = ~np.isfinite(flattened(own[state], rank_of(state))).all(axis=-1)
        if bad.any():
            place = trajectories.arguments.place(tuple(np.argwhere(bad)[0].tolist()))
            step = trajectories.loop.first(_count(trajectories)) + (number - 1) * trajectories.loop.loop.direction
            raise NotFiniteError(f"the state {state.name} is not finite at step {step}{place}: use smaller weights or "
                                 "inputs")


def _count(trajectories: Trajectories) -> int:
    """Return the number of steps of a loop: of the inputs, or of the outputs where it decodes or reads its own."""
    loop, first = trajectories.loop, trajectories.arguments.first
    own = loop.decodes or loop.loop.reads is None
    return first.steps if own or trajectories.graph.network.shape_of_steps.one_input else int(first.inputs.shape[1])


def wide(value: Any, leading: tuple[int, ...], name: Expression) -> Any:
    """Return the values of a name with all leading axes, along which they may be the same."""
    own = np.shape(value)[np.ndim(value) - rank_of(name):]
    return np.broadcast_to(value, (*leading, *own))


def _reading(trajectories: Trajectories) -> Iterator[Values]:
    """Yield what a loop reads at each step, in the order in which it runs: inputs, earlier targets, or nothing."""
    reads, count = trajectories.loop.loop.reads, _count(trajectories)
    if reads is None:
        yield from ({} for _ in range(count))
        return
    whole = _inputs(trajectories) if reads == trajectories.graph.network.input else _targets_before(trajectories)
    steps = np.moveaxis(whole, len(trajectories.arguments.leading), 0)
    yield from ({reads: one} for one in trajectories.by_step(steps))


def _inputs(trajectories: Trajectories) -> Any:
    """The inputs (*leading, T, d); the number of a row that is looked up is a row of the identity here."""
    network, inputs = trajectories.graph.network, trajectories.arguments.inputs
    if network.reads_index:
        inputs = np.eye(trajectories.arithmetic.length(network.input.shape[0]))[inputs]
    return np.expand_dims(inputs, len(trajectories.arguments.leading)) if network.shape_of_steps.one_input else inputs


def _targets_before(trajectories: Trajectories) -> Any:
    """The targets a step late, zeros before the first, (*leading, S, k)."""
    targets = trajectories.arguments.targets
    assert targets is not None  # where a teacher gives them, they were asked for
    axis = len(trajectories.arguments.leading)
    steps = np.moveaxis(targets, axis, 0)
    return np.moveaxis(np.concatenate([np.zeros_like(steps[:1]), steps[:-1]]), 0, axis)


def _start(trajectories: Trajectories, state: Variable, earlier: Sequence[Trajectories]) -> Any:
    """Where a state, or the register of one, starts; a given start of several steps stands with the oldest first."""
    loop, found = trajectories.loop, trajectories.arguments
    source = loop.starts().get(state)
    if source is not None:
        ended = next((one for one in earlier if source in one.values), None)
        return found.inputs if ended is None else ended.values[source][-1]
    name, _, back = state.name.partition(BACK)
    given = found.initial_state.get(name)
    if given is None:
        shape = tuple(trajectories.arithmetic.length(n) for n in state.shape)
        return np.full((*found.leading, *shape), float(loop.initial(state)))
    lag = next(one.lag for one in loop.loop.states if one.variable.name == name)
    return np.take(given, lag - 1 - int(back or 0), axis=len(found.leading)) if lag > 1 else given


def _sizes(network: Network, found: Arguments) -> dict[Any, int]:
    """Return the value of every size, told from the arrays that bear it."""
    arrays = [(p.shape, found.parameters[p.name].shape) for p in network.parameters]
    if not network.reads_index:
        arrays.append((network.input.shape, found.inputs.shape[found.inputs.ndim - network.input.rank :]))
    for state in network.states:
        given = (found.initial_state or {}).get(state.variable.name)
        if given is not None:
            arrays.append((state.variable.shape, given.shape[given.ndim - state.variable.rank:]))
    if found.targets is not None:
        arrays.append((network.target.shape, found.targets.shape[found.targets.ndim - network.target.rank :]))
    sizes = {symbol: length for shape, own in arrays for symbol, length in zip(shape, own, strict=True)
             if symbol.is_Symbol}  # a sum of sizes, d + n, settles none of them
    for state in network.states:
        for symbol in {symbol for length in state.variable.shape for symbol in length.free_symbols}:
            if symbol not in sizes:
                raise DataError(f"the size {symbol} of the state {state.variable.name} is borne by no parameter and no "
                                f"input: give initial_state with the key {state.variable.name!r}")
    return sizes
