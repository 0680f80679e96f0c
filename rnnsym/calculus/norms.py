"""Norms and bounds as symbols: the nodes of which inequalities for products of Jacobians are written.

‖A‖ is the 2-norm throughout: the largest singular value of a matrix, the Euclidean length of a vector, |a| of a scalar.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from sympy import Basic, Rational, Symbol, Tuple
from sympy.core.symbol import Str
from sympy.core.sympify import _sympify

from rnnsym.calculus.notation import Total
from rnnsym.model.expressions import Expression, Numeral, Shape

j = Symbol("j", integer=True)
"""The earlier of the two steps that a product of Jacobians joins."""

rules: Mapping[str, str] = MappingProxyType({
    "submultiplicativity": "‖A B‖ ≤ ‖A‖ ‖B‖",
    "triangle inequality": "‖A + B‖ ≤ ‖A‖ + ‖B‖",
    "norm of a diagonal": "‖diag(v)‖ = max_i |v_i|",
    "norm of a multiple": "‖c A‖ = |c| ‖A‖",
    "norm of a transpose": "‖Aᵀ‖ = ‖A‖",
    "norm of the identity": "‖I‖ = 1",
    "largest singular value": "‖A‖ = σ_max(A)",
    "norm of an outer product": "‖v wᵀ‖ = ‖v‖ ‖w‖",
    "norm of a vector": "‖v‖ ≤ √n max_i |v_i|",
    "entry by entry": "max_i |v_i w_i| ≤ max_i |v_i| max_i |w_i|",
    "a diagonal times a vector": "‖v ⊙ w‖ ≤ max_i |v_i| ‖w‖",
    "absolute sums": "max_i |(v W)_i| ≤ max_i |v_i| times the largest absolute sum of a column of W",
    "one of two": "a choice between two is no larger than the larger one, entries apart no larger than both together",
    "largest slope": "|f′(a)| ≤ γ_f, the supremum of |f′|",
    "range": "the entries lie in an interval that is told from the functions' ranges",
    "block": "a block is bounded by the line above",
    "collecting": "the lines above put together: each right-hand side grows with the norms in it",
    "norms of blocks": "the norm of a matrix of blocks is at most that of the matrix of the blocks' norms",
    "induction over the steps": "the bound of one step, once for each step from j to T",
    "geometric vanishing": "powers of a number below 1 tend to 0",
    "contraposition": "what the bound excludes cannot happen",
    "direct path": "the derivative along one state alone, all else within each step held fixed",
    "counterexample": "numbers at which a claim fails",
})
"""Name and statement of each rule for bounds."""


class _Scalar(Expression):
    """Base of what is a number."""

    @property
    def shape(self) -> Shape:
        return ()


class Measure(_Scalar):
    """A number that tells the size of one expression."""

    def __new__(cls, operand: Expression) -> Measure:
        return Basic.__new__(cls, operand)

    @property
    def operand(self) -> Expression:
        """What is measured."""
        return self.args[0]


class SpectralNorm(Measure):
    """The 2-norm ‖A‖ of a matrix, a vector or a scalar."""


class LargestSingularValue(Measure):
    """σ_max(A), which is ‖A‖ of a matrix A."""


class SpectralRadius(Measure):
    """ρ(A), the largest modulus of an eigenvalue."""


class LargestEntry(Measure):
    """‖v‖_∞ = max_i |v_i| of a vector, |a| of a scalar."""


class ColumnSum(Measure):
    """‖W‖_1 = max_j Σ_i |W_ij|."""


class RowSum(Measure):
    """‖W‖_∞ = max_i Σ_j |W_ij| of a matrix."""


class LargestSlope(_Scalar):
    """γ_f = sup |f′| of an elementwise function, by its name."""

    def __new__(cls, function: str | Str) -> LargestSlope:
        return Basic.__new__(cls, Str(str(function)))

    @property
    def function(self) -> str:
        """The function's name in the table of activations."""
        return str(self.args[0].name)


