"""Values of bounds: with numbers for the largest slopes, at their least, and one compared with another."""

from __future__ import annotations

from typing import Any

from sympy import Poly, Symbol
from sympy.polys.polyerrors import PolynomialError

from rnnsym.calculus.bounds import JacobianBound, tidy
from rnnsym.calculus.norms import (
    BlockBound,
    ColumnSum,
    LargestEntry,
    LargestSingularValue,
    LargestSlope,
    RowSum,
    SpectralNorm,
)
from rnnsym.errors import DerivationError
from rnnsym.model.activations import activations
from rnnsym.model.expressions import (
    ONE,
    ZERO,
    Constant,
    Expression,
    Extremum,
    Hadamard,
    Numeral,
    OrderedSum,
    Power,
    Size,
    rebuild,
)


def in_numbers(expression: Expression) -> Expression:
    """Return a bound with the values of the largest slopes in place of their signs."""
    def value(node: Expression) -> Expression | None:
        return Numeral(activations[node.function].slope_bound) if isinstance(node, LargestSlope) else None

    return tidy(rebuild(expression, value))


def least(bound: JacobianBound, of: Any, by: Any) -> Any:
    """Return what the bound of a block is at least, whatever weights and states: its value with all norms zero."""
    def value(node: Expression) -> Expression | None:
        if isinstance(node, LargestEntry | SpectralNorm | LargestSingularValue | ColumnSum | RowSum):
            return ZERO
        if isinstance(node, BlockBound):
            return Numeral(least(bound, node.of, node.by))
        return ONE if isinstance(node, Power) and isinstance(node.base, Size) else None  # a size is at least 1

    return _polynomial(rebuild(bound.entry(of, by), value), {})


def is_at_most(smaller: Expression, larger: Expression) -> bool:
    """Whether ``smaller`` ≤ ``larger`` for all values of the norms in them, by comparing coefficients.

    Both as polynomials in norms, which are never negative: if no coefficient of the difference is negative, neither is
    the difference. False where this does not tell.
    """
    symbols: dict[Expression, Any] = {}
    try:
        difference = _polynomial(larger, symbols) - _polynomial(smaller, symbols)
        if not symbols:
            return bool(difference >= 0)
        return all(coefficient >= 0 for coefficient in Poly(difference, *symbols.values()).coeffs())
    except (DerivationError, PolynomialError):
        return False


def _polynomial(expression: Expression, symbols: dict[Expression, Any]) -> Any:
    match expression:
        case Numeral() | Constant():
            return expression.value
        case LargestSlope():
            return activations[expression.function].slope_bound
        case OrderedSum():
            return sum(_polynomial(arg, symbols) for arg in expression.args)
        case Hadamard() if not expression.shape:
            product: Any = 1
            for arg in expression.args:
                product = product * _polynomial(arg, symbols)
            return product
        case Extremum() if not symbols:
            values = [_polynomial(operand, symbols) for operand in expression.operands]
            if not symbols:
                return max(values)
        case Power() if expression.exponent.q == 1 and expression.exponent > 0:
            return _polynomial(expression.base, symbols) ** expression.exponent
        case SpectralNorm() | LargestSingularValue():
            return symbols.setdefault(SpectralNorm(expression.operand), Symbol(f"m{len(symbols)}"))
        case LargestEntry():
            return symbols.setdefault(expression, Symbol(f"m{len(symbols)}"))
    raise DerivationError(f"{type(expression).__name__} is no polynomial of norms")
