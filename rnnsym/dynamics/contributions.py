"""The gradient of a shared parameter, path by path: what its use at each step j contributes to ∂L/∂W.

Each use of W is taken for a parameter W^(j) of its own (untied weights); ∂L/∂W is the sum of the ∂L/∂W^(j).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rnnsym.calculus.adjoints import AdjointRecursion, adjoint_recursion
from rnnsym.calculus.binding import Assignment
from rnnsym.calculus.notation import Adjoint
from rnnsym.dynamics.products import scale_to_one
from rnnsym.dynamics.trajectories import Trajectories, Values, follow
from rnnsym.errors import DataError
from rnnsym.model.evaluation import evaluate
from rnnsym.model.expressions import ONE, Parameter, T
from rnnsym.model.networks import Network

Float = NDArray[np.float64]


@dataclass(frozen=True)
class PathContributions:
    """The terms ∂L/∂W^(j), j = 1 … T, of each of the cell's parameters W.

    ``terms[W][j − 1]`` has W's shape, (T, *shape); their sum over j is ∂L/∂W. An entry below the smallest float is 0
    there, but not in ``log_norms[W]``, (T,), the natural logarithms of the terms' Frobenius norms: −∞ only where a
    term is exactly zero (as at j = 1 for a weight beside a state that starts at zero).
    """

    terms: Mapping[str, Float]
    log_norms: Mapping[str, Float]

    @property
    def steps(self) -> int:
        """The number T of steps."""
        return len(next(iter(self.log_norms.values())))

    @property
    def norms(self) -> Mapping[str, Float]:
        """‖∂L/∂W^(j)‖ in the Frobenius norm, (T,)."""
        return MappingProxyType({name: np.exp(values) for name, values in self.log_norms.items()})

    @property
    def gradients(self) -> Mapping[str, Float]:
        """∂L/∂W = Σ_j ∂L/∂W^(j), in W's shape."""
        return MappingProxyType({name: terms.sum(axis=0) for name, terms in self.terms.items()})

    def shares(self, name: str) -> Float:
        """Σ_{j > T−k} ‖∂L/∂W^(j)‖ / Σ_j ‖∂L/∂W^(j)‖ for k = 0 … T, (T + 1,): the share of the last k steps.

        Errors: DataError for a name without terms, and where every term is zero: there is nothing to share.
        """
        if name not in self.log_norms:
            raise DataError(f"there are no contributions to {name!r} here, only to {', '.join(self.log_norms)}")
        return shares_of_last(self.log_norms[name], name)


def shares_of_last(log_norms: Any, name: str = "the parameter") -> Float:
    """Return the share of the last k = 0 … T norms in their sum, of their natural logarithms (T,)."""
    logs = np.asarray(log_norms, dtype=np.float64)
    largest = logs.max(initial=-np.inf)
    if not np.isfinite(largest):
        raise DataError(f"every step's contribution to {name} is zero, so no step has a share in it")
    sums = np.concatenate([[0.0], np.cumsum(np.exp(logs[::-1] - largest))])
    return np.asarray(sums / sums[-1])


def path_contributions(
    network: Network,
    parameters: Any,
    inputs: Any,
    targets: Any,
    initial_state: Any = None,
    wrt: Iterable[str] | None = None,
) -> PathContributions:
    """∂L/∂W^(j) = Σ_s (∂L/∂s_j) (∂⁺s_j/∂W) for j = 1 … T and the cell's parameters W.

    Arguments as for ``value_and_grad`` of ``rnnsym.compile``, without lengths; ``wrt`` names parameters of the cell,
    None means all. Over a batch L is the mean, and each term the mean of the sequences' terms. Errors: DataError for
    arguments that do not fit, for terms that overflow, and where the cell has no parameters.
    """
    trajectories = follow(network, parameters, inputs, initial_state, targets)
    recursion = adjoint_recursion(trajectories.graph, weight=ONE)
    chosen = _wanted(network, recursion, wrt)
    with np.errstate(all="ignore"):
        terms, log_norms = _Sweep(trajectories, recursion).run(chosen)
    for name, values in terms.items():
        if not np.isfinite(values).all():
            step = int(np.argwhere(~np.isfinite(values))[0][0]) + 1
            raise DataError(f"the contribution of step {step} to the gradient of {name} overflows: use smaller weights")
    return PathContributions(MappingProxyType(terms), MappingProxyType(log_norms))


def _wanted(network: Network, recursion: AdjointRecursion, wrt: Iterable[str] | None) -> tuple[Parameter, ...]:
    known = {p.name: p for p in network.parameters if p in recursion.step_gradients}
    if not known:
        raise DataError(f"the cell {network.cell.name} has no parameters, so no step contributes to any gradient")
    names = known if wrt is None else (wrt,) if isinstance(wrt, str) else tuple(wrt)
    for name in names:
        if name not in known:
            raise DataError(f"wrt: unknown parameter {name!r}; the cell's parameters are {', '.join(known)}")
    return tuple(known[name] for name in names)


