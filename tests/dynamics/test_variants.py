"""Another activation: everything but the function stays as it was."""

from __future__ import annotations

import numpy as np
import pytest

import rnnsym
from rnnsym.dynamics.draws import draw_inputs, draw_parameters
from rnnsym.dynamics.products import step_jacobians
from rnnsym.dynamics.variants import UNITS, Function, activation_of, with_activation
from rnnsym.errors import DataError
from rnnsym.model.expressions import Elementwise, walk
from rnnsym.model.networks import Network

SIZES = {"d": 2, "n": 3, "k": 1}
LAYERS = Network([rnnsym.cells["simple"], rnnsym.cells["gru"]])
BOTH_ENDS = Network(rnnsym.cells["lstm"], bidirectional=True)
SEQUENCES = Network(rnnsym.cells["gru"], decoder=rnnsym.cells["simple"], topology="encoder-decoder",
                    loss="squared_error", readout="yhat = o @ W_y + b_y")


@pytest.mark.parametrize("network", [Network(rnnsym.cells[name]) for name in ("simple", "lstm", "gru", "skip_rnn")]
                         + [LAYERS, BOTH_ENDS, SEQUENCES], ids=str)
@pytest.mark.parametrize("name", [*UNITS, None])
def test_shapes_states_and_gates_stay(network: Network, name: Function) -> None:
    other = with_activation(network, name)
    assert other.shapes(**SIZES) == network.shapes(**SIZES)
    assert [state.variable.name for state in other.states] == [state.variable.name for state in network.states]
    assert other.readout == network.readout
    if name is not None:
        assert activation_of(other) == name
    assert count(other, "sigmoid") == count(network, "sigmoid")
    assert count(other, "tanh") == (count(network, "tanh") if name == "tanh" else 0)


def count(network: Network, function: str) -> int:
    return sum(isinstance(node, Elementwise) and node.function == function
               for equation in network.equations for node in walk(equation.expression))


@pytest.mark.parametrize("name", [*UNITS, "sigmoid", "sin", None])
def test_there_and_back_is_the_same_network(name: Function) -> None:
    network = Network(rnnsym.cells["simple"])
    assert with_activation(with_activation(network, name), "tanh") == network


def test_the_linear_variant_has_the_weight_as_its_jacobian() -> None:
    network = with_activation(Network(rnnsym.cells["simple"]), None)
    parameters, (inputs, _) = draw_parameters(network, SIZES, 0), draw_inputs(network, SIZES, 0, steps=4)
    found = step_jacobians(network, parameters, inputs)
    assert np.array_equal(found, np.broadcast_to(parameters["W_h"].T, found.shape))


def test_what_has_no_one_activation_is_refused_by_name() -> None:
    several = rnnsym.Cell.from_equations("several", "h = tanh(x @ W_x) + relu(h_prev @ W_h)")
    with pytest.raises(DataError, match="several is not made with one activation"):
        activation_of(Network(several, readout="yhat = sigmoid(h @ W_y)"))
    with pytest.raises(DataError, match="several is not made with one activation"):
        with_activation(Network(several, readout="yhat = sigmoid(h @ W_y)"), "relu")
    with pytest.raises(DataError, match="there is no 'gelu'"):
        with_activation(LAYERS, "gelu")
