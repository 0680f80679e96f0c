"""Numbers, sizes and steps to boxes: 1/2, d n, t − 1."""

from __future__ import annotations

from typing import Any

from sympy import Add, Integer, Max, Min, Mul, Pow, Rational, Symbol

from rnnsym.errors import RnnsymError
from rnnsym.writing import boxes as bx
from rnnsym.writing.boxes import Box, row, superscript
from rnnsym.writing.spelling import spell


def scalar(value: Any) -> Box:
    """Lay out a SymPy integer expression of sizes and steps: t − 1, 3, d n."""
    match value:
        case Integer():
            return bx.number(value) if value >= 0 else row(bx.MINUS, bx.number(-value))
        case Rational():
            fraction = bx.Fraction(bx.number(abs(value.p)), bx.number(value.q))
            return fraction if value >= 0 else row(bx.MINUS, fraction)
        case Symbol():
            return spell(value.name)
        case Add():
            return _integer_sum(value)
        case Mul():
            return row(*(factor(one) for one in value.as_ordered_factors()))
        case Pow():
            return superscript(factor(value.base), scalar(value.exp))
        case Max() | Min():
            return _extremum(value)
    raise RnnsymError(f"no layout for the size {value}")


def _extremum(value: Max | Min) -> Box:
    name = type(value).__name__.lower()
    first, *others = sorted(value.args, key=lambda one: (not one.is_number, str(one)))
    listed = row(scalar(first), *(box for other in others for box in (bx.COMMA, scalar(other))))
    return row(bx.Glyph("upright", rf"\{name}", name), bx.Fence(listed))


def factor(value: Any) -> Box:
    """Lay out a factor of a product of sizes, a sum in brackets: (d + n)."""
    return bx.Fence(scalar(value)) if isinstance(value, Add) else scalar(value)


def _integer_sum(value: Add) -> Box:
    parts: list[Box] = []
    terms = sorted(value.args, key=lambda term: (term.is_number, str(term.as_coeff_Mul()[1])))
    first = next((term for term in terms if not term.could_extract_minus_sign()), terms[0])
    for term in (first, *(term for term in terms if term != first)):
        negative = term.could_extract_minus_sign()
        if parts or negative:
            parts.append(bx.MINUS if negative else bx.PLUS)
        parts.append(scalar(-term if negative else term))
    return row(*parts)
