"""How many steps the loops of a network take: numbers, or the symbols T and S themselves."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from sympy import Integer

from rnnsym.errors import DerivationError
from rnnsym.model.expressions import S, T

if TYPE_CHECKING:
    from rnnsym.calculus.unrolling import StepGraph

MAX_STEPS = 10_000  # a derivation prints each path; beyond this a document cannot be read, nor held in memory


def step_counts(graph: StepGraph, steps: int, output_steps: int | None = None) -> dict[Any, Any]:
    """Return {T: steps, S: the decoder's steps}; DerivationError for numbers that are none from 1."""
    asked = {"steps": steps, **({} if output_steps is None else {"output_steps": output_steps})}
    for name, count in asked.items():
        if isinstance(count, bool) or not isinstance(count, int) or not 1 <= count <= MAX_STEPS:
            raise DerivationError(f"{name} must be a whole number from 1 to {MAX_STEPS}, but it is {count!r}")
    topology = graph.network.shape_of_steps
    if output_steps is not None and not topology.decodes:
        raise DerivationError(f"output_steps: only a decoder has steps of its own, {topology.name} has none")
    if topology.single_step and steps != 1:
        raise DerivationError(f"steps must be 1: {topology.name} has a single step, but it is {steps}")
    return {T: Integer(steps), S: Integer(steps if output_steps is None else output_steps)}


def lengths(graph: StepGraph, steps: int | None, output_steps: int | None = None) -> dict[Any, Any]:
    """Return ``step_counts``, or the symbols themselves where ``steps`` is None: a sequence of any length."""
    if steps is not None or graph.network.shape_of_steps.single_step:
        return step_counts(graph, 1 if steps is None else steps, output_steps)
    if output_steps is not None:
        raise DerivationError("output_steps: give it together with steps; without steps both lengths are any")
    return {T: T, S: S}


def is_symbolic(counts: Mapping[Any, Any]) -> bool:
    """Whether a number of steps is a symbol still."""
    return not all(count.is_number for count in counts.values())
