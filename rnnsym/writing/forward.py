"""The unrolled equations: each line of each step, or each line once for all steps of a sequence of any length."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from sympy import Integer

from rnnsym.calculus.binding import Assignment
from rnnsym.calculus.lengths import is_symbolic
from rnnsym.calculus.unrolling import BACK, LoopGraph, StepGraph, unroll
from rnnsym.model.expressions import S, T, Variable
from rnnsym.writing.derivation import Section, Step

WORDS = ("One line a quantity and a step; every quantity stays a symbol from here on, and the weights are the same in "
         "every step.")
WORDS_ANY = ("One line a quantity, for every step `t`; every quantity stays a symbol from here on, and the weights are "
             "the same in every step.")


def count_steps(steps: Any) -> str:
    """Return «1 step», «3 steps» or «T steps»."""
    return "1 step" if steps == 1 else f"{steps} steps"


def forward_section(graph: StepGraph, counts: Mapping[Any, Any]) -> Section:
    """Return the equations in order of computation."""
    symbolic = is_symbolic(counts)
    lines = _for_every_step(graph, counts) if symbolic else _step_by_step(graph, counts)
    text = (WORDS_ANY if symbolic else WORDS) + _registers(graph)
    return Section("forward", "The unrolled equations", text, tuple(lines))


def _rule(graph: StepGraph, target: Variable) -> str:
    own = {e.target.name for e in (*graph.network.equations, *graph.network.readout_equations)}
    return "definition" if target.name in own | {state.name for state in graph.states} else "let"


def _step_by_step(graph: StepGraph, counts: Mapping[Any, Any]) -> Iterator[Step]:
    outputs = int(counts[S]) if graph.network.shape_of_steps.decodes else None
    for assignment in unroll(graph, int(counts[T]), outputs):
        if assignment.target.name != graph.loss.target.name:
            why = _why_at(graph, assignment.target, counts[T])
            yield Step(_rule(graph, assignment.target), assignment.target, assignment.value, why)


def _for_every_step(graph: StepGraph, counts: Mapping[Any, Any]) -> Iterator[Step]:
    for loop in graph.loops:
        length = counts[loop.loop.steps]
        for assignment in _started(graph, loop, counts):
            yield Step("definition", assignment.target, assignment.value, _why_start(graph))
        span = (length, 1) if loop.loop.reverse else (1, length)
        why = f"Every step{' of the decoder' * loop.decodes}{', reading from the end' * loop.loop.reverse}."
        for assignment in loop.cell:
            yield Step(_rule(graph, assignment.target), assignment.target, assignment.value, why, span=span)
    span_of_outputs = (1, counts[graph.loops[-1].loop.steps]) if graph.every else None
    why = "The output of every step." if graph.every else "The readout, from the state after the last step."
    for assignment in graph.readout:
        yield Step(_rule(graph, assignment.target), assignment.target, assignment.value, why, span=span_of_outputs)


def _started(graph: StepGraph, loop: LoopGraph, counts: Mapping[Any, Any]) -> Iterator[Assignment]:
    ends = {state: other.last(counts[other.loop.steps]) for other in graph.loops for state in other.states}
    for state, source in loop.starts().items():
        begin = loop.start(counts[loop.loop.steps])
        yield Assignment(state.at(begin), source.at(ends[source]) if source in ends else source)


def _why_start(graph: StepGraph) -> str:
    return "The encoder's last state is the decoder's first." if len(graph.loops) > 1 else "The input comes first."


def _registers(graph: StepGraph) -> str:
    kept = [state.name.split(BACK) for state in graph.states if BACK in state.name]
    if not kept:
        return ""
    name, back = kept[0]
    return (f" A state that is used several steps later is kept: the superscript ({back}) on `{name}_t` names `{name}` "
            f"of {count_steps(int(back))} before.")


def _why_at(graph: StepGraph, target: Variable, steps: Any) -> str:
    if target.step is None:
        return f"The readout, from the state after step {steps}."
    if target.name in {a.target.name for a in graph.readout}:
        return f"The output of step {target.step}."
    owner = next(loop for loop in graph.loops if target.name in {a.target.name for a in loop.cell})
    if target.step == Integer(0):
        return _why_start(graph)
    if owner.loop.reverse:
        return f"Step {target.step}, reading from the end."
    return f"Step {target.step}{' of the decoder' * owner.decodes}."
