"""Laws of path contributions: each is its own untied weight's gradient, and their sum is the gradient."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from rnnsym import Cell, Network, cells, compile
from rnnsym.dynamics import (
    PathContributions,
    draw_inputs,
    draw_parameters,
    path_contributions,
    spectral_radius,
    with_spectral_radius,
)
from rnnsym.dynamics.cell_contribution_plot import cell_contribution_figure
from rnnsym.dynamics.plots import path_contribution_figure
from rnnsym.dynamics.spectra import memory_length
from rnnsym.errors import DataError

READOUT = "yhat = sigmoid(h @ W_y + b_y)"
NETWORKS = {
    "simple": Network(cells["simple"]),
    "lstm": Network(cells["lstm"], READOUT),
    "gru": Network(cells["gru"], READOUT),
    "column": Network(
        Cell.from_equations("column", "h = relu(W_x @ x + W_h @ h_prev + b)"), "yhat = W_y @ h", "squared_error"
    ),
}
SIMPLE = NETWORKS["simple"]
SIZES = {"d": 3, "n": 4, "k": 2}
# Both sides sum the same products in another order: a few ulp of the largest term, times the number of steps.
SUM_TOLERANCE = 1e-13
COMPLEX_STEP = 1e-30  # exact to rounding: its error is of the order of its square


def drawn(network: Network, seed: int, steps: int, radius: float = 1.0) -> tuple[dict[str, Any], Any, Any]:
    parameters = with_spectral_radius(network, draw_parameters(network, SIZES, seed), radius)
    return parameters, *draw_inputs(network, SIZES, seed, steps=steps)


@pytest.mark.parametrize("name", NETWORKS)
@given(st.integers(0, 2**20), st.integers(1, 12), st.integers(1, 3), st.sampled_from([0.3, 1.0, 2.0]))
def test_terms_sum_to_the_compiled_gradient(name: str, seed: int, steps: int, batch: int, radius: float) -> None:
    network = NETWORKS[name]
    parameters, _, _ = drawn(network, seed, steps, radius)
    pairs = [draw_inputs(network, SIZES, seed + i, steps=steps) for i in range(batch)]
    inputs, targets = (np.stack([pair[place] for pair in pairs]) for place in (0, 1))
    found = path_contributions(network, parameters, inputs, targets)
    _, expected = compile(network).value_and_grad(parameters, inputs, targets)
    assert set(found.terms) == {p.name for p in network.cell.parameters}
    for parameter, gradient in found.gradients.items():
        scale = np.abs(found.terms[parameter]).max(initial=0.0) * steps
        assert found.terms[parameter].shape == (steps, *np.shape(parameters[parameter]))
        assert np.abs(gradient - expected[parameter]).max() <= SUM_TOLERANCE * scale + np.finfo(float).tiny


def test_a_dropped_path_is_not_within_that_tolerance() -> None:
    parameters, inputs, targets = drawn(SIMPLE, 0, 8)
    found = path_contributions(SIMPLE, parameters, inputs, targets)
    _, expected = compile(SIMPLE).value_and_grad(parameters, inputs, targets)
    terms = found.terms["b"]
    rejected = 0
    for dropped in range(8):
        gap = np.abs(np.delete(terms, dropped, axis=0).sum(axis=0) - expected["b"]).max()
        rejected += gap > SUM_TOLERANCE * np.abs(terms).max() * 8
    assert rejected == 8


def untied_loss(parameters: dict[str, Any], inputs: Any, target: Any, step: int, moved: dict[str, Any]) -> Any:
    """The loss of the simple network with ``moved`` in place of its parameters at one step, in plain NumPy."""
    state = np.zeros(SIZES["n"])
    for number, x in enumerate(inputs, start=1):
        own = parameters | moved if number == step else parameters
        state = np.tanh(x @ own["W_i"] + state @ own["W_h"] + own["b"])
    logit = state @ parameters["W_o"] + parameters["b_o"]
    yhat = 1 / (1 + np.exp(-logit))
    return (-target * np.log(yhat) - (1 - target) * np.log(1 - yhat)).sum()


@pytest.mark.parametrize("parameter", ["W_i", "W_h", "b"])
def test_each_term_is_the_derivative_by_the_untied_weight_of_its_step(parameter: str) -> None:
    parameters, inputs, target = drawn(SIMPLE, 3, 5)
    terms = path_contributions(SIMPLE, parameters, inputs, target).terms[parameter]
    value = parameters[parameter]
    for step in range(1, 6):
        expected = np.empty(value.shape)
        for place in np.ndindex(value.shape):
            moved = value.astype(complex)
            moved[place] += 1j * COMPLEX_STEP
            expected[place] = untied_loss(parameters, inputs, target, step, {parameter: moved}).imag / COMPLEX_STEP
        assert np.allclose(terms[step - 1], expected, rtol=1e-11, atol=1e-15)


def test_norms_are_those_of_the_terms_and_a_weight_beside_a_zero_state_contributes_nothing() -> None:
    found = path_contributions(SIMPLE, *drawn(SIMPLE, 1, 6))
    for name, terms in found.terms.items():
        expected = np.sqrt((terms**2).reshape(6, -1).sum(axis=1))
        assert np.allclose(found.norms[name], expected, rtol=1e-13)
    assert found.log_norms["W_h"][0] == -np.inf
    assert np.isfinite(found.log_norms["W_h"][1:]).all()
    assert found.steps == 6


def linear(w: float, steps: int) -> PathContributions:
    cell = Cell.from_equations("linear", "o = x @ W_i + o_prev @ W_h + b")
    network = Network(cell, "yhat = sigmoid(o @ W_o + b_o)")
    weights: dict[str, Any] = {"W_i": [[1.0]], "W_h": [[w]], "b": [0.0], "W_o": [[1.0]], "b_o": [0.0]}
    return path_contributions(network, weights, np.zeros((steps, 1)), [1.0])


@given(st.sampled_from([1e-6, 0.5, 1.0, 1e3]))
def test_logarithms_go_on_where_floats_end(w: float) -> None:
    found = linear(w, 100)
    logs = found.log_norms["b"]
    assert np.allclose(logs - logs[-1], np.arange(99, -1, -1) * np.log(w), rtol=1e-12, atol=1e-12)
    assert (found.terms["b"][0] == 0) == (w == 1e-6)  # 1e-594 is below the smallest float, as the docstring says


def test_terms_beyond_the_largest_float_are_refused_with_their_step() -> None:
    with pytest.raises(DataError, match="contribution of step 1 to the gradient of b overflows"):
        linear(1e6, 53)


def test_shares_rise_from_nothing_to_all_and_short_term_paths_hold_the_gradient_that_vanishes() -> None:
    shares = linear(0.5, 100).shares("b")
    assert shares[0] == 0
    assert shares[100] == 1
    assert (np.diff(shares) >= 0).all()
    assert np.allclose(shares[:20], 1 - 0.5 ** np.arange(20), atol=1e-15)


def test_shares_of_nothing_are_refused() -> None:
    found = path_contributions(SIMPLE, *drawn(SIMPLE, 0, 1))
    with pytest.raises(DataError, match="every step's contribution to W_h is zero"):
        found.shares("W_h")
    with pytest.raises(DataError, match="no contributions to 'W_o' here, only to W_i, W_h, b"):
        found.shares("W_o")


def test_only_what_is_asked_for_is_split_and_readout_parameters_have_no_steps() -> None:
    arguments = drawn(SIMPLE, 0, 3)
    assert list(path_contributions(SIMPLE, *arguments, wrt=("b",)).terms) == ["b"]
    with pytest.raises(DataError, match="unknown parameter 'W_o'; the cell's parameters are W_i, W_h, b"):
        path_contributions(SIMPLE, *arguments, wrt="W_o")


def test_a_cell_without_parameters_is_refused() -> None:
    network = Network(Cell.from_equations("squashing", "h = tanh(h_prev)"), "yhat = sigmoid(h)")
    with pytest.raises(DataError, match="squashing has no parameters"):
        path_contributions(network, {}, np.zeros((2, 1)), [1.0], {"h": [0.5]})


def test_gradients_that_are_zero_whatever_the_numbers_are_said_to_be_that() -> None:
    readout = "yhat = sigmoid(h @ W_o + b_o)"
    flat = Network(Cell.from_equations("flat", "h = step(x @ W_i + h_prev @ W_h)"), readout)
    with pytest.raises(DataError, match="gradients in W_i, W_h of the cell flat are zero whatever the numbers"):
        path_contributions(flat, *drawn(flat, 0, 3))
    half = Network(Cell.from_equations("half", "h = tanh(x @ W_i + step(h_prev @ W_h))"), readout)
    assert list(path_contributions(half, *drawn(half, 0, 3)).terms) == ["W_i"]
    with pytest.raises(DataError, match="the gradient in W_h is zero whatever its value"):
        path_contributions(half, *drawn(half, 0, 3), wrt="W_h")


@pytest.mark.parametrize(("place", "value", "words"), [
    (1, np.zeros((0, 3)), "T is 0"),
    (2, [0.0, np.nan], "nan"),
    (2, [0.0], "targets"),
    (2, [0.0, 2.0], "binary_cross_entropy"),
])
def test_arguments_that_do_not_fit_are_refused(place: int, value: Any, words: str) -> None:
    arguments: list[Any] = [*drawn(SIMPLE, 0, 3)]
    arguments[place] = value
    with pytest.raises(DataError, match=words):
        path_contributions(SIMPLE, *arguments)


def same(left: dict[str, NDArray[np.float64]], right: dict[str, NDArray[np.float64]]) -> bool:
    return all((left[name] == right[name]).all() for name in left)


def test_draws_are_those_of_their_seed_and_biases_are_zero() -> None:
    first, again, other = (draw_parameters(SIMPLE, SIZES, seed) for seed in (1, 1, 2))
    assert same(first, again)
    assert not same(first, other)
    assert (first["b"] == 0).all()
    large = draw_parameters(SIMPLE, {"d": 200, "n": 50, "k": 1}, 0, scale=3.0)
    assert large["W_i"].std() == pytest.approx(3 / np.sqrt(200), rel=0.05)  # 10,000 draws: 0.7% of standard error
    column = draw_parameters(NETWORKS["column"], {"d": 200, "n": 50, "k": 1}, 0)
    assert column["W_x"].shape == (50, 200)
    assert column["W_x"].std() == pytest.approx(1 / np.sqrt(200), rel=0.05)


@given(st.integers(0, 2**20), st.floats(0, 5))
def test_scaled_weights_have_the_spectral_radius_and_the_others_stay(seed: int, radius: float) -> None:
    network = NETWORKS["gru"]
    parameters = draw_parameters(network, SIZES, seed)
    scaled = with_spectral_radius(network, parameters, radius)
    for name, value in scaled.items():
        if name in {"W_hr", "W_hz", "W_hn"}:
            assert spectral_radius(value) == pytest.approx(radius, rel=1e-10)
        else:
            assert (value == parameters[name]).all()
            assert value is not parameters[name]


SCALINGS: dict[str, tuple[dict[str, Any], Any, Any, str]] = {
    "a negative radius": ({}, -1.0, None, "radius: expected a number from 0"),
    "no number": ({}, np.nan, None, "radius: expected finite"),
    "a nilpotent weight": ({"W_h": np.eye(4, k=1)}, 1.0, None, "W_h: its spectral radius is 0"),
    "an unknown name": ({}, 1.0, ("W",), "names: 'W' is no parameter; the recurrent weights are W_h"),
    "a matrix that is not square": ({}, 1.0, ("W_i",), "names: 'W_i' multiplies no state of the step before directly"),
    "a bias": ({}, 1.0, "b", "'b' multiplies no state of the step before directly; the recurrent weights are W_h"),
    "a readout's weight": ({}, 1.0, ["W_h", "W_o"], "names: 'W_o' multiplies no state"),
    "no names": ({}, 1.0, 3, "names: expected names of weights, of W_h, but it is 3"),
}


@pytest.mark.parametrize("name", SCALINGS)
def test_scalings_that_cannot_be_are_refused(name: str) -> None:
    changed, radius, names, words = SCALINGS[name]
    parameters = draw_parameters(SIMPLE, SIZES, 0) | changed
    with pytest.raises(DataError, match=words):
        with_spectral_radius(SIMPLE, parameters, radius, names)


def test_a_name_alone_or_twice_scales_its_weight_once() -> None:
    parameters = draw_parameters(SIMPLE, SIZES, 0)
    expected = with_spectral_radius(SIMPLE, parameters, 0.7)
    for names in ("W_h", ["W_h"], iter(["W_h", "W_h"])):
        assert same(with_spectral_radius(SIMPLE, parameters, 0.7, names), expected)
    assert same(with_spectral_radius(SIMPLE, parameters, 0.7, ()), parameters)


@pytest.mark.parametrize("factor", ["(W - W.T)", "(0.5 * W)", "(W + V)"])
def test_a_weight_inside_a_factor_is_not_scaled_for_the_factor_has_another_radius(factor: str) -> None:
    network = Network(Cell.from_equations("inside", f"h = tanh(x @ V_x + h_prev @ {factor} + h_prev @ U)"), READOUT)
    parameters = draw_parameters(network, SIZES, 0)
    scaled = with_spectral_radius(network, parameters, 0.5)
    assert [name for name in parameters if not (scaled[name] == parameters[name]).all()] == ["U"]
    with pytest.raises(DataError, match=r"'W' multiplies no state of the step before directly; the .* are U"):
        with_spectral_radius(network, parameters, 0.5, ["W"])
    alone = Network(Cell.from_equations("alone", f"h = tanh(x @ V_x + h_prev @ {factor})"), READOUT)
    with pytest.raises(DataError, match=r"alone has no square matrix that multiplies a state .* directly"):
        with_spectral_radius(alone, draw_parameters(alone, SIZES, 0), 0.5)


def test_a_cell_without_a_recurrent_weight_and_draws_without_sense_are_refused() -> None:
    network = Network(Cell.from_equations("decay", "h = 0.5 * h_prev + x @ W"), READOUT)
    with pytest.raises(DataError, match="decay has no square matrix"):
        with_spectral_radius(network, draw_parameters(network, SIZES, 0), 1.0)
    for steps in (0, -1, 2.5, True):
        with pytest.raises(DataError, match="steps: expected a whole number from 1"):
            draw_inputs(SIMPLE, SIZES, 0, steps=steps)  # type: ignore[arg-type]
    with pytest.raises(DataError, match="seed: expected a whole number from 0"):
        draw_parameters(SIMPLE, SIZES, -1)
    with pytest.raises(DataError, match="scale: expected a number from 0"):
        draw_parameters(SIMPLE, SIZES, 0, scale=-1.0)


@pytest.mark.parametrize("name", NETWORKS)
@given(st.integers(0, 2**20), st.integers(2, 12), st.floats(0.05, 1.0))
def test_the_memory_of_every_parameter_is_the_first_lag_with_its_share(
    name: str, seed: int, steps: int, share: float
) -> None:
    network = NETWORKS[name]
    found = path_contributions(network, *drawn(network, seed, steps))
    alive = [one for one, norms in found.norms.items() if norms.any()]  # a rectified unit may be off throughout
    lengths = [memory_length(found.log_norms[one], share) for one in alive]
    for one, length in zip(alive, lengths, strict=True):
        shares = found.shares(one)
        assert shares[length] >= share > shares[length - 1]
    if alive:
        stacked = np.stack([found.log_norms[one] for one in alive])
        assert memory_length(stacked, share).tolist() == lengths


FLAT_ON_THE_WAY = {  # by the reason, which is that of the numbers: sigmoid(z) = y, or tanh' = 0 in floats
    r"of 20 networks drawn at random the loss is saturated: at L = 0 its slope in every parameter is exactly 0":
        "h = 3 * h_prev + tanh(x @ W + h_prev @ U)",
    r"20 of 20 networks drawn at random no step contributes to .*: the loss has a slope in other parameters":
        "h = tanh(1000000000 * (x @ W + h_prev @ U + 1))",
}


@pytest.mark.parametrize("words", FLAT_ON_THE_WAY)
def test_why_no_step_contributes_is_said_by_what_has_no_slope(words: str) -> None:
    network = Network(Cell.from_equations("flat", FLAT_ON_THE_WAY[words]), READOUT)
    for draw in (path_contribution_figure, cell_contribution_figure):
        with pytest.raises(DataError, match=words) as caught:
            draw(network)
        assert "\n" not in str(caught.value)
