"""Unrolled diagrams: every network's boxes and arrows are all there, nothing overlaps, nothing is cut off."""

from __future__ import annotations

import itertools
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, Patch
from matplotlib.transforms import Bbox
from numpy.typing import NDArray
from test_figures import FOLDER, differences

from rnnsym import Cell, Network, cells
from rnnsym.dynamics import draw_unrolled, figures, gallery_figure, unrolled_figure
from rnnsym.dynamics.style import PALETTE, style
from rnnsym.dynamics.unrolled_parts import Parts
from rnnsym.dynamics.unrolled_scene import Scene, scene_of
from rnnsym.errors import DataError

SHAPES: dict[str, dict[str, Any]] = {
    "one-to-one": {"topology": "one-to-one"},
    "one-to-many": {"topology": "one-to-many"},
    "one-to-many with a feed": {"topology": "one-to-many", "feed": "x = yhat @ W_f"},
    "many-to-one": {"topology": "many-to-one"},
    "many-to-many": {"topology": "many-to-many", "over_steps": "mean"},
    "encoder-decoder": {"topology": "encoder-decoder"},
    "encoder-decoder without a teacher": {"topology": "encoder-decoder", "teacher_forcing": False},
    "bidirectional": {"topology": "many-to-one", "bidirectional": True},
    "bidirectional, many-to-many": {"topology": "many-to-many", "bidirectional": True},
}
SLACK = 1.0  # pixels that boxes of type may share: they are rounded up to whole pixels


def network_of(shape: str, layers: int, lag: int, *, two_states: bool = False) -> Network:
    back = f" + h_prev[{lag}] @ W_s" if lag > 1 else ""
    memory = "c = 0.5 * c_prev + x @ W_c\n" if two_states else ""
    cell = Cell.from_equations("tanh", f"{memory}h = tanh(x @ W_x + h_prev @ W_h{back}{' + c' if memory else ''})")
    top = "h" if layers == 1 else f"h_{layers}"
    read = f"concat({top}, bwd_{top})" if SHAPES[shape].get("bidirectional") else top
    return Network([cell] * layers, f"yhat = sigmoid({read} @ W_y)", **SHAPES[shape])


def expected(shape: str, layers: int, lag: int, steps: int) -> Counter[str]:
    """Count by hand what a textbook draws: nothing here is taken from the network."""
    steps = 1 if shape == "one-to-one" else steps
    decodes, both = shape.startswith("encoder"), shape.startswith("bidirectional")
    loops, every = 1 + (decodes or both), shape in ("many-to-many", "bidirectional, many-to-many") or (
        decodes or shape.startswith("one-to-many"))
    outputs = steps if every else 1
    found = {
        "box": loops * layers * steps, "output": outputs, "target": outputs, "loss": outputs,
        "recurrent": loops * layers * (steps - 1), "start": (loops - decodes) * layers, "handed": layers * decodes,
        "skip": loops * layers * steps * (lag > 1), "layer": loops * (layers - 1) * steps,
        "input": loops * steps, "readout": outputs * (1 + both), "sum": int(every),
        "feedback": (steps - 1) * (shape.startswith("one-to-many") or "without" in shape),
        "teacher": (steps - 1) * (shape == "encoder-decoder"),
    }
    return +Counter(found)


def kinds(artists: Iterator[Any]) -> Counter[str]:
    return Counter(str(artist.get_label())[1:] for artist in artists)


def drawn(figure: Figure) -> Counter[str]:
    """Count the boxes and arrows by kind, and the texts that no arrow shares its kind with."""
    axes = figure.axes[0]
    found = kinds(iter(axes.patches))
    texts = kinds(text for text in axes.texts if text.get_label() in ("_output", "_sum"))
    return found + texts


def faults(figure: Figure) -> list[str]:
    """Say which texts overlap or leave the axes, and which arrows run through a text or a box."""
    axes = figure.axes[0]
    with style():
        canvas: Any = FigureCanvasAgg(figure)
        renderer = canvas.get_renderer()
        axes.apply_aspect()
        ink = [(text, text.get_window_extent(renderer)) for text in axes.texts]
    frame = axes.get_window_extent()
    found = [f"{one.get_text()} is cut off" for one, box in ink
             if box.x0 < frame.x0 or box.y0 < frame.y0 or box.x1 > frame.x1 or box.y1 > frame.y1]
    found += [f"{one.get_text()} overlaps {other.get_text()}"
              for (one, a), (other, b) in itertools.combinations(ink, 2) if share(a, b)]
    boxes = [patch.get_window_extent() for patch in axes.patches if patch.get_label() == "_box"]
    for arrow in axes.patches:
        if isinstance(arrow, FancyArrowPatch):
            points = way(arrow)
            low, high = points.min(axis=0), points.max(axis=0)
            near = [(text, box) for text, box in ink if (box.max > low).all() and (box.min < high).all()]
            crossable = ("_label",) if arrow.get_label() in ("_skip", "_readout", "_layer") else ()
            found += [f"{arrow.get_label()} runs through a box" for box in boxes if crosses(points, box)]
            found += [f"{arrow.get_label()} runs through {text.get_text()}" for text, box in near
                      if text.get_label() not in crossable and crosses(points, box)]
    return found


