"""Rules and schedules of descent against their laws and against closed forms on a quadratic."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rnnsym.dynamics.optimisers import Adam, GradientDescent, Memory, Momentum, Optimiser
from rnnsym.dynamics.schedules import Constant, Cosine, Exponential, Schedule, Steps, WarmUp, laws
from rnnsym.errors import DataError, NotFiniteError

ROUNDING = 1e-12
rules: dict[str, Optimiser] = {"descent": GradientDescent(), "momentum": Momentum(0.7), "adam": Adam()}
by_rule = pytest.mark.parametrize("name", rules)
seeds = st.integers(0, 2**20)


def path(rule: Optimiser, gradients: Any, rate: float = 0.1) -> list[Any]:
    weights, memory, found = {"w": np.zeros(3)}, Memory(), []
    for g in gradients:
        weights, memory = rule.update(weights, {"w": g}, rate, memory)
        found.append(weights["w"])
    return found


@given(seeds, st.floats(0, 0.99), st.floats(0.001, 1))
def test_momentum_is_the_sum_of_all_gradients_discounted(seed: int, decay: float, rate: float) -> None:
    gradients = np.random.default_rng(seed).normal(size=(6, 3))
    velocities = [sum(decay ** (k - i) * gradients[i] for i in range(k + 1)) for k in range(6)]
    expected = -rate * np.cumsum(velocities, axis=0)
    assert np.allclose(path(Momentum(decay), gradients, rate), expected, rtol=ROUNDING, atol=ROUNDING)


@given(seeds, st.floats(0.001, 1))
def test_momentum_without_memory_is_descent(seed: int, rate: float) -> None:
    gradients = np.random.default_rng(seed).normal(size=(6, 3))
    assert np.array_equal(path(Momentum(0.0), gradients, rate), path(GradientDescent(), gradients, rate))


@given(seeds, st.floats(0.001, 1))
def test_adam_is_its_sums_written_out(seed: int, rate: float) -> None:
    gradients, rule = np.random.default_rng(seed).normal(size=(6, 3)), Adam(0.8, 0.95, 1e-3)
    weight, found = np.zeros(3), path(rule, gradients, rate)
    for k in range(1, 7):
        shares = [np.array([(1 - beta) * beta ** (k - i) for i in range(1, k + 1)]) for beta in (0.8, 0.95)]
        m, v = shares[0] @ gradients[:k] / shares[0].sum(), shares[1] @ gradients[:k] ** 2 / shares[1].sum()
        weight = weight - rate * m / (np.sqrt(v) + 1e-3)
        assert np.allclose(found[k - 1], weight, rtol=ROUNDING, atol=ROUNDING)


@given(st.floats(-6, 6).map(lambda power: 10.0**power), st.floats(0.001, 1))
def test_the_first_step_of_adam_does_not_see_the_size_of_the_gradient(size: float, rate: float) -> None:
    (found,) = path(Adam(epsilon=1e-140), [np.array([size, -size, 3 * size])], rate)
    assert np.allclose(found, [-rate, rate, -rate], rtol=ROUNDING)


@given(st.floats(0.05, 4.0), st.floats(0.01, 1.0))
def test_descent_on_a_quadratic_converges_below_two_over_the_curvature_and_diverges_above(
    curvature: float, share: float
) -> None:
    """For L = ½ a w², w_m = (1 − η a)^m w_0."""
    for factor in (share, 2 + share):
        rate, weights, memory = factor / curvature, {"w": np.array([1.0])}, Memory()
        for _ in range(30):
            weights, memory = GradientDescent().update(weights, {"w": curvature * weights["w"]}, rate, memory)
        assert math.isclose(float(weights["w"][0]), (1 - factor) ** 30, rel_tol=1e-6, abs_tol=1e-9)
        assert (abs(weights["w"][0]) < 1) == (factor < 2)


@by_rule
@given(seed=seeds)
def test_nothing_is_changed_or_shared_and_a_memory_can_be_taken_up_again(name: str, seed: int) -> None:
    rule, gradients = rules[name], np.random.default_rng(seed).normal(size=(4, 3))
    weights, memory = rule.update({"w": np.ones(3)}, {"w": gradients[0]}, 0.1, Memory())
    again = [rule.update(weights, {"w": gradients[1]}, 0.1, memory) for _ in range(2)]
    assert np.array_equal(again[0][0]["w"], again[1][0]["w"])
    assert again[0][1].updates == 2
    assert not np.shares_memory(again[0][0]["w"], weights["w"])


@by_rule
def test_parameters_and_gradients_must_fit(name: str) -> None:
    rule, refused = rules[name], 0
    good: dict[str, Any] = {"w": np.ones(2)}
    cases: list[tuple[Any, Any, float]] = [
        (good, {}, 0.1), (good, {"w": np.ones(2), "v": np.ones(2)}, 0.1), (good, {"w": np.ones(3)}, 0.1),
        (good, {"w": np.array([1.0, np.nan])}, 0.1), (good, good, -0.1), (good, good, float("inf")),
    ]
    for parameters, gradients, rate in cases:
        with pytest.raises(DataError):
            rule.update(parameters, gradients, rate, Memory())
        refused += 1
    assert refused == 6


def test_a_memory_of_another_rule_is_refused() -> None:
    _, memory = Momentum().update({"w": np.ones(1)}, {"w": np.ones(1)}, 0.1, Memory())
    with pytest.raises(DataError, match="it holds no mean of w"):
        Adam().update({"w": np.ones(1)}, {"w": np.ones(1)}, 0.1, memory)


def test_a_memory_that_no_run_can_have_is_refused_by_name() -> None:
    ones, refused = {"w": np.ones(2)}, 0
    for bad in (np.ones(3), np.ones((2, 2)), 1.0, [np.nan, 1.0], [np.inf, 1.0], ["a", "b"], None):
        for rule, kinds in ((Momentum(), ("velocity",)), (Adam(), ("mean", "square"))):
            for kind in kinds:
                averages = {each: {"w": np.ones(2)} for each in kinds} | {kind: {"w": bad}}
                with pytest.raises(DataError, match=f"memory: the {kind} of w"):
                    rule.update(ones, ones, 0.1, Memory(3, averages))  # type: ignore[arg-type]
                refused += 1
    with pytest.raises(DataError, match="memory: the square of w has the entry -1"):
        Adam().update(ones, ones, 0.1, Memory(3, {"mean": ones, "square": {"w": np.array([1.0, -1.0])}}))
    for every in rules.values():
        with pytest.raises(DataError, match="memory: expected a Memory"):
            every.update(ones, ones, 0.1, None)  # type: ignore[arg-type]
        refused += 1
    for updates_, averages_ in ((-1, {}), (1.5, {}), ("x", {}), (1, None), (1, {"velocity": 5})):
        with pytest.raises(DataError, match="memory"):
            Memory(updates_, averages_)  # type: ignore[arg-type]
        refused += 1
    assert refused == 7 * 3 + 3 + 5


@by_rule
def test_an_update_that_overflows_is_refused_by_name(name: str) -> None:
    largest = np.array([1.7e308])
    for weight, g, rate in ((-largest, largest, 1.7e308), (np.zeros(1), largest, 1e308), (-largest, largest, 1.0)):
        with pytest.raises(NotFiniteError, match=r"parameter w: .* above the largest float"):
            rules[name].update({"w": weight}, {"w": g}, rate, Memory())


def test_a_velocity_that_overflows_is_refused() -> None:
    memory = Memory(1, {"velocity": {"w": np.array([1.7e308])}})
    with pytest.raises(NotFiniteError, match="parameter w: its velocity"):
        Momentum(0.9).update({"w": np.zeros(1)}, {"w": np.array([1.7e308])}, 0.0, memory)


@given(st.floats(-150, 150).map(lambda power: 10.0**power))
def test_adam_takes_no_step_of_zero_for_a_gradient_that_is_none(size: float) -> None:
    """What it cannot square it refuses; the step of any other gradient is η g / (|g| + ε)."""
    (found,) = path(Adam(), [np.array([size, -size, 2 * size])])
    assert np.allclose(found, [-0.1 * size / (size + 1e-8), 0.1 * size / (size + 1e-8),
                               -0.2 * size / (2 * size + 1e-8)], rtol=1e-9)
    with pytest.raises(NotFiniteError, match="the square of its gradient"):
        path(Adam(), [np.array([1e200, 0.0, 0.0])])


updates = st.integers(0, 500)


@given(updates, st.integers(1, 50), st.floats(0.01, 1.0))
def test_steps_and_exponential_agree_where_a_step_ends(m: int, every: int, factor: float) -> None:
    staircase, smooth = Steps(1.0, factor, every), Exponential(1.0, factor ** (1 / every))
    assert math.isclose(staircase.rate(m * every), smooth.rate(m * every), rel_tol=1e-6, abs_tol=1e-300)
    assert smooth.rate(m) <= staircase.rate(m) * (1 + ROUNDING)


@given(updates, st.integers(1, 300), st.floats(0, 0.5))
def test_cosine_falls_from_start_to_end_and_stays_there(m: int, total: int, end: float) -> None:
    schedule = Cosine(0.5, total, end)
    assert schedule.rate(0) == 0.5
    assert schedule.rate(total + m) == end
    assert schedule.rate(m + 1) <= schedule.rate(m)
    expected = end + 0.5 * (0.5 - end) * (1 + math.cos(math.pi * min(m, total) / total))
    assert math.isclose(schedule.rate(m), expected, rel_tol=1e-9, abs_tol=1e-12)


@given(updates, st.integers(1, 100))
def test_warm_up_rises_in_a_line_to_where_the_schedule_begins(m: int, first: int) -> None:
    after = Exponential(0.3, 0.99)
    schedule = WarmUp(first, after)
    assert schedule.rate(first + m) == after.rate(m)
    rises = np.diff([schedule.rate(i) for i in range(first + 1)])
    assert np.allclose(rises, 0.3 / (first + 1), rtol=1e-9)


BAD: list[Callable[[], object]] = [
    lambda: Constant(0.0), lambda: Steps(0.1, 0.5, 0), lambda: Steps(0.1, -0.5, 3), lambda: Exponential(0.1, 0.0),
    lambda: Cosine(0.1, 0), lambda: Cosine(0.1, 10, 0.2), lambda: WarmUp(0, Constant(1.0)), lambda: Momentum(1.0),
    lambda: Adam(first=-0.1), lambda: Adam(epsilon=0.0),
    *(lambda one=one: one.rate(-1) for one in (Constant(1.0), Steps(1.0, 1.0, 1), Exponential(1.0, 1.0), Cosine(1.0, 1),
                                               WarmUp(1, Constant(1.0)))),
]


def test_bad_settings_are_refused() -> None:
    refused = 0
    for make in BAD:
        with pytest.raises(DataError):
            make()
        refused += 1
    assert refused == len(BAD) == 15


WRONG_KINDS: list[Callable[[], object]] = [
    *(lambda one=one: Constant(one) for one in (True, "a", None, [0.1], math.nan, 10**400, 1j)),
    *(lambda one=one: Cosine(1.0, 10, end=one) for one in ("a", None, [0.5], True, math.nan, -0.1, 1.1)),
    *(lambda one=one: WarmUp(3, one) for one in (0.1, None, "cosine", Constant)),
    *(lambda one=one, law=law: law(0.1, one) for law in laws.values() for one in ("a", None, 1.5, -1, True)),
    *(lambda law=law: law(True, 10) for law in laws.values()),
    lambda: Steps(0.1, True, 3), lambda: Steps(0.1, 0.5, True), lambda: Exponential(0.1, True),
    lambda: Constant(1.0).rate(True),
]


def test_settings_of_other_kinds_are_refused() -> None:
    refused = 0
    for make in WRONG_KINDS:
        with pytest.raises(DataError):
            make()
        refused += 1
    assert refused == len(WRONG_KINDS) == 7 + 7 + 4 + 5 * len(laws) + len(laws) + 4


@pytest.mark.parametrize(("schedule", "update"), [
    (Exponential(1.0, 10.0), 10_000), (Steps(1.0, 10.0, 1), 10_000), (Exponential(1e300, 10.0), 20),
    (Steps(1.0, 10, 1), 2**62), (Exponential(np.float64(1.0), np.float64(10.0)), 10_000),
])
def test_a_rate_that_overflows_is_refused(schedule: Schedule, update: int) -> None:
    with pytest.raises(NotFiniteError, match="above the largest float: take a factor of at most 1"):
        schedule.rate(update)


def test_a_rate_is_not_lost_where_its_power_alone_is_no_float() -> None:
    assert math.isclose(Exponential(1e-300, 10.0).rate(400), 1e100, rel_tol=1e-9)
    assert math.isclose(Exponential(1e300, 0.1).rate(400), 1e-100, rel_tol=1e-9)
    assert Exponential(1.0, 0.5).rate(10_000) == 0.0
    assert math.isclose(WarmUp(9, Constant(1.7e308)).rate(8), 0.9 * 1.7e308, rel_tol=ROUNDING)


def test_schedules_serve_as_one_kind() -> None:
    every: list[Schedule] = [Constant(1.0), Steps(1.0, 0.5, 2), Exponential(1.0, 0.9), Cosine(1.0, 5),
                             WarmUp(2, Cosine(1.0, 5))]
    assert [round(one.rate(2), 3) for one in every] == [1.0, 0.5, 0.81, 0.655, 1.0]
