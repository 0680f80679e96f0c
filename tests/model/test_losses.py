"""The table of losses: fused forms equal the laws, are stable far out, and vanish to first order at the target."""

from __future__ import annotations

import mpmath
import numpy as np
import pytest
from exact_values import DIGITS, value
from hypothesis import given
from hypothesis import strategies as st

from rnnsym.calculus.rules import pull_back
from rnnsym.model.activations import activations
from rnnsym.model.expressions import ONE, Elementwise, Expression, Reduction, Variable
from rnnsym.model.losses import Loss, losses
from rnnsym.numerics.functions import elementwise_functions

yhat, target, logit = Variable("yhat", (2,)), Variable("target", (2,)), Variable("z", (2,))
ENTRIES = list(losses.values())
FUSED = [entry for entry in ENTRIES if entry.link is not None]
every = pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.name)
fused = pytest.mark.parametrize("entry", FUSED, ids=lambda entry: entry.name)
EXACT = mpmath.mpf(10) ** -35  # of 60 digits, less the 18 that log(1 − ŷ) loses at a logit of 40

# Labels of both classes, soft ones, and outputs strictly between them.
LABELS = [0.0, 1.0, 0.3, 0.875]
LOGITS = [0.0, 0.5, -3.0, 19.0, 40.0, -40.0]


def vector(*entries: float) -> np.ndarray[tuple[int], np.dtype[np.object_]]:
    return np.array([mpmath.mpf(entry) for entry in entries], dtype=object)


def law(entry: Loss, at: np.ndarray[tuple[int], np.dtype[np.object_]], label: float) -> mpmath.mpf:
    """The loss of the linked output, straight from its definition."""
    assert entry.link is not None
    out = value(Elementwise(entry.link, logit), {logit: at})
    return value(entry.value(yhat, target), {yhat: out, target: vector(label, 0.5)})


@fused
@pytest.mark.parametrize("label", LABELS)
@pytest.mark.parametrize("point", LOGITS)
def test_the_fused_value_is_the_law_under_the_link(entry: Loss, label: float, point: float) -> None:
    assert entry.fused_value is not None
    with mpmath.workdps(DIGITS):
        at = vector(point, -1.25)
        stable = value(entry.fused_value(logit, target), {logit: at, target: vector(label, 0.5)})
        assert abs(stable - law(entry, at, label)) <= EXACT * (1 + abs(stable))


@fused
@pytest.mark.parametrize("label", LABELS)
@pytest.mark.parametrize("point", LOGITS)
def test_the_fused_slope_is_the_derivative_by_the_logit(entry: Loss, label: float, point: float) -> None:
    assert entry.fused_slope is not None
    assert entry.link is not None
    with mpmath.workdps(DIGITS):
        at = vector(point, -1.25)
        out = value(Elementwise(entry.link, logit), {logit: at})
        slope = value(entry.fused_slope(yhat, target), {yhat: out, target: vector(label, 0.5)})
        for place in range(2):
            def along(x: mpmath.mpf, place: int = place) -> mpmath.mpf:
                moved = at.copy()
                moved[place] = x
                return law(entry, moved, label)

            assert abs(slope[place] - mpmath.diff(along, at[place])) <= mpmath.mpf(10) ** -15


@fused
@pytest.mark.parametrize("label", [0.0, 1.0, 0.25])
@pytest.mark.parametrize("point", [800.0, -800.0])
def test_the_fused_form_is_exact_in_doubles_far_out(entry: Loss, label: float, point: float) -> None:
    softplus = elementwise_functions()["softplus"]
    doubles = label * softplus(np.float64(-point)) + (1 - label) * softplus(np.float64(point))
    with mpmath.workdps(800):
        assert entry.fused_value is not None
        one = Variable("z", (1,)), Variable("target", (1,))
        exact = value(entry.fused_value(*one), {one[0]: vector(point), one[1]: vector(label)})
    assert np.isfinite(doubles)
    assert doubles == pytest.approx(float(exact), rel=1e-15)


@every
@given(st.floats(0.01, 0.99), st.floats(0.01, 0.99))
def test_the_slope_vanishes_where_the_output_is_the_target(entry: Loss, first: float, second: float) -> None:
    slope = pull_back(entry.value(yhat, target), ONE)[yhat]
    both = vector(first, second)
    with mpmath.workdps(DIGITS):
        assert all(abs(part) <= EXACT for part in value(slope, {yhat: both, target: both}))


@every
@given(st.floats(0.01, 0.99), st.floats(0.01, 0.99))
def test_no_output_has_a_smaller_loss_than_the_target(entry: Loss, label: float, out: float) -> None:
    label_vector, out_vector = vector(label, 0.5), vector(out, 0.5)
    formula = entry.value(yhat, target)
    best = value(formula, {yhat: label_vector, target: label_vector})
    assert value(formula, {yhat: out_vector, target: label_vector}) >= best - mpmath.mpf(10) ** -12


def test_the_cross_entropy_of_a_confident_error() -> None:
    entry = losses["binary_cross_entropy"]
    found = value(entry.value(yhat, target), {yhat: vector(0.9, 0.5), target: vector(0, 0.5)})
    assert float(found - mpmath.log(2)) == pytest.approx(2.302585, abs=1e-6)


def notes_loss(output: Expression, label: Expression) -> Expression:
    """−y log ŷ − (1 − y)(1 − log ŷ), as the notes print it."""
    log = Elementwise("log", output)
    return Reduction("sum", -label * log - (ONE - label) * (ONE - log))


def test_the_notes_loss_breaks_both_laws() -> None:
    both = vector(0.3, 0.6)
    slope = value(pull_back(notes_loss(yhat, target), ONE)[yhat], {yhat: both, target: both})
    assert max(abs(part) for part in slope) > 0.1
    one = Variable("yhat", (1,)), Variable("target", (1,))
    wrong = value(notes_loss(*one), {one[0]: vector(0.9), one[1]: vector(0)})
    assert float(wrong) == pytest.approx(-1.105, abs=5e-4)


@every
def test_an_entry_is_whole(entry: Loss) -> None:
    assert losses[entry.name] is entry
    assert entry.reference
    parts = (entry.link, entry.fused_value, entry.fused_slope)
    assert all(part is None for part in parts) or all(part is not None for part in parts)
    assert entry.link is None or entry.link in activations
    assert entry.lower < entry.upper
    assert entry.value(yhat, target).shape == ()
