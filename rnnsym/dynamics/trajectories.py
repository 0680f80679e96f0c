"""A network followed along sequences: every let-bound quantity of every step, as float64 arrays.

The derivation's own expressions are evaluated, so what is measured along a trajectory is what the pages print.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from rnnsym.calculus.unrolling import Assignment, StepGraph, graph_of
from rnnsym.errors import DataError
from rnnsym.model.evaluation import Arithmetic, evaluate
from rnnsym.model.expressions import Expression, t
from rnnsym.model.networks import Network
from rnnsym.numerics.functions import elementwise_functions
from rnnsym.numerics.validation import Arguments, validate

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
    start where absent. Errors: DataError for arguments that do not fit, and for a state that is not finite.
    """
    found = validate(network, parameters, inputs, targets, initial_state, None, predict=targets is None)
    graph = graph_of(network)
    trajectories = Trajectories(graph, float_arithmetic(_sizes(network, found)), (), found)
    with np.errstate(all="ignore"):
        sequences = tuple(tuple(_steps(trajectories, place)) for place in range(len(found.inputs)))
    return Trajectories(graph, trajectories.arithmetic, sequences, found)


def float_arithmetic(sizes: Mapping[Any, int]) -> Arithmetic:
    """Return the arithmetic of float64 arrays, with the functions that compiled networks use."""
    functions = elementwise_functions()
    return Arithmetic(_number, lambda name, array: functions[name](array), dict(sizes))


@lru_cache(maxsize=256)
def _number(value: Any) -> float:
    return float(value)


def _steps(trajectories: Trajectories, place: int) -> Iterator[Values]:
    found, graph = trajectories.arguments, trajectories.graph
    constant: Values = {p: found.parameters[p.name] for p in graph.network.parameters}
    states = [_start(trajectories, state, place) for state in graph.network.states]
    for number, x in enumerate(found.inputs[place], start=1):
        values = {**constant, graph.network.input: x}
        values.update(zip((s.at(t - 1) for s in graph.states), states, strict=True))
        trajectories.assign(values, graph.cell)
        states = [values[s] for s in graph.states]
        for state in graph.states:
            if not np.isfinite(values[state]).all():
                raise DataError(f"the state {state.name} is not finite at step {number}: use smaller weights or inputs")
        yield values


def _start(trajectories: Trajectories, state: Any, place: int) -> Any:
    given = (trajectories.arguments.initial_state or {}).get(state.variable.name)
    if given is None:
        shape = tuple(trajectories.arithmetic.length(n) for n in state.variable.shape)
        return np.full(shape, float(state.initial))
    return given[place] if given.ndim > state.variable.rank else given


def _sizes(network: Network, found: Arguments) -> dict[Any, int]:
    """Return the value of every size, told from the arrays that bear it."""
    arrays = [(p.shape, found.parameters[p.name].shape) for p in network.parameters]
    arrays.append((network.input.shape, found.inputs.shape[2:]))
    for state in network.states:
        given = (found.initial_state or {}).get(state.variable.name)
        if given is not None:
            arrays.append((state.variable.shape, given.shape[given.ndim - state.variable.rank:]))
    if found.targets is not None:
        arrays.append((network.target.shape, found.targets.shape[1:]))
    sizes = {symbol: length for shape, own in arrays for symbol, length in zip(shape, own, strict=True)}
    for state in network.states:
        for symbol in state.variable.shape:
            if symbol.is_Symbol and symbol not in sizes:
                raise DataError(f"the size {symbol} of the state {state.variable.name} is borne by no parameter and no "
                                f"input: give initial_state with the key {state.variable.name!r}")
    return sizes
