"""Laws of gradient products: exact for linear maps, bounded for tanh, equal to finite differences for every cell."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from rnnsym import Cell, Network, cells, compile
from rnnsym.dynamics import (
    draw_inputs,
    draw_parameters,
    gradient_products,
    log_product_norms,
    recurrent_weights,
    step_jacobians,
    with_spectral_radius,
)
from rnnsym.errors import DataError

STEPS = 100
ROUNDING = 1e-11  # of a logarithm: 100 products of up to 8 terms, 2e-16 each, with room for the norms' own rounding
DIFFERENCE_STEP = 1e-5
DIFFERENCE_TOLERANCE = 1e-8  # of central differences: h² = 1e-10 times third derivatives, and 1e-16 / h of rounding

OUTPUT = "yhat = sigmoid(o @ W_o + b_o)"
LINEAR = Network(Cell.from_equations("linear", "o = x @ W_i + o_prev @ W_h + b"), OUTPUT)
SIMPLE = Network(cells["simple"])
RELU = Network(Cell.from_equations("rectified", "o = relu(x @ W_i + o_prev @ W_h + b)"), OUTPUT)
READOUT = "yhat = sigmoid(h @ W_y + b_y)"


def weights(matrix: Any, inputs: int = 1) -> dict[str, Any]:
    """Parameters of one of the cells above with the given W_h, other weights zero."""
    n = len(matrix)
    return {"W_i": np.zeros((inputs, n)), "W_h": matrix, "b": np.zeros(n), "W_o": np.zeros((n, 1)), "b_o": [0.0]}


def norms(network: Network, matrix: Any, steps: int = STEPS, **states: Any) -> NDArray[np.float64]:
    found = gradient_products(network, weights(np.asarray(matrix, dtype=float)), np.zeros((steps, 1)), states or None)
    return found.log_norms


def orthogonal(n: int, seed: int) -> NDArray[np.float64]:
    return np.asarray(np.linalg.qr(np.random.default_rng(seed).standard_normal((n, n)))[0])


seeds = st.integers(0, 2**20)


@given(st.integers(1, 8), seeds)
def test_linear_network_with_an_orthogonal_weight_keeps_every_norm_at_one(n: int, seed: int) -> None:
    assert np.abs(norms(LINEAR, orthogonal(n, seed))).max() < ROUNDING


def test_relu_network_that_starts_as_the_identity_keeps_every_norm_at_exactly_one() -> None:
    assert (norms(RELU, np.eye(3), o=[1.0, 2.0, 3.0]) == 0).all()


@given(st.floats(-3, 3).filter(lambda w: abs(w) > 1e-300))
def test_scalar_linear_network_gives_powers_of_its_weight(w: float) -> None:
    lags = np.arange(STEPS + 1)
    assert np.allclose(norms(LINEAR, [[w]]), lags * np.log(abs(w)), rtol=ROUNDING, atol=ROUNDING)


@given(st.integers(1, 6), seeds, st.sampled_from([1e6, 1e-6, 2.0**500, 2.0**-500]))
def test_a_scale_that_overflows_any_float_changes_a_linear_norm_by_exactly_its_power(
    n: int, seed: int, scale: float
) -> None:
    matrix = np.random.default_rng(seed).standard_normal((n, n))
    added = norms(LINEAR, scale * matrix) - norms(LINEAR, matrix)
    assert np.allclose(added, np.arange(STEPS + 1) * np.log(scale), rtol=ROUNDING, atol=ROUNDING)


@given(st.integers(1, 6), seeds, st.floats(0.1, 3.0), st.booleans())
def test_no_product_exceeds_the_bound_and_the_linear_network_never_exceeds_it_either(
    n: int, seed: int, radius: float, flat: bool
) -> None:
    text = "o = sigmoid(x @ W_i + o_prev @ W_h + b)" if flat else "o = tanh(x @ W_i + o_prev @ W_h + b)"
    network = Network(Cell.from_equations("bounded", text), OUTPUT)
    sizes = {"d": 2, "n": n, "k": 1}
    parameters = with_spectral_radius(network, draw_parameters(network, sizes, seed), radius)
    inputs, _ = draw_inputs(network, sizes, seed, steps=20)
    found = gradient_products(network, parameters, inputs)
    assert found.log_bound is not None
    assert found.log_linear is not None
    slope = 0.25 if flat else 1.0
    sigma = np.linalg.norm(parameters["W_h"], 2)
    assert np.allclose(found.log_bound, np.arange(21) * np.log(slope * sigma), atol=ROUNDING)
    assert (found.log_norms <= found.log_bound + ROUNDING).all()
    assert (found.log_linear <= np.arange(21) * np.log(sigma) + ROUNDING).all()


def test_a_norm_may_grow_for_a_while_though_the_spectral_radius_is_below_one() -> None:
    found = np.exp(norms(LINEAR, [[0.9, 10.0], [0.0, 0.9]]))
    assert found.argmax() == 9
    assert found[9] == pytest.approx(38.75, abs=5e-3)  # the digits that are published
    assert found[100] == pytest.approx(0.0295, abs=5e-5)


def test_tanh_alone_vanishes_as_a_power_of_the_lag_and_not_exponentially() -> None:
    network = Network(Cell.from_equations("squashing", "h = tanh(h_prev)"), "yhat = sigmoid(h)")
    found = gradient_products(network, {}, np.zeros((STEPS, 1)), {"h": [1.0]})
    assert np.exp(found.log_norms[STEPS]) == pytest.approx(1.59200408637e-3, rel=1e-11)
    assert found.log_bound is not None
    assert (found.log_bound == 0).all()


def test_the_product_is_ordered_from_the_last_step_back() -> None:
    first, last = np.array([[0.0, 1.0], [0.0, 0.0]]), np.array([[1.0, 0.0], [0.0, 0.0]])
    assert log_product_norms([first, last])[2] == pytest.approx(0.0)  # last @ first = first
    assert log_product_norms([last, first])[2] == -np.inf  # first @ last = 0: the other order is told apart


def test_a_product_that_is_exactly_zero_has_the_logarithm_minus_infinity() -> None:
    assert norms(LINEAR, [[0.0, 1.0], [0.0, 0.0]], steps=3).tolist() == [0.0, 0.0, -np.inf, -np.inf]
    found = gradient_products(SIMPLE, weights(np.zeros((2, 2))), np.zeros((3, 1)))
    assert found.log_bound is not None
    assert found.log_bound.tolist() == [0.0, -np.inf, -np.inf, -np.inf]


CELLS = {
    "simple": "h = tanh(x @ W_x + h_prev @ W_h + b)",
    "lstm": cells["lstm"].text,
    "gru": cells["gru"].text,
    "column": "h = tanh(W_x @ x + W_h @ h_prev + b)",
    "peephole": """
        f = sigmoid(x @ W_f + w_p * c_prev + h_prev @ W_hf)
        c = f * c_prev + tanh(x @ W_c)
        h = tanh(c) / (1 + f**2)
    """,
    "two scalars": "g: scalar\nu: scalar\nu = 0.5 * u_prev + mean(tanh(h_prev))\nh = tanh(x @ W_x + g * u * h_prev)",
}


@pytest.mark.parametrize("name", CELLS)
def test_the_product_equals_central_differences_of_the_whole_trajectory(name: str) -> None:
    cell = Cell.from_equations(name, CELLS[name])
    base = Network(cell, "yhat = W_y @ h" if name == "column" else "yhat = h @ W_y", "squared_error")
    sizes = {"d": 2, "n": 3, "k": 1}
    parameters = draw_parameters(base, sizes, 5, scale=1.5)
    inputs, _ = draw_inputs(base, sizes, 5, steps=6)
    generator = np.random.default_rng(7)
    variables = [state.variable for state in base.states]
    start: dict[str, Any] = {v.name: generator.standard_normal(3 if v.rank else ()) for v in variables}
    jacobians = step_jacobians(base, parameters, inputs, start)
    product = np.linalg.multi_dot(jacobians[::-1])
    found = gradient_products(base, parameters, inputs, start)
    assert found.log_norms[-1] == pytest.approx(np.log(np.linalg.norm(product, 2)), abs=ROUNDING)
    expected = differences(base, parameters, inputs, start)
    assert product.shape == expected.shape
    assert np.abs(product - expected).max() < DIFFERENCE_TOLERANCE * (1 + np.abs(expected).max())


def differences(network: Network, parameters: Any, inputs: Any, start: dict[str, Any]) -> NDArray[np.float64]:
    """∂s_T/∂s_0 by central differences of compiled predictions, one column an entry of the stacked initial state."""
    names = [state.variable.name for state in network.states]
    scalars = {state.variable.name for state in network.states if not state.variable.rank}
    own = {p.name for p in network.parameters} - {"W_y"}

    def last(state: dict[str, Any]) -> NDArray[np.float64]:
        parts = []
        for name in names:  # a scalar is read out through a vector of ones: the output is a vector
            readout = f"yhat = {name} * w_y" if name in scalars else f"yhat = {name}"
            run = compile(Network(network.cell, readout, "squared_error"))
            extra = {"w_y": [1.0]} if name in scalars else {}
            parts.append(run.predict({k: parameters[k] for k in own} | extra, inputs, state))
        return np.concatenate(parts)

    columns = []
    for name in names:
        for entry in range(np.size(start[name])):
            move = np.zeros(np.shape(start[name]))
            move.flat[entry] = DIFFERENCE_STEP
            up, down = last(start | {name: start[name] + move}), last(start | {name: start[name] - move})
            columns.append((up - down) / (2 * DIFFERENCE_STEP))
    return np.array(columns).T


def test_several_sequences_are_followed_as_each_one_is() -> None:
    sizes = {"d": 2, "n": 3, "k": 1}
    parameters = draw_parameters(SIMPLE, sizes, 0)
    inputs = np.stack([draw_inputs(SIMPLE, sizes, seed, steps=5)[0] for seed in range(3)])
    together = gradient_products(SIMPLE, parameters, inputs)
    assert together.log_norms.shape == (3, 6)
    assert together.steps == 5
    for own, sequence in zip(together.log_norms, inputs, strict=True):
        assert (own == gradient_products(SIMPLE, parameters, sequence).log_norms).all()
    assert step_jacobians(SIMPLE, parameters, inputs).shape == (3, 5, 3, 3)


@pytest.mark.parametrize("name", ["lstm", "gru"])
def test_a_cell_with_gates_has_neither_a_linear_network_nor_a_bound(name: str) -> None:
    network = Network(cells[name], READOUT)
    sizes = {"d": 2, "n": 3, "k": 1}
    found = gradient_products(network, draw_parameters(network, sizes, 0), draw_inputs(network, sizes, 0, steps=3)[0])
    assert found.log_linear is None
    assert found.log_bound is None


def test_a_function_of_unbounded_slope_has_no_bound_but_a_linear_network() -> None:
    network = Network(Cell.from_equations("exponential", "o = exp(x @ W_i + o_prev @ W_h + b)"), OUTPUT)
    found = gradient_products(network, weights([[-0.1]]), np.zeros((3, 1)))
    assert found.log_linear is not None
    assert found.log_bound is None


def test_recurrent_weights_are_those_beside_a_state_of_the_step_before() -> None:
    assert recurrent_weights(SIMPLE) == ("W_h",)
    assert recurrent_weights(Network(cells["lstm"], READOUT)) == ("W_hi", "W_hf", "W_hg", "W_ho")
    through = Cell.from_equations("through", "r = sigmoid(x @ W_r)\nq = r * h_prev\nh = tanh(x @ W_x + q @ W_q)")
    assert recurrent_weights(Network(through, READOUT)) == ("W_q",)


GOOD = np.zeros((4, 1))
REFUSED: dict[str, tuple[dict[str, Any], Any, Any, str]] = {
    "no steps": (weights(np.eye(2)), np.zeros((0, 1)), None, "T is 0"),
    "not a number": (weights(np.eye(2)), [[np.nan]], None, "nan"),
    "a weight that is not a number": (weights([[np.inf]]), GOOD, None, "inf"),
    "another width": (weights(np.eye(2)), np.zeros((4, 3)), None, r"\(4, 3\)|\(1, 4, 3\)"),
    "a missing weight": ({"W_h": np.eye(2)}, GOOD, None, "missing"),
    "an unknown state": (weights(np.eye(2)), GOOD, {"h": [0.0, 0.0]}, "unknown key 'h'"),
    "a state of another size": (weights(np.eye(2)), GOOD, {"o": [0.0]}, r"\(1,\)"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_arguments_that_do_not_fit_are_refused_by_name(name: str) -> None:
    parameters, inputs, state, words = REFUSED[name]
    with pytest.raises(DataError, match=words):
        gradient_products(SIMPLE, parameters, inputs, state)


def test_a_state_that_overflows_is_refused_with_its_step() -> None:
    with pytest.raises(DataError, match="state o is not finite at step 3"):
        gradient_products(LINEAR, weights([[1e200]]), GOOD, {"o": [1e-100]})


def test_a_size_that_nothing_bears_is_refused_with_the_remedy() -> None:
    network = Network(Cell.from_equations("squashing", "h = tanh(h_prev)"), "yhat = sigmoid(h)")
    with pytest.raises(DataError, match="give initial_state with the key 'h'"):
        gradient_products(network, {}, GOOD)
