"""Where scalars and elementwise vectors start: by what they do in the equations, never by what they are called."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import rnnsym
from rnnsym.dynamics.draws import draw_parameters
from rnnsym.dynamics.initialisation import initialise, schemes
from rnnsym.dynamics.multipliers import first_value, multipliers
from rnnsym.dynamics.own_remedies import own_effects
from rnnsym.model.composition import stacked
from rnnsym.model.networks import Network

SIZES = {"d": 5, "n": 400, "k": 1}
READOUT = "yhat = sigmoid(h @ W_y + b_y)"
EXTREME = 40.0  # standard deviations: further than any draw
BOUNDED = 2.0  # decades: a mean of the state before and of a bounded function of it is of the size of either

# the equations, and what p is by the rule; q is another scalar
KINDS: dict[str, tuple[str, str | None]] = {
    "a leak": ("h = (1 - p) * h_prev + p * tanh(x @ W + h_prev @ U + b)", "share"),
    "a leak by a name between": ("k = 1 - p\nh = k * h_prev + p * tanh(x @ W + h_prev @ U + b)", "share"),
    "a leak behind": ("h = -p * h_prev + h_prev + p * tanh(x @ W + h_prev @ U)", "gain"),
    "a leak whose complement is a minuend": ("h = h_prev * (1 - p) + tanh(p * (x @ W + h_prev @ U))", "share"),
    "the gain of a norm": ("a = x @ W + h_prev @ U\nh = tanh(p * (a - mean(a)) + b)", "gain"),
    "a gain of a product": ("u = x @ W\nv = h_prev @ U\nh = tanh(p * u * v + u + v + b)", "gain"),
    "a gain of what is between": ("v = h_prev @ U\nh = tanh(x @ W + p * v)", "gain"),
    "a time constant": ("h = h_prev + (tanh(x @ W + h_prev @ U) - h_prev) / p", "gain"),
    "a factor of the state outside": ("h = p * h_prev + tanh(x @ W + h_prev @ U)", "gain"),
    "a gain under @": ("h = tanh(x @ W + (p * h_prev) @ U)", "gain"),
    "a diagonal": ("h = tanh(x @ W - p * h_prev + b)", None),
    "a diagonal by a name between": ("a = x @ W + 2 * p * h_prev + b\nh = relu(a)", None),
    "a diagonal at the input": ("p: (d,)\nh = tanh((x @ W) + h_prev @ U) + sum(tanh(p * x))", None),
    "alone in a function": ("h = sigmoid(p) * h_prev + tanh(x @ W + h_prev @ U)", "gain"),
    "a bias": ("h = tanh(x @ W + h_prev @ U + p)", None),
    "a vector of a product": ("p: (n,)\nh = tanh(x @ W + h_prev @ U + h_prev @ p)", None),
}


def network_of(kind: str) -> Network:
    text = KINDS[kind][0]
    declared = text if text.startswith("p:") else f"p: {'scalar' if kind != 'a diagonal' else '(n,)'}\n{text}"
    return Network(rnnsym.Cell.from_equations("mine", declared), READOUT)


@pytest.mark.parametrize("kind", KINDS)
def test_a_multiplier_is_told_by_the_equations(kind: str) -> None:
    assert multipliers(network_of(kind)).get("p") == KINDS[kind][1]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("scheme", sorted(set(schemes) - {"zeros", "identity"}))
def test_shares_start_within_0_and_1_and_gains_at_1(kind: str, scheme: str) -> None:
    network = network_of(kind)
    for drawn in (initialise(network, SIZES, scheme, 3), draw_parameters(network, SIZES, 3)):
        if KINDS[kind][1] == "share":
            assert 0 < drawn["p"] < 1
        if KINDS[kind][1] == "gain":
            assert drawn["p"] == 1


def test_zeros_are_zeros() -> None:
    for kind in KINDS:
        assert not any(array.any() for array in initialise(network_of(kind), SIZES, "zeros").values())


@pytest.mark.parametrize("cell", rnnsym.cells)
def test_no_built_in_cell_has_a_multiplier(cell: str) -> None:
    """Peepholes, IndRNN's u and the skip network's vector are weights: tables were measured from such starts."""
    assert multipliers(Network(rnnsym.cells[cell])) == {}


def test_each_layer_has_its_own() -> None:
    cell = network_of("a leak").cell
    found = multipliers(Network(stacked([cell, cell]), "yhat = sigmoid(h_2 @ W_y + b_y)"))
    assert found == {"p_1": "share", "p_2": "share"}


def test_a_vector_of_shares_is_uniform() -> None:
    values = np.sort(first_value("share", np.random.default_rng(0).standard_normal(10_000)))
    assert np.abs(values - np.linspace(0, 1, 10_000)).max() < 0.02, "Kolmogorov's distance, 0.0136 once in 20 draws"


@given(st.floats(-EXTREME, EXTREME))
def test_a_share_is_never_outside(normal: float) -> None:
    assert 0 <= first_value("share", normal) <= 1
    assert first_value("share", normal).shape == ()


def test_the_others_keep_their_draws() -> None:
    with_leak, without = network_of("a leak"), Network(rnnsym.Cell.from_equations(
        "plain", "h = tanh(x @ W + h_prev @ U + b)"), READOUT)
    one, other = (initialise(network, SIZES, "xavier_uniform", 1) for network in (with_leak, without))
    for name, array in other.items():
        np.testing.assert_array_equal(one[name], array)


def test_the_gradient_of_a_leaky_cell_does_not_explode() -> None:
    found = own_effects(network_of("a leak"))[0].decades
    assert found is not None
    assert found.high < BOUNDED
