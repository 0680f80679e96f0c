"""Random well-shaped expressions over every kind of node that users can write, differentiated by a complex step."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from hypothesis import strategies as st
from sympy import Rational

from rnnsym.calculus import jacobians, rules
from rnnsym.model import expressions as ex
from rnnsym.model.evaluation import Arithmetic, evaluate

n, d = ex.size("n"), ex.size("d")
SIZES = {n: 3, d: 2}
STEP = 1e-30  # a complex step has no subtraction, so it may be as small as this
TOLERANCE = 1e-9  # relative; a tree of depth 3 in doubles keeps 12 digits and more

x = ex.Variable("x", (d,), ex.t)
scalars = [ex.Variable("s", (), ex.t - 1), ex.Parameter("u", ())]
vectors = [ex.Variable("h", (n,), ex.t - 1), ex.Variable("g", (n,), ex.t), ex.Parameter("b", (n,))]
squares = [ex.Parameter("U", (n, n)), ex.Parameter("V", (n, n))]
E = ex.Parameter("E", (d, n))
JOINED = {"row": ex.Parameter("C", (d + n, n)), "column": ex.Parameter("C", (n, d + n))}
INPUTS = {"row": ex.Parameter("W", (d, n)), "column": ex.Parameter("W", (n, d))}
ANALYTIC: dict[str, Callable[[Any], Any]] = {
    "sqrt": np.sqrt, "tanh": np.tanh, "exp": np.exp, "sin": np.sin, "cos": np.cos,
    "sigmoid": lambda a: 1 / (1 + np.exp(-a)), "softplus": lambda a: np.log(1 + np.exp(a)), "log": np.log,
    # Not analytic: the real part decides, the imaginary part is the derivative on that side.
    "step": lambda a: np.heaviside(np.real(a), 0.0), "sign": lambda a: np.sign(np.real(a)),
    "abs": lambda a: a * np.sign(np.real(a)),
    "round": lambda a: np.floor(np.real(a) + 0.5) + (1j * np.imag(a) if np.iscomplexobj(a) else 0),
}
_functions = st.sampled_from(["tanh", "sigmoid", "softplus", "sin", "cos", "abs", "sign", "round"])
_relations = st.sampled_from([">", "<", ">=", "<="])
_numerals = st.sampled_from([-2, -1, 1, 2, "1/2"]).map(ex.Numeral)


def names(convention: str) -> list[Any]:
    return [x, *scalars, *vectors, *squares, E, INPUTS[convention], JOINED[convention]]


def _tame(expression: ex.Expression) -> ex.Expression:
    """Away from zero and positive, for denominators and roots."""
    return ex.Numeral(2) + ex.Elementwise("tanh", expression)


@st.composite
def scalar(draw: st.DrawFn, depth: int, convention: str) -> ex.Expression:
    if depth == 0 or draw(st.integers(0, 3)) == 0:
        return draw(st.one_of(st.sampled_from(scalars), _numerals, st.just(ex.Constant("dt", "1/20"))))
    inner, wide = scalar(depth - 1, convention), vector(depth - 1, convention)
    match draw(st.integers(0, 5)):
        case 0:
            return draw(wide) @ draw(wide)
        case 5:
            return ex.Reduction("logsumexp", draw(wide))
        case 1 | 2:
            operand = draw(st.one_of(wide, matrix(depth - 1, convention)))
            return ex.Reduction(draw(st.sampled_from(["sum", "mean"])), operand)
        case _:
            return draw(_entry_by_entry(inner, inner))


@st.composite
def vector(draw: st.DrawFn, depth: int, convention: str) -> ex.Expression:
    if depth == 0 or draw(st.integers(0, 3)) == 0:
        return draw(st.sampled_from(vectors))
    inner, square = vector(depth - 1, convention), matrix(depth - 1, convention)
    match draw(st.integers(0, 7)):
        case 5:
            return ex.Softmax(draw(inner))
        case 0:
            weights = INPUTS[convention]
            return x @ weights if convention == "row" else weights @ x
        case 6:
            joined, weights = ex.Concatenation(x, draw(inner)), JOINED[convention]
            return joined @ weights if convention == "row" else weights @ joined
        case 7:
            return draw(st.sampled_from([ex.Lookup(x, E), ex.Projection(draw(inner), draw(st.sampled_from(squares)))]))
        case 1 | 2:
            return draw(inner) @ draw(square) if convention == "row" else draw(square) @ draw(inner)
        case _:
            return draw(_entry_by_entry(inner, st.one_of(inner, scalar(depth - 1, convention))))


@st.composite
def matrix(draw: st.DrawFn, depth: int, convention: str) -> ex.Expression:
    if depth == 0 or draw(st.booleans()):
        return draw(st.sampled_from([*squares, ex.IdentityMatrix(n)]))
    inner = matrix(depth - 1, convention)
    match draw(st.integers(0, 3)):
        case 0:
            return draw(inner).T
        case 1:
            return draw(inner) @ draw(inner)
        case _:
            return draw(_entry_by_entry(inner, st.one_of(inner, scalar(depth - 1, convention))))


@st.composite
def _entry_by_entry(draw: st.DrawFn, own: Any, other: Any) -> ex.Expression:
    first = draw(own)
    match draw(st.integers(0, 8)):
        case 0:
            return -first
        case 6:
            condition = ex.Comparison(draw(_relations), draw(other), draw(other))
            return ex.Selection(condition, first, draw(other))
        case 7:
            condition = ex.Comparison(draw(_relations), draw(other), ex.ZERO)
            return ex.multiply(draw(other), ex.Selection(condition, ex.ZERO, first))
        case 8:
            return ex.Extremum(draw(st.sampled_from(["maximum", "minimum"])), draw(other), first)
        case 1:
            return ex.OrderedSum(first, draw(other), ex.Negative(draw(other)))
        case 2:
            return ex.Hadamard(draw(other), first, draw(other))
        case 3:
            return ex.Quotient(first, _tame(draw(other)))
        case 4:
            return ex.Power(_tame(first), draw(st.sampled_from([2, 3, -1, Rational(1, 2), Rational(-3, 2)])))
        case _:
            return ex.Elementwise(draw(_functions), first)


class Point:
    """Random values of all names, and derivatives there."""

    def __init__(self, convention: str, seed: int) -> None:
        generator = np.random.default_rng(seed)
        self.generator = generator
        self.values = {name: np.asarray(generator.uniform(-1, 1, shape(name))) for name in names(convention)}
        self.arithmetic = Arithmetic(float, _apply, SIZES)

    def value(self, expression: ex.Expression, moved: dict[Any, Any] | None = None) -> Any:
        values = self.values | (moved or {})
        return np.asarray(evaluate(expression, lambda name: values[name], self.arithmetic))

    def derivative(self, expression: ex.Expression, by: Any) -> Any:
        """∂expression/∂by, of shape expression.shape + by.shape, one entry of ``by`` at a time."""
        result = np.zeros(np.shape(self.value(expression)) + np.shape(self.values[by]))
        for place in np.ndindex(np.shape(self.values[by])):
            moved = self.values[by].astype(complex)
            moved[place] += 1j * STEP
            result[(..., *place)] = self.value(expression, {by: moved}).imag / STEP
        return result


def shape(expression: ex.Expression) -> tuple[int, ...]:
    return tuple(int(size.subs(SIZES)) for size in expression.shape)


def _apply(name: str, array: Any) -> Any:
    return ANALYTIC[name](array)


def differ(left: Any, right: Any) -> bool:
    return np.shape(left) != np.shape(right) or bool(np.any(np.abs(left - right) > TOLERANCE * (1 + np.abs(right))))


def seeded(name: Any) -> dict[Any, ex.Expression]:
    """The Jacobian of a name by itself."""
    return {name: ex.IdentityMatrix(name.shape[0]) if name.shape else ex.ONE}


def wrong_pullbacks(expression: ex.Expression, convention: str, seed: int) -> list[str]:
    """Names whose pullback of a random gradient is not the contraction with the true derivative."""
    point = Point(convention, seed)
    gradient = ex.Variable("delta", expression.shape)
    point.values[gradient] = np.asarray(point.generator.uniform(-1, 1, shape(expression)))
    found = rules.pull_back(expression, gradient)
    wrong = []
    for name in names(convention):
        expected = np.tensordot(point.values[gradient], point.derivative(expression, name), axes=expression.rank)
        pulled = point.value(found[name]) if name in found else np.zeros(shape(name))
        if differ(pulled, expected):
            wrong.append(name.name)
    return wrong


def wrong_jacobians(expression: ex.Expression, convention: str, seed: int) -> list[str]:
    """Names of scalars and vectors by which the Jacobian is not the true derivative."""
    point = Point(convention, seed)
    wrong = []
    for name in names(convention):
        if name.rank < 2:
            found = jacobians.jacobian(expression, seeded(name).get)
            value = point.value(found) if found is not None else np.zeros(shape(expression) + shape(name))
            if differ(value, point.derivative(expression, name)):
                wrong.append(name.name)
    return wrong
