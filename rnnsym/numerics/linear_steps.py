"""A step back as one linear equation: what each state's δ hands on within its step and to the step before.

It is told from the equations alone: a step is of this form where each δ is a state's δ times a slope, and what is
handed back are slopes times δ's and products of δ's with weights.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from rnnsym.calculus.notation import Adjoint
from rnnsym.model.expressions import ONE, Expression, MatrixProduct, Variable, add, multiply
from rnnsym.numerics.plans import Backward
from rnnsym.numerics.products import vector_and_matrix
from rnnsym.numerics.terms import Terms, terms_of

Pair = tuple[Variable, Variable]  # the state whose δ hands on, and the one that it reaches


@dataclass(frozen=True)
class LinearStep:
    """The blocks of v_{t−1} = a_{t−1} + v_t M_t, v the δ's of all ``states`` side by side, a what arrives from outside.

    Within a step a state's δ reaches only states that stand before it. ``responses`` are the slopes of all other δ's
    with respect to that of their state, ``state_of``; in them, and in ``within`` and ``before``, the diagonals of
    blocks, the name of such a δ stands for its own slope. ``products`` are the δ's that a block has with weights.
    """

    states: tuple[Variable, ...]
    state_of: Mapping[Adjoint, Variable]
    responses: Mapping[Adjoint, Expression]
    within: Mapping[Pair, Expression]
    before: Mapping[Pair, Expression]
    products: Mapping[Pair, tuple[tuple[Adjoint, Expression], ...]]


class _OtherFormError(Exception):
    """The step has another form."""


def linear_step(plan: Backward, moves: Callable[[Expression], bool]) -> LinearStep | None:
    """Return the step as a linear equation, None where it has another form; ``moves`` tells what differs by step."""
    try:
        return _Reader(plan, moves).read()
    except _OtherFormError:
        return None


class _Reader:
    def __init__(self, plan: Backward, moves: Callable[[Expression], bool]) -> None:
        self.plan, self.moves = plan, moves
        self.state_of: dict[Adjoint, Variable] = {}
        self.responses: dict[Adjoint, Expression] = {}
        self.within: dict[Pair, Expression] = {}
        self.before: dict[Pair, Expression] = {}
        self.products: dict[Pair, tuple[tuple[Adjoint, Expression], ...]] = {}

    def read(self) -> LinearStep:
        states: list[Variable] = [u.target.variable for u in self.plan.updates if u.target.variable in self.plan.carry]
        if set(states) != set(self.plan.carry):
            raise _OtherFormError
        for update in self.plan.updates:
            self._update(update.target, terms_of(update.value))
        for state, value in self.plan.carry.items():
            terms = terms_of(value)
            products = {base: slope for base, slope in terms.items() if isinstance(base, MatrixProduct)}
            self._product_blocks(state, products)
            self._reached(self.before, state, {b: s for b, s in terms.items() if b not in products})
        backwards = tuple(reversed(states))
        return LinearStep(backwards, self.state_of, self.responses, self.within, self.before, self.products)

    def _update(self, target: Adjoint, terms: Terms) -> None:
        if target.variable.rank != 1:
            raise _OtherFormError
        if target.variable in self.plan.carry:
            self._reached(self.within, target.variable, terms)
        else:
            self._response(target, terms)

    def _response(self, target: Adjoint, terms: Terms) -> None:
        if len(terms) != 1 or target not in self.plan.stored:
            raise _OtherFormError
        ((source, slope),) = self._by_source(target.variable, terms)
        self.state_of[target], self.responses[target] = source, slope

    def _reached(self, found: dict[Pair, Expression], target: Variable, terms: Terms) -> None:
        for source, slope in self._by_source(target, terms):
            pair = source, target
            found[pair] = add(found[pair], slope) if pair in found else slope

    def _by_source(self, target: Variable, terms: Terms) -> list[tuple[Variable, Expression]]:
        """Return the states that terms come from, each with its slope."""
        found = []
        for base, slope in terms.items():
            if not isinstance(base, Adjoint) or not self._fits(slope, target) or base.variable.shape != target.shape:
                raise _OtherFormError
            if base.variable in self.plan.carry:
                found.append((base.variable, slope))
            elif base in self.state_of:
                found.append((self.state_of[base], base if slope == ONE else multiply(base, slope)))
            else:
                raise _OtherFormError
        return found

    def _fits(self, slope: Expression, target: Variable) -> bool:
        return slope.shape == target.shape or (slope.rank == 0 and not self.moves(slope))

    def _product_blocks(self, state: Variable, terms: Terms) -> None:
        for base, slope in terms.items():
            pair: Any = vector_and_matrix(base)
            if pair is None or pair[0] not in self.state_of or slope != ONE:
                raise _OtherFormError
            block = self.state_of[pair[0]], state
            self.products[block] = (*self.products.get(block, ()), pair)
