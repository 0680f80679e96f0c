"""Slopes taken in one stack are, to the last bit, those of one perturbation after another."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import one_by_one
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rnnsym import Cell, Network, cells
from rnnsym.calculus.unrolling import graph_of
from rnnsym.evidence import differences
from rnnsym.evidence.confirmations import direction
from rnnsym.evidence.differences import LEVELS, Losses, _Ladder, central_differences
from rnnsym.evidence.examples import Example, examples
from rnnsym.evidence.references import ReferenceLoss, reference_losses
from rnnsym.evidence.sequences import alike
from rnnsym.model.networks import Network as AnyNetwork

READOUT = "yhat = softmax(h @ V)"
NETWORKS = {
    "lstm": Network(cells["lstm"], READOUT, "softmax_cross_entropy", "many-to-many"),
    "kinks": Network(Cell.from_equations("kinks", "h = relu(x @ W + h_prev @ U + b)"), "yhat = h @ V",
                     "absolute_error"),
    "frozen": Network(Cell.from_equations("frozen", "h = tanh(round(3 * h_prev @ U) + x @ W)"), "yhat = h @ V",
                      "squared_error"),
    "steep": Network(Cell.from_equations("steep", "h = 50 * h_prev ** 2 + exp(4 * x @ W)"), "yhat = h @ V",
                     "squared_error", "many-to-many"),
    "domain": Network(Cell.from_equations("domain", "h = sqrt(0.1 + x @ W + h_prev * w)"), "yhat = h @ V",
                      "squared_error"),
    "columns": Network(Cell.from_equations("columns", "h = maximum(W @ x + U @ h_prev, mean(h_prev))"),
                       "yhat = V @ concat(h, h)", "huber"),
    "scalar": Network(Cell.from_equations("scalar", "u: scalar\nu = tanh(u_prev + sum(x @ W))\nh = u * h_prev + w"),
                      "yhat = h @ V", "squared_error"),
    "decoder": Network(cells["simple"], "yhat = softmax(o @ V)", "softmax_cross_entropy", "encoder-decoder",
                       decoder=Cell.from_equations("second", "o = tanh(x @ W_i + o_prev @ W_h)")),
}


def ways_of(network: AnyNetwork, example: Example) -> list[dict[Any, Any]]:
    """Each parameter along a way of its own, and all of them together."""
    single = [{p: direction(p.name, example.parameters[p.name].shape)} for p in network.parameters]
    return [*single, {p: way for one in single for p, way in one.items()}]


def same(left: Any, right: Any) -> bool:
    return bool(np.array_equal(left, right, equal_nan=True))


def differing(network: AnyNetwork, example: Example) -> int:
    """How many losses, slopes and error estimates of the stack are not those of one perturbation after another."""
    graph, ways, wrong = graph_of(network), ways_of(network, example), 0
    for numbers, reference in zip(alike(network, example), reference_losses(graph, example), strict=True):
        found = reference.slopes(ways)
        assert found.values.shape == (len(numbers), len(ways))
        for number, loss, values, errors in zip(numbers, reference.losses, found.values, found.errors, strict=True):
            alone = one_by_one.Loss(graph, example, number)
            expected = np.array([one_by_one.slope(alone, way) for way in ways]).T
            pairs = ((loss, alone.base.loss), (values, expected[0]), (errors, expected[1]))
            wrong += sum(not np.array_equal(left, right, equal_nan=True) for left, right in pairs)
    return wrong


@pytest.mark.parametrize("name", NETWORKS)
@given(st.data())
def test_a_stack_of_perturbations_gives_what_one_after_another_gives(name: str, data: st.DataObject) -> None:
    assert differing(NETWORKS[name], data.draw(examples(NETWORKS[name]))) == 0


PLANTED = {
    "blind to kinks": ("kinks", ReferenceLoss, "_see", lambda own, sides: None),
    "nothing frozen": ("frozen", ReferenceLoss, "_note", lambda own, entry, array, value: own._frozen.append((0, 0))),
    "the first step always": ("steep", _Ladder, "first_rungs", lambda own: own._descend(0, 6, np.arange(
        own.bases.shape[-1])) or np.zeros(own.bases.shape, dtype=int)),
    "the wrong neighbour": ("scalar", differences, "_next_row", lambda previous, one: [one, *previous]),
}


@pytest.mark.parametrize("error", PLANTED)
def test_a_planted_error_in_the_stack_is_seen(error: str, monkeypatch: pytest.MonkeyPatch) -> None:
    name, owner, attribute, wrong = PLANTED[error]
    network, random = NETWORKS[name], np.random.default_rng(0)
    sizes = {size.name: 2 for size in network.sizes}
    monkeypatch.setattr(owner, attribute, wrong)
    parameters = {key: random.normal(size=shape) / 4 for key, shape in network.shapes(**sizes).items()}
    if name == "kinks":  # near enough to them that the first steps cross one
        parameters |= {key: parameters[key] / 16 for key in ("W", "b")}
    shape = (2, 3, 2) if network.shape_of_steps.every else (2, 2)
    example = Example(parameters, random.normal(size=(2, 3, 2)), random.normal(size=shape), None, None, sizes,
                      network.size_values(**sizes))
    assert differing(network, example) > 0


def test_sequences_stacked_together_are_as_each_one_alone() -> None:
    network = NETWORKS["lstm"]
    graph, random = graph_of(network), np.random.default_rng(0)
    sizes = {size.name: 2 for size in network.sizes}
    parameters = {name: random.normal(size=shape) for name, shape in network.shapes(**sizes).items()}
    targets = np.eye(2)[random.integers(0, 2, (4, 5))]
    example = Example(parameters, random.normal(size=(4, 5, 2)), targets, None, np.array([5, 3, 5, 3]), sizes,
                      network.size_values(**sizes))
    ways = ways_of(network, example)
    assert alike(network, example) == [(0, 2), (1, 3)]
    together = ReferenceLoss(graph, example, (0, 2)).slopes(ways)
    for row, number in enumerate((0, 2)):
        alone = ReferenceLoss(graph, example, (number,)).slopes(ways)
        assert together.values[row].tolist() == alone.values[0].tolist()


def test_steps_go_down_only_where_a_function_needs_them() -> None:
    asked: Counter[int] = Counter()

    def function(of: Any, by: Any) -> Losses:
        asked.update(of.tolist())
        return Losses(np.expm1(np.array([1, 1000])[of] * by), np.full(of.shape, fill_value=True))

    found = central_differences(function, np.zeros(2))
    assert np.allclose(found.values, [1, 1000], rtol=1e-10)
    assert asked[0] == 2 * LEVELS < asked[1]
