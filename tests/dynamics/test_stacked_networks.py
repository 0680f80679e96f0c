"""Several networks and sequences followed together: each is what it is alone, and errors name which one is meant."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rnnsym import Cell, Network, cells
from rnnsym.dynamics import (
    draw_inputs,
    draw_parameters,
    gradient_products,
    log_product_norms,
    path_contributions,
    step_jacobians,
)
from rnnsym.dynamics.contributions import shares_of_last
from rnnsym.dynamics.scans import scale_to_one
from rnnsym.errors import DataError

READOUT = "yhat = sigmoid(h @ W_y + b_y)"
SIMPLE = Network(cells["simple"])
NETWORKS = {
    "simple": SIMPLE,
    "lstm": Network(cells["lstm"], READOUT, topology="many-to-many"),
    "mean": Network(cells["gru"], READOUT, topology="many-to-many", over_steps="mean"),
    "classes": Network(cells["simple"], "yhat = softmax(o @ V)", "softmax_cross_entropy"),
    "column": Network(Cell.from_equations("column", "h = relu(W_x @ x + W_h @ h_prev + b)"), "yhat = W_y @ h",
                      "squared_error"),
    "two steps back": Network(Cell.from_equations("back", "h = tanh(x @ W + h_prev @ U + h_prev[2] @ V)"), READOUT),
    "scalars": Network(Cell.from_equations("scalars", """
        g: scalar
        u: scalar = 1
        u = 0.5 * u_prev + mean(tanh(h_prev))
        h = tanh(x @ W_x + g * u * h_prev)
    """), READOUT),
    "rows": Network(Cell.from_equations("rows", "h = tanh(E[x] + h_prev @ W)"), READOUT),
    "one input": Network(cells["simple"], topology="one-to-one"),
}
SIZES = {"d": 3, "n": 4, "k": 2}


def drawn(network: Network, seeds: range, batch: int, steps: int) -> list[tuple[dict[str, Any], Any, Any]]:
    """One network a seed, with a batch of sequences of its own."""
    found = []
    for seed in seeds:
        pairs = [draw_inputs(network, SIZES, 100 * seed + number, steps=steps) for number in range(batch)]
        inputs, targets = (np.stack([pair[place] for pair in pairs]) for place in (0, 1))
        found.append((draw_parameters(network, SIZES, seed, scale=1.5), inputs, targets))
    return found


def starts(network: Network, seed: int, batch: int) -> dict[str, Any]:
    random = np.random.default_rng(seed)
    return {s.variable.name: random.normal(size=(batch, *((s.lag,) if s.lag > 1 else ()), *(4,) * s.variable.rank))
            for s in network.states}


def together(one: list[tuple[dict[str, Any], Any, Any]]) -> tuple[dict[str, Any], Any, Any]:
    parameters = {name: np.stack([own[name] for own, _, _ in one]) for name in one[0][0]}
    return parameters, np.stack([inputs for _, inputs, _ in one]), np.stack([targets for _, _, targets in one])


def same(left: Any, right: Any) -> bool:
    return np.array_equal(np.asarray(left), np.asarray(right))


@pytest.mark.parametrize("name", NETWORKS)
@given(st.integers(0, 2**16), st.integers(1, 3), st.integers(1, 3), st.integers(1, 6), st.booleans())
def test_each_network_and_each_sequence_is_what_it_is_alone(
    name: str, seed: int, count: int, batch: int, steps: int, given_start: bool
) -> None:
    network = NETWORKS[name]
    one = drawn(network, range(seed, seed + count), batch, steps)
    parameters, inputs, targets = together(one)
    state = [starts(network, seed + place, batch) if given_start else None for place in range(count)]
    stacked = None if state[0] is None else {key: np.stack([own[key] for own in state if own]) for key in state[0]}
    products = gradient_products(network, parameters, inputs, stacked)
    jacobians = step_jacobians(network, parameters, inputs, stacked)
    paths = path_contributions(network, parameters, inputs, targets, stacked)
    assert jacobians.shape[:2] == products.log_norms.shape[:2] == (count, batch)
    assert paths.steps == products.steps == jacobians.shape[2]
    for place, (own, x, y) in enumerate(one):
        alone = gradient_products(network, own, x, state[place])
        for left, right in ((products.log_norms, alone.log_norms), (products.log_linear, alone.log_linear),
                            (products.log_bound, alone.log_bound)):
            assert (left is None) == (right is None)
            assert left is None or same(left[place], right)
        assert same(jacobians[place], step_jacobians(network, own, x, state[place]))
        terms = path_contributions(network, own, x, y, state[place])
        for weight in terms.terms:
            assert same(paths.terms[weight][place], terms.terms[weight])
            assert same(paths.log_norms[weight][place], terms.log_norms[weight])
            assert same(paths.gradients[weight][place], terms.gradients[weight])
        for number in range(batch):
            whole = state[place]
            first = None if whole is None else {key: value[number] for key, value in whole.items()}
            single = step_jacobians(network, own, x[number], first)
            assert same(jacobians[place, number], single)
            assert same(log_product_norms(single), products.log_norms[place, number])


@given(st.integers(0, 2**16), st.permutations(range(4)))
def test_a_permuted_batch_has_permuted_norms_and_the_same_contributions(seed: int, order: list[int]) -> None:
    (parameters, inputs, targets), = drawn(NETWORKS["lstm"], range(seed, seed + 1), 4, 5)
    network = NETWORKS["lstm"]
    found = gradient_products(network, parameters, inputs).log_norms
    assert same(gradient_products(network, parameters, inputs[order]).log_norms, found[order])
    terms, again = (path_contributions(network, parameters, inputs[o], targets[o]).terms for o in (range(4), order))
    for name in terms:  # the mean over the batch sums in another order
        assert np.allclose(terms[name], again[name], rtol=1e-13, atol=1e-15 * np.abs(terms[name]).max())


@given(st.integers(0, 2**16), st.integers(1, 4))
def test_a_shifted_sequence_has_shifted_jacobians(seed: int, shift: int) -> None:
    """Begun at a later step from the state reached there, the remaining Jacobians are the same."""
    (parameters, inputs, _), = drawn(SIMPLE, range(seed, seed + 1), 1, 6)
    state = np.zeros(4)
    for x in inputs[0, :shift]:
        state = np.tanh(x @ parameters["W_i"] + state @ parameters["W_h"] + parameters["b"])
    whole = step_jacobians(SIMPLE, parameters, inputs[0])
    rest = step_jacobians(SIMPLE, parameters, inputs[0, shift:], {"o": state})
    assert np.allclose(rest, whole[shift:], rtol=1e-12, atol=1e-14)


@given(st.integers(0, 2**16), st.sampled_from([1e-200, 1.0, 1e150]))
def test_each_matrix_of_a_stack_has_an_exponent_of_its_own(seed: int, size: float) -> None:
    factors = np.random.default_rng(seed).normal(size=(2, 3, 7, 4, 4))
    factors[0] *= size
    factors[1, 2, 3] = 0.0
    found = log_product_norms(factors)
    assert found.shape == (2, 3, 8)
    for place in np.ndindex(2, 3):
        assert same(found[place], log_product_norms(factors[place]))
    assert found[1, 2].tolist()[4:] == [-np.inf] * 4
    mantissas, exponents = scale_to_one(factors, axes=2)
    assert same(np.ldexp(mantissas, exponents[..., None, None]), factors)
    largest = np.abs(mantissas).max(axis=(-2, -1))
    assert np.all((largest < 1) & ((largest >= 0.5) | (largest == 0)))


def test_shares_are_those_of_each_network() -> None:
    logs = np.log(np.random.default_rng(0).uniform(size=(3, 5)))
    assert same(shares_of_last(logs), [shares_of_last(own) for own in logs])
    logs[1] = -np.inf
    with pytest.raises(DataError, match="every step's contribution to W is zero"):
        shares_of_last(logs, "W")


LINEAR = Network(Cell.from_equations("linear", "o = x @ W_i + o_prev @ W_h"), "yhat = sigmoid(o @ W_o)")


def weights(*sizes: float) -> dict[str, Any]:
    shape = (len(sizes), 1, 1)
    return {"W_i": np.ones(shape), "W_h": np.reshape(sizes, shape), "W_o": np.ones(shape)}


def test_a_state_that_overflows_is_named_with_its_sequence_and_its_network() -> None:
    start = {"o": np.array([[[0.0], [0.0]], [[0.0], [1e-100]]])}
    with pytest.raises(DataError, match=r"o is not finite at step 3 of sequence 1 of network 1 \(counted from 0\)"):
        gradient_products(LINEAR, weights(1.0, 1e200), np.zeros((2, 2, 4, 1)), start)
    single = {name: value[1] for name, value in weights(1.0, 1e200).items()}
    with pytest.raises(DataError, match=r"o is not finite at step 3 of sequence 1 \(counted from 0\): use"):
        gradient_products(LINEAR, single, np.zeros((2, 4, 1)), {"o": start["o"][1]})
    with pytest.raises(DataError, match="o is not finite at step 3: use"):
        gradient_products(LINEAR, single, np.zeros((4, 1)), {"o": start["o"][1, 1]})


def test_a_jacobian_that_is_not_finite_and_a_term_that_overflows_are_named() -> None:
    cell = Cell.from_equations("root", "w: (n,)\nh = sqrt(w * h_prev + sum(x))")
    root = Network(cell, "yhat = h @ V", "squared_error")
    parameters = {"w": np.ones((2, 1)), "V": np.ones((2, 1, 1))}
    with pytest.raises(DataError, match=r"Jacobian of step 1 of network 1 \(counted from 0\) is not finite"):
        gradient_products(root, parameters, np.zeros((2, 3, 2)), {"h": [[1.0], [0.0]]})
    biased = Network(Cell.from_equations("biased", "o = x @ W_i + o_prev @ W_h + b"), "yhat = sigmoid(o @ W_o)")
    with pytest.raises(DataError, match=r"of step 1 to the gradient of b of network 1 \(counted from 0\) overflows"):
        path_contributions(biased, weights(1.0, 1e6) | {"b": np.zeros((2, 1))}, np.zeros((2, 53, 1)), np.ones((2, 1)))


GOOD: tuple[dict[str, Any], Any, Any] = together(drawn(SIMPLE, range(3), 2, 4))
REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "inputs without the axis of the networks": (
        {"inputs": np.zeros((2, 4, 3))}, r"inputs: with parameters of 3 networks .* \(2, 4, 3\): .* np.broadcast_to"),
    "targets without it": ({"targets": np.zeros((2, 2))}, "targets: with parameters of 3 networks"),
    "a state without it": (
        {"initial_state": {"o": np.zeros((2, 4))}}, "initial state o: with parameters of 3 networks"),
    "a number": ({"targets": 1.0}, "targets: with parameters of 3 networks"),
    "as many of one weight as of none": (
        {"parameters": GOOD[0] | {"W_h": np.zeros((2, 4, 4))}}, "several networks: .* but there are 2, 3"),
    "no network": (
        {"parameters": {name: value[:0] for name, value in GOOD[0].items()}}, "at least one, but there are 0"),
    "some weights of one network": ({"parameters": GOOD[0] | {"b": np.zeros(4)}}, r"parameter W_i: .*\(3, 3, 4\)"),
    "a wrong value in one network": (
        {"inputs": np.where(np.arange(3)[:, None, None, None] == 1, np.nan, GOOD[1])},
        r"network 1 \(counted from 0\): .*nan"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_arguments_of_several_networks_that_do_not_fit_are_refused_by_name(name: str) -> None:
    changed, words = REFUSED[name]
    arguments: dict[str, Any] = dict(zip(("parameters", "inputs", "targets"), GOOD, strict=True))
    path_contributions(SIMPLE, **arguments)
    with pytest.raises(DataError, match=words):
        path_contributions(SIMPLE, **arguments | changed)
