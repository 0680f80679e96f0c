"""What is mistaken for the slope of a function: one entry a mistake, for every function of a cell."""

from __future__ import annotations

from collections.abc import Iterator

from rnnsym.calculus.rules import slope
from rnnsym.calculus.unrolling import StepGraph
from rnnsym.evidence.damaged_expressions import Say
from rnnsym.model.expressions import Elementwise, Expression, Hadamard, Variable, multiply, walk

Factors = tuple[Expression, ...]


def slopes_of(graph: StepGraph) -> list[tuple[str, Expression, Expression, Factors]]:
    """Function, argument, output, and the factors in which its slope stands in a product."""
    found = []
    for a in (*graph.cell, *graph.readout):
        if isinstance(a.value, Elementwise):
            value = slope(a.value, a.target)
            factors = value.args if isinstance(value, Hadamard) else (value,)
            found.append((a.value.function, a.value.argument, a.target, tuple(factors)))
    return found


def slope_mistakes(graph: StepGraph, kind: int) -> Iterator[tuple[str, str, Factors, Expression | None]]:
    """Function, words, the factors that are replaced, and by what (None: nothing), for one kind of mistake."""
    for function, argument, output, factors in slopes_of(graph):
        again, other = Elementwise(function, output), "sigmoid" if function == "tanh" else "tanh"
        told: tuple[tuple[str, Expression | None], ...] = (
            (f"lacks the slope {function}′", None),
            (f"has {function} in place of its slope {function}′", output),
            (f"takes the slope {function}′ at the output of {function} instead of its argument",
             slope(again, again)),
            (f"puts the argument of {function} where its slope {function}′ takes the output",
             slope(Elementwise(function, argument), argument)),
            (f"has the slope {function}′ twice", multiply(*factors, *factors)),
            (f"has the slope {other}′ in place of {function}′", slope(Elementwise(other, argument), output)),
        )
        yield function, told[kind][0], factors, told[kind][1]


SLOPE_KINDS = 6


def slopes_elsewhere(graph: StepGraph, known: list[Variable], say: Say) -> Iterator[tuple[str, Factors, Expression]]:
    """Words, the factors of a slope, and the same slope with another quantity wherever it reads one: another gate's."""
    for function, _, output, factors in slopes_of(graph):
        names = [node for node in dict.fromkeys(walk(multiply(*factors))) if isinstance(node, Variable)]
        for name in names:
            for other in known:
                if other != name and other.shape == name.shape:
                    moved = multiply(*(factor.xreplace({name: other}) for factor in factors))
                    yield f"takes the slope {function}′ of {say(output)} at {say(other)}", factors, moved


def with_slope(node: Expression, factors: Factors, new: Expression | None) -> Expression | None:
    """A product with the factors of a slope replaced; None where they do not stand in it."""
    if not isinstance(node, Hadamard):
        return None
    for start in range(1, len(node.args) - len(factors) + 1):
        if node.args[start : start + len(factors)] == factors:
            rest = [*node.args[:start], *(() if new is None else (new,)), *node.args[start + len(factors) :]]
            return multiply(*rest)
    return None


