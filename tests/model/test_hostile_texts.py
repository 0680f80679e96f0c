"""A hostile text ends in an EquationError, at once, and nothing of it is run."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rnnsym.errors import EquationError
from rnnsym.model.equations import read_equations
from rnnsym.model.expressions import size
from rnnsym.model.grammar import MAX_DEPTH
from rnnsym.model.sources import MAX_CHARACTERS

n = size("n")

DEEP = {
    "brackets": "h = " + "(" * 9000 + "x" + ")" * 9000,
    "signs": "h = " + "-" * 19000 + "x",
    "one flat sum": "h = " + "+".join(["x"] * 9000),
    "calls": "h = " + "tanh(" * (MAX_DEPTH + 1) + "h_prev" + ")" * (MAX_DEPTH + 1),
    "too long": "h = h_prev" + " " * MAX_CHARACTERS,
    "many lines": "\n".join(["h = h_prev"] * 300),
    "many names": "\n".join(f"h{i} = h{i}_prev + b{i} * c{i}" for i in range(150)),
    "many nodes": "\n".join(f"h{i} = " + "+".join(["x"] * 80) for i in range(100)),
    "backslash": "h = h_prev + \\",
}
# A text may cost this much at most; it is far above what it does cost, for the sake of slow machines.
MAX_SECONDS = 2.0


@pytest.mark.parametrize("name", DEEP)
def test_deep_and_long_texts_are_refused_at_once(name: str) -> None:
    start = time.perf_counter()
    with pytest.raises(EquationError):
        read_equations(DEEP[name])
    assert time.perf_counter() - start < MAX_SECONDS


@pytest.mark.parametrize("text", [
    "h = h_prev + " + " + ".join(f"b{i}" for i in range(60)),
    "h = h_prev * " + " * ".join(["x"] * 200),
    "h = " + "tanh(" * (MAX_DEPTH - 1) + "h_prev" + ")" * (MAX_DEPTH - 1),
    "h = h_prev + " + "x * (b + (" * 28 + "x" + "))" * 28,
])
def test_long_flat_and_fairly_deep_texts_are_read_at_once(text: str) -> None:
    start = time.perf_counter()
    assert read_equations(text).equations[0].expression.shape == (n,)
    assert time.perf_counter() - start < MAX_SECONDS


SEEDS = [
    "h = tanh(x @ W + h_prev @ U + b)",
    "r = sigmoid(W @ x + U @ h_prev)\nh = (1 - r) * h_prev + r * tanh(V @ x)  # gated",
    "gamma: scalar\ndt = 0.05\nh = h_prev + dt * tanh(h_prev @ (W - W.T - gamma * I) + x @ V)",
    "u: scalar = 1\nw: (n,)\nu = sigmoid(h_prev @ w) / 2\nh = u_prev * h_prev ** 2 + dot(x, x)",
]
PIECES = [
    "@", "**", "(", ")", ".T", "_prev", "=", ": scalar", "\n", ";", "lambda", "1e999", "'", "\\", "#", "[0]", "I",
    "\0", "ℎ", "x", "h", "sum(", ",", "0", "-", "   ", "\t", "\r", "\x0c", "\ud800", "{", "if", "W", "\u2028", "é", "$",
]


def refusal(text: str) -> EquationError | None:
    try:
        read_equations(text)
    except EquationError as error:
        return error
    return None


@settings(max_examples=150)
@given(st.sampled_from(SEEDS), st.lists(st.tuples(st.integers(0, 99), st.integers(0, 4), st.sampled_from(PIECES)),
                                        min_size=1, max_size=6))
def test_mutated_texts_end_in_equations_or_in_an_equation_error(
        text: str, changes: list[tuple[int, int, str]]) -> None:
    for position, length, piece in changes:
        at = position % (len(text) + 1)
        text = text[:at] + piece + text[at + length:]
    error = refusal(text)
    if error is None:
        assert all(one.target.shape == one.expression.shape for one in read_equations(text).equations)
    else:
        assert "\n" not in str(error)
        assert error.line is not None
        assert 1 <= error.line <= text.replace("\r\n", "\n").replace("\r", "\n").count("\n") + 1


@given(st.text(max_size=60))
def test_any_text_at_all_ends_in_an_equation_error(text: str) -> None:
    with pytest.raises(EquationError):
        read_equations(text + "\nq = undefined_prev")


def test_nothing_of_a_text_is_run(tmp_path: Path) -> None:
    witness = tmp_path / "witness"
    with pytest.raises(EquationError):
        read_equations(f"h = __import__('os').system('touch {witness}')")
    assert not witness.exists()
