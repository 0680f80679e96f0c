"""What a figure depends on: each option changes it or is refused, and a notation spells all of its names."""

from __future__ import annotations

import inspect
import re
from typing import Any

import pytest
from matplotlib.figure import Figure
from matplotlib.text import Text

from rnnsym import Cell, Network, cells, derive
from rnnsym.dynamics import figures
from rnnsym.dynamics.axis_limits import step_ticks
from rnnsym.dynamics.figure_table import OPTIONS
from rnnsym.dynamics.letters import letters
from rnnsym.errors import DataError, DerivationError
from rnnsym.writing.latex import latex
from rnnsym.writing.notations import notations
from rnnsym.writing.spelling import spell

GRU = Network(cells["gru"])
SHORT = 4  # steps: the letters are those of any number
NAMED = [name for name, entry in figures.items() if "notation" in entry.options]
OTHERS = [name for name in notations if name != "author"]


def texts(figure: Figure) -> str:
    return "\n".join(str(one.get_text()) for one in figure.findobj(Text))


def left_over(figure: Figure, network: Network, notation: str) -> list[str]:
    """Return the author's names that stand on a figure although the notation has others for them."""
    renamed = dict(letters(network, notation).names)
    kept = {latex(spell(name)) for name in renamed.values()}
    old = {latex(spell(name)) for name in renamed} - kept
    words = re.sub(r"\^\{\([^)]*\)\}", "", texts(figure))
    return [name for name in old if len(name) > 1 and re.search(re.escape(name) + "(?![a-z}])", words)]


def drawn(name: str, notation: str, network: Network = GRU) -> Figure:
    entry = figures[name]
    return entry.draw(network if entry.of_network else None, steps=max(SHORT, entry.lengths[0]), notation=notation)


@pytest.mark.parametrize("notation", OTHERS)
@pytest.mark.parametrize("name", [name for name in NAMED if name in ("unrolled", "gradient-paths")])
def test_a_diagram_has_the_letters_of_a_notation(name: str, notation: str) -> None:
    assert left_over(drawn(name, notation), GRU, notation) == []


def test_the_author_s_letters_are_seen_as_left_over() -> None:
    for notation in ("goodfellow", "notes"):
        assert left_over(drawn("gradient-paths", "author"), GRU, notation)


SIMPLE = Network(cells["simple"])
EXPECTED = {  # of the simple network, o = tanh(x @ W_i + o_prev @ W_h + b), in Goodfellow's letters
    "unrolled": ("$h_{1}$", "`h`"),
    "gradient-paths": (r"\partial W = ", "`W`"),
    "gradient-products": (r"\partial h_{t} \,/\, \partial h_{t-1}", "ρ(`W`)"),
    "activations": (r"\rho(W)", ""),
    "path-contributions": (r"\partial W^{(j)}", "`W`"),
    "contributions-by-cell": ("all input weights $U$", "Skip RNN, `b_p` = -2:"),
    "initial-spectra": (r"\partial h_{4}\, /\, \partial h_{0}", ""),
}


def test_each_figure_that_has_a_notation_is_in_the_table() -> None:
    assert set(EXPECTED) == set(NAMED)


@pytest.mark.parametrize("name", EXPECTED)
def test_labels_and_captions_are_in_goodfellow_s_letters(name: str) -> None:
    label, word = EXPECTED[name]
    figure = drawn(name, "goodfellow", SIMPLE)
    assert label in texts(figure)
    assert word in str(figure.get_label())
    assert left_over(figure, SIMPLE, "goodfellow") == []
    assert label not in texts(drawn(name, "author", SIMPLE))


@pytest.mark.parametrize("notation", notations)
def test_figures_and_derivation_spell_a_name_alike(notation: str) -> None:
    assert letters(GRU, notation).names == derive(GRU, 1).respelled(notation).style.names


def test_an_unknown_notation_and_two_names_alike_are_refused() -> None:
    with pytest.raises(DerivationError, match="there is no notation 'mine'"):
        figures["unrolled"].draw(SIMPLE, notation="mine")
    alike = Network(Cell.from_equations("alike", "h = tanh(x @ W + h_prev @ U + b_1 + b1)"), "yhat = sigmoid(h @ V)")
    with pytest.raises(DerivationError, match="printed"):
        figures["unrolled"].draw(alike, notation="pytorch")


# The number of steps


STEPPED = [name for name, entry in figures.items() if "steps" in entry.options]
TOLD = {"unrolled": "$x_{5}$", "gradient-paths": "path $j = 5$", "initial-spectra": r"\partial o_{12}"}  # else T = 12


@pytest.mark.parametrize("name", STEPPED)
def test_a_figure_is_drawn_over_the_steps_that_are_asked_for(name: str) -> None:
    steps = 5 if "5" in TOLD.get(name, "") else 12
    assert TOLD.get(name, f"$T = {steps}$") in texts(figures[name].draw(steps=steps))


@pytest.mark.parametrize("name", [name for name in STEPPED if figures[name].lengths == (2, 1000)])
def test_two_steps_are_enough(name: str) -> None:
    figure = figures[name].draw(steps=2)
    assert all(axes.lines for axes in figure.axes)


@pytest.mark.parametrize("steps", [1, 0, -3, 2.5, True, "9", 10_001])
@pytest.mark.parametrize("name", STEPPED)
def test_a_number_of_steps_out_of_range_is_refused_by_name(name: str, steps: object) -> None:
    with pytest.raises(DataError, match=f"the figure {name}: steps: expected a whole number from"):
        figures[name].draw(steps=steps)  # type: ignore[arg-type]


def test_a_network_of_a_single_step_has_no_other_number() -> None:
    with pytest.raises(DataError, match="this network has a single step; leave steps out"):
        figures["unrolled"].draw(Network(cells["simple"], topology="one-to-one"), steps=5)


def test_ticks_are_few_and_round() -> None:
    for last in range(2, 1001):
        ticks = step_ticks(last)
        assert 2 <= len(ticks) <= 6
        assert ticks[0] == 1
        assert ticks[-1] <= last


# What a figure does not depend on


GIVEN: dict[str, Any] = {"network": GRU, "seed": 3, "steps": 12, "notation": "goodfellow"}
UNUSED = [(name, option) for name, entry in figures.items() for option in OPTIONS if option not in entry.options]


@pytest.mark.parametrize(("name", "option"), UNUSED)
def test_an_option_that_a_figure_does_not_depend_on_is_refused(name: str, option: str) -> None:
    with pytest.raises(DataError, match=f"the figure {name} .*: leave {option} out"):
        figures[name].draw(**{option: GIVEN[option]})


def test_the_options_of_a_figure_are_what_it_is_made_from() -> None:
    assert len(UNUSED) > 40
    for name, entry in figures.items():
        assert entry.options <= OPTIONS.keys()
        if entry.options:
            assert entry.options <= inspect.signature(entry.make).parameters.keys(), name
