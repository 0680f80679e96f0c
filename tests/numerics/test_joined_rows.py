"""Rows that are looked up, joined with what all sequences share."""

from __future__ import annotations

import numpy as np
import pytest

from rnnsym.model.cells import Cell
from rnnsym.model.networks import Network
from rnnsym.numerics.compilation import compile_network

JOINED = "E: (d, m)\nb: (q,)\nh = tanh(concat(E[x], b) @ W + h_prev)"
APART = "E: (d, m)\nb: (q,)\nW_1: (m, n)\nW_2: (q, n)\nh = tanh(E[x] @ W_1 + b @ W_2 + h_prev)"
READOUT = "yhat = sigmoid(h @ V)"


@pytest.mark.parametrize("batch", [1, 3])
def test_a_row_and_a_parameter_side_by_side_are_two_products(batch: int) -> None:
    random = np.random.default_rng(0)
    shapes = {"E": (4, 2), "b": (3,), "W": (5, 2), "V": (2, 1)}
    joined = {name: random.normal(size=shape) for name, shape in shapes.items()}
    apart = {**joined, "W_1": joined["W"][:2], "W_2": joined["W"][2:]}
    del apart["W"]
    inputs, targets = random.integers(0, 4, size=(batch, 3)), random.uniform(size=(batch, 1))
    runs = [compile_network(Network(Cell.from_equations("rows", text), READOUT)) for text in (JOINED, APART)]
    found, expected = (run.value_and_grad(p, inputs, targets) for run, p in zip(runs, (joined, apart), strict=True))
    assert found[0] == pytest.approx(expected[0], rel=1e-12)
    for name in ("E", "b", "V"):
        assert found[1][name] == pytest.approx(expected[1][name], rel=1e-10)
    assert found[1]["W"] == pytest.approx(np.concatenate((expected[1]["W_1"], expected[1]["W_2"])), rel=1e-10)
