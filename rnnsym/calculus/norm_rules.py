"""What is known of a norm, one rule a kind of node: each rewrites one norm in terms of norms of smaller pieces.

Every right-hand side grows with each norm that stands in it, so that a bound may take a norm's place. A norm for which
there is nothing to say (of a weight, of a state that no function bounds) stays a symbol. (Horn, Johnson 2013, Matrix
analysis, chapter 5.)
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sympy import Rational

from rnnsym.calculus.binding import names_in
from rnnsym.calculus.intervals import Interval, Ranges, interval
from rnnsym.calculus.norms import (
    BlockBound,
    ColumnSum,
    LargestEntry,
    LargestSingularValue,
    LargestSlope,
    RowSum,
    SpectralNorm,
)
from rnnsym.calculus.notation import StepBlock
from rnnsym.calculus.rules import slope
from rnnsym.calculus.unrolling import LoopGraph
from rnnsym.errors import DerivationError
from rnnsym.model.activations import activations
from rnnsym.model.expressions import (
    ONE,
    Comparison,
    Concatenation,
    Constant,
    Diagonal,
    Elementwise,
    Expression,
    Extremum,
    Hadamard,
    IdentityMatrix,
    Lookup,
    MatrixProduct,
    Negative,
    Numeral,
    Ones,
    OrderedSum,
    Outer,
    Parameter,
    Power,
    Projection,
    Quotient,
    Reduction,
    Selection,
    Size,
    Softmax,
    Transposed,
    Variable,
    add,
    multiply,
    walk,
)

UP_TO = "≤"
EQUAL = "="


@dataclass(frozen=True)
class Inference:
    """One line of a proof: ``before relation after`` by ``rule``, one of ``norms.rules``."""

    rule: str
    before: Expression
    relation: str
    after: Expression


@dataclass(frozen=True)
class Slope:
    """f′(a) of a function that is used in a step, as its ``factors``."""

    factors: tuple[Expression, ...]
    function: str


@dataclass(frozen=True)
class Facts:
    """What rules may use of a step: in which intervals names lie, whose slopes stand where, the letter of blocks."""

    ranges: Ranges
    slopes: tuple[Slope, ...]
    letter: str

    def interval(self, expression: Expression) -> Interval:
        """Return an interval that holds the expression's entries."""
        return interval(expression, self.ranges)


def slopes_in(loop: LoopGraph) -> tuple[Slope, ...]:
    """Return the slopes of a step's functions, those of several factors first."""
    found = []
    for assignment in loop.cell:
        for node in walk(assignment.value):
            if isinstance(node, Elementwise) and activations[node.function].slope_bound is not None:
                output = assignment.target if node == assignment.value else node
                value = slope(node, output)
                if names_in(value):
                    found.append(Slope(factors_of(value), node.function))
    return tuple(sorted(dict.fromkeys(found), key=lambda one: -len(one.factors)))


def factors_of(expression: Expression) -> tuple[Expression, ...]:
    """Return the factors of an elementwise product, or the expression alone."""
    return expression.args if isinstance(expression, Hadamard) else (expression,)


def infer(norm: Expression, facts: Facts) -> Inference | None:
    """Return what a rule says of ``norm``, None where it stays a symbol.

    DerivationError for a kind of matrix without an entry: a silent gap would be a wrong bound.
    """
    found = _of_entries(norm.operand, facts) if isinstance(norm, LargestEntry) else _of_norm(norm.operand, facts)
    return None if found is None else Inference(found[0], norm, *found[1:])


Found = tuple[str, str, Expression]
Rule = Callable[[Any, Facts], "Found | None"]


def depends(expression: Expression) -> bool:
    """Whether an expression differs from step to step."""
    return any(isinstance(node, Variable | StepBlock) for node in walk(expression))


def _of_norm(node: Expression, facts: Facts) -> Found | None:
    if not node.shape:
        return "norm of a multiple", EQUAL, LargestEntry(node)
    rule = norm_rules.get(type(node))
    if rule is None:
        raise DerivationError(f"no bound for the norm of {type(node).__name__}: add one to calculus.norm_rules")
    if not depends(node) and not isinstance(node, Transposed | IdentityMatrix | Hadamard | Negative | Diagonal):
        return None if node.rank == 1 else ("largest singular value", EQUAL, LargestSingularValue(node))
    return rule(node, facts)


def _norms(node: Expression) -> tuple[Expression, ...]:
    return tuple(SpectralNorm(operand) for operand in node.args)


def _norm_of_product(node: MatrixProduct, facts: Facts) -> Found:
    return "submultiplicativity", UP_TO, multiply(*_norms(node))


def _norm_of_multiple(node: Hadamard, facts: Facts) -> Found | None:
    """Scalars times one matrix or vector; of several vectors all but the last act as diagonals."""
    shaped = [factor for factor in node.args if factor.shape]
    if node.rank == 2 and len(shaped) > 1:
        return None
    scalars = [factor for factor in node.args if not factor.shape]
    parts = [LargestEntry(multiply(*factors)) for factors in (scalars, shaped[:-1]) if factors]
    name, relation = ("norm of a multiple", EQUAL) if len(shaped) == 1 else ("a diagonal times a vector", UP_TO)
    return name, relation, multiply(*parts, SpectralNorm(shaped[-1]))


def _norm_of_diagonal(node: Diagonal, facts: Facts) -> Found:
    return "norm of a diagonal", EQUAL, LargestEntry(node.args[0])


