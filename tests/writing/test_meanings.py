"""What the notation table says of each quantity is read off its equations, never off its name."""

from __future__ import annotations

import pytest

import rnnsym
from rnnsym.calculus.unrolling import graph_of
from rnnsym.writing.meanings import meaning

MEANT = {
    "lstm": {"i": "gate", "f": "gate", "o": "gate", "g": "candidate, weighed by a gate", "u": "function of `c`",
             "c": "state", "h": "state", "a_i": "pre-activation of `i`"},
    "gru": {"r": "gate", "z": "gate", "n": "candidate, weighed by a gate", "a_n": "pre-activation of `n`"},
    "simple": {"a": "pre-activation of `o`", "o": "state", "yhat": "output"},
    "skip_rnn": {"s": "state", "u_next": "state", "p": "intermediate", "u": "intermediate"},
    "mgu": {"f": "gate", "n": "candidate, weighed by a gate"},
    "lstm_coupled": {"f": "gate"},
}


def said(network: rnnsym.Network) -> dict[str, str]:
    graph = graph_of(network)
    return {a.target.name: meaning(graph, a.target) for a in (*graph.cell, *graph.readout)}


@pytest.mark.parametrize("cell", MEANT)
def test_says_what_the_equations_say(cell: str) -> None:
    found = said(rnnsym.Network(rnnsym.cells[cell]))
    assert {name: found[name] for name in MEANT[cell]} == MEANT[cell]


def test_a_name_decides_nothing() -> None:
    text = """
        gate = tanh(x @ A + h_prev @ B)
        candidate = sigmoid(x @ C + h_prev @ D)
        h = candidate * h_prev + (1 - candidate) * gate"""
    found = said(rnnsym.Network(rnnsym.Cell.from_equations("mine", text), "yhat = h @ W + c", loss="squared_error"))
    assert found["gate"] == "candidate, weighed by a gate"
    assert found["candidate"] == "gate"


@pytest.mark.parametrize("line", [
    "z = sigmoid(x @ A); h = tanh(z @ B + h_prev @ U)", "z = tanh(x @ A); h = z * h_prev",
], ids=["a sigmoid that weighs nothing", "a product with no fraction"])
def test_calls_nothing_a_gate_that_is_none(line: str) -> None:
    cell = rnnsym.Cell.from_equations("mine", line.replace("; ", "\n"))
    found = said(rnnsym.Network(cell, "yhat = h @ W + c", loss="squared_error"))
    assert "gate" not in found["z"]
