"""A network followed along sequences: every let-bound quantity of every step, as float64 arrays.

The derivation's own expressions are evaluated, so what is measured along a trajectory is what the pages print.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import numpy as np

from rnnsym.calculus.binding import Assignment
from rnnsym.calculus.unrolling import BACK, StepGraph, graph_of
from rnnsym.dynamics.stacks import Stacks, stacks
from rnnsym.errors import DataError, DerivationError, NotFiniteError
from rnnsym.model.evaluation import Arithmetic, choose
from rnnsym.model.expressions import Expression, t
from rnnsym.model.networks import Network
from rnnsym.model.stacking import evaluate_stacked, flattened, largest_entry, rank_of
from rnnsym.numerics.functions import elementwise_functions
from rnnsym.numerics.validation import Arguments, Given

Values = dict[Expression, Any]


@dataclass(frozen=True)
class Trajectories:
    """The forward pass of a batch, or of batches of several networks.

    ``values`` holds each name's values at all steps, (T, *leading, *own), for the names of ``graph`` at step t and the
    states also at t − 1; ``parameters`` those of the parameters, which are the same at every step. What the leading
    axes are is told by ``arguments``.
    """

    graph: StepGraph
    arithmetic: Arithmetic
    arguments: Stacks
    parameters: Values
    values: Values

    @property
    def steps(self) -> int:
        """The number T of steps."""
        return len(self.values[self.graph.states[0]])

    @property
    def state_lengths(self) -> tuple[int, ...]:
        """The number of entries of each state, in the network's order; a scalar state has one."""
        return tuple(int(np.prod([self.arithmetic.length(n) for n in s.shape], dtype=int)) for s in self.graph.states)

    def at(self, step: int | slice) -> Values:
        """The values at one step, counted from 0, with the parameters; at some, with an axis for these in front."""
        return self.parameters | {name: value[step] for name, value in self.values.items()}

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
    """s_t = f(x_t, s_{t−1}) for t = 1 … T, every intermediate kept, all sequences at a time.

    ``inputs`` (batch, T, d), or (T, d) for one sequence; ``initial_state`` {state: (batch, n) or (n,)}, the declared
    start where absent. Parameters with one more axis, (m, *shape), are those of m networks; then every argument has
    that axis in front. Errors: DataError for arguments that do not fit, NotFiniteError for a state that is not finite,
    DerivationError for a network of several loops, or one that reads its own outputs.
    """
    graph = graph_of(network)
    if graph.only_loop().loop.reads is None:
        raise DerivationError(f"this follows networks that read an input at every step, and {network.topology} reads "
                              "its own outputs")
    found = stacks(network, Given(parameters, inputs, targets, initial_state), predict=targets is None)
    weights: Values = {p: found.parameters[p.name] for p in network.parameters}
    trajectories = Trajectories(graph, float_arithmetic(_sizes(network, found.first)), found, weights, {})
    with np.errstate(all="ignore"):
        steps = list(_steps(trajectories))
    values = {name: np.stack([step[name] for step in steps]) for name in steps[0]}
    return replace(trajectories, values=values)


def float_arithmetic(sizes: Mapping[Any, int]) -> Arithmetic:
    """Return the arithmetic of float64 arrays, with the functions that compiled networks use."""
    functions = elementwise_functions()
    return Arithmetic(_number, lambda name, array: functions[name](array), dict(sizes), choose, largest_entry)


@lru_cache(maxsize=256)
def _number(value: Any) -> float:
    return float(value)


def _steps(trajectories: Trajectories) -> Iterator[Values]:
    graph, found = trajectories.graph, trajectories.arguments
    states = [_start(trajectories, state) for state in graph.states]
    read = np.moveaxis(_read(trajectories), len(found.leading), 0)
    for number, x in enumerate(read, start=1):
        own: Values = {graph.network.input: x}
        own.update(zip((s.at(t - 1) for s in graph.states), states, strict=True))
        values = trajectories.parameters | own
        trajectories.assign(values, graph.cell)
        own |= {one.target: wide(values[one.target], found.leading, one.target) for one in graph.cell}
        states = [own[s] for s in graph.states]
        for state in graph.states:
            bad = ~np.isfinite(flattened(own[state], rank_of(state))).all(axis=-1)
            if bad.any():
                place = found.place(tuple(np.argwhere(bad)[0].tolist()))
                raise NotFiniteError(f"the state {state.name} is not finite at step {number}{place}: use smaller "
                                     "weights or inputs")
        yield own


def wide(value: Any, leading: tuple[int, ...], name: Expression) -> Any:
    """Return the values of a name with all leading axes, along which they may be the same."""
    own = np.shape(value)[np.ndim(value) - rank_of(name):]
    return np.broadcast_to(value, (*leading, *own))


def _read(trajectories: Trajectories) -> Any:
    """The inputs (*leading, T, d); the number of a row that is looked up is a row of the identity here."""
    network, inputs = trajectories.graph.network, trajectories.arguments.inputs
    if network.reads_index:
        inputs = np.eye(trajectories.arithmetic.length(network.input.shape[0]))[inputs]
    return np.expand_dims(inputs, len(trajectories.arguments.leading)) if network.shape_of_steps.one_input else inputs


def _start(trajectories: Trajectories, state: Any) -> Any:
    """Where a state, or the register of one, starts; a given start of several steps stands with the oldest first."""
    loop, found = trajectories.graph.only_loop(), trajectories.arguments
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
