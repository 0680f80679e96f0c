"""Formulas in the page's running text are MathML: names, sizes, equations with numbers, powers; nothing else is."""

from __future__ import annotations

import re
from html import unescape
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st
from report_contents import DRAWN, content, page

from rnnsym import Network, cells
from rnnsym.cli.page.formulas import caption_html, equation, letter, state_slope
from rnnsym.cli.page.markup import table
from rnnsym.model.expressions import T
from rnnsym.writing.layout import style_of
from rnnsym.writing.notations import style_in

STYLE = style_of(Network(cells["simple"]))
FORMULA = re.compile(r"<math>.*?</math>")


def read(source: str) -> str:
    """Return what is read on the page."""
    return unescape(re.sub(r"<[^>]*>", "", source))


@pytest.mark.parametrize(("words", "formulas", "seen"), [
    ("with ρ(`W_h`) and more", 1, "with ρ(Wh) and more"),
    ("for |`w_h`|; then", 1, "for |wh|; then"),
    ("10⁻²⁹ at 0.5, 10² at 2", 2, "10−29 at 0.5, 102 at 2"),
    ("(medians, n = 32): at ρ = 0.5, 1, 2, by", 2, "(medians, n=32): at ρ=0.5,1,2, by"),
    ("n = 8), T = 100 <b>", 2, "n=8), T=100 <b>"),
    ("Skip RNN, `b_p` = -2: 5 %", 1, "Skip RNN, bp=−2: 5 %"),
    ("10 at ρ = 0.5.", 1, "10 at ρ=0.5."),
    ("T = 2.5, 10⁻³", 2, "T=2.5, 10−3"),
    ("ρ alone, and `yhat`", 2, "ρ alone, and y^"),
    ("a page of 10 lines, 0.034 & 12", 0, "a page of 10 lines, 0.034 & 12"),
])
def test_formulas_of_a_caption_are_set(words: str, formulas: int, seen: str) -> None:
    found = caption_html(words, STYLE)
    assert len(FORMULA.findall(found)) == formulas
    assert read(found) == seen
    for formula in FORMULA.findall(found):
        ElementTree.fromstring(formula)


@given(st.lists(st.sampled_from(
    ["10⁻³", "`W_h`", "ρ(`b`)", " ", "n = 4", "ρ", "and", "<", "&", "10", "=", "|", "T = 2.5,"])))
def test_no_word_of_a_caption_is_lost(parts: list[str]) -> None:
    words = " ".join(parts)
    spaceless = re.sub(r"\s", "", words.replace("`", "").replace("W_h", "Wh").replace("10⁻³", "10−3"))
    assert re.sub(r"\s", "", read(caption_html(words, STYLE))) == spaceless


def test_the_state_that_is_followed_is_in_the_letters_of_a_style() -> None:
    simple, lstm = Network(cells["simple"]), Network(cells["lstm"])
    assert read(state_slope(simple, T, T - 1, STYLE)) == "∂oT/∂oT−1"
    assert read(state_slope(simple, T, T - 1, style_in(simple, "goodfellow"))) == "∂hT/∂hT−1"
    assert read(state_slope(lstm, T, T - 1, style_of(lstm))) == "∂sT/∂sT−1"
    assert (read(letter("ρ")), read(equation("T", 100))) == ("ρ", "T=100")


@pytest.mark.parametrize("name", DRAWN)
def test_no_plain_formula_is_left_in_captions_and_the_gradient_flow(name: str) -> None:
    source = page(name)
    captions = re.findall(r"<figcaption>.*?</figcaption>", source, re.DOTALL)
    parts = [part.split("</section>")[0] for part in re.split('(?=<section id="(?:flow|remedies)")', source)[1:]]
    drawn = re.compile(r"<(svg|script|style|output|math)\b.*?</\1>", re.DOTALL)
    texts = [drawn.sub("", one) for one in (*captions, *parts)]
    assert len(captions) >= len(content(name).pictures)
    for text in map(read, texts):
        assert not re.search(r"∂|`|ρ|10[⁻⁰¹²³⁴-⁹]|\b[nTk] = \d|\b[A-Za-z]_[A-Za-z]", text), text[:200]


def test_a_table_s_header_may_hold_formulas() -> None:
    assert f"<th scope=\"col\">norm of {letter('T')}</th>" in table("A", (f"norm of {letter('T')}",), [("1",)])
