"""One differentiation rule per kind of node as a Jacobian (forward mode), written independently of the pullbacks."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from rnnsym.calculus.rows import along, contract, scale_operand, scale_rows, spread_rows
from rnnsym.calculus.rules import LEAVES, Pair, entries, lower_power, slope
from rnnsym.calculus.scalars import take_apart
from rnnsym.errors import DerivationError
from rnnsym.model.expressions import (
    ONE,
    ZERO,
    Comparison,
    Concatenation,
    Diagonal,
    Elementwise,
    Expression,
    Extremum,
    Hadamard,
    Lookup,
    MatrixProduct,
    Negative,
    Numeral,
    Ones,
    OrderedSum,
    Outer,
    Power,
    Projection,
    Quotient,
    Reduction,
    Selection,
    Size,
    Softmax,
    Transposed,
    add,
    divide,
    multiply,
    negate,
    opposite,
    select,
    transpose,
    zeros,
)

Known = Callable[[Expression], Expression | None]
Jacobian = Callable[[Any, Known, Expression], "Expression | None"]


def jacobian(expression: Expression, known: Known, output: Expression | None = None) -> Expression | None:
    """Return J[i, j] = ∂expression_i/∂v_j for a vector or scalar v, or None where it is zero.

    ``known`` answers the Jacobian of a name by v (None: independent). ``expression`` is a vector or a scalar, or of any
    shape where v is a scalar; then J has its shape.
    """
    if isinstance(expression, LEAVES):
        return known(expression)
    rule = jacobians.get(type(expression))
    if rule is None:
        raise DerivationError(f"no Jacobian for {type(expression).__name__}: add one to calculus.jacobians.jacobians")
    found = rule(expression, known, output or expression)
    return None if found == ZERO else found  # the slope of a flat function


def _total(parts: list[Expression | None]) -> Expression | None:
    present = [part for part in parts if part is not None]
    return add(*present) if present else None


def _jacobian_sum(node: OrderedSum, known: Known, _: Expression) -> Expression | None:
    parts = [(term, jacobian(term, known)) for term in node.args]
    return _total([None if part is None else spread_rows(part, node, term) for term, part in parts])


def _jacobian_negative(node: Negative, known: Known, _: Expression) -> Expression | None:
    part = jacobian(node.args[0], known)
    return None if part is None else opposite(part)


def _jacobian_hadamard(node: Hadamard, known: Known, _: Expression) -> Expression | None:
    parts: list[Expression | None] = []
    for place, factor in enumerate(node.args):
        part = jacobian(factor, known)
        others = multiply(*node.args[:place], *node.args[place + 1 :])
        parts.append(None if part is None else scale_operand(others, part, node, factor))
    return _total(parts)


def _jacobian_quotient(node: Quotient, known: Known, output: Expression) -> Expression | None:
    numerator, denominator = node.args
    above, below = jacobian(numerator, known), jacobian(denominator, known)
    return _total([
        None if above is None else scale_operand(ONE / denominator, above, node, numerator),
        None if below is None else opposite(scale_operand(output / denominator, below, node, denominator)),
    ])


def _jacobian_power(node: Power, known: Known, _: Expression) -> Expression | None:
    part = jacobian(node.base, known)
    return None if part is None else scale_rows(multiply(Numeral(node.exponent), lower_power(node)), part)


def _jacobian_product(node: MatrixProduct, known: Known, _: Expression) -> Expression | None:
    left, right = node.args
    parts: list[Expression | None] = []
    for operand, other, on_left in ((left, right, True), (right, left, False)):
        if operand.rank == 2:
            pairs = _by_scalars(operand, known)
            parts += [along(slope @ other if on_left else other @ slope, row) for slope, row in pairs]
            continue
        part = jacobian(operand, known)
        if part is not None:
            weights = transpose(other) if on_left and other.rank == 2 else other
            parts.append(contract(weights, part))
    return _total(parts)


def _by_scalars(matrix: Expression, known: Known) -> Iterator[Pair]:
    """∂M/∂s, of the matrix's shape, and ∂s/∂v for each scalar s through which a matrix M depends on v."""
    apart = take_apart(matrix)
    for name, scalar in apart.scalars.items():
        row = jacobian(scalar, known)
        slope = None if row is None else jacobian(apart.matrix, {name: ONE}.get)
        if row is not None and slope is not None:
            yield apart.put_back(slope), row


