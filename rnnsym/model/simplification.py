"""Negatives, quotients and zeros as derivatives write them: signs in front, nothing divided where it is not taken."""

from __future__ import annotations

from rnnsym.model.arithmetic import (
    ZERO,
    Expression,
    Hadamard,
    Negative,
    Ones,
    OrderedSum,
    Quotient,
    Shape,
    add,
    inside,
    is_partial,
    negate,
)


def opposite(operand: Expression) -> Expression:
    """Return −a with the sign carried to the terms of a sum, so that signs meet and cancel."""
    return add(*(negate(term) for term in operand.args)) if isinstance(operand, OrderedSum) else negate(operand)


def divide(numerator: Expression, denominator: Expression) -> Expression:
    """Return a / b with the sign of a in front."""
    if isinstance(numerator, Negative):
        return Negative(Quotient(numerator.args[0], denominator))
    if is_partial(numerator):
        return inside(numerator, lambda branch: divide(branch, denominator))
    return Quotient(numerator, denominator)


def zeros(shape: Shape) -> Expression:
    """Return 0, or 0 in every entry of a vector or matrix."""
    return Hadamard(ZERO, Ones(shape)) if shape else ZERO
