"""PyTorch's layers, weights for weights: their documented equations, stored outputs, and the layers themselves."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import rnnsym
from rnnsym.errors import DataError
from rnnsym.model.composition import stacked
from rnnsym.model.networks import Network
from rnnsym.numerics.torch_layout import from_torch_state_dict, layouts, to_torch_state_dict

Float = NDArray[np.float64]

ROUNDING = 1e-13  # a few hundred operations on numbers of size 1, each rounded in another order
GATES = {"simple": 1, "simple_relu": 1, "irnn": 1, "lstm": 4, "gru": 3}
LAYERS = {"simple": ("RNN", "tanh"), "simple_relu": ("RNN", "relu"), "irnn": ("RNN", "relu"), "lstm": ("LSTM", ""),
          "gru": ("GRU", "")}

# Last outputs of torch 2.13.0's layers in float64, for ``waves`` as weights and inputs: d = 3, n = 2, batch 2, T = 4.
STORED = {
    "simple": [[0.8150629595070846, -0.9499726183033629], [0.9578616229758569, -0.7881829660544536]],
    "simple_relu": [[1.7312286730619801, 0.0], [2.733928556296355, 0.0]],
    "lstm": [[0.2077147328410209, -0.4348343142145326], [0.28006742104541055, -0.40862106359965444]],
    "gru": [[0.5356326113226035, -0.49685974545367245], [0.4231245368233478, -0.39305238489116784]],
}
# The same of an LSTM of two layers; last states of a GRU in both directions, the layer's h_n.
STACK = [[-0.25139427947037984, -0.24431250141066568], [-0.2735810337527054, -0.2527138196437629]]
FORWARD = [[0.5356326113226035, -0.49685974545367245], [0.4231245368233478, -0.39305238489116784]]
BACKWARD = [[-0.3919774666615635, -0.4345822001305504], [-0.035547709776543035, -0.35033292192200843]]


def waves(*shape: int, phase: float) -> Float:
    """Numbers that any language can repeat: 0.6 sin(1.7 i + phase), i from 1."""
    return 0.6 * np.sin(1.7 * np.arange(1, int(np.prod(shape)) + 1) + phase).reshape(shape)


def torch_weights(gates: int, d: int, n: int, ending: str = "l0", phase: float = 0.0) -> dict[str, Float]:
    return {f"weight_ih_{ending}": waves(gates * n, d, phase=phase + 0.1),
            f"weight_hh_{ending}": waves(gates * n, n, phase=phase + 0.2),
            f"bias_ih_{ending}": waves(gates * n, phase=phase + 0.3),
            f"bias_hh_{ending}": waves(gates * n, phase=phase + 0.4)}


def network_of(name: str) -> Network:
    """The cell with its output as the network's output."""
    cell = rnnsym.cells[name]
    return Network(cell, f"yhat = {cell.states[-1].variable.name}", loss="squared_error")


def sigma(a: Float) -> Float:
    return 1 / (1 + np.exp(-a))


def simple_step(x: Float, state: tuple[Float, ...], w: dict[str, Float]) -> tuple[Float, ...]:
    return (np.tanh(w["weight_ih_l0"] @ x + w["bias_ih_l0"] + w["weight_hh_l0"] @ state[-1] + w["bias_hh_l0"]),)


def relu_step(x: Float, state: tuple[Float, ...], w: dict[str, Float]) -> tuple[Float, ...]:
    return (np.maximum(w["weight_ih_l0"] @ x + w["bias_ih_l0"] + w["weight_hh_l0"] @ state[-1] + w["bias_hh_l0"], 0),)


def lstm_step(x: Float, state: tuple[Float, ...], w: dict[str, Float]) -> tuple[Float, ...]:
    c, h = state
    i, f, g, o = np.split(w["weight_ih_l0"] @ x + w["bias_ih_l0"] + w["weight_hh_l0"] @ h + w["bias_hh_l0"], 4)
    cell = sigma(f) * c + sigma(i) * np.tanh(g)
    return cell, sigma(o) * np.tanh(cell)


def gru_step(x: Float, state: tuple[Float, ...], w: dict[str, Float]) -> tuple[Float, ...]:
    (h,) = state
    W_ir, W_iz, W_in = np.split(w["weight_ih_l0"], 3)
    W_hr, W_hz, W_hn = np.split(w["weight_hh_l0"], 3)
    b_ir, b_iz, b_in = np.split(w["bias_ih_l0"], 3)
    b_hr, b_hz, b_hn = np.split(w["bias_hh_l0"], 3)
    r = sigma(W_ir @ x + b_ir + W_hr @ h + b_hr)
    z = sigma(W_iz @ x + b_iz + W_hz @ h + b_hz)
    n = np.tanh(W_in @ x + b_in + r * (W_hn @ h + b_hn))
    return ((1 - z) * n + z * h,)


Step = Callable[[Float, tuple[Float, ...], dict[str, Float]], tuple[Float, ...]]
STEPS: dict[str, Step] = {
    "simple": simple_step, "simple_relu": relu_step, "irnn": relu_step, "lstm": lstm_step, "gru": gru_step}


