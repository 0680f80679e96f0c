"""The table of activations: each entry's slope, code, bound, kinks and spelling against its SymPy symbol."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from math import floor
from typing import Any

import mpmath
import numpy as np
import pytest
import sympy
from exact_values import DIGITS, argument, function, value
from hypothesis import given
from hypothesis import strategies as st

from rnnsym.model.activations import Activation, activations
from rnnsym.model.expressions import Variable
from rnnsym.numerics.functions import elementwise_functions

ENTRIES = list(activations.values())
entries = pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.name)
a, output = Variable("a", ()), Variable("o", ())

EXACT_TOLERANCE = mpmath.mpf(10) ** -25  # mpmath.diff at 60 digits is good to half of them
ULPS = 4  # a stable formula of a few operations: each rounds once
ROUNDING_OF_ONE = 4 * 2.0**-53  # 1 − Ω² and Ω (1 − Ω) round at most four times, each time numbers of at most 1


def points(entry: Activation) -> list[float]:
    """Points of the domain that are neither kinks nor jumps: dense around zero, and far out."""
    positive = [1e-3, 0.1, 0.5, 1.0, 1.7, 3.0, 9.0, 15.0, 19.0, 30.0]
    found = positive if entry.lower is not None else [*(-x for x in positive), *positive, 0.0]
    return [x for x in found if x not in entry.kinks and (entry.jump is None or entry.jump(x) != 0)]


def differentiated(entry: Activation) -> Callable[[Any], Any]:
    """What the table's slope is the slope of: the function, or a + c for one that gradients go straight through."""
    return (lambda at: at + 1) if entry.straight_through else function(entry.symbol(argument))


def table_slope(entry: Activation, at: mpmath.mpf) -> mpmath.mpf:
    out = function(entry.symbol(argument))(at)
    return value(entry.slope(a, output), {a: at, output: out})


@entries
def test_the_slope_is_the_derivative_of_the_symbol(entry: Activation) -> None:
    derived = function(sympy.diff(entry.symbol(argument), argument))
    with mpmath.workdps(DIGITS):
        for point in map(mpmath.mpf, points(entry)):
            measured = mpmath.diff(differentiated(entry), point)
            assert abs(table_slope(entry, point) - measured) <= EXACT_TOLERANCE * (1 + abs(measured))
            assert abs(table_slope(entry, point) - derived(point)) <= EXACT_TOLERANCE * (1 + abs(measured))


@pytest.mark.parametrize("entry", [e for e in ENTRIES if e.analytic], ids=lambda entry: entry.name)
def test_the_slope_is_the_derivative_symbolically(entry: Activation) -> None:
    x = sympy.Symbol("x", positive=True)
    closed = {"sigmoid": 1 / (1 + sympy.exp(-x)), "softplus": sympy.log(1 + sympy.exp(x)),
              "exp": sympy.exp(x)}
    formula = closed.get(entry.name, entry.symbol(x))
    spelt = entry.slope_text.replace("Ω (", "Ω*(").replace("2 Ω", "2*Ω").replace("²", "**2").replace("σ", "sigma")
    names = {"Ω": formula, "a": x, "sigma": lambda u: 1 / (1 + sympy.exp(-u)), "sin": sympy.sin, "cos": sympy.cos}
    printed = sympy.parse_expr(spelt, local_dict=names)
    assert sympy.simplify((sympy.diff(formula, x) - printed).rewrite(sympy.exp)) == 0


def test_a_wrong_slope_is_noticed() -> None:
    """The notes' ∂o_t/∂o_{t−1} = tanh(a_t) w_h has the slope tanh instead of 1 − tanh²."""
    measured = mpmath.diff(mpmath.tanh, mpmath.mpf(0.5))
    assert abs(mpmath.tanh(0.5) - measured) > 0.1
    assert abs(table_slope(activations["tanh"], mpmath.mpf(0.5)) - measured) < 1e-10


@entries
def test_the_code_has_the_symbol_s_value(entry: Activation) -> None:
    compute = elementwise_functions()[entry.name]
    with mpmath.workdps(DIGITS):
        for point in points(entry):
            exact = function(entry.symbol(argument))(mpmath.mpf(point))
            spacing = float(np.spacing(abs(float(exact)))) if exact else 0.0
            assert abs(mpmath.mpf(float(compute(np.float64(point)))) - exact) <= ULPS * spacing


@entries
@pytest.mark.parametrize("size", [400.0, 800.0])
def test_the_code_is_stable_far_out(entry: Activation, size: float) -> None:
    compute = elementwise_functions()[entry.name]
    for point in [size, -size] if entry.lower is None else [size]:
        exact = function(entry.symbol(argument))(mpmath.mpf(point))
        with np.errstate(over="ignore", under="ignore"):
            found = float(compute(np.array([point]))[0])
        expected = float("inf") if exact > np.finfo(np.float64).max else float(exact)
        assert found == pytest.approx(expected, rel=ULPS * 2.0**-52)


