"""Sums as one would write them by hand: a factor of all terms once, the diagonals before one matrix together.

−δ ⊙ n + δ ⊙ h is δ ⊙ (h − n), diag(u) Wᵀ + diag(v) Wᵀ is diag(u + v) Wᵀ, and a fraction of fractions (a/u)/u is a/u².
The value stays; no other law is used.
"""

from __future__ import annotations

from dataclasses import dataclass

from rnnsym.model.expressions import (
    ONE,
    Diagonal,
    Expression,
    Hadamard,
    MatrixProduct,
    Negative,
    Numeral,
    OrderedSum,
    Power,
    Quotient,
    add,
    multiply,
    negate,
)


def collected(expression: Expression) -> Expression:
    """Return an expression of the same value in which each sum is written with its common factors in front."""
    parts = [collected(part) if isinstance(part, Expression) else part for part in expression.args]
    whole = expression if tuple(parts) == expression.args else _rebuilt(expression, parts)
    if isinstance(whole, Quotient):
        return _single_fraction(whole)
    return _factored(_joined_diagonals(whole)) if isinstance(whole, OrderedSum) else whole


def _rebuilt(expression: Expression, parts: list[Expression]) -> Expression:
    if isinstance(expression, OrderedSum):
        return add(*parts)
    return multiply(*parts) if isinstance(expression, Hadamard) else expression.func(*parts)


def _single_fraction(whole: Quotient) -> Expression:
    """A fraction over one line: (a/b)/c is a/(b c)."""
    above, below, negative = whole.args[0], [whole.args[1]], False
    while isinstance(bare := above.args[0] if isinstance(above, Negative) else above, Quotient):
        negative ^= bare is not above
        above, below = bare.args[0], [bare.args[1], *below]
    if len(below) == 1:
        return whole
    found = Quotient(above, _with_powers(below))
    return negate(found) if negative else found


def _with_powers(denominators: list[Expression]) -> Expression:
    """A product with its numerals in front, and with equal factors as a power."""
    flat = [part for one in denominators for part in (one.args if isinstance(one, Hadamard) else (one,))]
    counts: dict[Expression, int] = {}
    for factor in flat:
        base, exponent = (factor.base, int(factor.exponent)) if _is_whole_power(factor) else (factor, 1)
        counts[base] = counts.get(base, 0) + exponent
    powers = [base if count == 1 else Power(base, count) for base, count in counts.items()]
    return multiply(*sorted(powers, key=lambda one: not isinstance(one, Numeral)))


def _is_whole_power(factor: Expression) -> bool:
    return isinstance(factor, Power) and factor.exponent.is_Integer and factor.exponent > 0


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
