"""Copies of a compiled network: pickled and deep copies are the same functions."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from rnnsym import Network, cells, compile
from rnnsym.dynamics import draw_inputs, draw_parameters
from rnnsym.numerics.compilation import CompiledNetwork

SIZES = {"d": 2, "n": 3, "k": 1}
COPIES: dict[str, Callable[[Any], Any]] = {
    "pickled": lambda run: pickle.loads(pickle.dumps(run)),
    "deep": copy.deepcopy,
    "shallow": copy.copy,
    "within a list": lambda run: copy.deepcopy([run, run])[1],
}


@pytest.mark.parametrize("kind", COPIES)
@pytest.mark.parametrize("name", list(cells))
def test_a_copy_is_equal_and_computes_the_same_bits(name: str, kind: str) -> None:
    network = Network(cells[name])
    run = compile(network)
    found = COPIES[kind](run)
    assert isinstance(found, CompiledNetwork)
    assert found == run
    assert (found.network, found.backend, found.source) == (run.network, run.backend, run.source)
    parameters = draw_parameters(network, SIZES, 0)
    inputs, targets = draw_inputs(network, SIZES, 0, steps=3)
    loss, gradients = run.value_and_grad(parameters, inputs, targets)
    again, copied = found.value_and_grad(parameters, inputs, targets)
    assert again == loss
    assert all(np.array_equal(copied[key], gradients[key]) for key in gradients)
