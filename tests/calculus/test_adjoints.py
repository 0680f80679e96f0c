"""The adjoint recursion: the notes' network by hand, and the order and shapes of δ in every built-in cell."""

from __future__ import annotations

import pytest

from rnnsym.calculus.adjoints import adjoint_recursion, is_fused
from rnnsym.calculus.binding import Assignment
from rnnsym.calculus.notation import Adjoint
from rnnsym.calculus.unrolling import graph_of
from rnnsym.model.cell_table import entries
from rnnsym.model.cells import Cell, cells
from rnnsym.model.expressions import ONE, ZERO, Outer, T, Variable, t
from rnnsym.model.networks import Network

GRAPH = graph_of(Network(cells["simple"]))
RECURSION = adjoint_recursion(GRAPH)
o, x = GRAPH.states[0], GRAPH.network.input
W_i, W_h, b, W_o, b_o = GRAPH.network.parameters
a, z = GRAPH.cell[0].target, GRAPH.readout[0].target
target = Variable("target", GRAPH.output.shape)


def test_the_notes_network_by_hand() -> None:
    assert z == GRAPH.logit
    assert RECURSION.readout == (Assignment(Adjoint(z), GRAPH.output - target),)
    assert RECURSION.final == {o: Adjoint(z) @ W_o.T}
    assert RECURSION.step == (
        Assignment(Adjoint(o), ZERO),
        Assignment(Adjoint(a), Adjoint(o) * (ONE - o**2)),
    )
    assert RECURSION.carry == {o: Adjoint(a) @ W_h.T}
    assert RECURSION.step_gradients == {W_i: Outer(x, Adjoint(a)), W_h: Outer(o.at(t - 1), Adjoint(a)), b: Adjoint(a)}
    assert RECURSION.readout_gradients == {W_o: Outer(o.at(T), Adjoint(z)), b_o: Adjoint(z)}
    assert RECURSION.loops[0].input == Adjoint(a) @ W_i.T


def test_without_fusion_the_slope_of_the_loss_comes_first() -> None:
    plain = adjoint_recursion(GRAPH, fused=False)
    assert [assignment.target for assignment in plain.readout] == [Adjoint(GRAPH.output), Adjoint(z)]
    assert plain.step == RECURSION.step


@pytest.mark.parametrize(("readout", "loss", "fused"), [
    ("yhat = sigmoid(o @ V)", "binary_cross_entropy", True),
    ("yhat = sigmoid(o)", "binary_cross_entropy", True),
    ("yhat = sigmoid(o @ V)", "squared_error", False),
    ("yhat = 0.5 * tanh(o @ V) + 0.5", "binary_cross_entropy", False),
    ("yhat = o @ V", "squared_error", False),
])
def test_only_the_linked_function_is_fused(readout: str, loss: str, fused: bool) -> None:
    assert is_fused(graph_of(Network(cells["simple"], readout, loss=loss))) == fused


@pytest.mark.parametrize("name", entries)
def test_every_delta_is_made_before_it_is_used_and_has_its_shape(name: str) -> None:
    graph = graph_of(Network(cells[name], entries[name].readout))
    recursion = adjoint_recursion(graph)
    known = {Adjoint(state) for state in graph.states}
    for assignment in recursion.step:
        used = assignment.value.atoms(Adjoint)
        assert used <= known
        assert assignment.value in (ZERO,) or assignment.value.shape == assignment.target.shape
        known.add(assignment.target)
    for parameter, gradient in {**recursion.step_gradients, **recursion.readout_gradients}.items():
        assert gradient.shape == parameter.shape
    for state, value in {**recursion.carry, **recursion.final}.items():
        assert value.shape == state.shape


def test_routes_within_a_step_are_gathered_before_the_state_hands_on() -> None:
    """In an LSTM δ of c also comes through h = o tanh(c), before anything goes back to step t − 1."""
    graph = graph_of(Network(cells["lstm"], entries["lstm"].readout))
    order = [assignment.target.variable.name for assignment in adjoint_recursion(graph).step]
    assert order.index("h") < order.index("u") < order.index("c") < order.index("f")


def test_a_state_that_nothing_uses_still_has_a_line() -> None:
    text = "c = tanh(x @ W + c_prev)\nh = tanh(x @ V + h_prev)"
    recursion = adjoint_recursion(graph_of(Network(Cell.from_equations("mine", text), "yhat = sigmoid(h @ W_y)")))
    assert {a.target.variable.name for a in recursion.step} >= {"c", "h"}
    assert [state.name for state in recursion.final] == ["h"]
