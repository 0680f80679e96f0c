"""The wall of Pascanu, Mikolov, Bengio 2013, figure 6: its gradient against two witnesses, and what clipping does."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import rnnsym
from rnnsym.dynamics.clipping import global_norm
from rnnsym.dynamics.wall_plot import BIASES, FOOT, RATE, THRESHOLD, UPDATES, WEIGHTS, wall_figure
from rnnsym.dynamics.walls import Wall
from rnnsym.errors import DataError

AGREEMENT = 1e-9  # relative: fifty steps of rounding, amplified by slopes of up to 1e4 on the wall
UNIT = """
    h: scalar = 0.5
    w: scalar
    b: scalar
    v: scalar
    h = w * sigmoid(h_prev) + b + v * sum(x)
"""


def by_the_derivation(weight: float, bias: float, steps: int = 50) -> tuple[float, float, float]:
    """The same error as a network: half a squared error of σ(h_T), so that twice of all is compared."""
    cell, readout = rnnsym.Cell.from_equations("wall", UNIT), "r: (1,)\nyhat = sigmoid(h * r)"
    network = rnnsym.Network(cell, readout, "squared_error")
    parameters = {"w": weight, "b": bias, "v": 0.0, "r": [1.0]}
    loss, found = rnnsym.compile(network).value_and_grad(parameters, np.zeros((steps, 1)), [0.7])
    return 2 * loss, 2 * float(found["w"]), 2 * float(found["b"])


@pytest.mark.parametrize(("weight", "bias"), [(4.5, -1.95), (4.305, -2.185), (5.2, -2.5), (-3.0, 1.0), (0.5, 0.2)])
def test_error_and_gradient_are_those_of_the_derived_network(weight: float, bias: float) -> None:
    found, expected = Wall().error_and_gradient(weight, bias), by_the_derivation(weight, bias)
    assert all(np.isclose(one, other, rtol=AGREEMENT, atol=1e-13) for one, other in zip(found, expected, strict=True))
    assert abs(expected[1]) > 1e-6


@given(st.floats(-6, 6), st.floats(-3, 3), st.integers(1, 8))
def test_the_gradient_is_the_slope_of_the_error(weight: float, bias: float, steps: int) -> None:
    wall, h = Wall(steps), 1e-5
    _, by_w, by_b = wall.error_and_gradient(weight, bias)
    for slope, way in ((by_w, (h, 0.0)), (by_b, (0.0, h))):
        difference = (wall.error(weight + way[0], bias + way[1]) - wall.error(weight - way[0], bias - way[1])) / (2 * h)
        assert np.isclose(slope, difference, rtol=1e-4, atol=1e-6 * (1 + abs(slope)) * 3**steps)


def test_a_grid_is_one_point_after_another() -> None:
    w, b = np.meshgrid([4.0, 4.3], [-2.0, -2.2, -2.4])
    together = Wall().error_and_gradient(w, b)
    for place in np.ndindex(w.shape):
        alone = Wall().error_and_gradient(w[place], b[place])
        assert [one[place] for one in together] == list(alone)


def test_at_its_foot_descent_is_thrown_far_away_and_clipped_descent_is_not() -> None:
    wall = Wall()
    plain, clipped = wall.descend(*FOOT, RATE, UPDATES), wall.descend(*FOOT, RATE, UPDATES, THRESHOLD)
    steps = np.linalg.norm(np.diff(plain, axis=0), axis=1)
    assert steps.max() > 100 * np.median(steps[: int(steps.argmax())])
    assert np.linalg.norm(np.diff(clipped, axis=0), axis=1).max() <= RATE * THRESHOLD * (1 + 1e-12)
    inside = [(low <= one).all() and (one <= high).all()
              for one, (low, high) in zip(clipped.T, (WEIGHTS, BIASES), strict=True)]
    assert all(inside)
    assert wall.error(*clipped[-1]) < 0.1 * wall.error(*FOOT)
    assert wall.error(*plain[-1]) > 2 * wall.error(*FOOT)


def test_the_steepest_point_is_on_the_wall() -> None:
    wall = Wall()
    place = wall.steepest((WEIGHTS[0], BIASES[0]), (WEIGHTS[1], BIASES[1]))
    assert global_norm(wall.error_and_gradient(*place)[1:]) > 50
    far: Any = wall.error_and_gradient(*FOOT)[1:]
    assert global_norm(far) < 0.5


def test_bad_arguments_are_refused() -> None:
    refused = 0
    for call in (lambda: Wall(0), lambda: Wall().error(np.nan, 0.0), lambda: Wall().descend(1.0, 0.0, 0.1, -1),
                 lambda: Wall().descend(1.0, 0.0, 0.1, 3, threshold=0.0)):
        with pytest.raises(DataError):
            call()
        refused += 1
    assert refused == 4


def test_the_figure_shows_both_ways_on_both_panels() -> None:
    figure = wall_figure()
    surface, plane = figure.axes[:2]
    assert {line.get_color() for line in plane.get_lines()} >= {"#D55E00", "#0072B2"}
    assert surface.get_title() == r"$E = (\sigma(x_{50}) - 0.7)^2$"