def share(one: Bbox, other: Bbox) -> bool:
    across = min(one.x1, other.x1) - max(one.x0, other.x0)
    return bool(across > SLACK and min(one.y1, other.y1) - max(one.y0, other.y0) > SLACK)


def way(arrow: Patch) -> NDArray[np.float64]:
    path = arrow.get_transform().transform_path(arrow.get_path())
    lines: Any = path.to_polygons(closed_only=False)
    return np.concatenate([
        np.linspace(start, end, 40) for line in lines for start, end in itertools.pairwise(line)])


def crosses(points: NDArray[np.float64], box: Bbox) -> bool:
    inner = box.padded(-2 * SLACK)
    return bool(inner.width > 0 < inner.height and ((points > inner.min) & (points < inner.max)).all(axis=1).any())


@pytest.mark.parametrize("lag", [1, 2, 3])
@pytest.mark.parametrize("layers", [1, 2])
@pytest.mark.parametrize("shape", SHAPES)
def test_all_that_the_network_has_is_drawn_apart_and_whole(shape: str, layers: int, lag: int) -> None:
    network = network_of(shape, layers, lag)
    for steps in range(1, 7):
        figure = unrolled_figure(network, steps)
        assert drawn(figure) == expected(shape, layers, lag, steps)
        if layers == 1 or steps in (1, 2, 6):
            assert faults(figure) == []


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("cell", ["two states", "lstm", "long names"])
def test_any_names_stand_apart_for_open_and_long_sequences(cell: str, shape: str) -> None:
    if cell == "two states":
        network = network_of(shape, 2, 3, two_states=True)
    else:
        own = cells["lstm"] if cell == "lstm" else Cell.from_equations(
            "a cell of many_words", "memory_of_words_read = tanh(x @ W + memory_of_words_read_prev @ U)")
        top = "h" if cell == "lstm" else "memory_of_words_read"
        read = f"concat({top}, bwd_{top})" if SHAPES[shape].get("bidirectional") else top
        network = Network(own, f"yhat = sigmoid({read} @ W_y)", **SHAPES[shape])
    for steps in (None, 3, 1000):
        assert faults(unrolled_figure(network, steps)) == []


def test_an_open_sequence_names_its_first_steps_and_its_last() -> None:
    axes = unrolled_figure(Network(cells["simple"]), None).axes[0]
    inputs = [text.get_text() for text in axes.texts if text.get_label() == "_input"]
    assert inputs == ["$x_{1}$", "$x_{2}$", "$x_{3}$", "$x_{T}$"]
    assert {text.get_text() for text in axes.texts if text.get_label() == "_label"} == {
        "$o_{1}$", "$o_{2}$", "$o_{3}$", "$o_{T-1}$"}


def test_a_decoder_has_steps_of_its_own_and_starts_from_the_encoder_s_last_states() -> None:
    network = Network(cells["lstm"], topology="encoder-decoder")
    axes = unrolled_figure(network, 2, 3).axes[0]
    found = [text.get_text() for text in axes.texts]
    assert sum(patch.get_label() == "_box" for patch in axes.patches) == 5
    assert r"$h^{\mathrm{dec}}_{0} = h_{2}$".replace(r"h^{\mathrm{dec}}_{0}", r"h_{0}^{\mathrm{dec}}") in found
    assert [text.get_text() for text in axes.texts if text.get_label() == "_input"] == [
        "$x_{1}$", "$x_{2}$", "$y_{0} = 0$", "$y_{1}$", "$y_{2}$"]


def test_a_loop_from_the_end_has_arrows_to_the_left_and_the_others_to_the_right() -> None:
    axes = unrolled_figure(network_of("bidirectional, many-to-many", 1, 1), 4).axes[0]
    ways = [way(patch)[[0, 39]] for patch in axes.patches if patch.get_label() == "_recurrent"]
    signs = [np.sign(ends[1, 0] - ends[0, 0]) for ends in ways if isinstance(ends, np.ndarray)]
    assert sorted(signs) == [-1.0] * 3 + [1.0] * 3


