"""Closed forms against simulation: each would be refuted if it were wrong by 5%, which a test of its own shows."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rnnsym.dynamics.closed_forms import (
    forget_gate_product,
    gaussian_product,
    latch_bias,
    latches,
    mean_field,
    tanh_decay,
    uniform_rate,
    wall_rate,
)
from rnnsym.errors import DataError

WRONG = 1.05  # a form that is off by this factor must be told from the right one
SIGMAS = 4.0  # of a mean over independent draws: one test in 16000 would fail by chance, and the seeds are fixed


def agrees(measured: Any, predicted: float, bias: float = 0.0) -> bool:
    """Whether the mean of independent measurements is the prediction, within ``SIGMAS`` standard errors and a bias."""
    values = np.asarray(measured)
    return bool(abs(values.mean() - predicted) <= SIGMAS * values.std(ddof=1) / math.sqrt(len(values)) + bias)


def log_norm(matrices: Any) -> float:
    vector, total = np.eye(1, matrices.shape[-1])[0], 0.0
    for matrix in matrices:
        vector = matrix @ vector
        norm = float(np.linalg.norm(vector))
        vector, total = vector / norm, total + math.log(norm)
    return total


@pytest.mark.parametrize(("n", "gain"), [(2, 1.0), (10, 1.0), (10, 1.5)])
def test_products_of_independent_gaussian_matrices(n: int, gain: float) -> None:
    random, steps = np.random.default_rng(0), 100
    found = np.array([log_norm(random.normal(0, gain / math.sqrt(n), (steps, n, n))) for _ in range(2000)])
    form = gaussian_product(n, steps, gain)
    assert agrees(found, form.mean)
    assert not agrees(found, form.mean * WRONG)
    squares = (found - form.mean) ** 2
    assert agrees(squares, form.variance)
    assert not agrees(squares, form.variance * WRONG**4)  # of 2000 draws the variance has an error of 3%


UNITS = 600
FINITE = 3.0  # n units miss the rate of infinitely many by up to 2.5 / n: measured so at n = 150, 300 and 600


def tied_tanh_rate(gain: float, added: float, seed: int, n: int = UNITS, steps: int = 600, first: int = 200) -> float:
    """The Lyapunov rate of one tied W, by a tangent vector along the trajectory."""
    random = np.random.default_rng(seed)
    W = random.normal(0, gain / math.sqrt(n), (n, n))
    state, tangent, total = random.normal(size=n), random.normal(size=n), 0.0
    for step in range(steps):
        state = np.tanh(W @ state + math.sqrt(added) * random.normal(size=n))
        tangent = (1 - state**2) * (W @ tangent)
        norm = float(np.linalg.norm(tangent))
        tangent, total = tangent / norm, total + (math.log(norm) if step >= first else 0.0)
    return total / (steps - first)


@pytest.mark.parametrize(("gain", "added"), [(2.0, 0.0), (3.0, 0.0), (1.5, 0.5), (2.0, 1.0)])
def test_mean_field_rates_are_those_of_large_networks(gain: float, added: float) -> None:
    rates = [tied_tanh_rate(gain, added, seed) for seed in range(12)]
    form = mean_field(gain, added)
    assert agrees(rates, form.rate, FINITE / UNITS)
    assert not agrees(rates, 0.5 * math.log(form.growth * WRONG), FINITE / UNITS)
    assert not agrees(rates, 0.5 * math.log(form.growth / WRONG), FINITE / UNITS)


@pytest.mark.parametrize(("gain", "variance", "growth", "rate"), [
    (2.0, 2.12147, 1.36267, 0.15472),
    (3.0, None, None, 0.31025),
])
def test_published_values(gain: float, variance: float | None, growth: float | None, rate: float) -> None:
    found = mean_field(gain)
    assert round(found.rate, 5) == rate
    assert variance is None or round(found.variance, 5) == variance
    assert growth is None or round(found.growth, 5) == growth


@given(st.floats(0.01, 1.0))
def test_below_the_critical_gain_nothing_moves_and_the_growth_is_that_of_the_linear_network(gain: float) -> None:
    found = mean_field(gain)
    assert found.variance == 0.0
    assert math.isclose(found.growth, gain**2, rel_tol=1e-12)


@given(st.floats(0.2, 8.0), st.floats(0.01, 20.0))
def test_input_calms_a_network(gain: float, added: float) -> None:
    """More input saturates more: the growth falls, and the variance rises by no less than the input's."""
    with_input, more = mean_field(gain, added), mean_field(gain, 2 * added)
    assert more.growth < with_input.growth < gain**2
    assert more.variance > with_input.variance > added


def test_the_mean_field_does_not_hang_or_guess_near_the_critical_gain() -> None:
    assert 0 < mean_field(1.01).variance < 0.03
    with pytest.raises(DataError, match="has not settled"):
        mean_field(1.0 + 1e-9)
    with pytest.raises(DataError, match="take smaller ones"):
        mean_field(100.0)


def test_the_default_of_pytorch() -> None:
    n, found = 1000, []
    for seed in range(8):
        W = np.random.default_rng(seed).uniform(-1 / math.sqrt(n), 1 / math.sqrt(n), (n, n))
        found.append(math.log(np.abs(np.linalg.eigvals(W[:400, :400] * math.sqrt(n / 400))).max()))
    edge = 0.06  # a spectral radius exceeds its limit by O(√(ln n / n)) at finite n (Rider 2003): 0.06 at n = 400
    assert abs(np.mean(found) - uniform_rate()) < edge
    assert abs(uniform_rate() - -0.5493) < 5e-5


