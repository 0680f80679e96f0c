"""Damaged and hostile texts: one clear error with its place, or a cell that all later stages take, and soon."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings, target
from hypothesis import strategies as st

import rnnsym
from rnnsym.errors import EquationError, RnnsymError
from rnnsym.evidence import strategies
from rnnsym.evidence.damage import SMALL
from rnnsym.model.cells import Cell
from rnnsym.model.networks import Network
from rnnsym.model.sources import MAX_CHARACTERS

MAX_SECONDS = 1.0  # of processor time for one text; a published cell takes a few thousandths
SECONDS = "processor seconds for one text"  # drives the search; --hypothesis-show-statistics tells the largest
LONGEST_DERIVED = 300  # characters: derivatives of one product of very many factors are not linear in them
MANY = settings.default.max_examples * 4 if settings.default else 60


def answer(text: str) -> tuple[Cell | None, float]:
    """The cell of a text, or None where it is refused as it should be, and the seconds of processor time it took."""
    start, cell, refusal = time.process_time(), None, None
    try:
        cell = Cell.from_equations("damaged", text)
    except EquationError as error:
        refusal = error
    seconds = time.process_time() - start
    assert seconds < MAX_SECONDS, f"{seconds:.2f} s for {text[:200]!r}"
    if refusal is not None:
        check_place(refusal, text)
    return cell, seconds


def check_place(error: EquationError, text: str) -> None:
    """One line that says where, within the text; only a text that is too long as a whole has no place."""
    message = str(error)
    assert message.isprintable() or "\u2028" not in message
    assert "\n" not in message
    if error.line is None:
        assert len(text) > MAX_CHARACTERS
        return
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    assert 1 <= error.line <= len(lines)
    assert error.column is not None
    assert 1 <= error.column <= len(lines[error.line - 1]) + 1


def readout_of(cell: Cell) -> str:
    """A readout of the last state by a weight that no drawn text uses."""
    state = cell.states[-1].variable
    weighted = f"{state.name} @ W_out" if cell.convention == "row" else f"W_out @ {state.name}"
    return f"yhat = {weighted if state.rank else f'{state.name} * b_out'}"


def taken_or_refused(cell: Cell) -> str:
    """Run the later stages: what they do not take, they refuse by an error of ours."""
    refusal = ""
    try:
        network = Network(cell, readout_of(cell), loss="squared_error")
        rnnsym.compile(network)
        assert rnnsym.derive(network, steps=2).checked
    except RnnsymError as error:
        refusal = str(error)
    assert "\n" not in refusal
    return "refused" if refusal else "taken"


@settings(max_examples=MANY)
@given(strategies.mutated_texts())
def test_a_damaged_text_is_refused_with_its_place_or_taken_by_every_stage(text: str) -> None:
    cell, seconds = answer(text)
    target(seconds, label=SECONDS)
    if cell is not None:
        assert taken_or_refused(cell) in ("taken", "refused")


@settings(max_examples=MANY)
@given(strategies.hostile_texts())
def test_a_hostile_text_is_refused_with_its_place_or_taken_by_every_stage(text: str) -> None:
    cell, seconds = answer(text)
    target(seconds, label=SECONDS)
    if cell is not None and len(text) <= LONGEST_DERIVED:
        assert taken_or_refused(cell) in ("taken", "refused")


@settings(max_examples=MANY)
@given(st.data())
def test_a_damaged_readout_is_refused_with_its_place_or_taken(data: st.DataObject) -> None:
    cell = data.draw(strategies.cells())
    text = data.draw(strategies.damaged(strategies.readout_texts(cell)))
    refusal: RnnsymError | None = None
    try:
        Network(cell, text)
    except RnnsymError as error:
        refusal = error
    assert "\n" not in str(refusal)
    if isinstance(refusal, EquationError) and text:
        assert "in the readout" in str(refusal)
        check_place(refusal, text)


@pytest.mark.parametrize("text", SMALL)
def test_each_small_hostile_text_is_refused_with_its_place_or_taken(text: str) -> None:
    cell, _ = answer(text)
    if cell is not None:
        assert taken_or_refused(cell) in ("taken", "refused")


def test_most_small_hostile_texts_are_refused() -> None:
    taken = [text for text in SMALL if answer(text)[0] is not None]
    assert len(taken) < len(SMALL) // 8, taken
    assert not any(word in text for text in taken for word in ("import", "eval", "open", "exec", "__"))


PLANTED = [EquationError("somewhere"), EquationError("beyond", 9, 1), EquationError("a\nb", 1, 1)]


@pytest.mark.parametrize("planted", PLANTED)
def test_an_error_without_its_place_would_be_seen(planted: EquationError) -> None:
    with pytest.raises(AssertionError):
        check_place(planted, "h = h_prev")
