"""How many steps prove a claim for every number of steps: both sides as weighted automata.

Cut a sequence of T steps behind some step into a beginning u and an end v. As a function of u and v, an entry of a side
is a sum Σ_a A_a(u) B_a(v): a derivative through the cut runs through the states at it, a sum splits into the terms
before and behind it, a product of matrices into two products. Let r bound the number of summands of (left − right),
for each place that the free indices can take before or behind the cut, and D the sum of these r. The rows B(v) of all
ends v of at most k steps span a space of D dimensions at most, over the functions of the state at the cut. That space
grows with k; where it does not grow from k to k + 1 it never grows again, since a longer end is one step put in front
of a shorter one. So it grows at most D times, and what vanishes for the D shortest ends vanishes for all
(Schützenberger 1961, On the definition of a family of automata; Fliess 1974, Matrices de Hankel).

That the row of an end may be taken one step further needs that the state is a generic one, wherever a step begins: that
the states that steps can lead to fill as many dimensions as those they start from, which ``settling_steps`` checks.
Functions must be analytic there, and of two cases they are opaque. What lies within twice the ``window`` of the cut is
a known part of both u and v, so that x[t] and o[t-1], on both sides of it, may be in one function; an index is before
the cut where all that it reaches is, by a window at least.

What has no such bound (a function of quantities of two indices far from each other) is None.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from itertools import product
from typing import Any

from rnnsym.calculus.unrolling import StepGraph
from rnnsym.evidence.claim_parts import (
    BEFORE,
    BEHIND,
    CONSTANT,
    Part,
    Parts,
    UnboundedError,
    contracted,
    joined,
    multiplied,
    pure,
    the_place,
    turned,
)
from rnnsym.evidence.claim_reach import base_of, reached_offsets
from rnnsym.evidence.claim_reflections import with_time
from rnnsym.evidence.claim_terms import (
    LAST,
    Claim,
    Contraction,
    Count,
    Derivative,
    Formula,
    Norm,
    Quantity,
    Repeated,
    Step,
    StepSum,
    Term,
    Value,
    uses,
)
from rnnsym.model.expressions import (
    Constant,
    Diagonal,
    Expression,
    Hadamard,
    IdentityMatrix,
    Negative,
    Numeral,
    Ones,
    OrderedSum,
    Outer,
    Parameter,
    Power,
    Quotient,
    Reduction,
    Transposed,
)

Places = Mapping[str, str]
Length = Callable[[Any], int]


@dataclass(frozen=True)
class Lengths:
    """The numbers of steps that prove a claim: ``base`` + ``summands`` at most, from the least at which it makes sense.

    ``summands`` is D; from ``base`` on the cut has ``window`` steps and all fixed steps of the claim behind it.
    """

    base: int
    summands: int


def sufficient_lengths(claim: Claim, graph: StepGraph, length: Length) -> Lengths:
    """Return how many steps prove a claim at sizes that ``length`` tells; UnboundedError without a bound."""
    if len(graph.loops) > 1:
        raise UnboundedError("the network is read from both ends, and the bound is for one loop alone")
    claim = with_time(claim)
    offsets = reached_offsets(claim)
    spans = {base: (max(0, *found) - min(0, *found)) + (base == LAST) for base, found in offsets.items() if base}
    window = max(1, *spans.values()) if spans else 1
    counter = _Counter(graph, length, window)
    total = 0
    for chosen in product((BEFORE, BEHIND), repeat=len(claim.free)):
        places = {**dict(zip(claim.free, chosen, strict=True)), LAST: BEHIND}
        parts = joined(one for side in claim.sides for one in counter.parts(side, places))
        most = max((one.divisions for one in parts), default=0)
        near = (1 + window) ** chosen.count(BEHIND)
        total += near * sum(one.count * (most - one.divisions + 1) for one in parts)
    return Lengths(max(0, *offsets.get("", {0})) + 2 * window, total)


@dataclass(frozen=True)
class _Counter:
    """Counts the summands A(u) B(v) of terms, for each place of the indices before or behind the cut."""

    graph: StepGraph
    length: Length
    window: int

    @property
    def states(self) -> int:
        """The number of entries of all states: of a derivative's ways through the cut."""
        return sum(self.length(state.shape[0]) if state.shape else 1 for state in self.graph.states)

    def parts(self, term: Term, places: Places) -> Parts:
        """Return the kinds of summands of a term."""
        match term:
            case Value():
                return self._of_name(term.quantity, places)
            case Count():
                return self._counted(term.step, places)
            case Derivative():
                return self._immediate(term, places) if term.immediate else self._total(term, places)
            case Contraction():
                inner = self.length(term.left.shape[-1])
                return contracted(self.parts(term.left, places), self.parts(term.right, places), inner)
            case Norm():
                return pure(the_place(self.parts(term.operand, places), term.source))
            case StepSum():
                return self._summed(term, places)
            case Repeated():
                return self._power(term, places) if not uses(term.term, term.span.index) else \
                    self._product(term, places)
            case Formula():
                found = {f"#{number}": (one, self.parts(one, places)) for number, one in enumerate(term.parts)}
                return self._formula(term.expression, found, term.source)
        raise TypeError(f"no bound for {type(term).__name__}")

    def place(self, quantity: Quantity, places: Places) -> str:
        """Tell on which side of the cut a quantity lies; what has no step is at the end, but for the only input."""
        if isinstance(quantity.name, Parameter):
            return CONSTANT
        if quantity.step is None:
            return BEFORE if quantity.name == self.graph.network.input else BEHIND
        return self._side(quantity.step, places)

    def _side(self, step: Step, places: Places) -> str:
        base = base_of(step)
        return places[base] if base else BEFORE

    def _is_sum(self, quantity: Quantity) -> bool:
        """Whether a quantity is the loss of a whole sequence with an output at every step."""
        return self.graph.every and quantity.name == self.graph.loss.target and quantity.step is None

    @property
    def _divisions(self) -> int:
        return 1 if self.graph.network.over_steps == "mean" else 0

    def _of_name(self, quantity: Quantity, places: Places) -> Parts:
        if self._is_sum(quantity):
            return (*pure(BEFORE, self._divisions), *pure(BEHIND, self._divisions))
        return pure(self.place(quantity, places))

    def _counted(self, step: Step, places: Places) -> Parts:
        """A step behind the cut is counted from the cut on, and so has a summand on each side."""
        found = [pure(CONSTANT), *(pure(BEFORE) for _ in step.names)]
        found += [pure(BEHIND) for name in step.names if places[name] == BEHIND]
        return joined(one for parts in found for one in parts)

    def _near(self) -> Part:
        """What is met only where two quantities on different sides of the cut are within the window of each other."""
        return Part(BEHIND, BEHIND, self.window, mixed=True)

    def _immediate(self, term: Derivative, places: Places) -> Parts:
        if self._is_sum(term.of):
            if term.by.step is not None:
                return pure(self.place(term.by, places), self._divisions)
            return (*pure(BEFORE, self._divisions), *pure(BEHIND, self._divisions))
        place = self.place(term.of, places)
        if term.by.step is None or self.place(term.by, places) == place:
            return pure(place)
        return (self._near(),)

    def _total(self, term: Derivative, places: Places) -> Parts:
        of, by = self.place(term.of, places), self.place(term.by, places)
        through = self._through(term)
        if self._is_sum(term.of):
            found = {
                CONSTANT: (through, *pure(BEFORE), *pure(BEHIND)), BEFORE: (through, *pure(BEFORE)),
                BEHIND: pure(BEHIND),
            }[by]
            return tuple(replace(one, divisions=self._divisions) for one in found)
        if of == BEFORE:
            return (self._near(),) if by == BEHIND else pure(BEFORE)
        near = () if _at_end(term.of) else (self._near(),)
        return {CONSTANT: (through, *pure(BEHIND)), BEFORE: (through, *near), BEHIND: pure(BEHIND)}[by]

    def _through(self, term: Derivative) -> Part:
        """∂a/∂s · ∂s/∂b with the states s at the cut."""
        first = BEHIND if term.of.shape else BEFORE
        behind = f"{term.of.name.name} {term.of.step}" if _at_end(term.of) else ""
        return Part(first, BEFORE if term.by.shape else first, self.states, mixed=True, behind=behind)

    def _summed(self, term: StepSum, places: Places) -> Parts:
        if not uses(term.term, term.span.index):
            number = self._counted(term.span.high.plus(term.span.low, -1), places)
            return multiplied(number, self.parts(term.term, places), (), term.shape, self.length)
        inside = [self.parts(term.term, {**places, term.span.index: place}) for place in self._sides(term, places)]
        return joined(one for parts in inside for one in parts)

    def _sides(self, term: Repeated, places: Places) -> list[str]:
        """The sides of the cut on which the steps of a span can lie."""
        low, high = self._side(term.span.low, places), self._side(term.span.high, places)
        return [side for side, hidden in ((BEFORE, low == BEHIND), (BEHIND, high == BEFORE)) if not hidden]

    def _power(self, term: Repeated, places: Places) -> Parts:
        """M**c for a number c of steps: M**(c in u) times M**(c in v), in either order."""
        if the_place(self.parts(term.term, places), term.source) != CONSTANT:
            raise UnboundedError(f"`{term.source}` multiplies a quantity of one step as often as another step says")
        count = term.span.high.plus(term.span.low, -1)
        behind = [factor for name, factor in count.coefficients if places[name] == BEHIND]
        if not count.names:
            return pure(CONSTANT)
        if not behind:
            return pure(BEFORE)
        if len(behind) == len(count.names) and sum(behind) == 0:
            return pure(BEHIND)
        return (Part(BEHIND, BEFORE, self._rows(term), mixed=True, turns=True),)

    def _rows(self, term: Term) -> int:
        return self.length(term.shape[0]) if term.shape else 1

    def _product(self, term: Repeated, places: Places) -> Parts:
        sides = self._sides(term, places)
        for side in sides:
            found = the_place(self.parts(term.term, {**places, term.span.index: side}), term.source)
            if found not in (CONSTANT, side):
                raise UnboundedError(f"each factor of `{term.source}` uses a step apart from its own")
        if len(sides) == 1:
            return pure(sides[0])
        if not sides:
            return (*pure(CONSTANT), self._near())
        first, last = (BEHIND, BEFORE) if term.span.descending else (BEFORE, BEHIND)
        near = () if term.span.high.base == LAST else (self._near(),)
        return (Part(first, last, self._rows(term), mixed=True), *near)

    def _formula(self, node: Expression, found: Mapping[str, tuple[Term, Parts]], source: str) -> Parts:
        """Return the parts of a formula; sums and products are taken apart, all else must rest on one side."""
        if getattr(node, "name", None) in found:
            return found[node.name][1]
        operands = [arg for arg in node.args if isinstance(arg, Expression)]
        inner = [self._formula(operand, found, source) for operand in operands]
        match node:
            case Numeral() | Constant() | IdentityMatrix() | Ones():
                return pure(CONSTANT)
            case OrderedSum():
                return joined(one for parts in inner for one in parts)
            case Negative() | Diagonal() | Reduction(kind="sum") | Reduction(kind="mean"):
                return inner[0]
            case Transposed():
                return tuple(turned(one) for one in inner[0])
            case Hadamard() | Outer():
                return self._multiplied(node, operands, inner)
            case Quotient() if _is_last(operands[1], found):
                return tuple(replace(one, divisions=one.divisions + 1) for one in inner[0])
            case Quotient():
                return self._multiplied(node, operands, [inner[0], pure(the_place(inner[1], source))])
            case Power() if node.exponent.q == 1 and 0 < node.exponent <= 4:
                return self._multiplied(node, operands * int(node.exponent), inner * int(node.exponent))
        return pure(the_place(joined(one for parts in inner for one in parts), source))

    def _multiplied(self, node: Expression, operands: list[Any], inner: list[Parts]) -> Parts:
        total, shape = inner[0], operands[0].shape
        for operand, parts in zip(operands[1:], inner[1:], strict=True):
            outer = isinstance(node, Outer)
            total = multiplied(total, parts, shape, operand.shape, self.length, outer=outer)
            shape = shape + operand.shape if outer else shape or operand.shape
        return total


def _at_end(quantity: Quantity) -> bool:
    return quantity.step is None or quantity.step.base == LAST


def _is_last(operand: Any, found: Mapping[str, tuple[Term, Parts]]) -> bool:
    """Whether a divisor is T itself."""
    term = found[operand.name][0] if getattr(operand, "name", None) in found else None
    return isinstance(term, Count) and term.step == Step(((LAST, 1),))

