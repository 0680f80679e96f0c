"""Checkpoints: the same loss and gradient in memory that grows as the square root of the number of steps."""

from __future__ import annotations

import copy
import tracemalloc
from functools import cache
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import rnnsym
from rnnsym.errors import DerivationError
from rnnsym.model.cells import Cell
from rnnsym.model.networks import Network

ROUNDING = 1e-12  # relative to the largest entry: gradients summed over stretches in another order
CELLS = tuple(rnnsym.cells)
KINDS = {"one output": {}, "a sum": {"topology": "many-to-many"},
         "a mean": {"topology": "many-to-many", "over_steps": "mean"}}
REFUSED = {"encoder-decoder": {"topology": "encoder-decoder"},
           "one-to-many": {"topology": "one-to-many", "feed": "x = tanh(yhat @ W_feed + b_feed)"},
           "one-to-one": {"topology": "one-to-one"},
           "from both ends": {"topology": "many-to-many", "bidirectional": True}}


def draw(network: Network, batch: int, steps: int, seed: int) -> dict[str, Any]:
    random = np.random.default_rng(seed)
    known = {str(size) for size in network.sizes}
    sizes = {key: value for key, value in {"d": 4, "n": 3, "k": 2}.items() if key in known}
    parameters = {name: random.normal(0, 0.6, shape) for name, shape in network.shapes(**sizes).items()}
    outputs = (steps,) if network.shape_of_steps.every else ()
    targets = random.uniform(size=(batch, *outputs, sizes.get("k", 3)))
    return {"parameters": parameters, "inputs": random.normal(size=(batch, steps, 4)), "targets": targets}


def all_names(network: Network) -> tuple[str, ...]:
    return (*(p.name for p in network.parameters), "inputs", *(f"{s.variable.name}_0" for s in network.states))


@cache
def compiled(network: Network, checkpoints: bool) -> Any:
    return rnnsym.compile(network, checkpoints=checkpoints)


def agrees(network: Network, arguments: dict[str, Any]) -> None:
    ordinary, sparing = compiled(network, False), compiled(network, True)
    wrt = all_names(network)
    loss, gradients = ordinary.value_and_grad(**arguments, wrt=wrt)
    found, own = sparing.value_and_grad(**arguments, wrt=wrt)
    assert found == pytest.approx(loss, rel=ROUNDING, abs=ROUNDING)
    assert own.keys() == gradients.keys()
    for name, gradient in gradients.items():
        assert own[name].shape == gradient.shape
        assert np.abs(own[name] - gradient).max() <= ROUNDING * max(1.0, np.abs(gradient).max()), name
    assert sparing.loss(**arguments) == pytest.approx(loss, rel=ROUNDING, abs=ROUNDING)
    del arguments["targets"]
    assert np.allclose(sparing.predict(**arguments), ordinary.predict(**arguments), rtol=ROUNDING, atol=ROUNDING)


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("batch", [1, 3])
def test_every_cell_has_the_same_gradients(cell: str, batch: int) -> None:
    network = Network(rnnsym.cells[cell])
    agrees(network, draw(network, batch, 11, 0))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("cell", ["simple", "lstm", "skip_rnn"])
@given(steps=st.integers(1, 20), seed=st.integers(0, 2**32 - 1), data=st.data())
def test_lengths_and_initial_states(kind: str, cell: str, steps: int, seed: int, data: st.DataObject) -> None:
    network = Network(rnnsym.cells[cell], **KINDS[kind])  # type: ignore[arg-type]
    batch = data.draw(st.integers(1, 3))
    arguments = draw(network, batch, steps, seed)
    if data.draw(st.booleans()):
        arguments["lengths"] = data.draw(st.lists(st.integers(1, steps), min_size=batch, max_size=batch))
    if data.draw(st.booleans()):
        state = network.states[0].variable
        arguments["initial_state"] = {state.name: np.random.default_rng(seed).normal(size=(batch, 3))}
    agrees(network, arguments)


def test_a_state_that_reaches_several_steps_back() -> None:
    cell = Cell.from_equations("two back", "h = tanh(x @ W + h_prev @ U + h_prev[2] @ V)")
    network = Network(cell, "yhat = sigmoid(h @ W_y + b_y)")
    for lengths in ({}, {"lengths": [3, 9]}):
        agrees(network, draw(network, 2, 9, 1) | lengths)


def test_a_step_past_the_end_cannot_overflow() -> None:
    """h ← exp(h): 0, 1, e, 15.2, 3.8e6, then infinity; a sequence of four steps is finite however long its padding."""
    network = Network(Cell.from_equations("tower", "h = exp(h_prev + x @ W)"), "yhat = sigmoid(h @ V)")
    run = rnnsym.compile(network, checkpoints=True)
    parameters, inputs = {"W": [[0.0]], "V": [[1e-7]]}, np.zeros((1, 30, 1))
    padded = run.value_and_grad(parameters, inputs, [[1.0]], lengths=[4])
    assert padded[1]["V"] == rnnsym.compile(network).value_and_grad(parameters, inputs[:, :4], [[1.0]])[1]["V"]


def test_only_what_is_asked_for_comes_back() -> None:
    network = Network(rnnsym.cells["lstm"])
    arguments = draw(network, 2, 9, 2)
    run = rnnsym.compile(network, checkpoints=True)
    for wrt in (("W_hi",), ("inputs",), ("c_0", "W_y"), ()):
        assert tuple(run.value_and_grad(**arguments, wrt=wrt)[1]) == wrt


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_cut_is_refused_by_name(name: str) -> None:
    network = Network(rnnsym.cells["simple"], **REFUSED[name])  # type: ignore[arg-type]
    with pytest.raises(DerivationError, match="no checkpoints for the network simple"):
        rnnsym.compile(network, checkpoints=True)


def peak(run: Any, arguments: dict[str, Any]) -> int:
    run.value_and_grad(**arguments)
    tracemalloc.start()
    try:
        run.value_and_grad(**arguments)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("batch", [1, 3])
def test_memory_grows_as_the_square_root_of_the_steps(batch: int) -> None:
    """Sixteen times the steps take four times the memory, and a little for what does not grow."""
    network = Network(rnnsym.cells["lstm"])
    peaks = {}
    for sparing in (True, False):
        run = rnnsym.compile(network, checkpoints=sparing)
        short, long = (peak(run, draw(network, batch, steps, 3)) for steps in (400, 6400))
        peaks[sparing] = long / short
    assert peaks[True] < 4.4
    assert peaks[False] > 10


def test_copies_keep_their_checkpoints() -> None:
    run = rnnsym.compile(Network(rnnsym.cells["simple"]), checkpoints=True)
    assert copy.deepcopy(run) == run
    assert copy.deepcopy(run).source == run.source