def _norm_of_named(node: Expression, facts: Facts) -> Found | None:
    """A vector whose entries are bounded; a vector that nothing bounds stays."""
    if node.rank == 1 and facts.interval(node).bounded:
        return "norm of a vector", UP_TO, multiply(Power(Size(node.shape[0]), Rational(1, 2)), LargestEntry(node))
    return None


def _norm_of_sum(node: OrderedSum, facts: Facts) -> Found | None:
    """A scalar term stands for a vector or matrix of equal entries, for which there is no rule here."""
    if any(not term.shape for term in node.args):
        return _norm_of_named(node, facts)
    return "triangle inequality", UP_TO, add(*_norms(node))


def _norm_of_choice(node: Expression, facts: Facts) -> Found | None:
    branches = node.args[-2:]
    if any(not branch.shape and branch != Numeral(0) for branch in branches):
        return _norm_of_named(node, facts)
    return "one of two", UP_TO, add(*(SpectralNorm(branch) for branch in branches if branch.shape))


norm_rules: dict[type, Rule] = {
    MatrixProduct: _norm_of_product,
    Projection: _norm_of_product,
    Lookup: _norm_of_product,
    OrderedSum: _norm_of_sum,
    Negative: lambda node, facts: ("norm of a multiple", EQUAL, SpectralNorm(node.args[0])),
    Hadamard: _norm_of_multiple,
    Diagonal: _norm_of_diagonal,
    Transposed: lambda node, facts: ("norm of a transpose", EQUAL, SpectralNorm(node.args[0])),
    IdentityMatrix: lambda node, facts: ("norm of the identity", EQUAL, ONE),
    Outer: lambda node, facts: ("norm of an outer product", EQUAL, multiply(*_norms(node))),
    StepBlock: lambda node, facts: ("block", UP_TO, BlockBound(facts.letter, node.of, node.by)),
    Concatenation: lambda node, facts: ("triangle inequality", UP_TO, add(*_norms(node))),
    Selection: _norm_of_choice,
    Extremum: _norm_of_choice,
    **dict.fromkeys((Quotient, Elementwise, Power, Softmax, Ones, Comparison, Parameter, Variable), _norm_of_named),
}


def _of_entries(node: Expression, facts: Facts) -> Found | None:
    if isinstance(node, Numeral):
        return "norm of a multiple", EQUAL, Numeral(abs(node.value))
    if isinstance(node, Constant) and node.value >= 0:
        return "norm of a multiple", EQUAL, node
    if isinstance(node, Hadamard):
        return _entries_of_product(node, facts)
    function = next((one.function for one in facts.slopes if one.factors == (node,)), None)
    if function is not None:
        return "largest slope", UP_TO, LargestSlope(function)
    known = facts.interval(node)
    if known.bounded and not isinstance(node, Constant):
        return "range", UP_TO, Numeral(known.largest)
    rule = entry_rules.get(type(node))
    return None if rule is None or not depends(node) else rule(node, facts)


def _entries_of_product(node: Hadamard, facts: Facts) -> Found | None:
    groups = _grouped(list(node.args), facts.slopes)
    if len(groups) > 1:
        return "entry by entry", UP_TO, multiply(*(LargestEntry(multiply(*group)) for group, _ in groups))
    function = groups[0][1]
    return None if function is None else ("largest slope", UP_TO, LargestSlope(function))


def _grouped(factors: list[Expression], slopes: tuple[Slope, ...]) -> list[tuple[tuple[Expression, ...], str | None]]:
    """Find the slopes among factors; a factor that belongs to none stands alone."""
    groups: list[tuple[tuple[Expression, ...], str | None]] = []
    for one in slopes:
        while all(factors.count(factor) >= one.factors.count(factor) for factor in one.factors):
            groups.append((one.factors, one.function))
            for factor in one.factors:
                factors.remove(factor)
    return [*groups, *(((factor,), None) for factor in factors)]


def _entries_of_sum(node: OrderedSum, facts: Facts) -> Found:
    return "triangle inequality", UP_TO, add(*(LargestEntry(term) for term in node.args))


def _entries_of_matrix_product(node: MatrixProduct, facts: Facts) -> Found | None:
    """A bounded vector times a matrix, in either order; two vectors; else nothing that the product does not say."""
    left, right = node.left, node.right
    if left.rank == right.rank == 1:
        return "submultiplicativity", UP_TO, multiply(*_norms(node))
    vector, matrix, sums = (left, right, ColumnSum) if left.rank == 1 else (right, left, RowSum)
    if not facts.interval(vector).bounded or depends(matrix):
        return None
    return "absolute sums", UP_TO, multiply(LargestEntry(vector), sums(matrix))


def _entries_of_choice(node: Expression, facts: Facts) -> Found:
    return "one of two", UP_TO, Extremum("maximum", *(LargestEntry(branch) for branch in node.args[-2:]))


def _entries_of_power(node: Power, facts: Facts) -> Found | None:
    if node.exponent.q != 1 or node.exponent < 1:
        return None
    return "entry by entry", EQUAL, Power(LargestEntry(node.base), node.exponent)


entry_rules: dict[type, Rule] = {
    OrderedSum: _entries_of_sum,
    Negative: lambda node, facts: ("norm of a multiple", EQUAL, LargestEntry(node.args[0])),
    MatrixProduct: _entries_of_matrix_product,
    Power: _entries_of_power,
    Extremum: _entries_of_choice,
    Selection: _entries_of_choice,
    StepBlock: lambda node, facts: ("block", UP_TO, BlockBound(facts.letter, node.of, node.by)),
    Reduction: lambda node, facts: None,
    Quotient: lambda node, facts: None,
}
"""Kinds without an entry stay symbols: the largest entry of what nothing is known of."""