def test_every_layout_is_tested() -> None:
    assert set(layouts) == set(STEPS) == set(GATES) == set(LAYERS)


@pytest.mark.parametrize("name", layouts)
@pytest.mark.parametrize(("d", "n"), [(3, 2), (2, 4)])
def test_the_documented_equations_give_the_same_output(name: str, d: int, n: int) -> None:
    network, weights = network_of(name), torch_weights(GATES[name], d, n)
    inputs = waves(5, d, phase=0.5)
    start = {state.variable.name: waves(n, phase=0.6 + place) for place, state in enumerate(network.states)}
    state = tuple(start.values())
    for x in inputs:
        state = STEPS[name](x, state, weights)
    ours = rnnsym.compile(network).predict(from_torch_state_dict(network, weights), inputs, start)
    np.testing.assert_allclose(ours, state[-1], rtol=0, atol=ROUNDING)


@pytest.mark.parametrize("name", STORED)
def test_the_stored_outputs_of_the_layers(name: str) -> None:
    network = network_of(name)
    parameters = from_torch_state_dict(network, torch_weights(GATES[name], 3, 2))
    output = rnnsym.compile(network).predict(parameters, waves(2, 4, 3, phase=0.5))
    np.testing.assert_allclose(output, STORED[name], rtol=0, atol=ROUNDING)


@pytest.mark.parametrize("name", layouts)
def test_the_layers_themselves_output_and_gradient(name: str) -> None:
    torch: Any = pytest.importorskip("torch", reason="the optional extra [torch]")
    kind, unit = LAYERS[name]
    options = {"nonlinearity": unit} if unit else {}
    layer = getattr(torch.nn, kind)(3, 2, batch_first=True, dtype=torch.float64, **options)
    network, run = network_of(name), rnnsym.compile(network_of(name))
    parameters = from_torch_state_dict(network, layer.state_dict())
    inputs, targets = waves(2, 4, 3, phase=0.5), waves(2, 2, phase=0.7)
    outputs = layer(torch.tensor(inputs))[0][:, -1]
    loss = ((outputs - torch.tensor(targets)) ** 2).sum(dim=1).mean() / 2
    loss.backward()
    ours, gradients = run.value_and_grad(parameters, inputs, targets)
    np.testing.assert_allclose(ours, loss.item(), rtol=0, atol=ROUNDING)
    found = to_torch_state_dict(network, gradients)
    for key, weight in layer.named_parameters():
        if key != "bias_hh_l0":  # our one bias has the gradient of each of the layer's two
            np.testing.assert_allclose(found[key], weight.grad.numpy(), rtol=0, atol=ROUNDING, err_msg=key)


@pytest.mark.parametrize("name", layouts)
def test_there_and_back_is_exact(name: str) -> None:
    network = network_of(name)
    shapes = network.shapes(d=3, n=2)
    given = {key: waves(*shape, phase=place) for place, (key, shape) in enumerate(shapes.items())}
    there = to_torch_state_dict(network, given)
    back = from_torch_state_dict(network, there)
    assert list(back) == list(given)
    for key, array in given.items():
        np.testing.assert_array_equal(back[key], array)
    assert {key: array.shape[0] for key, array in there.items()} == dict.fromkeys(there, GATES[name] * 2)


def test_a_joint_bias_is_the_sum_and_comes_back_as_the_first() -> None:
    weights = torch_weights(4, 3, 2)
    parameters = from_torch_state_dict(network_of("lstm"), weights)
    joint = weights["bias_ih_l0"] + weights["bias_hh_l0"]
    np.testing.assert_array_equal(np.concatenate([parameters[f"b_{gate}"] for gate in "ifgo"]), joint)
    back = to_torch_state_dict(network_of("lstm"), parameters)
    np.testing.assert_array_equal(back["bias_ih_l0"], joint)
    assert not back["bias_hh_l0"].any()


def test_what_is_returned_is_fresh() -> None:
    weights = {key: array.copy() for key, array in torch_weights(3, 3, 2).items()}
    parameters = from_torch_state_dict(network_of("gru"), weights)
    for array in parameters.values():
        array[...] = 9
    for key, array in torch_weights(3, 3, 2).items():
        np.testing.assert_array_equal(weights[key], array)


def test_another_layer_of_the_same_dictionary() -> None:
    both = torch_weights(3, 3, 2) | torch_weights(3, 2, 2, "l1")
    second = from_torch_state_dict(network_of("gru"), both, layer=1)
    assert second["W_xr"].shape == (2, 2)
    assert set(to_torch_state_dict(network_of("gru"), second, layer=1)) == set(torch_weights(3, 2, 2, "l1"))


def test_a_stack_takes_each_layer_under_its_suffix() -> None:
    network = Network(stacked([rnnsym.cells["lstm"]] * 2), "yhat = h_2", loss="squared_error")
    weights = torch_weights(4, 3, 2) | torch_weights(4, 2, 2, "l1", 1.0)
    parameters = from_torch_state_dict(network, weights, 0) | from_torch_state_dict(network, weights, 1)
    assert parameters.keys() == {one.name for one in network.parameters}
    output = rnnsym.compile(network).predict(parameters, waves(2, 4, 3, phase=0.5))
    np.testing.assert_allclose(output, STACK, rtol=0, atol=ROUNDING)
    assert to_torch_state_dict(network, parameters, 0).keys() | to_torch_state_dict(network, parameters, 1).keys() == (
        weights.keys())
    with pytest.raises(DataError, match="this network has the layers 0 to 1, not 2"):
        from_torch_state_dict(network, weights, 2)


