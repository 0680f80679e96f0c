"""What the functions and operators of a claim make of their operands, as expressions of the model."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from rnnsym.errors import ShapeError
from rnnsym.model.applications import EXTREMA
from rnnsym.model.expressions import (
    Comparison,
    Concatenation,
    Diagonal,
    Elementwise,
    Expression,
    Extremum,
    Negative,
    OrderedSum,
    Outer,
    Reduction,
    Selection,
    Softmax,
    Transposed,
)
from rnnsym.model.vocabulary import reductions

Maker = Callable[..., Expression]

_makers: dict[str, Maker] = {
    "diag": Diagonal, "outer": Outer, "softmax": Softmax, "concat": Concatenation,
    **{name: partial(Reduction, name) for name in reductions}, **{name: partial(Extremum, name) for name in EXTREMA},
}


def function_maker(function: str) -> Maker:
    """Return what makes the expression of a function; one that is not special acts on each entry."""
    return _makers.get(function, partial(Elementwise, function))


def selection_maker(sign: str) -> Maker:
    """Return what makes `where(l > r, a, b)`."""
    return lambda left, right, chosen, other: Selection(Comparison(sign, left, right), chosen, other)


def difference(left: Expression, right: Expression) -> Expression:
    """Return a − b as it is written."""
    return OrderedSum(left, Negative(right))


def transposed(operand: Expression) -> Expression:
    """Return the transpose of a matrix."""
    if operand.rank != 2:
        raise ShapeError(f"only a matrix can be transposed; the shape is {operand.shape}")
    return Transposed(operand)
