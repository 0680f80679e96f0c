"""The derivation entry by entry: what SymPy itself says of the nested loss, and what the compiled network computes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import sympy

import rnnsym
from rnnsym.calculus.unrolling import graph_of
from rnnsym.errors import DerivationError
from rnnsym.evidence.entries import EntryDerivation, derive_entries
from rnnsym.evidence.oracles import nested_loss
from rnnsym.model.networks import Network

DIGITS = 30  # both sides are evaluated to 50
PLAIN = {
    "tanh": sympy.tanh,
    "sigmoid": lambda a: 1 / (1 + sympy.exp(-a)),
    "relu": lambda a: a if a > 0 else sympy.S.Zero,
    "step": lambda a: sympy.S.One if a > 0 else sympy.S.Zero,
    "log": sympy.log,
}
SHAPES: dict[str, dict[str, Any]] = {
    "many-to-one": {}, "many-to-many": {"topology": "many-to-many"}, "both ends": {"bidirectional": True},
    "encoder-decoder": {"topology": "encoder-decoder"}, "one-to-many": {"topology": "one-to-many"},
}


def sizes_of(network: Network, most: int = 2) -> dict[str, int]:
    return {size.name: 1 if size.name == "k" else most for size in network.sizes}


def plain(expression: Any) -> Any:
    """The expression with each function of the table, opaque or not, as one that SymPy can evaluate."""
    if not expression.args:
        return expression
    operands = [plain(arg) for arg in expression.args]
    name = getattr(expression.func, "table_name", expression.func.__name__)
    return PLAIN[name](*operands) if name in PLAIN else expression.func(*operands)


def numbers(found: EntryDerivation, seed: int = 0) -> dict[Any, Any]:
    """Values of all symbols: random leaves, then one assignment after the other."""
    random = np.random.default_rng(seed)
    values = {symbol: sympy.Float(str(random.uniform(0.1, 0.9)), 50)
              for array in found.leaves.values() for symbol in np.ravel(array)}
    for symbol, expression in found.assignments:
        assert expression.free_symbols <= values.keys(), "an assignment uses what comes later"
        assert symbol not in values, "a symbol is assigned twice"
        values[symbol] = evaluated(expression, values)
    return values


def evaluated(expression: Any, values: dict[Any, Any]) -> Any:
    return plain(expression.xreplace(values)).evalf(50)


@pytest.mark.parametrize("cell", ["simple", "lstm", "gru", "mgu", "indrnn"])
def test_each_entry_is_what_sympy_makes_of_the_nested_loss(cell: str) -> None:
    network = Network(rnnsym.cells[cell])
    sizes = sizes_of(network, 2 if cell in ("simple", "indrnn") else 1)
    found = derive_entries(network, 2, sizes)
    values = numbers(found)
    loss, entries = nested_loss(graph_of(network), 2, sizes)
    given = {old: values[new] for leaf, array in entries.items()
             for old, new in zip(np.ravel(array), np.ravel(found.leaves[leaf]), strict=True)}
    compared = 0
    for parameter in network.parameters:
        for own, entry in zip(np.ravel(entries[parameter]), np.ravel(found.gradients[parameter.name]), strict=True):
            expected = evaluated(sympy.diff(loss, own), given)
            assert abs(evaluated(entry, values) - expected) < sympy.Float(10) ** -DIGITS
            compared += 1
    assert compared == sum(int(np.prod(shape)) for shape in network.shapes(**sizes).values())


@pytest.mark.parametrize(("shape", "cell"), [
    *((shape, cell) for shape in SHAPES for cell in ("simple", "lstm")), ("many-to-one", "skip_connection"),
])
def test_its_numbers_are_those_of_the_compiled_network(shape: str, cell: str) -> None:
    network = Network(rnnsym.cells[cell], **SHAPES[shape])
    sizes = sizes_of(network)
    found = derive_entries(network, 3, sizes, output_steps=2 if shape == "encoder-decoder" else None)
    values = numbers(found)

    def array(leaf: Any) -> Any:
        return np.vectorize(lambda one: float(values[one]), otypes=[float])(found.leaves[leaf])

    def over_steps(name: str, first: int = 1) -> Any:
        steps = {int(leaf.step): leaf for leaf in found.leaves if leaf.name == name and leaf.step >= first}
        return np.stack([array(steps[step]) for step in sorted(steps)])

    topology = network.shape_of_steps
    if network.forced:
        start = next(leaf for leaf in found.leaves if leaf.name == "target" and leaf.step == 0)
        for symbol in np.ravel(found.leaves[start]):
            values[symbol] = sympy.Float(0)
        values |= renewed(found, values)
    inputs = array(network.input if network.input.step is None else network.input.at(1)) if topology.one_input else (
        over_steps("x"))
    targets = over_steps("target") if topology.every else array(network.target.at(None))
    starts = {}
    for state in network.states:
        before = over_steps(state.variable.name, -state.lag)
        starts[state.variable.name] = before if state.lag == 1 else before[None]
    parameters = {p.name: array(p) for p in network.parameters}
    _, gradients = rnnsym.compile(network).value_and_grad(parameters, inputs[None], targets[None], starts)
    for name, gradient in gradients.items():
        own = np.vectorize(lambda one: float(one.xreplace(values)), otypes=[float])(found.gradients[name])
        assert np.abs(own - gradient).max() <= 1e-12 * np.abs(gradient).max(), name


def renewed(found: EntryDerivation, values: dict[Any, Any]) -> dict[Any, Any]:
    """All assignments anew, after a leaf has changed."""
    known = dict(values)
    for symbol, expression in found.assignments:
        known[symbol] = evaluated(expression, known)
    return known


def test_it_grows_with_the_number_of_steps_alone() -> None:
    counts = {}
    for steps in (2, 4, 8):
        found = derive_entries(Network(rnnsym.cells["lstm"]), steps, {"d": 2, "n": 2, "k": 1})
        counts[steps] = len(found.assignments)
        operations = [expression.count_ops() for _, expression in found.assignments]
        assert max(operations) < 40  # nothing is nested
    assert counts[8] - counts[4] == 2 * (counts[4] - counts[2])


@pytest.mark.parametrize("steps", [0, -1, 2.0, True])
def test_steps_are_whole_numbers_from_one(steps: Any) -> None:
    with pytest.raises(DerivationError, match="whole numbers from 1"):
        derive_entries(Network(rnnsym.cells["simple"]), steps, {"d": 1, "n": 1, "k": 1})
