"""A claim as the equation that it states, to be typeset as those of a derivation are."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from sympy import Integer, Symbol

from rnnsym.calculus.norms import SpectralNorm, StepPower
from rnnsym.calculus.notation import (
    AscendingProduct,
    Chain,
    DescendingProduct,
    Immediate,
    SumOverSteps,
    Total,
)
from rnnsym.errors import EquationError
from rnnsym.evidence import claim_terms as ct
from rnnsym.model.expressions import Expression, Hadamard, MatrixProduct, OrderedSum, Size, T, add, multiply
from rnnsym.writing.derivation import Step

RELATIONS: Mapping[str, str] = MappingProxyType({"==": "=", "<=": "≤"})
FACTORS = (Total, Chain, DescendingProduct)  # between them a dot stands, as in a sum over paths


def equation_of(claim: ct.Claim) -> Step:
    """Return the equation, or the bound, that a claim states."""
    return Step("claim", expression_of(claim.left), expression_of(claim.right), "", RELATIONS[claim.relation])


def expression_of(term: ct.Term) -> Expression:
    """Return a term of a claim as an expression; EquationError for a kind that the table does not hold."""
    if type(term) not in _expressions:
        raise EquationError(f"no equation for the term {type(term).__name__}: add it to evidence.claim_layout")
    return _expressions[type(term)](term)


def _step(step: ct.Step) -> Any:
    """A step as SymPy writes it: T − t + 1."""
    total: Any = Integer(step.offset)
    for name, factor in step.coefficients:
        total += factor * (T if name == ct.LAST else Symbol(name, integer=True))
    return total


def _quantity(quantity: ct.Quantity) -> Expression:
    found: Expression = quantity.name if quantity.step is None else quantity.name.at(_step(quantity.step))
    return found


def _derivative(term: ct.Derivative) -> Expression:
    return (Immediate if term.immediate else Total)(_quantity(term.of), _quantity(term.by))


def _formula(term: ct.Formula) -> Expression:
    parts = {ct.part(number, one.shape): expression_of(one) for number, one in enumerate(term.parts)}
    replaced: Expression = term.expression.xreplace(parts)
    if isinstance(replaced, OrderedSum):
        return add(*replaced.args)  # a sum in a sum needs no brackets
    return multiply(*replaced.args) if isinstance(replaced, Hadamard) else replaced


def _contraction(term: ct.Contraction) -> Expression:
    left, right = expression_of(term.left), expression_of(term.right)
    if not (isinstance(left, FACTORS) or isinstance(right, FACTORS)):
        return MatrixProduct(left, right)
    return Chain(*(part for one in (left, right) for part in (one.args if isinstance(one, Chain) else (one,))))


def _sum(term: ct.StepSum) -> Expression:
    span = term.span
    return SumOverSteps(expression_of(term.term), _step(ct.Step.of({span.index: 1}, 0)), _step(span.low),
                        _step(span.high))


def _product(term: ct.StepProduct) -> Expression:
    span = term.span
    if not span.index:  # a power whose exponent is a number of steps
        return StepPower(expression_of(term.term), _step(span.high) - _step(span.low) + 1)
    kind, ends = (DescendingProduct, (span.high, span.low)) if span.descending else (
        AscendingProduct, (span.low, span.high))
    return kind(expression_of(term.term), _step(ct.Step.of({span.index: 1}, 0)), *map(_step, ends))


_expressions: Mapping[type[ct.Term], Callable[[Any], Expression]] = MappingProxyType({
    ct.Value: lambda term: _quantity(term.quantity),
    ct.Count: lambda term: Size(_step(term.step)),
    ct.Derivative: _derivative,
    ct.Formula: _formula,
    ct.Contraction: _contraction,
    ct.Norm: lambda term: SpectralNorm(expression_of(term.operand)),
    ct.StepSum: _sum,
    ct.StepProduct: _product,
})
