"""Captions: the numbers in the words are those of the study that is drawn."""

from __future__ import annotations

import re

import numpy as np
import pytest

from rnnsym.dynamics.captions import describe_contributions, describe_products, listed, power
from rnnsym.dynamics.diagrams import unrolled_figure
from rnnsym.dynamics.figure_table import figures
from rnnsym.dynamics.plots import draw_gradient_products, gradient_product_figure
from rnnsym.dynamics.studies import Band, ContributionStudy, Draws, ProductStudy
from rnnsym.model.cells import Cell, cells
from rnnsym.model.networks import Network

DRAWS = Draws(count=3, steps=4)


def band(rows: list[list[float]]) -> Band:
    logs = np.log(10.0) * np.array(rows)
    return Band(logs - 1, logs, logs + 1)


def products(size: int, *ends: float) -> ProductStudy:
    return ProductStudy((0.5, 2.0), size, DRAWS, band([[0.0, 0.0, 0.0, 0.0, end] for end in ends]), None)


def test_the_ends_of_the_curves_are_told() -> None:
    words = describe_products(products(1, -30.0, 1.0), products(8, -np.inf, 12.0), "W_h")
    assert words == ("Over 4 steps the norm of the product of the step Jacobians (median of 3 draws) comes to, with "
                     "one unit: 10⁻³⁰ at 0.5, 10 at 2 for |`w_h`|; with 8 units: zero at 0.5, 10¹² at 2 for ρ(`W_h`).")


@pytest.mark.parametrize(("ends", "words", "title"), [
    ((-30.0, -30.0), "with one unit: 10⁻³⁰ whatever |`w_h`|; with 8", "the same, whatever"),
    ((-np.inf, -np.inf), "with one unit: zero whatever |`w_h`|; with 8", "scalar network"),
    ((-30.0, -30.1), "10⁻³⁰ at 0.5, 10⁻³⁰ at 2 for |`w_h`|", "scalar network"),
])
def test_weights_that_change_nothing_are_told_once(ends: tuple[float, float], words: str, title: str) -> None:
    scalar, matrix = products(1, *ends), products(8, -1.0, 12.0)
    assert words in describe_products(scalar, matrix, "W_h")
    panel = draw_gradient_products(Network(cells["gru"]), scalar, matrix).axes[0]
    assert title in panel.get_title()


@pytest.mark.parametrize(("text", "words"), [
    ("a = x @ W + h_prev @ U\nh = tanh(a - mean(a))", "zero from lag 1 on, whatever"),  # a mean of one entry is it
    ("h = tanh(x @ W + h_prev @ U)", ""),
])
def test_one_unit_that_is_nothing_is_told_on_its_panel(text: str, words: str) -> None:
    figure = gradient_product_figure(Network(Cell.from_equations("mine", text), "yhat = sigmoid(h @ W_y + b_y)"))
    first, second = (axes.get_title() for axes in figure.axes)
    assert ("\n" in first) == bool(words)
    assert words in first
    assert "\n" not in second


def test_the_first_step_that_contributes_is_named() -> None:
    norms = band([[-np.inf, -8.0, -4.0, 0.0]])
    shares = Band(*[np.array([[0.0, 0.5, 0.75, 0.9, 1.0]])] * 3)
    words = describe_contributions(ContributionStudy((0.5,), "W_h", 8, DRAWS, norms, shares), recent=2)
    assert "What step 2 contributes, over what step 4 does, and the share of the last 2 steps" in words
    assert words.endswith("10⁻⁸ and 75 % at ρ = 0.5.")
    assert "last 4 steps" in describe_contributions(ContributionStudy((0.5,), "W_h", 8, DRAWS, norms, shares), 10)


@pytest.mark.parametrize(("options", "words"), [
    ({}, "4 boxes “simple”, 4 inputs, 1 output and 1 loss; arrows carry `o` from a step to the next."),
    ({"topology": "many-to-many"}, "4 inputs, 4 outputs and 4 losses"),
    ({"topology": "one-to-many"}, "each output is fed back as the next input"),
    ({"topology": "encoder-decoder"}, "the encoder's last state starts the decoder"),
    ({"topology": "encoder-decoder"}, "dashed arrows bring the target of the step before"),
    ({"topology": "one-to-one"}, "1 box “simple”"),
])
def test_a_diagram_is_told_box_by_box(options: dict[str, str], words: str) -> None:
    network = Network(cells["simple"], **options)  # type: ignore[arg-type]
    assert words in str(unrolled_figure(network, None).get_label())


def test_every_figure_of_a_network_says_in_numbers_what_is_seen() -> None:
    network = Network(cells["gru"])
    drawn = [entry for entry in figures.values() if entry.of_network and entry.applies(network)]
    assert len(drawn) >= 4
    for entry in drawn:
        words = str(entry.draw(network, 0).get_label())
        assert len(re.findall(r"\d", words)) > 2, entry.name
        assert words.endswith(".")


def test_numbers_and_lists_are_spelt() -> None:
    assert [power(np.log(10.0) * decades) for decades in (-2.0, -1.9, 1.9, 2.0)] == ["10⁻²", "0.013", "79", "10²"]
    spelt = [listed(words) for words in ("", "a", "ab", "abac")]
    assert spelt == ["", "a", "a and b", "a, b and c"]
