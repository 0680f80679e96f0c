"""Expressions with shapes: the names, the functions and, from ``arithmetic``, what joins them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Any

from sympy import Basic, Integer, Rational, Symbol, Tuple
from sympy.core.symbol import Str
from sympy.core.sympify import _sympify

from rnnsym.model.applications import Application, Comparison, Elementwise, Extremum, Reduction, Softmax
from rnnsym.model.arithmetic import (
    ONE,
    ZERO,
    Expression,
    Hadamard,
    MatrixProduct,
    Negative,
    Numeral,
    Ones,
    OrderedSum,
    Power,
    Quotient,
    Selection,
    Shape,
    Transposed,
    add,
    as_expression,
    multiply,
    negate,
    select,
    transpose,
)
from rnnsym.model.blocks import Concatenation, Diagonal, Lookup, Outer, Part, Projection, Scatter, piece
from rnnsym.model.simplification import divide, opposite, zeros

__all__ = [
    "ONE",
    "ZERO",
    "Application",
    "Comparison",
    "Concatenation",
    "Constant",
    "Diagonal",
    "Elementwise",
    "Expression",
    "Extremum",
    "Hadamard",
    "IdentityMatrix",
    "Lookup",
    "MatrixProduct",
    "Named",
    "Negative",
    "Numeral",
    "Ones",
    "OrderedSum",
    "Outer",
    "Parameter",
    "Part",
    "Power",
    "Projection",
    "Quotient",
    "Reduction",
    "S",
    "Scatter",
    "Selection",
    "Shape",
    "Size",
    "Softmax",
    "T",
    "Transposed",
    "Variable",
    "add",
    "as_expression",
    "at_step",
    "divide",
    "multiply",
    "negate",
    "opposite",
    "piece",
    "rebuild",
    "select",
    "size",
    "t",
    "transpose",
    "walk",
    "zeros",
]

t = Symbol("t", integer=True)
T = Symbol("T", integer=True, positive=True)
S = Symbol("S", integer=True, positive=True)  # the decoder's number of steps
NO_STEP = Str("")


def size(name: str | int) -> Any:
    """Return the symbolic size ``name``, or the size itself where it is a number."""
    return Integer(name) if isinstance(name, int) else Symbol(name, integer=True, positive=True)


class Constant(Expression):
    """A named constant of the user's text, ``dt = 0.05``: printed by its name, computed by its value."""

    def __new__(cls, name: str | Str, value: int | str | Rational) -> Constant:
        return Basic.__new__(cls, Str(str(name)), Rational(value))

    @property
    def name(self) -> str:
        """The name as the user wrote it."""
        return str(self.args[0].name)

    @property
    def value(self) -> Rational:
        """The exact value."""
        return self.args[1]

    @property
    def shape(self) -> Shape:
        return ()


class Named(Expression):
    """Base of what bears a name and a declared shape."""

    @property
    def name(self) -> str:
        """The name as the user wrote it."""
        return str(self.args[0].name)

    @property
    def shape(self) -> Shape:
        return tuple(self.args[1])


_one_object: Callable[..., Any] = lru_cache(maxsize=2**16)(Basic.__new__)
"""One object for equal names: a look-up by name then compares no parts."""


class Parameter(Named):
    """A trained quantity, the same at every step."""

    def __new__(cls, name: str | Str, shape: Shape | Tuple) -> Parameter:
        return _one_object(cls, Str(str(name)), Tuple(*shape))


class Variable(Named):
    """A quantity of one step: an input, a gate, a state, an output, the loss; ``step`` may be None."""

    def __new__(cls, name: str | Str, shape: Shape | Tuple, step: Any = None) -> Variable:
        label = name if isinstance(name, Str) else Str(name)
        axes = shape if isinstance(shape, Tuple) else Tuple(*shape)
        return _one_object(cls, label, axes, NO_STEP if step is None else _sympify(step))

    @property
    def step(self) -> Any:
        """The step as a SymPy integer expression, or None."""
        return None if self.args[2] == NO_STEP else self.args[2]

    def at(self, step: Any) -> Variable:
        """Return the same quantity at another step."""
        return Variable(self.args[0], self.args[1], step)


class IdentityMatrix(Expression):
    """The identity matrix I of a given size."""

    def __new__(cls, length: Any) -> IdentityMatrix:
        return Basic.__new__(cls, _sympify(length))

    @property
    def shape(self) -> Shape:
        return (self.args[0], self.args[0])


class Size(Expression):
    """A number of entries, such as the n in a mean over n entries."""

    def __new__(cls, count: Any) -> Size:
        return Basic.__new__(cls, _sympify(count))

    @property
    def count(self) -> Any:
        """The number as a SymPy expression of sizes."""
        return self.args[0]

    @property
    def shape(self) -> Shape:
        return ()


def walk(expression: Basic) -> Iterator[Basic]:
    """Yield ``expression`` and all below it, parents first, left to right, once for each place."""
    stack = [expression]
    while stack:
        node = stack.pop()
        yield node
        stack.extend(arg for arg in reversed(node.args) if isinstance(arg, Expression))


def rebuild(expression: Expression, change: Callable[[Expression], Expression | None]) -> Expression:
    """Return a copy in which each node for which ``change`` answers something is replaced by that answer."""
    answer = change(expression)
    if answer is not None:
        return answer
    args = [rebuild(arg, change) if isinstance(arg, Expression) else arg for arg in expression.args]
    return type(expression)(*args) if tuple(args) != expression.args else expression


def at_step(expression: Expression, step: Any) -> Expression:
    """Return the one-step expression written with the step t for another step."""
    moves = {t: _sympify(step)}

    def moved(node: Expression) -> Expression | None:
        if isinstance(node, Variable) and node.step is not None:
            return node.at(node.step.xreplace(moves))
        return None

    return rebuild(expression, moved)
