"""What the derivation of backpropagation through time says, section by section."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sympy import Symbol

from rnnsym.calculus.adjoints import adjoint_recursion
from rnnsym.calculus.notation import Chain, Immediate, Labelled, StepBlock, SumOverSteps, Total
from rnnsym.calculus.paths import (
    cell_parameters,
    general_term,
    paths,
    readout_blocks,
    readout_parameters,
    step_blocks,
)
from rnnsym.calculus.rules import pull_back
from rnnsym.calculus.unrolling import StepGraph, at_last_step, graph_of, names_in, unroll
from rnnsym.model.expressions import (
    ONE,
    Expression,
    Parameter,
    T,
    Variable,
    add,
)
from rnnsym.model.losses import losses
from rnnsym.model.networks import Network
from rnnsym.writing.backward import (
    PASCANU,
    WERBOS,
    descent_section,
    gradients_section,
    recursion_section,
)
from rnnsym.writing.derivation import Derivation, Section, Step
from rnnsym.writing.layout import style_of
from rnnsym.writing.tables import count_section, notation_section

j = Symbol("j", integer=True)


def derivation(network: Network, steps: int, sizes: Mapping[str, int] | None = None) -> Derivation:
    """Derive the gradient of ``network`` over ``steps`` steps, unchecked; ``sizes`` fills in numbers where given."""
    graph = graph_of(network)
    recursion = adjoint_recursion(graph)
    style = style_of(network)
    return Derivation(
        title=f"Backpropagation through time: {network.cell.name}, {network.topology}, {count_steps(steps)}",
        network=network,
        length=steps,
        style=style,
        sections=(
            notation_section(graph, sizes, style),
            _forward(graph, steps),
            _loss(graph),
            _local(graph, steps),
            _summed_paths(graph, steps),
            recursion_section(graph, recursion, steps),
            gradients_section(graph, recursion, steps),
            descent_section(network),
            count_section(network, sizes),
        ),
    )


def count_steps(steps: int) -> str:
    """Return «1 step» or «3 steps»."""
    return "1 step" if steps == 1 else f"{steps} steps"


def _forward(graph: StepGraph, steps: int) -> Section:
    assignments = unroll(graph, steps)[:-1]
    own = {e.target.name for e in (*graph.network.equations, *graph.network.readout_equations)}
    return Section(
        "forward",
        "The unrolled equations",
        "One line a quantity and a step; every quantity stays a symbol from here on, and the weights are the same in "
        "every step.",
        tuple(
            Step("definition" if a.target.name in own else "let", a.target, a.value, _why_forward(a.target, steps))
            for a in assignments
        ),
    )


def _why_forward(target: Variable, steps: int) -> str:
    if target.step is None:
        return f"The readout, from the state after step {steps}."
    return f"Step {target.step}."


def _loss(graph: StepGraph) -> Section:
    entry = losses[graph.network.loss]
    references = (entry.reference,) if entry.reference else ()
    name = entry.name.replace("_", " ")
    step = Step("definition", graph.loss.target, graph.loss.value, f"The loss is {name}.", references=references)
    return Section("loss", "The loss", "Of one sequence; a batch takes the mean.", (step,))


def _local(graph: StepGraph, steps: int) -> Section:
    alone = len(graph.states) == 1
    through, between = (Total, Total) if alone else (Immediate, StepBlock)
    why = "From one step to the next." if alone else "From one step to the next; a block not listed is zero."
    why_readout = "Through the readout."
    lines = [_loss_slope(graph)]
    lines += [
        Step("local derivative", through(b.of, at_last_step(b.by, steps)), at_last_step(b.value, steps), why_readout)
        for b in readout_blocks(graph)
    ]
    lines += [
        Step("local derivative", between(b.of, b.by), b.value, why, span=(1, steps), references=(PASCANU,))
        for b in step_blocks(graph)
    ]
    lines += [line for parameter in graph.network.parameters for line in _immediate(graph, parameter, steps)]
    return Section(
        "local",
        "Local derivatives",
        "Jacobians are in numerator layout: entry (i, j) of ∂a/∂b is the derivative of `a_i` by `b_j`. ∂⁺ is the "
        "immediate derivative: gates of the same step are substituted, all else is held fixed. For a matrix it has "
        "three axes, so it is shown acting on a vector from the left; the result has the parameter's shape."
        + _stacked(graph),
        tuple(lines),
    )


def _stacked(graph: StepGraph) -> str:
    if len(graph.states) == 1:
        return ""
    names = [state.name for state in graph.states]
    return (
        " Of a single state it also holds the other states of its step fixed; of the stack of all states it holds "
        "only the stack before fixed, so routes within a step are contained in it, as they are in the step Jacobian. "
        f"Of that Jacobian, `J_t`, the block with the superscripts `{names[-1]}`, `{names[0]}` is the derivative of "
        f"`{names[-1]}_t` as `{names[0]}` of the step before moves and the other states are held."
    )


def _loss_slope(graph: StepGraph) -> Step:
    slope = pull_back(graph.loss.value, ONE)[graph.output]
    return Step("local derivative", Total(graph.loss.target, graph.output), slope, "The loss by the output.")


def _immediate(graph: StepGraph, parameter: Parameter, steps: int) -> list[Step]:
    """G · ∂⁺s/∂W for each equation that the parameter reaches within one step."""
    found = []
    if parameter in cell_parameters(graph):
        for state in graph.states:
            g = Variable(_row_name(graph), state.shape)
            value = _pulled(graph.cell, {state: g}, graph.states).get(parameter)
            if value is not None:
                found.append(_immediate_step(state, g, parameter, value, (1, steps)))
    if parameter in readout_parameters(graph):
        g = Variable(_row_name(graph), graph.output.shape)
        value = _pulled(graph.readout, {graph.output: g}, ()).get(parameter)
        if value is not None:
            found.append(_immediate_step(graph.output, g, parameter, at_last_step(value, steps), None))
    return found


def _row_name(graph: StepGraph) -> str:
    used = {name.name for a in (*graph.cell, *graph.readout) for name in (*names_in(a.value), a.target)}
    return next(name for name in ("g", "v", "w", "r", *(f"g{i}" for i in range(len(used) + 1))) if name not in used)


def _pulled(
    assignments: Any, seeds: dict[Expression, Expression], stop: tuple[Variable, ...]
) -> dict[Expression, Expression]:
    """Pull seeds back through gates; other states of the same step are held fixed."""
    gathered = dict(seeds)
    for assignment in reversed(assignments):
        gradient = gathered.pop(assignment.target, None)
        if gradient is None or (assignment.target in stop and assignment.target not in seeds):
            continue
        for name, part in pull_back(assignment.value, gradient, assignment.target).items():
            gathered[name] = add(gathered[name], part) if name in gathered else part
    return gathered


def _immediate_step(
    of: Variable, g: Variable, parameter: Parameter, value: Expression, span: tuple[int, int] | None
) -> Step:
    why = f"How `{parameter.name}` enters; `{g.name}` is any vector of this shape."
    return Step("local derivative", Chain(g, Immediate(of, parameter)), value, why, span=span)


def _summed_paths(graph: StepGraph, steps: int) -> Section:
    lines = []
    for parameter, found in paths(graph, steps).items():
        terms = [path.term for path in found]
        rule = "chain rule" if len(terms) == 1 else "shared weight"
        why = f"`{parameter.name}` enters once." if len(terms) == 1 else _why_shared(parameter, len(terms))
        total = Total(graph.loss.target, parameter)
        factors = terms[0].args if len(terms) == 1 else ()
        lines.append(Step(rule, total, _by_term_length(terms), why, factors=factors, references=(WERBOS, PASCANU)))
        if len(terms) > 1:
            lines.append(_any_length(graph, parameter, steps))
    return Section(
        "paths",
        "The gradient as a sum over paths",
        "A product of step Jacobians is written in descending order of `t`: the last step stands on the left.",
        tuple(lines),
    )


def _why_shared(parameter: Parameter, count: int) -> str:
    return f"`{parameter.name}` enters at each of the {count} steps: {count} paths lead from it to the loss."


def _by_term_length(terms: list[Chain]) -> Expression:
    """The shortest path is the short-term dependency, all others together are the long-term one."""
    if len(terms) == 1:
        return terms[0]
    return add(Labelled(terms[0], "short-term dependency"), Labelled(add(*terms[1:]), "long-term dependency"))


def _any_length(graph: StepGraph, parameter: Parameter, steps: int) -> Step:
    total = SumOverSteps(general_term(graph, parameter, j), j, 1, T)
    return Step(
        "any length", Total(graph.loss.target, parameter), total,
        f"The same for a sequence of any length `T`; an empty product is the identity. Here `T` is {steps}.",
        assumptions=(f"T = {steps}",), references=(PASCANU,),
    )
