"""Whole documents: LaTeX that compiles without a complaint, HTML that parses and asks for nothing, text in lines."""

from __future__ import annotations

import re
import shutil
import subprocess
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

import pytest

from rnnsym.errors import DerivationError
from rnnsym.model import expressions as ex
from rnnsym.model.cell_table import entries
from rnnsym.model.cells import Cell, cells
from rnnsym.model.networks import Network
from rnnsym.writing.derivation import RULES, Derivation, Step
from rnnsym.writing.displays import side_condition
from rnnsym.writing.latex import escape
from rnnsym.writing.sections import derivation

MAX_OVERFULL = 5.0  # points; less is not seen on paper


def network(text: str, readout: str = "yhat = sigmoid(h @ W_y + b_y)", loss: str = "binary_cross_entropy") -> Network:
    return Network(Cell.from_equations("mine_yours", text), readout, loss=loss)


COLUMN = network("h = tanh(W @ x + U @ h_prev + b)", "yhat = sigmoid(V @ h + c)")
ODD = network("""
    u: scalar = 1
    w_p: (n,)
    dt = 0.05
    y = -(x @ W_x - (y_prev + b)) * tanh(y_prev @ W_hidden)**2 / (1 + exp(-y_prev)) + y_prev @ (u_prev * A.T - dt * I)
    u = sigmoid(dot(y, w_p) + mean(y)) * u_prev + sum(A)
""", "yhat = y @ W_y", "squared_error")

DOCUMENTS: dict[str, Derivation] = {
    **{f"{name}-3": derivation(Network(cells[name], entries[name].readout), 3) for name in ("simple", "lstm", "gru")},
    "simple-1": derivation(Network(cells["simple"]), 1),
    "simple-100": derivation(Network(cells["simple"]), 100, {"d": 5, "n": 3, "k": 1}),
    "column-3": derivation(COLUMN, 3),
    "odd-2": derivation(ODD, 2),
}
every = pytest.mark.parametrize("name", DOCUMENTS)


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="pdflatex is not installed")
@every
def test_the_latex_compiles_without_a_complaint(name: str, tmp_path: Path) -> None:
    (tmp_path / "page.tex").write_text(DOCUMENTS[name].latex(), encoding="utf-8")
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "-no-shell-escape", "page.tex"]
    result = subprocess.run(command, cwd=tmp_path, capture_output=True, check=False)
    log = (tmp_path / "page.log").read_text(encoding="latin-1")
    assert result.returncode == 0, log[-2000:]
    assert complaints(log) == []
    assert (tmp_path / "page.pdf").stat().st_size > 10_000


def complaints(log: str) -> list[str]:
    overfull = re.findall(r"Overfull \\hbox \(([\d.]+)pt", log)
    wide = [f"{points}pt too wide" for points in overfull if float(points) > MAX_OVERFULL]
    return wide + re.findall(r"Missing character.*|undefined references?.*|LaTeX Warning: Reference.*|^! .*", log, re.M)


@pytest.mark.parametrize("line", [
    r"Overfull \hbox (5.1pt too wide) in paragraph", "Missing character: There is no ∑ in font cmr10!",
    "LaTeX Warning: There were undefined references.", "! Undefined control sequence.",
])
def test_a_planted_complaint_is_found(line: str) -> None:
    assert complaints(f"This is pdfTeX\n{line}\n")
    assert complaints("This is pdfTeX\nOverfull \\hbox (4.9pt too wide)\n") == []


@every
def test_the_latex_names_no_character_that_pdflatex_does_not_know(name: str) -> None:
    source = DOCUMENTS[name].latex()
    assert {sign for sign in source if ord(sign) > 127} == set()


class Page(HTMLParser):
    """Checks that tags nest, and gathers what they are."""

    void = frozenset({"meta", "br", "hr"})

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in self.void:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


@every
def test_the_page_parses_and_asks_for_nothing(name: str) -> None:
    source = DOCUMENTS[name].html()
    page = Page(source)
    used = {tag for tag, _ in page.tags}
    assert "math" in used
    assert not used & {"script", "link", "img", "iframe", "object", "embed"}
    assert not any({"src", "onload", "onclick"} & attributes.keys() for _, attributes in page.tags)
    anchors = {f"#{attributes['id']}" for _, attributes in page.tags if "id" in attributes}
    assert {attributes["href"] for _, attributes in page.tags if "href" in attributes} <= anchors
    assert not re.search(r"https?:|url\((?!data:font/woff)|@import", source)
    for formula in re.findall(r"<math.*?</math>", source, re.S):
        ElementTree.fromstring(formula)


