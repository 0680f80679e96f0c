"""One sequence's rows [x; 1; h]: which sums are one, what they give, and how little else the code does."""

from __future__ import annotations

import ast
import tracemalloc
from typing import Any

import numpy as np
import pytest
from test_bulk_code import draw, network_of, same

from rnnsym.calculus.adjoints import adjoint_recursion
from rnnsym.calculus.unrolling import graph_of
from rnnsym.model.cells import Cell
from rnnsym.model.networks import Network
from rnnsym.numerics.compilation import compile_network
from rnnsym.numerics.loading import load_source
from rnnsym.numerics.plans import forward_plan
from rnnsym.numerics.products import with_named_products
from rnnsym.numerics.rows import Row, with_rows


def rows_of(network: Network) -> list[Row]:
    graph = with_named_products(graph_of(network))
    recursion = adjoint_recursion(graph).loops[0]
    return [group for group in with_rows(forward_plan(recursion, ()), recursion.graph).groups if isinstance(group, Row)]


def test_a_row_holds_x_one_and_the_state_of_all_sums_that_need_no_more() -> None:
    """LSTM: all four. GRU: the gates, and the candidate's own product, which has a bias but no x."""
    for cell, members, inputs in (("simple", 1, 1), ("lstm", 4, 4), ("gru", 3, 2)):
        (row,) = rows_of(network_of(cell))
        assert (len(row.members), sum(one is not None for one in row.inputs)) == (members, inputs)
        assert row.biased
        assert all(row.biases)


BEYOND = {"x twice": "h = tanh(x @ W + x @ V + h_prev @ U)", "a product of x": "h = tanh((x * x) @ W + h_prev @ U)",
          "a negative product": "h = tanh(h_prev @ U - x @ W)", "no early term": "h = tanh(h_prev @ U)",
          "x itself": "h = tanh(x + h_prev @ U)"}


@pytest.mark.parametrize("name", BEYOND)
def test_other_early_terms_make_no_row(name: str) -> None:
    network = Network(Cell.from_equations("beyond", BEYOND[name]), "yhat = sigmoid(h @ W_y + b_y)")
    assert not rows_of(network)


FURTHER = {
    "a row and a term": "h = tanh(x @ W + h_prev @ U + b + h_prev * v)",
    "two rows of one state": "a = tanh(x @ W + h_prev @ U)\nb = sigmoid(h_prev @ V + c)\nh = a * (b @ R)",
    "a sum of rows and of terms": "h = tanh(x @ W + h_prev @ U + b - h_prev) + h_prev",
    "a bias of two": "h = sigmoid(x @ W + b + c * c + h_prev @ U)",
    "two states": "g = tanh(x @ W + h_prev @ U + g_prev @ S + b)\nh = relu(g @ V + h_prev @ R + c)",
    **BEYOND,
}


@pytest.mark.parametrize("name", [one for one in FURTHER if one not in ("x itself", "no early term")])
def test_rows_of_other_cells_give_what_a_batch_gives(name: str) -> None:
    run = compile_network(Network(Cell.from_equations("further", FURTHER[name]), "yhat = sigmoid(h @ W_y + b_y)"))
    sizes = {str(size) for size in run.network.sizes}
    random = np.random.default_rng(1)
    shapes = run.network.shapes(**{key: value for key, value in {"d": 4, "n": 3, "k": 2}.items() if key in sizes})
    parameters = {key: random.normal(0, 0.6, shape) for key, shape in shapes.items()}
    inputs, targets = random.normal(size=(1, 6, 4)), random.uniform(size=(1, 2))
    wrt = (*parameters, "inputs", "h_0")
    alone = run.value_and_grad(parameters, inputs, targets, wrt=wrt)
    batch = run.value_and_grad(parameters, inputs, targets, lengths=[6], wrt=wrt)
    assert same(alone, batch)


@pytest.mark.parametrize("cell", ["simple", "lstm", "gru"])
def test_wide_inputs_take_the_code_of_a_batch(cell: str) -> None:
    run = compile_network(network_of(cell))
    arguments = draw(run.network, 1, 6)
    module: Any = load_source("wide", run.source)
    expected = module.value_and_grad(*arguments)
    assert module.WIDE > 100
    module.WIDE = 3
    module.forward_one = module.backward_one = None
    assert same(module.value_and_grad(*arguments), expected)


def test_weights_that_nobody_asks_for_are_not_computed() -> None:
    run = compile_network(network_of("lstm"))
    parameters, inputs, targets = draw(run.network, 1, 5)
    every = run.value_and_grad(parameters, inputs, targets)[1]
    for name in run.network.parameters:
        found = run.value_and_grad(parameters, inputs, targets, wrt=(name.name,))[1]
        assert tuple(found) == (name.name,)
        assert np.array_equal(found[name.name], every[name.name])


def test_the_loops_of_one_sequence_ask_nothing() -> None:
    for cell in ("simple", "lstm", "gru"):
        tree = ast.parse(compile_network(network_of(cell)).source)
        loops = {node.name: [inner for inner in ast.walk(node) if isinstance(inner, ast.For)] for node in tree.body
                 if isinstance(node, ast.FunctionDef) and node.name.endswith("_one")}
        inmost = [loop for found in loops.values() for loop in found
                  if not any(isinstance(inner, ast.For) for inner in ast.walk(loop) if inner is not loop)]
        assert len(inmost) == 2
        for loop in inmost:
            assert not any(isinstance(node, ast.If | ast.Attribute) and getattr(node, "attr", "") != "dot"
                           for node in ast.walk(loop))


MEMORY = {"simple": 1.3, "lstm": 1.1, "gru": 1.15}  # of the plain loop's, which keeps a quantity of a step in an array


@pytest.mark.parametrize("cell", MEMORY)
def test_memory_is_little_more_than_what_all_steps_leave_behind(cell: str) -> None:
    """At (batch, T, d, n) = (16, 120, 8, 48), counted in arrays of all steps: h alone, or with c, u and four gates."""
    left = {"simple": 1, "lstm": 7, "gru": 5}[cell]
    run = compile_network(network_of(cell))
    random = np.random.default_rng(0)
    parameters = {key: random.normal(0, 0.2, shape) for key, shape in run.network.shapes(d=8, n=48, k=1).items()}
    arguments = (parameters, random.normal(size=(16, 120, 8)), random.uniform(size=(16, 1)))
    run.value_and_grad(*arguments)
    tracemalloc.start()
    try:
        run.value_and_grad(*arguments)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    weights = 8 * sum(value.size for value in parameters.values())
    assert peak - 3 * weights <= MEMORY[cell] * left * 8 * 16 * 120 * 48
