"""The sum over paths: from the loss back to each step at which a shared parameter enters.

∂L/∂W = Σ_j ∂L/∂ŷ · ∂ŷ/∂s_T · (Π_{t=T…j+1} ∂s_t/∂s_{t−1}) · ∂⁺s_j/∂W, the product in descending order; with an output
at every step a sum over these stands in front. With several states, s is their stack and ∂s_t/∂s_{t−1} the block
Jacobian of the composed step map, in which routes within one step (h through c) are already contained. In a loop that
runs from the end the product ascends; a path into an encoder goes on through the decoder's start. (Werbos 1990;
Pascanu, Mikolov, Bengio 2013, eqs. 3–5.)
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from rnnsym.calculus.binding import names_in
from rnnsym.calculus.jacobians import jacobian
from rnnsym.calculus.lengths import step_counts
from rnnsym.calculus.notation import (
    AscendingProduct,
    Chain,
    DescendingProduct,
    Immediate,
    Stack,
    StepBlock,
    SumOverSteps,
    Total,
)
from rnnsym.calculus.unrolling import LoopGraph, StepGraph
from rnnsym.model.expressions import (
    ONE,
    Expression,
    IdentityMatrix,
    Numeral,
    Parameter,
    S,
    T,
    Variable,
    multiply,
    t,
)

EXPLICIT_FACTORS = 6  # a longer chain of step Jacobians is written as one product over t


@dataclass(frozen=True)
class Path:
    """One term of a gradient's sum: the way from L back to step ``step`` (None: through the readout alone).

    ``output`` is the step of the output that it begins at, None where there is one output only.
    """

    parameter: Parameter
    step: int | None
    term: Expression
    output: int | None = None


@dataclass(frozen=True)
class Block:
    """One block of a Jacobian between steps: ∂``of``/∂``by`` = ``value``, where it is not zero."""

    of: Variable
    by: Variable
    value: Expression


def state_at(loop: LoopGraph, step: Any) -> Expression:
    """The state of a loop at a step: itself where there is one, the stack of all where there are several."""
    moved = [state.at(step) for state in loop.states]
    return moved[0] if len(moved) == 1 else Stack(*moved)


def parameters_of(assignments: Any) -> set[Parameter]:
    """The parameters that assignments use."""
    return {name for a in assignments for name in names_in(a.value) if isinstance(name, Parameter)}


def cell_parameters(graph: StepGraph) -> tuple[Parameter, ...]:
    """The parameters that enter at every step of a loop, in the network's order."""
    used = parameters_of(graph.cell)
    return tuple(p for p in graph.network.parameters if p in used)


def loop_with(graph: StepGraph, parameter: Parameter) -> LoopGraph | None:
    """The loop in whose steps a parameter enters; None: only in the readout."""
    return next((loop for loop in graph.loops if parameter in parameters_of(loop.cell)), None)


def readout_parameters(graph: StepGraph) -> tuple[Parameter, ...]:
    """The parameters that enter in the readout, in the network's order."""
    used = parameters_of(graph.readout)
    return tuple(p for p in graph.network.parameters if p in used)


def head(graph: StepGraph, loop: LoopGraph, at: Any) -> tuple[Total, ...]:
    """The factors that a path begins with: ∂L/∂ŷ and ∂ŷ/∂s of the states at the step ``at``.

    An output at every step has its own loss L_t. Where the output is a state itself, one factor says both.
    """
    loss, output = graph.step_loss.target, graph.output
    if graph.every:
        loss, output = loss.at(at), output.at(at)
    if graph.output in loop.states:
        return (Total(loss, state_at(loop, at)),)
    return Total(loss, output), Total(output, state_at(loop, at))


def step_jacobian(loop: LoopGraph, step: Any) -> Total:
    """The factor ∂s_t/∂s_{t−1} at ``step``."""
    return Total(state_at(loop, step), state_at(loop, step - loop.loop.direction))


