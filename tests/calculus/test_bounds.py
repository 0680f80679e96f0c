"""Bounds of Jacobians by rules: what they come out as, what they assume, what is refused, how they compare."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sympy import Integer, Rational

import rnnsym
from rnnsym.calculus.bound_values import in_numbers, is_at_most, least
from rnnsym.calculus.bounds import JacobianBound, jacobian_bound
from rnnsym.calculus.direct import direct_paths
from rnnsym.calculus.intervals import REALS, Interval, interval, state_ranges
from rnnsym.calculus.norm_rules import Facts, infer
from rnnsym.calculus.norms import LargestEntry, LargestSingularValue, LargestSlope, SpectralNorm, StepPower, j, rules
from rnnsym.calculus.unrolling import graph_of
from rnnsym.errors import DerivationError
from rnnsym.model.activations import Activation, activations
from rnnsym.model.expressions import Numeral, Parameter, Part, T, Variable, add, multiply, size, t
from rnnsym.numerics.functions import elementwise_functions
from rnnsym.writing.bounds import REASONS
from rnnsym.writing.layout import lay_out, style_of
from rnnsym.writing.plain import plain


def network_of(text: str, readout: str = "yhat = sigmoid(h @ W_y)") -> rnnsym.Network:
    return rnnsym.Network(rnnsym.Cell.from_equations("drawn", text), readout)


def bound_of(text: str) -> JacobianBound:
    return jacobian_bound(network_of(text))


def printed(bound: JacobianBound, expression: Any) -> str:
    return plain(lay_out(expression, style_of(bound.network)))


ONE_STATE = {
    "h = tanh(x @ W + h_prev @ U)": "γ_tanh σ_max(U)",
    "h = sigmoid(x @ W + h_prev @ U)": "γ_σ σ_max(U)",
    "h = relu(x @ W + h_prev @ U + b)": "γ_ReLU σ_max(U)",
    "h = leaky_relu(x @ W + h_prev @ U)": "γ_LeakyReLU σ_max(U)",
    "h = x @ W + h_prev @ U": "σ_max(U)",
    "h = x @ W - h_prev @ U.T": "σ_max(U)",
    "h = x @ W + h_prev @ (U - U.T)": "σ_max(U − Uᵀ)",
    "h = x @ W + h_prev @ U @ V": "σ_max(Vᵀ Uᵀ)",
    "dt = 0.25\nh = (1 - dt) * h_prev + dt * tanh(x @ W + h_prev @ U)": "3/4 + dt · γ_tanh σ_max(U)",
    "h = tanh(x @ W + u * h_prev)": "γ_tanh ‖u‖_{∞}",
    "z = sigmoid(x @ W)\nh = z * h_prev + (1 - z) * (x @ V)": "1",
    "h = exp(x @ W + h_prev @ U)": "‖h_t‖_{∞} σ_max(U)",
}


@pytest.mark.parametrize(("text", "expected"), ONE_STATE.items())
def test_the_bound_of_one_step(text: str, expected: str) -> None:
    bound = bound_of(text)
    assert printed(bound, bound.step) == expected


def test_two_functions_give_two_largest_slopes() -> None:
    bound = bound_of("h = tanh(sigmoid(x @ W + h_prev @ U) @ V)")
    assert printed(bound, in_numbers(bound.step)) == "1/4 σ_max(V) σ_max(U)"


def test_a_constant_of_the_leak_takes_its_part_of_the_bound() -> None:
    bound = bound_of("alpha: scalar\nh = (1 - alpha) * h_prev + alpha * tanh(x @ W + h_prev @ U)")
    assert printed(bound, bound.step) == "|1 − α| + γ_tanh |α| σ_max(U)"


def test_the_power_and_the_product() -> None:
    uniform, unbounded = bound_of("h = tanh(x @ W + h_prev @ U)"), bound_of("h = exp(x @ W + h_prev @ U)")
    assert uniform.uniform
    assert printed(uniform, uniform.over(T, j)) == "(γ_tanh σ_max(U))^{T−j}"
    assert not unbounded.uniform
    assert printed(unbounded, unbounded.over(T, j)) == "∏_{t=j+1}^{T} ‖h_t‖_{∞} σ_max(U)"


@pytest.mark.parametrize(("cell", "starts"), [
    ("simple", {}), ("lstm", {}), ("gru", {"h": (-1, 1)}), ("janet", {"h": (-1, 1)}), ("mgu", {"h": (-1, 1)}),
    ("linear_recurrence", {}), ("lstm_coupled", {"c": (-1, 1), "h": (-1, 1)}),
])
def test_what_is_assumed_of_the_start(cell: str, starts: dict[str, tuple[int, int]]) -> None:
    bound = jacobian_bound(rnnsym.Network(rnnsym.cells[cell]))
    assert {state.name: (own.low, own.high) for state, own in bound.starts.items()} == starts


def test_the_cell_state_of_an_lstm_is_bounded_by_nothing() -> None:
    loop = graph_of(rnnsym.Network(rnnsym.cells["lstm"])).only_loop()
    found = {state.name: own for state, own in state_ranges(loop).items()}
    assert found == {"c": REALS, "h": Interval(Integer(-1), Integer(1))}


def test_a_start_outside_the_range_widens_the_interval() -> None:
    text = "h: vector = 3\nz = sigmoid(x @ W + h_prev @ U)\nh = z * h_prev + (1 - z) * tanh(h_prev @ V)"
    own = jacobian_bound(network_of(text)).starts
    assert [(one.low, one.high) for one in own.values()] == [(-1, 3)]


ENTRIES = list(activations.values())


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.name)
@given(st.floats(-700, 700))
def test_no_value_is_outside_the_range(entry: Activation, point: float) -> None:
    argument = abs(point) + 1e-3 if entry.lower is not None else point
    value = float(elementwise_functions()[entry.name](np.float64(argument)))
    low, high = entry.range
    assert low is None or low <= value
    assert high is None or value <= high


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.name)
def test_the_ends_of_the_range_are_approached_and_where_there_is_none_values_grow(entry: Activation) -> None:
    far = np.concatenate([np.linspace(-40, 40, 4001), [-1e6, -700, 700, 1e6]])
    points = np.concatenate([far[far > 0], [1e-300]]) if entry.lower is not None else far
    with np.errstate(over="ignore"):
        values = elementwise_functions()[entry.name](points)
    low, high = entry.range
    assert values.min() < -600 if low is None else abs(values.min() - low) < 1e-3
    assert (values.max() > 13 if entry.name == "log" else values.max() > 600) if high is None else (
        abs(values.max() - high) < 1e-3)


a, b = Variable("a", (size("n"),), t), Variable("b", (size("n"),), t)
HALF = Interval(Rational(-1, 2), Rational(1, 2))
UNIT = Interval(Integer(0), Integer(1))


@pytest.mark.parametrize(("expression", "expected"), [
    (a + b, Interval(Rational(-1, 2), Rational(3, 2))),
    (b * a + (1 - b) * a, HALF),  # a mixture stays between its parts
    (a * a, Interval(Rational(-1, 4), Rational(1, 4))),
    (a**2, Interval(Integer(0), Rational(1, 4))),
    (1 - a**2, Interval(Rational(3, 4), Integer(1))),
    (-a, HALF),
    (Variable("x", (size("n"),), t) * a, REALS),
    (Variable("x", (size("n"),), t) * Numeral(0), Interval(Integer(0), Integer(0))),
])
def test_intervals(expression: Any, expected: Interval) -> None:
    assert interval(expression, {a: HALF, b: UNIT}) == expected


@given(st.lists(st.floats(-1, 1), min_size=2, max_size=2), st.floats(0, 1))
def test_a_mixture_is_in_its_interval(ends: list[float], weight: float) -> None:
    value = weight * ends[0] + (1 - weight) * ends[1]
    assert min(ends) - 1e-15 <= value <= max(ends) + 1e-15


W, V = (SpectralNorm(Parameter(name, (size("n"), size("n")))) for name in "WV")
TANH, SIGMOID = LargestSlope("tanh"), LargestSlope("sigmoid")


@pytest.mark.parametrize(("smaller", "larger", "holds"), [
    (multiply(TANH, W), W, True),
    (multiply(SIGMOID, W), W, True),
    (W, multiply(SIGMOID, W), False),
    (multiply(TANH, LargestSingularValue(W.operand)), W, True),
    (W, add(W, V), True),
    (add(W, V), W, False),
    (multiply(W, V), add(W, V), False),
    (W, V, False),
    (Numeral(1), add(Numeral(1), W), True),
    (Numeral(2), add(Numeral(1), W), False),
    (Numeral(Rational(1, 4)), Numeral(Rational(1, 4)), True),
    (StepPower(W, T), W, False),  # no polynomial: not told
])
def test_one_bound_is_at_most_another(smaller: Any, larger: Any, holds: bool) -> None:
    assert is_at_most(smaller, larger) is holds


@pytest.mark.parametrize(("cell", "value"), [("gru", 1), ("simple", 0), ("linear_recurrence", 1),
                                             ("antisymmetric_rnn", 1), ("irnn", 0)])
def test_what_a_bound_is_at_least(cell: str, value: int) -> None:
    bound = jacobian_bound(rnnsym.Network(rnnsym.cells[cell]))
    assert least(bound, bound.loop.states[0], bound.loop.states[0]) == value


@pytest.mark.parametrize(("cell", "paths"), [
    ("lstm", {"c": "diag(f_t)"}), ("gru", {"h": "diag(z_t)"}), ("mgu", {"h": "diag(1 − f_t)"}),
    ("janet", {"h": "diag(f_t)"}), ("linear_recurrence", {"h": "diag(1 − z_t)"}), ("simple", {}),
    ("antisymmetric_rnn", {"h": "I"}),
])
def test_direct_paths(cell: str, paths: dict[str, str]) -> None:
    network = rnnsym.Network(rnnsym.cells[cell])
    found = direct_paths(graph_of(network).only_loop())
    assert {p.state.name: plain(lay_out(p.value, style_of(network))) for p in found} == paths


REFUSED: dict[str, tuple[Callable[[], rnnsym.Network], str]] = {
    "several loops": (lambda: rnnsym.Network(rnnsym.cells["gru"], topology="encoder-decoder",
                                             decoder=rnnsym.cells["gru"]), "one loop"),
    "no path between steps": (lambda: network_of("h = tanh(x @ W) + step(h_prev @ U)"), "no Jacobian between steps"),
    "a name that looks like a sign": (lambda: network_of("gamma_tanh: scalar\nh = tanh(gamma_tanh * h_prev + x @ W)"),
                                      "means something else"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_refusals_name_what_is_wrong(what: str) -> None:
    make, words = REFUSED[what]
    with pytest.raises(DerivationError, match=words):
        rnnsym.derive_bounds(make())


def test_a_taken_letter_is_not_used_for_the_bound() -> None:
    assert bound_of("beta: scalar\nh = tanh(x @ W + beta * h_prev)").letter == "kappa"


def test_a_matrix_without_a_rule_is_refused() -> None:
    x = Variable("x", (size("n"), size("n")), t)
    part = Part(x, (size("n"),), 0)
    with pytest.raises(DerivationError, match="no bound for the norm of Part"):
        infer(SpectralNorm(part), Facts({}, (), "beta"))


def test_every_rule_has_a_statement_and_a_reason() -> None:
    used = {line.rule for cell in rnnsym.cells for e in jacobian_bound(rnnsym.Network(rnnsym.cells[cell])).estimates
            for line in e.lines}
    assert used <= set(rules)
    assert used <= set(REASONS)
    assert len(used) >= 12


def test_an_unbounded_name_stays_a_symbol() -> None:
    assert infer(LargestEntry(a), Facts({}, (), "beta")) is None
