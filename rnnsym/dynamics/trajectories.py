"""A network followed along sequences: every let-bound quantity of every step, as float64 arrays.

The derivation's own expressions are evaluated, so what is measured along a trajectory is what the pages print.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from rnnsym.calculus.binding import Assignment
from rnnsym.calculus.unrolling import BACK, StepGraph, graph_of
from rnnsym.errors import DataError, DerivationError
from rnnsym.model.evaluation import Arithmetic, choose, evaluate
from rnnsym.model.expressions import Expression, t
from rnnsym.model.networks import Network
from rnnsym.numerics.functions import elementwise_functions
from rnnsym.numerics.validation import Arguments, Given, validate

Values = dict[Expression, Any]


@dataclass(frozen=True)
class Trajectories:
    """The forward pass of a batch: ``sequences[i][j - 1]`` holds the values of all names at step j of sequence i.

    The names are those of ``graph`` at step t, the states also at t − 1, and the parameters. ``single`` says that one
    sequence came without a batch axis.
    """

    graph: StepGraph
    arithmetic: Arithmetic
    sequences: tuple[tuple[Values, ...], ...]
    arguments: Arguments

    @property
    def single(self) -> bool:
        """Whether one sequence came without a batch axis."""
        return self.arguments.single

    @property
    def state_lengths(self) -> tuple[int, ...]:
        """The number of entries of each state, in the network's order; a scalar state has one."""
        return tuple(int(np.prod([self.arithmetic.length(n) for n in s.shape], dtype=int)) for s in self.graph.states)

    def assign(self, values: Values, assignments: tuple[Assignment, ...]) -> None:
        """Compute the assignments one after another, each value under its target's name in ``values``."""
        for assignment in assignments:
            values[assignment.target] = evaluate(assignment.value, values.__getitem__, self.arithmetic)


def follow(
    network: Network, parameters: Any, inputs: Any, initial_state: Any = None, targets: Any = None
) -> Trajectories:
    """s_t = f(x_t, s_{t−1}) for t = 1 … T, every intermediate kept.

    ``inputs`` (batch, T, d), or (T, d) for one sequence; ``initial_state`` {state: (batch, n) or (n,)}, the declared
    start where absent. Errors: DataError for arguments that do not fit, and for a state that is not finite,
    DerivationError for a network of several loops, or one that reads its own outputs.
    """
    graph = graph_of(network)
    if graph.only_loop().loop.reads is None:
        raise DerivationError(f"this follows networks that read an input at every step, and {network.topology} reads "
                              "its own outputs")
    found = validate(network, Given(parameters, inputs, targets, initial_state), predict=targets is None)
    trajectories = Trajectories(graph, float_arithmetic(_sizes(network, found)), (), found)
    with np.errstate(all="ignore"):
        sequences = tuple(tuple(_steps(trajectories, place)) for place in range(len(found.inputs)))
    return Trajectories(graph, trajectories.arithmetic, sequences, found)


def float_arithmetic(sizes: Mapping[Any, int]) -> Arithmetic:
    """Return the arithmetic of float64 arrays, with the functions that compiled networks use."""
    functions = elementwise_functions()
    return Arithmetic(_number, lambda name, array: functions[name](array), dict(sizes), choose, np.max)


@lru_cache(maxsize=256)
def _number(value: Any) -> float:
    return float(value)


def _steps(trajectories: Trajectories, place: int) -> Iterator[Values]:
    found, graph = trajectories.arguments, trajectories.graph
    constant: Values = {p: found.parameters[p.name] for p in graph.network.parameters}
    states = [_start(trajectories, state, place) for state in graph.states]
    for number, x in enumerate(_read(trajectories, place), start=1):
        values = {**constant, graph.network.input: x}
        values.update(zip((s.at(t - 1) for s in graph.states), states, strict=True))
        trajectories.assign(values, graph.cell)
        states = [values[s] for s in graph.states]
        for state in graph.states:
            if not np.isfinite(values[state]).all():
                raise DataError(f"the state {state.name} is not finite at step {number}: use smaller weights or inputs")
        yield values


def _read(trajectories: Trajectories, place: int) -> Any:
    """The inputs of one sequence, (T, d); the number of a row that is looked up is a row of the identity here."""
    network, inputs = trajectories.graph.network, trajectories.arguments.inputs[place]
    if network.reads_index:
        inputs = np.eye(trajectories.arithmetic.length(network.input.shape[0]))[inputs]
    return inputs[None] if network.shape_of_steps.one_input else inputs


def _start(trajectories: Trajectories, state: Any, place: int) -> Any:
    """Where a state, or the register of one, starts; a given start of several steps stands with the oldest first."""
    loop = trajectories.graph.only_loop()
    name, _, back = state.name.partition(BACK)
    given = (trajectories.arguments.initial_state or {}).get(name)
    if given is None:
        shape = tuple(trajectories.arithmetic.length(n) for n in state.shape)
        return np.full(shape, float(loop.initial(state)))
    lag = next(one.lag for one in loop.loop.states if one.variable.name == name)
    own = given[place] if given.ndim > state.rank + (lag > 1) else given
    return own[lag - 1 - int(back or 0)] if lag > 1 else own


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
