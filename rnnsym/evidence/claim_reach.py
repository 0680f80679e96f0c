"""How far the quantities of a claim reach from its indices, from the last step and from the first."""

from __future__ import annotations

from rnnsym.evidence.claim_parts import UnboundedError
from rnnsym.evidence.claim_terms import Claim, Repeated, Step, Term, quantities, uses


def reached_offsets(claim: Claim) -> dict[str, set[int]]:
    """Return how far from each index, from T and from 0 (the base "") the quantities of a claim reach."""
    found: dict[str, set[int]] = {}
    for side in claim.sides:
        for base, offsets in _reach(side).items():
            found.setdefault(base, {0}).update(offsets)
    return found


def _reach(term: Term) -> dict[str, set[int]]:
    found: dict[str, set[int]] = {}
    for step in (quantity.step for quantity in quantities(term) if quantity.step is not None):
        found.setdefault(base_of(step), set()).add(step.offset)
    for operand in term.operands:
        for base, offsets in _reach(operand).items():
            found.setdefault(base, set()).update(offsets)
    if isinstance(term, Repeated) and uses(term.term, term.span.index):
        inner = {0, *found.pop(term.span.index, set())}
        for end in (term.span.low, term.span.high):
            found.setdefault(base_of(end), set()).update(end.offset + offset for offset in inner)
    return found


def base_of(step: Step) -> str:
    """Return the index that a step is at a fixed distance from; UnboundedError where there is none."""
    if step.base is None:
        raise UnboundedError(f"the step {step} is not at a fixed distance from one index")
    return step.base
