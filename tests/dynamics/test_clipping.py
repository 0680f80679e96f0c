"""Laws of clipping: the direction is kept, the threshold is never exceeded, twice is once; and published examples."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from rnnsym.dynamics.clipping import clip_by_norm, clip_by_value, clip_each_by_norm, global_norm
from rnnsym.errors import DataError, NotFiniteError

DIRECTION = 1e-12  # of a cosine: rounding of a few products and sums
numbers = st.floats(-1e150, 1e150, allow_subnormal=False)
arrays = hnp.arrays(np.float64, hnp.array_shapes(max_dims=2, max_side=4), elements=numbers)
gradients = st.dictionaries(st.sampled_from(["W_h", "W_i", "b"]), arrays, min_size=1)
thresholds = st.floats(1e-6, 1e6)
epsilons = st.sampled_from([0.0, 1e-6, 0.1])


def flat(found: dict[str, Any]) -> Any:
    return np.concatenate([np.ravel(one) for one in found.values()])


@given(gradients, thresholds, epsilons)
def test_the_norm_is_never_above_the_threshold_and_the_direction_stays(
    given_: dict[str, Any], threshold: float, epsilon: float
) -> None:
    clipped, norm = clip_by_norm(given_, threshold, epsilon), global_norm(given_)
    assert global_norm(clipped) <= threshold
    assert list(clipped) == list(given_)
    if norm + epsilon <= threshold:
        assert all(np.array_equal(clipped[name], one) for name, one in given_.items())
    else:
        scale = threshold / (norm + epsilon)
        assert np.allclose(flat(clipped), flat(given_) * scale, rtol=DIRECTION, atol=1e-300)


@given(gradients, thresholds)
def test_clipping_twice_is_clipping_once(given_: dict[str, Any], threshold: float) -> None:
    for clip in (clip_by_norm, clip_each_by_norm, clip_by_value):
        once = clip(given_, threshold)
        twice = clip(once, threshold)
        assert all(np.array_equal(twice[name], once[name]) for name in given_)


@given(gradients, thresholds)
def test_values_are_clipped_one_by_one(given_: dict[str, Any], threshold: float) -> None:
    clipped = clip_by_value(given_, threshold)
    for name, one in given_.items():
        inside = np.abs(one) <= threshold
        assert np.array_equal(clipped[name][inside], one[inside])
        assert np.array_equal(clipped[name][~inside], np.sign(one[~inside]) * threshold)


@given(gradients, thresholds)
def test_each_by_its_own_norm_is_the_norm_of_one_array(given_: dict[str, Any], threshold: float) -> None:
    clipped = clip_each_by_norm(given_, threshold)
    assert all(np.array_equal(clipped[name], clip_by_norm(one, threshold)) for name, one in given_.items())


@given(gradients)
def test_the_norm_is_that_of_all_entries(given_: dict[str, Any]) -> None:
    assert math.isclose(global_norm(given_), math.hypot(*flat(given_)), rel_tol=DIRECTION)


@given(gradients, thresholds)
def test_nothing_is_shared_and_nothing_is_changed(given_: dict[str, Any], threshold: float) -> None:
    before = {name: one.copy() for name, one in given_.items()}
    for clip in (clip_by_norm, clip_each_by_norm, clip_by_value):
        clipped = clip(given_, threshold)
        assert all(np.array_equal(one, before[name]) for name, one in given_.items())
        assert not any(np.shares_memory(clipped[name], one) for name, one in given_.items())


def test_published_examples() -> None:
    assert np.allclose(clip_by_norm([3.0, 4.0], 1.0), [0.6, 0.8], rtol=0, atol=1e-15)
    assert np.array_equal(clip_by_value([30.0, 4.0], 5.0), [5.0, 4.0])
    assert np.allclose(clip_by_norm([3.0, 4.0], 1.0, 1e-6), np.array([3.0, 4.0]) / 5.000001, rtol=1e-15)


@given(arrays, thresholds)
def test_clipping_by_norm_keeps_the_direction(one: Any, threshold: float) -> None:
    assume(global_norm(one) > 0)
    clipped = clip_by_norm(one, threshold)
    left, right = (np.ravel(each) / np.abs(each).max() for each in (clipped, one))
    assert left @ right / np.linalg.norm(left) / np.linalg.norm(right) == pytest.approx(1.0, abs=DIRECTION)


def test_the_direction_turns_where_values_are_clipped() -> None:
    clipped, one = clip_by_value([30.0, 4.0], 5.0), np.array([30.0, 4.0])
    assert clipped @ one / np.linalg.norm(clipped) / np.linalg.norm(one) < 0.86


def test_huge_and_tiny_entries_neither_over_nor_underflow() -> None:
    assert global_norm([3e200, 4e200]) == pytest.approx(5e200, rel=1e-15)
    assert global_norm([3e-200, 4e-200]) == pytest.approx(5e-200, rel=1e-15)
    assert np.allclose(clip_by_norm([3e200, 4e200], 1.0), [0.6, 0.8], rtol=1e-15)
    assert global_norm({}) == 0.0
    with pytest.raises(NotFiniteError, match="above the largest float"):
        global_norm([1.7e308, 1.7e308])


@pytest.mark.parametrize(("one", "threshold", "epsilon", "expected"), [
    ([1e308, 5e307], 1e-20, 0.0, [8.94427190999916e-21, 4.47213595499958e-21]),
    ([1e300, 5e299], 1e-22, 0.0, [8.94427190999916e-23, 4.47213595499958e-23]),
    ([1.7e308], 1.0, 1.7e308, [0.5]),
    ([1.7e308, 1.7e308], 1.0, 0.0, [math.sqrt(0.5)] * 2),
    ([1.7e308, 1.7e308], 1.7e308, 0.0, [1.7e308 * math.sqrt(0.5)] * 2),
    ([3e-310, 4e-310], 1e-310, 0.0, [0.6e-310, 0.8e-310]),
    ([3e-310, 4e-310], 1e-310, 1.7e308, [0.0, 0.0]),
    ([5e-324], 1.7e308, 0.0, [5e-324]),
    ([1e308, 1e-20], 1e300, 0.0, [1e300, 1e-28]),
])
def test_any_threshold_is_reached_from_any_gradient(
    one: list[float], threshold: float, epsilon: float, expected: list[float]
) -> None:
    clipped = clip_by_norm(one, threshold, epsilon)
    assert np.allclose(clipped, expected, rtol=DIRECTION, atol=5e-324)
    assert global_norm(clipped) <= threshold


@given(st.lists(st.floats(-1e-320, 1e-320), min_size=1, max_size=30), st.floats(5e-324, 1e-321))
def test_clipping_ends_among_the_smallest_floats(one: list[float], threshold: float) -> None:
    """There nothing between two units of 5e-324 can be had: an entry is cut to the unit below."""
    clipped = clip_by_norm(one, threshold)
    assert global_norm(clipped) <= threshold
    exact = np.ldexp(one, 1000) * min(1.0, threshold / max(global_norm(one), 5e-324))
    assert (np.abs(np.ldexp(clipped, 1000) - exact) <= 2 * 2.0**-74).all()


def test_nine_units_are_clipped_to_two() -> None:
    assert global_norm(clip_by_norm(np.full(9, 5e-324), 1e-323)) <= 1e-323


BAD: list[tuple[Callable[..., Any], tuple[Any, ...], str]] = [
    (clip_by_norm, ([1.0], 0.0), "threshold"),
    (clip_by_norm, ([1.0], float("nan")), "threshold"),
    (clip_by_norm, ([1.0], 1.0, -1e-9), "epsilon"),
    (clip_by_norm, ({"W": [float("inf")]}, 1.0), "gradient of W"),
    (clip_by_value, ([float("nan")], 1.0), "gradient"),
    (clip_by_value, ([1.0], -1.0), "threshold"),
    (clip_each_by_norm, ({"W": ["a"]}, 1.0), "gradient of W"),
    (clip_by_norm, ([1.0], True), "threshold"),
    (clip_by_value, ([1.0], True), "threshold"),
    (clip_by_norm, ([1.0], 1.0, np.array(True)), "epsilon"),
]


def test_bad_arguments_are_refused_by_name() -> None:
    refused = 0
    for function, arguments, words in BAD:
        with pytest.raises(DataError, match=words):
            function(*arguments)
        refused += 1
    assert refused == len(BAD) == 10