def _links(loop: LoopGraph, start: Any, end: Any) -> list[Expression]:
    """The step Jacobians from the state at ``start`` back to that at ``end``, written out where they are few."""
    way = loop.loop.direction
    if abs(start - end) > EXPLICIT_FACTORS:
        return [path_product(loop, start, end)]
    return [step_jacobian(loop, i) for i in range(start, end, -way)]


def path_product(loop: LoopGraph, start: Any, end: Any) -> Expression:
    """The product of the step Jacobians from the state at ``start`` back to that at ``end``."""
    kind = AscendingProduct if loop.loop.reverse else DescendingProduct
    return kind(step_jacobian(loop, t), t, start, end + loop.loop.direction)


def handover(graph: StepGraph, loop: LoopGraph, counts: Mapping[Any, Any]) -> tuple[Total, LoopGraph]:
    """The factor ∂s'_0/∂s_T by which a later loop starts from ``loop``, and that later loop."""
    later = graph.loops[graph.loops.index(loop) + 1]
    begin = state_at(later, later.start(counts[later.loop.steps]))
    return Total(begin, state_at(loop, loop.last(counts[loop.loop.steps]))), later


def path(
    graph: StepGraph, parameter: Parameter, step: int, counts: Mapping[Any, Any], output: int | None = None
) -> Path:
    """Return the path of ``parameter`` through its use at ``step``, from the output at step ``output``."""
    loop = loop_with(graph, parameter)
    assert loop is not None  # asked only for parameters of a loop
    entering = Immediate(state_at(loop, step), parameter)
    last = int(loop.last(counts[loop.loop.steps]))
    if loop in graph.reading:
        begin = last if output is None else output
        return Path(parameter, step, Chain(*head(graph, loop, begin), *_links(loop, begin, step), entering), output)
    begin_there, later = handover(graph, loop, counts)
    first = [*head(graph, later, output), *_links(later, int(output or 1), 0)]
    return Path(parameter, step, Chain(*first, begin_there, *_links(loop, last, step), entering), output)


def count_paths(graph: StepGraph, parameter: Parameter, steps: int, output_steps: int | None = None) -> int:
    """Return how many paths lead from L to a parameter: one for each pair of an output and a use before it."""
    counts = step_counts(graph, steps, output_steps)
    outputs = int(counts[graph.loops[-1].loop.steps]) if graph.every else 1
    loop = loop_with(graph, parameter)
    if loop is None:
        return outputs
    uses = int(counts[loop.loop.steps])
    return outputs * (outputs + 1) // 2 if graph.every and loop in graph.reading else outputs * uses


def paths(graph: StepGraph, steps: int, output_steps: int | None = None) -> Mapping[Parameter, tuple[Path, ...]]:
    """Return each parameter's paths, by output, the shortest of each (through the last step) first."""
    counts = step_counts(graph, steps, output_steps)
    return {p: tuple(_paths_of(graph, p, counts)) for p in graph.network.parameters}


def _paths_of(graph: StepGraph, parameter: Parameter, counts: Mapping[Any, Any]) -> list[Path]:
    length = int(counts[graph.loops[-1].loop.steps])
    found = []
    for output in range(1, length + 1) if graph.every else (None,):
        loop = loop_with(graph, parameter)
        if loop is not None:
            found += [path(graph, parameter, j, counts, output) for j in _uses(graph, loop, counts, output)]
        if parameter in readout_parameters(graph):
            found.append(readout_path(graph, parameter, output))
    return found


def _uses(graph: StepGraph, loop: LoopGraph, counts: Mapping[Any, Any], output: int | None) -> range:
    """The steps of a loop that an output can see, from the nearest to the farthest."""
    length = int(counts[loop.loop.steps])
    nearest = int(loop.last(length)) if output is None or loop not in graph.reading else output
    return range(nearest, length + 1) if loop.loop.reverse else range(nearest, 0, -1)


