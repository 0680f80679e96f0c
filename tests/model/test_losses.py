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
from rnnsym.model.evaluation import Arithmetic, choose, evaluate
from rnnsym.model.expressions import ONE, Elementwise, Expression, Reduction, Softmax, Variable
from rnnsym.model.losses import Loss, losses
from rnnsym.numerics.functions import elementwise_functions

yhat, target, logit = Variable("yhat", (2,)), Variable("target", (2,)), Variable("z", (2,))
ENTRIES = list(losses.values())
FUSED = [entry for entry in ENTRIES if entry.link is not None]
every = pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.name)
fused = pytest.mark.parametrize("entry", FUSED, ids=lambda entry: entry.name)
EXACT = mpmath.mpf(10) ** -35  # of 60 digits, less the 18 that log(1 − ŷ) loses at a logit of 40

FLOATS = Arithmetic(float, lambda name, array: elementwise_functions()[name](array), {}, choose, np.max)

# Labels of both classes, soft ones, and outputs strictly between them.
LABELS = [0.0, 1.0, 0.3, 0.875]
LOGITS = [0.0, 0.5, -3.0, 19.0, 40.0, -40.0]


Vector = np.ndarray[tuple[int], np.dtype[np.object_]]


def vector(*entries: float) -> Vector:
    return np.array([mpmath.mpf(entry) for entry in entries], dtype=object)


def labels(entry: Loss, label: float) -> Vector:
    """Two targets, the first one given; those of a distribution sum to 1."""
    return vector(label, 1 - label if entry.distribution else 0.5)


def linked(entry: Loss) -> Expression:
    assert entry.link is not None
    return Softmax(logit) if entry.link == "softmax" else Elementwise(entry.link, logit)


def law(entry: Loss, at: Vector, label: float) -> mpmath.mpf:
    """The loss of the linked output, straight from its definition."""
    out = value(linked(entry), {logit: at})
    return value(entry.value(yhat, target), {yhat: out, target: labels(entry, label)})


@fused
@pytest.mark.parametrize("label", LABELS)
@pytest.mark.parametrize("point", LOGITS)
def test_the_fused_value_is_the_law_under_the_link(entry: Loss, label: float, point: float) -> None:
    assert entry.fused_value is not None
    with mpmath.workdps(DIGITS):
        at = vector(point, -1.25)
        stable = value(entry.fused_value(logit, target), {logit: at, target: labels(entry, label)})
        assert abs(stable - law(entry, at, label)) <= EXACT * (1 + abs(stable))


@fused
@pytest.mark.parametrize("label", LABELS)
@pytest.mark.parametrize("point", LOGITS)
def test_the_fused_slope_is_the_derivative_by_the_logit(entry: Loss, label: float, point: float) -> None:
    assert entry.fused_slope is not None
    with mpmath.workdps(DIGITS):
        at = vector(point, -1.25)
        out = value(linked(entry), {logit: at})
        slope = value(entry.fused_slope(yhat, target), {yhat: out, target: labels(entry, label)})
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
    assert entry.fused_value is not None
    values = {logit: vector(point, 0.5), target: labels(entry, label)}
    floats = {name: array.astype(np.float64) for name, array in values.items()}
    with np.errstate(under="ignore"):
        doubles = evaluate(entry.fused_value(logit, target), lambda name: floats[name], FLOATS)
    with mpmath.workdps(800):
        exact = value(entry.fused_value(logit, target), values)
    assert np.isfinite(doubles)
    assert doubles == pytest.approx(float(exact), rel=1e-15)


@every
@given(st.floats(0.01, 0.99), st.floats(0.01, 0.99))
def test_the_loss_is_stationary_where_the_output_is_the_target(entry: Loss, first: float, second: float) -> None:
    """Its slope vanishes; among distributions, along which the entries' sum stays, it is the same in every entry."""
    slope = pull_back(entry.value(yhat, target), ONE)[yhat]
    both = labels(entry, first) if entry.distribution else vector(first, second)
    with mpmath.workdps(DIGITS):
        found = value(slope, {yhat: both, target: both})
        assert all(abs(part - (found[0] if entry.distribution else 0)) <= EXACT for part in found)


@every
@given(st.floats(0.01, 0.99), st.floats(0.01, 0.99))
def test_no_output_has_a_smaller_loss_than_the_target(entry: Loss, label: float, out: float) -> None:
    label_vector, out_vector = labels(entry, label), labels(entry, out)
    formula = entry.value(yhat, target)
    best = value(formula, {yhat: label_vector, target: label_vector})
    assert value(formula, {yhat: out_vector, target: label_vector}) >= best - mpmath.mpf(10) ** -12


def test_the_cross_entropy_of_a_confident_error() -> None:
    entry = losses["binary_cross_entropy"]
    found = value(entry.value(yhat, target), {yhat: vector(0.9, 0.5), target: vector(0, 0.5)})
    assert float(found - mpmath.log(2)) == pytest.approx(2.302585, abs=1e-6)


def test_huber_is_a_parabola_up_to_one_and_a_line_beyond() -> None:
    one = Variable("yhat", (1,)), Variable("target", (1,))
    formula = losses["huber"].value(*one)
    slope = pull_back(formula, ONE)[one[0]]
    for error, expected, steepness in ((0.5, 0.125, -0.5), (1.0, 0.5, -1.0), (-3.0, 2.5, 1.0), (800.0, 799.5, -1.0)):
        at = {one[0]: vector(0.0), one[1]: vector(error)}
        assert value(formula, at) == expected
        assert value(slope, at)[0] == steepness


def test_the_softmax_cross_entropy_slope_needs_targets_that_sum_to_one() -> None:
    """∂L/∂z = ŷ Σy − y: with soft labels that sum to 1.3 the fused form would be wrong, and the test above sees it."""
    entry = losses["softmax_cross_entropy"]
    assert entry.fused_slope is not None
    at, wrong = vector(0.4, -0.1), vector(0.8, 0.5)
    out = value(Softmax(logit), {logit: at})
    fused = value(entry.fused_slope(yhat, target), {yhat: out, target: wrong})
    assert max(abs(fused - (out * wrong.sum() - wrong))) > 0.1


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
    assert entry.link is None or entry.link in {*activations, "softmax"}
    assert entry.lower < entry.upper
    assert entry.value(yhat, target).shape == ()