def test_a_page_whose_tags_do_not_nest_is_noticed() -> None:
    with pytest.raises(AssertionError):
        Page("<p><b>wrong</p></b>")


@every
def test_every_step_is_in_every_output(name: str) -> None:
    document = DOCUMENTS[name]
    text, tex, page = document.text(), document.latex(), document.html()
    assert len(re.findall(r"<td><math displaystyle=\"true\">", page)) >= len(document.steps)
    assert len(re.findall(r"&(?:\\quad)?\s*(?:=|\\leftarrow)", tex)) == len(document.steps)
    assert text.count(" = ") + text.count(" ← ") >= len(document.steps)
    for section in document.sections:
        assert section.title in text
        assert escape(section.title) in tex


def test_an_empty_document_is_one_with_a_title() -> None:
    document = replace(DOCUMENTS["simple-3"], sections=())
    assert document.steps == ()
    assert not document.checked
    assert document.title in document.text()


def test_sections_are_chosen_by_key() -> None:
    document = DOCUMENTS["simple-3"].only("loss", "paths")
    assert [section.key for section in document.sections] == ["loss", "paths"]
    with pytest.raises(DerivationError, match=r"there is no section 'nothing'; the sections are notation, .*counts"):
        document.__class__.only(DOCUMENTS["simple-3"], "nothing")


def test_a_notebook_gets_all_equations_in_one_display() -> None:
    display = DOCUMENTS["simple-3"]._repr_latex_()
    assert display.startswith("$$\\begin{aligned}")
    assert display.endswith("$$")
    assert r"\coloneqq" not in display


def test_a_rule_without_a_name_is_refused() -> None:
    a = ex.Parameter("a", ())
    with pytest.raises(DerivationError, match=r"unknown rule 'magic': add it to writing\.derivation\.RULES"):
        Step("magic", a, a, "Because.")
    assert all(step.rule in RULES for document in DOCUMENTS.values() for step in document.steps)


@pytest.mark.parametrize(("span", "text"), [
    (None, ""), ((1, 1), "t = 1"), ((1, 3), "t = 1, 2, 3"), ((1, 4), "t = 1, …, 4"), ((1, 100), "t = 1, …, 100"),
])
def test_the_side_condition(span: tuple[int, int] | None, text: str) -> None:
    a = ex.Parameter("a", ())
    assert side_condition(Step("definition", a, a, "Why.", span=span)) == text


@pytest.mark.parametrize("sign", "#$%&_{}~^\\")
def test_special_characters_are_escaped(sign: str) -> None:
    assert escape(f"a{sign}b") not in (f"a{sign}b", "ab")
    assert escape("plain text") == "plain text"


def test_names_and_titles_are_data_in_every_output() -> None:
    cell = Cell.from_equations("a_b - c.d", "h_x_y = tanh(x @ W_one_two + h_x_y_prev)")
    document = derivation(Network(cell, "yhat = sigmoid(h_x_y @ V)"), 2)
    assert r"a\_b - c.d" in document.latex()
    Page(document.html())


def test_the_gradients_of_a_column_network_are_outer_products_in_its_order() -> None:
    text = DOCUMENTS["column-3"].only("gradients", "forward").text()
    assert "a_1 = W x_1 + U h_0 + b" in text
    assert "∂L/∂W = ∑_{t=1}^{3} δ_t^a x_tᵀ" in text
    assert "∂L/∂V = δ^z h_3ᵀ" in text


def test_the_notes_network_reads_as_in_the_notes() -> None:
    text = DOCUMENTS["simple-3"].text()
    for line in (
        "∂o_t/∂o_{t−1} = diag(1 − o_t²) W_hᵀ    (t = 1, 2, 3)",
        "∂L/∂W_h = ∂L/∂ŷ · ∂ŷ/∂o_3 · ∂⁺o_3/∂W_h   (short-term dependency)",
        "δ^z = ŷ − y",
        "δ_t = δ_{t+1}^a W_hᵀ    (t = 2, 1)",
        "∂L/∂W_i = ∑_{t=1}^{3} x_tᵀ δ_t^a",
        "W_i ← W_i − η ∂L/∂W_i",
    ):
        assert line in re.sub(r" {4,}\(t =", "    (t =", text)
    assert "31" in DOCUMENTS["simple-100"].only("counts").text()
