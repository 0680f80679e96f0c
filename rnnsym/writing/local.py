"""What the derivation says of one step: the loss by the output, step Jacobians, and how each parameter enters."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rnnsym.calculus.binding import Assignment, names_in
from rnnsym.calculus.collection import collected
from rnnsym.calculus.notation import Chain, Immediate, Stack, StepBlock, Total
from rnnsym.calculus.paths import loop_with, readout_blocks, readout_parameters, state_at, step_blocks
from rnnsym.calculus.rules import pull_back
from rnnsym.calculus.unrolling import LoopGraph, StepGraph, at_last_step
from rnnsym.model.activations import activations
from rnnsym.model.expressions import ONE, Elementwise, Expression, IdentityMatrix, Parameter, T, Variable, add, t, walk
from rnnsym.writing.backward import PASCANU
from rnnsym.writing.derivation import Section, Step

LAYOUT = (
    "Jacobians are in numerator layout: entry (i, j) of ∂a/∂b is the derivative of `a_i` by `b_j`. ∂⁺ is the immediate "
    "derivative: gates of the same step are substituted, all else is held fixed. For a matrix it has three axes, so it "
    "is shown acting on a vector from the left; the result has the parameter's shape."
)
COLUMNS = " The derivative of `L` by a column is printed as a column; on the left of a chain it is read as a row."


def local_section(graph: StepGraph, counts: Mapping[Any, Any]) -> Section:
    """Return the local derivatives of which paths are made."""
    last = counts[graph.loops[-1].loop.steps]
    lines = [_loss_slope(graph, last), *_through_readout(graph, counts)]
    for loop in graph.loops:
        lines += [*_between_steps(graph, loop, counts), *_handed_over(graph, loop, counts)]
    for parameter in graph.network.parameters:
        own = loop_with(graph, parameter)
        lines += [] if own is None else _in_cell(graph, own, parameter, counts)
        lines += _in_readout(graph, parameter, counts) if parameter in readout_parameters(graph) else []
    columns = COLUMNS if graph.network.convention == "column" else ""
    stacked = next((_stacked(loop) for loop in graph.loops if len(loop.states) > 1), "")
    words = LAYOUT + columns + stacked + _straight_through(graph)
    return Section("local", "Local derivatives", words, tuple(lines))


def _straight_through(graph: StepGraph) -> str:
    """Say which functions are differentiated as what they stand for, where there are any."""
    used = dict.fromkeys(node.function for a in (*graph.cell, *graph.readout) for node in walk(a.value)
                         if isinstance(node, Elementwise) and activations[node.function].straight_through)
    if not used:
        return ""
    names = " and ".join(used)
    return f" {names} is differentiated straight through, as if it were the identity: its slope is taken for 1."


def _stacked(loop: LoopGraph) -> str:
    first, last = loop.loop.states[0].variable.name, loop.loop.states[-1].variable.name
    return (
        " With several states the chain runs over their stack, and ∂⁺ of the stack holds the stack before fixed. `J_t` "
        f"is the step Jacobian of the stack; its block with the superscripts `{last}`, `{first}` is the derivative of "
        f"`{last}_t` as `{first}` of the step before moves and the other states are held. A block not listed is zero."
    )


def _loss_slope(graph: StepGraph, last: Any) -> Step:
    slope = pull_back(graph.step_loss.value, ONE)[graph.output]
    span = (1, last) if graph.every else None
    total = Total(graph.step_loss.target, graph.output)
    return Step("local derivative", total, slope, "The loss by the output.", span=span, scope="output")


def _through_readout(graph: StepGraph, counts: Mapping[Any, Any]) -> list[Step]:
    kind = Total if all(len(loop.states) == 1 for loop in graph.reading) else Immediate
    steps, span = counts[T], _span(graph, counts)
    return [
        Step("local derivative", kind(b.of, _ended(graph, b.by, steps)), _ended(graph, b.value, steps), "The output.",
             span=span, scope="output")
        for b in readout_blocks(graph)
    ]


def _span(graph: StepGraph, counts: Mapping[Any, Any]) -> tuple[Any, Any] | None:
    return (1, counts[graph.loops[-1].loop.steps]) if graph.every else None


def _ended(graph: StepGraph, expression: Expression, steps: Any) -> Expression:
    return expression if graph.every else at_last_step(expression, steps)


def _between_steps(graph: StepGraph, loop: LoopGraph, counts: Mapping[Any, Any]) -> list[Step]:
    kind = Total if len(loop.states) == 1 else StepBlock
    span = (1, counts[loop.loop.steps])
    why = "From one step to the next."
    return [
        Step("local derivative", kind(b.of, b.by), collected(b.value), why, span=span, references=(PASCANU,),
             scope="step", loop=graph.loops.index(loop))
        for b in step_blocks(loop)
    ]


def _handed_over(graph: StepGraph, loop: LoopGraph, counts: Mapping[Any, Any]) -> list[Step]:
    """The decoder starts where the encoder ends: an identity."""
    ends = {state: other.last(counts[other.loop.steps]) for other in graph.loops for state in other.states}
    start = loop.start(counts[loop.loop.steps])
    return [
        Step("local derivative", Immediate(state.at(start), source.at(ends[source])),
             IdentityMatrix(state.shape[0]) if state.shape else ONE, "Handed over.")
        for state, source in loop.starts().items() if source in ends
    ]


def _in_cell(graph: StepGraph, loop: LoopGraph, parameter: Parameter, counts: Mapping[Any, Any]) -> list[Step]:
    """G · ∂⁺s_t/∂W, of the stack where there are several states: then g has a part for each of them."""
    name = _row_name(graph)
    alone = len(loop.states) == 1
    rows = {state: Variable(name if alone else f"{name}_{state.name}", state.shape) for state in loop.states}
    value = _pulled(loop.cell, rows).get(parameter)
    row = next(iter(rows.values())) if alone else Stack(*rows.values())
    span = (1, counts[loop.loop.steps])
    if value is None:
        return []
    place = graph.loops.index(loop)
    return [_enters(parameter, name, row, state_at(loop, t), value, span, scope="step", loop=place)]


def _in_readout(graph: StepGraph, parameter: Parameter, counts: Mapping[Any, Any]) -> list[Step]:
    g = Variable(_row_name(graph), graph.output.shape)
    value = _pulled(graph.readout, {graph.output: g}).get(parameter)
    if value is None:
        return []
    ended = _ended(graph, value, counts[T])
    return [_enters(parameter, g.name, g, graph.output, ended, _span(graph, counts), scope="output")]


def _enters(
    parameter: Parameter, name: str, row: Expression, of: Expression, value: Expression, span: tuple[Any, Any] | None,
    **where: Any,
) -> Step:
    why = f"How `{parameter.name}` enters; `{name}` is any vector of the shape of what it multiplies."
    return Step("local derivative", Chain(row, Immediate(of, parameter)), collected(value), why, span=span, **where)


def _row_name(graph: StepGraph) -> str:
    used = {name.name for a in (*graph.cell, *graph.readout) for name in (*names_in(a.value), a.target)}
    return next(name for name in ("g", "v", "w", "r", *(f"g{i}" for i in range(len(used) + 1))) if name not in used)


def _pulled(assignments: tuple[Assignment, ...], seeds: Mapping[Variable, Expression]) -> dict[Expression, Expression]:
    """Pull rows at the states, or at the output, back through one step; earlier states are where it ends."""
    gathered: dict[Expression, Expression] = dict(seeds)
    for assignment in reversed(assignments):
        gradient = gathered.pop(assignment.target, None)
        if gradient is not None:
            for name, part in pull_back(assignment.value, gradient, assignment.target).items():
                gathered[name] = add(gathered[name], part) if name in gathered else part
    return gathered
