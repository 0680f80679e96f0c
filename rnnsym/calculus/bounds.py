"""Bounds of ‖∂s_T/∂s_j‖, derived by rules from a cell's own step Jacobian: ‖∂s_T/∂s_j‖ ≤ β^(T−j).

For s_t = f(W s_{t−1} + …) the bound is (γ σ_max(W))^(T−j), γ = sup |f′| (Pascanu, Mikolov, Bengio 2013, section 2.1).
With several states each block of the step Jacobian has a bound of its own, and the matrix of these bounds its norm.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from rnnsym.calculus.intervals import Interval, interval, name_ranges, state_ranges
from rnnsym.calculus.norm_rules import Facts, Inference, depends, infer, slopes_in
from rnnsym.calculus.norms import (
    BlockBound,
    BlockBounds,
    LargestEntry,
    LargestSlope,
    Measure,
    ProductOverSteps,
    SpectralNorm,
    StepBound,
    StepPower,
)
from rnnsym.calculus.notation import DescendingProduct
from rnnsym.calculus.paths import Block, step_blocks
from rnnsym.calculus.unrolling import LoopGraph, graph_of
from rnnsym.errors import DerivationError
from rnnsym.model.expressions import (
    ONE,
    ZERO,
    Constant,
    Expression,
    Hadamard,
    Numeral,
    OrderedSum,
    add,
    multiply,
    rebuild,
    t,
    walk,
)
from rnnsym.model.networks import Network

MEASURES = (SpectralNorm, LargestEntry)


@dataclass(frozen=True)
class BlockEstimate:
    """``lines`` prove that the norm of ``block``, a part of the step Jacobian, is at most ``bound``."""

    block: Block
    lines: tuple[Inference, ...]
    bound: Expression


@dataclass(frozen=True)
class JacobianBound:
    """A bound of the Jacobians between the steps of one loop.

    ``estimates`` has one entry a block that is not zero. ``starts`` are the intervals in which states must start for
    it to hold; a state that is not among them may start anywhere. ``facts`` are what the rules used.
    """

    network: Network
    loop: LoopGraph
    estimates: tuple[BlockEstimate, ...]
    starts: Mapping[Expression, Interval]
    facts: Facts

    @property
    def letter(self) -> str:
        """The name of the bounds."""
        return self.facts.letter

    @property
    def alone(self) -> bool:
        """Whether there is one state only."""
        return len(self.loop.states) == 1

    @property
    def uniform(self) -> bool:
        """Whether the bound of a step is the same for every step."""
        return _uniform(self.estimates)

    @property
    def step(self) -> Expression:
        """β, or β_t: the bound of ‖∂s_t/∂s_{t−1}‖ in terms of weights and, where nothing bounds them, states.

        With several states it is the norm of a matrix whose entries are ``estimates``.
        """
        if self.alone:
            return self.estimates[0].bound
        return SpectralNorm(self.matrix)

    @property
    def matrix(self) -> BlockBounds:
        """The matrix of the blocks' bounds, of step t where they differ from step to step."""
        return BlockBounds(self.letter, len(self.loop.states), None if self.uniform else t)

    @property
    def name(self) -> StepBound:
        """β or β_t as a name."""
        return StepBound(self.letter, None if self.uniform else t)

    def over(self, later: Any, earlier: Any, *, named: bool = False) -> Expression:
        """Return the bound of ‖∂s_later/∂s_earlier‖: a power of ``step``, or its product over the steps between.

        ``named`` puts the name of β in its place.
        """
        factor = self.name if named else self.step
        if self.uniform:
            return ONE if factor == ONE else StepPower(factor, later - earlier)
        return ProductOverSteps(factor, t, earlier + 1, later)

    def tighter(self, later: Any, earlier: Any) -> Expression:
        """Return the norm of the product of the matrices of bounds, which ``over`` is a bound of."""
        if self.uniform:
            return SpectralNorm(StepPower(self.matrix, later - earlier))
        return SpectralNorm(DescendingProduct(self.matrix, t, later, earlier + 1))

    def entry(self, of: Any, by: Any) -> Expression:
        """Return the bound of one block of the step Jacobian at step t, 0 where there is none."""
        found = (e.bound for e in self.estimates if (e.block.of.name, e.block.by.name) == (of.name, by.name))
        return next(found, ZERO)


