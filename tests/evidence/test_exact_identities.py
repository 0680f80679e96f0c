"""The exact witnesses: residues obey the laws of a field, every line is checked, planted errors fail."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from random import Random
from typing import Any

import numpy as np
import pytest
import sympy
from hypothesis import given
from hypothesis import strategies as st

import rnnsym
from rnnsym.calculus import jacobians, rules
from rnnsym.calculus.adjoints import adjoint_recursion
from rnnsym.calculus.paths import paths
from rnnsym.calculus.unrolling import graph_of
from rnnsym.errors import CheckError
from rnnsym.evidence.oracles import differing_entries, nested_loss
from rnnsym.evidence.points import Draw, Point
from rnnsym.evidence.residues import PRIME, Atoms, Residue, symbolic_slope
from rnnsym.evidence.tangents import same
from rnnsym.evidence.verification import verified_step, verify
from rnnsym.model.activations import activations
from rnnsym.model.expressions import ZERO, Expression, negate
from rnnsym.model.networks import Network
from rnnsym.writing.sections import derivation

residues = st.integers(0, PRIME - 1).map(Residue)
CELLS = ("simple", "lstm", "gru")


def network_of(name: str) -> Network:
    return Network(rnnsym.cells[name])


def equal(left: Residue, right: Residue) -> bool:
    return left.value == right.value


@given(residues, residues, residues)
def test_residues_are_a_field(a: Residue, b: Residue, c: Residue) -> None:
    assert equal((a + b) * c, a * c + b * c)
    assert equal(a - b, a + -b)
    assert equal(1 + a - 1, a)
    if b.value:
        assert equal(a / b * b, a)


def test_division_by_zero_is_an_error() -> None:
    with pytest.raises(CheckError, match="pole"):
        Residue(1) / Residue(0)


@given(residues.filter(lambda r: r.value != 0), residues)
def test_tangents_follow_the_product_and_quotient_rules(a: Residue, b: Residue) -> None:
    x = Residue(a.value, np.array([1], dtype=object))
    quotient = (b * x) / (x + 1) if (a.value + 1) % PRIME else b * x
    if (a.value + 1) % PRIME:
        expected = b / ((a + 1) * (a + 1))
        assert quotient.tangent[0] == expected.value


@pytest.mark.parametrize("name", list(activations))
def test_slopes_of_the_table_agree_with_sympys_at_opaque_atoms(name: str) -> None:
    atoms = Atoms(Random(0))
    argument = Residue(12345, np.array([1], dtype=object))
    by_sympy = atoms._call(name, argument).tangent[0]
    symbol, slope = symbolic_slope(name)
    assert by_sympy == atoms.scalar(slope, {symbol: 12345})


def test_scalar_evaluates_a_nested_expression_without_recursion() -> None:
    x = sympy.Symbol("x", real=True)
    nested = x
    for _ in range(60):
        nested = sympy.tanh(nested + 1)
    assert 0 <= Atoms(Random(1)).scalar(nested, {x: 7}) < PRIME


@pytest.mark.parametrize("name", CELLS)
@pytest.mark.parametrize("steps", [1, 2, 3, 7])
def test_every_line_of_a_derivation_is_checked(name: str, steps: int) -> None:
    document = rnnsym.derive(network_of(name), steps)
    assert document.checked
    assert all(step.checks for step in document.steps)


def test_path_sum_recursion_and_total_derivative_agree_at_a_hundred_steps() -> None:
    document = rnnsym.derive(network_of("simple"), 100)
    assert document.checked
    sums = [step for step in document.steps if step.rule == "shared weight"]
    assert [str(step.before.by.name) for step in sums] == ["W_i", "W_h", "b"]


@pytest.mark.parametrize("steps", [3, 100])
def test_a_dropped_path_is_rejected_however_far_back(steps: int) -> None:
    graph = graph_of(network_of("simple"))
    point = Point(graph, Draw({"d": 3, "n": 2, "k": 2}, steps, 0))
    rejected = 0
    for parameter, found in paths(graph, steps).items():
        terms = [point.value(path.term) for path in found]
        total = point.derivative(graph.loss.target, parameter)
        assert same(sum(terms[1:], terms[0]), total)[0] == 0
        if len(terms) > 1:
            rejected += same(sum(terms[1:-1], terms[0]), total)[0] > 0
    assert rejected == 3


@pytest.mark.parametrize("steps", [1, 2, 3])
def test_sympys_derivative_of_the_nested_loss_agrees_exactly(steps: int) -> None:
    counts = differing_entries(graph_of(network_of("simple")), Draw({"d": 2, "n": 2, "k": 1}, steps, 0))
    assert counts == {"W_i": (0, 4), "W_h": (0, 4), "b": (0, 2), "W_o": (0, 2), "b_o": (0, 1)}


def test_the_oracle_refuses_what_would_not_end() -> None:
    with pytest.raises(CheckError, match="at most 4 steps"):
        nested_loss(graph_of(network_of("simple")), 50, {"d": 1, "n": 1, "k": 1})


def wrong(rule: Callable[..., Any]) -> Callable[..., Any]:
    """A rule with the sign of its first answer turned."""

    def turned(node: Any, *arguments: Any) -> Any:
        answer = rule(node, *arguments)
        if answer is None or isinstance(answer, Expression):
            return None if answer is None else negate(answer)
        return flipped(answer)

    return turned


def flipped(pairs: Any) -> Iterator[Any]:
    first, *rest = pairs
    yield first[0], negate(first[1])
    yield from rest


USED = ("OrderedSum", "Hadamard", "MatrixProduct", "Elementwise", "Negative")


@pytest.mark.parametrize("table", ["pullbacks", "jacobians"])
@pytest.mark.parametrize("kind", USED)
def test_a_wrong_rule_makes_the_derivation_fail(table: str, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    entries: Any = {"pullbacks": rules.pullbacks, "jacobians": jacobians.jacobians}[table]
    key = next(node for node in entries if node.__name__ == kind)
    network = Network(
        rnnsym.Cell.from_equations("c", "h = tanh(x @ W + (-h_prev) @ U) * sigmoid(h_prev @ V - b)"),
        "yhat = sigmoid(h @ R)",
    )
    monkeypatch.setitem(entries, key, wrong(entries[key]))
    with pytest.raises(CheckError, match="failed its check"):
        verify(derivation(network, 3))


def test_a_wrong_line_fails_its_check_in_every_section() -> None:
    """Negate the right side of each line in turn: each must be rejected."""
    document = derivation(network_of("simple"), 3)
    point = Point(graph_of(document.network), Draw({"d": 3, "n": 2, "k": 2}, 3, 0))
    rejected, tried = 0, 0
    for step in document.steps:
        broken = replace(step, after=negate(step.after))
        tried += 1
        rejected += not verified_step(broken, [point], 0).checks[-1].passed
    assert tried == len(document.steps) >= 30
    unmoved = [step for step in document.steps if step.after == ZERO
               or (step.rule == "definition" and step.before == point.graph.loss.target)]
    assert rejected == tried - len(unmoved)  # −L is stationary at ŷ = y as L is; the wrong loss below is not


def test_the_notes_wrong_loss_is_not_stationary_at_the_target() -> None:
    """−y log ŷ − (1 − y)(1 − log ŷ), as the notes print it, has slope (1 − 2y)/ŷ, which is not 0 at ŷ = y."""
    y, yhat = sympy.symbols("y yhat", positive=True)
    printed = -y * sympy.log(yhat) - (1 - y) * (1 - sympy.log(yhat))
    meant = -y * sympy.log(yhat) - (1 - y) * sympy.log(1 - yhat)
    assert sympy.simplify(sympy.diff(meant, yhat).subs(yhat, y)) == 0
    assert sympy.simplify(sympy.diff(printed, yhat).subs(yhat, y)) != 0
    assert float(printed.subs({y: 0, yhat: 0.9})) == pytest.approx(-1.1054, abs=1e-4)
    assert float(meant.subs({y: 0, yhat: 0.9})) == pytest.approx(2.3026, abs=1e-4)


def test_total_times_total_and_immediate_times_immediate_are_wrong() -> None:
    """o_3 = w³ at w = 2: the sum over paths gives 12, total by total 24, immediate by immediate 4."""
    cell = rnnsym.Cell.from_equations("power", "w: scalar\no = w * o_prev + 0 * x")
    network = Network(cell, "yhat = o", loss="squared_error")
    point = Point(graph_of(network), Draw({str(s): 1 for s in network.sizes}, 3, 0))
    graph = point.graph
    w = network.parameters[0]
    o = graph.states[0]
    start = point.value(o.at(0))[0]
    slope = point.derivative(o.at(3), w)[0]
    value = point.value(w)
    assert equal(slope, 3 * value * value * start)
    doubled = sum((point.derivative(o.at(3), o.at(j))[0, 0] * point.derivative(o.at(j), w)[0] for j in (1, 2)), slope)
    assert not equal(doubled, slope)


def test_the_recursion_needs_no_step_but_the_next() -> None:
    recursion = adjoint_recursion(graph_of(network_of("simple")))
    assert len(recursion.carry) == 1
    assert set(map(str, (p.name for p in recursion.step_gradients))) == {"W_i", "W_h", "b"}
