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
from rnnsym.calculus.paths import cell_parameters
from rnnsym.calculus.unrolling import StepGraph
from rnnsym.dynamics.scans import TOGETHER, scale_to_one
from rnnsym.dynamics.sweeps import WEIGHT, Swept, sweep_loops
from rnnsym.dynamics.trajectories import Trajectories, follow_loops, wide
from rnnsym.errors import DataError
from rnnsym.model.expressions import Expression, Parameter
from rnnsym.model.kinds import shown, texts
from rnnsym.model.networks import Network
from rnnsym.model.stacking import flattened, rank_of, with_axes
from rnnsym.numerics.compilation import compile_network
from rnnsym.numerics.validation import Given

Float = NDArray[np.float64]


@dataclass(frozen=True)
class PathContributions:
    """The terms ∂L/∂W^(j), j = 1 … T, of each of the cell's parameters W.

    ``terms[W][j − 1]`` has W's shape, (T, *shape); their sum over j is ∂L/∂W. An entry below the smallest float is 0
    there, but not in ``log_norms[W]``, (T,), the natural logarithms of the terms' Frobenius norms: −∞ only where a
    term is exactly zero (as at j = 1 for a weight beside a state that starts at zero). Of m networks all arrays have
    their axis in front: (m, T, *shape), (m, T).
    """

    terms: Mapping[str, Float]
    log_norms: Mapping[str, Float]

    @property
    def steps(self) -> int:
        """The number T of steps."""
        return int(next(iter(self.log_norms.values())).shape[-1])

    @property
    def norms(self) -> Mapping[str, Float]:
        """‖∂L/∂W^(j)‖ in the Frobenius norm, (T,)."""
        return MappingProxyType({name: np.exp(values) for name, values in self.log_norms.items()})

    @property
    def gradients(self) -> Mapping[str, Float]:
        """∂L/∂W = Σ_j ∂L/∂W^(j), in W's shape."""
        return MappingProxyType({name: terms.sum(axis=self.log_norms[name].ndim - 1)
                                 for name, terms in self.terms.items()})

    def shares(self, name: str) -> Float:
        """Σ_{j > T−k} ‖∂L/∂W^(j)‖ / Σ_j ‖∂L/∂W^(j)‖ for k = 0 … T, (T + 1,): the share of the last k steps.

        Errors: DataError for a name without terms, and where every term is zero: there is nothing to share.
        """
        if not isinstance(name, str) or name not in self.log_norms:
            raise DataError(f"there are no contributions to {shown(name)} here, only to {', '.join(self.log_norms)}")
        return shares_of_last(self.log_norms[name], name)


def shares_of_last(log_norms: Any, name: str = "the parameter") -> Float:
    """Return the share of the last k = 0 … T norms in their sum, of their natural logarithms (…, T)."""
    logs = np.asarray(log_norms, dtype=np.float64)
    largest = logs.max(axis=-1, initial=-np.inf, keepdims=True)
    if not np.isfinite(largest).all():
        raise DataError(f"every step's contribution to {name} is zero, so no step has a share in it")
    sums = np.cumsum(np.exp(logs[..., ::-1] - largest), axis=-1)
    sums = np.concatenate([np.zeros_like(largest), sums], axis=-1)
    return np.asarray(sums / sums[..., -1:])


