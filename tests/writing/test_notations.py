"""Notations: each name is re-spelt by what it does in the equations, whatever it is called, on the whole page."""

from __future__ import annotations

import re
import sys

import pytest

import rnnsym
from rnnsym.cli import main
from rnnsym.errors import DerivationError
from rnnsym.writing.derivation import Derivation
from rnnsym.writing.notations import KEY, notations
from rnnsym.writing.sections import derivation


def network(text: str, readout: str = "yhat = sigmoid(h @ R + s)") -> rnnsym.Network:
    return rnnsym.Network(rnnsym.Cell.from_equations("mine", text), readout, loss="squared_error")


def spelt(net: rnnsym.Network, notation: str) -> dict[str, str]:
    return dict(derivation(net, 2).respelled(notation).style.names)


STRANGE = network("h = tanh(x @ P + h_prev @ Q + r)")
STRANGE_COLUMNS = network("h = tanh(Q @ h_prev + P @ x + r)", "yhat = sigmoid(R @ h + s)")
SWAPPED = network("h = tanh(x @ W_h + h_prev @ W_i + V)", "yhat = sigmoid(h @ U + b)")


@pytest.mark.parametrize("net", [STRANGE, STRANGE_COLUMNS])
@pytest.mark.parametrize(("notation", "expected"), [
    ("notes", {"P": "W_i", "Q": "W_h", "r": "b", "R": "W_o", "s": "b_o", "h": "o"}),
    ("goodfellow", {"P": "U", "Q": "W", "r": "b", "R": "V", "s": "c", "h": "h", "z": "o"}),
    ("pytorch", {"P": "W_ih", "Q": "W_hh", "h": "h"}),
    ("author", {}),
])
def test_a_role_is_read_off_the_equations(net: rnnsym.Network, notation: str, expected: dict[str, str]) -> None:
    assert spelt(net, notation) == expected


def test_a_name_says_nothing_about_its_role() -> None:
    assert spelt(SWAPPED, "notes") | {"h": ""} == {
        "W_h": "W_i", "W_i": "W_h", "V": "b", "U": "W_o", "b": "b_o", "h": ""}
    assert "a_t = x_t W_i + o_{t−1} W_h + b" in re.sub(r"_[123]\b", "_t", derivation(SWAPPED, 2).respelled("notes")
                                                       .text().replace("o_1", "o_{t−1}"))


def test_the_gates_of_pytorch() -> None:
    assert spelt(rnnsym.Network(rnnsym.cells["gru"]), "pytorch") == {
        "W_xr": "W_ir", "W_hr": "W_hr", "W_xz": "W_iz", "W_hz": "W_hz", "W_xn": "W_in", "b_xn": "b_in", "W_hn": "W_hn",
        "b_hn": "b_hn", "h": "h"}
    lstm = spelt(rnnsym.Network(rnnsym.cells["lstm"]), "pytorch")
    assert [lstm[f"W_x{gate}"] for gate in "ifgo"] == ["W_ii", "W_if", "W_ig", "W_io"]


def test_composition_keeps_its_marks() -> None:
    cell = rnnsym.cells["simple"]
    both = rnnsym.Network(cell, topology="many-to-many", bidirectional=True)
    assert spelt(both, "goodfellow")["bwd_W_i"] == "bwd_U"
    assert spelt(rnnsym.Network([cell, cell]), "goodfellow")["W_i_2"] == "U_2"
    decoder = rnnsym.Network(cell, loss="squared_error", topology="encoder-decoder", teacher_forcing=False)
    names = spelt(decoder, "goodfellow")
    assert (names["dec_W_i"], names["dec_W_h"], names["dec_o"], names["W_o"]) == ("dec_U", "dec_W", "dec_h", "V")


KEPT = {
    "two roles": ("P: (n, n)\nh = tanh(x @ P + h_prev @ P)", {"P"}),
    "two of one role": ("h = tanh(x @ P + tanh(x @ Q) + h_prev @ R_h)", {"P", "Q"}),
    "a state four steps back": ("h = tanh(x @ P + h_prev @ Q + h_prev[4] @ K)", {"K"}),
    "a joined input": ("h = tanh(concat(x, h_prev) @ K)", {"K"}),
    "a vector of weights": ("h = tanh(x @ P + u * h_prev)", {"u"}),
    "another state": ("m = tanh(x @ A + m_prev @ K)\nh = tanh(m @ B + h_prev @ Q)", {"K", "B"}),
}


