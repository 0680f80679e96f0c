"""Figures of networks of their own say what is drawn; axes keep to their curves, and leaders do not cross."""

from __future__ import annotations

import re
from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rnnsym import Cell, Network, cells
from rnnsym.dynamics import Draws, draw_gradient_products, figures
from rnnsym.dynamics.activation_plot import FUNCTIONS, title_with
from rnnsym.dynamics.data_sources import data_of, sources
from rnnsym.dynamics.experiment_table import experiments
from rnnsym.dynamics.own_captions import describe_phases, describe_runs
from rnnsym.dynamics.phases import study_phases
from rnnsym.dynamics.studies import Band, ProductStudy
from rnnsym.dynamics.style import uncrossed

DRAWS = Draws(count=3, steps=4)
SAID = {
    "wall": ("one unit, x_t = w σ(x_(t−1)) + b", "T = 50 steps", "nothing is drawn at random", "to the norm 0.5"),
    "transient": ("n = 2", "T = 1 to 10,000", "Nothing is drawn at random"),
    "clipping": ("cell simple of n = 32", "T = 20", "seeds 0 to 4", "not clipped, clipped to the norm 1", "ρ at the"),
    "learning-rates": ("cell simple of n = 32", "digits by row (T = 8)", "300 updates", "descent, momentum and adam",
                       "seeds 0 to 2"),
    "reviews": ("simple, lstm and gru of n = 3 and 4", "reviews (T = 4) and three bits (T = 3)"),
    "sunspots": ("n = 16", "T = 25"), "digits": ("T = 64", "clipped to the norm 1"), "characters": ("n = 48", "seed 0"),
    "lags": ("n = 32", "10, 25, 50, 100 and 200", "seeds 0 to 2"), "remedies": ("n = 32", "T = 100", "20 draws"),
}


@pytest.mark.parametrize("name", SAID)
def test_a_caption_says_which_cell_size_steps_and_seed(name: str) -> None:
    words = str(figures[name].draw().get_label())
    assert [said for said in SAID[name] if said not in words] == []
    assert words.endswith(".")


def test_every_figure_of_its_own_networks_has_a_caption() -> None:
    assert {*SAID, "phases", "initial-spectra"} == {name for name, entry in figures.items() if not entry.of_network}


def test_phases_and_spectra_say_what_they_were_measured_from() -> None:
    words = describe_phases(study_phases([0.5, 2.0], [0.0, 0.25], units=9, steps=7, first=2, seeds=2, seed=5))
    for said in ("n = 9 units", "over steps 3 to T = 7", "mean of 2 networks (seed 5)", "g from 0.5 to 2",
                 "√R from 0 to 0.5"):
        assert said in words
    words = str(figures["initial-spectra"].draw(seed=4, steps=6).get_label())
    assert "n = 32 units with tanh and ReLU" in words
    assert "T = 6 steps" in words
    assert "(seed 4)" in words


def test_the_runs_of_a_caption_are_those_of_the_table() -> None:
    for experiment in experiments.values():
        words = describe_runs(experiment.runs)
        assert f" {len(experiment.runs)} runs of " in words
        assert len(set(re.findall(r"T = (\d+)", words))) == len({sources[run.data].steps for run in experiment.runs})


@pytest.mark.parametrize("name", [name for name in sources if not name.startswith(("digits", "sunspots"))])
def test_the_steps_of_a_source_are_those_of_its_sequences(name: str) -> None:
    assert data_of(name).batches(64, 0).batch(0).inputs.shape[1] == sources[name].steps


@pytest.mark.parametrize(("name", "package"), [
    ("digits-by-row", "sklearn"), ("digits-by-pixel", "sklearn"), ("sunspots", "statsmodels")])
def test_the_steps_of_a_source_of_another_package_are_those_of_its_sequences(name: str, package: str) -> None:
    pytest.importorskip(package)
    assert data_of(name).batches(8, 0).batch(0).inputs.shape[1] == sources[name].steps


# Bands that would flatten the curves


def study(low: float, middle: float, high: float, size: int = 1) -> ProductStudy:
    lags = np.log(10.0) * np.linspace(0, 1, 5)
    return ProductStudy((0.5, 2.0), size, DRAWS, Band(*(np.array([end * lags, -end * lags / 2])
                                                        for end in (low, middle, high))), None)


