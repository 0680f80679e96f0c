"""The arithmetic of expressions: ordered sums and products of scalars ``()``, vectors ``(n,)`` and matrices ``(d, n)``.

SymPy's own ``Add`` and ``Mul`` re-order their arguments and its matrix calculus is silently wrong on this
field's losses, so the nodes here keep the author's order and leave differentiation to ``rnnsym.calculus``.
Shapes follow NumPy: ``x @ W`` with a vector on the left is the row convention, ``W @ x`` the column convention.
"""

from __future__ import annotations

from typing import Any, Union

from sympy import Basic, Rational, Tuple

from rnnsym.errors import ShapeError

Shape = tuple[Any, ...]
Operand = Union["Expression", int]


class Expression(Basic):
    """A quantity with a ``shape``; its arguments keep the order in which they were written."""

    @property
    def shape(self) -> Shape:
        """The sizes along each axis: ``()`` a scalar, ``(n,)`` a vector, ``(d, n)`` a matrix."""
        raise NotImplementedError(f"{type(self).__name__} declares no shape")

    @property
    def rank(self) -> int:
        """The number of axes."""
        return len(self.shape)

    def __add__(self, other: Operand) -> Expression:
        return add(self, as_expression(other))

    def __radd__(self, other: Operand) -> Expression:
        return add(as_expression(other), self)

    def __sub__(self, other: Operand) -> Expression:
        return add(self, negate(as_expression(other)))

    def __rsub__(self, other: Operand) -> Expression:
        return add(as_expression(other), negate(self))

    def __neg__(self) -> Expression:
        return negate(self)

    def __mul__(self, other: Operand) -> Expression:
        return multiply(self, as_expression(other))

    def __rmul__(self, other: Operand) -> Expression:
        return multiply(as_expression(other), self)

    def __truediv__(self, other: Operand) -> Expression:
        return Quotient(self, as_expression(other))

    def __rtruediv__(self, other: Operand) -> Expression:
        return Quotient(as_expression(other), self)

    def __pow__(self, exponent: int | Rational) -> Expression:
        return Power(self, exponent)

    def __matmul__(self, other: Expression) -> Expression:
        return MatrixProduct(self, other)

    @property
    def T(self) -> Expression:
        """The transpose of a matrix."""
        return transpose(self)


class Numeral(Expression):
    """An exact rational number."""

    def __new__(cls, value: int | str | Rational) -> Numeral:
        return Basic.__new__(cls, Rational(value))

    @property
    def value(self) -> Rational:
        """The number itself."""
        return self.args[0]

    @property
    def shape(self) -> Shape:
        return ()


class OrderedSum(Expression):
    """An ordered sum; a scalar term is added to every entry."""

    def __new__(cls, *terms: Expression) -> OrderedSum:
        broadcast_shape(terms)
        return Basic.__new__(cls, *terms)

    @property
    def shape(self) -> Shape:
        return broadcast_shape(self.args)


class Negative(Expression):
    """The negative −a."""

    def __new__(cls, operand: Expression) -> Negative:
        return Basic.__new__(cls, operand)

    @property
    def shape(self) -> Shape:
        return self.args[0].shape


class Hadamard(Expression):
    """An ordered elementwise product; a scalar factor scales every entry."""

    def __new__(cls, *factors: Expression) -> Hadamard:
        broadcast_shape(factors)
        return Basic.__new__(cls, *factors)

    @property
    def shape(self) -> Shape:
        return broadcast_shape(self.args)


class Quotient(Expression):
    """An elementwise quotient."""

    def __new__(cls, numerator: Expression, denominator: Expression) -> Quotient:
        broadcast_shape((numerator, denominator))
        return Basic.__new__(cls, numerator, denominator)

    @property
    def shape(self) -> Shape:
        return broadcast_shape(self.args)


class Power(Expression):
    """An elementwise power with a rational exponent."""

    def __new__(cls, base: Expression, exponent: int | Rational) -> Power:
        return Basic.__new__(cls, base, Rational(exponent))

    @property
    def base(self) -> Expression:
        """What is raised."""
        return self.args[0]

    @property
    def exponent(self) -> Rational:
        """The power."""
        return self.args[1]

    @property
    def shape(self) -> Shape:
        return self.args[0].shape


class MatrixProduct(Expression):
    """A matrix product in NumPy's sense: the last axis of the left against the first axis of the right."""

    def __new__(cls, left: Expression, right: Expression) -> MatrixProduct:
        if left.rank == 0 or right.rank == 0 or left.shape[-1] != right.shape[0]:
            raise ShapeError(f"a product needs equal inner sizes, but the shapes are {left.shape} and {right.shape}")
        return Basic.__new__(cls, left, right)

    @property
    def left(self) -> Expression:
        """The left factor."""
        return self.args[0]

    @property
    def right(self) -> Expression:
        """The right factor."""
        return self.args[1]

    @property
    def shape(self) -> Shape:
        return self.left.shape[:-1] + self.right.shape[1:]


