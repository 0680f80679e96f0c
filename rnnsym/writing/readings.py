"""What the sum over paths says besides: where each parameter enters, what truncation drops, what is carried forward."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sympy import Symbol
from sympy.core.sympify import _sympify

from rnnsym.calculus.adjoints import AdjointRecursion
from rnnsym.calculus.binding import names_in
from rnnsym.calculus.notation import Labelled, Total
from rnnsym.calculus.paths import loop_with, state_at
from rnnsym.calculus.readings import (
    any_parameter,
    carried_forward,
    gathered,
    kept_and_dropped,
    kept_uses,
    number_of_paths,
    trained_and_read,
)
from rnnsym.calculus.unrolling import LoopGraph, StepGraph
from rnnsym.model.expressions import ZERO, Parameter, add, t
from rnnsym.writing.derivation import Cell, Section, Step, Table
from rnnsym.writing.numbers import scalar

i, j = Symbol("i", integer=True), Symbol("j", integer=True)
WILLIAMS_PENG = "Williams, Peng 1990, Neural Computation 2(4)"
WILLIAMS_ZIPSER = "Williams, Zipser 1989, Neural Computation 1(2)"
TRUNCATED = (
    "Truncated backpropagation keeps, of the paths from an output, those through the last `{kappa}` uses of a "
    "parameter; what it drops is the rest of the same sum: small where gradients vanish, not small where they do not. "
    "`{theta}` stands for each parameter of the cell in turn."
)
CARRIED = (
    "The same sum read from the other end: the derivatives of the states are carried along with them, and nothing of "
    "the past is kept. It takes one number for each entry of a state and each entry of a parameter. "
)


def uses_section(graph: StepGraph, counts: Mapping[Any, Any]) -> Section:
    """Return where each parameter enters, how often, and how many paths lead to it from L."""
    header = ("parameter", "enters in", "uses", "paths")
    rows = tuple(_use_row(graph, parameter, counts) for parameter in graph.network.parameters)
    text = ("A parameter that enters at every step is shared: the gradient is the sum over all paths from `L` to its "
            "uses, one path for each pair of an output and a use that the output sees.")
    return Section("uses", "Where each parameter enters", text, (), Table(header, rows))


def _use_row(graph: StepGraph, parameter: Parameter, counts: Mapping[Any, Any]) -> tuple[Cell, ...]:
    loop = loop_with(graph, parameter)
    lines = [a for a in (*graph.cell, *graph.readout) if parameter in names_in(a.value)]
    outputs = counts[graph.loops[-1].loop.steps] if graph.every else 1
    uses = outputs if loop is None else counts[loop.loop.steps]
    where = tuple(a.target for a in lines)
    return (parameter, where, scalar(_sympify(uses)), scalar(number_of_paths(graph, parameter, counts)))


def truncation_section(
    graph: StepGraph, recursion: AdjointRecursion, counts: Mapping[Any, Any]
) -> tuple[Section, ...]:
    """Return what truncation keeps and what it drops; nothing where no parameter is shared over steps."""
    lines = []
    theta = any_parameter(graph)
    for loop in () if counts[graph.loops[-1].loop.steps] == 1 else trained_and_read(graph, recursion):
        kept, dropped = kept_and_dropped(graph, loop, theta, i, j, counts)
        value = add(Labelled(kept, "kept"), Labelled(dropped, "dropped"))
        lines.append(Step("truncation", Total(graph.loss.target, theta), value, "The last uses, and the earlier ones.",
                          references=(WILLIAMS_PENG,), loop=graph.loops.index(loop)))
    text = TRUNCATED.format(kappa=kept_uses(graph).name, theta=theta.name)
    return (Section("truncation", "Truncated backpropagation", text, tuple(lines)),) if lines else ()


def accumulation_section(graph: StepGraph, recursion: AdjointRecursion, counts: Mapping[Any, Any]) -> Section:
    """Return the derivatives of the states carried forward, real-time recurrent learning."""
    theta = any_parameter(graph)
    trained = [loop.graph for loop in recursion.loops if loop.step_gradients]
    lines = [line for loop in trained for line in _carried(graph, loop, theta, counts)]
    who = f"`{theta.name}` stands for each parameter of the cell in turn." if lines else "No state depends on any here."
    return Section("accumulation", "Forward accumulation", CARRIED + who, tuple(lines))


def _carried(graph: StepGraph, loop: LoopGraph, theta: Parameter, counts: Mapping[Any, Any]) -> list[Step]:
    place, steps = graph.loops.index(loop), counts[loop.loop.steps]
    span = (steps, 1) if loop.loop.reverse else (1, steps)
    why = f"Through the steps{' of the decoder, by its own parameters' * loop.decodes}" \
          f"{' that are read from the end' * loop.loop.reverse}."
    rule, references = "forward accumulation", (WILLIAMS_ZIPSER,)
    lines = [
        Step(rule, Total(state_at(loop, loop.start(steps)), theta), ZERO, why, loop=place, references=references),
        Step(rule, Total(state_at(loop, t), theta), carried_forward(loop, theta, t), why, span=span, loop=place,
             references=references),
    ]
    if loop in graph.reading:
        lines.append(Step(rule, Total(graph.loss.target, theta), gathered(graph, loop, theta, i, steps),
                          "From the states to the loss.", loop=place, references=references))
    return lines

