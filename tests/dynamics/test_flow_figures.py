"""Laws of the figures by activation and by cell: exact for the linear network, bounded, and parts of the gradient."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rnnsym import Cell, Network, cells, compile
from rnnsym.dynamics import Draws, ProductStudy, draw_inputs, draw_parameters, figures, initialise, with_spectral_radius
from rnnsym.dynamics.activation_plot import FUNCTIONS, draw_activations
from rnnsym.dynamics.cell_contribution_plot import draw_cell_contributions, subjects
from rnnsym.dynamics.cell_contributions import Subject, log_contributions, study_cell, weight_kinds
from rnnsym.dynamics.variants import outer_function, study_activations, with_activation
from rnnsym.errors import DataError

SIZES = {"d": 2, "n": 4, "k": 1}
RADII = (0.5, 1.0, 2.0)
ROUNDING = 1e-10  # of a logarithm: twenty products of matrices of four rows
SIMPLE = Network(cells["simple"])
OUTPUT = "yhat = sigmoid(o @ W_o + b_o)"


def within_bound(study: ProductStudy) -> bool:
    assert study.bound is not None
    pairs = ((study.norms.low, study.bound.low), (study.norms.middle, study.bound.middle),
             (study.norms.high, study.bound.high))
    return all(bool((norms <= bound + ROUNDING).all()) for norms, bound in pairs)


@given(st.integers(0, 1000))
def test_no_curve_of_any_function_exceeds_its_bound_and_the_linear_one_is_the_power_of_its_weight(seed: int) -> None:
    found = study_activations(SIMPLE, SIZES, RADII, FUNCTIONS, Draws(seed, count=3, steps=20))
    assert tuple(found) == FUNCTIONS
    assert all(within_bound(study) for study in found.values())
    linear = found[None]
    assert linear.linear is not None
    assert np.allclose(linear.norms.middle, linear.linear.middle, atol=ROUNDING)


@pytest.mark.parametrize("radius", RADII)
def test_the_linear_curve_is_the_norm_of_the_power_of_the_drawn_weight(radius: float) -> None:
    study = study_activations(SIMPLE, SIZES, (radius,), (None,), Draws(5, count=1, steps=20))[None]
    weight = with_spectral_radius(SIMPLE, draw_parameters(SIMPLE, SIZES, 5), radius)["W_h"]
    expected = [np.log(np.linalg.norm(np.linalg.matrix_power(weight, k), 2)) for k in range(21)]
    assert np.allclose(study.norms.middle[0], expected, atol=ROUNDING)


@pytest.mark.parametrize("slope", [0.9, 0.25])
def test_a_bound_with_too_small_a_slope_is_seen(slope: float) -> None:
    study = study_activations(SIMPLE, {"d": 1, "n": 1, "k": 1}, RADII, (None,), Draws(count=3, steps=20))[None]
    assert study.bound is not None
    less = np.log(slope) * np.arange(21)
    planted = replace(study.bound, low=study.bound.low + less, middle=study.bound.middle + less,
                      high=study.bound.high + less)
    assert within_bound(study)
    assert not within_bound(replace(study, bound=planted))


@pytest.mark.parametrize("function", FUNCTIONS)
def test_an_exchanged_function_gives_the_numbers_of_the_cell_written_so(function: str | None) -> None:
    written = Network(Cell.from_equations("written", f"o = {function or ''}(x @ W_i + o_prev @ W_h + b)"), OUTPUT)
    changed = with_activation(SIMPLE, function)
    parameters, (inputs, targets) = draw_parameters(written, SIZES, 1), draw_inputs(written, SIZES, 1, steps=5)
    (loss, gradients), (expected, others) = (
        compile(network).value_and_grad(parameters, inputs, targets) for network in (changed, written)
    )
    assert loss == expected
    assert all((gradients[name] == others[name]).all() for name in others)
    assert outer_function(changed) == function
    assert outer_function(with_activation(changed, "tanh")) == "tanh"


def test_a_step_through_a_named_affine_map_is_exchanged_and_its_own_function_is_a_column() -> None:
    network = Network(Cell.from_equations("named", "a = x @ W + h_prev @ U\nh = softplus(a)"), "yhat = h @ W_y",
                      "squared_error")
    assert outer_function(with_activation(network, "relu")) == "relu"
    draws = Draws(count=2, steps=12)
    functions = ("softplus", *FUNCTIONS)
    scalar = study_activations(network, {"d": 1, "n": 1, "k": 1}, RADII, functions, draws)
    figure = draw_activations(network, scalar, study_activations(network, SIZES, RADII, functions, draws))
    assert len(figure.axes) == 12


@pytest.mark.parametrize("name", ["gru", "lstm", "skip_rnn"])
def test_a_cell_with_gates_has_no_function_to_exchange(name: str) -> None:
    network = Network(cells[name])
    assert "an affine map of the state before" in figures["activations"].obstacle(network)
    with pytest.raises(DataError, match=f"the cell {name} has no outermost function"):
        figures["activations"].draw(network, 0)


def test_an_unknown_function_is_refused() -> None:
    with pytest.raises(DataError, match=r"there is no 'gelu'.*; there are tanh"):
        with_activation(SIMPLE, "gelu")


KINDS = {
    "simple": (("W_i",), ("W_h",)),
    "lstm": (("W_xi", "W_xf", "W_xg", "W_xo"), ("W_hi", "W_hf", "W_hg", "W_ho")),
    "gru": (("W_xr", "W_xz", "W_xn"), ("W_hr", "W_hz", "W_hn")),
    "gru_reset_before": (("W_xr", "W_xz", "W_xn"), ("W_hr", "W_hz", "W_hn")),
    "skip_rnn": (("W_x",), ("W_s",)),
}


@pytest.mark.parametrize("name", KINDS)
def test_weights_are_of_the_input_or_of_the_recurrence_by_what_they_multiply(name: str) -> None:
    assert weight_kinds(Network(cells[name])) == KINDS[name]


@pytest.mark.parametrize("name", ["simple", "lstm", "gru", "skip_rnn"])
def test_contributions_of_both_kinds_are_the_untied_gradients_and_sum_to_the_gradient(name: str) -> None:
    from rnnsym.dynamics import path_contributions

    network, draws = Network(cells[name]), Draws(4, count=1, steps=9, input_scale=1.0)
    logs = log_contributions(Subject(name, network), SIZES, draws)
    parameters = initialise(network, SIZES, "xavier_uniform", 4)
    inputs, targets = draw_inputs(network, SIZES, 4, steps=9)
    found = path_contributions(network, parameters, inputs, targets)
    _, gradients = compile(network).value_and_grad(parameters, inputs, targets)
    for kind, names in enumerate(weight_kinds(network)):
        squares = sum((found.terms[one]**2).sum(axis=(1, 2)) for one in names)
        assert np.allclose(np.exp(2 * logs[kind, 0]), squares, rtol=ROUNDING, atol=0)
        for one in names:
            assert np.allclose(found.terms[one].sum(axis=0), gradients[one], rtol=ROUNDING, atol=1e-15)


def test_a_skipped_step_contributes_exactly_zero_and_the_medians_leave_it_out() -> None:
    skip = next(one for one in subjects() if "Skip" in one.label)
    draws = Draws(count=5, steps=40, input_scale=1.0)
    logs, study = log_contributions(skip, SIZES, draws), study_cell(skip, SIZES, 10, draws)
    assert study.zeros.tolist() == np.isneginf(logs).mean(axis=(1, 2)).tolist()
    assert 0.6 < study.zeros[0] < 0.9
    for step in range(40):
        present = np.sort(logs[0, :, step][np.isfinite(logs[0, :, step])])
        middle = study.norms.middle[0, step]
        assert middle == present[(len(present) - 1) // 2] if len(present) else np.isnan(middle)


def test_a_larger_forget_bias_gives_the_long_term_more_of_the_gradient() -> None:
    draws = Draws(count=5, steps=40, input_scale=1.0)
    lstms = [one for one in subjects() if "LSTM" in one.label]
    shares = [study_cell(one, SIZES, 10, draws).shares.middle[:, 0] for one in lstms]
    assert [dict(one.biases) for one in lstms] == [{"b_f": 0}, {"b_f": 1}, {"b_f": 3}]
    assert (shares[0] > shares[1]).all()
    assert (shares[1] > shares[2]).all()


def test_a_user_s_cell_is_one_more_line_and_one_of_the_table_is_none() -> None:
    own = Network(Cell.from_equations("my_cell", "h = 0.5 * h_prev + 0.5 * tanh(x @ W + h_prev @ U)"),
                  "yhat = sigmoid(h @ W_y)")
    assert len(subjects(Network(cells["gru"]))) == len(subjects()) == 6
    assert subjects(own)[-1].label == "my cell"
    draws = Draws(count=2, steps=12, input_scale=1.0)
    figure = draw_cell_contributions([study_cell(one, SIZES, 10, draws) for one in subjects(own)])
    assert [label.get_text() for label in figure.axes[2].get_yticklabels()][-1] == "my cell"


def test_a_cell_without_input_weights_and_a_study_of_nothing_are_refused() -> None:
    network = Network(Cell.from_equations("joined", "h = tanh(w * x + h_prev @ U)\nx: (n,)"), "yhat = h @ W_y",
                      "squared_error")
    assert "one kind is missing" in figures["contributions-by-cell"].obstacle(network)
    with pytest.raises(DataError, match="joined has no matrix that multiplies the input"):
        figures["contributions-by-cell"].draw(network, 0)
    for draws, recent in ((Draws(count=0), 10), (Draws(steps=5), 6), (Draws(), 0)):
        with pytest.raises(DataError, match="at least one draw"):
            study_cell(Subject("simple", SIMPLE), SIZES, recent, draws)