def test_a_huge_band_is_cut_and_the_caption_says_so() -> None:
    figure = draw_gradient_products(Network(cells["gru"]), study(-300.0, -3.0, 250.0), study(-4.0, -3.0, -2.0, 8))
    low, high = figure.axes[0].get_ylim()
    assert low >= -3.0 - 3.0
    assert high <= 1.5 + 3.0
    words = str(figure.get_label())
    assert words.endswith("The axis is kept to the medians: the bands, which reach from 10⁻³⁰⁰ to 10²⁵⁰, are cut off.")
    assert "bands beyond the axis are cut off" in str(figure.get_supxlabel())


@given(st.floats(-40, 40), st.floats(0, 0.4))
def test_a_band_about_as_wide_as_its_curves_is_seen_whole(end: float, apart: float) -> None:
    room = apart * max(1.5 * abs(end), 1.0) / 1.5
    one = study(end - room, end, end + room)
    figure = draw_gradient_products(Network(cells["gru"]), one, one)
    low, high = figure.axes[0].get_ylim()
    for logs in (one.norms.low, one.norms.high):
        assert low <= logs.min() / np.log(10.0) + 1e-9
        assert logs.max() / np.log(10.0) - 1e-9 <= high
    assert "cut off" not in str(figure.get_label())


def test_a_zero_norm_is_no_band_to_be_cut() -> None:
    one = study(-4.0, -3.0, -2.0)
    low = np.where(np.arange(5) > 1, -np.inf, one.norms.low)
    one = replace(one, norms=replace(one.norms, low=low))
    assert "cut off" not in str(draw_gradient_products(Network(cells["gru"]), one, one).get_label())


# Leaders


def crossings(ends: list[tuple[float, float]], levels: list[float], column: float) -> int:
    """Count the pairs of lines that cross, by the signs of the areas that they span."""
    def side(a: tuple[float, float], b: tuple[float, float], c: tuple[float, float]) -> float:
        found = (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])
        return 0.0 if abs(found) < 1e-9 else float(np.sign(found))

    lines = [(end, (column, level)) for end, level in zip(ends, levels, strict=True)]
    return sum(side(*one, other[0]) * side(*one, other[1]) < 0 and side(*other, one[0]) * side(*other, one[1]) < 0
               for one, other in combinations(lines, 2))


PLACES = st.floats(0, 1).map(lambda value: round(value, 3))


@given(st.lists(st.tuples(PLACES, PLACES), min_size=2, max_size=7), st.data())
def test_leaders_do_not_cross_and_levels_are_kept(ends: list[tuple[float, float]], data: st.DataObject) -> None:
    levels = data.draw(st.permutations([place / len(ends) for place in range(len(ends))]))
    for column in (1.05, -0.05):
        found = uncrossed(ends, levels, column)
        assert sorted(found) == sorted(levels)
        assert crossings(ends, found, column) == 0


def test_leaders_that_cross_are_counted() -> None:
    assert crossings([(0.0, 0.0), (0.0, 1.0)], [1.0, 0.0], 1.0) == 1
    assert crossings([(0.0, 0.0), (0.5, 0.6)], [1.0, 0.4], 1.0) == 1
    assert crossings([(0.0, 0.0), (0.0, 1.0)], [0.0, 1.0], 1.0) == 0


def test_names_are_words_in_a_font_without_underscores() -> None:
    cell = Cell.from_equations("my_cell", "h = leaky_relu(x @ W + h_prev @ U + b)")
    network = Network(cell, "yhat = sigmoid(h @ V + c)")
    assert "solid: leaky relu" in str(figures["gradient-products"].draw(network, steps=3).get_supxlabel())
    gated = Network(cells["skip_rnn"])
    assert "skip rnn: median" in str(figures["gradient-products"].draw(gated, steps=3).get_supxlabel())


def test_no_space_stands_between_a_function_and_a_comma() -> None:
    titles = {name: title_with(name) for name in FUNCTIONS}
    assert titles["tanh"].startswith(r"$f = {\mathrm{tanh}},")
    assert not [title for title in titles.values() if r"{\tanh}" in title]
