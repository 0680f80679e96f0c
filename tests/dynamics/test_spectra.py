"""Spectra of long products: exact for diagonal and orthogonal factors, equal to NumPy's where that is exact enough."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from rnnsym.dynamics.scans import log_product_norms
from rnnsym.dynamics.spectra import (
    log_singular_values,
    log_singular_values_by_lag,
    log_spectral_radius,
    lyapunov_spectrum,
    memory_length,
)
from rnnsym.errors import DataError

ROUNDING = 1e-9  # of a logarithm: some thousand operations of 1e-16, and what the iteration leaves
MILLION = 10**6
sizes, lengths, seeds = st.integers(1, 5), st.integers(1, 8), st.integers(0, 2**20)


def gaussian(steps: int, n: int, seed: int) -> Any:
    return np.random.default_rng(seed).standard_normal((steps, n, n))


def multiplied(factors: Any) -> Any:
    product = np.eye(factors.shape[-1])
    for factor in factors:
        product = factor @ product
    return product


@given(lengths, sizes, seeds)
def test_singular_values_are_those_of_the_product_where_that_can_be_formed(steps: int, n: int, seed: int) -> None:
    factors = gaussian(steps, n, seed)
    values = np.linalg.svd(multiplied(factors), compute_uv=False)
    known = values > 1e-6 * values[0]  # an error of 1e-16 of the largest is 1e-10 of these
    assert known.any()
    assert np.allclose(log_singular_values(factors)[known], np.log(values[known]), rtol=1e-7, atol=1e-7)


@given(st.integers(1, 60), sizes, seeds)
def test_all_singular_values_together_are_the_determinant(steps: int, n: int, seed: int) -> None:
    factors = gaussian(steps, n, seed)
    expected = sum(float(np.linalg.slogdet(one)[1]) for one in factors)
    assert math.isclose(log_singular_values(factors).sum(), expected, rel_tol=ROUNDING, abs_tol=ROUNDING * steps)
    assert math.isclose(lyapunov_spectrum(factors).sum() * steps, expected, rel_tol=ROUNDING, abs_tol=ROUNDING * steps)


@given(sizes, seeds)
def test_orthogonal_factors_keep_all_at_one(n: int, seed: int) -> None:
    factors = np.linalg.qr(gaussian(100, n, seed))[0]
    assert np.abs(log_singular_values(factors)).max() < ROUNDING
    assert np.abs(lyapunov_spectrum(factors)).max() < ROUNDING
    assert abs(log_spectral_radius(factors)) < ROUNDING


@given(st.lists(st.floats(-50, 50), min_size=1, max_size=5), st.integers(1, 50), seeds)
def test_what_a_product_has_beyond_any_float_is_kept(logs: list[float], steps: int, seed: int) -> None:
    """U diag Vᵀ times V diag Vᵀ …: singular values are known, and span thousands of decades."""
    n = len(logs)
    V = np.linalg.qr(gaussian(1, n, seed))[0][0]
    factors = np.tile(V @ np.diag(np.exp(logs)) @ V.T, (steps, 1, 1))
    spread = max(logs) - min(logs)
    if spread < 8:  # else a factor itself has lost its smallest direction
        expected = np.sort(logs)[::-1] * steps
        allowed = 1e-11 * math.exp(spread) * steps + 1e-5 * steps
        assert np.abs(log_singular_values(factors) - expected).max() <= allowed
    diagonal = np.tile(np.diag(np.exp(logs)), (steps, 1, 1))
    assert np.allclose(log_singular_values(diagonal), np.sort(logs)[::-1] * steps, rtol=ROUNDING, atol=ROUNDING)
    assert np.allclose(lyapunov_spectrum(diagonal), np.sort(logs)[::-1], rtol=ROUNDING, atol=ROUNDING)


def test_multiplied_out_the_smallest_singular_value_is_noise_and_by_qr_it_is_not() -> None:
    factors = gaussian(100, 4, 0)
    noise = np.log(np.linalg.svd(multiplied(factors), compute_uv=False))
    exact = sum(float(np.linalg.slogdet(one)[1]) for one in factors)
    assert abs(noise.sum() - exact) > 1
    assert abs(log_singular_values(factors).sum() - exact) < ROUNDING * 100


def test_a_million_steps_neither_under_nor_overflow() -> None:
    factors = np.broadcast_to(np.array([[3.0, 1.0], [0.0, 1e-3]]), (MILLION, 2, 2))
    assert np.allclose(lyapunov_spectrum(factors[:10_000]), np.log([3.0, 1e-3]), atol=1e-3)
    assert math.isclose(float(log_spectral_radius(factors)), MILLION * math.log(3.0), rel_tol=1e-9)
    small = np.broadcast_to(np.array([[1e-300]]), (MILLION // 100, 1, 1))
    assert math.isclose(float(log_singular_values(small)[0]), MILLION * math.log(1e-3), rel_tol=1e-9)


@given(st.integers(1, 3), st.integers(1, 5), sizes, seeds)
def test_a_stack_is_one_by_one(batch: int, steps: int, n: int, seed: int) -> None:
    stack = np.random.default_rng(seed).standard_normal((batch, steps, n, n))
    for function in (log_singular_values, lyapunov_spectrum, log_spectral_radius):
        together = function(stack)
        assert all(np.allclose(together[i], function(stack[i]), rtol=1e-6, atol=1e-6) for i in range(batch))


@given(lengths, sizes, seeds)
def test_the_spectral_radius_is_that_of_the_product(steps: int, n: int, seed: int) -> None:
    factors = gaussian(steps, n, seed)
    expected = np.abs(np.linalg.eigvals(multiplied(factors))).max()
    assert math.isclose(float(log_spectral_radius(factors)), math.log(expected), rel_tol=1e-6, abs_tol=1e-6)


def test_a_singular_factor_gives_minus_infinity() -> None:
    factors = np.tile(np.diag([2.0, 0.0]), (5, 1, 1))
    assert log_singular_values(factors).tolist() == [5 * math.log(2.0), -math.inf]
    nilpotent = np.tile(np.array([[0.0, 1.0], [0.0, 0.0]]), (2, 1, 1))
    assert float(log_spectral_radius(nilpotent)) == -math.inf
    assert (log_singular_values(nilpotent) == -math.inf).all()


@given(st.floats(0.05, 0.95), st.floats(0.1, 0.99))
def test_a_geometric_memory_has_the_length_of_its_sum(ratio: float, share: float) -> None:
    """The last k of norms ρ^k hold 1 − ρ^k of their sum."""
    logs = math.log(ratio) * np.arange(2000)[::-1]
    exact = math.log(1 - share) / math.log(ratio)
    assume(abs(exact - round(exact)) > 1e-6)  # else rounding decides
    assert memory_length(logs, share) == math.ceil(exact)


EXTREME = [np.diag([1e200]), np.diag([1e160, 1.0]), np.diag([1.7e308, 1e-300]), np.diag([1e308, 1e-308]),
           np.diag([5e-324, 1e-310]), np.diag([1e-170, 1e170, 1.0])]


@pytest.mark.parametrize("matrix", EXTREME, ids=lambda one: str(np.diag(one)))
@given(steps=st.integers(1, 6))
def test_entries_at_the_ends_of_the_floats_keep_their_logarithms(matrix: Any, steps: int) -> None:
    factors = np.tile(matrix, (steps, 1, 1))
    expected = np.sort(np.log(np.diag(matrix)))[::-1]
    assert np.allclose(log_singular_values(factors), steps * expected, rtol=ROUNDING)
    assert np.allclose(log_singular_values_by_lag(factors), np.arange(steps + 1)[:, None] * expected, rtol=ROUNDING)
    assert np.allclose(lyapunov_spectrum(factors), expected, rtol=ROUNDING)
    assert math.isclose(float(log_spectral_radius(factors)), steps * expected[0], rel_tol=ROUNDING)


@given(lengths, sizes, seeds, st.sampled_from([-1000, 900, 1015]))
def test_a_power_of_two_moves_every_logarithm_by_as_much(steps: int, n: int, seed: int, power: int) -> None:
    factors = gaussian(steps, n, seed)
    moved = np.ldexp(factors, power)
    for function, times in ((log_singular_values, steps), (lyapunov_spectrum, 1), (log_spectral_radius, steps)):
        assert np.allclose(function(moved), function(factors) + times * power * math.log(2.0), rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("size", [1.7e308, 5e-324])
def test_products_of_the_largest_and_the_smallest_floats_are_not_lost(size: float) -> None:
    factors = np.full((5, 2, 2), size)
    expected = 5 * (math.log(size) + math.log(2.0))  # a matrix of ones has the singular values 2 and 0
    values = log_singular_values(factors)
    assert math.isclose(values[0], expected, rel_tol=ROUNDING)
    assert values[1] == -math.inf
    full = np.full((5, 2, 2), size) * np.array([[1, 1], [1, -1]])  # √2 times an orthogonal matrix
    assert np.allclose(lyapunov_spectrum(full), math.log(size) + math.log(2.0) / 2, rtol=ROUNDING)


NO_FACTORS = [np.ones((3, 2, 2)) * 1j, "abc", [[[1.0], [2.0, 3.0]]], [[[10**400]]], [[["a"]]], None,
              np.ma.masked_array(np.ones((3, 2, 2)))]


def test_factors_that_are_no_real_numbers_are_refused_by_name() -> None:
    refused = 0
    for bad in NO_FACTORS:
        for function in (log_singular_values, log_singular_values_by_lag, lyapunov_spectrum, log_spectral_radius,
                         log_product_norms):
            with pytest.raises(DataError, match="factors"):
                function(bad)
            refused += 1
    assert refused == 5 * len(NO_FACTORS) == 35


BAD: list[tuple[Callable[..., Any], tuple[Any, ...], str]] = [
    *((lyapunov_spectrum, (np.ones((3, 1, 1)), first), "first") for first in (0.5, "a", None, True, -1, 3)),
    *((log_singular_values, (np.ones((3, 1, 1)), tolerance), "tolerance") for tolerance in (-1.0, math.nan, "a", None)),
    *((log_singular_values, (np.ones((3, 1, 1)), 0.0, passes), "passes") for passes in (0, -1, 1.5, "a", None)),
    *((log_singular_values_by_lag, (np.ones((3, 1, 1)), lags), "lags") for lags in ([], 5, "12", ["a"], [4], [True])),
    *((memory_length, (logs,), "log_norms") for logs in (5.0, ["a"], [], [0.0, math.nan], [0.0, math.inf], [1j], None)),
    *((memory_length, ([0.0], share), "share") for share in (0.0, 1.1, math.nan, "a", None, True, [0.5])),
]


def test_bad_settings_are_refused_by_name() -> None:
    refused = 0
    for function, arguments, name in BAD:
        with pytest.raises(DataError, match=name):
            function(*arguments)
        refused += 1
    assert refused == len(BAD) == 35


def test_bad_arguments_are_refused() -> None:
    broken = gaussian(4, 2, 0)
    broken[2, 0, 1] = np.nan
    with pytest.raises(DataError, match="step 3 is not finite"):
        log_singular_values(broken)
    with pytest.raises(DataError, match="step 3 of sequence 1 is not finite"):
        lyapunov_spectrum(np.stack([gaussian(4, 2, 0), broken]))
    refused = 2
    for call in (lambda: log_singular_values(np.ones((2, 3))), lambda: log_spectral_radius(np.ones((4, 2, 3))),
                 lambda: lyapunov_spectrum(np.ones((0, 2, 2))), lambda: lyapunov_spectrum(gaussian(3, 2, 0), first=3),
                 lambda: memory_length([0.0], 0.0), lambda: memory_length([-math.inf])):
        with pytest.raises(DataError):
            call()
        refused += 1
    assert refused == 8