@pytest.mark.parametrize(("readout", "expected"), [("yhat = h", FORWARD), ("yhat = bwd_h", BACKWARD)])
def test_a_bidirectional_network_takes_both_directions(readout: str, expected: list[list[float]]) -> None:
    network = Network(rnnsym.cells["gru"], readout, loss="squared_error", bidirectional=True)
    weights = torch_weights(3, 3, 2) | torch_weights(3, 3, 2, "l0_reverse", 1.0)
    parameters = from_torch_state_dict(network, weights)
    assert parameters.keys() == {one.name for one in network.parameters}
    output = rnnsym.compile(network).predict(parameters, waves(2, 4, 3, phase=0.5))
    np.testing.assert_allclose(output, expected, rtol=0, atol=ROUNDING)
    assert to_torch_state_dict(network, parameters).keys() == weights.keys()


def test_a_bidirectional_stack_is_refused() -> None:
    stack = stacked([rnnsym.cells["gru"]] * 2)
    network = Network(stack, "yhat = h_2 + bwd_h_2", loss="squared_error", bidirectional=True)
    with pytest.raises(DataError, match="a bidirectional stack"):
        from_torch_state_dict(network, torch_weights(3, 3, 2))


def changed(**replaced: Any) -> dict[str, Any]:
    """The GRU's weights with arrays replaced; None takes one away."""
    weights = torch_weights(3, 3, 2) | replaced
    return {key: value for key, value in weights.items() if value is not None}


REFUSED: dict[str, tuple[str, Any, int, str]] = {
    "a cell that PyTorch has not": ("mgu", torch_weights(2, 3, 2), 0, "the cell mgu is not one that a layer of"),
    "no dictionary": ("gru", [1, 2], 0, "state_dict: expected a dict"),
    "a missing bias": ("gru", changed(bias_hh_l0=None), 0, "the key 'bias_hh_l0' is missing"),
    "a slip in a key": ("gru", changed(weight_hi_l0=np.ones((6, 2))), 0, "unknown key 'weight_hi_l0'"),
    "a projection": ("lstm", torch_weights(4, 3, 2) | {"weight_hr_l0": np.ones((1, 2))}, 0, "key 'weight_hr_l0'"),
    "another direction": ("gru", changed(weight_ih_l0_reverse=np.ones((6, 3))), 0, "key 'weight_ih_l0_reverse'"),
    "a number for a key": ("gru", {**changed(), 3: 1.0}, 0, "unknown key 3"),
    "another cell's weights": ("lstm", torch_weights(3, 3, 2), 0, "weight_hh_l0: expected shape (4n, n)"),
    "no square blocks": ("simple", changed(), 0, "weight_hh_l0: expected shape (n, n)"),
    "too few input rows": ("gru", changed(weight_ih_l0=np.ones((5, 3))), 0, "weight_ih_l0: expected shape (6, d)"),
    "a bias of another size": ("gru", changed(bias_ih_l0=np.ones(5)), 0, "bias_ih_l0: expected shape (6,)"),
    "a matrix for a bias": ("gru", changed(bias_ih_l0=np.ones((6, 1))), 0, "bias_ih_l0: expected shape (6,)"),
    "not finite": ("gru", changed(bias_ih_l0=np.full(6, np.nan)), 0, "expected finite numbers"),
    "a layer that is not there": ("gru", changed(), 1, "the key 'weight_ih_l1' is missing"),
    "a negative layer": ("gru", changed(), -1, "layer: expected a whole number from 0"),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_what_does_not_fit_is_refused_in_one_line(kind: str) -> None:
    name, weights, layer, words = REFUSED[kind]
    with pytest.raises(DataError) as caught:
        from_torch_state_dict(network_of(name), weights, layer)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_parameters_that_do_not_fit_are_refused() -> None:
    network = network_of("lstm")
    parameters = from_torch_state_dict(network, torch_weights(4, 3, 2))
    cases = {
        "the key 'b_f' is missing": {key: value for key, value in parameters.items() if key != "b_f"},
        "unknown key 'b_q'": parameters | {"b_q": np.ones(2)},
        "parameter W_hf: expected shape (n, n)": parameters | {"W_hf": np.ones((2, 3))},
    }
    for words, given in cases.items():
        with pytest.raises(DataError) as caught:
            to_torch_state_dict(network, given)
        assert words in str(caught.value)


def test_a_cell_of_the_same_name_but_other_equations_is_refused() -> None:
    cell = rnnsym.Cell.from_equations("simple", "o = relu(x @ W_i + o_prev @ W_h + b)")
    with pytest.raises(DataError, match="the cell simple is not one"):
        from_torch_state_dict(Network(cell, "yhat = o", loss="squared_error"), torch_weights(1, 3, 2))
