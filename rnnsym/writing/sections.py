"""What the derivation of backpropagation through time says, section by section."""

from __future__ import annotations

from collections.abc import Mapping

from sympy import Symbol

from rnnsym.calculus.adjoints import adjoint_recursion
from rnnsym.calculus.notation import Chain, Labelled, SumOverSteps, Total
from rnnsym.calculus.paths import (
    general_term,
    paths,
)
from rnnsym.calculus.unrolling import StepGraph, graph_of, unroll
from rnnsym.model.expressions import (
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
from rnnsym.writing.local import local_section
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
            local_section(graph, steps),
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
    return f"`{parameter.name}` enters at each of the {count} steps: {count} paths to the loss, one through each step."


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
