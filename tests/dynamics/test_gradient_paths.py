"""The paths of one gradient, drawn: the uses and outputs of the derivation's sum, along the network's own arrows."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch
from test_diagrams import SHAPES, faults, network_of, way

from rnnsym import Cell, Network, cells
from rnnsym.calculus.paths import paths
from rnnsym.calculus.unrolling import graph_of
from rnnsym.dynamics import figures, gradient_path_figure, path_gallery
from rnnsym.dynamics.gradient_routes import Routes, followed_parameter, routes
from rnnsym.dynamics.style import style
from rnnsym.dynamics.unrolled_parts import Parts
from rnnsym.dynamics.unrolled_scene import Scene, scene_of
from rnnsym.errors import DataError

READOUT = "yhat = sigmoid(h @ W_y)"


def found_routes(network: Network, steps: int, parameter: str) -> tuple[Scene, tuple[Routes, ...]]:
    with style():
        scene = scene_of(Parts(network, steps, None))
    return scene, routes(scene, parameter)


def steps_of(shape: str, steps: int) -> int:
    return 1 if shape == "one-to-one" else steps


@pytest.mark.parametrize("lag", [1, 3])
@pytest.mark.parametrize("layers", [1, 2])
@pytest.mark.parametrize("shape", SHAPES)
def test_outputs_and_uses_are_those_of_the_derivation_s_sum(shape: str, layers: int, lag: int) -> None:
    network = network_of(shape, layers, lag)
    compared = 0
    for steps in range(1, 5):
        terms = paths(graph_of(network), steps_of(shape, steps))
        boxed = {name for row in Parts(network, None, None).rows for name in row.parameters}
        for parameter, summands in ((one, terms[one]) for one in terms if one.name in boxed):
            derived = {(one.output, one.step) for one in summands if one.step is not None}
            _, drawn = found_routes(network, steps_of(shape, steps), parameter.name)
            every = network.shape_of_steps.every
            shown = {(int(loss[1].key) if every else None, one.use) for one in drawn for loss in one.losses}
            assert shown == derived
            compared += len(derived)
    assert compared >= 10 or shape == "one-to-one"


@pytest.mark.parametrize("shape", SHAPES)
def test_each_path_goes_without_a_break_from_its_losses_to_its_boxes(shape: str) -> None:
    network = network_of(shape, 2, 2)
    scene, drawn = found_routes(network, steps_of(shape, 4), followed_parameter(network))
    assert drawn
    for one in drawn:
        ends = [pair for number in one.arrows if (pair := scene.arrows[number].ends)]
        assert {target for _, target in ends} - {source for source, _ in ends} == one.losses
        assert {source for source, _ in ends} - {target for _, target in ends} <= one.boxes


def test_a_skip_connection_adds_the_way_that_it_opens_and_no_step() -> None:
    cell = Cell.from_equations("skip", "h = tanh(x @ W_x + h_prev @ W_h + h_prev[2] @ W_s)")
    scene, drawn = found_routes(Network(cell, READOUT), 4, "W_h")
    kinds = [Counter(scene.arrows[number].kind for number in one.arrows) for one in drawn]
    assert [(found["recurrent"], found["skip"]) for found in kinds] == [(3, 2), (2, 1), (1, 0), (0, 0)]


def test_a_step_that_reaches_no_loss_has_no_path() -> None:
    """With h_{t−2} alone every other step is out of the last one's sight, though the sum has its zero term."""
    cell = Cell.from_equations("leap", "h = tanh(x @ W_x + h_prev[2] @ W_h)")
    _, drawn = found_routes(Network(cell, READOUT), 5, "W_h")
    assert [one.use for one in drawn] == [1, 3, 5]


def lanes(figure: Figure) -> list[FancyArrowPatch]:
    return [patch for patch in figure.axes[0].patches
            if isinstance(patch, FancyArrowPatch) and str(patch.get_label()).startswith("_path")]


@pytest.mark.parametrize("cell", ["one", "lstm"])
@pytest.mark.parametrize("shape", SHAPES)
def test_paths_are_told_apart_and_nothing_overlaps(shape: str, cell: str) -> None:
    network = network_of(shape, 2, 1) if cell == "one" else Network(cells["lstm"], **SHAPES[shape])
    for steps in (1, 3, 4):
        figure = gradient_path_figure(network, steps)
        assert faults(figure) == []
        looks = {(str(one.get_label()), one.get_edgecolor(), str(one.get_linestyle())) for one in lanes(figure)}
        assert len(looks) == len({label for label, _, _ in looks}) == len({str(look) for _, _, look in looks})


def test_a_lane_runs_against_its_arrow_and_beside_the_others() -> None:
    figure = gradient_path_figure(Network(cells["simple"]), 3)
    ends = [way(lane)[[0, 39]] for lane in lanes(figure)]
    level = [pair for pair in ends if abs(pair[0, 1] - pair[1, 1]) < 1]
    upright = [pair for pair in ends if abs(pair[0, 0] - pair[1, 0]) < 1]
    assert len(level) == 3  # path 1 twice, path 2 once
    assert all(pair[1, 0] < pair[0, 0] for pair in level)
    assert len(upright) == 6
    assert all(pair[1, 1] < pair[0, 1] for pair in upright)
    assert len({(round(float(pair[0, 0]), 2), round(float(pair[0, 1]), 2)) for pair in ends}) == len(ends)


def test_the_parameter_is_the_first_recurrent_weight_or_the_one_that_is_asked_for() -> None:
    network = Network(cells["gru"])
    assert followed_parameter(network) == "W_hr"
    assert followed_parameter(network, "W_xz") == "W_xz"
    decay = Network(Cell.from_equations("decay", "h = 0.5 * h_prev + x @ W"), READOUT)
    assert followed_parameter(decay) == "W"
    for name in ("W_y", "W_none", ""):
        with pytest.raises(DataError, match="parameter: expected one that the steps use"):
            gradient_path_figure(network, parameter=name)


def test_a_network_whose_steps_have_no_parameter_is_refused_by_name() -> None:
    still = Network(Cell.from_equations("still", "h = tanh(x + h_prev)"), READOUT)
    assert "this network has none" in figures["gradient-paths"].obstacle(still)
    with pytest.raises(DataError, match="this network has none"):
        figures["gradient-paths"].draw(still, 0)


@pytest.mark.parametrize("steps", [7, 100, 0, -1, 1.5, True, "3"])
def test_steps_that_cannot_be_told_apart_are_refused(steps: Any) -> None:
    with pytest.raises(DataError, match="steps: "):
        gradient_path_figure(Network(cells["simple"]), steps)


def test_an_empty_gallery_is_refused() -> None:
    with pytest.raises(DataError, match="at least one network"):
        path_gallery({})
