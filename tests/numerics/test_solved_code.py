"""What flows back through small states, solved for all steps at once, is what a loop over the steps gives."""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from functools import cache
from typing import Any

import numpy as np
import pytest

import rnnsym
from rnnsym.calculus.adjoints import adjoint_recursion
from rnnsym.calculus.binding import names_in
from rnnsym.calculus.unrolling import graph_of
from rnnsym.model.cells import Cell
from rnnsym.model.networks import Network
from rnnsym.numerics.compilation import compile_network
from rnnsym.numerics.linear_steps import LinearStep, linear_step
from rnnsym.numerics.loading import load_source
from rnnsym.numerics.plans import backward_plan
from rnnsym.numerics.products import with_named_products

ROUNDING = 1e-12  # relative to the largest entry: the same numbers, summed in another order
EVERY = 10**9
LOOPED = ("gru_reset_before", "mgu", "skip_rnn")  # a product inside a product, a scalar state
SOLVED = tuple(cell for cell in rnnsym.cells if cell not in LOOPED)
STEPS = (1, 2, 15, 16, 40, 300)
OUTPUTS = ("many-to-one", "many-to-many")
READOUT = "yhat = sigmoid(h @ W_y + b_y)"
WRONG = (("np.negative(", "np.array("), ("-np.stack(", "np.stack("), ("] = -", "] = "), ("] -= ", "] += "),
         ("entries - 1", "entries - 2"), (".T", ""))
UNCOVERED = {
    "a δ of two states": "g: (n,)\ng = tanh(x @ W + h_prev @ U)\nc = c_prev + g\nh = g * tanh(x @ V) + 0.5 * h_prev",
    "a product of a state's own δ": "h = x @ W + h_prev @ U",
    "a scalar state": "w: scalar\nw = 0.5 * w_prev + tanh(x @ v)\nv: (d,)\nh = tanh(x @ W + w * h_prev @ U)",
}
OTHERS = {
    "two states of two sizes": "g = tanh(x @ W + h_prev @ U)\nc: (m,)\na: (m,)\na = tanh(h_prev @ V + b)\n"
                               "c = c_prev * a\nh = g * sigmoid(h_prev @ Q + c_prev @ R)",
    "a chain of three states": "s = tanh(x @ W + h_prev @ U)\nr = s * r_prev + s_prev\nh = r * h_prev + s",
    "a numeral and a parameter": "h = 0.5 * h_prev - u * tanh(x @ W + h_prev @ U)",
    "a state in a gradient": "h = x @ W + h_prev * u",
}


@cache
def source_of(network: Network) -> str:
    return compile_network(network, forms=False).source


def module_of(source: str, **constants: int) -> Any:
    """A module that takes other limits."""
    module = load_source("solved", source)
    for name, value in constants.items():
        assert hasattr(module, name)
        setattr(module, name, value)
    return module


def runs_of(source: str, **constants: int) -> tuple[Any, Any]:
    """The module that loops over all steps, and the one that solves for them."""
    return module_of(source, MANY=EVERY), module_of(source, MANY=1, SQUARES=EVERY, **constants)


def draw(network: Network, steps: int) -> tuple[dict[str, Any], Any, Any, dict[str, Any]]:
    random = np.random.default_rng(steps)
    known = {str(size) for size in network.sizes}
    sizes = {key: value for key, value in {"d": 4, "n": 3, "m": 2, "k": 2}.items() if key in known}
    parameters = {name: random.normal(0, 0.6, shape) for name, shape in network.shapes(**sizes).items()}
    outputs = (steps,) if network.shape_of_steps.every else ()
    targets = random.uniform(size=(1, *outputs, sizes.get("k", 3)))
    loop = graph_of(network).loops[0]
    starts = {s.name: random.normal(size=(1, *(sizes[str(n)] for n in s.shape)))
              for s in loop.states if not any(map(loop.lag, loop.states))}
    return parameters, random.normal(size=(1, steps, 4)), targets, starts


def everything(network: Network) -> tuple[str, ...]:
    return (*(p.name for p in network.parameters), "inputs", *(f"{s.variable.name}_0" for s in network.states))


def differing(found: dict[str, Any], expected: dict[str, Any]) -> list[str]:
    """The gradients that are not the same."""
    assert found.keys() == expected.keys()
    assert found
    return [name for name, value in expected.items()
            if not np.abs(found[name] - value).max(initial=0.0) <= ROUNDING * np.abs(value).max(initial=1e-300)]


def counted(module: Any) -> list[int]:
    """Count the solves of a module: the steps of each."""
    found: list[int] = []
    solve = module.carried_back

    def carried_back(solver: Any, band: Any, arriving: Any) -> Any:
        found.append(len(arriving) - 1)
        return solve(solver, band, arriving)

    module.carried_back = carried_back
    return found


def compared(source: str, network: Network, steps: int, wrt: tuple[str, ...] = (), *, planted: bool = False,
             **constants: int) -> list[str]:
    """The gradients that a solve gives otherwise than the loop."""
    arguments, wanted = draw(network, steps), wrt or everything(network)
    loop, solve = runs_of(source, **constants)
    looped, solved = counted(loop), counted(solve)
    with np.errstate(all="ignore"):  # what is planted may overflow
        (value, expected), (again, found) = (one.value_and_grad(*arguments, wrt=wanted) for one in (loop, solve))
    assert not looped
    assert not solved or sum(solved) == steps
    assert solved or planted
    assert value == again
    return differing(found, expected)


