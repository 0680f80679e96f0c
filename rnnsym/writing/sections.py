"""What the derivation of backpropagation through time says, section by section."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import groupby
from typing import Any

from sympy import Symbol

from rnnsym.calculus.adjoints import AdjointRecursion, adjoint_recursion
from rnnsym.calculus.lengths import is_symbolic, lengths
from rnnsym.calculus.notation import Labelled, Total
from rnnsym.calculus.paths import Path, count_paths, general_sum, paths
from rnnsym.calculus.readings import any_parameter, nearest_and_earlier, trained_and_read
from rnnsym.calculus.unrolling import LoopGraph, StepGraph, graph_of
from rnnsym.model.expressions import ONE, Expression, Parameter, S, T, add, multiply
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
from rnnsym.writing.forward import count_steps, forward_section
from rnnsym.writing.layout import style_of
from rnnsym.writing.local import local_section
from rnnsym.writing.proof import proof_section
from rnnsym.writing.readings import accumulation_section, truncation_section, uses_section
from rnnsym.writing.tables import count_section, notation_section

i, j = Symbol("i", integer=True), Symbol("j", integer=True)
MOST_LISTED = 10  # of the paths from several outputs: T outputs have T(T+1)/2 of them


def derivation(
    network: Network, steps: int | None, sizes: Mapping[str, int] | None = None, output_steps: int | None = None
) -> Derivation:
    """Derive the gradient of ``network`` over ``steps`` steps, unchecked; ``sizes`` fills in numbers where given.

    Without ``steps`` T stays a symbol, and the proof by induction is the last but one part.

    ``output_steps`` is the number of the decoder's steps, ``steps`` where absent.
    """
    graph = graph_of(network)
    counts = lengths(graph, steps, output_steps)
    recursion = adjoint_recursion(graph, fused=not network.feeds_back)  # δ of a fed-back output is more than its L_t's
    style = style_of(network)
    return Derivation(
        title=f"Backpropagation through time: {network.cell.name}, {network.topology}, {_lengths(graph, counts)}",
        network=network,
        length=steps,
        output_length=output_steps,
        style=style,
        sections=(
            notation_section(graph, sizes),
            forward_section(graph, counts),
            _loss(graph, counts),
            uses_section(graph, counts),
            local_section(graph, counts),
            _summed_paths(graph, recursion, counts),
            *truncation_section(graph, recursion, counts),
            recursion_section(graph, recursion, counts),
            gradients_section(graph, recursion, counts),
            accumulation_section(graph, recursion, counts),
            *((proof_section(graph, recursion),) if steps is None else ()),
            descent_section(network),
            count_section(network, sizes),
        ),
    )


def _lengths(graph: StepGraph, counts: Mapping[Any, Any]) -> str:
    found = [count_steps(counts[loop.loop.steps]) for loop in graph.loops]
    return f"{found[0]} in, {found[1]} out" if graph.network.shape_of_steps.decodes else found[0]


def _loss(graph: StepGraph, counts: Mapping[Any, Any]) -> Section:
    entry = losses[graph.network.loss]
    references = (entry.reference,) if entry.reference else ()
    why = f"The loss is {entry.name.replace('_', ' ')}."
    one, last = graph.step_loss, counts[graph.loops[-1].loop.steps]
    if not graph.every:
        lines = [Step("definition", one.target, one.value, why, references=references)]
    else:
        whole = "Their mean." if graph.weight != ONE else "Their sum."
        lines = [
            Step("definition", one.target, one.value, f"{why} One output's.", span=(1, last), references=references),
            Step("definition", graph.loss.target, _bounded(graph.loss.value, counts), whole),
        ]
    return Section("loss", "The loss", "Of one sequence; a batch takes the mean.", tuple(lines))


def _bounded(expression: Expression, counts: Mapping[Any, Any]) -> Expression:
    """Write numbers of steps for T and S, but not in a name's own step."""
    return expression.xreplace(dict(counts))


