"""Slips that the language allows are remarked on; what is usual is not."""

from __future__ import annotations

import pytest

import rnnsym
from rnnsym.model.remarks import _remarks, remarks

READOUT = "yhat = sigmoid(h @ W_y + b_y)"
SLIPS: dict[str, tuple[str, str, str, str]] = {
    "unused line": ("h = tanh(x @ W + h_prev @ U)\nz = sigmoid(x @ V)", READOUT, "binary_cross_entropy",
                    "`z` is assigned and used nowhere"),
    "softmax loss": ("h = tanh(x @ W + h_prev @ U)", READOUT, "softmax_cross_entropy",
                     "made for a readout that ends in"),
    "sigmoid loss": ("h = tanh(x @ W + h_prev @ U)", "yhat = softmax(h @ W_y)", "binary_cross_entropy",
                     "ends in sigmoid, but this one ends in softmax"),
    "step": ("h = tanh(x @ W + h_prev @ U) + x_t", READOUT, "binary_cross_entropy", "`x_t` is read as a parameter"),
    "entry by entry": ("h = tanh(x * W + h_prev * U)", READOUT, "binary_cross_entropy", "they meet entry by entry"),
}


def network(name: str, text: str, readout: str, loss: str) -> rnnsym.Network:
    return rnnsym.Network(rnnsym.Cell.from_equations(name, text), readout, loss=loss)


@pytest.mark.parametrize("slip", SLIPS)
def test_a_slip_is_remarked_on_once(slip: str) -> None:
    text, readout, loss, words = SLIPS[slip]
    found = remarks(network("mine", text, readout, loss))
    assert len(found) == 1
    assert words in found[0]


def test_a_built_in_cells_name_is_remarked_on() -> None:
    text = "h = tanh(x @ W + h_prev @ U)"
    assert "called lstm" in remarks(network("lstm", text, READOUT, "binary_cross_entropy"))[0]
    assert remarks(network("mine", text, READOUT, "binary_cross_entropy")) == ()
    assert len(SLIPS) + 1 > len(_remarks)


@pytest.mark.parametrize("cell", rnnsym.cells)
@pytest.mark.parametrize("topology", ["many-to-one", "many-to-many", "encoder-decoder"])
def test_nothing_is_said_of_a_built_in_cell(cell: str, topology: str) -> None:
    assert remarks(rnnsym.Network(rnnsym.cells[cell], topology=topology)) == ()
    assert remarks(rnnsym.Network([rnnsym.cells[cell]] * 2, topology=topology)) == ()
