"""The adjoint recursion: δ of every quantity from the δ of those that use it, one step at a time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from rnnsym.calculus.binding import Assignment
from rnnsym.calculus.notation import Adjoint
from rnnsym.calculus.rules import pull_back
from rnnsym.calculus.unrolling import LoopGraph, StepGraph
from rnnsym.model.expressions import (
    ZERO,
    Expression,
    Parameter,
    Variable,
    add,
    multiply,
)
from rnnsym.model.losses import losses


@dataclass(frozen=True)
class LoopRecursion:
    """Backpropagation through one step of a loop.

    ``step`` assigns ``Adjoint(v)`` in order of computation. ``Adjoint(s_t)`` of a state starts from what arrives: from
    the output of its step (``final`` of the whole recursion) and from the step after (``carry`` there); to this
    the assigned value, the uses within step t, is added. ``carry[s]`` is what step t hands to δ of s at the step
    before. ``step_gradients`` are the terms of ∂L/∂parameter of step t, to be summed over t; ``input`` is ∂L/∂x_t.
    """

    graph: LoopGraph
    step: tuple[Assignment, ...]
    carry: Mapping[Variable, Expression]
    step_gradients: Mapping[Parameter, Expression]
    input: Expression


@dataclass(frozen=True)
class AdjointRecursion:
    """Backpropagation through the outputs and through each loop, the last loop first in computation.

    ``readout`` assigns ``Adjoint(v)`` of the readout's quantities, at each step where there is an output at each.
    ``final[s]`` is what δ of a state gets from the output of its own step, or of the end where there is one output
    (zero where absent). ``readout_gradients`` are the readout's terms of ∂L/∂parameter, one an output.
    """

    readout: tuple[Assignment, ...]
    final: Mapping[Variable, Expression]
    readout_gradients: Mapping[Parameter, Expression]
    loops: tuple[LoopRecursion, ...]

    @property
    def step(self) -> tuple[Assignment, ...]:
        """The adjoints of one step of the only loop."""
        return self._only.step

    @property
    def carry(self) -> Mapping[Variable, Expression]:
        """What a step of the only loop hands to the step before."""
        return self._only.carry

    @property
    def step_gradients(self) -> Mapping[Parameter, Expression]:
        """The terms of ∂L/∂parameter of one step, of all loops: each parameter belongs to one."""
        return {p: value for loop in self.loops for p, value in loop.step_gradients.items()}

    @property
    def _only(self) -> LoopRecursion:
        (loop,) = self.loops
        return loop


@dataclass(frozen=True)
class _Sweep:
    adjoints: tuple[Assignment, ...]
    leaves: dict[Expression, Expression]


def adjoint_recursion(graph: StepGraph, *, fused: bool = True, weight: Expression | None = None) -> AdjointRecursion:
    """Derive the recursion; ``fused`` writes ∂L/∂logit = ŷ − y where the loss's entry says so.

    ``weight`` stands for the factor of each output's loss in L, ``graph.weight`` where absent.
    """
    seeds = _loss_seeds(graph, fused=fused, weight=graph.weight if weight is None else weight)
    readout = _sweep(graph.readout, seeds if graph.readout else {}, carried=())
    final: dict[Variable, Expression] = {}
    for loop in graph.reading:
        found = {s: readout.leaves.get(_seen(graph, loop, s), ZERO) for s in loop.states}
        final |= {s: value for s, value in found.items() if value != ZERO}
    return AdjointRecursion(
        readout=readout.adjoints,
        final=final,
        readout_gradients=_parameters(readout.leaves),
        loops=tuple(_loop(loop, seeds if _gives_output(loop) else {}) for loop in graph.loops),
    )


def pulled_back(
    assignments: tuple[Assignment, ...], seeds: Mapping[Expression, Expression]
) -> tuple[tuple[Assignment, ...], Mapping[Expression, Expression]]:
    """Return the δ of each assigned name, given ∂L/∂name of some as ``seeds``, and ∂L of all names used but not made.

    The sweep goes back over ``assignments`` once: δ of a name is the sum over its uses.
    """
    sweep = _sweep(assignments, dict(seeds), carried=())
    return sweep.adjoints, sweep.leaves


def within_step(loop: LoopGraph) -> dict[Variable, Expression]:
    """Return what δ of each state gets from the other states of its own step."""
    return {a.target.variable: a.value for a in _sweep(loop.cell, {}, carried=loop.states).adjoints
            if a.target.variable in loop.states}


def _gives_output(loop: LoopGraph) -> bool:
    return any(a.target.name == "yhat" for a in loop.cell)


def _seen(graph: StepGraph, loop: LoopGraph, state: Variable) -> Variable:
    """The state as the readout sees it: at its own step, or where its loop ends."""
    return state if graph.every else state.at(loop.last(loop.loop.steps))


def _loop(loop: LoopGraph, seeds: dict[Expression, Expression]) -> LoopRecursion:
    sweep = _sweep(loop.cell, seeds, carried=loop.states)
    reads = loop.loop.reads
    return LoopRecursion(
        loop,
        sweep.adjoints,
        {s: sweep.leaves[s.at(loop.before)] for s in loop.states if s.at(loop.before) in sweep.leaves},
        _parameters(sweep.leaves),
        ZERO if reads is None else sweep.leaves.get(reads, ZERO),
    )


def _loss_seeds(graph: StepGraph, *, fused: bool, weight: Expression) -> dict[Expression, Expression]:
    entry = losses[graph.network.loss]
    if fused and is_fused(graph) and entry.fused_slope is not None and graph.logit is not None:
        return {graph.logit: multiply(weight, entry.fused_slope(graph.output, graph.target))}
    return pull_back(graph.step_loss.value, weight)


def is_fused(graph: StepGraph) -> bool:
    """Whether the readout ends in the function that the loss's entry links with it."""
    entry = losses[graph.network.loss]
    return graph.logit is not None and getattr(graph.step_output.value, "function", None) == entry.link


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
