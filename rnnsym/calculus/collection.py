"""Sums as one would write them by hand: a factor of all terms once, the diagonals before one matrix together.

−δ ⊙ n + δ ⊙ h is δ ⊙ (h − n), and diag(u) Wᵀ + diag(v) Wᵀ is diag(u + v) Wᵀ. The value stays; no other law is used.
"""

from __future__ import annotations

from dataclasses import dataclass

from rnnsym.model.expressions import (
    ONE,
    Diagonal,
    Elementwise,
    Expression,
    Hadamard,
    MatrixProduct,
    Negative,
    Numeral,
    OrderedSum,
    Transposed,
    add,
    multiply,
    negate,
)

OPENED = (OrderedSum, Negative, Hadamard, MatrixProduct, Diagonal, Transposed, Elementwise)


def collected(expression: Expression) -> Expression:
    """Return an expression of the same value in which each sum is written with its common factors in front.

    What else there is besides sums and products, a selection, a sum over steps, is left as it stands.
    """
    if not isinstance(expression, OPENED) or not expression.args:
        return expression
    parts = [collected(part) if isinstance(part, Expression) else part for part in expression.args]
    whole = expression if tuple(parts) == expression.args else _rebuilt(expression, parts)
    return _factored(_joined_diagonals(whole)) if isinstance(whole, OrderedSum) else whole


def _rebuilt(expression: Expression, parts: list[Expression]) -> Expression:
    if isinstance(expression, OrderedSum):
        return add(*parts)
    return multiply(*parts) if isinstance(expression, Hadamard) else expression.func(*parts)


@dataclass(frozen=True)
class _Term:
    """A term of a sum: its sign, and its factors."""

    negative: bool
    factors: tuple[Expression, ...]

    def without(self, common: list[Expression]) -> Expression:
        left = list(self.factors)
        for factor in common:
            left.remove(factor)
        return negate(multiply(*left)) if self.negative else multiply(*left)


def _term(expression: Expression) -> _Term:
    bare = expression.args[0] if isinstance(expression, Negative) else expression
    return _Term(bare is not expression, bare.args if isinstance(bare, Hadamard) else (bare,))


def _factored(whole: Expression) -> Expression:
    """Take out the factors that all terms of a sum have; they stay in the order of its first term."""
    if not isinstance(whole, OrderedSum):
        return whole
    terms = [_term(part) for part in whole.args]
    common: list[Expression] = []
    for factor in terms[0].factors:
        if not isinstance(factor, Numeral) and all(term.factors.count(factor) > common.count(factor) for term in terms):
            common.append(factor)
    rests = [term.without(common) for term in terms]
    if not common or all(isinstance(rest, Numeral) for rest in rests):
        return whole
    place = next((at for at, factor in enumerate(terms[0].factors) if factor not in common), len(common))
    found = _positive_first(rests)
    return multiply(*common[:place], found, *common[place:])


def _positive_first(terms: list[Expression]) -> Expression:
    """A sum that begins with a term without a sign, where it has one."""
    first = next((term for term in terms if not isinstance(term, Negative)), terms[0])
    place = terms.index(first)
    return add(first, *terms[:place], *terms[place + 1 :])


def _joined_diagonals(whole: OrderedSum) -> Expression:
    """Join the terms ± diag(v) M that have the same M; a term diag(v) alone has the M 1."""
    joined: dict[object, list[_Row]] = {}
    for number, term in enumerate(whole.args):
        one = _row(term)
        joined.setdefault(number if one is None else one.matrix, []).append(one or _Row(term, ONE))
    return add(*(whole.args[key] if isinstance(key, int) else _with_matrix(rows) for key, rows in joined.items()))


@dataclass(frozen=True)
class _Row:
    """A term diag(weights) matrix; its sign is that of the weights."""

    weights: Expression
    matrix: Expression


def _row(term: Expression) -> _Row | None:
    bare = term.args[0] if isinstance(term, Negative) else term
    diagonal, matrix = (bare.left, bare.right) if isinstance(bare, MatrixProduct) else (bare, ONE)
    if not isinstance(diagonal, Diagonal):
        return None
    return _Row(diagonal.args[0] if bare is term else negate(diagonal.args[0]), matrix)


def _with_matrix(rows: list[_Row]) -> Expression:
    total = _factored(_positive_first([one.weights for one in rows]))
    bare = total.args[0] if isinstance(total, Negative) else total
    product = Diagonal(bare) if rows[0].matrix == ONE else MatrixProduct(Diagonal(bare), rows[0].matrix)
    return product if bare is total else negate(product)
