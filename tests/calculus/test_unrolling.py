"""Let-binding: the same network, every intermediate a name of its own, nothing nested, linear in T."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rnnsym.calculus.binding import Assignment, Names, names_in
from rnnsym.calculus.lengths import MAX_STEPS
from rnnsym.calculus.unrolling import BACK, StepGraph, at_last_step, graph_of, unroll
from rnnsym.errors import DerivationError
from rnnsym.model.cell_table import entries
from rnnsym.model.cells import Cell, cells
from rnnsym.model.expressions import Elementwise, Expression, Named, Parameter, T, Variable, rebuild, t, walk
from rnnsym.model.networks import Network

READOUT = "yhat = sigmoid(h @ W_y + b_y)"
BUILT_IN = {name: Network(cells[name], entries[name].readout) for name in entries}


def network(text: str, readout: str = READOUT) -> Network:
    return Network(Cell.from_equations("mine", text), readout)


ODD = {
    "nested": network("h = tanh(exp(-h_prev @ U) * sigmoid(x @ W + 1))"),
    "shared": network("h = tanh(x @ W + h_prev) * tanh(x @ W + h_prev)"),
    "our names": network(
        "a = tanh(x @ z + a_prev @ u + a_h)\nh = exp(tanh(a * v)) + q * h_prev", "yhat = sigmoid(h @ a1)"
    ),
    "a parameter called a": network("h = tanh(x @ a + h_prev @ z)"),
    "no function": network("h = x @ W + h_prev @ U", "yhat = h @ V"),
    "state as logit": network("h = tanh(x @ W + h_prev @ U)", "yhat = sigmoid(h)"),
}
NETWORKS = BUILT_IN | ODD
every = pytest.mark.parametrize("name", NETWORKS)


def inlined(assignments: tuple[Assignment, ...], own: set[str]) -> dict[str, Expression]:
    """The users' equations again: every name that is not ``own`` replaced by its value."""
    values: dict[Any, Expression] = {}
    found: dict[str, Expression] = {}
    for assignment in assignments:
        whole = rebuild(assignment.value, lambda node: values.get(node) if isinstance(node, Variable) else None)
        if assignment.target.name in own:
            found[assignment.target.name] = whole
        else:
            values[assignment.target] = whole
    return found


def stepless(expression: Expression) -> Expression:
    return rebuild(expression, lambda node: node.at(None) if isinstance(node, Variable) else None)


def far_back(expression: Expression) -> Expression:
    """What a register held one step before is the state of several steps before."""
    def change(node: Expression) -> Expression | None:
        if not isinstance(node, Variable) or BACK not in node.name:
            return None
        name, _, back = node.name.partition(BACK)
        return Variable(name, node.shape, node.step - int(back))

    return rebuild(expression, change)


@every
def test_inlining_the_bound_names_gives_the_equations_back(name: str) -> None:
    net = NETWORKS[name]
    graph = graph_of(net)
    cell = {name: far_back(one) for name, one in inlined(graph.cell, {e.target.name for e in net.equations}).items()}
    assert cell == {e.target.name: e.expression for e in net.equations}
    readout = inlined(graph.readout, {e.target.name for e in net.readout_equations})
    assert {key: stepless(one) for key, one in readout.items()} == {
        e.target.name: stepless(e.expression) for e in net.readout_equations
    }


@every
def test_each_name_is_assigned_once_and_before_its_uses(name: str) -> None:
    graph = graph_of(NETWORKS[name])
    known: set[Any] = {graph.network.input.at(step) for step in (1, 2, 3)} | set(graph.network.parameters)
    known |= {state.at(0) for state in graph.states} | {graph.target}
    for assignment in unroll(graph, 3):
        assert set(names_in(assignment.value)) <= known
        assert assignment.target not in known
        known.add(assignment.target)


@every
def test_fresh_names_are_nobody_s(name: str) -> None:
    net = NETWORKS[name]
    graph = graph_of(net)
    own = {e.target.name for e in (*net.equations, *net.readout_equations)}
    fresh = [a.target.name for a in (*graph.cell, *graph.readout) if a.target.name not in own]
    taken = own | {p.name for p in net.parameters} | {c.name for c in net.constants} | {"x", "L", "target"}
    assert len(set(fresh)) == len(fresh)
    assert not set(fresh) & taken


@every
def test_every_function_acts_on_a_name_and_stands_alone(name: str) -> None:
    graph = graph_of(NETWORKS[name])
    for assignment in (*graph.cell, *graph.readout):
        calls = [node for node in walk(assignment.value) if isinstance(node, Elementwise)]
        assert all(isinstance(call.argument, Named) for call in calls)
        assert calls in ([], [assignment.value])


def test_a_logit_is_never_a_state() -> None:
    graph = graph_of(ODD["state as logit"])
    assert graph.logit == Variable("z", graph.states[0].shape)
    assert graph.readout[0].value == graph.states[0].at(T)
    assert graph_of(ODD["no function"]).logit is None


def test_equal_arguments_are_bound_once() -> None:
    targets = [a.target.name for a in graph_of(ODD["shared"]).cell]
    assert targets == ["a_h", "u", "h"]


short_names = st.from_regex(r"\A[a-z](_[a-z])?[0-9]?\Z")


@given(st.sets(short_names, max_size=20), st.lists(st.sampled_from("auvqz"), max_size=30))
def test_fresh_names_never_repeat(used: set[str], wishes: list[str]) -> None:
    names = Names(set(used))
    given_names = [names.fresh(wish) for wish in wishes]
    assert len(set(given_names)) == len(given_names)
    assert not set(given_names) & used


@pytest.mark.parametrize("steps", [0, -1, MAX_STEPS + 1])
def test_too_few_and_too_many_steps_are_refused(steps: int) -> None:
    message = re.escape(f"steps must be a whole number from 1 to {MAX_STEPS}, but it is {steps}")
    with pytest.raises(DerivationError, match=message):
        unroll(graph_of(BUILT_IN["simple"]), steps)


def nodes(assignments: tuple[Assignment, ...]) -> int:
    return sum(1 for assignment in assignments for _ in walk(assignment.value))


@pytest.mark.parametrize("steps", [1, 2, 6, 100])
@pytest.mark.parametrize("name", BUILT_IN)
def test_the_unrolled_network_grows_linearly(name: str, steps: int) -> None:
    graph: StepGraph = graph_of(BUILT_IN[name])
    unrolled = unroll(graph, steps)
    assert len(unrolled) == steps * len(graph.cell) + len(graph.readout) + 1
    assert nodes(unrolled) == steps * nodes(graph.cell) + nodes((*graph.readout, graph.loss))


def test_a_long_sequence_meets_no_recursion_limit() -> None:
    graph = graph_of(BUILT_IN["simple"])
    last = unroll(graph, 2000)[-4]
    assert last.target == graph.states[0].at(2000)


def test_the_last_step_is_written_as_asked() -> None:
    graph = graph_of(BUILT_IN["simple"])
    o, W_o = graph.states[0], Parameter("W_o", graph.network.parameters[3].shape)
    assert at_last_step(o.at(T) @ W_o, 7) == o.at(7) @ W_o
    assert at_last_step(o.at(t) @ W_o, 7) == o @ W_o
