"""Both tables of rules against a complex step and against each other; a planted wrong rule is always noticed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from random_expressions import (
    INPUTS,
    Point,
    differ,
    names,
    scalar,
    scalars,
    seeded,
    shape,
    squares,
    vector,
    vectors,
    wrong_jacobians,
    wrong_pullbacks,
    x,
)
from sympy import Basic

from rnnsym.calculus import rules
from rnnsym.errors import DerivationError
from rnnsym.model import expressions as ex
from rnnsym.model.activations import activations

conventions = pytest.mark.parametrize("convention", ["row", "column"])
seeds = st.integers(0, 2**32 - 1)


def expressions(convention: str) -> st.SearchStrategy[ex.Expression]:
    return st.one_of(vector(3, convention), scalar(3, convention))


@conventions
@given(st.data(), seeds)
def test_a_pullback_is_the_gradient_times_the_derivative(convention: str, data: st.DataObject, seed: int) -> None:
    assert wrong_pullbacks(data.draw(expressions(convention)), convention, seed) == []


@conventions
@given(st.data(), seeds)
def test_a_jacobian_is_the_derivative(convention: str, data: st.DataObject, seed: int) -> None:
    assert wrong_jacobians(data.draw(expressions(convention)), convention, seed) == []


@conventions
@given(st.data(), seeds)
def test_a_row_times_the_jacobian_is_the_pullback(convention: str, data: st.DataObject, seed: int) -> None:
    expression, point = data.draw(expressions(convention)), Point(convention, seed)
    row = ex.Variable("delta", expression.shape)
    point.values[row] = np.asarray(point.generator.uniform(-1, 1, shape(expression)))
    pulled = rules.pull_back(expression, row)
    for name in names(convention):
        if name.rank == 2:
            continue
        jacobian = rules.jacobian(expression, seeded(name).get)
        assert (jacobian is None) <= (name not in pulled)
        if jacobian is not None and name in pulled:
            product = np.tensordot(point.values[row], point.value(jacobian), axes=expression.rank)
            assert not differ(point.value(pulled[name]), product)


h, g, b = vectors
s, u = scalars
U, V = squares
W = INPUTS["row"]

# For each kind of node an expression whose value hangs on that node's rule.
SAMPLES: dict[type, ex.Expression] = {
    ex.OrderedSum: s * U @ h + b + s,
    ex.Negative: ex.Negative(ex.Elementwise("tanh", h)) * g,
    ex.Hadamard: ex.Hadamard(s, h, g),
    ex.Quotient: h / (2 + ex.Elementwise("tanh", g)),
    ex.Power: (ex.Elementwise("tanh", h) + 2) ** 3,
    ex.MatrixProduct: h @ U + x @ W,
    ex.Transposed: h @ (s * U).T,
    ex.Elementwise: ex.Elementwise("sigmoid", h),
    ex.Reduction: ex.Reduction("mean", h) * g + ex.Reduction("sum", s * U),
}


def doubled_pullback(rule: rules.Pullback) -> rules.Pullback:
    def wrong(node: Any, gradient: ex.Expression, output: ex.Expression) -> Iterator[rules.Pair]:
        return ((operand, ex.multiply(ex.Numeral(2), part)) for operand, part in rule(node, gradient, output))

    return wrong


def dropped_pullback(rule: rules.Pullback) -> rules.Pullback:
    def wrong(node: Any, gradient: ex.Expression, output: ex.Expression) -> Iterator[rules.Pair]:
        return iter(list(rule(node, gradient, output))[1:])

    return wrong


def negated_pullback(rule: rules.Pullback) -> rules.Pullback:
    def wrong(node: Any, gradient: ex.Expression, output: ex.Expression) -> Iterator[rules.Pair]:
        return ((operand, ex.negate(part)) for operand, part in rule(node, gradient, output))

    return wrong


Change = Callable[[ex.Expression], ex.Expression | None]


def changed_jacobian(change: Change) -> Callable[[rules.Jacobian], rules.Jacobian]:
    def plant(rule: rules.Jacobian) -> rules.Jacobian:
        def wrong(node: Any, known: rules.Known, output: ex.Expression) -> ex.Expression | None:
            found = rule(node, known, output)
            return None if found is None else change(found)

        return wrong

    return plant


PLANTED_PULLBACKS = {"doubled": doubled_pullback, "dropped": dropped_pullback, "negated": negated_pullback}
PLANTED_JACOBIANS = {
    "doubled": changed_jacobian(lambda found: ex.multiply(ex.Numeral(2), found)),
    "dropped": changed_jacobian(lambda found: None),
    "negated": changed_jacobian(ex.negate),
}


def test_every_rule_has_a_sample() -> None:
    assert SAMPLES.keys() == rules.pullbacks.keys() == rules.jacobians.keys()
    assert len(SAMPLES) == 9
    assert all(any(type(node) is kind for node in ex.walk(sample)) for kind, sample in SAMPLES.items())


@pytest.mark.parametrize("kind", SAMPLES, ids=lambda kind: kind.__name__)
def test_the_true_rules_hold_on_the_samples(kind: type) -> None:
    assert wrong_pullbacks(SAMPLES[kind], "row", 1) == wrong_jacobians(SAMPLES[kind], "row", 1) == []


@pytest.mark.parametrize("error", PLANTED_PULLBACKS)
@pytest.mark.parametrize("kind", SAMPLES, ids=lambda kind: kind.__name__)
def test_a_planted_wrong_pullback_is_noticed(kind: type, error: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(rules.pullbacks, kind, PLANTED_PULLBACKS[error](rules.pullbacks[kind]))
    assert wrong_pullbacks(SAMPLES[kind], "row", 1)


@pytest.mark.parametrize("error", PLANTED_JACOBIANS)
@pytest.mark.parametrize("kind", SAMPLES, ids=lambda kind: kind.__name__)
def test_a_planted_wrong_jacobian_is_noticed(kind: type, error: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(rules.jacobians, kind, PLANTED_JACOBIANS[error](rules.jacobians[kind]))
    assert wrong_jacobians(SAMPLES[kind], "row", 1)


def no_transpose(node: Any, gradient: ex.Expression, _: ex.Expression) -> Iterator[rules.Pair]:
    left, right = node.args
    yield left, ex.MatrixProduct(gradient, right)
    yield right, ex.Outer(left, gradient)


def test_a_missing_transpose_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(rules.pullbacks, ex.MatrixProduct, no_transpose)
    assert wrong_pullbacks(h @ U, "row", 1) == ["h"]


def test_the_planted_errors_are_counted() -> None:
    assert len(SAMPLES) * (len(PLANTED_PULLBACKS) + len(PLANTED_JACOBIANS)) == 54


@pytest.mark.parametrize("name", [name for name, entry in activations.items() if not entry.kinks])
def test_a_function_s_rule_uses_its_name_where_it_has_one(name: str) -> None:
    out = ex.Variable("o", h.shape, ex.t)
    call = ex.Elementwise(name, h)
    slope = activations[name].slope(h, out)
    assert rules.pull_back(call, g, out) == {h: ex.multiply(g, slope)}
    assert rules.jacobian(call, seeded(h).get, out) == ex.Diagonal(slope)


def test_a_flat_function_passes_nothing_on() -> None:
    flat = ex.Elementwise("step", h @ U) * g
    assert rules.pull_back(flat, b) == {g: b * ex.Elementwise("step", h @ U)}
    assert rules.jacobian(flat, seeded(h).get) is None


class Unknown(ex.Expression):
    """A kind of node without rules."""

    def __new__(cls, operand: ex.Expression) -> Unknown:
        return Basic.__new__(cls, operand)

    @property
    def shape(self) -> ex.Shape:
        return self.args[0].shape


def test_an_unknown_node_raises_and_names_the_table() -> None:
    with pytest.raises(DerivationError, match=r"no pullback for Unknown: add one to calculus\.rules\.pullbacks"):
        rules.pull_back(Unknown(h) + g, b)
    with pytest.raises(DerivationError, match=r"no Jacobian for Unknown: add one to calculus\.rules\.jacobians"):
        rules.jacobian(Unknown(h) + g, seeded(h).get)


def test_a_matrix_that_a_scalar_state_moves_is_differentiated_through_it() -> None:
    """Once a silent zero: ∂(h (s U))/∂s is h U, and through a gate s = σ(h·b) it is an outer product."""
    assert rules.jacobian(h @ (s * U), seeded(s).get) == h @ U
    gate = {s: b}
    assert rules.jacobian(g @ (s * U), gate.get) == ex.Outer(g @ U, b)


def test_a_matrix_by_a_vector_is_refused() -> None:
    with pytest.raises(DerivationError, match="three axes"):
        rules.jacobian(s * U, {s: b}.get)


def test_a_gradient_of_a_foreign_shape_is_refused() -> None:
    with pytest.raises(DerivationError, match="cannot belong"):
        rules.fit(U, h.shape)
