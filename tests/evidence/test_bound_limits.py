"""What bounds do not imply: the printed counterexamples, typed again; and the documents that hold them."""

from __future__ import annotations

import ast
from functools import cache
from typing import Any

import numpy as np
import pytest

import rnnsym
from rnnsym.calculus.norms import Decimal
from rnnsym.evidence.bound_checks import survey
from rnnsym.model.expressions import Named, Variable
from rnnsym.writing.boxes import Box
from rnnsym.writing.derivation import Derivation
from rnnsym.writing.plain import plain

Array = Any


def network_of(cell: str) -> rnnsym.Network:
    return rnnsym.Network(rnnsym.cells[cell])


@cache
def checked(cell: str) -> Derivation:
    return rnnsym.derive_bounds(network_of(cell))


def retyped(document: Derivation, key: str) -> dict[str, Array]:
    """The numbers of a counterexample as a reader types them from the page."""
    section = next(section for section in document.sections if section.key == key)
    assert section.table is not None
    found = {}
    for name, value in section.table.rows:
        assert isinstance(name, Named)
        assert isinstance(value, Box)
        typed = ast.literal_eval(plain(value).replace("−", "-"))
        found[name.name + "_0" * isinstance(name, Variable)] = np.array(typed, dtype=float, ndmin=name.rank)
    return found


def sigmoid(a: Array) -> Array:
    return 1 / (1 + np.exp(-a))


def test_the_total_of_an_lstm_exceeds_its_direct_path_at_the_printed_numbers() -> None:
    numbers = retyped(checked("lstm"), "excess-c")

    def run(c: Array) -> tuple[Array, float]:
        h, product = numbers["h_0"], 1.0
        for _ in range(2):
            i, f, o = (sigmoid(h @ numbers[f"W_h{gate}"] + numbers[f"b_{gate}"]) for gate in "ifo")
            g = np.tanh(h @ numbers["W_hg"] + numbers["b_g"])
            c = f * c + i * g
            h, product = o * np.tanh(c), product * float(np.abs(f).max())
        return c, product

    c, product = numbers["c_0"], run(numbers["c_0"])[1]
    total = abs(float((run(c + 1e-6)[0] - run(c - 1e-6)[0])[0] / 2e-6))
    printed = [float(step.after.value) for step in checked("lstm").steps
               if step.relation == "≈" and isinstance(step.after, Decimal)][:2]
    assert printed == pytest.approx([total, product], abs=6e-5)
    assert total > 1 > product  # the direct path vanishes, and the total grows


@pytest.mark.parametrize("cell", ["lstm", "lstm_coupled", "gru", "gru_reset_before", "mgu", "janet"])
def test_gated_cells_exceed_their_direct_path(cell: str) -> None:
    keys = [section.key for section in checked(cell).sections]
    assert any(key.startswith("excess-") for key in keys)


@pytest.mark.parametrize("cell", ["linear_recurrence", "simple"])
def test_where_there_is_nothing_but_the_direct_path_none_is_exceeded(cell: str) -> None:
    assert not any(section.key.startswith("excess-") for section in checked(cell).sections)


def test_transient_growth() -> None:
    matrix = np.array([[0.9, 10], [0, 0.9]])
    norms = [np.linalg.norm(np.linalg.matrix_power(matrix, power), 2) for power in range(101)]
    assert int(np.argmax(norms)) == 9
    assert round(norms[9], 2) == 38.75
    assert round(norms[100], 4) == 0.0295
    assert "38.75" in checked("simple").only("limits").text()


def test_a_survey_of_draws_counts_what_it_compared() -> None:
    found = survey(network_of("simple"), draws=6, steps=3)
    assert (found.compared, found.broken) == (6 * 6, 0)
    assert found.nearest == pytest.approx(1, abs=0.01)


def test_the_same_seed_gives_the_same_document() -> None:
    assert rnnsym.derive_bounds(network_of("gru"), seed=5) == rnnsym.derive_bounds(network_of("gru"), seed=5)


@pytest.mark.parametrize("cell", ["simple", "lstm", "skip_rnn"])
def test_it_prints(cell: str) -> None:
    document = checked(cell)
    assert r"\lVert" in document.latex()
    assert "‖" in document.text()
    assert "<math" in document.html()
