"""Rates measured with the package's own instruments, on networks, against every closed form.

Each test has a fixed seed and also shows that it would fail if the form were wrong by 5%.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from rnnsym import Cell, Network, cells
from rnnsym.calculus.unrolling import graph_of
from rnnsym.dynamics import gradient_products, log_product_norms, lyapunov_spectrum, path_contributions, step_jacobians
from rnnsym.dynamics.closed_forms import (
    forget_gate_product,
    gaussian_product,
    latch_bias,
    mean_field,
    tanh_decay,
    uniform_rate,
    wall_rate,
)
from rnnsym.dynamics.trajectories import follow

WRONG = 1.05  # a form that is off by this factor must be told from the right one
SIGMAS = 4.0  # of a mean over independent draws: one test in 16000 would fail by chance, and the seeds are fixed
EXACT = 1e-10  # of a logarithm: a hundred products of a few terms, 2e-16 each, and the norms' own rounding
STEPS = 100

OUTPUT = "yhat = o @ W_o"
LINEAR = Network(Cell.from_equations("linear", "o = x @ W_i + o_prev @ W_h"), OUTPUT, "squared_error")
RELU = Network(Cell.from_equations("rectified", "o = relu(x @ W_i + o_prev @ W_h)"), OUTPUT, "squared_error")
TANH = Network(Cell.from_equations("saturating", "o = tanh(x @ W_i + o_prev @ W_h)"), OUTPUT, "squared_error")
UNIT = Network(Cell.from_equations("unit", "a: scalar\nw: scalar\nb: scalar\na = w * tanh(a_prev) + b"),
               "yhat = a * w_y", "squared_error")
LOGISTIC = Network(Cell.from_equations("logistic", "a: scalar\nw: scalar\nb: scalar\na = w * sigmoid(a_prev) + b"),
                   "yhat = a * w_y", "squared_error")
SQUASHING = Network(Cell.from_equations("squashing", "h = tanh(h_prev)"), "yhat = sigmoid(h)")


def agrees(measured: Any, predicted: float, bias: float = 0.0) -> bool:
    """Whether the mean of independent measurements is the prediction, within ``SIGMAS`` standard errors and a bias."""
    values = np.asarray(measured)
    return bool(abs(values.mean() - predicted) <= SIGMAS * values.std(ddof=1) / math.sqrt(len(values)) + bias)


def weights(matrices: Any, inputs: Any) -> dict[str, Any]:
    """Parameters of a network above, or of several, with these W_h and W_i."""
    return {"W_i": inputs, "W_h": matrices, "W_o": np.zeros((*np.shape(matrices)[:-1], 1))}


def gaussians(count: int, n: int, gain: float, seed: int) -> Any:
    return np.random.default_rng(seed).normal(0, gain / math.sqrt(n), (count, n, n))


def orthogonal(n: int, seed: int) -> Any:
    return np.linalg.qr(np.random.default_rng(seed).standard_normal((n, n)))[0]


@pytest.mark.parametrize("gain", [1.0, 1.5])
def test_independent_gaussian_factors_along_a_vector(gain: float) -> None:
    """A last factor that projects on one direction turns the spectral norm into that of a vector times the product."""
    n, draws = 10, 1500
    factors = np.random.default_rng(0).normal(0, gain / math.sqrt(n), (draws, STEPS, n, n))
    projection = np.zeros((draws, 1, n, n))
    projection[..., 0, 0] = 1.0
    found = log_product_norms(np.concatenate([factors, projection], axis=1))[:, -1]
    form = gaussian_product(n, STEPS, gain)
    assert agrees(found, form.mean)
    assert not agrees(found, form.mean * WRONG)
    squares = (found - form.mean) ** 2
    assert agrees(squares, form.variance)
    assert not agrees(squares, form.variance * WRONG**4)  # of 1500 draws the variance has an error of 4%


TIED_STEPS = 2000
SETTLING = 0.01  # a step: ln of the condition of the eigenvectors, a few units, over the steps


def test_one_tied_weight_has_the_rate_of_its_spectral_radius_and_not_the_independent_one() -> None:
    n, gain = 10, 1.5
    for W in gaussians(6, n, gain, 1):
        factors = step_jacobians(LINEAR, weights(W, np.zeros((1, n))), np.zeros((1, 1)))
        rate = log_product_norms(np.broadcast_to(factors, (TIED_STEPS, n, n)))[-1] / TIED_STEPS
        radius = math.log(np.abs(np.linalg.eigvals(W)).max())
        assert abs(rate - radius) <= SETTLING
        assert not abs(rate - radius - math.log(WRONG)) <= SETTLING
        assert abs(rate - gaussian_product(n, 1, gain).mean) > SETTLING


EDGE = 0.01  # ln‖W^k v‖ of n = 200 units is off by O(k / n): with k = 20 steps by 0.005 a step at most


def test_the_default_of_pytorch_has_the_uniform_rate() -> None:
    """‖∂L/∂W_i^(j)‖ of a linear network with equal inputs is in proportion to ‖W^(T−j) v‖: its slope is the rate.

    The spectral norm would have the rate of the leading eigenvalue, which finitely many units put beyond the edge.
    """
    n, lags, rates = 200, 20, []
    for seed in range(60):
        random = np.random.default_rng(seed)
        parameters = {"W_i": np.zeros((1, n)), "W_h": random.uniform(-1 / math.sqrt(n), 1 / math.sqrt(n), (n, n)),
                      "W_o": random.normal(size=(n, 1))}
        logs = path_contributions(LINEAR, parameters, np.ones((lags + 1, 1)), [1.0]).log_norms["W_i"]
        rates.append((logs[0] - logs[-1]) / lags)
    assert agrees(rates, uniform_rate(), EDGE)
    assert not agrees(rates, uniform_rate() * WRONG, EDGE)
    assert not agrees(rates, uniform_rate() / WRONG, EDGE)


def test_an_orthogonal_weight_keeps_all_and_a_scaled_one_does_not() -> None:
    for scale, expected in ((1.0, True), (WRONG, False), (1 / WRONG, False)):
        norms = gradient_products(LINEAR, weights(scale * orthogonal(8, 0), np.zeros((1, 8))),
                                  np.zeros((STEPS, 1))).log_norms
        assert bool(np.abs(norms).max() <= EXACT) == expected


def test_the_identity_under_relu_is_exactly_one_and_a_scaled_one_is_not() -> None:
    for scale, expected in ((1.0, True), (WRONG, False), (1 / WRONG, False)):
        parameters = weights(scale * np.eye(3), np.zeros((1, 3)))
        norms = gradient_products(RELU, parameters, np.zeros((STEPS, 1)), {"o": [1.0, 2.0, 3.0]}).log_norms
        assert bool((norms == 0).all()) == expected


UNITS, MANY, FIRST, LONG = 200, 400, 100, 250
FINITE = 3.0 / UNITS  # n units miss the rate of infinitely many by up to 2.5 / n: measured at n = 150, 300 and 600


@pytest.mark.parametrize(("gain", "added"), [(2.0, 0.0), (3.0, 0.0), (2.0, 1.0)])
def test_mean_field_variance_and_growth(gain: float, added: float) -> None:
    """χ is the mean square of a Jacobian's rows, q that of the preactivations: both averages over units and steps."""
    growths, variances = [], []
    for seed in range(32):
        W = gaussians(1, MANY, gain, seed)[0]
        random = np.random.default_rng([seed, 1])
        drive = math.sqrt(added) * random.normal(size=(LONG, MANY))
        parameters = weights(W, np.eye(MANY))
        found = follow(TANH, parameters, drive, {"o": random.normal(size=MANY)})
        states = next(found.values[state] for state in found.graph.states)[FIRST:, 0]
        variances.append(np.mean(np.arctanh(states) ** 2))
        growths.append(gain**2 * np.mean((1 - states**2) ** 2))
    form = mean_field(gain, added)
    for measured, predicted in ((variances, form.variance), (growths, form.growth)):
        assert agrees(measured, predicted, predicted * FINITE * UNITS / MANY)
        assert not agrees(measured, predicted * WRONG, predicted * FINITE * UNITS / MANY)
        assert not agrees(measured, predicted / WRONG, predicted * FINITE * UNITS / MANY)


