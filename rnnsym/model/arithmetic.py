"""The arithmetic of expressions: ordered sums and products of scalars ``()``, vectors ``(n,)`` and matrices ``(d, n)``.

SymPy's own ``Add`` and ``Mul`` re-order their arguments, so the nodes here keep the author's order.
Shapes follow NumPy: ``x @ W`` with a vector on the left is the row convention, ``W @ x`` the column convention.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Self, Union

from sympy import Basic, Mul, Rational, Tuple

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
        return transpose(self)


class Numeral(Expression):
    """An exact rational number."""

    def __new__(cls, value: int | str | Rational) -> Numeral:
        return Basic.__new__(cls, Rational(value))

    @property
    def value(self) -> Rational:
        return self.args[0]

    @property
    def shape(self) -> Shape:
        return ()


class Broadcast(Expression):
    """Base of what is done entry by entry; of its operands scalars meet every entry of the others."""

    def __new__(cls, *args: Basic) -> Self:
        node = Basic.__new__(cls, *args)
        node.known_shape = broadcast_shape(node.operands)  # once: each asking would walk all that is below
        return node

    @property
    def operands(self) -> tuple[Expression, ...]:
        return self.args

    @property
    def shape(self) -> Shape:
        return tuple(self.known_shape)


class OrderedSum(Broadcast):
    """An ordered sum; a scalar term is added to every entry."""


class Negative(Broadcast):
    """The negative −a."""


class Hadamard(Broadcast):
    """An ordered elementwise product; a scalar factor scales every entry."""


class Quotient(Broadcast):
    """An elementwise quotient of two operands."""


class Selection(Broadcast):
    """Of c (zeros and ones), a and b: a where c is 1, b where it is 0; c a + (1 − c) b, but never 0 · ∞."""

    @property
    def condition(self) -> Expression:
        return self.args[0]


class Power(Expression):
    """An elementwise power with a rational exponent."""

    def __new__(cls, base: Expression, exponent: int | Rational) -> Power:
        return Basic.__new__(cls, base, Rational(exponent))

    @property
    def base(self) -> Expression:
        return self.args[0]

    @property
    def exponent(self) -> Rational:
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
        return self.args[0]

    @property
    def right(self) -> Expression:
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


ZERO, ONE, MINUS_ONE = Numeral(0), Numeral(1), Numeral(-1)


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
    flat = _joined(flat)
    return flat[0] if len(flat) == 1 else OrderedSum(*flat) if flat else ZERO


def negate(operand: Expression) -> Expression:
    """Return −a, with −(−a) = a and a numeral's own sign."""
    if isinstance(operand, Negative):
        return operand.args[0]
    if is_partial(operand):
        return inside(operand, negate)
    return Numeral(-operand.value) if isinstance(operand, Numeral) else Negative(operand)


def select(condition: Expression, chosen: Expression, other: Expression) -> Expression:
    """Return the selection; what one condition decides twice is decided once, and of zeros nothing is left."""
    first = chosen.args[1] if isinstance(chosen, Selection) and chosen.condition == condition else chosen
    second = other.args[2] if isinstance(other, Selection) and other.condition == condition else other
    return ZERO if first == second == ZERO else Selection(condition, first, second)


def is_partial(operand: Expression) -> bool:
    """Whether ``operand`` is a selection with nothing in one of its branches."""
    return isinstance(operand, Selection) and ZERO in operand.args[1:]


def inside(partial: Expression, change: Callable[[Expression], Expression]) -> Expression:
    """Change what a partial selection takes and leave its 0 alone: the change may be infinite where it is not taken."""
    condition, *branches = partial.args
    return select(condition, *(branch if branch == ZERO else change(branch) for branch in branches))


def _joined(terms: list[Expression]) -> list[Expression]:
    """Add the partial selections that have the same condition branch by branch."""
    joined: dict[Any, Expression] = {}
    for number, term in enumerate(terms):
        key: Any = term.args[0] if is_partial(term) else number
        both = zip(joined[key].args[1:], term.args[1:], strict=True) if key in joined else ()
        joined[key] = select(key, *(add(*pair) for pair in both)) if key in joined else term
    return [term for term in joined.values() if term != ZERO]


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
    negative ^= flat.count(MINUS_ONE) % 2 == 1
    flat = [factor for factor in flat if factor != MINUS_ONE] or [ONE]
    partial = next((place for place, factor in enumerate(flat) if is_partial(factor)), None)
    if partial is None:
        product = _over_denominators(without_ones(_numerals_joined(flat)))
    else:
        product = inside(flat[partial], lambda branch: multiply(*flat[:partial], branch, *flat[partial + 1 :]))
    return negate(product) if negative else product


def _numerals_joined(factors: list[Expression]) -> list[Expression]:
    """Multiply the numerals, ½ · 2 is 1, where another factor is left to keep the product's shape."""
    others = [factor for factor in factors if not isinstance(factor, Numeral)]
    if not others or len(factors) < len(others) + 2:
        return factors
    value = Numeral(Mul(*(factor.value for factor in factors if isinstance(factor, Numeral))))
    return others if value == ONE else [value, *others]


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
