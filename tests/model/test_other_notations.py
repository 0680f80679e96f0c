"""What users write from paper, LaTeX or a library is refused with the language's own spelling, at its place."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

import rnnsym
from rnnsym.errors import EquationError, NetworkError
from rnnsym.model.other_notations import FUNCTIONS, SIGNS
from rnnsym.model.vocabulary import arities

MAX_SECONDS = 1.0  # of processor time: a pattern that goes back from each letter takes a minute
CELLS = {
    "h = tanh(x W + h_prev @ U)": (10, "an operator is missing; a matrix product is written `@`"),
    "h = x W": (5, "an operator is missing"),
    "h = tanh(x @ W + h_{t-1} @ U)": (18, "`h_prev` is what it is called"),
    "h = tanh(x @ W + h_{t - 3} @ U)": (18, r"`h_prev\[3\]` is what it is called"),
    "h_{t} = tanh(x @ W)": (1, "`h` is what it is called"),
    "h = tanh(x @ W + h_(t-1) @ U)": (18, "the state of the step before is `h_prev`"),
    "h = tanh(x @ W + h[t-1] @ U)": (18, "one step back it is `h_prev`"),
    "h = σ(x @ W + h_prev @ U)": (5, "`sigmoid` is the language's"),
    "h = ln(x @ W)": (5, "`log` is the language's"),
    "h = np.tanh(x @ W)": (5, "write `tanh.….`, no module's name"),
    "h = np.linalg.solve(x, W)": (5, "only a function of the table"),
    r"h = \tanh(x @ W)": (5, "LaTeX is not read: write `tanh` alone"),
    "h = tanh(x @ W^T)": (10, "the transpose .T"),
    "h = 2x": (5, r"write `2 \* x`"),
    "h := x @ W": (3, "an equation is written with `=`"),
    "h = ∂L/∂x": (5, "a cell holds no derivatives"),
    "h[t] = tanh(x @ W + h[t-1] @ U)": (1, "`h` is that of this step, `h_prev` the one before"),
    "h(t) = tanh(x @ W)": (1, "steps are not written: `h = …`"),
    "h' = tanh(x @ W)": (1, "a name holds letters"),
    "h = h_prev[0] + x @ W": (12, "this step's own value is `h`"),
    "h = h_prev[-1] + x @ W": (12, "one step back it is `h_prev`"),
    "h = h_prev[0.5] + x @ W": (12, r"write `h_prev\[2\]`"),
    "h = tanh(x @ W + h_prev_prev @ U)": (18, r"of two steps before is written `h_prev\[2\]`"),
    "h = x @ W + h_{prev}": (13, "`h_prev` is what it is called"),
    "σ = 0.1": (1, "write `sigma`"),
    "h = λ_1 * h_prev + x @ W": (5, "write `lam_1`"),
    "h = Δ * h_prev + x @ W": (5, "write `Delta`"),
    "W: R^{n x d}": (1, r"a shape is written `W: \(n, d\)`"),
    "h = (x @ W) @ h_prev": (1, r"an elementwise product is written `\*`"),
    "lambda = x @ W": (1, "`lambda` is a word of Python's"),
    "h = x if W": (7, "`if` is a word of Python's"),
}
CLAIMS = {
    "total(L, W_h) = sum(total(L, o[j]) @ partial(o[j], W_h) for j in range(1, T + 1))": (15, "with `==`"),
    "∂L/∂W_h == total(L, W_h)": (1, r"a derivative is written `total\(L, W\)`"),
    "dL/dW_h == 0": (1, r"a derivative is written `total\(L, W\)`"),
    "dL_dW_h == 0": (1, r"a derivative is written `total\(L, W\)`"),
    "total(L, y) == 0": (10, "`target` is what it is called"),
    "o[t]^2 == 1": (1, r"a power is written `\*\*`"),
    "o_t == o[t]": (1, r"a quantity of a step is written `o\[t\]`"),
    "o_{t-1} == o[t]": (1, r"a quantity of a step is written `o\[t-1\]`"),
    "total(L, Wh) == 0": (10, "did you mean `W_h`"),
}


@pytest.mark.parametrize("text", CELLS)
def test_a_cell_is_told_how_it_is_written(text: str) -> None:
    column, words = CELLS[text]
    with pytest.raises(EquationError, match=words) as refused:
        rnnsym.Cell.from_equations("mine", text)
    assert refused.value.column == column
    assert "Python says" not in str(refused.value)


@pytest.mark.parametrize("text", CLAIMS)
def test_a_claim_is_told_how_it_is_written(text: str) -> None:
    column, words = CLAIMS[text]
    with pytest.raises(EquationError, match=words) as refused:
        rnnsym.check_claim(text, rnnsym.Network(rnnsym.cells["simple"]))
    assert refused.value.column == column


@pytest.mark.parametrize("sign", SIGNS)
def test_each_sign_has_a_remedy(sign: str) -> None:
    with pytest.raises(EquationError, match=r"is written|letters, digits"):
        rnnsym.Cell.from_equations("mine", f"h = tanh(x @ W {sign} h_prev)")


@pytest.mark.parametrize("text", ["a" * 9000 + " +* b", "a_" * 4500 + "{ b", "1" * 30 + "a" * 9000 + "$",
                                  "da / " * 1800 + "$", " " * 9000 + "a $", "\\a" * 4500, "a b" * 3000])
def test_a_long_line_costs_no_more_than_its_length(text: str) -> None:
    start = time.process_time()
    with pytest.raises(EquationError) as refused:
        rnnsym.Cell.from_equations("mine", f"h = {text}")
    assert time.process_time() - start < MAX_SECONDS
    assert len(str(refused.value)) < 400


FILES = {
    'name = "m"\nname = "k"\n': "the key name stands there for the second time",
    'cell = ["mine", "mine"]': "a cell of your own is stacked by its equations and `layers`",
    'name = "m"\nequations = "h = \\\\sigma(x)"\nreadout = "yhat = h"': "LaTeX is not read",
    'name = "m"\nequations = "h = \\\\omega(x)"': "LaTeX is not read|needs",
    'name = "m"\nequations = "\\omega(x)"': "equations need no backslash",
}


@pytest.mark.parametrize("text", FILES)
def test_a_file_is_told_how_it_is_written(text: str, tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(NetworkError, match=FILES[text]):
        rnnsym.Network.from_file(file)


def test_a_remedy_names_functions_that_there_are() -> None:
    assert {text.partition("(")[0] for text in FUNCTIONS.values()} <= set(arities)
    assert not FUNCTIONS.keys() & arities.keys()
