"""Sums with their common factors in front: the value stays, and what a reader has to read never grows."""

from __future__ import annotations

import numpy as np
import pytest
import random_expressions as drawn
from hypothesis import given
from hypothesis import strategies as st

import rnnsym
from rnnsym.calculus.adjoints import adjoint_recursion
from rnnsym.calculus.collection import collected
from rnnsym.calculus.paths import step_blocks
from rnnsym.calculus.unrolling import graph_of
from rnnsym.model import expressions as ex

n = ex.size("n")
a, b, c, d = (ex.Variable(name, (n,), ex.t) for name in "abcd")
U, V = ex.Parameter("U", (n, n)), ex.Parameter("V", (n, n))
ROUNDING = 1e-12  # relative: sums of a few products of doubles of one size, added in another order


def times(*factors: ex.Expression) -> ex.Expression:
    return ex.multiply(*factors)


def rows(weights: ex.Expression, matrix: ex.Expression) -> ex.Expression:
    return ex.MatrixProduct(ex.Diagonal(weights), matrix)


AS_BY_HAND = {
    "a factor of all terms": (ex.add(ex.negate(times(a, b)), times(a, c)), times(a, ex.add(c, ex.negate(b)))),
    "a term that is the factor itself": (ex.add(a, times(a, b)), times(a, ex.add(ex.ONE, b))),
    "factors in the order of the first term": (ex.add(times(a, b, d), times(d, c, a)), times(a, ex.add(b, c), d)),
    "diagonals before one matrix": (
        ex.add(ex.negate(rows(times(b, c), U)), rows(a, V), rows(times(a, c), U)),
        ex.add(rows(times(ex.add(a, ex.negate(b)), c), U), rows(a, V))),
    "inside a product": (
        ex.MatrixProduct(ex.add(times(a, b), times(a, c)), U), ex.MatrixProduct(times(a, ex.add(b, c)), U)),
}
e = ex.Variable("e", (), ex.t)
AS_BY_HAND |= {
    "a fraction of fractions": (ex.Quotient(ex.Quotient(a, e), e), ex.Quotient(a, ex.Power(e, 2))),
    "a sign within": (
        ex.Quotient(ex.negate(ex.Quotient(a, b)), times(c, ex.Numeral(2))),
        ex.negate(ex.Quotient(a, times(ex.Numeral(2), b, c)))),
    "powers": (ex.Quotient(ex.Quotient(a, ex.Power(e, 2)), times(e, d)), ex.Quotient(a, times(ex.Power(e, 3), d))),
}
LEFT_ALONE = {
    "no factor of all": ex.add(times(a, b), times(c, d)),
    "a factor of some": ex.add(times(a, b), times(a, c), d),
    "one minus a gate": ex.add(ex.ONE, ex.negate(a)),
    "two matrices": ex.add(rows(a, U), rows(a, V)),
    "one thing twice": ex.add(a, a),
    "a square beside its base": times(ex.add(a, b), ex.add(a, c)),
}


@pytest.mark.parametrize("name", AS_BY_HAND)
def test_is_written_as_by_hand(name: str) -> None:
    before, wanted = AS_BY_HAND[name]
    assert collected(before) == wanted


@pytest.mark.parametrize("name", LEFT_ALONE)
def test_leaves_alone_what_has_nothing_in_common(name: str) -> None:
    assert collected(LEFT_ALONE[name]) == LEFT_ALONE[name]


@given(st.data(), st.sampled_from(["row", "column"]), st.integers(0, 2**32 - 1))
def test_keeps_value_and_shape(data: st.DataObject, convention: str, seed: int) -> None:
    first, second, third = (data.draw(drawn.vector(2, convention)) for _ in range(3))
    whole = ex.add(times(first, second), ex.negate(times(third, first)), times(first, second, third))
    found = collected(whole)
    point = drawn.Point(convention, seed)
    expected, got = (point.value(one) for one in (whole, found))
    assert found.shape == whole.shape
    np.testing.assert_allclose(got, expected, rtol=ROUNDING, atol=ROUNDING * max(1.0, np.abs(expected).max()))


@pytest.mark.parametrize("cell", list(rnnsym.cells))
def test_never_makes_a_step_longer(cell: str) -> None:
    graph = graph_of(rnnsym.Network(rnnsym.cells[cell]))
    blocks = [block.value for loop in graph.loops for block in step_blocks(loop)]
    adjoints = [line.value for loop in adjoint_recursion(graph).loops for line in loop.step]
    assert blocks
    for whole in (*blocks, *adjoints):
        assert leaves(collected(whole)) <= leaves(whole)
        assert collected(collected(whole)) == collected(whole)


def leaves(expression: ex.Expression) -> int:
    return sum(isinstance(node, ex.Named) for node in ex.walk(expression))
