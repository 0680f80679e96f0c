"""Derivatives as symbols: the factors of which sums over paths are written.

Jacobians are in numerator layout, J[i, j] = ∂a_i/∂b_j, so that a chain of factors is read from the left: the last
axis of each factor is contracted with the first axis of the next. ∂L/∂W has the shape of W.
"""

from __future__ import annotations

from typing import Any

from sympy import Basic, Integer
from sympy.core.symbol import Str
from sympy.core.sympify import _sympify

from rnnsym.model.expressions import Expression, Shape


class Total(Expression):
    """The total derivative ∂a/∂b over the whole graph, J[i, j] = ∂a_i/∂b_j."""

    def __new__(cls, of: Expression, by: Expression) -> Total:
        return Basic.__new__(cls, of, by)

    @property
    def of(self) -> Expression:
        """What is differentiated."""
        return self.args[0]

    @property
    def by(self) -> Expression:
        """By what."""
        return self.args[1]

    @property
    def shape(self) -> Shape:
        return self.of.shape + self.by.shape


class Immediate(Total):
    """The immediate derivative ∂⁺a/∂b: gates of the same step are substituted, earlier states are held fixed."""


class StepBlock(Total):
    """A block of the Jacobian between two steps' stacks: one state before moves, the others are held fixed."""


class Adjoint(Expression):
    """δ of a quantity: the total derivative of the loss by it, in its own shape."""

    def __new__(cls, variable: Expression) -> Adjoint:
        return Basic.__new__(cls, variable)

    @property
    def variable(self) -> Any:
        """The quantity."""
        return self.args[0]

    @property
    def shape(self) -> Shape:
        return self.variable.shape


class Chain(Expression):
    """An ordered product of derivatives, each contracted with the next."""

    def __new__(cls, *factors: Expression) -> Chain:
        return Basic.__new__(cls, *factors)

    @property
    def shape(self) -> Shape:
        shape = self.args[0].shape
        for factor in self.args[1:]:
            shape = shape[:-1] + factor.shape[1:]
        return shape


class DescendingProduct(Expression):
    """The ordered product of ``factor`` over ``index`` = upper, upper − 1, …, lower; the identity where it is empty."""

    def __new__(cls, factor: Expression, index: Any, upper: Any, lower: Any) -> DescendingProduct:
        return Basic.__new__(cls, factor, _sympify(index), _sympify(upper), _sympify(lower))

    @property
    def factor(self) -> Expression:
        """The factor at ``index``."""
        return self.args[0]

    @property
    def shape(self) -> Shape:
        return self.factor.shape


class AscendingProduct(DescendingProduct):
    """The product of ``factor`` over ``index`` = upper, upper + 1, …, lower: of a loop that runs from the end."""


class SumOverSteps(Expression):
    """The sum of ``term`` over ``index`` = lower, …, upper."""

    def __new__(cls, term: Expression, index: Any, lower: Any, upper: Any) -> SumOverSteps:
        return Basic.__new__(cls, term, _sympify(index), _sympify(lower), _sympify(upper))

    @property
    def term(self) -> Expression:
        """The term at ``index``."""
        return self.args[0]

    @property
    def shape(self) -> Shape:
        return self.term.shape


class Labelled(Expression):
    """An expression with a few words below its brace, such as «short-term dependency»."""

    def __new__(cls, expression: Expression, label: str | Str) -> Labelled:
        return Basic.__new__(cls, expression, Str(str(label)))

    @property
    def expression(self) -> Expression:
        """What is labelled."""
        return self.args[0]

    @property
    def label(self) -> str:
        """The words."""
        return str(self.args[1])

    @property
    def shape(self) -> Shape:
        return self.expression.shape


class Stack(Expression):
    """Several states side by side, S = (h, c), as one quantity with the states for blocks."""

    def __new__(cls, *variables: Expression) -> Stack:
        return Basic.__new__(cls, *variables)

    @property
    def shape(self) -> Shape:
        lengths = [variable.shape[0] if variable.shape else Integer(1) for variable in self.args]
        return (sum(lengths, Integer(0)),)
