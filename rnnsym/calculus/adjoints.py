"""The adjoint recursion: δ of every quantity from the δ of those that use it, one step at a time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from rnnsym.calculus.notation import Adjoint
from rnnsym.calculus.rules import pull_back
from rnnsym.calculus.unrolling import Assignment, StepGraph
from rnnsym.model.expressions import ONE, ZERO, Expression, Parameter, T, Variable, add, t
from rnnsym.model.losses import losses


@dataclass(frozen=True)
class AdjointRecursion:
    """Backpropagation through one step, and through the readout once.

    ``readout`` and ``step`` assign ``Adjoint(v)`` in order of computation. ``final[s]`` is ∂L/∂s_T by the readout (zero
    where absent). In ``step``, ``Adjoint(s_t)`` of a state starts from what arrives from later steps (``final`` at
    T, ``carry`` of step t + 1 before that), to which the assigned value, the uses within step t, is added.
    ``carry[s]`` is what step t hands to ``Adjoint(s_{t-1})``. ``step_gradients`` and ``readout_gradients`` are the
    terms of ∂L/∂parameter of step t (to be summed over t) and of the readout; ``input`` is ∂L/∂x_t.
    """

    readout: tuple[Assignment, ...]
    final: Mapping[Variable, Expression]
    step: tuple[Assignment, ...]
    carry: Mapping[Variable, Expression]
    step_gradients: Mapping[Parameter, Expression]
    readout_gradients: Mapping[Parameter, Expression]
    input: Expression


@dataclass(frozen=True)
class _Sweep:
    adjoints: tuple[Assignment, ...]
    leaves: dict[Expression, Expression]


def adjoint_recursion(graph: StepGraph, *, fused: bool = True) -> AdjointRecursion:
    """Derive the recursion; ``fused`` writes ∂L/∂logit = ŷ − y where the loss's entry says so."""
    readout = _sweep(graph.readout, _loss_seeds(graph, fused=fused), carried=())
    step = _sweep(graph.cell, {}, carried=graph.states)
    final = {s: readout.leaves.get(s.at(T), ZERO) for s in graph.states}
    return AdjointRecursion(
        readout=readout.adjoints,
        final={s: value for s, value in final.items() if value != ZERO},
        step=step.adjoints,
        carry={s: step.leaves[s.at(t - 1)] for s in graph.states if s.at(t - 1) in step.leaves},
        step_gradients=_parameters(step.leaves),
        readout_gradients=_parameters(readout.leaves),
        input=step.leaves.get(graph.network.input, ZERO),
    )


def _loss_seeds(graph: StepGraph, *, fused: bool) -> dict[Expression, Expression]:
    entry = losses[graph.network.loss]
    last = graph.readout[-1]
    if fused and is_fused(graph) and entry.fused_slope is not None and graph.logit is not None:
        target = Variable("target", last.target.shape)
        return {graph.logit: entry.fused_slope(last.target, target)}
    return pull_back(graph.loss.value, ONE)


def is_fused(graph: StepGraph) -> bool:
    """Whether the readout ends in the function that the loss's entry links with it."""
    entry = losses[graph.network.loss]
    return graph.logit is not None and getattr(graph.readout[-1].value, "function", None) == entry.link


def _sweep(
    assignments: tuple[Assignment, ...], seeds: dict[Expression, Expression], carried: tuple[Variable, ...]
) -> _Sweep:
    """Go back over ``assignments``: a name's δ is the sum over its uses, found before its own assignment is reached."""
    gathered: dict[Expression, Expression] = dict(seeds)
    adjoints: list[Assignment] = []
    for assignment in reversed(assignments):
        target = assignment.target
        total = gathered.pop(target, ZERO)
        if total == ZERO and target not in carried:
            continue
        adjoints.append(Assignment(Adjoint(target), total))
        for name, part in pull_back(assignment.value, Adjoint(target), target).items():
            gathered[name] = add(gathered[name], part) if name in gathered else part
    return _Sweep(tuple(adjoints), gathered)


def _parameters(leaves: dict[Expression, Expression]) -> dict[Parameter, Expression]:
    return {name: value for name, value in leaves.items() if isinstance(name, Parameter)}