def refuse_flat(
    network: Network, parameters: Mapping[str, Any], inputs: Any, targets: Any, log_norms: Float, name: str
) -> None:
    """Raise DataError where all terms of one of m networks, log_norms (m, T), are zero; it says what has no slope."""
    flat = np.flatnonzero(np.isneginf(log_norms).all(axis=-1))
    if not len(flat):
        return
    one = flat[0]
    loss, slopes = compile_network(network).value_and_grad(
        {key: value[one] for key, value in parameters.items()}, inputs[one], targets[one])
    where = f"{len(flat)} of {len(log_norms)} networks drawn at random"
    if any(np.any(slope) for slope in slopes.values()):
        raise DataError(f"in {where} no step contributes to {name}: the loss has a slope in other parameters, but what "
                        "lies between is saturated or flat: use smaller weights or another function")
    raise DataError(f"in {where} the loss is saturated: at L = {loss:.3g} its slope in every parameter is exactly 0 in "
                    f"floating point, so no step contributes to {name}: use smaller weights or another seed")


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
    None means all, a decoder's too. The terms of a parameter stand in the order in which its loop runs: from the last
    step to the first in one that reads from the end. Over a batch L is the mean, and each term the mean of the
    sequences' terms. Parameters that have one more axis each, (m, *shape), are those of m networks, as for
    ``gradient_products``. Errors: DataError for arguments that do not fit, for terms that overflow, and where the cell
    has no parameters, or none that the loss depends on smoothly.
    """
    if targets is None:
        raise DataError("targets: a gradient is that of a loss, which needs them")
    followed = follow_loops(network, Given(parameters, inputs, targets, initial_state))
    graph = followed[0].graph
    with np.errstate(all="ignore"):
        swept = sweep_loops(followed, graph)
    recursion = adjoint_recursion(graph, weight=WEIGHT)
    found = {}
    for name in _wanted(graph, recursion, wrt):
        place = next(place for place, one in enumerate(recursion.loops) if name in one.step_gradients)
        with np.errstate(all="ignore"):
            found[name.name] = _terms(followed[place], swept[place], recursion.step_gradients[name])
        _refuse_overflow(followed[place], name.name, found[name.name][0])
    networks = len(followed[0].arguments.leading) - 1  # their axis, if there is one, goes in front of the steps'
    return PathContributions(*(MappingProxyType({name: np.moveaxis(both[part], 0, networks)
                                                 for name, both in found.items()}) for part in (0, 1)))


def _refuse_overflow(trajectories: Trajectories, name: str, values: Float) -> None:
    bad = np.argwhere(~np.isfinite(values))
    if len(bad):
        step, place = bad[0][0] + 1, trajectories.arguments.place(tuple(bad[0][1:2].tolist()))
        raise DataError(f"the contribution of step {step} to the gradient of {name}{place} overflows: use smaller "
                        "weights")


def _wanted(graph: StepGraph, recursion: AdjointRecursion, wrt: Iterable[str] | None) -> tuple[Parameter, ...]:
    of_cells = {p.name: p for p in cell_parameters(graph)}
    known = {name: p for name, p in of_cells.items() if p in recursion.step_gradients}
    if not known:
        name = graph.network.cell.name
        raise DataError(f"the gradients in {', '.join(of_cells)} of the cell {name} are zero whatever the numbers, so "
                        "no step contributes to any" if of_cells else
                        f"the cell {name} has no parameters, so no step contributes to any gradient")
    names = tuple(known) if wrt is None else texts("wrt", wrt, f"names of parameters, of {', '.join(known)}")
    if not names:
        raise DataError(f"wrt: expected at least one name of {', '.join(known)}; None means all")
    for name in names:
        if name in of_cells and name not in known:
            raise DataError(f"wrt: the gradient in {name} is zero whatever its value, so no step contributes to it; "
                            f"there are contributions to {', '.join(known)}")
        if name not in known:
            raise DataError(f"wrt: unknown parameter {name!r}; the cell's parameters are {', '.join(of_cells)}")
    return tuple(known[name] for name in names)


def _terms(trajectories: Trajectories, swept: Swept, expression: Expression) -> tuple[Float, Float]:
    """The terms of one parameter's gradient, (T, [networks,] *shape), and the logarithms of their norms."""
    rank, found = rank_of(expression), []
    batch = 1 + trajectories.arguments.batch_axis
    size = int(np.prod([trajectories.arithmetic.length(n) for n in expression.shape], dtype=int))
    at_a_time = max(1, TOGETHER // max(1, size * int(np.prod(trajectories.arguments.leading))))
    for start in range(0, trajectories.steps, at_a_time):
        chosen = slice(start, start + at_a_time)
        values = trajectories.at(chosen) | {name: value[chosen] for name, value in swept.adjoints.items()}
        each = trajectories.evaluate(expression, values)
        found.append(wide(each, swept.shape(chosen), expression).sum(axis=batch))
    terms = np.concatenate(found)
    scaled, power = scale_to_one(terms, axes=rank)
    norms = np.linalg.norm(flattened(scaled, rank), axis=-1)
    logs = np.log(norms) + (swept.exponents + power) * np.log(2.0)
    return np.ldexp(terms, with_axes(swept.exponents, rank)), logs
