"""Bounds under attack: no draw breaks one, designed draws come near, and planted wrong bounds are rejected."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import rnnsym
from rnnsym.calculus.bounds import jacobian_bound
from rnnsym.calculus.norms import (
    SpectralNorm,
    j,
)
from rnnsym.evidence.bound_checks import attack
from rnnsym.evidence.bound_trials import judge
from rnnsym.evidence.norm_points import Given, NormPoint, largest_singular_value, spectral_norm
from rnnsym.evidence.number_checks import steepest_secant
from rnnsym.model.activations import activations
from rnnsym.model.expressions import Expression, T
from rnnsym.writing.bound_notation import between
from rnnsym.writing.derivation import Derivation

Array = Any
FUNCTIONS = sorted(name for name, entry in activations.items()
                   if entry.slope_bound and not entry.straight_through and entry.lower is None)
NEAR = 0.99
FARTHEST = {"skip_rnn": 0.6}  # its bound adds up alternatives of which only one is taken at a time


@cache
def network_of(cell: str) -> rnnsym.Network:
    return rnnsym.Network(rnnsym.cells[cell])


@cache
def simple(function: str) -> rnnsym.Network:
    cell = rnnsym.Cell.from_equations("drawn", f"o = {function}(x @ W_i + o_prev @ W_h + b)")
    return rnnsym.Network(cell, "yhat = sigmoid(o @ W_o)")


@cache
def checked(cell: str) -> Derivation:
    return rnnsym.derive_bounds(network_of(cell))


@pytest.mark.parametrize("cell", sorted(rnnsym.cells))
def test_every_line_of_every_cell_is_checked(cell: str) -> None:
    document = checked(cell)
    assert document.checked
    for step in document.steps:
        assert len(step.checks) == 2 or step.rule in ("chain rule", "local derivative", "direct path",
                                                      "counterexample", "largest slope")


@pytest.mark.parametrize("cell", sorted(rnnsym.cells))
def test_the_bound_is_nearly_attained_and_never_exceeded(cell: str) -> None:
    found = [attack(network_of(cell), seed=seed) for seed in range(3)]
    assert all(one.broken == 0 for one in found)
    assert max(one.nearest for one in found) >= FARTHEST.get(cell, NEAR)


POOL = st.lists(st.floats(-3, 3, allow_subnormal=False), min_size=64, max_size=64)


def point_of(network: rnnsym.Network, pool: list[float], units: int, steps: int, scale: float) -> NormPoint:
    """The network with ``units`` units at numbers from the pool."""
    bound = jacobian_bound(network)
    sizes = dict(network.size_values(**{symbol.name: units for symbol in network.sizes}))
    numbers = np.resize(np.array(pool), 400)
    used = 0

    def taken(expression: Any, factor: float = 1.0) -> Array:
        nonlocal used
        shape = tuple(int(length.subs(sizes)) for length in expression.shape)
        count = int(np.prod(shape, dtype=int))
        used += count
        return factor * numbers[used - count : used].reshape(shape)

    parameters = {p: taken(p, scale) for p in network.parameters}
    inputs = tuple(taken(network.input) for _ in range(steps))
    starts: dict[Expression, Any] = {state: np.clip(taken(state), -1, 1) for state in bound.loop.states}
    return NormPoint(bound, Given(sizes, parameters, inputs, starts))


def gamma_of(function: str) -> float:
    bound = activations[function].slope_bound
    assert bound is not None
    return float(bound)


@pytest.mark.parametrize("function", FUNCTIONS)
@given(POOL, st.integers(1, 4), st.integers(1, 7), st.sampled_from([0.01, 0.3, 1.0, 3.0]))
def test_no_draw_breaks_the_bound(function: str, pool: list[float], units: int, steps: int, scale: float) -> None:
    network = simple(function)
    point = point_of(network, pool, units, steps, scale)
    left = SpectralNorm(between(point.bound, T, j))
    for earlier in range(steps):
        here = {T: steps, j: earlier}
        gamma = gamma_of(function)
        recurrent = point.given.parameters[next(p for p in network.parameters if p.name == "W_h")]
        printed = float(point.value(point.bound.over(T, j), here))
        by_hand = (gamma * np.linalg.norm(recurrent, 2)) ** (steps - earlier)
        assert printed == pytest.approx(by_hand, rel=1e-9, abs=1e-290)
        assert judge([(float(point.value(left, here)), printed)]).broken == 0


@pytest.mark.parametrize("cell", ["lstm", "gru", "mgu", "lstm_peephole", "antisymmetric_rnn", "skip_connection"])
@given(POOL, st.integers(1, 3), st.integers(1, 5), st.sampled_from([0.1, 1.0, 3.0]))
def test_no_draw_breaks_the_bound_of_a_gated_cell(
    cell: str, pool: list[float], units: int, steps: int, scale: float
) -> None:
    point = point_of(network_of(cell), pool, units, steps, scale)
    bound = point.bound
    left, right = SpectralNorm(between(bound, T, j)), bound.over(T, j) if bound.alone else bound.tighter(T, j)
    here = {T: steps, j: 0}
    assert judge([(float(point.value(left, here)), float(point.value(right, here)))]).broken == 0


def rotation(angle: float) -> Array:
    return np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])


ATTAINED = {
    "tanh": (rotation(0.7), np.zeros(2)),
    "relu": (np.eye(2), np.ones(2)),
    "leaky_relu": (np.eye(2), np.ones(2)),
    "sin": (rotation(0.7), np.zeros(2)),
    "sigmoid": (1.5 * np.eye(2), np.full(2, -0.75)),  # a = 0 where o = 1/2: slope 1/4 at every step
}


@pytest.mark.parametrize("function", ATTAINED)
@pytest.mark.parametrize("steps", [1, 5, 20])
def test_the_bound_is_attained(function: str, steps: int) -> None:
    network = simple(function)
    bound = jacobian_bound(network)
    recurrent, bias = ATTAINED[function]
    sizes = dict(network.size_values(d=1, n=2, k=1))
    values = {"W_i": np.zeros((1, 2)), "W_h": recurrent, "b": bias, "W_o": np.zeros((2, 1))}
    start = np.full(2, 0.5 if function == "sigmoid" else 0.0)
    parameters = {p: values[p.name] for p in network.parameters}
    point = NormPoint(bound, Given(sizes, parameters, (np.zeros(1),) * steps, {bound.loop.states[0]: start}))
    here = {T: steps, j: 0}
    left, right = (float(point.value(one, here)) for one in (SpectralNorm(between(bound, T, j)), bound.over(T, j)))
    assert left == pytest.approx(right, rel=1e-12)
    assert left > 0


def test_jacobians_are_those_of_differences() -> None:
    """What the bound is compared with: by differences of the recurrence, written out by hand."""
    random = np.random.default_rng(3)
    point = point_of(simple("tanh"), list(random.normal(size=64)), 3, 4, 0.5)
    values = {p.name: point.given.parameters[p] for p in point.bound.network.parameters}

    def last(start: Array) -> Array:
        for x in point.given.inputs:
            start = np.tanh(x @ values["W_i"] + start @ values["W_h"] + values["b"])
        return start

    start = next(iter(point.given.starts.values()))
    columns = [(last(start + 1e-6 * way) - last(start - 1e-6 * way)) / 2e-6 for way in np.eye(3)]
    measured = np.linalg.norm(np.array(columns).T, 2)
    norm = SpectralNorm(between(point.bound, T, j))
    assert float(point.value(norm, {T: 4, j: 0})) == pytest.approx(measured, rel=1e-7)


def test_norms_by_two_ways() -> None:
    for seed in range(20):
        matrix = np.random.default_rng(seed).normal(size=(3, 4)) * 10.0 ** (20 * (seed % 5 - 2) * 5)
        assert largest_singular_value(matrix) == pytest.approx(spectral_norm(matrix), rel=1e-12)
    assert largest_singular_value(np.zeros((2, 2))) == spectral_norm(np.zeros((2, 2))) == 0


@pytest.mark.parametrize("function", FUNCTIONS)
def test_no_secant_is_steeper_than_the_largest_slope(function: str) -> None:
    gamma = gamma_of(function)
    assert 0.999 * gamma <= steepest_secant(function) <= gamma * (1 + 1e-9)
