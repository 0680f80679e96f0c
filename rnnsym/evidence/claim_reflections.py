"""Sums that run against time, such as Σ_k … h[T - k] …, written with an index that runs with it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from rnnsym.evidence.claim_terms import (
    Claim,
    Derivative,
    Quantity,
    Repeated,
    Span,
    Step,
    StepSum,
    Term,
    Value,
    quantities,
    walk,
)


def with_time(claim: Claim) -> Claim:
    """Return the same claim with j = c − i in place of each index i of a sum that stands in steps c − i only."""
    return replace(claim, left=_turned(claim.left), right=_turned(claim.right))


def _turned(term: Term) -> Term:
    term = _mapped(term, _turned)
    if not isinstance(term, StepSum):
        return term
    index = term.span.index
    steps = [quantity.step for inner in walk(term.term) for quantity in quantities(inner)
             if quantity.step is not None and quantity.step.factor(index)]
    rests = {replace(step.put(index, Step()), offset=0) for step in steps}
    if len(rests) != 1 or any(step.factor(index) != -1 for step in steps):
        return term
    rest = rests.pop()
    mirror = rest.plus(Step(((index, 1),)), -1)
    span = Span(index, rest.plus(term.span.high, -1), rest.plus(term.span.low, -1))
    return replace(term, term=put(term.term, index, mirror), span=span)


def put(term: Term, index: str, step: Step) -> Term:
    """Return a term with ``step`` in place of a free index."""
    def at(quantity: Quantity) -> Quantity:
        return quantity if quantity.step is None else replace(quantity, step=quantity.step.put(index, step))

    changes: dict[str, Any] = {}
    match term:
        case Value():
            changes = {"quantity": at(term.quantity)}
        case Derivative():
            changes = {"of": at(term.of), "by": at(term.by)}
        case Repeated():
            low, high = (end.put(index, step) for end in (term.span.low, term.span.high))
            changes = {"span": replace(term.span, low=low, high=high)}
    if hasattr(term, "step"):
        changes = {"step": term.step.put(index, step)}
    return _mapped(replace(term, **changes), lambda operand: put(operand, index, step))


def _mapped(term: Term, change: Any) -> Term:
    """Return a term with its operands changed."""
    changes = {name: change(value) for name, value in vars(term).items() if isinstance(value, Term)}
    if getattr(term, "parts", ()):
        changes["parts"] = tuple(change(part) for part in getattr(term, "parts", ()))
    return replace(term, **changes) if changes else term