def test_a_layer_below_another_that_the_readout_reads_is_joined_to_it() -> None:
    network = Network([cells["lstm"], cells["gru"]], "yhat = sigmoid(concat(h_1, h_2) @ W_y)")
    figure = unrolled_figure(network, 2)
    assert drawn(figure)["readout"] == 2
    assert faults(figure) == []


def test_states_that_start_freely_stand_beside_those_that_are_handed_over() -> None:
    network = Network(cells["gru"], topology="encoder-decoder", decoder=cells["lstm"])
    figure = unrolled_figure(network, 3)
    assert drawn(figure)["start"] == 2
    assert drawn(figure)["handed"] == 1
    assert faults(figure) == []


@pytest.mark.parametrize("shape", SHAPES)
def test_a_diagram_fits_any_axes_and_its_type_shrinks_with_it(shape: str) -> None:
    figure = Figure(figsize=(4, 3))
    draw_unrolled(figure.add_subplot(), network_of(shape, 1, 2), 4)
    assert faults(figure) == []


def test_faults_are_seen() -> None:
    """Move each text of a good diagram onto its neighbour, then over the edge: each time something is wrong."""
    network = network_of("many-to-many", 1, 1)
    count = len(unrolled_figure(network, 2).axes[0].texts)
    seen = 0
    for place in range(count):
        figure = unrolled_figure(network, 2)
        texts = figure.axes[0].texts
        texts[place].set_position(texts[(place + 1) % count].get_position())
        seen += bool(faults(figure))
        texts[place].set_position((0, 0))
        seen += bool(faults(figure))
    assert seen == 2 * count
    figure = unrolled_figure(network, 2)
    through = FancyArrowPatch((0, 0), (1, 1), transform=figure.axes[0].transAxes, shrinkA=0, shrinkB=0)
    figure.axes[0].add_patch(through)
    assert any("runs through a box" in fault for fault in faults(figure))


@pytest.mark.parametrize("steps", [0, -1, 1.5, True, "3", 10_001])
def test_steps_that_are_no_whole_number_from_one_are_refused(steps: Any) -> None:
    with pytest.raises(DataError, match="steps: expected a whole number"):
        unrolled_figure(Network(cells["simple"]), steps)


def test_output_steps_without_a_decoder_are_refused() -> None:
    with pytest.raises(DataError, match="no steps of their own"):
        unrolled_figure(Network(cells["simple"]), 3, 2)


def test_an_empty_gallery_is_refused() -> None:
    with pytest.raises(DataError, match="at least one network"):
        gallery_figure({})


def scene(network: Network, steps: int) -> Scene:
    with style():
        return scene_of(Parts(network, steps, None))


def test_columns_are_as_far_apart_as_their_names_need() -> None:
    short = scene(Network(cells["simple"]), 4)
    cell = Cell.from_equations("simple", "a_long_name = tanh(x @ W + a_long_name_prev @ U)")
    wide = scene(Network(cell, "yhat = sigmoid(a_long_name @ V)"), 4)
    assert wide.width > short.width + 3 * 30
    assert wide.height == short.height


def test_every_network_has_its_diagram_and_others_are_refused_with_a_reason() -> None:
    for shape in ("one-to-one", "one-to-many", "many-to-many", "encoder-decoder", "bidirectional"):
        network = network_of(shape, 1, 1)
        assert figures["unrolled"].applies(network)
        for name in ("gradient-products", "path-contributions"):
            assert figures[name].applies(network) == (shape != "one-to-one")
        assert not figures["contributions-by-cell"].applies(network)
    assert "a single one" in figures["gradient-products"].obstacle(network_of("one-to-one", 1, 1))
    assert all(entry.applies(Network(cells["simple"])) for entry in figures.values())


def test_a_change_to_the_committed_gallery_is_seen(tmp_path: Path) -> None:
    committed, changed = FOLDER / "topologies.svg", tmp_path / "changed.svg"
    text = committed.read_text(encoding="utf-8")
    assert differences(committed, committed) == []
    changes = [("<!-- bidirectional -->", "<!-- one way -->"), (r"\hat{y}", "y"),
               (f"stroke: {PALETTE[4].lower()}", f"stroke: {PALETTE[0].lower()}")]
    arrows = [m[0] for m in re.finditer(r'<path d="M [^"]*" clip-path=[^>]*>', text)]
    assert len(arrows) > 100
    for old, new in [*changes, *((arrow, "") for arrow in arrows[::9])]:
        assert old in text
        changed.write_text(text.replace(old, new, 1), encoding="utf-8")
        assert differences(committed, changed), old