@pytest.mark.parametrize(("gain", "added"), [(2.0, 0.0), (2.0, 1.0)])
def test_mean_field_rates_are_lyapunov_exponents(gain: float, added: float) -> None:
    rates = []
    for seed in range(5):
        random = np.random.default_rng([seed, 2])
        parameters = weights(gaussians(1, UNITS, gain, seed)[0], np.eye(UNITS))
        drive = math.sqrt(added) * random.normal(size=(250, UNITS))
        jacobians = step_jacobians(TANH, parameters, drive, {"o": random.normal(size=UNITS)})
        rates.append(lyapunov_spectrum(jacobians, FIRST)[0])
    form = mean_field(gain, added)
    assert agrees(rates, form.rate, FINITE)
    assert not agrees(rates, 0.5 * math.log(form.growth * WRONG**2), FINITE)
    assert not agrees(rates, 0.5 * math.log(form.growth / WRONG**2), FINITE)


def gate_network() -> Network:
    return Network(cells["lstm"], "yhat = sigmoid(h @ W_y + b_y)")


@pytest.mark.parametrize("bias", [0.0, 1.0, math.log(99)])
def test_forget_gates_of_an_lstm_multiply(bias: float) -> None:
    """Along a real trajectory whose gates depend on their biases alone, ∂c_T/∂c_0 is the product of the gates."""
    network, n = gate_network(), 3
    random = np.random.default_rng(0)
    parameters = {name: np.zeros(shape) for name, shape in network.shapes(d=2, n=n, k=1).items()}
    parameters["W_xi"], parameters["W_xg"], parameters["W_xo"] = random.normal(size=(3, 2, n))
    parameters["b_f"] = np.full(n, bias)
    jacobians = step_jacobians(network, parameters, random.normal(size=(STEPS, 2)))
    norm = float(log_product_norms(jacobians)[-1])
    names = [state.variable.name for state in network.states]
    place = slice(n * names.index("c"), n * names.index("c") + n)
    gates = log_product_norms(jacobians[:, place, place])[-1]
    form = float(forget_gate_product(bias, STEPS))
    assert abs(gates - form) <= EXACT * STEPS
    assert not abs(gates - form * WRONG) <= EXACT * STEPS
    assert norm >= gates - EXACT  # a block of the product of block triangular Jacobians