def jacobian_bound(network: Network) -> JacobianBound:
    """‖∂s_T/∂s_j‖ ≤ β^(T−j), or ∏ β_t, with β by rules over the tree of the cell's own step Jacobian.

    ``.over(T, j)`` is the right-hand side as an expression, ``.step`` is β, ``.starts`` says what is assumed of the
    initial state, ``.estimates`` holds the lines that prove it. A claim ‖∂s_T/∂s_j‖ ≤ R^(T−j) is true if
    ``bound_values.is_at_most(bound.step, R)`` and ``.starts`` is empty, or the claim says as much of the start.
    Errors: DerivationError for a network of several loops, for one whose states do not depend on the step before, and
    for a kind of node that no rule is known of.

    >>> import rnnsym
    >>> from rnnsym.writing.layout import lay_out, style_of
    >>> from rnnsym.writing.plain import plain
    >>> network = rnnsym.Network(rnnsym.cells["simple"])
    >>> plain(lay_out(jacobian_bound(network).step, style_of(network)))
    'γ_tanh σ_max(W_h)'
    """
    loop = graph_of(network).only_loop()
    anywhere = name_ranges(loop, {})
    started = state_ranges(loop)
    letter = _letter(network)
    facts = Facts(name_ranges(loop, started), slopes_in(loop), letter)
    estimates = tuple(_estimate(block, facts) for block in step_blocks(loop))
    if not estimates:
        raise DerivationError(f"no state of {network.cell.name} depends on a state of the step before in a way that "
                              "has a slope: there is no Jacobian between steps to bound")
    if _uniform(estimates):
        estimates = tuple(_without_steps(estimate) for estimate in estimates)
    assumed = any(_needs_start(line, facts, anywhere) for estimate in estimates for line in estimate.lines)
    starts = {state: own for state, own in started.items() if assumed and own.bounded}
    return JacobianBound(network, loop, estimates, starts, facts)


def _uniform(estimates: tuple[BlockEstimate, ...]) -> bool:
    """Whether nothing in the bounds differs from step to step, the names of other blocks' bounds apart."""
    def nameless(node: Expression) -> Expression | None:
        return ZERO if isinstance(node, BlockBound) else None

    return not any(depends(rebuild(estimate.bound, nameless)) for estimate in estimates)


def _without_steps(estimate: BlockEstimate) -> BlockEstimate:
    lines = tuple(replace(line, after=without_step(line.after)) for line in estimate.lines)
    return BlockEstimate(estimate.block, lines, without_step(estimate.bound))


def without_step(expression: Expression) -> Expression:
    """Name the bounds of blocks without a step, as where they are the same in every step."""
    def bare(node: Expression) -> Expression | None:
        return BlockBound(node.letter, node.of.at(None), node.by.at(None)) if isinstance(node, BlockBound) else None

    return rebuild(expression, bare)


def _letter(network: Network) -> str:
    equations = (*network.equations, *network.readout_equations)
    names = {name.name for name in (*network.parameters, *network.constants, *(e.target for e in equations))}
    free = [letter for letter in ("beta", "kappa", "nu", "mu", "chi", "psi", "omega") if letter not in names]
    if not free:
        raise DerivationError("no letter is left to name the bound: rename beta in the equations")
    return free[0]


def _needs_start(line: Inference, facts: Facts, anywhere: Mapping[Expression, Interval]) -> bool:
    """Whether a range was used that holds only for states that start well."""
    if line.rule not in ("range", "norm of a vector", "absolute sums"):
        return False
    measured = [node.operand for node in (line.before, *walk(line.after)) if isinstance(node, LargestEntry)]
    return any(facts.interval(one) != interval(one, anywhere) for one in measured)


def _estimate(block: Block, facts: Facts) -> BlockEstimate:
    lines = tuple(_lines(SpectralNorm(block.value), facts))
    return BlockEstimate(block, lines, collect(SpectralNorm(block.value), lines))


def _lines(norm: Expression, facts: Facts) -> Iterator[Inference]:
    """Apply rules from the outside inwards, level by level; what is known already is not asked again."""
    level, seen = [norm], {norm}
    while level:
        found = [line for line in (infer(node, facts) for node in level) if line is not None]
        order = list(dict.fromkeys(line.rule for line in found))
        yield from sorted(found, key=lambda line: order.index(line.rule))
        level = []
        for line in found:
            for node in walk(line.after):
                if isinstance(node, MEASURES) and node not in seen:
                    seen.add(node)
                    level.append(node)


def collect(norm: Expression, lines: tuple[Inference, ...]) -> Expression:
    """Put the lines together: the bound of ``norm`` in terms of what stays a symbol, equal terms added up."""
    known = {line.before: line.after for line in lines}

    def replaced(node: Expression) -> Expression | None:
        return rebuild(known[node], replaced) if node in known else None

    return tidy(rebuild(norm, replaced))


def tidy(expression: Expression) -> Expression:
    """Write a bound without needless ones and with equal terms added up."""
    if isinstance(expression, OrderedSum):
        counts: dict[Expression, Any] = {}
        total = add(*(tidy(arg) for arg in expression.args))
        for term in total.args if isinstance(total, OrderedSum) else (total,):
            counts[term] = counts.get(term, 0) + 1
        return add(*(multiply(Numeral(count), term) for term, count in counts.items()))
    if isinstance(expression, Hadamard):
        return _tidy_product(multiply(*(tidy(arg) for arg in expression.args)))
    if isinstance(expression, Measure):
        return expression  # what is measured stays as it is
    args = [tidy(arg) if isinstance(arg, Expression) else arg for arg in expression.args]
    return type(expression)(*args) if tuple(args) != expression.args else expression


def _tidy_product(product: Expression) -> Expression:
    """Numbers first, then slopes, then all else; equal factors of a kind stay where they are."""
    if not isinstance(product, Hadamard):
        return product
    kinds = (Numeral, Constant, LargestSlope, LargestEntry)
    ranked = sorted(product.args, key=lambda factor: kinds.index(type(factor)) if type(factor) in kinds else len(kinds))
    return multiply(*ranked)
