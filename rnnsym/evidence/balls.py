"""Ball arithmetic with tangents: numbers with a proved bound of their error, so that two that are apart do differ.

A ball is an interval of reals that holds the true value (Johansson 2017, Arb: efficient arbitrary-precision
midpoint-radius interval arithmetic). Slopes come from SymPy's own derivatives, as those of residues do.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from types import MappingProxyType
from typing import Any, Self

import numpy as np
import sympy
from flint import acb_mat, arb, fmpq

from rnnsym.errors import CheckError
from rnnsym.evidence.claim_values import Numbers
from rnnsym.evidence.duals import Dual, scaled
from rnnsym.evidence.residues import function_name as function_name
from rnnsym.evidence.residues import symbolic_slope
from rnnsym.model.activations import LEAK
from rnnsym.model.evaluation import Arithmetic, Array, entrywise

BITS = 256  # two sides that agree beyond 1e-60 at every point tried are taken for equal by nobody, but reported so

NOT_A_NUMBER = arb("nan")


class Ball(Dual):
    """A real number within known bounds, with its derivative in each direction; no number where it may be anything."""

    @classmethod
    def constant(cls, number: int) -> Self:
        return cls(arb(number))


def _by_sign(positive: Callable[[Any], Any], other: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Return a function of two cases; no number where the ball does not tell which."""
    return lambda a: positive(a) if a > 0 else other(a) if a <= 0 else NOT_A_NUMBER


def _rounded(a: Any) -> Any:
    whole = (a + arb(1) / 2).floor()
    return whole if whole.is_exact() else NOT_A_NUMBER


exact_functions: Mapping[str, Callable[[Any], Any]] = MappingProxyType({
    "tanh": lambda a: a.tanh(), "sigmoid": lambda a: 1 / (1 + (-a).exp()), "exp": lambda a: a.exp(),
    "log": lambda a: a.log(), "sqrt": lambda a: a.sqrt(), "sin": lambda a: a.sin(), "cos": lambda a: a.cos(),
    "softplus": lambda a: a.exp().log1p(),
    "relu": _by_sign(lambda a: a, lambda a: arb(0)), "step": _by_sign(lambda a: arb(1), lambda a: arb(0)),
    "leaky_relu": _by_sign(lambda a: a, lambda a: a * int(LEAK.p) / int(LEAK.q)),
    "abs": abs, "sign": lambda a: a.sgn() if a.sgn().is_exact() else NOT_A_NUMBER, "round": _rounded,
})


def apply(function: str, array: Array) -> Array:
    """Apply a function of the table of activations to each entry, derivative included."""
    if function not in exact_functions:
        raise CheckError(f"no ball arithmetic for the function {function}: add one to evidence.balls")
    return entrywise(lambda ball: _called(function, ball), array)


def _called(function: str, ball: Ball) -> Ball:
    value = exact_functions[function](ball.value)
    return Ball(value, None if ball.tangent is None else scaled(_slope(function)(ball.value), ball.tangent))


@cache
def _slope(function: str) -> Callable[[Any], Any]:
    _, slope = symbolic_slope(function)
    kinked = slope.has(sympy.Piecewise) or function in ("step", "sign", "abs")
    inside = _compiled(slope)
    return (lambda a: inside(a) if a > 0 or a < 0 else NOT_A_NUMBER) if kinked else inside


def _compiled(node: Any) -> Callable[[Any], Any]:
    """Return a SymPy expression of one symbol as a function of a ball."""
    match node:
        case sympy.Symbol():
            return lambda a: a
        case sympy.Rational():
            value = arb(fmpq(int(node.p), int(node.q)))
            return lambda a: value
        case sympy.Add() | sympy.Mul():
            return _folded(isinstance(node, sympy.Add), [_compiled(part) for part in node.args])
        case sympy.Pow():
            base, exponent = _compiled(node.base), arb(fmpq(int(node.exp.p), int(node.exp.q)))
            return lambda a: base(a) ** exponent
        case sympy.Piecewise():
            (first, condition), (second, _) = node.args
            return _chosen(*(_compiled(part) for part in (condition.lhs, first, second)))
        case sympy.Function():
            inner, name = _compiled(node.args[0]), function_name(node)
            return lambda a: exact_functions[name](inner(a))
    raise CheckError(f"no ball for the SymPy node {type(node).__name__}")


def _folded(is_sum: bool, parts: list[Callable[[Any], Any]]) -> Callable[[Any], Any]:
    def fold(a: Any) -> Any:
        total = parts[0](a)
        for one in parts[1:]:
            total = total + one(a) if is_sum else total * one(a)
        return total

    return fold


def _chosen(sign: Callable[[Any], Any], first: Callable[[Any], Any], second: Callable[[Any], Any]) -> Any:
    return lambda a: _by_sign(lambda _: first(a), lambda _: second(a))(sign(a))


def _select(condition: Array, chosen: Array, other: Array) -> Array:
    """Take a where c is 1 and b where it is 0, whatever the other one is; no number where c is none."""
    pick = np.frompyfunc(lambda c, a, b: a if c.value == 1 else b if c.value == 0 else Ball(NOT_A_NUMBER), 3, 1)
    return pick(condition, chosen, other)


def matrix_norm(matrix: Array) -> Ball:
    """σ_max(A) = √λ_max(AᵀA), the eigenvalues enclosed in balls."""
    values = np.asarray(matrix, dtype=object)
    squares = values.T @ values
    found = acb_mat([[one.value for one in row] for row in squares.tolist()])
    largest = arb(0)
    for root in found.eig(multiple=True, algorithm="rump"):
        largest = largest.max(root.real)
    return Ball(largest.sqrt())


def ball_numbers(sizes: Mapping[Any, int]) -> Numbers:
    """Return the interpreter's arithmetic over balls of ``BITS`` bits."""

    def number(value: Any) -> Ball:
        rational = sympy.Rational(value)
        return Ball(arb(fmpq(int(rational.p), int(rational.q))))

    arithmetic = Arithmetic(number, apply, dict(sizes), _select)
    return Numbers(arithmetic, lambda value: Ball(arb(value)), matrix_norm)
