"""Initialisation: the law of each scheme, streams that do not disturb each other, forget gates, states, refusals."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

import rnnsym
from rnnsym.dynamics.connections import connections
from rnnsym.dynamics.draws import spectral_radius
from rnnsym.dynamics.initialisation import initialise, initialise_state, schemes
from rnnsym.errors import DataError, NetworkError, RnnsymError
from rnnsym.model.cell_table import entries
from rnnsym.model.composition import stacked
from rnnsym.model.networks import Network

Float = NDArray[np.float64]

SIZES = {"d": 5, "n": 3, "k": 2}
LARGE = {"d": 200, "n": 300, "k": 100}
DEVIATIONS = 5.0  # standard deviations of the estimate: by chance once in 1.7 million draws, and the seed is fixed
ROUNDING = 1e-13  # of WᵀW, sums of 300 products of size 1/300
EDGE = 0.05  # the spectral radius of 300 units strays from the circular law's edge by about n^(-1/2) of it

DRAWN = ["small_random", "lecun_normal", "xavier_uniform", "xavier_normal", "he_uniform", "he_normal", "pytorch"]
LAWS: dict[str, Callable[[float, float, float], float]] = {
    "small_random": lambda fan_in, fan_out, units: 1e-4,
    "xavier_uniform": lambda fan_in, fan_out, units: 2 / (fan_in + fan_out),
    "xavier_normal": lambda fan_in, fan_out, units: 2 / (fan_in + fan_out),
    "he_uniform": lambda fan_in, fan_out, units: 2 / fan_in,
    "lecun_normal": lambda fan_in, fan_out, units: 1 / fan_in,
    "he_normal": lambda fan_in, fan_out, units: 2 / fan_in,
    "pytorch": lambda fan_in, fan_out, units: 1 / (3 * units),
}
BOUNDS: dict[str, Callable[[float, float, float], float]] = {
    "xavier_uniform": lambda fan_in, fan_out, units: (6 / (fan_in + fan_out)) ** 0.5,
    "he_uniform": lambda fan_in, fan_out, units: (6 / fan_in) ** 0.5,
    "pytorch": lambda fan_in, fan_out, units: units ** -0.5,
}
FANS = {"W_i": (200, 300, 300), "W_h": (300, 300, 300), "W_o": (300, 100, 300)}  # fan_in, fan_out, units, by hand


def network_of(name: str) -> Network:
    return Network(rnnsym.cells[name])


def column_network() -> Network:
    cell = rnnsym.Cell.from_equations("column", "o = tanh(W_i @ x + W_h @ o_prev + b)")
    return Network(cell, "yhat = sigmoid(W_o @ o + b_o)")


def test_the_table_is_whole() -> None:
    assert set(schemes) == {*LAWS, "zeros", "orthogonal", "identity"}
    assert all(scheme.law and scheme.source for scheme in schemes.values())
    assert {entry.initialisation for entry in entries.values()} - {None} <= set(schemes)


@pytest.mark.parametrize("scheme", schemes)
def test_shapes_and_biases(scheme: str) -> None:
    network = network_of("lstm")
    found = initialise(network, SIZES, scheme)
    assert {name: array.shape for name, array in found.items()} == network.shapes(**SIZES)
    biases = [array for name, array in found.items() if name.startswith("b_")]
    assert all(array.any() == (scheme == "pytorch") for array in biases)


@pytest.mark.parametrize("scheme", DRAWN)
@pytest.mark.parametrize("convention", ["row", "column"])
def test_mean_and_variance(scheme: str, convention: str) -> None:
    """An average of N squares strays by √((κ − 1)/N) of itself: kurtosis κ at most 3 here."""
    network = network_of("simple") if convention == "row" else column_network()
    found = initialise(network, LARGE, scheme)
    for name, fans in FANS.items():
        variance, count = LAWS[scheme](*fans), found[name].size
        assert abs(found[name].mean()) < DEVIATIONS * (variance / count) ** 0.5
        assert abs(np.square(found[name]).mean() / variance - 1) < DEVIATIONS * (2 / count) ** 0.5


@pytest.mark.parametrize("scheme", BOUNDS)
def test_a_uniform_law_fills_its_bounds_and_keeps_to_them(scheme: str) -> None:
    found = initialise(network_of("simple"), LARGE, scheme)
    for name, fans in FANS.items():
        bound, largest = BOUNDS[scheme](*fans), np.abs(found[name]).max()
        assert 0.999 * bound < largest <= bound, "of 30000 draws some come within a thousandth of the end"


def test_the_readout_of_the_pytorch_scheme_goes_by_its_inputs() -> None:
    found = initialise(network_of("simple"), LARGE, "pytorch")
    assert 0.9 / 300**0.5 < np.abs(found["b_o"]).max() <= 1 / 300**0.5


@pytest.mark.parametrize("sizes", [{"d": 7, "n": 4, "k": 2}, {"d": 2, "n": 4, "k": 6}, LARGE])
def test_orthogonal_matrices(sizes: dict[str, int]) -> None:
    for matrix in (array for array in initialise(network_of("gru"), sizes, "orthogonal").values() if array.ndim == 2):
        rows, columns = matrix.shape
        product = matrix.T @ matrix if rows >= columns else matrix @ matrix.T
        np.testing.assert_allclose(product, np.eye(min(rows, columns)), rtol=0, atol=ROUNDING)


def test_orthogonal_matrices_turn_either_way() -> None:
    """Without the sign of R's diagonal, Q's own would not be uniform: its first entry would never be positive."""
    first = [initialise(network_of("simple"), SIZES, "orthogonal", seed)["W_h"][0, 0] for seed in range(40)]
    assert 8 < sum(entry > 0 for entry in first) < 32


def test_identity_is_exact_for_recurrent_matrices_alone() -> None:
    found = initialise(network_of("irnn"), {"d": 3, "n": 3, "k": 3}, "identity")
    np.testing.assert_array_equal(found["W_h"], np.eye(3))
    for name in ("W_x", "W_y"):
        assert 0 < np.abs(found[name]).max() < 0.01, "square too, but not recurrent: N(0, 0.001²)"
    gates = initialise(network_of("lstm"), {"d": 3, "n": 3, "k": 3}, "identity")
    assert [name for name, array in gates.items() if np.array_equal(array, np.eye(3))] == [f"W_h{g}" for g in "ifgo"]


def test_the_identity_keeps_an_active_rectified_state_unchanged() -> None:
    network = Network(rnnsym.cells["irnn"], "yhat = h", loss="squared_error")
    parameters = initialise(network, {"d": 2, "n": 4}, "identity")
    start = np.array([0.5, 1.0, 2.0, 0.25])
    np.testing.assert_array_equal(
        rnnsym.compile(network).predict(parameters, np.zeros((100, 2)), {"h": start}), start)


def test_the_default_of_pytorch_contracts_at_the_known_rate() -> None:
    """W of variance 1/(3n) has the spectral radius 1/√3 as n grows: ln(1/√3) = −0.549 a step."""
    weights = initialise(network_of("simple"), LARGE, "pytorch")["W_h"]
    assert abs(spectral_radius(weights) * 3**0.5 - 1) < EDGE


@given(st.integers(0, 2**70), st.sampled_from(sorted(schemes)))
def test_a_seed_repeats_and_another_differs(seed: int, scheme: str) -> None:
    network = network_of("simple")
    once, again = (initialise(network, SIZES, scheme, seed) for _ in range(2))
    for name, array in once.items():
        np.testing.assert_array_equal(array, again[name])
    other = initialise(network, SIZES, scheme, seed + 1)
    assert np.array_equal(once["W_i"], other["W_i"]) == (scheme == "zeros")


def test_a_further_parameter_changes_none_of_the_others() -> None:
    plain = network_of("simple")
    more = Network(rnnsym.Cell.from_equations("more", "o = tanh(x @ A + x @ W_i + o_prev @ W_h + b)"), plain.readout)
    before, after = (initialise(network, SIZES, "he_normal", 3) for network in (plain, more))
    for name, array in before.items():
        np.testing.assert_array_equal(array, after[name])
    assert not np.array_equal(after["A"], after["W_i"])


def test_fans_of_transposed_vectors_and_elementwise_weights() -> None:
    cell = rnnsym.Cell.from_equations("mixed", """
        w_p: (n,)
        q: (n,)
        h = tanh(x @ W + (h_prev @ V.T) * q + sigmoid(h_prev @ w_p) * u * h_prev)
    """)
    found = connections(Network(cell, "yhat = sigmoid(h @ W_y)"), SIZES)
    assert {name: (one.fan_in, one.fan_out) for name, one in found.items()} == {
        "W": (5, 3), "V": (3, 3), "q": (1, 1), "w_p": (3, 1), "u": (1, 1), "W_y": (3, 2)}
    turned = rnnsym.Cell.from_equations("turned", "h = tanh(x @ W.T + h_prev @ V)")
    assert connections(Network(turned, "yhat = sigmoid(h @ W_y)"), SIZES)["W"].fan_in == 5


@pytest.mark.parametrize(("cell", "bias"), [
    ("lstm", "b_f"), ("lstm_peephole", "b_f"), ("lstm_coupled", "b_f"), ("janet", "b_f"), ("gru", "b_z")])
def test_the_bias_of_a_forget_gate_is_found(cell: str, bias: str) -> None:
    network = network_of(cell)
    plain, found = initialise(network, SIZES), initialise(network, SIZES, forget_bias=1.5)
    assert (found[bias] == 1.5).all()
    for name in plain.keys() - {bias}:
        np.testing.assert_array_equal(found[name], plain[name])


def test_a_forget_gate_is_found_whatever_it_is_called() -> None:
    cell = rnnsym.Cell.from_equations("mine", """
        keep = sigmoid(offset + x @ A + s_prev @ B)
        s = tanh(x @ C) + s_prev * keep
        q = sigmoid(x @ D + other) * q_prev + s
    """)
    found = initialise(Network(cell, "yhat = sigmoid(s @ W_y)"), SIZES, forget_bias=2)
    assert [name for name, array in found.items() if (array == 2).all()] == ["offset", "other"]


def test_each_layer_and_each_direction_has_its_forget_gate() -> None:
    pair = stacked([rnnsym.cells["lstm"], rnnsym.cells["janet"]])
    found = initialise(Network(pair), SIZES, forget_bias=1.0)
    assert [name for name, array in found.items() if (array == 1).all()] == ["b_f_1", "b_f_2"]
    both = Network(rnnsym.cells["lstm"], "yhat = sigmoid(h @ W_y + bwd_h @ V_y + b_y)", bidirectional=True)
    turned = initialise(both, SIZES, forget_bias=1.0)
    assert [name for name, array in turned.items() if (array == 1).all()] == ["b_f", "bwd_b_f"]


def test_forget_biases_by_name() -> None:
    found = initialise(network_of("mgu"), SIZES, forget_bias={"b_f": -1.0})
    assert (found["b_f"] == -1).all()
    assert not found["b_n"].any()


def test_states_start_at_zero_small_or_declared() -> None:
    network = network_of("lstm")
    zeros = initialise_state(network, SIZES, 4)
    assert {name: array.shape for name, array in zeros.items()} == {"c": (4, 3), "h": (4, 3)}
    assert not any(array.any() for array in zeros.values())
    small = initialise_state(network, LARGE, 40, "small_random", 1)
    for array in small.values():
        assert abs(np.square(array).mean() / 1e-4 - 1) < DEVIATIONS * (2 / array.size) ** 0.5
    assert not np.array_equal(small["c"], small["h"])
    again = initialise_state(network, LARGE, 40, "small_random", 1)
    np.testing.assert_array_equal(small["c"], again["c"])


def test_a_state_of_several_steps_back_has_a_value_for_each() -> None:
    network = network_of("skip_connection")
    start = initialise_state(network, SIZES, 2, "small_random", 5)
    assert start["h"].shape == (2, 4, 3)
    parameters = initialise(network, SIZES, "he_normal")
    run, inputs = rnnsym.compile(network), np.ones((2, 1, 5))
    for weights, unread in (("W_s", slice(0, 3)), ("W_h", slice(1, 4))):  # h_prev is the last, h_prev[4] the first
        own = parameters | {weights: np.zeros((3, 3))}
        moved, kept = start["h"] + 1.0, start["h"] + 1.0
        moved[:, unread] = start["h"][:, unread]
        kept[:, unread] += 1.0
        with_all, with_read, with_others = (run.predict(own, inputs, {"h": h}) for h in (start["h"] + 1.0, moved, kept))
        np.testing.assert_array_equal(with_read, with_all)
        np.testing.assert_array_equal(with_others, with_all)
        assert not np.array_equal(with_all, run.predict(own, inputs, start))


def test_a_declared_scalar_state() -> None:
    cell = rnnsym.Cell.from_equations("clock", "u: scalar = 0.5\nu = u_prev * 0.5\nh = tanh(x @ W + u * h_prev)")
    network = Network(cell, "yhat = sigmoid(h @ W_y)")
    start = initialise_state(network, SIZES, 3)
    np.testing.assert_array_equal(start["u"], np.full(3, 0.5))
    parameters = initialise(network, SIZES, "he_normal")
    run = rnnsym.compile(network)
    np.testing.assert_array_equal(run.predict(parameters, np.ones((3, 4, 5)), start),
                                  run.predict(parameters, np.ones((3, 4, 5))))


def uses(**options: Any) -> dict[str, Any]:
    return {"name": "lstm", "sizes": SIZES, **options}


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "an unknown scheme": (uses(scheme="xavier"), "scheme: there is no 'xavier'"),
    "a slip": (uses(scheme="he_norml"), "did you mean 'he_normal'?"),
    "no name": (uses(scheme=None), "scheme: there is no None"),
    "a negative seed": (uses(seed=-1), "seed: expected a whole number from 0"),
    "a broken seed": (uses(seed=0.5), "seed: expected a whole number from 0"),
    "a truth value": (uses(seed=True), "seed: expected a whole number from 0"),
    "no sizes": (uses(sizes=None), "sizes: expected a dict"),
    "a missing size": (uses(sizes={"d": 2, "k": 1}), "the size n is missing"),
    "an empty size": (uses(sizes={"d": 0, "n": 1, "k": 1}), "the size d must be an integer of at least 1"),
    "identity without a matrix": (uses(name="indrnn", scheme="identity"), "the cell indrnn has none"),
    "identity inside an expression": (uses(name="antisymmetric_rnn", scheme="identity"), "has none"),
    "no forget gate": (uses(name="simple", forget_bias=1.0), "no state of the cell simple is s = f * s_prev"),
    "a gate that is one minus it": (uses(name="mgu", forget_bias=1.0), "name the biases"),
    "an unknown bias": (uses(forget_bias={"b_x": 1.0}), "forget_bias: 'b_x' is no bias; the biases are b_i, b_f"),
    "a weight for a bias": (uses(forget_bias={"W_hf": 1.0}), "forget_bias: 'W_hf' is no bias"),
    "a vector for a bias": (uses(forget_bias=[1.0, 2.0]), "forget_bias: expected a number"),
    "no finite number": (uses(forget_bias=float("nan")), "forget_bias: expected finite numbers"),
    "a text": (uses(forget_bias={"b_f": "one"}), "forget_bias b_f: expected real numbers"),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_what_cannot_be_is_refused_in_one_line(kind: str) -> None:
    options, words = REFUSED[kind]
    rest = {name: value for name, value in options.items() if name not in ("name", "sizes")}
    with pytest.raises(RnnsymError) as caught:
        initialise(network_of(options["name"]), options["sizes"], **rest)
    assert isinstance(caught.value, DataError | NetworkError)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(("text", "words"), [
    ("f = sigmoid(x @ A)\ns = f * s_prev + tanh(x @ B + s_prev @ C)", "has no bias"),
    ("f = sigmoid(x @ A + b_1 + b_2)\ns = f * s_prev + tanh(x @ B)", "has the biases b_1, b_2"),
])
def test_a_forget_gate_without_one_bias_is_refused(text: str, words: str) -> None:
    network = Network(rnnsym.Cell.from_equations("mine", text), "yhat = sigmoid(s @ W_y)")
    with pytest.raises(DataError, match=words):
        initialise(network, SIZES, forget_bias=1.0)


@pytest.mark.parametrize(("options", "words"), [
    ({"batch": 0}, "batch: expected a whole number from 1"),
    ({"batch": 2.0}, "batch: expected a whole number from 1"),
    ({"batch": 2, "scheme": "orthogonal"}, "a state starts by zeros or small_random"),
    ({"batch": 2, "seed": -3}, "seed: expected a whole number from 0"),
    ({"batch": 2, "sizes": {"d": 1}}, "is missing"),
])
def test_states_that_cannot_be_are_refused(options: dict[str, Any], words: str) -> None:
    arguments = {"sizes": SIZES, **options}
    with pytest.raises(RnnsymError, match=words):
        initialise_state(network_of("lstm"), **arguments)