def last_state(network: Network, weight: float, bias: float, start: float, steps: int) -> float:
    parameters = {"w": weight, "b": bias, "w_y": [0.0]}
    found = follow(network, parameters, np.zeros((steps, 1)), {"a": start})
    return float(next(found.values[state] for state in found.graph.states)[-1, 0])


@pytest.mark.parametrize("weight", [1.5, 2.0, 4.0])
def test_a_unit_is_bistable_within_the_latch_bias_by_iterating_it(weight: float) -> None:
    """5% within the bias two starts end apart for ever, 5% beyond they meet."""
    for share, bistable in ((1 / WRONG, True), (WRONG, False)):
        for sign in (-1.0, 1.0):
            ends = [last_state(UNIT, weight, sign * share * latch_bias(weight), start, 600) for start in (-9.0, 9.0)]
            assert (abs(ends[1] - ends[0]) > 0.1) == bistable


@pytest.mark.parametrize(("weight", "bias"), [(2.0, -1.0), (3.0, -2.0), (6.0, -3.5)])
def test_the_rate_at_a_fixed_point_of_the_wall(weight: float, bias: float) -> None:
    state = last_state(LOGISTIC, weight, bias, 0.5, 2000)
    parameters = {"w": weight, "b": bias, "w_y": [0.0]}
    jacobians = step_jacobians(LOGISTIC, parameters, np.zeros((STEPS, 1)), {"a": state})
    rate, form = float(lyapunov_spectrum(jacobians)[0]), wall_rate(weight, state)
    assert abs(rate - form) <= EXACT
    assert not abs(rate - form * WRONG) <= EXACT
    assert rate < 0


def test_tanh_alone_decays_as_a_power() -> None:
    found = gradient_products(SQUASHING, {}, np.zeros((10_000, 1)), {"h": [1.0]}).log_norms
    after = np.exp(gradient_products(SQUASHING, {}, np.zeros((STEPS, 1)), {"h": [1.0]}).log_norms[-1])
    assert math.isclose(after, 1.59200408637e-3, rel_tol=1e-11)
    assert math.isclose(after, tanh_decay(1.0, STEPS), rel_tol=1e-12)
    assert not math.isclose(after, tanh_decay(1.0, STEPS) * WRONG, rel_tol=1e-2)
    total = float(found[-1])
    assert math.isclose(total, math.log(tanh_decay(1.0, 10_000)), rel_tol=1e-10)
    slope = (total - math.log(after)) / math.log(100)
    assert abs(slope - -1.5) < 0.02  # the first steps weigh in as O(ln T / T)
    assert not abs(slope * WRONG - -1.5) < 0.02


LENGTHS = {  # slopes of one: the entries of the products count the paths
    "fibonacci": (Cell.from_equations("two", "h = x @ W_x + h_prev + h_prev[2]"), ("h", "h"), [1, 2, 3, 5, 8, 13, 21]),
    "lstm": (Cell.from_equations("count", "c = x @ W_x + c_prev + 3 * h_prev\nh = c + h_prev"), ("c", "h"),
             [1, 5, 24, 115, 551, 2640, 12649, 60605, 290376, 1391275]),
}


@pytest.mark.parametrize("name", LENGTHS)
def test_paths_are_counted_by_products_of_slopes_of_one(name: str) -> None:
    """An LSTM's c_t has one path from c_(t−1) and three from h_(t−1); its h_t one from c_t and one from h_(t−1)."""
    cell, (source, sink), expected = LENGTHS[name]
    network = Network(cell, "yhat = h @ W_y", "squared_error")
    jacobians = step_jacobians(network, {"W_x": [[1.0]], "W_y": [[1.0]]}, np.zeros((len(expected), 1)))
    names = [state.name for state in graph_of(network).states]
    product, found = np.eye(len(names)), []
    for jacobian in jacobians:
        product = jacobian @ product
        found.append(product[names.index(sink), names.index(source)])
    assert found == expected
    assert not np.allclose(found, WRONG * np.array(expected), rtol=0.01)