def readout_path(graph: StepGraph, parameter: Parameter, output: Any = None) -> Path:
    """Return the only path of a readout's parameter, ∂L/∂ŷ · ∂⁺ŷ/∂W, of the output at a step."""
    loss, yhat = graph.step_loss.target, graph.output
    if output is not None:
        loss, yhat = loss.at(output), yhat.at(output)
    return Path(parameter, None, Chain(Total(loss, yhat), Immediate(yhat, parameter)), output)


def general_sum(graph: StepGraph, parameter: Parameter, output: Any, use: Any) -> Expression:
    """Return the whole sum over paths for symbolic lengths, over the symbolic steps ``output`` and ``use``."""
    loop = loop_with(graph, parameter)
    lengths = {T: T, S: S}
    parts: list[Expression] = []
    if loop is not None:
        parts.append(general_sum_in(graph, loop, parameter, (output, use), lengths))
    last = graph.loops[-1].loop.steps
    if parameter in readout_parameters(graph):
        term = readout_path(graph, parameter, output if graph.every else None).term
        parts.append(SumOverSteps(term, output, 1, last) if graph.every else term)
    total = parts[0] if len(parts) == 1 else parts[0] + parts[1]
    return total if graph.weight == ONE else multiply(graph.weight, total)


def general_sum_in(
    graph: StepGraph, loop: LoopGraph, parameter: Parameter, indices: tuple[Any, Any], lengths: Mapping[Any, Any]
) -> Expression:
    """Return the sum over the paths through one loop, without the factor of each output's loss."""
    output, use = indices
    last = loop.last(loop.loop.steps)
    entering = Immediate(state_at(loop, use), parameter)
    if loop not in graph.reading:
        begin_there, later = handover(graph, loop, lengths)
        first = (*head(graph, later, output), path_product(later, output, 0), begin_there)
        inner = SumOverSteps(Chain(*first, path_product(loop, last, use), entering), use, 1, loop.loop.steps)
        return SumOverSteps(inner, output, 1, later.loop.steps)
    begin = output if graph.every else last
    term = Chain(*head(graph, loop, begin), path_product(loop, begin, use), entering)
    lower, upper = (begin, loop.loop.steps) if loop.loop.reverse else (1, begin)
    inner = SumOverSteps(term, use, lower, upper)
    return SumOverSteps(inner, output, 1, loop.loop.steps) if graph.every else inner


def step_blocks(loop: LoopGraph) -> tuple[Block, ...]:
    """Return the blocks of ∂s_t/∂s_{t−1}, states of the same step standing as their own blocks' symbols."""
    return tuple(block for before in loop.states for block in _blocks_by(loop, before.at(loop.before)))


def _blocks_by(loop: LoopGraph, before: Variable) -> list[Block]:
    known: dict[Expression, Expression] = {before: _unit(before)}
    blocks: list[Block] = []
    for assignment in loop.cell:
        value = jacobian(assignment.value, known.get, assignment.target)
        if value is None:
            continue
        if assignment.target in loop.states:
            blocks.append(Block(assignment.target, before, value))
            value = value if len(loop.states) == 1 else StepBlock(assignment.target, before)
        known[assignment.target] = value
    return blocks


def readout_blocks(graph: StepGraph) -> tuple[Block, ...]:
    """Return the blocks of ∂ŷ/∂s that are not zero, by every state that a readout apart from the loops sees."""
    found = []
    for loop in graph.reading if graph.readout else ():
        for state in loop.states:
            seen = state if graph.every else state.at(loop.last(loop.loop.steps))
            known: dict[Expression, Expression] = {seen: _unit(state)}
            for assignment in graph.readout:
                value = jacobian(assignment.value, known.get, assignment.target)
                if value is not None:
                    known[assignment.target] = value
            if graph.output in known:
                found.append(Block(graph.output, seen, known[graph.output]))
    return tuple(found)


def _unit(variable: Variable) -> Expression:
    return IdentityMatrix(variable.shape[0]) if variable.shape else Numeral(1)
