"""Products that keep rows and pieces apart: vectors joined end to end, a piece of one, a row of a matrix."""

from __future__ import annotations

from typing import Any

from sympy import Add, Basic, Tuple
from sympy.core.sympify import _sympify

from rnnsym.errors import ShapeError
from rnnsym.model.arithmetic import Expression, Ones, Shape


class Outer(Expression):
    """The matrix M[i, j] = a_i b_j."""

    def __new__(cls, left: Expression, right: Expression) -> Outer:
        if left.rank != 1 or right.rank != 1:
            raise ShapeError(f"an outer product needs two vectors, but the shapes are {left.shape} and {right.shape}")
        return Basic.__new__(cls, left, right)

    @property
    def shape(self) -> Shape:
        return self.args[0].shape + self.args[1].shape


class Diagonal(Expression):
    """The matrix diag(v)."""

    def __new__(cls, operand: Expression) -> Diagonal:
        if operand.rank != 1:
            raise ShapeError(f"diag needs a vector, but the shape is {operand.shape}")
        return Basic.__new__(cls, operand)

    @property
    def shape(self) -> Shape:
        return self.args[0].shape * 2


class Concatenation(Expression):
    """The vector (a, b, …), or matrices on top of each other: joined along the first axis."""

    def __new__(cls, *operands: Expression) -> Concatenation:
        if not operands or any(not one.rank or one.shape[1:] != operands[0].shape[1:] for one in operands):
            shapes = ", ".join(str(one.shape) for one in operands)
            raise ShapeError(f"only the first axis of what is joined may differ, but the shapes are {shapes or 'none'}")
        return Basic.__new__(cls, *operands)

    @property
    def lengths(self) -> tuple[Any, ...]:
        """The size of each piece along the first axis."""
        return tuple(operand.shape[0] for operand in self.args)

    @property
    def shape(self) -> Shape:
        return (Add(*self.lengths), *self.args[0].shape[1:])


class Part(Expression):
    """Piece number ``index``, counted from 0, of what is made of pieces of ``lengths`` along the first axis."""

    def __new__(cls, operand: Expression, lengths: Shape | Tuple, index: Any) -> Part:
        if not operand.rank or operand.shape[0] != Add(*lengths):
            raise ShapeError(f"pieces of sizes {tuple(lengths)} are no parts of the shape {operand.shape}")
        if not 0 <= int(index) < len(lengths):
            raise ShapeError(f"there is no piece {index} among {len(lengths)}, counted from 0")
        return Basic.__new__(cls, operand, Tuple(*lengths), _sympify(int(index)))

    @property
    def operand(self) -> Expression:
        """What the piece is taken from."""
        return self.args[0]

    @property
    def start(self) -> Any:
        """The number of entries before the piece."""
        return Add(*self.args[1][: int(self.args[2])])

    @property
    def length(self) -> Any:
        """The number of entries of the piece."""
        return self.args[1][int(self.args[2])]

    @property
    def stop(self) -> Any:
        """The number of entries up to the end of the piece."""
        return Add(self.start, self.length)

    @property
    def shape(self) -> Shape:
        return (self.length, *self.operand.shape[1:])


def piece(operand: Expression, lengths: Shape, index: int) -> Expression:
    """Return piece ``index`` of ``operand``, which is found at once where the pieces or the entries are known."""
    if isinstance(operand, Concatenation) and operand.lengths == tuple(lengths):
        return operand.args[index]
    if isinstance(operand, Ones):
        return Ones((lengths[index], *operand.shape[1:]))
    return Part(operand, lengths, index)


class Projection(Expression):
    """The vector v M, printed as the document writes its vectors: v M among rows, Mᵀ v among columns."""

    def __new__(cls, vector: Expression, matrix: Expression) -> Projection:
        if vector.rank != 1 or matrix.rank != 2 or vector.shape[0] != matrix.shape[0]:
            raise ShapeError(f"a projection needs a vector and a matrix with as many rows, but the shapes are "
                             f"{vector.shape} and {matrix.shape}")
        return Basic.__new__(cls, vector, matrix)

    @property
    def vector(self) -> Expression:
        """The factor v."""
        return self.args[0]

    @property
    def matrix(self) -> Expression:
        """The factor M."""
        return self.args[1]

    @property
    def shape(self) -> Shape:
        return self.matrix.shape[1:]


class Lookup(Projection):
    """Row x of a matrix E: the product x E of a one-hot vector x, in code the row whose number x is."""


class Scatter(Outer):
    """The outer product of a one-hot vector x and g: zero but in row x, in code added to that row alone."""
