"""Concatenations, their pieces and looked-up rows: what the rules give, exactly, and what the nodes refuse."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from rnnsym.calculus.jacobians import jacobian
from rnnsym.calculus.rules import pull_back
from rnnsym.errors import ShapeError
from rnnsym.model import expressions as ex
from rnnsym.model.evaluation import Arithmetic, evaluate

d, n, m = ex.size("d"), ex.size("n"), ex.size("m")
SIZES = {d: 2, n: 3, m: 4}
x, h, b = ex.Variable("x", (d,), ex.t), ex.Variable("h", (n,), ex.t - 1), ex.Parameter("b", (m,))
g = ex.Variable("g", (d + n,), ex.t)
W, E = ex.Parameter("W", (d + n, n)), ex.Parameter("E", (d, m))
delta = ex.Variable("delta", (m,))


def value(expression: ex.Expression, values: dict[Any, Any]) -> Any:
    arithmetic = Arithmetic(float, lambda name, array: {"tanh": np.tanh}[name](array), SIZES)
    return evaluate(expression, values.__getitem__, arithmetic)


def drawn(*names: Any) -> dict[Any, Any]:
    generator = np.random.default_rng(7)
    return {name: generator.uniform(-1, 1, [int(size.subs(SIZES)) for size in name.shape]) for name in names}


def test_the_size_of_a_concatenation_is_the_sum_of_the_sizes() -> None:
    assert ex.Concatenation(x, h).shape == (d + n,) == ex.Concatenation(h, x).shape
    assert ex.Concatenation(h, h, x).shape == (d + 2 * n,)
    assert ex.Concatenation(ex.Variable("a", (ex.size(3),)), ex.Variable("b", (ex.size(4),))).shape == (7,)


def test_the_pieces_of_a_concatenation_are_its_operands() -> None:
    joined = ex.Concatenation(x, h, b)
    values = drawn(x, h, b)
    for index, operand in enumerate(joined.args):
        assert ex.piece(joined, joined.lengths, index) == operand
        assert np.array_equal(value(ex.Part(joined, joined.lengths, index), values), values[operand])


def test_a_piece_of_ones_is_ones() -> None:
    assert ex.piece(ex.Ones((d + n,)), (d, n), 1) == ex.Ones((n,))


def test_a_gradient_is_cut_where_the_vector_was_joined() -> None:
    joined = ex.Concatenation(x, h)
    assert pull_back(joined, g) == {x: ex.Part(g, (d, n), 0), h: ex.Part(g, (d, n), 1)}
    first, second = pull_back(joined, g).values()
    values = drawn(g)
    assert np.array_equal(np.concatenate([value(first, values), value(second, values)]), values[g])


def test_a_vector_joined_twice_gathers_both_pieces() -> None:
    twice = ex.Variable("g", (2 * n,), ex.t)
    assert pull_back(ex.Concatenation(h, h), twice) == {h: ex.Part(twice, (n, n), 0) + ex.Part(twice, (n, n), 1)}


def test_the_jacobian_of_a_concatenation_has_zero_blocks() -> None:
    known = {h: ex.IdentityMatrix(n)}.get
    assert jacobian(ex.Concatenation(x, h), known) == ex.Concatenation(ex.zeros((d, n)), ex.IdentityMatrix(n))
    assert jacobian(ex.Concatenation(x, b), known) is None
    found = jacobian(ex.Concatenation(x, h), known)
    assert found is not None
    assert found.shape == (d + n, n)
    assert np.array_equal(value(found, {}), np.vstack([np.zeros((2, 3)), np.eye(3)]))


def test_a_concatenation_by_a_scalar_has_a_vector_of_slopes() -> None:
    s = ex.Variable("s", (), ex.t - 1)
    found = jacobian(ex.Concatenation(s * x, h), {s: ex.ONE}.get)
    assert found == ex.Concatenation(x, ex.zeros((n,)))


def test_a_lookup_is_the_product_with_a_one_hot_row() -> None:
    values = drawn(E) | {x: np.array([0.0, 1.0])}
    assert np.array_equal(value(ex.Lookup(x, E), values), values[E][1])
    product = values | drawn(x)
    assert np.array_equal(value(ex.Lookup(x, E), product), product[x] @ product[E])


def test_the_gradient_of_a_lookup_has_one_row() -> None:
    found = pull_back(ex.Lookup(x, E), delta)
    assert found == {x: ex.Projection(delta, ex.transpose(E)), E: ex.Scatter(x, delta)}
    values = drawn(E, delta) | {x: np.array([0.0, 1.0])}
    assert np.array_equal(value(found[E], values), np.vstack([np.zeros(4), values[delta]]))
    assert np.array_equal(value(found[x], values), values[E] @ values[delta])


def test_a_projection_has_the_gradient_of_a_product() -> None:
    found = pull_back(ex.Projection(x, E), delta)
    assert found == {x: ex.Projection(delta, ex.transpose(E)), E: ex.Outer(x, delta)}


@pytest.mark.parametrize("node", [ex.Projection, ex.Lookup])
def test_the_jacobian_of_a_projection_is_the_transposed_matrix(node: type[ex.Projection]) -> None:
    assert jacobian(node(x, E), {x: ex.IdentityMatrix(d)}.get) == E.T


def test_a_step_moves_all_that_is_joined_or_looked_up() -> None:
    assert ex.at_step(ex.Concatenation(x, h), 3) == ex.Concatenation(x.at(3), h.at(2))
    assert ex.at_step(ex.Lookup(x, E), 3) == ex.Lookup(x.at(3), E)
    assert ex.at_step(ex.Part(g, (d, n), 1), 3) == ex.Part(g.at(3), (d, n), 1)


REFUSED: dict[str, Callable[[], ex.Expression]] = {
    "a scalar joined": lambda: ex.Concatenation(x, ex.ONE),
    "rows of two widths": lambda: ex.Concatenation(E, W),
    "a vector on a matrix": lambda: ex.Concatenation(E, x),
    "nothing joined": ex.Concatenation,
    "pieces too short": lambda: ex.Part(g, (d, d), 0),
    "a piece too many": lambda: ex.Part(g, (d, n), 2),
    "a piece before the first": lambda: ex.Part(g, (d, n), -1),
    "a lookup in a vector": lambda: ex.Lookup(x, b),
    "a matrix as an index": lambda: ex.Lookup(E, E),
    "a lookup of another size": lambda: ex.Lookup(h, E),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_does_not_fit_is_refused(name: str) -> None:
    with pytest.raises(ShapeError):
        REFUSED[name]()


def test_the_refusals_were_all_tried() -> None:
    assert len(REFUSED) == 10
