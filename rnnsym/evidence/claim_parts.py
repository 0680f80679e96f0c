"""Summands A(u) B(v) of what is cut into a beginning u and an end v: how many, and how they add and multiply."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any

from rnnsym.model.expressions import Shape

CONSTANT, BEFORE, BEHIND = "constant", "before", "behind"


class UnboundedError(Exception):
    """Tells that a term has no bound that is known here, and why."""


@dataclass(frozen=True)
class Part:
    """One kind of summand A(u) B(v), ``count`` of them.

    ``first`` and ``last`` tell on which side of the cut its first and its last axis lie. What is not ``mixed`` rests on
    one side alone: all such together are one summand. It has ``divisions`` factors 1/T. Of what ``turns``, a power of
    one matrix, the two ends may be exchanged. Where ``behind`` names the functions B(v), parts with the same ones are
    the same summands, however much the A(u) differ.
    """

    first: str
    last: str
    count: int = 1
    mixed: bool = False
    divisions: int = 0
    turns: bool = False
    behind: str = ""


Parts = tuple[Part, ...]


def pure(place: str, divisions: int = 0) -> Parts:
    """What rests on one side of the cut alone."""
    return (Part(place, place, divisions=divisions),)


def joined(parts: Iterable[Part]) -> Parts:
    """Add parts: all that rest on one side are one summand, and so are those with the same functions B(v)."""
    found = list(parts)
    once = dict.fromkeys(one for one in found if not one.mixed or one.behind)
    return (*once, *(one for one in found if one.mixed and not one.behind))


def turned(part: Part) -> Part:
    """Return the part of the transpose."""
    behind = part.behind if part.first == part.last else ""
    return replace(part, first=part.last, last=part.first, behind=behind)


def the_place(parts: Parts, source: str) -> str:
    """Return the one side that parts rest on, for what is no sum and no product of them."""
    places = {one.first for one in parts} - {CONSTANT}
    if any(one.mixed or one.divisions for one in parts) or len(places) > 1:
        raise UnboundedError(f"`{source}` joins quantities of steps far from each other in one function")
    return places.pop() if places else CONSTANT


def contracted(left: Parts, right: Parts, inner: int) -> Parts:
    """Multiply matrices: entries add up over ``inner`` places where the axes between them lie on different sides."""
    return joined(_contracted(a, b, inner) for a in left for b in right)


def _contracted(left: Part, right: Part, inner: int) -> Part:
    simple = _simple(left, right, left.last, right.first)
    if simple is not None:
        return simple
    if left.last != right.first:
        left = turned(left) if left.turns else left
        right = turned(right) if right.turns and left.last != right.first else right
    seam = 1 if left.last == right.first else inner
    return Part(left.first, right.last, left.count * right.count * seam, True, left.divisions + right.divisions)


def _simple(left: Part, right: Part, left_axis: str, right_axis: str) -> Part | None:
    """A product with a constant, of two that rest on the same side, or of what stays A(u) B(v) with the same B(v)."""
    divisions = left.divisions + right.divisions
    for one, other, axis in ((left, right, right_axis), (right, left, left_axis)):
        constant = one.first == CONSTANT and not one.mixed
        if constant or (other.behind and axis == BEFORE and not one.mixed and one.first == BEFORE):
            return replace(other, divisions=divisions, behind=other.behind if axis == BEFORE else "")
    alike = not left.mixed and not right.mixed and left.first == right.first
    return replace(left, divisions=divisions) if alike else None


def multiplied(
    left: Parts, right: Parts, left_shape: Shape, right_shape: Shape, length: Callable[[Any], int], *,
    outer: bool = False,
) -> Parts:
    """Multiply entry by entry, or each with each (``outer``): the counts multiply."""
    found = []
    for a in left:
        for b in right:
            simple = _simple(a, b, *(one.last if one.first == one.last else "" for one in (a, b)))
            found.append(_entrywise(a, b, left_shape, right_shape, length, outer) if simple is None else simple)
    return joined(found)


def _entrywise(
    left: Part, right: Part, left_shape: Shape, right_shape: Shape, length: Callable[[Any], int], outer: bool
) -> Part:
    count, divisions = left.count * right.count, left.divisions + right.divisions
    if outer:
        return Part(left.last, right.last, count, True, divisions)
    if not left_shape or not right_shape:
        shaped = left if left_shape else right
        return Part(shaped.first, shaped.last, count, True, divisions)
    if len(left_shape) == 1:
        alike = left.last == right.last
        return Part(right.last, right.last, count * (1 if alike else length(left_shape[0])), True, divisions)
    if (left.first, left.last) != (right.first, right.last):
        raise UnboundedError("matrices of steps far from each other are multiplied entry by entry")
    return Part(left.first, left.last, count, True, divisions)
