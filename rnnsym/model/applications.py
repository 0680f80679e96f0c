"""Functions of expressions: entry by entry, of a whole vector, reductions to a scalar, comparisons and extrema."""

from __future__ import annotations

from sympy import Basic
from sympy.core.symbol import Str

from rnnsym.errors import ShapeError
from rnnsym.model.arithmetic import Broadcast, Expression, Shape

EXTREMA = ("maximum", "minimum")


class Application(Expression):
    """A function of one argument, of the argument's shape: what a let-bound step gives names to."""

    @property
    def function(self) -> str:
        """The function's name."""
        raise NotImplementedError(f"{type(self).__name__} declares no function")

    @property
    def argument(self) -> Expression:
        """What it is applied to."""
        return self.args[-1]

    @property
    def shape(self) -> Shape:
        return self.argument.shape

    def applied_to(self, argument: Expression) -> Application:
        """Return the same function of another argument."""
        return type(self)(*self.args[:-1], argument)


class Elementwise(Application):
    """A function of the table of activations, applied to every entry."""

    def __new__(cls, function: str | Str, argument: Expression) -> Elementwise:
        return Basic.__new__(cls, Str(str(function)), argument)

    @property
    def function(self) -> str:
        """The function's name in the table of activations."""
        return str(self.args[0].name)


class Softmax(Application):
    """The vector p_i = e^{a_i} / Σ_j e^{a_j}."""

    def __new__(cls, argument: Expression) -> Softmax:
        if argument.rank != 1:
            raise ShapeError(f"softmax needs a vector, but the shape is {argument.shape}")
        return Basic.__new__(cls, argument)

    @property
    def function(self) -> str:
        """The name that losses link with."""
        return "softmax"


class Reduction(Expression):
    """The sum or the mean (``kind``) of all entries, or the logsumexp log Σ_i e^{a_i} of a vector."""

    def __new__(cls, kind: str | Str, operand: Expression) -> Reduction:
        if str(kind) == "logsumexp" and operand.rank != 1:
            raise ShapeError(f"logsumexp needs a vector, but the shape is {operand.shape}")
        return Basic.__new__(cls, Str(str(kind)), operand)

    @property
    def kind(self) -> str:
        """``sum``, ``mean`` or ``logsumexp``."""
        return str(self.args[0].name)

    @property
    def operand(self) -> Expression:
        """What is reduced."""
        return self.args[1]

    @property
    def shape(self) -> Shape:
        return ()


class _Pair(Broadcast):
    """A named relation or function of two operands, entry by entry."""

    def __new__(cls, name: str | Str, left: Expression, right: Expression) -> _Pair:
        return super().__new__(cls, Str(str(name)), left, right)

    @property
    def name(self) -> str:
        """Which relation or function it is."""
        return str(self.args[0].name)

    @property
    def operands(self) -> tuple[Expression, ...]:
        return self.args[1:]


class Comparison(_Pair):
    """1 where ``left`` stands in the relation (> < >= <=) to ``right`` and 0 elsewhere; its slope is 0."""


class Extremum(_Pair):
    """The ``maximum`` or the ``minimum`` of two operands; where they are equal it counts as the second one."""

    @property
    def takes_left(self) -> Comparison:
        """Where the first operand is taken."""
        return Comparison(">" if self.name == "maximum" else "<", *self.operands)