def _jacobian_elementwise(node: Elementwise, known: Known, output: Expression) -> Expression | None:
    part = jacobian(node.argument, known)
    return None if part is None else scale_rows(slope(node, output), part)


def _jacobian_softmax(node: Softmax, known: Known, output: Expression) -> Expression | None:
    part = jacobian(node.argument, known)
    return None if part is None else contract(add(Diagonal(output), negate(Outer(output, output))), part)


def _jacobian_selection(node: Selection, known: Known, _: Expression) -> Expression | None:
    return _chosen_rows(node, node.args[0], node.args[1:], known)


def _jacobian_extremum(node: Extremum, known: Known, _: Expression) -> Expression | None:
    left, right = node.operands
    below, above = (right, left) if node.name == "maximum" else (left, right)
    return _chosen_rows(node, Comparison(">", above, below), (left, right), known)


def _chosen_rows(
    node: Expression, condition: Expression, branches: tuple[Expression, ...], known: Known
) -> Expression | None:
    """diag(c) ∂a/∂v + diag(1 − c) ∂b/∂v, each row taken or left: a slope that is not taken may be infinite."""
    parts: list[Expression | None] = []
    for branch, taken in zip(branches, ((ONE, ZERO), (ZERO, ONE)), strict=True):
        part = jacobian(branch, known)
        weights = multiply(select(condition, *taken), Ones(node.shape) if node.rank > branch.rank else ONE)
        parts.append(None if part is None else scale_operand(weights, part, node, branch))
    return _total(parts)


def _jacobian_reduction(node: Reduction, known: Known, _: Expression) -> Expression | None:
    operand = node.operand
    if node.kind == "logsumexp":
        part = jacobian(operand, known)
        return None if part is None else contract(Softmax(operand), part)
    if operand.rank == 2:
        return _total([along(Reduction(node.kind, slope), row) for slope, row in _by_scalars(operand, known)])
    part = jacobian(operand, known)
    if part is None:
        return None
    total = part if operand.rank == 0 else contract(Ones(operand.shape), part)
    return total if node.kind == "sum" else divide(total, Size(entries(operand.shape)))


def _jacobian_transposed(node: Transposed, known: Known, _: Expression) -> Expression | None:
    part = jacobian(node.args[0], known)
    return None if part is None else transpose(part)


def _jacobian_concatenation(node: Concatenation, known: Known, _: Expression) -> Expression | None:
    found = [jacobian(operand, known) for operand in node.args]
    columns = next((one.shape[1:] for one in found if one is not None), None)
    if columns is None:
        return None
    return Concatenation(*(zeros((*operand.shape, *columns)) if one is None else one
                           for operand, one in zip(node.args, found, strict=True)))


def _jacobian_projection(node: Projection, known: Known, output: Expression) -> Expression | None:
    return _jacobian_product(MatrixProduct(node.vector, node.matrix), known, output)


jacobians: dict[type, Jacobian] = {
    Concatenation: _jacobian_concatenation,
    Projection: _jacobian_projection,
    Lookup: _jacobian_projection,
    OrderedSum: _jacobian_sum,
    Negative: _jacobian_negative,
    Hadamard: _jacobian_hadamard,
    Quotient: _jacobian_quotient,
    Power: _jacobian_power,
    MatrixProduct: _jacobian_product,
    Elementwise: _jacobian_elementwise,
    Softmax: _jacobian_softmax,
    Selection: _jacobian_selection,
    Extremum: _jacobian_extremum,
    Reduction: _jacobian_reduction,
    Transposed: _jacobian_transposed,
}
