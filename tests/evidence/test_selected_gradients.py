"""Cells that select, round and normalise, checked from end to end; wrong gradients of theirs are rejected."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from flint import arb

from rnnsym.calculus.unrolling import graph_of
from rnnsym.evidence.checks import check_function, check_network
from rnnsym.evidence.examples import Example
from rnnsym.evidence.references import ReferenceLoss
from rnnsym.evidence.residues import PRIME, Atoms
from rnnsym.evidence.rounding import Certified, certified_numbers
from rnnsym.model.cells import Cell
from rnnsym.model.losses import losses
from rnnsym.model.networks import Network
from rnnsym.numerics.compilation import compile_network
from rnnsym.numerics.loading import load_source

EXAMPLES = 12  # a fraction of a check's own: it is the cells and losses that vary here

CELLS = {
    "gated by a sign": "h = where(x @ W > 0, tanh(h_prev @ U), h_prev * 0.5)",
    "a guarded root": "h = where(h_prev > 0, sqrt(h_prev), 0) + tanh(x @ W)",
    "a scalar condition": """
        g: scalar
        g = sigmoid(dot(h_prev, w))
        h = where(g >= 0.5, x @ W, 0.5 * h_prev) + abs(g_prev)
    """,
    "clipped": "s: scalar\nh = maximum(x @ W + h_prev @ U, minimum(tanh(h_prev), s))",
    "attention over units": "a = softmax(x @ W + h_prev @ U)\nh = a * h_prev + logsumexp(h_prev) * b",
    "Skip RNN": """
        u: scalar = 1
        w_p: (n,)
        p = sigmoid(dot(h_prev, w_p))
        r = round(u_prev)
        h = r * tanh(x @ W + h_prev @ U) + (1 - r) * h_prev
        u = r * p + (1 - r) * minimum(u_prev + p, 1)
    """,
}
LINKS = {"binary_cross_entropy": "sigmoid", "softmax_cross_entropy": "softmax"}


def network(cell: str, loss: str = "binary_cross_entropy") -> Network:
    return Network(Cell.from_equations("cell", CELLS[cell]), f"yhat = {LINKS.get(loss, '')}(h @ V + c)", loss)


@pytest.mark.parametrize("cell", CELLS)
def test_a_cell_passes_all_witnesses(cell: str) -> None:
    report = check_network(network(cell), seed=1, max_examples=EXAMPLES)
    assert report.passed, str(report)
    assert all(witness.comparisons > 0 for witness in report.witnesses)


@pytest.mark.parametrize("loss", losses)
def test_a_loss_passes_all_witnesses(loss: str) -> None:
    report = check_network(network("gated by a sign", loss), seed=2, max_examples=EXAMPLES)
    assert report.passed, str(report)


def test_a_softmax_that_is_not_fused_passes_too() -> None:
    readout = "p = softmax(h @ V + c)\nyhat = 0.5 * p + 0.5 * softmax(c)"
    cell = Cell.from_equations("cell", CELLS["gated by a sign"])
    assert check_network(Network(cell, readout, "softmax_cross_entropy"), seed=3, max_examples=EXAMPLES).passed


# What stands in the code, and a slip in its place: (cell, loss, right, wrong).
SLIPS = {
    "the branch not taken": ("gated by a sign", "huber", "(x_t @ W > 0.0, d_h, 0.0)", "(x_t @ W > 0.0, 0.0, d_h)"),
    "a leak into the other branch": ("clipped", "absolute_error", ", 0.0, d_h)", ", d_h, d_h)"),
    "no coupling in softmax": ("attention over units", "huber", "d_a - ((d_a * a_t).sum(axis=-1))[..., None]", "d_a"),
    "the slope of logsumexp": ("attention over units", "huber", "* softmax(h_prev_t)", "* np.ones(h_prev_t.shape)"),
    "a parabola without end": ("gated by a sign", "huber", "* np.sign(target - yhat)", "* (target - yhat)"),
    "the sign of the error": ("gated by a sign", "absolute_error", "* np.sign(target - yhat)",
                              "* np.sign(yhat - target)"),
    "no difference of probabilities": ("gated by a sign", "softmax_cross_entropy", "yhat - target", "yhat"),
}


@pytest.mark.parametrize("slip", SLIPS)
def test_a_wrong_gradient_is_rejected(slip: str) -> None:
    cell, loss, right, wrong = SLIPS[slip]
    subject = network(cell, loss)
    source = compile_network(subject).source
    head, _, backward = source.partition("def backward")
    assert right in backward
    with np.errstate(all="ignore"):
        good, bad = (load_source("slipped", head + "def backward" + backward.replace(right, text)).value_and_grad
                     for text in (right, wrong))
        assert check_function(good, subject, seed=4, max_examples=EXAMPLES).passed
        assert not check_function(bad, subject, seed=4, max_examples=EXAMPLES).passed


def test_the_slips_were_all_tried() -> None:
    assert len(SLIPS) == 7


def test_a_rounding_taken_for_a_flat_function_is_rejected() -> None:
    """The derivative of round itself is 0: then nothing would ever learn when to skip."""
    subject = network("Skip RNN")
    run = compile_network(subject)

    def flat(**given: Any) -> Any:
        loss, gradients = run.value_and_grad(**given)
        return loss, {**gradients, "w_p": np.zeros_like(gradients["w_p"])}

    report = check_function(flat, subject, seed=5, max_examples=EXAMPLES)
    assert {finding.parameter for finding in report.findings} == {"w_p"}


def example(subject: Network, state: float) -> Example:
    sizes = {"d": 1, "n": 1, "k": 1}
    parameters = {name: np.full(shape, 0.25) for name, shape in subject.shapes(**sizes).items()}
    inputs, targets = np.full((1, 1, 1), 0.5), np.full((1, 1), 0.25)
    values = subject.size_values(**sizes)
    return Example(parameters, inputs, targets, {"h": np.full((1, 1), state)}, None, sizes, values)


JUMPY = {
    "round": ("h = round(h_prev) + x @ W", 0.5),
    "step": ("h = step(h_prev) + x @ W", 0.0),
    "sign": ("h = sign(h_prev) + x @ W", 0.0),
    "where": ("h = where(h_prev >= 1.5, 1, 2) + x @ W", 1.5),
}


@pytest.mark.parametrize("name", JUMPY)
def test_an_example_next_to_a_jump_is_set_aside_and_one_on_it_is_not(name: str) -> None:
    text, jump = JUMPY[name]
    subject = Network(Cell.from_equations("cell", text), "yhat = h @ V", "squared_error")
    graph = graph_of(subject)
    for state, near in ((jump, False), (jump + 1e-10, True), (jump - 1e-10, True), (jump + 1e-6, False)):
        assert ReferenceLoss(graph, example(subject, state), (0,)).near_jump == near


def test_a_rounding_is_judged_as_its_surrogate() -> None:
    """L = ½ (y − round(h₀ w))² with h₀ = 3, w = 3/4: the surrogate's slope in w is −(y − 2) h₀, not 0."""
    cell = Cell.from_equations("cell", "w: (n,)\nh = round(h_prev * w) + 0 * (x @ W)")
    subject = Network(cell, "yhat = h @ V", "squared_error")
    drawn = example(subject, 3.0)
    drawn.parameters.update(w=np.array([0.75]), V=np.array([[1.0]]))
    weight = next(p for p in subject.parameters if p.name == "w")
    slopes = ReferenceLoss(graph_of(subject), drawn, (0,)).slopes([{weight: np.array([1.0])}])
    assert slopes.values.item() == pytest.approx(-(0.25 - 2.0) * 3.0, rel=1e-13)


class NoRandom:
    """Answers as the generator of atoms does, from a list."""

    def randrange(self, *_: int) -> int:
        return 1


def test_signs_steps_and_sizes_of_residues_belong_together() -> None:
    atoms = Atoms(NoRandom())  # type: ignore[arg-type]
    for argument in (5, 7, 12345):
        sign, opposite = atoms.value("sign", argument), atoms.value("sign", PRIME - argument)
        assert (sign + opposite) % PRIME == 0
        assert atoms.value("step", argument) + atoms.value("step", PRIME - argument) == 1
        assert atoms.value("abs", argument) == atoms.value("abs", PRIME - argument) == argument * sign % PRIME
    assert [atoms.value(name, 0) for name in ("sign", "step", "abs")] == [0, 0, 0]


def test_a_bound_knows_only_what_is_taken() -> None:
    select = certified_numbers({}, 0).forward.select
    one, zero, good, bad = (Certified(arb(text), bound) for text, bound in (
        ("1", 0.0), ("0", 0.0), ("2", 1e-16), ("nan", float("inf"))))
    assert select(one, good, bad) is good
    assert select(zero, bad, good) is good
    assert np.isinf(select(bad, good, good).error)
