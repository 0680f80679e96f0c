"""Networks and arguments that are seldom met: no slopes, states called as arguments are, shared scalar starts."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from rnnsym.errors import DerivationError
from rnnsym.model.cells import Cell, cells
from rnnsym.model.networks import Network
from rnnsym.numerics.compilation import compile_network


def test_where_no_slope_is_left_an_initial_state_has_none_either() -> None:
    run = compile_network(Network(Cell.from_equations("signs", "h = sign(x @ W + h_prev @ U)"), "yhat = h @ V",
                                  "squared_error"), forms=False)
    parameters = {name: np.full(shape, 0.1) for name, shape in run.network.shapes(d=2, n=2, k=1).items()}
    for batch in (1, 2):
        found = run.value_and_grad(parameters, np.ones((batch, 3, 2)), np.ones((batch, 1)), wrt=("h_0", "inputs"))[1]
        assert not found["h_0"].any()
        assert not found["inputs"].any()


def test_a_state_called_inputs_keeps_the_gradient_of_the_inputs_apart() -> None:
    network = Network(Cell.from_equations("own", "inputs = tanh(x @ W + inputs_prev @ U + b)"),
                      "yhat = sigmoid(inputs @ V)")
    parameters = {name: np.full(shape, 0.3) for name, shape in network.shapes(d=4, n=3, k=1).items()}
    found = compile_network(network).value_and_grad(parameters, np.ones((2, 2, 4)), np.ones((2, 1)),
                                                    {"inputs": np.zeros(3)}, wrt=("inputs", "inputs_0"))[1]
    assert found["inputs"].shape == (2, 2, 4)
    assert found["inputs_0"].shape == (3,)


def test_a_shared_scalar_state_has_a_gradient_that_is_an_array() -> None:
    network = Network(Cell.from_equations("leak", "h: scalar\nw: (d,)\nh = tanh(dot(x, w) + h_prev)"),
                      "V: (1,)\nyhat = sigmoid(h * V)")
    parameters = {name: np.full(shape, 0.3) for name, shape in network.shapes(d=2).items()}
    for batch in (1, 3):
        found = compile_network(network, forms=False).value_and_grad(
            parameters, np.ones((batch, 2, 2)), np.ones((batch, 1)), {"h": np.array(0.0)}, wrt=("h_0",))[1]["h_0"]
        assert isinstance(found, np.ndarray)
        assert found.shape == ()


def test_what_is_no_network_backend_or_switch_is_refused() -> None:
    network, refused = Network(cells["simple"]), 0
    wrong: list[tuple[Any, ...]] = [(cells["simple"],), ("lstm",), (network, ["numpy"]), (network, None),
                                    (network, "numpy", "no")]
    for arguments in wrong:
        with pytest.raises(DerivationError):
            compile_network(*arguments)
        refused += 1
    assert refused == 5


def test_a_constant_called_direct_is_a_constant() -> None:
    texts = [f"{name} = 0.5\nh = tanh(x @ W + {name} * h_prev)" for name in ("direct", "a")]
    named, plain = (Network(Cell.from_equations("own", text), "yhat = h @ V", "squared_error") for text in texts)
    parameters = {name: np.full(shape, 0.3) for name, shape in plain.shapes(d=4, n=3, k=1).items()}
    arguments = parameters, np.ones((2, 2, 4)), np.ones((2, 1))
    assert compile_network(named).value_and_grad(*arguments)[0] == compile_network(plain).value_and_grad(*arguments)[0]
