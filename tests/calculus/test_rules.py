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
    JOINED,
    SIZES,
    E,
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

from rnnsym.calculus import jacobians, rules
from rnnsym.errors import DerivationError
from rnnsym.model import expressions as ex
from rnnsym.model.activations import activations
from rnnsym.model.evaluation import Arithmetic, choose, evaluate
from rnnsym.numerics.functions import elementwise_functions

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
        jacobian = jacobians.jacobian(expression, seeded(name).get)
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
    ex.Softmax: ex.Softmax(h) * g,
    ex.Selection: ex.Selection(ex.Comparison(">", g, s), ex.Elementwise("tanh", h), ex.ZERO) + b,
    ex.Extremum: ex.Extremum("maximum", ex.Extremum("minimum", h, s), g),
    ex.Concatenation: ex.Concatenation(x, ex.Elementwise("tanh", h)) @ JOINED["row"],
    ex.Projection: ex.Projection(h, U),
    ex.Lookup: ex.Lookup(x, E) * g,
    ex.Reduction: ex.Reduction("mean", h) * g + ex.Reduction("sum", s * U) + ex.Reduction("logsumexp", b),
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


def changed_jacobian(change: Change) -> Callable[[jacobians.Jacobian], jacobians.Jacobian]:
    def plant(rule: jacobians.Jacobian) -> jacobians.Jacobian:
        def wrong(node: Any, known: jacobians.Known, output: ex.Expression) -> ex.Expression | None:
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
    assert SAMPLES.keys() == rules.pullbacks.keys() == jacobians.jacobians.keys()
    assert len(SAMPLES) == 15
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
    monkeypatch.setitem(jacobians.jacobians, kind, PLANTED_JACOBIANS[error](jacobians.jacobians[kind]))
    assert wrong_jacobians(SAMPLES[kind], "row", 1)


def no_transpose(node: Any, gradient: ex.Expression, _: ex.Expression) -> Iterator[rules.Pair]:
    left, right = node.args
    yield left, ex.MatrixProduct(gradient, right)
    yield right, ex.Outer(left, gradient)


def test_a_missing_transpose_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(rules.pullbacks, ex.MatrixProduct, no_transpose)
    assert wrong_pullbacks(h @ U, "row", 1) == ["h"]


def no_coupling(node: Any, gradient: ex.Expression, output: ex.Expression) -> Iterator[rules.Pair]:
    yield node.argument, ex.multiply(gradient, output, ex.ONE - output)


def test_a_softmax_taken_for_a_function_of_each_entry_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(rules.pullbacks, ex.Softmax, no_coupling)
    assert wrong_pullbacks(SAMPLES[ex.Softmax], "row", 1) == ["h"]


def to_both(node: Any, gradient: ex.Expression, _: ex.Expression) -> Iterator[rules.Pair]:
    yield from ((operand, rules.fit(gradient, operand.shape)) for operand in node.operands)


def swapped(node: Any, gradient: ex.Expression, _: ex.Expression) -> Iterator[rules.Pair]:
    condition, chosen, other = node.args
    yield chosen, rules.fit(ex.select(condition, ex.ZERO, gradient), chosen.shape)
    yield other, rules.fit(ex.select(condition, gradient, ex.ZERO), other.shape)


@pytest.mark.parametrize(("kind", "wrong"), [(ex.Extremum, to_both), (ex.Selection, swapped)])
def test_a_gradient_to_the_branch_not_taken_is_noticed(
    kind: type, wrong: rules.Pullback, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(rules.pullbacks, kind, wrong)
    assert wrong_pullbacks(SAMPLES[kind], "row", 1)


def test_a_tie_belongs_to_the_second_operand() -> None:
    for kind in ("maximum", "minimum"):
        tie = ex.Extremum(kind, h, g)
        point = Point("row", 1)
        point.values[g] = point.values[h]
        pulled = rules.pull_back(tie, b)
        assert not point.value(pulled[h]).any()
        assert not differ(point.value(pulled[g]), point.values[b])
        slope = jacobians.jacobian(tie, seeded(h).get)
        assert slope is not None
        assert not point.value(slope).any()


def test_what_is_not_taken_may_be_infinite() -> None:
    """The slope of where(h > 0, sqrt(h), 0) at h < 0 is 0, although that of the root has no value there."""
    kept = ex.Selection(ex.Comparison(">", h, ex.ZERO), ex.Elementwise("sqrt", h) / s, ex.ZERO) * g
    values = {name: np.full(shape(name), -0.5) for name in names("row")} | {g: np.array([1.0, 2.0, 3.0])}
    arithmetic = Arithmetic(float, lambda name, array: elementwise_functions()[name](array), SIZES, choose)
    slope = jacobians.jacobian(kept, seeded(h).get)
    assert slope is not None
    with np.errstate(invalid="ignore"):
        for gradient in (rules.pull_back(kept, b)[h], slope):
            assert not np.any(evaluate(gradient, lambda name: values[name], arithmetic))


def test_selections_below_one_condition_are_written_as_one() -> None:
    condition = ex.Comparison(">", g, b)
    delta = ex.Variable("delta", h.shape)
    expected = ex.Selection(condition, delta * 2, ex.negate(delta))
    assert rules.pull_back(ex.Selection(condition, 2 * h, -h), delta)[h] == expected


def test_the_planted_errors_are_counted() -> None:
    assert len(SAMPLES) * (len(PLANTED_PULLBACKS) + len(PLANTED_JACOBIANS)) == 90


@pytest.mark.parametrize("name", [name for name, entry in activations.items() if entry.analytic])
def test_a_function_s_rule_uses_its_name_where_it_has_one(name: str) -> None:
    out = ex.Variable("o", h.shape, ex.t)
    call = ex.Elementwise(name, h)
    slope = activations[name].slope(h, out)
    assert rules.pull_back(call, g, out) == {h: ex.multiply(g, slope)}
    assert jacobians.jacobian(call, seeded(h).get, out) == ex.Diagonal(slope)


def test_a_flat_function_passes_nothing_on() -> None:
    flat = ex.Elementwise("step", h @ U) * g
    assert rules.pull_back(flat, b) == {g: b * ex.Elementwise("step", h @ U)}
    assert jacobians.jacobian(flat, seeded(h).get) is None


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
    with pytest.raises(DerivationError, match=r"no Jacobian for Unknown: add one to calculus\.jacobians\.jacobians"):
        jacobians.jacobian(Unknown(h) + g, seeded(h).get)


def test_a_matrix_that_a_scalar_state_moves_is_differentiated_through_it() -> None:
    """Once a silent zero: ∂(h (s U))/∂s is h U, and through a gate s = σ(h·b) it is an outer product."""
    assert jacobians.jacobian(h @ (s * U), seeded(s).get) == h @ U
    gate = {s: b}
    assert jacobians.jacobian(g @ (s * U), gate.get) == ex.Outer(g @ U, b)


def test_a_matrix_by_a_vector_is_refused() -> None:
    with pytest.raises(DerivationError, match="three axes"):
        jacobians.jacobian(s * U, {s: b}.get)


def test_a_gradient_of_a_foreign_shape_is_refused() -> None:
    with pytest.raises(DerivationError, match="cannot belong"):
        rules.fit(U, h.shape)