@pytest.mark.parametrize("case", KEPT)
def test_what_has_no_letter_keeps_the_authors_name(case: str) -> None:
    text, kept = KEPT[case]
    names = spelt(network(text), "goodfellow")
    assert kept.isdisjoint(names)
    assert names["R"] == "V"


def test_a_variable_of_the_author_s_keeps_its_sign() -> None:
    """The LSTM's gate o keeps its o: its state stays h among the notes, its logit z with Goodfellow."""
    lstm = rnnsym.Network(rnnsym.cells["lstm"])
    assert "h" not in spelt(lstm, "notes")
    assert "z" not in spelt(lstm, "goodfellow")


@pytest.mark.parametrize(("text", "both"), [
    ("h = tanh(x @ P + h_prev @ Q + U * h_prev)", "P and U|U and P"),
    ("h = tanh(x @ P + h_prev @ Q) + W * h_prev", "Q and W|W and Q"),
])
def test_two_names_that_would_print_alike_are_refused(text: str, both: str) -> None:
    document = derivation(network(text), 2)
    with pytest.raises(DerivationError, match=f"({both}) are both printed [UW] in the notation goodfellow: rename one"):
        document.respelled("goodfellow")
    assert document.respelled("pytorch").style.names


def test_an_unknown_notation_is_refused() -> None:
    with pytest.raises(DerivationError, match="there is no notation 'mine'; known: author, notes, goodfellow, pytorch"):
        derivation(STRANGE, 2).respelled("mine")


def outputs(document: Derivation) -> list[str]:
    page = re.sub(r"base64,[^)]*", "", document.html())
    return [document.text(), document.latex(), re.sub(r"<[^>]*>", " ", page)]


def test_no_output_shows_a_name_that_was_re_spelt() -> None:
    """Text, tables, running text and page: the author's names stand in the table of names alone."""
    net = network("h = tanh(x @ Win + h_prev @ Wrec + beff)", "yhat = sigmoid(h @ Wout + bout)")
    whole = rnnsym.derive(net, 2).respelled("goodfellow")
    rest = whole.only(*(section.key for section in whole.sections if section.key != KEY))
    for text in outputs(rest):
        assert not re.search("Win|Wrec|beff|Wout|bout", text.replace("about", ""))
    for text in outputs(whole.only(KEY)):
        assert all(name in text for name in ("Win", "Wrec", "beff", "Wout", "bout"))


def test_a_page_goes_back_to_the_author_s_names() -> None:
    document = rnnsym.derive(STRANGE, 2)
    there = document.respelled("goodfellow")
    assert there.respelled("author") == document
    assert there.respelled("notes") == document.respelled("notes")
    assert there.checked
    assert [section.key for section in there.sections][:2] == ["notation", KEY]
    assert document.only("paths").respelled("goodfellow").sections[0].key == KEY


@pytest.mark.parametrize("name", rnnsym.cells)
@pytest.mark.parametrize("notation", notations)
def test_every_built_in_cell_can_be_printed_in_every_notation(name: str, notation: str) -> None:
    document = derivation(rnnsym.Network(rnnsym.cells[name]), 2)
    again = document.respelled(notation)
    assert [step.before for step in again.steps] == [step.before for step in document.steps]
    spellings = [new for _, new in again.style.names]
    assert len(set(spellings)) == len(spellings)
    assert bool(spellings) == (notation != "author")


def test_the_command_line_takes_a_notation(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def outcome(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["rnnsym", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        return int(ended.value.code or 0), *capsys.readouterr()

    status, text, _ = outcome("derive", "--cell", "gru", "--notation", "pytorch", "--steps", "1")
    assert (status, "W_ir" in text, "W_xr " in text.split("The unrolled")[1]) == (0, True, False)
    status, text, complaint = outcome("derive", "--notation", "mine")
    assert (status, text) == (2, "")
    assert "--notation: expected one of author, notes, goodfellow, pytorch" in complaint
