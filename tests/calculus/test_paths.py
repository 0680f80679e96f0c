"""The sum over paths: exactly the notes' factors, in their order, for each number of steps."""

from __future__ import annotations

import pytest
from sympy import Symbol

from rnnsym.calculus.notation import Chain, DescendingProduct, Immediate, Stack, SumOverSteps, Total
from rnnsym.calculus.paths import EXPLICIT_FACTORS, general_sum, paths, readout_blocks, state_at, step_blocks
from rnnsym.calculus.unrolling import graph_of
from rnnsym.model.cell_table import entries
from rnnsym.model.cells import Cell, cells
from rnnsym.model.expressions import ONE, Diagonal, Expression, MatrixProduct, Parameter, T, Variable, t
from rnnsym.model.networks import Network

GRAPH = graph_of(Network(cells["simple"]))
o, yhat = GRAPH.states[0], GRAPH.output
L = Variable("L", ())
W_i, W_h, b, W_o, b_o = GRAPH.network.parameters


def test_three_steps_give_the_notes_three_paths_in_their_order() -> None:
    start = (Total(L, yhat), Total(yhat, o.at(3)))
    for parameter in (W_i, W_h, b):
        assert [path.term for path in paths(GRAPH, 3)[parameter]] == [
            Chain(*start, Immediate(o.at(3), parameter)),
            Chain(*start, Total(o.at(3), o.at(2)), Immediate(o.at(2), parameter)),
            Chain(*start, Total(o.at(3), o.at(2)), Total(o.at(2), o.at(1)), Immediate(o.at(1), parameter)),
        ]
        assert [path.step for path in paths(GRAPH, 3)[parameter]] == [3, 2, 1]


@pytest.mark.parametrize("parameter", [W_o, b_o], ids=lambda parameter: parameter.name)
def test_a_readout_s_parameter_has_one_path(parameter: Parameter) -> None:
    (path,) = paths(GRAPH, 3)[parameter]
    assert path.step is None
    assert path.term == Chain(Total(L, yhat), Immediate(yhat, parameter))


@pytest.mark.parametrize("steps", [1, 2, 7, 8, 100])
def test_there_is_one_path_a_step_and_long_ones_end_in_a_product(steps: int) -> None:
    found = paths(GRAPH, steps)
    assert tuple(found) == GRAPH.network.parameters
    for path in found[W_h]:
        assert path.step is not None
        links = path.term.args[2:-1]
        if steps - path.step <= EXPLICIT_FACTORS:
            assert links == tuple(Total(o.at(k), o.at(k - 1)) for k in range(steps, path.step, -1))
        else:
            assert links == (DescendingProduct(Total(o, o.at(t - 1)), t, steps, path.step + 1),)
        assert path.term.args[-1] == Immediate(o.at(path.step), W_h)
        assert path.term.shape == W_h.shape
    assert [path.step for path in found[W_h]] == list(range(steps, 0, -1))


def test_the_general_sum_runs_down_from_the_last_step() -> None:
    i, j = Symbol("i", integer=True), Symbol("j", integer=True)
    links = DescendingProduct(Total(o, o.at(t - 1)), t, T, j + 1)
    term = Chain(Total(L, yhat), Total(yhat, o.at(T)), links, Immediate(o.at(j), W_h))
    assert general_sum(GRAPH, W_h, i, j) == SumOverSteps(term, j, 1, T)


def test_several_states_travel_as_one_stack() -> None:
    graph = graph_of(Network(cells["lstm"], entries["lstm"].readout))
    c, h = graph.states
    assert state_at(graph.only_loop(), t) == Stack(c, h)
    second = paths(graph, 2)[graph.network.parameters[0]][1].term
    assert second.args[2] == Total(Stack(c.at(2), h.at(2)), Stack(c.at(1), h.at(1)))
    assert {(block.of.name, block.by.name) for block in step_blocks(graph.only_loop())} == {
        ("c", "c"), ("c", "h"), ("h", "c"), ("h", "h"),
    }
    assert [block.by for block in readout_blocks(graph)] == [h.at(T)]


def slope(state: Expression) -> Diagonal:
    return Diagonal(ONE - state**2)


def test_the_step_jacobian_of_the_notes_network_in_both_conventions() -> None:
    (block,) = step_blocks(GRAPH.only_loop())
    assert block.value == MatrixProduct(slope(o), W_h.T)
    column = Network(Cell.from_equations("column", "o = tanh(W_i @ x + W_h @ o_prev + b)"), "yhat = sigmoid(W_o @ o)")
    (block,) = step_blocks(graph_of(column).only_loop())
    assert block.value == MatrixProduct(slope(column.states[0].variable), column.parameters[1])


def test_a_step_that_forgets_its_state_has_no_block() -> None:
    forgetful = Network(Cell.from_equations("mine", "h = tanh(x @ W) + 0 * h_prev"), "yhat = sigmoid(h @ V)")
    assert step_blocks(graph_of(forgetful).only_loop()) == ()