@given(st.floats(-30, 30), st.integers(1, 1000))
def test_forget_gates_multiply(bias: float, steps: int) -> None:
    gate = 1 / (1 + math.exp(-bias))
    assert math.isclose(float(forget_gate_product(bias, steps)), steps * math.log(gate), rel_tol=1e-9, abs_tol=1e-9)


def test_forget_gates_of_the_literature() -> None:
    found = np.exp(forget_gate_product([0.0, 1.0, math.log(99)], 100))
    assert [f"{value:.3g}" for value in found] == ["7.89e-31", "2.48e-14", "0.366"]
    assert np.isfinite(forget_gate_product(-1e4, 10**6)).all()


def fixed_points(weight: float, bias: float) -> int:
    """Count the sign changes of w tanh(a) + b − a on a fine grid: three fixed points, or one."""
    a = np.linspace(-weight - abs(bias) - 1, weight + abs(bias) + 1, 200_001)
    return int(np.count_nonzero(np.diff(np.sign(weight * np.tanh(a) + bias - a))))


@given(st.floats(1.05, 6.0), st.sampled_from([0.95, 1.05]), st.sampled_from([-1.0, 1.0]))
def test_a_unit_latches_where_it_has_three_fixed_points(weight: float, share: float, sign: float) -> None:
    """5% below the bias it latches, 5% above it does not: the fixed points, counted, say the same."""
    bias = sign * share * latch_bias(weight)
    assert latches(weight, bias) == (share < 1) == (fixed_points(weight, bias) >= 3)


@given(st.floats(-5.0, 1.0), st.floats(-3, 3))
def test_a_weight_of_at_most_one_never_latches(weight: float, bias: float) -> None:
    assert not latches(weight, bias)


def test_tanh_decays_as_a_power() -> None:
    assert abs(tanh_decay(1.0, 100) - 1.59200408637e-3) < 1e-14
    slope = math.log(tanh_decay(1.0, 100_000) / tanh_decay(1.0, 10_000)) / math.log(10)
    assert abs(slope - -1.5) < 0.001
    assert not abs(slope * WRONG - -1.5) < 0.001


@given(st.floats(0.1, 20.0), st.floats(-8, 8))
def test_the_rate_at_the_wall_is_the_logarithm_of_the_slope(weight: float, state: float) -> None:
    slope = weight * math.exp(-abs(state)) / (1 + math.exp(-abs(state))) ** 2
    assert math.isclose(wall_rate(weight, state), math.log(slope), rel_tol=1e-12, abs_tol=1e-12)


BAD: list[tuple[Callable[..., Any], tuple[Any, ...]]] = [
    (gaussian_product, (0, 10)), (gaussian_product, (2, 0)), (gaussian_product, (2.5, 3)),
    (gaussian_product, (2, 3, 0)),
    (mean_field, (0.0,)), (mean_field, (1.0, -0.1)), (mean_field, (float("nan"),)), (mean_field, ("two",)),
    (forget_gate_product, (0.0, 0)), (forget_gate_product, (float("inf"), 3)), (latch_bias, ([1.0, 2.0],)),
    (tanh_decay, (1.0, True)), (wall_rate, (0.0, 1.0)), (mean_field, (1e200,)), (mean_field, (1e-170,)),
    (mean_field, (1.0, 1e308)), (tanh_decay, (400.0, 5)), (gaussian_product, (10**400, 3)),
    (gaussian_product, (3, 10**400)), (forget_gate_product, (0.0, 10**400)), (forget_gate_product, (-1e308, 10)),
    (latch_bias, (10**400,)), (latches, (True, 0.0)), (wall_rate, (1.0, None)),
]


def test_bad_arguments_are_refused() -> None:
    refused = 0
    for function, arguments in BAD:
        with pytest.raises(DataError):
            function(*arguments)
        refused += 1
    assert refused == len(BAD) == 24


@given(st.floats(1.0, 300.0).map(lambda power: 10.0**power))
def test_a_large_weight_latches_at_any_smaller_bias(weight: float) -> None:
    """w √(1 − 1/w) − artanh √(1 − 1/w) → w − ½ − ½ ln 4w."""
    expected = weight - 0.5 - 0.5 * math.log(4 * weight)
    assert math.isclose(latch_bias(weight), expected, rel_tol=2.0 / weight / weight + 1e-15)
    assert latches(weight, 0.5 * weight)
    assert not latches(weight, weight)


@given(st.floats(1.0, 100.0))
def test_the_bias_is_that_of_its_formula(weight: float) -> None:
    root = math.sqrt(1 - 1 / weight)
    assert math.isclose(latch_bias(weight), weight * root - math.atanh(root), rel_tol=1e-9, abs_tol=1e-15)


def test_forms_hold_up_to_their_ends() -> None:
    assert math.isclose(tanh_decay(350.0, 1), 4 * math.exp(-700.0), rel_tol=1e-12)
    assert math.isclose(mean_field(1e-150).rate, math.log(1e-150), rel_tol=1e-12)
    assert math.isclose(float(forget_gate_product(-1e307, 10)), -1e308, rel_tol=1e-12)
