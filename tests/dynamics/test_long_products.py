"""Products of many factors for all lags: by blocks as one by one, beyond any float, and exactly zero where they are."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rnnsym.dynamics import gradient_products, log_product_norms, path_contributions, step_jacobians
from rnnsym.dynamics.scans import BLOCK, CANCELLED
from rnnsym.dynamics.spectra import (
    log_singular_values,
    log_singular_values_by_lag,
    log_spectral_radius,
    lyapunov_spectrum,
)
from rnnsym.errors import DataError, NotFiniteError
from rnnsym.model.cells import Cell
from rnnsym.model.networks import Network

MILLION = 10**6
EPSILON = float(np.finfo(float).eps)
# Of a logarithm: each way rounds each of its products by N ε, a block may lose CANCELLED bits, and generic directions
# forget what was rounded long ago.
ROUNDING = 2.0**CANCELLED * 64 * EPSILON
sizes, seeds = st.integers(1, 4), st.integers(0, 2**20)


def gaussian(steps: int, n: int, seed: int) -> Any:
    return np.random.default_rng(seed).standard_normal((steps, n, n))


def one_by_one(factors: Any) -> Any:
    """ln ‖A_T ⋯ A_{T−k+1}‖, a factor at a time, in plain NumPy."""
    product, power, found = np.eye(factors.shape[-1]), 0.0, [0.0]
    for factor in factors[::-1]:
        product = product @ factor
        size = np.abs(product).max()
        product, power = (product / size, power + math.log(size)) if size else (product, power)
        norm = float(np.linalg.norm(product, 2))
        found.append(math.log(norm) + power if norm else -math.inf)
    return np.array(found)


@settings(max_examples=20)
@given(st.integers(1, 6 * BLOCK), sizes, seeds, st.sampled_from([1e-300, 1e-3, 1.0, 1e300]))
def test_a_scan_by_blocks_is_the_product_one_by_one(steps: int, n: int, seed: int, scale: float) -> None:
    factors = gaussian(steps, n, seed)
    found = log_product_norms(scale * factors)
    assert found.shape == (steps + 1,)
    expected = one_by_one(factors) + np.arange(steps + 1) * math.log(scale)
    assert np.allclose(found, expected, rtol=1e-13, atol=ROUNDING)


def test_that_tolerance_tells_one_changed_factor() -> None:
    factors = gaussian(3 * BLOCK, 3, 0)
    expected, rejected = one_by_one(factors), 0
    for step in (0, BLOCK, 3 * BLOCK - 1):
        changed = factors.copy()
        changed[step] *= 1 + 1e-6
        rejected += not np.allclose(log_product_norms(changed), expected, rtol=0, atol=ROUNDING)
    assert rejected == 3


@given(st.floats(-700, 700), st.floats(-700, 700), st.integers(1, 1000))
def test_rates_far_beyond_any_float_are_exact(first: float, second: float, steps: int) -> None:
    factors = np.broadcast_to(np.diag(np.exp([first, second])), (steps, 2, 2))
    lags = np.arange(steps + 1)
    assert np.allclose(log_product_norms(factors), lags * max(first, second), rtol=1e-13, atol=1e-10)


@pytest.mark.parametrize("scale", [1e-300, 1e300])
def test_a_million_factors_of_one_matrix_neither_under_nor_overflow(scale: float) -> None:
    matrix = np.array([[0.6, -0.8], [0.8, 0.6]])  # a rotation, whose powers all have the norm 1
    found = log_product_norms(np.broadcast_to(scale * matrix, (MILLION, 2, 2)))
    lags = np.arange(MILLION + 1)
    assert np.allclose(found, lags * math.log(scale), rtol=1e-12, atol=1e-9)
    assert not np.allclose(found, lags * math.log(scale * (1 + 1e-9)), rtol=1e-12, atol=1e-9)


def test_a_million_different_factors_are_their_determinants() -> None:
    """With one unit, and with scaled rotations, ln ‖product‖ is the sum of the logarithms of the scales."""
    random = np.random.default_rng(0)
    scales, angles = np.exp(random.normal(-1, 3, MILLION)), random.uniform(0, 6, MILLION)
    turns = np.array([[np.cos(angles), -np.sin(angles)], [np.sin(angles), np.cos(angles)]]).transpose(2, 0, 1)
    expected = np.concatenate([[0.0], np.cumsum(np.log(scales[::-1]))])
    for factors in (scales[:, None, None], scales[:, None, None] * turns):
        assert np.allclose(log_product_norms(factors), expected, rtol=1e-11, atol=1e-8)


@settings(max_examples=20)
@given(st.integers(1, 5 * BLOCK), st.data())
def test_a_zero_factor_makes_all_longer_products_exactly_zero(steps: int, data: st.DataObject) -> None:
    factors = gaussian(steps, 2, steps)
    place = data.draw(st.integers(0, steps - 1))
    factors[place] = 0.0
    found = log_product_norms(factors)
    assert np.isfinite(found[:steps - place]).all()
    assert (found[steps - place:] == -np.inf).all()


def test_directions_that_shrink_below_every_float_and_return_are_not_taken_for_zero() -> None:
    """The product of the last factors keeps a direction that the block before it has lost, and the other way round."""
    left, right = np.diag([1e-9, 1.0]), np.diag([1.0, 1e-9])
    factors = np.concatenate([np.tile(left, (3 * BLOCK, 1, 1)), np.tile(right, (2 * BLOCK, 1, 1))])
    found = log_product_norms(factors)
    lags = np.arange(5 * BLOCK + 1)
    expected = np.maximum(np.maximum(lags - 2 * BLOCK, 0) * math.log(1e-9),
                          np.minimum(lags, 2 * BLOCK) * math.log(1e-9))
    early = lags < 2 * BLOCK + 30  # later the one way of multiplying floats, too, has lost the second direction
    assert np.isfinite(found).all()
    assert np.allclose(found[early], expected[early], rtol=1e-12)
    assert np.allclose(found, one_by_one(factors), rtol=1e-12)


@settings(max_examples=10)
@given(seeds)
def test_each_sequence_of_a_stack_is_as_by_itself(seed: int) -> None:
    """Bit for bit, also where one of them loses so many bits that it is taken one by one."""
    factors = np.random.default_rng(seed).standard_normal((2, 3, 4 * BLOCK, 2, 2))
    factors[1, 1, 100] = np.outer([1.0, 0.0], [1.0, 1e-12])
    factors[1, 1, 101] = np.outer([1.0, 1.0], [1e-12, -1.0])
    factors[0, 2, 300] = 0.0
    found = log_product_norms(factors)
    for place in np.ndindex(2, 3):
        assert np.array_equal(found[place], log_product_norms(factors[place]))


@settings(max_examples=25)
@given(st.integers(1, 7), st.integers(1, 3), seeds)
def test_singular_values_by_lag_are_those_of_each_product(steps: int, n: int, seed: int) -> None:
    factors = gaussian(steps, n, seed)
    found = log_singular_values_by_lag(factors)
    assert found.shape == (steps + 1, n)
    assert (found[0] == 0).all()
    for lag in range(1, steps + 1):
        assert np.allclose(found[lag], log_singular_values(factors[steps - lag:]), atol=1e-6)
    chosen = log_singular_values_by_lag(factors, lags=[steps, 0])
    assert np.allclose(chosen, found[[-1, 0]], atol=1e-6)
    assert np.allclose(found[:, 0], log_product_norms(factors), atol=1e-6)


def test_singular_values_by_lag_keep_directions_that_products_of_floats_lose() -> None:
    factors = gaussian(60, 3, 0)
    found = log_singular_values_by_lag(factors)
    determinants = np.concatenate([[0.0], np.cumsum(np.linalg.slogdet(factors)[1][::-1])])
    assert np.allclose(found.sum(axis=-1), determinants, atol=1e-8)
    stacked = log_singular_values_by_lag(np.stack([factors, factors[::-1]]), lags=[60])
    assert stacked.shape == (2, 1, 3)
    assert np.allclose(stacked[0, 0], found[60], atol=1e-6)


WITH_FACTORS = (log_product_norms, log_singular_values, log_singular_values_by_lag, log_spectral_radius,
                lyapunov_spectrum)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_a_factor_that_is_not_finite_is_refused_with_its_step(bad: float) -> None:
    refused = 0
    for function in WITH_FACTORS:
        for steps, step in ((5, 1), (5, 5), (100_000, 99_999)):
            factors = np.ones((steps, 2, 2))
            factors[step - 1, 1, 0] = bad
            with pytest.raises(DataError, match=f"the matrix of step {step} is not finite"):
                function(factors)
            with pytest.raises(DataError, match=f"the matrix of step {step} of sequence 1 is not finite"):
                function(np.stack([np.ones_like(factors), factors]))
            refused += 2
    assert refused == 6 * len(WITH_FACTORS) == 30


def test_what_are_no_factors_is_refused() -> None:
    refused = 0
    for bad in (np.ones((2, 3)), np.ones((4, 2, 3)), np.ones((0, 2, 2)), np.ones((3, 0, 0))):
        for function in WITH_FACTORS:
            with pytest.raises(DataError, match="expected square matrices"):
                function(bad)
            refused += 1
    for lags in ([-1], [4], [1.5]):
        with pytest.raises(DataError, match="lag"):
            log_singular_values_by_lag(gaussian(3, 2, 0), lags)  # type: ignore[arg-type]
        refused += 1
    assert refused == 23


GROWING = Network(Cell.from_equations("growing", "o = x @ W_i + o_prev @ W_h"), "yhat = o @ W_o", "squared_error")
SQUARING = Network(Cell.from_equations("squaring", "o = x @ W_i + o_prev**2 @ W_h"), "yhat = o @ W_o", "squared_error")


@pytest.mark.parametrize(("network", "step"), [(GROWING, 5), (SQUARING, 4)])  # 1, 1e100, 1e200, 1e300; 1, 1e100, 1e300
def test_a_trajectory_that_overflows_is_refused_with_its_step(network: Network, step: int) -> None:
    parameters = {"W_i": [[1.0]], "W_h": [[1e100]], "W_o": [[1.0]]}
    words = f"the state o is not finite at step {step}"
    assert np.isfinite(step_jacobians(network, parameters, np.ones((step - 1, 1)))).all()
    for instrument in (gradient_products, step_jacobians):
        with pytest.raises(NotFiniteError, match=words):
            instrument(network, parameters, np.ones((9, 1)))
    with pytest.raises(NotFiniteError, match=words):
        path_contributions(network, parameters, np.ones((9, 1)), np.zeros(1))
