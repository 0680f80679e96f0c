"""Cells: states, initial values, the table of built-in cells, and cells as the literature writes them."""

from __future__ import annotations

import dataclasses
import re

import pytest

from rnnsym.errors import NetworkError, ShapeError
from rnnsym.model import cells as module
from rnnsym.model.cell_table import entries
from rnnsym.model.cells import Cell, cells
from rnnsym.model.expressions import Constant, Variable, size, t
from rnnsym.model.networks import Network

n = size("n")


def shapes(cell: Cell) -> dict[str, str]:
    return {parameter.name: str(parameter.shape) for parameter in cell.parameters}


@pytest.mark.parametrize("name", list(cells))
def test_a_built_in_cell_is_complete(name: str) -> None:
    cell, entry = cells[name], entries[name]
    assert cell.name == name == entry.name
    assert cell.text == entry.text
    assert cell.convention == "row"
    started = {state.variable.name: state.initial for state in cell.states if state.initial != 0}
    assert started == ({"u_next": 1} if name == "skip_rnn" else {})
    assert all(state.variable.shape == (n,) for state in cell.states if state.variable.name not in started)
    assert entry.title
    assert "\n" not in entry.title
    assert re.match(r"\D+ \d{4}", entry.source), "a source opens with its authors and the year"
    assert [str(one) for one in Network(cell, entry.readout).sizes] == ["d", "n", "k"]


def test_the_table_is_read_only_and_parsed_when_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(name: str, text: str) -> Cell:
        raise AssertionError(f"{name} was parsed: {text}")

    monkeypatch.setattr(module, "_built_in", refuse)
    assert list(cells) == list(entries)
    assert len(cells) == len(entries) >= 16
    assert "lstm" in cells
    assert "lstn" not in cells
    with pytest.raises(TypeError):
        cells["mine"] = cells  # type: ignore[index]


def test_a_built_in_cell_is_parsed_once() -> None:
    assert cells["gru"] is cells["gru"]


@pytest.mark.parametrize(("name", "words"), [
    ("lstn", f"no built-in cell 'lstn' (did you mean 'lstm'?); the cells are {', '.join(entries)}"),
    ("", f"no built-in cell ''; the cells are {', '.join(entries)}"),
])
def test_an_unknown_cell_is_refused_with_the_known_ones(name: str, words: str) -> None:
    with pytest.raises(NetworkError) as caught:
        cells[name]
    assert words in str(caught.value)


def test_the_lstm_has_two_states_and_twelve_parameters() -> None:
    lstm = cells["lstm"]
    assert [state.variable for state in lstm.states] == [Variable("c", (n,), t), Variable("h", (n,), t)]
    assert shapes(lstm) == {name + gate: shape for gate in "ifgo"
                            for name, shape in (("W_x", "(d, n)"), ("W_h", "(n, n)"), ("b_", "(n,)"))}


def test_the_gru_applies_its_reset_gate_after_the_product() -> None:
    candidate = next(one for one in cells["gru"].equations if one.target.name == "n")
    last = candidate.expression.args[1].args[-1]
    assert [type(factor).__name__ for factor in last.args] == ["Variable", "OrderedSum"]


def test_the_other_gru_applies_it_before() -> None:
    candidate = next(one for one in cells["gru_reset_before"].equations if one.target.name == "n")
    product = candidate.expression.args[1].args[1]
    assert [type(factor).__name__ for factor in product.args] == ["Hadamard", "Parameter"]


def test_skips_of_both_kinds() -> None:
    """A gate that leaves the state as it was, and a connection to the state of four steps back."""
    gated, connected = cells["skip_rnn"], cells["skip_connection"]
    assert {state.variable.name: state.lag for state in (*gated.states, *connected.states)} == {
        "s": 1, "u_next": 1, "h": 4}
    assert shapes(gated)["w_p"] == "(n,)"
    assert shapes(gated)["b_p"] == "()"


def test_independent_units_have_a_vector_of_recurrent_weights() -> None:
    assert shapes(cells["indrnn"]) == {"W_x": "(d, n)", "u": "(n,)", "b": "(n,)"}


def test_an_initialisation_is_named_where_the_source_asks_for_one() -> None:
    assert {entry.name: entry.initialisation for entry in entries.values() if entry.initialisation} == {
        "irnn": "identity"}


def test_a_column_convention_cell_has_transposed_shapes() -> None:
    cell = Cell.from_equations("column", "h = tanh(W_hh @ h_prev + W_xh @ x + b_h)")
    assert cell.convention == "column"
    assert shapes(cell) == {"W_hh": "(n, n)", "W_xh": "(n, d)", "b_h": "(n,)"}


def test_an_lstm_with_shared_text_per_gate_reads_like_the_lecture() -> None:
    cell = Cell.from_equations("lecture-lstm", """
        i = sigmoid(x @ Wx_i + prev_h @ Wh_i + b_i)
        f = sigmoid(x @ Wx_f + prev_h @ Wh_f + b_f)
        o = sigmoid(x @ Wx_o + prev_h @ Wh_o + b_o)
        g = tanh(x @ Wx_g + prev_h @ Wh_g + b_g)
        next_c = f * next_c_prev + i * g
        next_h = o * tanh(next_c)
    """.replace("prev_h", "next_h_prev"))
    assert {name: shape for name, shape in shapes(cell).items() if name.endswith("_f")} == {
        "Wx_f": "(d, n)", "Wh_f": "(n, n)", "b_f": "(n,)"}
    assert len(cell.parameters) == 12
    assert [state.variable.name for state in cell.states] == ["next_c", "next_h"]


def test_a_cell_with_constants_scalar_states_and_first_values() -> None:
    cell = Cell.from_equations("skip", """
        u: scalar = 1
        w_p: (n,)
        b_p: scalar
        dt = 0.05
        s = tanh(x @ W + s_prev @ U + b)
        h = u_prev * s + (1 - u_prev) * h_prev
        u = sigmoid(h @ w_p + b_p) * dt
    """)
    assert {state.variable.name: (state.variable.shape, state.initial) for state in cell.states} == {
        "s": ((n,), 0), "h": ((n,), 0), "u": ((), 1)}
    assert cell.constants == (Constant("dt", "1/20"),)
    assert shapes(cell) == {"W": "(d, n)", "U": "(n, n)", "b": "(n,)", "w_p": "(n,)", "b_p": "()"}


def test_a_cell_is_frozen_hashable_and_equal_to_its_twin() -> None:
    text = "h = tanh(x @ W + h_prev @ U)"
    cell = Cell.from_equations("twin", text)
    assert cell == Cell.from_equations("twin", text)
    assert len({cell, Cell.from_equations("twin", text)}) == 1
    with pytest.raises(dataclasses.FrozenInstanceError):
        cell.name = "other"  # type: ignore[misc]


@pytest.mark.parametrize("name", ["", "1st", "../etc", "a\nb", "x" * 65, 3])
def test_a_name_that_no_file_could_bear_is_refused(name: str) -> None:
    with pytest.raises(NetworkError, match="the name of a cell is at most 64"):
        Cell.from_equations(name, "h = h_prev")


def test_mixing_conventions_in_a_cell_says_where_both_stand() -> None:
    with pytest.raises(ShapeError) as caught:
        Cell.from_equations("mixed", "r = sigmoid(x @ W)\nh = r * tanh(U @ h_prev)")
    assert str(caught.value) == (
        "line 2, column 14: `x @ W` (line 1, column 13) writes vectors as rows, `U @ h_prev` (line 2, column 14) "
        "as columns: keep to one convention")