class StepBound(_Scalar):
    """A name for the bound of one step's Jacobian; ``step`` is None where it is the same in every step."""

    def __new__(cls, letter: str | Str, step: Any = None) -> StepBound:
        return Basic.__new__(cls, Str(str(letter)), Str("") if step is None else _sympify(step))

    @property
    def letter(self) -> str:
        """The name."""
        return str(self.args[0].name)

    @property
    def step(self) -> Any:
        """The step, or None."""
        return None if self.args[1] == Str("") else self.args[1]


class BlockBound(_Scalar):
    """A name for the bound of one block ∂``of``/∂``by`` of the step Jacobian of a stack."""

    def __new__(cls, letter: str | Str, of: Expression, by: Expression) -> BlockBound:
        return Basic.__new__(cls, Str(str(letter)), of, by)

    @property
    def letter(self) -> str:
        """The name."""
        return str(self.args[0].name)

    @property
    def of(self) -> Any:
        """The state that is differentiated."""
        return self.args[1]

    @property
    def by(self) -> Any:
        """The state of the step before by which it is differentiated."""
        return self.args[2]


class BlockBounds(StepBound):
    """The matrix of all ``BlockBound`` of one step; ``count`` states have count² of them."""

    def __new__(cls, letter: str | Str, count: Any, step: Any = None) -> BlockBounds:
        return Basic.__new__(cls, Str(str(letter)), Str("") if step is None else _sympify(step), _sympify(count))

    @property
    def shape(self) -> Shape:
        return (self.args[2], self.args[2])


class StepPower(Expression):
    """``base`` to the power of a number of steps, such as T − j."""

    def __new__(cls, base: Expression, exponent: Any) -> StepPower:
        return Basic.__new__(cls, base, _sympify(exponent))

    @property
    def base(self) -> Expression:
        """What is multiplied."""
        return self.args[0]

    @property
    def exponent(self) -> Any:
        """How often."""
        return self.args[1]

    @property
    def shape(self) -> Shape:
        return self.base.shape


class ProductOverSteps(Expression):
    """The product of numbers, or the elementwise product of vectors, over ``index`` = lower, …, upper."""

    def __new__(cls, factor: Expression, index: Any, lower: Any, upper: Any) -> ProductOverSteps:
        return Basic.__new__(cls, factor, _sympify(index), _sympify(lower), _sympify(upper))

    @property
    def factor(self) -> Expression:
        """The factor at ``index``."""
        return self.args[0]

    @property
    def shape(self) -> Shape:
        return self.factor.shape


class Direct(Total):
    """The derivative along one state alone: all other quantities of each step are held fixed."""


class Limit(_Scalar):
    """The limit of a number as ``index`` grows without end."""

    def __new__(cls, operand: Expression, index: Any) -> Limit:
        return Basic.__new__(cls, operand, _sympify(index))

    @property
    def operand(self) -> Expression:
        """What tends to it."""
        return self.args[0]


class Relation(_Scalar):
    """A statement: ``left`` stands in the relation ``sign`` to ``right``."""

    def __new__(cls, left: Expression, sign: str | Str, right: Expression) -> Relation:
        return Basic.__new__(cls, left, Str(str(sign)), right)

    @property
    def left(self) -> Expression:
        """The left-hand side."""
        return self.args[0]

    @property
    def sign(self) -> str:
        """The sign of the relation, one of ``writing.documents.RELATIONS``."""
        return str(self.args[1].name)

    @property
    def right(self) -> Expression:
        """The right-hand side."""
        return self.args[2]


class Decimal(Numeral):
    """A number that is written with a decimal point; beside ≈ it is rounded to the digits shown."""


class NumberMatrix(Expression):
    """A matrix of exact numbers, row by row."""

    def __new__(cls, *rows: Any) -> NumberMatrix:
        return Basic.__new__(cls, *(Tuple(*(Rational(entry) for entry in row)) for row in rows))

    @property
    def rows(self) -> tuple[tuple[Rational, ...], ...]:
        """The entries."""
        return tuple(tuple(row) for row in self.args)

    @property
    def shape(self) -> Shape:
        return (_sympify(len(self.args)), _sympify(len(self.args[0])))