class Transposed(Expression):
    """The transpose of a matrix."""

    def __new__(cls, operand: Expression) -> Transposed:
        if operand.rank != 2:
            raise ShapeError(f".T needs a matrix, but the shape is {operand.shape}")
        return Basic.__new__(cls, operand)

    @property
    def shape(self) -> Shape:
        return self.args[0].shape[::-1]


class Ones(Expression):
    """A vector or matrix of ones."""

    def __new__(cls, shape: Shape | Tuple) -> Ones:
        return Basic.__new__(cls, Tuple(*shape))

    @property
    def shape(self) -> Shape:
        return tuple(self.args[0])


ZERO = Numeral(0)
ONE = Numeral(1)


def as_expression(value: Operand) -> Expression:
    """Return ``value`` as an expression; a plain integer becomes a ``Numeral``."""
    return value if isinstance(value, Expression) else Numeral(value)


def broadcast_shape(operands: tuple[Expression, ...]) -> Shape:
    """Return the common shape of elementwise operands, of which scalars may be any number."""
    shape: Shape = ()
    for operand in operands:
        own = operand.shape  # asked for once: each asking walks all that is below
        if own and shape and own != shape:
            raise ShapeError(f"elementwise operands need one shape, but the shapes are {shape} and {own}")
        shape = own or shape
    return shape


def add(*terms: Expression) -> Expression:
    """Return the ordered sum of ``terms``, flattened and without zeros."""
    flat = [part for term in terms for part in (term.args if isinstance(term, OrderedSum) else (term,)) if part != ZERO]
    return flat[0] if len(flat) == 1 else OrderedSum(*flat) if flat else ZERO


def negate(operand: Expression) -> Expression:
    """Return −a, with −(−a) = a and a numeral's own sign."""
    if isinstance(operand, Negative):
        return operand.args[0]
    return Numeral(-operand.value) if isinstance(operand, Numeral) else Negative(operand)


def opposite(operand: Expression) -> Expression:
    """Return −a with the sign carried to the terms of a sum, so that signs meet and cancel."""
    return add(*(negate(term) for term in operand.args)) if isinstance(operand, OrderedSum) else negate(operand)


def divide(numerator: Expression, denominator: Expression) -> Expression:
    """Return a / b with the sign of a in front."""
    if isinstance(numerator, Negative):
        return Negative(Quotient(numerator.args[0], denominator))
    return Quotient(numerator, denominator)


def zeros(shape: Shape) -> Expression:
    """Return 0, or 0 in every entry of a vector or matrix."""
    return Hadamard(ZERO, Ones(shape)) if shape else ZERO


def multiply(*factors: Expression) -> Expression:
    """Return the ordered elementwise product, flattened, without ones, its sign in front."""
    flat: list[Expression] = []
    negative = False
    for factor in factors:
        negative ^= isinstance(factor, Negative)
        bare = factor.args[0] if isinstance(factor, Negative) else factor
        flat += [part for part in (bare.args if isinstance(bare, Hadamard) else (bare,)) if part != ONE]
    if ZERO in flat:
        return ZERO
    product = _over_denominators(without_ones(flat))
    return negate(product) if negative else product


def _over_denominators(factors: list[Expression]) -> Expression:
    """Return a product whose reciprocals 1/a have become denominators: g ⊙ (1/a) = g/a."""
    if len(factors) == 1:
        return factors[0]
    below = [factor.args[1] for factor in factors if isinstance(factor, Quotient) and factor.args[0] == ONE]
    above = [factor for factor in factors if not (isinstance(factor, Quotient) and factor.args[0] == ONE)]
    numerator = ONE if not above else above[0] if len(above) == 1 else Hadamard(*above)
    return Quotient(numerator, below[0] if len(below) == 1 else Hadamard(*below)) if below else numerator


def without_ones(factors: list[Expression]) -> list[Expression]:
    """Drop each vector of ones beside a factor of its own shape."""
    shaped = [factor for factor in factors if factor.shape and not isinstance(factor, Ones)]
    return [f for f in factors if not isinstance(f, Ones)] if shaped else factors


def transpose(operand: Expression) -> Expression:
    """Return the transpose, with (Aᵀ)ᵀ = A."""
    return operand.args[0] if isinstance(operand, Transposed) else Transposed(operand)