def _summed_paths(graph: StepGraph, recursion: AdjointRecursion, counts: Mapping[Any, Any]) -> Section:
    steps, outputs = counts[T], counts[S] if graph.network.shape_of_steps.decodes else None
    concrete = not is_symbolic(counts)
    few = concrete and (not graph.every or max(_path_counts(graph, steps, outputs)) <= MOST_LISTED)
    listed = paths(graph, int(steps), None if outputs is None else int(outputs)) if few else {}
    lines = []
    for parameter in graph.network.parameters:
        found = listed.get(parameter, ())
        if found:
            lines.append(_listed(graph, parameter, found))
        if len(found) != 1:
            lines.append(_any_length(graph, parameter, counts))
    lines += [] if concrete else [_short_and_long(graph, loop) for loop in trained_and_read(graph, recursion)]
    text = "A product of step Jacobians is written in descending order of `t`: the last step stands on the left."
    return Section("paths", "The gradient as a sum over paths", text + _notes(graph), tuple(lines))


def _short_and_long(graph: StepGraph, loop: LoopGraph) -> Step:
    """∂L/∂θ with its nearest use apart from all earlier ones, where there is one output to be near to."""
    theta = any_parameter(graph)
    nearest, earlier = nearest_and_earlier(graph, loop, theta, i, j, {T: T, S: S})
    value = add(Labelled(nearest, "short-term dependency"), Labelled(earlier, "long-term dependency"))
    why = f"The use nearest to the output, and all earlier ones; `{theta.name}` stands for each parameter in turn."
    return Step("shared weight", Total(graph.loss.target, theta), value, why, references=(PASCANU,),
                loop=graph.loops.index(loop))


def _notes(graph: StepGraph) -> str:
    notes = ""
    if graph.network.bidirectional:
        notes += " The cell that reads from the end depends on later steps: there the product ascends."
    if graph.every:
        notes += " Each output has a loss of its own, `L_i`, and paths from it to all uses before it."
    if graph.output in graph.states:
        notes += (" An output that is fed back is a part of the stack: paths lead through it, and `L_i` depends on the "
                  "stack of its own step through `yhat_i` alone.")
    if graph.network.shape_of_steps.decodes:
        notes += " A path into the encoder goes through all steps of the decoder before its output, and on from there."
    return notes


def _path_counts(graph: StepGraph, steps: Any, outputs: Any) -> list[int]:
    return [count_paths(graph, p, int(steps), None if outputs is None else int(outputs))
            for p in graph.network.parameters]


def _listed(graph: StepGraph, parameter: Parameter, found: tuple[Path, ...]) -> Step:
    rule = "chain rule" if len(found) == 1 else "shared weight"
    why = f"`{parameter.name}` enters once." if len(found) == 1 else _why_shared(graph, parameter, len(found))
    factors = found[0].term.args if len(found) == 1 else ()
    value = _by_output(graph, found) if graph.every else _by_term_length(found)
    total = Total(graph.loss.target, parameter)
    return Step(rule, total, value, why, factors=factors, references=(WERBOS, PASCANU))


def _why_shared(graph: StepGraph, parameter: Parameter, count: int) -> str:
    if graph.every:
        return f"`{parameter.name}` is shared: {count} paths, one for each output and each use before it."
    return f"`{parameter.name}` enters at each of the {count} steps: {count} paths to the loss, one through each step."


def _by_term_length(found: tuple[Path, ...]) -> Expression:
    """The shortest path is the short-term dependency, all others together are the long-term one."""
    terms = [path.term for path in found]
    if len(terms) == 1:
        return terms[0]
    return add(Labelled(terms[0], "short-term dependency"), Labelled(add(*terms[1:]), "long-term dependency"))


def _by_output(graph: StepGraph, found: tuple[Path, ...]) -> Expression:
    groups = [(output, [path.term for path in group]) for output, group in groupby(found, lambda path: path.output)]
    if graph.weight != ONE:
        return add(*(multiply(graph.weight, term) for _, terms in groups for term in terms))
    if len(groups) == 1:
        return add(*groups[0][1])
    return add(*(Labelled(add(*terms), f"from output {output}") for output, terms in groups))


def _any_length(graph: StepGraph, parameter: Parameter, counts: Mapping[Any, Any]) -> Step:
    total = general_sum(graph, parameter, i, j)
    numbers = {loop.loop.steps: counts[loop.loop.steps] for loop in graph.loops}
    kind = " and ".join(f"`{name}`" for name in numbers)
    here = "" if is_symbolic(counts) else \
        f" Here {' and '.join(f'`{name}` is {count}' for name, count in numbers.items())}."
    return Step(
        "any length", Total(graph.loss.target, parameter), total,
        f"The same for a sequence of any length {kind}; an empty product is the identity.{here}",
        assumptions=() if is_symbolic(counts) else tuple(f"{name} = {count}" for name, count in numbers.items()),
        references=(PASCANU,),
    )
