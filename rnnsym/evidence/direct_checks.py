"""The direct path of a state judged exactly: tangents carried along that state alone, all else at its value."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from sympy import Integer

from rnnsym.calculus.norms import Direct
from rnnsym.errors import CheckError
from rnnsym.evidence.bound_trials import indices
from rnnsym.evidence.points import Point
from rnnsym.evidence.residues import Residue
from rnnsym.evidence.tangents import reshaped, tangents_of, with_tangents
from rnnsym.model.evaluation import evaluate
from rnnsym.model.expressions import Expression, at_step, t
from rnnsym.writing.derivation import Step


def direct_pairs(step: Step, point: Point, steps: int) -> Iterator[tuple[Any, Any]]:
    """Yield both sides of a line about a direct derivative, at all steps up to ``steps``."""
    if not isinstance(step.before, Direct):
        raise CheckError(f"a direct path is that of one state, but the line is about {step.before}")
    for here in indices(steps, step.before):
        bound = {name: Integer(value) for name, value in here.items()}
        before: Any = step.before.xreplace(bound)
        yield direct_derivative(before, point), point.value(step.after.xreplace(bound))


def direct_derivative(node: Direct, point: Point) -> Any:
    """∂°s_b/∂s_a: the state's own equation from step to step, in which it alone moves."""
    state: Any = node.of.at(t)
    equation = next(a.value for loop in point.graph.loops for a in loop.cell if a.target == state)
    start, first, last = point.value(node.by), int(node.by.step), int(node.of.step)
    count = int(np.size(start))
    moving = with_tangents(start, 0, count)
    for step in range(first + 1, last + 1):
        moving = _stepped(at_step(equation, Integer(step)), state.at(Integer(step - 1)), moving, point)
    return reshaped(tangents_of(moving, count), np.shape(start) * 2, Residue)


def _stepped(equation: Expression, before: Expression, moving: Any, point: Point) -> Any:
    def look_up(node: Expression) -> Any:
        return moving if node == before else point.value(node)

    return evaluate(equation, look_up, point.arithmetic)