@entries
@given(st.floats(-30, 30, width=32))
def test_the_code_keeps_float32_and_shapes(entry: Activation, point: float) -> None:
    compute = elementwise_functions()[entry.name]
    column = np.full((2, 3), abs(point) + 1 if entry.lower is not None else point, dtype=np.float32)
    with np.errstate(over="ignore"):
        result = compute(column)
    assert (result.dtype, result.shape) == (np.float32, (2, 3))


@entries
def test_the_bound_is_not_exceeded_and_nearly_reached(entry: Activation) -> None:
    grid = [mpmath.mpf(int(k)) / 64 for k in range(-40 * 64, 40 * 64 + 1) if entry.lower is None or k > 0]
    slopes = [abs(table_slope(entry, point)) for point in grid[::5] + [g for g in grid if abs(g) <= 1]]
    if entry.slope_bound is None:
        far = [table_slope(entry, mpmath.mpf(point)) for point in (1e-12, 40.0)]
        assert max(far) > 1e5
        return
    bound = mpmath.mpf(entry.slope_bound.p) / entry.slope_bound.q
    assert max(slopes) <= bound
    assert max(slopes) >= bound * mpmath.mpf("0.999")


@entries
def test_kinks_are_where_the_sides_differ_and_nowhere_else(entry: Activation) -> None:
    exact, small = function(entry.symbol(argument)), mpmath.mpf("1e-8")

    def sides_differ(point: float) -> bool:
        here = mpmath.mpf(point)
        left, right = exact(here) - exact(here - small), exact(here + small) - exact(here)
        return bool(abs(left - right) > small / 2 or abs(left) > 0.5)  # … the slopes, or the values

    assert all(sides_differ(kink) for kink in entry.kinks)
    assert not any(sides_differ(point) for point in points(entry) if 1e-3 < abs(point) < 9)


@entries
def test_a_function_is_analytic_where_a_complex_step_finds_its_slope(entry: Activation) -> None:
    assert entry.analytic == (not entry.kinks and entry.jump is None)
    if not entry.analytic:
        return
    with mpmath.workdps(DIGITS):
        step = mpmath.mpf(10) ** -30
        for point in map(mpmath.mpf, points(entry)):
            shifted = function(entry.symbol(argument))(mpmath.mpc(point, step))
            error = abs(mpmath.im(shifted) / step - table_slope(entry, point))
            assert error <= EXACT_TOLERANCE * (1 + mpmath.exp(point))


@pytest.mark.parametrize("name", ["tanh", "sigmoid"])
@given(st.floats(-800, 800))
def test_the_output_form_errs_by_no_more_than_rounding(name: str, point: float) -> None:
    entry = activations[name]
    out = float(elementwise_functions()[name](np.float64(point)))
    computed = 1 - out**2 if name == "tanh" else out * (1 - out)
    with mpmath.workdps(400):
        assert abs(mpmath.mpf(computed) - table_slope(entry, mpmath.mpf(point))) <= ROUNDING_OF_ONE


@pytest.mark.parametrize("point", [19.0, -25.0, 300.0])
def test_only_the_form_with_cosh_keeps_digits_where_tanh_saturates(point: float) -> None:
    with mpmath.workdps(800):
        exact = float(1 / mpmath.cosh(mpmath.mpf(point)) ** 2)
    assert 1 / np.cosh(point) ** 2 == pytest.approx(exact, rel=1e-12)
    assert abs((1 - np.tanh(point) ** 2) / exact - 1) > 0.1


@entries
def test_every_entry_is_spelt_and_found_by_its_name(entry: Activation) -> None:
    assert activations[entry.name] is entry
    assert entry.latex
    assert entry.unicode
    assert entry.slope_text
    assert "{a}" in entry.numpy


@entries
def test_a_jump_is_where_the_values_differ_and_nowhere_else(entry: Activation) -> None:
    exact, small = function(entry.symbol(argument)), mpmath.mpf("1e-8")
    for point in (-2.5, -1.0, -0.5, 0.0, 0.5, 0.75, 1.0, 1.5):
        if entry.lower is None:
            jumps = abs(exact(mpmath.mpf(point) + small) - exact(mpmath.mpf(point) - small)) > 0.5
            assert jumps == (entry.jump is not None and entry.jump(point) == 0)


def test_only_round_is_gone_straight_through_and_its_own_slope_is_zero() -> None:
    assert [entry.name for entry in ENTRIES if entry.straight_through] == ["round"]
    entry = activations["round"]
    assert mpmath.diff(function(entry.symbol(argument)), mpmath.mpf("0.3")) == 0
    assert table_slope(entry, mpmath.mpf("0.3")) == 1


@given(st.floats(-1e17, 1e17) | st.sampled_from([0.5, -0.5, 1.5, 2.5, -2.5, 0.49999999999999994, 2.0**52 - 0.5]))
def test_round_is_half_up_and_exact(point: float) -> None:
    found = float(elementwise_functions()["round"](np.float64(point)))
    assert found == floor(Fraction(point) + Fraction(1, 2))


def test_the_sign_of_zero_is_zero_and_so_is_the_slope_of_the_size() -> None:
    functions = elementwise_functions()
    assert [float(functions["sign"](np.float64(x))) for x in (-3.0, 0.0, 2.0)] == [-1.0, 0.0, 1.0]
    assert table_slope(activations["abs"], mpmath.mpf(0)) == 0
