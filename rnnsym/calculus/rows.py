"""The rows of a Jacobian J[i, j] = ∂a_i/∂v_j scaled, spread and contracted, without needless identities and ones."""

from __future__ import annotations

from rnnsym.errors import DerivationError
from rnnsym.model.expressions import (
    ONE,
    Diagonal,
    Expression,
    Hadamard,
    IdentityMatrix,
    MatrixProduct,
    Negative,
    Ones,
    OrderedSum,
    Outer,
    Quotient,
    add,
    divide,
    multiply,
    opposite,
)


def scale_rows(weights: Expression, matrix: Expression) -> Expression:
    """diag(w) J, written without a needless identity and with neighbouring diagonals merged; a scalar w just scales."""
    if weights == ONE:
        return matrix
    if weights.rank != 1 or matrix.rank < 2:  # a scalar, or entry by entry: a Jacobian by a scalar
        return multiply(weights, matrix)
    if isinstance(matrix, OrderedSum):
        return add(*(scale_rows(weights, term) for term in matrix.args))
    if isinstance(matrix, Negative):
        return opposite(scale_rows(weights, matrix.args[0]))
    if isinstance(matrix, IdentityMatrix):
        return Diagonal(weights)
    if isinstance(matrix, Diagonal):
        return Diagonal(multiply(weights, matrix.args[0]))
    if isinstance(matrix, Hadamard) and sum(factor.rank == 2 for factor in matrix.args) == 1:  # a scaled matrix
        return multiply(*(factor if factor.rank == 0 else scale_rows(weights, factor) for factor in matrix.args))
    if isinstance(matrix, Quotient) and matrix.args[1].rank == 0:
        return divide(scale_rows(weights, matrix.args[0]), matrix.args[1])
    if isinstance(matrix, MatrixProduct) and isinstance(matrix.left, Diagonal):
        return MatrixProduct(Diagonal(multiply(weights, matrix.left.args[0])), matrix.right)
    return MatrixProduct(Diagonal(weights), matrix)


def spread_rows(matrix: Expression, node: Expression, operand: Expression) -> Expression:
    """The Jacobian of a scalar operand inside a vector: the same row for every entry of the vector."""
    if operand.rank == node.rank:
        return matrix
    return _outer(Ones(node.shape), matrix) if matrix.rank else multiply(matrix, Ones(node.shape))


def scale_operand(weights: Expression, part: Expression, node: Expression, operand: Expression) -> Expression:
    """diag(w) J for an operand of ``node``; a scalar operand in a vector gives the outer product of w with its row."""
    if operand.rank == node.rank:
        return scale_rows(weights, part)
    return _outer(weights, part) if part.rank else multiply(weights, part)


def contract(weights: Expression, part: Expression) -> Expression:
    """W J for a matrix W, or w J for a row w."""
    return weights if isinstance(part, IdentityMatrix) else MatrixProduct(weights, part)


def along(slope: Expression, row: Expression) -> Expression:
    """∂a/∂s ∂s/∂v for a scalar s."""
    return _outer(slope, row) if slope.rank and row.rank else multiply(slope, row)


def _outer(column: Expression, row: Expression) -> Expression:
    if column.rank != 1:
        raise DerivationError(
            f"the Jacobian of a matrix of shape {column.shape} by a vector has three axes, which nothing here has: "
            "apply the function before the scalar is multiplied in, or to a vector"
        )
    return Outer(column, row)
