"""Planted wrong bounds, identities and numbers: each is rejected, and what is merely true is no proof."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cache

import pytest
from sympy import Rational

import rnnsym
from rnnsym.calculus.bounds import jacobian_bound
from rnnsym.calculus.norms import (
    Decimal,
    LargestEntry,
    LargestSlope,
    NumberMatrix,
    ProductOverSteps,
    SpectralNorm,
    SpectralRadius,
    StepPower,
    j,
)
from rnnsym.calculus.notation import AscendingProduct
from rnnsym.errors import CheckError
from rnnsym.evidence.bound_checks import Judge, verify_bounds
from rnnsym.model.expressions import ONE, Diagonal, Expression, Numeral, T, Variable, multiply, rebuild, t
from rnnsym.writing.bounds import bound_derivation
from rnnsym.writing.derivation import Derivation, Step


@cache
def network_of(cell: str) -> rnnsym.Network:
    return rnnsym.Network(rnnsym.cells[cell])


def line(document: Derivation, rule: str, place: int = 0) -> Step:
    return [step for step in document.steps if step.rule == rule][place]


def with_line(document: Derivation, old: Step, new: Step) -> Derivation:
    sections = tuple(replace(section, steps=tuple(new if step is old else step for step in section.steps))
                     for section in document.sections)
    return replace(document, sections=sections)


W_H = next(p for p in network_of("simple").parameters if p.name == "W_h")


def halved(step: Step) -> Step:
    """γ of tanh taken for 1/2."""
    def half(node: Expression) -> Expression | None:
        return Numeral(Rational(1, 2)) if isinstance(node, LargestSlope) else None

    return replace(step, after=rebuild(step.after, half))


def by_radius(step: Step) -> Step:
    return replace(step, after=StepPower(SpectralRadius(W_H), T - j))


def one_factor_less(step: Step) -> Step:
    assert isinstance(step.after, StepPower)
    return replace(step, after=StepPower(step.after.base, T - j - 1))


def direct_alone(step: Step) -> Step:
    forget = Variable("f", next(s for s in jacobian_bound(network_of("lstm")).loop.states).shape, t)
    return replace(step, after=ProductOverSteps(LargestEntry(forget), t, j + 1, T))


PLANTED: dict[str, tuple[str, str, int, Callable[[Step], Step]]] = {
    "γ of tanh is 1/2": ("simple", "induction over the steps", 0, halved),
    "γ of tanh is 1/2, in one step": ("simple", "collecting", 0, halved),
    "the spectral radius for the norm": ("simple", "induction over the steps", 0, by_radius),
    "a missing factor": ("simple", "induction over the steps", 0, one_factor_less),
    "the direct path for the total of an LSTM": ("lstm", "norms of blocks", 0, direct_alone),
    "a term left out": ("gru", "collecting", 0, lambda step: replace(step, after=step.after.args[0])),
    "a norm left out of a product": ("simple", "submultiplicativity", 1,
                                     lambda step: replace(step, after=step.after.args[0])),
    "a slope without its range": ("simple", "largest slope", 1,
                                  lambda step: replace(step, after=Numeral(Rational(1, 2)))),
    "a gate below 1/2": ("gru", "range", 0, lambda step: replace(step, after=Numeral(Rational(1, 2)))),
    "a block left out of its bound": ("lstm", "let", 2, lambda step: replace(step, after=step.after.args[0])),
    "equality where there is less": ("simple", "submultiplicativity", 1, lambda step: replace(step, relation="=")),
    "the bound the wrong way round": ("simple", "induction over the steps", 0,
                                      lambda step: replace(step, before=step.after, after=step.before)),
}


@pytest.mark.parametrize("what", PLANTED)
def test_a_planted_error_is_rejected_by_the_proof_and_by_draws(what: str) -> None:
    cell, rule, place, damage = PLANTED[what]
    document = bound_derivation(network_of(cell))
    old = line(document, rule, place)
    new = damage(old)
    assert new != old
    with pytest.raises(CheckError, match="failed"):
        verify_bounds(with_line(document, old, new))
    above = tuple(document.steps[: document.steps.index(old)])
    proof, drawn = judge_of(cell).checks(new, above)
    assert (proof.passed, drawn.passed) == (False, False)


@cache
def judge_of(cell: str) -> Judge:
    return Judge.of(network_of(cell), 0)


def test_the_planted_errors_are_counted() -> None:
    assert len(PLANTED) >= 12


def test_a_true_line_that_no_rule_gives_is_no_proof() -> None:
    """Twice the bound is true at all draws, and yet not what the rule gives."""
    document = bound_derivation(network_of("simple"))
    old = line(document, "collecting")
    proof, drawn = judge_of("simple").checks(replace(old, after=multiply(Numeral(2), old.after)),
                                             tuple(document.steps[: document.steps.index(old)]))
    assert (proof.passed, drawn.passed) == (False, True)


def test_a_line_without_the_lines_it_needs_is_no_proof() -> None:
    document = bound_derivation(network_of("simple"))
    for rule in ("collecting", "induction over the steps", "geometric vanishing", "contraposition"):
        proof, _ = judge_of("simple").checks(line(document, rule), ())
        assert not proof.passed


WRONG_IDENTITIES: dict[str, tuple[str, str, Callable[[Step], Step]]] = {
    "an ascending product": ("simple", "chain rule", lambda step: replace(
        step, after=AscendingProduct(step.after.args[0], t, j + 1, T))),
    "a transpose forgotten": ("simple", "local derivative", lambda step: replace(
        step, after=Diagonal(ONE - Variable("o", W_H.shape[:1], t) ** 2) @ W_H)),
    "the input gate for the forget gate": ("lstm", "direct path", lambda step: replace(
        step, after=Diagonal(Variable("i", step.before.shape[:1], t)))),
}


@pytest.mark.parametrize("what", WRONG_IDENTITIES)
def test_a_planted_wrong_identity_is_rejected_exactly(what: str) -> None:
    cell, rule, damage = WRONG_IDENTITIES[what]
    (check,) = judge_of(cell).checks(damage(line(bound_derivation(network_of(cell)), rule)), ())
    assert not check.passed
    assert "differ" in check.error


@pytest.mark.parametrize(("step", "passes"), [
    (Step("counterexample", SpectralRadius(NumberMatrix((1, 1), (1, 1))), Decimal(2), "", "="), True),
    (Step("counterexample", SpectralRadius(NumberMatrix((1, 1), (1, 1))), Decimal("2.01"), "", "="), False),
    (Step("counterexample", SpectralNorm(NumberMatrix((3, 0), (0, 1))), Decimal("3.04"), "", "≈"), False),
    (Step("counterexample", SpectralNorm(NumberMatrix((3, 0), (0, "1/3"))), Decimal("3.0"), "", "≈"), True),
    (Step("counterexample", SpectralNorm(NumberMatrix((3, 0), (0, 1))), Decimal("3"), "", ">"), False),
    (Step("largest slope", LargestSlope("tanh"), Numeral(Rational(1, 2)), "", "="), False),
    (Step("largest slope", LargestSlope("tanh"), Numeral(2), "", "="), False),
    (Step("largest slope", LargestSlope("sigmoid"), Numeral(Rational(1, 4)), "", "="), True),
])
def test_lines_of_numbers(step: Step, passes: bool) -> None:
    (check,) = judge_of("simple").checks(step, ())
    assert check.passed is passes
