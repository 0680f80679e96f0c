"""The sum over paths: from the loss back to each step at which a shared parameter enters.

∂L/∂W = Σ_j ∂L/∂ŷ · ∂ŷ/∂s_T · (Π_{t=T…j+1} ∂s_t/∂s_{t−1}) · ∂⁺s_j/∂W, the product in descending order. With several
states, s is their stack and ∂s_t/∂s_{t−1} the block Jacobian of the composed step map, in which routes within one
step (h through c) are already contained. (Werbos 1990; Pascanu, Mikolov, Bengio 2013, eqs. 3–5.)
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from rnnsym.calculus.notation import Chain, DescendingProduct, Immediate, Stack, StepBlock, Total
from rnnsym.calculus.rules import jacobian
from rnnsym.calculus.unrolling import StepGraph, names_in
from rnnsym.model.expressions import (
    Expression,
    IdentityMatrix,
    Numeral,
    Parameter,
    T,
    Variable,
    t,
)

EXPLICIT_FACTORS = 6  # a longer chain of step Jacobians is written as one product over t


@dataclass(frozen=True)
class Path:
    """One term of a gradient's sum: the way from L back to step ``step`` (None: through the readout alone)."""

    parameter: Parameter
    step: int | None
    term: Chain


@dataclass(frozen=True)
class Block:
    """One block of a Jacobian between steps: ∂``of``/∂``by`` = ``value``, where it is not zero."""

    of: Variable
    by: Variable
    value: Expression


def state_symbol(graph: StepGraph) -> Expression:
    """The state at step t: itself where there is one, the stack of all where there are several."""
    return graph.states[0] if len(graph.states) == 1 else Stack(*graph.states)


def state_at(graph: StepGraph, step: Any) -> Expression:
    """The state symbol at another step."""
    moved = [state.at(step) for state in graph.states]
    return moved[0] if len(moved) == 1 else Stack(*moved)


def cell_parameters(graph: StepGraph) -> tuple[Parameter, ...]:
    """The parameters that enter at every step, in the network's order."""
    used = {name for a in graph.cell for name in names_in(a.value)}
    return tuple(p for p in graph.network.parameters if p in used)


def readout_parameters(graph: StepGraph) -> tuple[Parameter, ...]:
    """The parameters that enter once, in the network's order."""
    used = {name for a in graph.readout for name in names_in(a.value)}
    return tuple(p for p in graph.network.parameters if p in used)


def head(graph: StepGraph, steps: Any) -> tuple[Total, Total]:
    """The two factors that every path begins with: ∂L/∂ŷ and ∂ŷ/∂s_T."""
    return Total(graph.loss.target, graph.output), Total(graph.output, state_at(graph, steps))


def step_jacobian(graph: StepGraph, step: Any) -> Total:
    """The factor ∂s_t/∂s_{t−1} at ``step``."""
    return Total(state_at(graph, step), state_at(graph, step - 1))


def path(graph: StepGraph, parameter: Parameter, step: int, steps: int) -> Path:
    """Return the path of ``parameter`` through its use at ``step``."""
    links: list[Expression]
    if steps - step > EXPLICIT_FACTORS:
        links = [DescendingProduct(step_jacobian(graph, t), t, steps, step + 1)]
    else:
        links = [step_jacobian(graph, j) for j in range(steps, step, -1)]
    return Path(parameter, step, Chain(*head(graph, steps), *links, Immediate(state_at(graph, step), parameter)))


def paths(graph: StepGraph, steps: int) -> Mapping[Parameter, tuple[Path, ...]]:
    """Return each parameter's paths, the shortest (through the last step) first, as the notes write them."""
    entering = {p: tuple(path(graph, p, j, steps) for j in range(steps, 0, -1)) for p in cell_parameters(graph)}
    leaving = {p: (readout_path(graph, p),) for p in readout_parameters(graph)}
    return {p: (*entering.get(p, ()), *leaving.get(p, ())) for p in graph.network.parameters}


def readout_path(graph: StepGraph, parameter: Parameter) -> Path:
    """Return the only path of a readout's parameter, ∂L/∂ŷ · ∂⁺ŷ/∂W."""
    first = Total(graph.loss.target, graph.output)
    return Path(parameter, None, Chain(first, Immediate(graph.output, parameter)))


def general_term(graph: StepGraph, parameter: Parameter, index: Any) -> Chain:
    """Return the path through a symbolic step ``index`` of a sequence of symbolic length T."""
    links = DescendingProduct(step_jacobian(graph, t), t, T, index + 1)
    return Chain(*head(graph, T), links, Immediate(state_at(graph, index), parameter))


def step_blocks(graph: StepGraph) -> tuple[Block, ...]:
    """Return the blocks of ∂s_t/∂s_{t−1}, states of the same step standing as their own blocks' symbols."""
    return tuple(
        block for before in graph.states for block in _blocks_by(graph, before.at(t - 1))
    )


def _blocks_by(graph: StepGraph, before: Variable) -> list[Block]:
    known: dict[Expression, Expression] = {before: _unit(before)}
    blocks: list[Block] = []
    for assignment in graph.cell:
        value = jacobian(assignment.value, known.get, assignment.target)
        if value is None:
            continue
        if assignment.target in graph.states:
            blocks.append(Block(assignment.target, before, value))
            value = value if len(graph.states) == 1 else StepBlock(assignment.target, before)
        known[assignment.target] = value
    return blocks


def readout_blocks(graph: StepGraph) -> tuple[Block, ...]:
    """Return the blocks of ∂ŷ/∂s_T that are not zero."""
    found = []
    for state in graph.states:
        known: dict[Expression, Expression] = {state.at(T): _unit(state)}
        for assignment in graph.readout:
            value = jacobian(assignment.value, known.get, assignment.target)
            if value is not None:
                known[assignment.target] = value
        if graph.output in known:
            found.append(Block(graph.output, state.at(T), known[graph.output]))
    return tuple(found)


def _unit(variable: Variable) -> Expression:
    return IdentityMatrix(variable.shape[0]) if variable.shape else Numeral(1)
