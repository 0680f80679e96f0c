"""Names that would look alike on the page are refused; what the page defines can be computed from the page."""

from __future__ import annotations

from dataclasses import replace

import pytest

import rnnsym
from rnnsym.calculus.notation import Chain, Stack
from rnnsym.calculus.unrolling import graph_of
from rnnsym.errors import DerivationError
from rnnsym.evidence.points import Draw, Point
from rnnsym.evidence.verification import verified_step
from rnnsym.model.expressions import zeros

ALIKE = {
    "h = tanh(x @ W_1 + h_prev @ W1)": "W_1 and W1",
    "h = tanh(x @ W_x + h_prev @ W__x)": "W_x and W__x",
    "h = tanh(x_1 * (x @ W) + h_prev @ U)": "x_1 and x of step 1",
    "h = tanh(x @ W + h_prev @ U + h_0)": "h_0 and h of step 0",
    "h = tanh(x @ W + h_prev @ U) * a_1": "a_1 and a of step 1",
    "h = tanh(x @ W + h_prev @ U + h_T)": "h_T and h of step T",
}


def network(text: str) -> rnnsym.Network:
    return rnnsym.Network(rnnsym.Cell.from_equations("c", text), "yhat = h @ V", loss="squared_error")


@pytest.mark.parametrize("text", ALIKE)
def test_names_that_look_alike_are_refused(text: str) -> None:
    with pytest.raises(DerivationError, match=f"{ALIKE[text]} are both printed"):
        rnnsym.derive(network(text), 2)


@pytest.mark.parametrize("name", ["simple", "lstm", "gru"])
def test_the_built_in_cells_have_no_such_names(name: str) -> None:
    assert rnnsym.derive(rnnsym.Network(rnnsym.cells[name]), 12).checked


def test_the_stack_has_one_line_for_each_parameter_of_the_cell() -> None:
    """With several states the chain's last factor is the stack's ∂⁺: that is what must be printed, and nothing else."""
    graph = graph_of(rnnsym.Network(rnnsym.cells["lstm"]))
    document = rnnsym.derive(graph.network, 3)
    entering = [step.before for step in document.steps if isinstance(step.before, Chain) and step.span is not None]
    assert len(entering) == 12
    assert all(isinstance(before.args[0], Stack) and isinstance(before.args[1].of, Stack) for before in entering)


def test_a_line_without_the_route_within_a_step_is_rejected() -> None:
    """The LSTM's ∂⁺ without the route from c to h in the same step: the check of the stack's line sees it."""
    graph = graph_of(rnnsym.Network(rnnsym.cells["lstm"]))
    point = Point(graph, Draw({"d": 3, "n": 2, "k": 2}, 3, 1))
    document = rnnsym.derive(graph.network, 3)
    step = next(s for s in document.steps if isinstance(s.before, Chain) and s.before.args[1].by.name == "b_f")
    row = step.before.args[0]
    without = step.after.xreplace({row.args[1]: zeros(row.args[1].shape)})
    assert verified_step(step, [point], 0).checks[-1].passed
    assert not verified_step(replace(step, after=without), [point], 0).checks[-1].passed
