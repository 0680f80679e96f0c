"""Cells of many products: the code's long statements are broken where Python allows it, and compute the gradient."""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping

import numpy as np
import pytest

import rnnsym
from rnnsym.dynamics import path_contributions
from rnnsym.dynamics.draws import draw_inputs, draw_parameters
from rnnsym.model.networks import Network
from rnnsym.numerics.lines import WIDTH, broken

CLOSE = 1e-13  # sums of a few dozen products of numbers of order one
PARTS = (3, 11, 15, 25)


def nested(count: int) -> str:
    return f"h = tanh({' + '.join(f'tanh(x @ W_{i} + h_prev @ U_{i})' for i in range(count))})"


def named(count: int) -> str:
    lines = [f"a_{i} = tanh(x @ W_{i} + h_prev @ U_{i})" for i in range(count)]
    return "\n".join([*lines, f"h = tanh({' + '.join(f'a_{i}' for i in range(count))})"])


def states(count: int) -> str:
    return "\n".join([f"s_{i} = tanh(x @ W_{i} + s_{i}_prev @ U_{i})" for i in range(1, count)]
                     + [f"h = tanh({' + '.join(f's_{i}' for i in range(1, count))} + h_prev @ U)"])


WRITTEN: Mapping[str, Callable[[int], str]] = {"nested": nested, "named": named, "states": states}


@pytest.mark.parametrize("count", PARTS)
@pytest.mark.parametrize("way", WRITTEN)
def test_the_code_of_many_products_computes_the_gradient(way: str, count: int) -> None:
    network = Network(rnnsym.Cell.from_equations("many", WRITTEN[way](count)), readout="yhat = sigmoid(h @ W_y)")
    sizes = {str(size): {"d": 2, "k": 1}.get(str(size), 2) for size in network.sizes}
    run, parameters = rnnsym.compile(network), draw_parameters(network, sizes, 0)
    for target in ("jax", "torch"):
        ast.parse(rnnsym.emit(network, target))
    for batch in (1, 3):
        pairs = [draw_inputs(network, sizes, one, steps=4) for one in range(batch)]
        inputs, targets = (np.stack([pair[place] for pair in pairs]) for place in (0, 1))
        gradients = run.value_and_grad(parameters, inputs, targets)[1]
        expected = path_contributions(network, parameters, inputs, targets).gradients
        assert len(expected) > count
        for name, gradient in expected.items():
            assert np.abs(gradients[name] - gradient).max() <= CLOSE


@pytest.mark.parametrize("line", [
    f"    ({', '.join(f'd_a_{i}' for i in range(30))}) = d_each = room[:, :past.stop - first]",
    f"    ({', '.join(f'a_{i}' for i in range(30))}) = ({', '.join(f'room[{i}]' for i in range(30))})",
    f"    for ({', '.join(f'a_{i}' for i in range(30))}) in turns:",
    f"    total = {' + '.join(f'value_{i}' for i in range(30))}",
    f"    return {' + '.join(f'value_{i}' for i in range(30))}  # as it is",
])
def test_a_long_statement_is_the_same_statement_when_it_is_broken(line: str) -> None:
    found = list(broken([line]))
    assert len(found) > 1
    assert max(map(len, found)) <= WIDTH
    body, before = "\n".join(found), line.strip()
    more = "\n        pass" if before.endswith(":") else ""
    assert ast.dump(ast.parse(f"def f():\n{body}{more}")) == ast.dump(ast.parse(f"def f():\n    {before}{more}"))