class _Sweep:
    """One backward pass over a batch; the adjoints are kept as mantissas times a common 2^exponent."""

    def __init__(self, trajectories: Trajectories, recursion: AdjointRecursion) -> None:
        self.trajectories = trajectories
        self.recursion = recursion
        self.exponent = 0

    def run(self, parameters: tuple[Parameter, ...]) -> tuple[dict[str, Float], dict[str, Float]]:
        graph = self.trajectories.graph
        last = len(self.trajectories.sequences[0]) - 1
        adjoints = [[np.zeros(np.shape(steps[-1][s])) for s in graph.states] for steps in self.trajectories.sequences]
        terms: dict[str, list[Float]] = {p.name: [] for p in parameters}
        logs: dict[str, list[float]] = {p.name: [] for p in parameters}
        for step in reversed(range(last + 1)):
            if graph.every or step == last:
                adjoints = self._joined(adjoints, [self._output(place, step) for place in range(len(adjoints))])
            adjoints = self._rescale(adjoints)
            values = [self._step(place, step, own) for place, own in enumerate(adjoints)]
            for p in parameters:
                term = self._term(p, values)
                terms[p.name].append(np.ldexp(term, self.exponent))
                logs[p.name].append(self._log_norm(term))
            adjoints = [self._carry(own) for own in values]
        return ({name: np.array(found[::-1]) for name, found in terms.items()},
                {name: np.array(found[::-1]) for name, found in logs.items()})

    def _evaluate(self, expression: Any, values: Values) -> Any:
        return evaluate(expression, values.__getitem__, self.trajectories.arithmetic)

    def _output(self, place: int, step: int) -> list[Any]:
        """Return what each state's δ gets from the output of its step; L is one sequence's part of the mean."""
        graph, steps = self.trajectories.graph, self.trajectories.sequences[place]
        targets = self.trajectories.arguments.targets
        assert targets is not None  # ``follow`` was given them
        values: Values = {p: steps[step][p] for p in graph.network.parameters}
        values.update({state if graph.every else state.at(T): steps[step][state] for state in graph.states})
        values[graph.target] = targets[place, step] if graph.every else targets[place]
        self.trajectories.assign(values, graph.readout)
        self.trajectories.assign(values, self.recursion.readout)
        found = self.recursion.final
        own = [self._evaluate(found[s], values) if s in found else np.zeros(np.shape(steps[step][s]))
               for s in graph.states]
        count = len(targets) * (len(steps) if graph.network.over_steps == "mean" else 1)
        return [value / count for value in own]

    def _joined(self, adjoints: list[list[Any]], outputs: list[list[Any]]) -> list[list[Any]]:
        """Add what comes from outputs to what was carried, under the larger of the two exponents."""
        flat = np.concatenate([np.ravel(value) for own in outputs for value in own])
        carried = np.concatenate([np.ravel(value) for own in adjoints for value in own])
        if not carried.any():
            self.exponent = 0
        if not flat.any():
            return adjoints
        exponent = max(self.exponent, int(np.frexp(np.abs(flat).max())[1]))
        joined = [[np.ldexp(old, self.exponent - exponent) + np.ldexp(new, -exponent)
                   for old, new in zip(*pair, strict=True)] for pair in zip(adjoints, outputs, strict=True)]
        self.exponent = exponent
        return joined

    def _rescale(self, adjoints: list[list[Any]]) -> list[list[Any]]:
        flat = np.concatenate([np.ravel(value) for own in adjoints for value in own])
        _, power = scale_to_one(flat)
        self.exponent += power
        return [[np.ldexp(value, -power) for value in own] for own in adjoints]

    def _step(self, place: int, step: int, arrived: list[Any]) -> Values:
        """Return all values of one step with its adjoints: what arrived of each state, and its uses within the step."""
        graph = self.trajectories.graph
        values = dict(self.trajectories.sequences[place][step])
        values.update(zip((Adjoint(s) for s in graph.states), arrived, strict=True))
        for assignment in self.recursion.step:
            self._assign(assignment, values)
        return values

    def _assign(self, assignment: Assignment, values: Values) -> None:
        value = self._evaluate(assignment.value, values)
        is_state = assignment.target.variable in self.trajectories.graph.states
        values[assignment.target] = values[assignment.target] + value if is_state else value

    def _carry(self, values: Values) -> list[Any]:
        found = self.recursion.carry
        return [self._evaluate(found[s], values) if s in found else np.zeros(np.shape(values[s]))
                for s in self.trajectories.graph.states]

    def _term(self, parameter: Parameter, values: list[Values]) -> Float:
        expression = self.recursion.step_gradients[parameter]
        return np.asarray(np.sum([self._evaluate(expression, own) for own in values], axis=0))

    def _log_norm(self, term: Float) -> float:
        scaled, power = scale_to_one(term)
        norm = float(np.linalg.norm(scaled))
        return float(np.log(norm) + (self.exponent + power) * np.log(2.0)) if norm else -np.inf
