"""δ's as sums of terms: what is known of a step before the way back begins, times what arrives on it.

The factors that hold no δ are slopes: they need no recurrence, and the slopes of many steps are computed at once.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from rnnsym.calculus.notation import Adjoint
from rnnsym.model.expressions import (
    ONE,
    ZERO,
    Expression,
    Hadamard,
    Negative,
    OrderedSum,
    Quotient,
    add,
    divide,
    multiply,
    negate,
    walk,
)

Terms = dict[Any, Expression]  # {what arrives: its slope}; what belongs to ONE holds no δ


def has_adjoint(expression: Expression) -> bool:
    """Whether a δ is used."""
    return any(isinstance(node, Adjoint) for node in walk(expression))


def adjoints_in(expressions: Iterable[Expression]) -> set[Adjoint]:
    """The δ's that expressions use."""
    return {node for one in expressions for node in walk(one) if isinstance(node, Adjoint)}


def terms_of(expression: Expression) -> Terms:
    """Return the terms of a sum; what is linear in no such way arrives as a whole."""
    if not has_adjoint(expression):
        return {} if expression == ZERO else {ONE: expression}
    if isinstance(expression, OrderedSum) and all(term.rank == expression.rank for term in expression.args):
        return joined_terms(terms_of(term) for term in expression.args)
    if isinstance(expression, Negative):
        return {base: negate(slope) for base, slope in terms_of(expression.args[0]).items()}
    if isinstance(expression, Hadamard):
        return _of_product(expression)
    if isinstance(expression, Quotient) and not has_adjoint(expression.args[1]):
        above, below = expression.args
        if above.rank == expression.rank:
            return {base: divide(slope, below) for base, slope in terms_of(above).items()}
    return {expression: ONE}


def _of_product(expression: Hadamard) -> Terms:
    arriving = [factor for factor in expression.args if has_adjoint(factor)]
    if len(arriving) != 1 or arriving[0].rank != expression.rank:
        return {expression: ONE}
    others = [factor for factor in expression.args if factor is not arriving[0]]
    return {base: multiply(*others) if slope == ONE else multiply(slope, *others)
            for base, slope in terms_of(arriving[0]).items()}


def joined_terms(several: Iterable[Terms]) -> Terms:
    """Return the sum of several sums; the slopes of what arrives in more than one are added."""
    found: Terms = {}
    for terms in several:
        for base, slope in terms.items():
            found[base] = add(found[base], slope) if base in found else slope
    return {base: slope for base, slope in found.items() if slope != ZERO}


def replaced(terms: Terms, known: Mapping[Any, Terms]) -> Terms:
    """Return the terms with each δ in ``known`` written out."""
    return joined_terms(
        {inner: _scaled(own, slope) for inner, own in known[base].items()} if base in known else {base: slope}
        for base, slope in terms.items()
    )


def _scaled(slope: Expression, by: Expression) -> Expression:
    return by if slope == ONE else slope if by == ONE else multiply(by, slope)


def expression_of(terms: Terms) -> Expression:
    """Return the sum as an expression."""
    parts = [slope if base == ONE else base if slope == ONE else multiply(base, slope) for base, slope in terms.items()]
    return add(*parts) if parts else ZERO
