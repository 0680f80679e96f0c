"""What the derivation says of one step: the loss by the output, step Jacobians, and how each parameter enters."""

from __future__ import annotations

from collections.abc import Mapping

from rnnsym.calculus.notation import Chain, Immediate, Stack, StepBlock, Total
from rnnsym.calculus.paths import cell_parameters, readout_blocks, readout_parameters, state_at, step_blocks
from rnnsym.calculus.rules import pull_back
from rnnsym.calculus.unrolling import Assignment, StepGraph, at_last_step, names_in
from rnnsym.model.expressions import ONE, Expression, Parameter, Variable, add, t
from rnnsym.writing.backward import PASCANU
from rnnsym.writing.derivation import Section, Step

LAYOUT = (
    "Jacobians are in numerator layout: entry (i, j) of ∂a/∂b is the derivative of `a_i` by `b_j`. ∂⁺ is the immediate "
    "derivative: gates of the same step are substituted, all else is held fixed. For a matrix it has three axes, so it "
    "is shown acting on a vector from the left; the result has the parameter's shape."
)
COLUMNS = " The derivative of `L` by a column is printed as a column; on the left of a chain it is read as a row."


def local_section(graph: StepGraph, steps: int) -> Section:
    """Return the local derivatives of which paths are made."""
    lines = [_loss_slope(graph), *_through_readout(graph, steps), *_between_steps(graph, steps)]
    for parameter in graph.network.parameters:
        lines += _in_cell(graph, parameter, steps) if parameter in cell_parameters(graph) else []
        lines += _in_readout(graph, parameter, steps) if parameter in readout_parameters(graph) else []
    columns = COLUMNS if graph.network.convention == "column" else ""
    return Section("local", "Local derivatives", LAYOUT + columns + _stacked(graph), tuple(lines))


def _stacked(graph: StepGraph) -> str:
    if len(graph.states) == 1:
        return ""
    first, last = graph.states[0].name, graph.states[-1].name
    return (
        " With several states the chain runs over their stack, and ∂⁺ of the stack holds the stack before fixed. `J_t` "
        f"is the step Jacobian of the stack; its block with the superscripts `{last}`, `{first}` is the derivative of "
        f"`{last}_t` as `{first}` of the step before moves and the other states are held. A block not listed is zero."
    )


def _loss_slope(graph: StepGraph) -> Step:
    slope = pull_back(graph.loss.value, ONE)[graph.output]
    return Step("local derivative", Total(graph.loss.target, graph.output), slope, "The loss by the output.")


def _through_readout(graph: StepGraph, steps: int) -> list[Step]:
    kind = Total if len(graph.states) == 1 else Immediate
    return [
        Step("local derivative", kind(b.of, at_last_step(b.by, steps)), at_last_step(b.value, steps), "The output.")
        for b in readout_blocks(graph)
    ]


def _between_steps(graph: StepGraph, steps: int) -> list[Step]:
    kind = Total if len(graph.states) == 1 else StepBlock
    why = "From one step to the next."
    return [
        Step("local derivative", kind(b.of, b.by), b.value, why, span=(1, steps), references=(PASCANU,))
        for b in step_blocks(graph)
    ]


def _in_cell(graph: StepGraph, parameter: Parameter, steps: int) -> list[Step]:
    """G · ∂⁺s_t/∂W, of the stack where there are several states: then g has a part for each of them."""
    name = _row_name(graph)
    alone = len(graph.states) == 1
    rows = {state: Variable(name if alone else f"{name}_{state.name}", state.shape) for state in graph.states}
    value = _pulled(graph.cell, rows).get(parameter)
    row = next(iter(rows.values())) if alone else Stack(*rows.values())
    return [] if value is None else [_enters(parameter, name, row, state_at(graph, t), value, (1, steps))]


def _in_readout(graph: StepGraph, parameter: Parameter, steps: int) -> list[Step]:
    g = Variable(_row_name(graph), graph.output.shape)
    value = _pulled(graph.readout, {graph.output: g}).get(parameter)
    return [] if value is None else [_enters(parameter, g.name, g, graph.output, at_last_step(value, steps), None)]


def _enters(
    parameter: Parameter, name: str, row: Expression, of: Expression, value: Expression, span: tuple[int, int] | None
) -> Step:
    why = f"How `{parameter.name}` enters; `{name}` is any vector of the shape of what it multiplies."
    return Step("local derivative", Chain(row, Immediate(of, parameter)), value, why, span=span)


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
