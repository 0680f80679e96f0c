"""What a quantity of a step is, read off the equations: a state, a gate, a candidate, what a function is applied to."""

from __future__ import annotations

from rnnsym.calculus.binding import Assignment, names_in
from rnnsym.calculus.unrolling import BACK, StepGraph
from rnnsym.model.activations import activations
from rnnsym.model.expressions import (
    Application,
    Elementwise,
    Expression,
    Hadamard,
    Negative,
    OrderedSum,
    Variable,
    walk,
)

OUTPUT = "output"
FRACTION = (0, 1)  # the range of what weighs: a sigmoid's, a hard sigmoid's


def meaning(graph: StepGraph, target: Variable) -> str:
    """Return in words what the quantity ``target`` is, by what its equation and those that use it say."""
    if target.name == "yhat":
        return f"{OUTPUT}, fed back" if target in graph.states else OUTPUT
    if BACK in target.name:
        name, back = target.name.split(BACK)
        return f"`{name}` of {back} {'step' if back == '1' else 'steps'} before"
    if target in graph.states:
        return "state"
    lines = (*graph.cell, *graph.readout)
    own = next(line for line in lines if line.target == target)
    uses = [line for line in lines if target in names_in(line.value)]
    return _of_intermediate(graph, own, uses)


def _of_intermediate(graph: StepGraph, own: Assignment, uses: list[Assignment]) -> str:
    if _is_gate(own, uses):
        return "gate"
    if len(uses) == 1 and _argument(uses[0].value) == own.target:
        return f"pre-activation of `{uses[0].target.name}`"
    if _argument(own.value) in graph.states:
        return f"function of `{own.value.argument.name}`"
    weighed = any(_is_weighed(graph, line, own.target) for line in uses if line.target in graph.states)
    return "candidate, weighed by a gate" if weighed else "intermediate"


def _is_gate(own: Assignment, uses: list[Assignment]) -> bool:
    """A fraction by which something else is multiplied, entry by entry."""
    value = own.value
    fraction = isinstance(value, Elementwise) and activations[value.function].range == FRACTION
    return fraction and any(_beside(line.value, own.target) for line in uses)


def _argument(value: Expression) -> Expression | None:
    return value.argument if isinstance(value, Application) else None


def _is_weighed(graph: StepGraph, line: Assignment, target: Variable) -> bool:
    """Whether a line multiplies a quantity by a gate."""
    beside = _beside(line.value, target)
    lines = (*graph.cell, *graph.readout)
    return any(_is_gate(one, [use for use in lines if one.target in names_in(use.value)])
               for one in lines if one.target in beside)


def _beside(value: Expression, target: Variable) -> list[Variable]:
    """Return what a product of vectors multiplies ``target`` by, be it bare or in a sum: 1 − z."""
    found = []
    for node in walk(value):
        if isinstance(node, Hadamard) and node.shape:
            holding = [factor for factor in node.args if target in _terms(factor)]
            found += [name for factor in node.args if factor not in holding for name in names_in(factor) if holding]
    return [name for name in found if isinstance(name, Variable)]


def _terms(factor: Expression) -> list[Expression]:
    """A factor itself, or the terms of a factor that is a sum: of 1 − z, 1 and z."""
    terms = factor.args if isinstance(factor, OrderedSum) else (factor,)
    return [term.args[0] if isinstance(term, Negative) else term for term in terms]