def linear_of(network: Network) -> LinearStep | None:
    recursion = adjoint_recursion(with_named_products(graph_of(network))).loops[0]
    return linear_step(backward_plan(recursion), lambda value: bool(names_in(value)))


@pytest.mark.parametrize("cell", SOLVED)
@pytest.mark.parametrize("outputs", OUTPUTS)
def test_it_is_what_the_loop_gives(cell: str, outputs: str) -> None:
    network = Network(rnnsym.cells[cell], topology=outputs)
    source = source_of(network)
    for steps in STEPS:
        assert not compared(source, network, steps)
    for numbers in (150, 400, 900):  # of at least one step's matrix
        assert not compared(source, network, 40, ROOM=numbers, SOLVED=numbers)
    for wrt in (("inputs",), (network.parameters[0].name,), everything(network)[-1:]):
        assert not compared(source, network, 16, wrt)


@pytest.mark.parametrize("cell", OTHERS)
@pytest.mark.parametrize("outputs", OUTPUTS)
def test_so_it_is_of_other_cells(cell: str, outputs: str) -> None:
    network = Network(Cell.from_equations("other", OTHERS[cell]), READOUT, topology=outputs)
    assert linear_of(network) is not None
    for steps in (1, 2, 40):
        assert not compared(source_of(network), network, steps)
        assert not compared(source_of(network), network, steps, ROOM=100, SOLVED=100)


@pytest.mark.parametrize("cell", LOOPED)
def test_a_step_of_another_form_is_looped_over(cell: str) -> None:
    network = Network(rnnsym.cells[cell])
    assert linear_of(network) is None
    assert "solver" not in source_of(network)


@pytest.mark.parametrize(("reason", "text"), UNCOVERED.items())
def test_what_is_linear_in_another_way_is_looped_over(reason: str, text: str) -> None:
    network = Network(Cell.from_equations("other", text), READOUT)
    assert linear_of(network) is None, reason
    assert "solver" not in source_of(network)


@pytest.mark.parametrize(("n", "steps", "solves"), [(16, 300, True), (16, 20, False), (64, 300, False)])
def test_few_entries_and_many_steps_are_solved_for(n: int, steps: int, solves: bool) -> None:
    network = Network(rnnsym.cells["gru"])
    module, random = module_of(source_of(network)), np.random.default_rng(0)
    parameters = {name: random.normal(0, 0.1, shape) for name, shape in network.shapes(d=4, n=n, k=1).items()}
    found = counted(module)
    module.value_and_grad(parameters, random.normal(size=(1, steps, 4)), np.ones((1, 1)))
    assert sum(found) == steps * solves


def test_without_scipy_it_loops(monkeypatch: pytest.MonkeyPatch) -> None:
    network = Network(rnnsym.cells["lstm"])
    loop, solve = runs_of(source_of(network))
    arguments = draw(network, 40)
    monkeypatch.setitem(sys.modules, "scipy.linalg.blas", None)  # as if it were not installed
    found = counted(solve)
    expected, again = (one.value_and_grad(*arguments)[1] for one in (loop, solve))
    assert not found
    assert all(np.array_equal(again[name], value) for name, value in expected.items())


def without_each_statement(source: str) -> Iterator[tuple[str, str]]:
    """Each statement that makes a step's matrices, solves or makes the other δ's, and the source without it."""
    tree = ast.parse(source)
    branch = next(node for node in ast.walk(tree) if isinstance(node, ast.If) and node.orelse
                  and ast.unparse(node.test) == "solver is not None")
    for place, statement in enumerate(branch.body):
        text = ast.unparse(statement)
        if not text.startswith(("count = ", "solution = arriving[")):
            branch.body[place] = ast.Pass()
            yield text, ast.unparse(tree)
            branch.body[place] = statement


@pytest.mark.parametrize("cell", ["simple", "lstm_peephole", "gru"])
def test_a_statement_that_is_missing_is_found(cell: str) -> None:
    network = Network(rnnsym.cells[cell])
    planted = list(without_each_statement(source_of(network)))
    assert len(planted) >= 6
    for text, source in planted:
        assert compared(source, network, 40, planted=True, ROOM=200, SOLVED=200), text


@pytest.mark.parametrize("cell", ["simple", "lstm_peephole", "gru"])
def test_a_block_with_the_wrong_sign_or_weights_is_found(cell: str) -> None:
    network = Network(rnnsym.cells[cell])
    source, planted = source_of(network), list[str]()
    start, stop = source.index("if solver is not None"), source.index("        else:\n")
    for right, wrong in WRONG:
        for place in (found.start() for found in re.finditer(re.escape(right), source[start:stop])):
            at = start + place
            planted.append(source[:at] + wrong + source[at + len(right):])
    assert len(planted) >= 3
    for text in planted:
        assert compared(text, network, 40, planted=True)
