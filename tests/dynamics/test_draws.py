"""Draws and spectral radii at the ends of the floats: scaled exactly, or refused by name."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import rnnsym
from rnnsym.dynamics.draws import draw_inputs, draw_parameters, spectral_radius, with_spectral_radius
from rnnsym.errors import DataError, NotFiniteError

NETWORK = rnnsym.Network(rnnsym.cells["simple"])
SIZES = {"d": 3, "n": 4, "k": 2}
ROUNDING = 1e-12  # of a radius: a hundred operations on a matrix of four units


def weights(power: int) -> dict[str, Any]:
    drawn = draw_parameters(NETWORK, SIZES, 0)
    return drawn | {"W_h": np.ldexp(drawn["W_h"], power)}


@given(st.integers(-960, 1010), st.integers(-960, 1010))
def test_a_weight_of_any_size_gets_any_radius(size: int, radius: int) -> None:
    """Powers of two change nothing but the exponents."""
    found = with_spectral_radius(NETWORK, weights(size), math.ldexp(0.75, radius))["W_h"]
    expected = with_spectral_radius(NETWORK, weights(0), 0.75)["W_h"]
    assert np.allclose(np.ldexp(found, -radius), expected, rtol=1e-9, atol=ROUNDING)
    assert math.isclose(spectral_radius(found), math.ldexp(0.75, radius), rel_tol=1e-9)
    assert math.isclose(spectral_radius(weights(size)["W_h"]), math.ldexp(spectral_radius(weights(0)["W_h"]), size),
                        rel_tol=1e-9)


def test_radii_at_the_ends_of_the_floats() -> None:
    full = weights(0) | {"W_h": np.full((4, 4), 1e308)}
    assert np.allclose(with_spectral_radius(NETWORK, full, 1.0)["W_h"], 0.25, rtol=ROUNDING)
    with pytest.raises(NotFiniteError, match="above the largest float"):
        spectral_radius(full["W_h"])
    shift = np.roll(np.eye(4), 1, axis=0)
    shift[0, 1] = 2.0  # the radius stays near 1, an entry is above it
    for radius, words in ((1.7e308, "above the largest"), (5e-324, "")):
        large = weights(0) | {"W_h": shift if words else 1e3 * np.ones((4, 4))}
        with pytest.raises(DataError, match=words or "below the smallest"):
            with_spectral_radius(NETWORK, large, radius)
    assert not with_spectral_radius(NETWORK, full, 0.0)["W_h"].any()


def test_what_is_drawn_is_finite_or_refused() -> None:
    draws: list[Callable[[float], Any]] = [
        lambda scale: draw_inputs(NETWORK, SIZES, 0, steps=50, scale=scale)[0],
        lambda scale: draw_parameters(NETWORK, SIZES | {"n": 20}, 0, scale=scale)["W_i"],
    ]
    for draw in draws:
        assert np.allclose(draw(1e300) / 1e300, draw(1.0), rtol=1e-14)
        with pytest.raises(DataError, match=r"scale: at .* take a smaller scale"):
            draw(1.7e308)


def test_steps_may_be_a_whole_number_of_numpy() -> None:
    for one, other in zip(draw_inputs(NETWORK, SIZES, 0, steps=np.int64(3)),  # type: ignore[arg-type]
                          draw_inputs(NETWORK, SIZES, 0, steps=3), strict=True):
        assert np.array_equal(one, other)
    assert draw_inputs(NETWORK, SIZES, 2**100, steps=2)[0].shape == (2, 3)  # a seed may have any size


BAD: list[tuple[dict[str, Any], str]] = [
    *(({"steps": one}, "steps") for one in (0, 1.5, "a", None, True, 10**400)),
    *(({"seed": one}, "seed") for one in (-1, 1.5, "a", None, True)),
    *(({"scale": one}, "scale") for one in (-1.0, math.nan, math.inf, "a", None, True, [1.0], 10**400)),
]


def test_bad_arguments_are_refused_by_name() -> None:
    refused = 0
    for changes, name in BAD:
        with pytest.raises(DataError, match=name):
            draw_inputs(NETWORK, SIZES, **({"seed": 0, "steps": 3} | changes))
        refused += 1
    for radius in (-1.0, math.nan, "a", None, True, [1.0]):
        with pytest.raises(DataError, match="radius"):
            with_spectral_radius(NETWORK, weights(0), radius)  # type: ignore[arg-type]
        refused += 1
    assert refused == len(BAD) + 6 == 25
