"""What a claim is made of once it is understood: steps, quantities at steps, and terms with shapes.

A term is evaluated over any kind of numbers by ``claim_values`` and judged by its form in ``claim_lengths``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from rnnsym.model.expressions import Expression, Shape, Variable

LAST = "T"


@dataclass(frozen=True)
class Step:
    """The whole number ``offset`` + Σ coefficient · name over index names and T."""

    coefficients: tuple[tuple[str, int], ...] = ()
    offset: int = 0

    @classmethod
    def of(cls, coefficients: Mapping[str, int], offset: int) -> Step:
        return cls(tuple(sorted((name, factor) for name, factor in coefficients.items() if factor)), offset)

    def plus(self, other: Step, factor: int = 1) -> Step:
        """Return self + factor · other."""
        joined = dict(self.coefficients)
        for name, coefficient in other.coefficients:
            joined[name] = joined.get(name, 0) + factor * coefficient
        return Step.of(joined, self.offset + factor * other.offset)

    def at(self, indices: Mapping[str, int]) -> int:
        """Return the number; ``indices`` gives T, too."""
        return self.offset + sum(factor * indices[name] for name, factor in self.coefficients)

    def factor(self, name: str) -> int:
        """Return the coefficient of an index."""
        return dict(self.coefficients).get(name, 0)

    def put(self, name: str, step: Step) -> Step:
        """Return the step with ``step`` in place of an index."""
        kept = Step(tuple(pair for pair in self.coefficients if pair[0] != name), self.offset)
        return kept.plus(step, self.factor(name))

    @property
    def names(self) -> tuple[str, ...]:
        """The indices in it."""
        return tuple(name for name, _ in self.coefficients)

    @property
    def base(self) -> str | None:
        """The one index that the step is at a fixed distance from, "" where it is a number, else None."""
        if not self.coefficients:
            return ""
        return self.coefficients[0][0] if len(self.coefficients) == 1 and self.coefficients[0][1] == 1 else None

    def __str__(self) -> str:
        parts = [("-" if factor < 0 else "+", name if abs(factor) == 1 else f"{abs(factor)}*{name}")
                 for name, factor in self.coefficients]
        if self.offset or not parts:
            parts.append(("-" if self.offset < 0 else "+", str(abs(self.offset))))
        text = "".join(f" {sign} {part}" for sign, part in parts)
        return text[3:] if text.startswith(" +") else f"-{text[3:]}"


@dataclass(frozen=True)
class Quantity:
    """A parameter, or a quantity of the network at ``step`` (None: there is one only)."""

    name: Any
    step: Step | None = None

    @property
    def shape(self) -> Shape:
        return self.name.shape

    def at(self, indices: Mapping[str, int]) -> Any:
        """Return the name in the unrolled network."""
        return self.name if self.step is None else self.name.at(self.step.at(indices))


@dataclass(frozen=True)
class Term:
    """Base of all terms: ``shape`` is symbolic, ``source`` what the user wrote."""

    shape: Shape
    source: str

    @property
    def operands(self) -> tuple[Term, ...]:
        return ()


@dataclass(frozen=True)
class Value(Term):
    """A quantity's value."""

    quantity: Quantity


@dataclass(frozen=True)
class Count(Term):
    """A step as a number, such as T or T − t."""

    step: Step


@dataclass(frozen=True)
class Derivative(Term):
    """J[i, j] = ∂of_i/∂by_j; ``immediate``: states and earlier steps are held fixed."""

    of: Quantity
    by: Quantity
    immediate: bool


@dataclass(frozen=True)
class Formula(Term):
    """An expression of the model's language over ``parts``, for which the variables ``part(0)``, … stand."""

    expression: Expression
    parts: tuple[Term, ...]

    @property
    def operands(self) -> tuple[Term, ...]:
        return self.parts


@dataclass(frozen=True)
class Contraction(Term):
    """a @ b: the sum over the last axis of a and the first axis of b."""

    left: Term
    right: Term

    @property
    def operands(self) -> tuple[Term, ...]:
        return (self.left, self.right)


@dataclass(frozen=True)
class Norm(Term):
    """The 2-norm of a vector or a matrix."""

    operand: Term

    @property
    def operands(self) -> tuple[Term, ...]:
        return (self.operand,)


@dataclass(frozen=True)
class Span:
    """The steps low, …, high of an index; from high to low where it is ``descending``; high = low − 1 is empty."""

    index: str
    low: Step
    high: Step
    descending: bool = False

    def steps(self, indices: Mapping[str, int]) -> range | None:
        """Return the steps in order; None where the ends are further apart than nothing."""
        low, high = self.low.at(indices), self.high.at(indices)
        if high < low - 1:
            return None
        return range(high, low - 1, -1) if self.descending else range(low, high + 1)


@dataclass(frozen=True)
class Repeated(Term):
    """Base of what is joined over the steps of a ``span``."""

    term: Term
    span: Span

    @property
    def operands(self) -> tuple[Term, ...]:
        return (self.term,)


@dataclass(frozen=True)
class StepSum(Repeated):
    """Σ of ``term`` over the span."""


@dataclass(frozen=True)
class StepProduct(Repeated):
    """∏ of ``term`` over the span, in its order; the identity where the span is empty."""


@dataclass(frozen=True)
class Claim:
    """``left`` == ``right`` or ``left`` <= ``right``, for all values of the ``free`` indices."""

    text: str
    relation: str
    left: Term
    right: Term
    free: tuple[str, ...]

    @property
    def sides(self) -> tuple[Term, Term]:
        return (self.left, self.right)

    def walk(self) -> Iterator[Term]:
        """Yield all terms of both sides, parents first."""
        yield from walk(self.left)
        yield from walk(self.right)


def walk(term: Term) -> Iterator[Term]:
    """Yield ``term`` and all below it, parents first."""
    yield term
    for operand in term.operands:
        yield from walk(operand)


def part(number: int, shape: Shape) -> Variable:
    """The variable that stands for operand ``number`` in a formula; no user's name has such a sign."""
    return Variable(f"#{number}", shape)


def quantities(term: Term) -> tuple[Quantity, ...]:
    """Return the quantities that a term itself names."""
    match term:
        case Value():
            return (term.quantity,)
        case Derivative():
            return (term.of, term.by)
    return ()


def steps_in(term: Term) -> tuple[Step, ...]:
    """Return the steps that a term itself names, ends of spans included."""
    own = tuple(quantity.step for quantity in quantities(term) if quantity.step is not None)
    match term:
        case Count():
            return (*own, term.step)
        case Repeated():
            return (*own, term.span.low, term.span.high)
    return own


def uses(term: Term, index: str) -> bool:
    """Whether ``index`` occurs in a term, not bound by another sum or product in it."""
    if any(index in step.names for step in steps_in(term)):
        return True
    return not (isinstance(term, Repeated) and term.span.index == index) and any(
        uses(operand, index) for operand in term.operands)
