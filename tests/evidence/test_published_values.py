"""Values that others published come out of cells written in the language of equations."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

import rnnsym
from rnnsym.model.networks import Network

PRINTED = 5e-9  # the published values bear eight decimals

SIMPLE = "h = tanh(x @ Wx + h_prev @ Wh + b)"
LSTM = """
    i = sigmoid(x @ Wxi + h_prev @ Whi + b_i)
    f = sigmoid(x @ Wxf + h_prev @ Whf + b_f)
    o = sigmoid(x @ Wxo + h_prev @ Who + b_o)
    g = tanh(x @ Wxg + h_prev @ Whg + b_g)
    c = f * c_prev + i * g
    h = o * tanh(c)
"""


def spaced(first: float, last: float, *shape: int) -> NDArray[np.float64]:
    return np.linspace(first, last, num=int(np.prod(shape))).reshape(shape)


def last_state(text: str, name: str) -> Network:
    return Network(rnnsym.Cell.from_equations(name, text), "yhat = h", loss="squared_error")


def test_cs231n_simple_step() -> None:
    parameters = {"Wx": spaced(-0.1, 0.9, 10, 4), "Wh": spaced(-0.3, 0.7, 4, 4), "b": spaced(-0.2, 0.4, 4)}
    inputs, state = spaced(-0.4, 0.7, 3, 10)[:, None], {"h": spaced(-0.2, 0.5, 3, 4)}
    output = rnnsym.compile(last_state(SIMPLE, "simple")).predict(parameters, inputs, state)
    np.testing.assert_allclose(output[0], [-0.58172089, -0.50182032, -0.41232771, -0.31410098], rtol=0, atol=PRINTED)


@pytest.mark.parametrize(("network", "prefix"), [
    (last_state(LSTM, "lstm"), "W"),
    (Network(rnnsym.cells["lstm"], "yhat = h", loss="squared_error"), "W_"),
], ids=["as a text", "built in"])
def test_cs231n_lstm_step(network: Network, prefix: str) -> None:
    """The gates stand side by side in the order i, f, o, g."""
    Wx, Wh, b = spaced(-2.1, 1.3, 4, 20), spaced(-0.7, 2.2, 5, 20), spaced(0.3, 0.7, 20)
    parameters: dict[str, NDArray[np.float64]] = {}
    for place, gate in enumerate("ifog"):
        columns = slice(5 * place, 5 * place + 5)
        parameters |= {f"{prefix}x{gate}": Wx[:, columns], f"{prefix}h{gate}": Wh[:, columns], f"b_{gate}": b[columns]}
    inputs = spaced(-0.4, 1.2, 3, 4)[:, None]
    state = {"h": spaced(-0.3, 0.7, 3, 5), "c": spaced(-0.4, 0.9, 3, 5)}
    output = rnnsym.compile(network).predict(parameters, inputs, state)
    expected = [0.24635157, 0.28610883, 0.32240467, 0.35525807, 0.38474904]
    np.testing.assert_allclose(output[0], expected, rtol=0, atol=PRINTED)


def test_the_notes_network_has_27_weights_and_4_biases() -> None:
    network = Network(rnnsym.cells["simple"])
    shapes = network.shapes(d=5, n=3, k=1)

    def total(kind: str) -> int:
        return sum(int(np.prod(shapes[count.parameter.name])) for count in network.counts() if count.kind == kind)

    assert (total("weight"), total("bias")) == (27, 4)


def updates(probability: float, steps: int) -> list[int]:
    """The gates u_1 … u_T of a Skip RNN whose Δ is ``probability`` at each step: where its state was set anew.

    With W_s = 0 a new state is tanh(x_t), a kept one that of an earlier step; no two inputs are the same.
    """
    network = Network(rnnsym.cells["skip_rnn"], "yhat = s", loss="squared_error")
    parameters = {"w_p": np.zeros(1), "b_p": np.log(probability / (1 - probability)),
                  "W_x": np.ones((1, 1)), "W_s": np.zeros((1, 1)), "b": np.zeros(1)}
    inputs = np.linspace(0.1, 1.0, steps)[:, None]
    run = rnnsym.compile(network)
    states = [float(run.predict(parameters, inputs[:length])[0]) for length in range(1, steps + 1)]
    return [int(abs(state - np.tanh(x)) < PRINTED) for state, x in zip(states, inputs[:, 0], strict=True)]


def test_a_skip_rnn_of_probability_one_fifth_updates_every_third_step() -> None:
    """u_next is .2, .4, .6, and only .6 is rounded to 1."""
    assert updates(0.2, 9) == [1, 0, 0, 1, 0, 0, 1, 0, 0]


def test_a_skip_rnn_rounds_one_half_up() -> None:
    """Half to even would give 1, 0, 1, 0."""
    assert updates(0.5, 6) == [1, 1, 1, 1, 1, 1]


def test_a_skip_rnn_of_a_certain_update_never_skips_and_of_a_rare_one_waits() -> None:
    assert updates(0.9, 5) == [1, 1, 1, 1, 1]
    assert updates(0.15, 9) == [1, 0, 0, 0, 1, 0, 0, 0, 1]
