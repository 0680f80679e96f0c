"""Ten kinds of bad input: each an error of ours, on one line, that names the object and the remedy; nothing is left."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import rnnsym
from rnnsym.dynamics import figures, save_figure
from rnnsym.errors import DataError, DerivationError, EquationError, OutputError, RnnsymError, ShapeError

NETWORK = rnnsym.Network(rnnsym.cells["simple"])
RUN = rnnsym.compile(NETWORK)


def call(**changes: Any) -> Any:
    shapes = NETWORK.shapes(d=5, n=3, k=1)
    arguments: dict[str, Any] = {
        "parameters": {name: np.ones(shape) for name, shape in shapes.items()},
        "inputs": np.ones((2, 4, 5)),
        "targets": np.ones((2, 1)),
    }
    weights = changes.pop("weights", {})
    arguments["parameters"] = arguments["parameters"] | weights
    return RUN.value_and_grad(**(arguments | changes))


def cell(text: str) -> Any:
    return rnnsym.Cell.from_equations("c", text)


def empty_corpus(folder: Path) -> Any:
    (folder / "empty.csv").write_text("", encoding="utf-8")
    return rnnsym.Corpus.from_csv(folder / "empty.csv")


BAD: dict[str, tuple[type[RnnsymError], str, Callable[[Path], Any]]] = {
    "shape conflict": (ShapeError, "W", lambda _: cell("h = tanh(x @ W + h_prev @ W)")),
    "unknown function": (EquationError, "tanh", lambda _: cell("h = tahn(x @ W + h_prev @ U)")),
    "unknown name after _prev": (EquationError, "q_prev", lambda _: cell("h = tanh(x @ W + q_prev @ U)")),
    "NaN weights": (DataError, "parameter b: expected finite", lambda _: call(weights={"b": [1.0, np.nan, 0.0]})),
    "T = 0": (DataError, "T is 0", lambda _: call(inputs=np.ones((2, 0, 5)))),
    "derivation of no step": (DerivationError, "steps", lambda _: rnnsym.derive(NETWORK, 0)),
    "labels outside [0, 1]": (DataError, "from 0 to 1", lambda _: call(targets=np.full((2, 1), 1.5))),
    "wrong key": (DataError, "did you mean 'W_i'", lambda _: call(weights={"W_I": np.ones((5, 3))})),
    "wrong dtype": (DataError, "dtype is complex", lambda _: call(inputs=np.ones((2, 4, 5)) + 0j)),
    "empty corpus": (DataError, "empty", empty_corpus),
    "unwritable folder": (
        OutputError,
        "/dev/null",
        lambda _: save_figure(figures["path-contributions"].draw(None, 0), Path("/dev/null/figure.svg")),
    ),
}


@pytest.mark.parametrize("kind", BAD)
def test_bad_input_is_one_clear_error(kind: str, tmp_path: Path) -> None:
    error, words, attempt = BAD[kind]
    with pytest.raises(error) as raised:
        attempt(tmp_path)
    assert words in str(raised.value)
    assert "\n" not in str(raised.value).strip()


def test_all_ten_kinds_are_tried() -> None:
    assert len(BAD) == 11  # T = 0 both of a call and of a derivation
