"""Figures for a projector: larger type, thicker lines, and nothing that overlaps; each drawn anew, not blown up."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.figure import Figure
from matplotlib.text import Text

from rnnsym import Network, cells
from rnnsym.dynamics import draw_in, figures, styles
from rnnsym.dynamics.figure_styles import PROJECTED
from rnnsym.dynamics.style import style
from rnnsym.dynamics.type_sizes import FONT_POINTS, WIDE, broken, enlarged, page, points, type_factor, width_of
from rnnsym.errors import DataError

LARGER = 1.4  # than in print, at least
SMALLEST = 9.0  # points in print: the numbers of updates beside marks
TOUCHING = 1.5  # points by which the boxes of two texts may overlap: there is blank in each
LAYOUT = 2.0  # points beyond the page that a box may reach, for the same reason
CHEAP = ("unrolled", "gradient-paths", "transient", "lags")


@functools.cache
def projected(name: str) -> Figure:
    return figures[name].draw(style="slides")


def shown(figure: Any) -> Iterator[Any]:
    """Yield the texts that are seen: of ticks those within the limits of a flat axes."""
    yield from figure.texts
    for axes in figure.axes:
        yield from (*axes.texts, axes.title)
        if axes.name != "3d":
            yield from (axes.xaxis.label, axes.yaxis.label)
            for axis in (axes.xaxis, axes.yaxis):
                low, high = sorted(axis.get_view_interval())
                ticks = [tick for tick in axis.get_major_ticks() if low <= tick.get_loc() <= high]
                yield from (label for tick in ticks for label in (tick.label1, tick.label2) if label.get_visible())
        legend = axes.get_legend()
        yield from legend.get_texts() if legend is not None else ()


def boxes(figure: Figure) -> dict[str, Any]:
    with style():
        figure.draw_without_rendering()
    texts = [text for text in shown(figure) if str(text.get_text()).strip()]
    scale = 72 / figure.dpi
    return {f"{place}: {text.get_text()}": np.asarray(text.get_window_extent().extents) * scale
            for place, text in enumerate(texts)}


def overlaps(figure: Figure) -> list[str]:
    """Name the texts that lie over each other or beyond the page."""
    found = boxes(figure)
    width, height = 72 * np.asarray(figure.get_size_inches())
    faults = [f"{name} is off the page" for name, box in found.items()
              if (box[:2] < -LAYOUT).any() or box[2] > width + LAYOUT or box[3] > height + LAYOUT]
    names = list(found)
    for place, one in enumerate(names):
        for other in names[place + 1:]:
            low = np.maximum(found[one][:2], found[other][:2])
            high = np.minimum(found[one][2:], found[other][2:])
            if (high - low > TOUCHING).all():
                faults.append(f"{one} lies over {other}")
    return faults


@pytest.mark.parametrize("name", figures)
def test_type_is_larger_and_no_words_overlap(name: str) -> None:
    figure = projected(name)
    sizes = [text.get_fontsize() for text in shown(figure) if str(text.get_text()).strip()]
    assert min(sizes) >= LARGER * SMALLEST - 1e-9
    assert np.median(sizes) >= LARGER * (FONT_POINTS - 1) - 1e-9
    assert overlaps(figure) == []
    width, height = figure.get_size_inches()
    assert width / height == pytest.approx(16 / 9)


@pytest.mark.parametrize("name", CHEAP)
def test_each_text_and_line_is_larger_than_in_print(name: str) -> None:
    plain = figures[name].draw()
    sizes = {str(text.get_text()): text.get_fontsize() for text in shown(plain)}
    same = [text for text in shown(projected(name)) if str(text.get_text()) in sizes]
    assert len(same) > 5
    assert all(text.get_fontsize() >= LARGER * sizes[str(text.get_text())] - 1e-9 for text in same)
    before, after = (widths(one) for one in (plain, projected(name)))
    assert len(before) == len(after) > 0
    assert all(thick >= LARGER * thin for thin, thick in zip(before, after, strict=True))


def widths(figure: Any) -> list[float]:
    return [line.get_linewidth() for axes in figure.axes for line in (*axes.lines, *axes.patches)]


def test_superscripts_are_legible_in_every_style() -> None:
    """A script is set at 0.7 of its line's size: what names a use of the weight is no smaller than other words."""
    for name in styles:
        figure = figures["gradient-paths"].draw(style=name)
        uses = [text for text in shown(figure) if text.get_label() == "_use"]
        words = [text for text in shown(figure) if text.get_label() == "_legend"]
        assert len(uses) == len(words) == 3
        assert min(use.get_fontsize() for use in uses) >= max(word.get_fontsize() for word in words)


@pytest.mark.parametrize("options", [
    {"cell": "lstm"}, {"cell": "gru"}, {"cell": "simple", "topology": "encoder-decoder"},
    {"cell": "skip_rnn", "topology": "many-to-many"},
])
@pytest.mark.parametrize("name", ["unrolled", "gradient-paths"])
def test_other_networks_diagrams_have_no_words_over_each_other(name: str, options: dict[str, str]) -> None:
    network = Network(cells[options["cell"]], topology=options.get("topology", "many-to-one"))
    assert overlaps(figures[name].draw(network, style="slides")) == []


def test_type_that_is_only_blown_up_is_found_to_overlap() -> None:
    found = 0
    for name in ("transient", "path-contributions", "lags"):
        figure: Any = figures[name].draw()
        assert overlaps(figure) == [], "in print"
        for text in figure.findobj(Text):
            text.set_fontsize(1.8 * text.get_fontsize())
        found += len(overlaps(figure))
    assert found >= 5


def test_a_style_is_for_what_is_drawn_in_it_alone() -> None:
    assert draw_in("slides", figures["transient"].make).axes[0].title.get_fontsize() == points(LARGER * 12)
    with enlarged(PROJECTED):
        assert (type_factor(), points(10), page(9, 4.5)) == (LARGER, 14, (9, 9 * 9 / 16))
    assert (type_factor(), points(10), page(9, 4.5)) == (1.0, 10, (9, 4.5))
    with pytest.raises(DataError, match="style: expected one of print, slides"):
        draw_in("neon", figures["transient"].make)


@given(st.lists(st.sampled_from(["median", "of", "20", "draws,", "$n = 32$;", WIDE, r"$\Vert W^k\,\Vert_2$"]),
                min_size=1, max_size=12), st.floats(60, 400))
def test_broken_lines_fit_and_lose_no_word(words: list[str], room: float) -> None:
    text = " ".join(words)
    with style():
        lines = broken(text, FONT_POINTS, room).split("\n")
        longest = max(width_of(word, FONT_POINTS) for word in words)
        assert all(width_of(line, FONT_POINTS) <= max(room, longest) + 1e-6 for line in lines if line)
    kept = [word for word in " ".join(lines).split(" ") if word]
    assert " ".join(kept).replace(WIDE, "").split() == text.replace(WIDE, "").split()
