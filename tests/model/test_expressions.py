"""Expressions: the author's order, shapes, and simplifications that never change a value."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sympy import Integer, Rational

from rnnsym.errors import RnnsymError, ShapeError
from rnnsym.model import expressions as ex
from rnnsym.model.evaluation import Arithmetic, evaluate
from rnnsym.numerics.functions import elementwise_functions

n, d = ex.size("n"), ex.size("d")
SIZES = {n: 3, d: 2}
VECTORS = [ex.Variable(name, (n,), ex.t) for name in ("p", "q", "r")]
SCALARS = [ex.Parameter(name, ()) for name in ("s", "u")]
M, W = ex.Parameter("M", (n, n)), ex.Parameter("W", (d, n))
x = ex.Variable("x", (d,), ex.t)

generator = np.random.default_rng(7)
NAMES = (*VECTORS, *SCALARS, M, W, x)
VALUES = {name: generator.uniform(0.5, 2.0, [SIZES[size] for size in name.shape]) for name in NAMES}
ARITHMETIC = Arithmetic(float, lambda name, array: elementwise_functions()[name](array), SIZES)
CLOSE = 1e-12  # a dozen operations in doubles on numbers near one


def value(expression: ex.Expression) -> Any:
    return evaluate(expression, lambda name: VALUES[name], ARITHMETIC)


def same(left: ex.Expression, right: Any) -> bool:
    return bool(np.all(np.abs(value(left) - right) <= CLOSE * (1 + np.abs(right))))


leaves = st.sampled_from([*VECTORS, *SCALARS, *map(ex.Numeral, (-2, 0, 1, "1/3")), ex.Ones((n,)), ex.ZERO])
scalars_first = st.one_of(leaves, leaves.map(ex.negate), leaves.map(lambda leaf: ex.ONE / (leaf * leaf + 1)))
operands = st.lists(scalars_first, min_size=1, max_size=5)


@given(st.lists(st.sampled_from(VECTORS), min_size=2, max_size=6))
def test_sums_and_products_keep_the_author_s_order(names: list[ex.Variable]) -> None:
    assert ex.add(*names).args == tuple(names)
    assert ex.multiply(*names).args == tuple(names)
    assert [node for node in ex.walk(ex.add(*names)) if isinstance(node, ex.Variable)] == names


@given(operands)
def test_a_simplified_sum_has_the_value_of_its_terms(terms: list[ex.Expression]) -> None:
    assert same(ex.add(*terms), sum(value(term) for term in terms))


@given(operands)
def test_a_simplified_product_has_the_value_of_its_factors(factors: list[ex.Expression]) -> None:
    assert same(ex.multiply(*factors), np.prod(np.broadcast_arrays(*map(value, factors)), axis=0))


@given(operands)
def test_negation_in_both_forms_changes_the_sign(terms: list[ex.Expression]) -> None:
    total = ex.add(*terms)
    for negative in (ex.negate(total), ex.opposite(total), -total):
        assert same(negative, -value(total))
    assert same(ex.negate(ex.negate(total)), value(total))


@given(operands, st.sampled_from(SCALARS))
def test_a_quotient_with_its_sign_in_front_has_the_same_value(terms: list[ex.Expression], below: ex.Expression) -> None:
    above = ex.negate(ex.add(*terms))
    assert same(ex.divide(above, below), value(above) / value(below))


p, q, r = VECTORS
s, u = SCALARS
a = {name: VALUES[name] for name in VALUES}

OPERATORS: dict[str, tuple[Callable[[], Any], Callable[[], Any], tuple[Any, ...]]] = {
    "p + q": (lambda: p + q, lambda: a[p] + a[q], (n,)),
    "p - q": (lambda: p - q, lambda: a[p] - a[q], (n,)),
    "1 - p": (lambda: 1 - p, lambda: 1 - a[p], (n,)),
    "2 + p": (lambda: 2 + p, lambda: 2 + a[p], (n,)),
    "p * q": (lambda: p * q, lambda: a[p] * a[q], (n,)),
    "3 * p": (lambda: 3 * p, lambda: 3 * a[p], (n,)),
    "s * M": (lambda: s * M, lambda: a[s] * a[M], (n, n)),
    "p / q": (lambda: p / q, lambda: a[p] / a[q], (n,)),
    "1 / p": (lambda: 1 / p, lambda: 1 / a[p], (n,)),
    "p ** 3": (lambda: p**3, lambda: a[p] ** 3, (n,)),
    "p ** -2": (lambda: p**-2, lambda: a[p] ** -2.0, (n,)),
    "p ** (3/2)": (lambda: p ** Rational(3, 2), lambda: a[p] ** 1.5, (n,)),
    "-p": (lambda: -p, lambda: -a[p], (n,)),
    "x @ W": (lambda: x @ W, lambda: a[x] @ a[W], (n,)),
    "W @ p": (lambda: W @ p, lambda: a[W] @ a[p], (d,)),
    "p @ q": (lambda: p @ q, lambda: a[p] @ a[q], ()),
    "W @ M": (lambda: W @ M, lambda: a[W] @ a[M], (d, n)),
    "W.T": (lambda: W.T, lambda: a[W].T, (n, d)),
    "W.T.T": (lambda: W.T.T, lambda: a[W], (d, n)),
    "diag": (lambda: ex.Diagonal(p), lambda: np.diag(a[p]), (n, n)),
    "outer": (lambda: ex.Outer(x, p), lambda: np.outer(a[x], a[p]), (d, n)),
    "I": (lambda: ex.IdentityMatrix(n), lambda: np.eye(3), (n, n)),
    "zeros": (lambda: ex.zeros((d, n)), lambda: np.zeros((2, 3)), (d, n)),
    "a number of entries": (lambda: ex.Size(n * d), lambda: 6.0, ()),
    "a constant": (lambda: ex.Constant("dt", "0.05"), lambda: 0.05, ()),
    "mean": (lambda: ex.Reduction("mean", W), a[W].mean, ()),
    "sum": (lambda: ex.Reduction("sum", p), a[p].sum, ()),
    "tanh": (lambda: ex.Elementwise("tanh", p), lambda: np.tanh(a[p]), (n,)),
}


@pytest.mark.parametrize("name", OPERATORS)
def test_an_operator_has_numpy_s_value_and_shape(name: str) -> None:
    build, expected, shape = OPERATORS[name]
    assert build().shape == shape
    assert build().rank == len(shape)
    assert np.shape(value(build())) == tuple(SIZES[size] for size in shape)
    assert same(build(), expected())


MISFITS: dict[str, Callable[[], ex.Expression]] = {
    "sum": lambda: p + x,
    "product": lambda: p * x,
    "quotient": lambda: p / x,
    "sum of vector and matrix": lambda: p + M,
    "inner sizes": lambda: p @ W,
    "inner sizes, column": lambda: W @ x,
    "scalar beside @": lambda: s @ p,
    "transpose of a vector": lambda: ex.Transposed(p),
    "outer of a matrix": lambda: ex.Outer(p, M),
    "diag of a matrix": lambda: ex.Diagonal(M),
}


@pytest.mark.parametrize("name", MISFITS)
def test_shapes_that_do_not_fit_are_an_error_that_names_both(name: str) -> None:
    with pytest.raises(ShapeError, match=r"shape"):
        MISFITS[name]()


def test_moving_to_another_step_moves_what_bears_a_step_and_nothing_else() -> None:
    before = ex.Variable("p", (n,), ex.t - 1)
    bare = ex.Variable("target", (n,))
    moved = ex.at_step(before @ M + p * s - bare, Integer(4))
    assert moved == before.at(3) @ M + p.at(4) * s - bare
    assert ex.at_step(ex.at_step(p + before, ex.t + 2), Integer(5)) == p.at(7) + before.at(6)


def test_rebuilding_replaces_whole_answers_and_keeps_the_rest() -> None:
    expression = ex.Elementwise("tanh", p @ M + q) * r
    assert ex.rebuild(expression, lambda node: None) is expression
    renamed = ex.rebuild(expression, lambda node: q if node == p @ M + q else None)
    assert renamed == ex.Elementwise("tanh", q) * r


def test_a_walk_visits_every_place_in_reading_order() -> None:
    visited = [node for node in ex.walk((p + q) * (p - r)) if isinstance(node, ex.Variable)]
    assert visited == [p, q, p, r]


def test_equal_names_are_one_object_however_they_were_made() -> None:
    moved = ex.Variable("h", [n], ex.t - 1)
    assert moved is ex.Variable("h", (n,), ex.t).at(ex.t - 1) is ex.at_step(ex.Variable("h", (n,), ex.t), ex.t - 1)
    assert moved is copy.deepcopy(moved) is pickle.loads(pickle.dumps(moved))
    assert ex.Parameter("W", (d, n)) is W is not ex.Parameter("W", (n, d))


def test_kinds_of_names_with_one_spelling_are_different() -> None:
    one = {ex.Parameter("p", (n,)), ex.Variable("p", (n,)), ex.Variable("p", (n,), ex.t), ex.Constant("p", 1)}
    assert len(one) == 4


def test_a_power_that_no_arithmetic_has_raises() -> None:
    with pytest.raises(RnnsymError, match="whole or half"):
        value(p ** Rational(1, 3))
