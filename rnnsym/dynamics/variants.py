"""The same recurrence with another activation: what a change of f alone does to the gradient."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from rnnsym.calculus.unrolling import graph_of
from rnnsym.dynamics.products import affine_step
from rnnsym.dynamics.studies import Draws, ProductStudy, study_products
from rnnsym.errors import DataError
from rnnsym.model.activations import activations
from rnnsym.model.cells import Cell
from rnnsym.model.expressions import Elementwise, walk
from rnnsym.model.kinds import entry, known_network, several
from rnnsym.model.networks import Network
from rnnsym.model.sources import SourceText

Function = str | None  # a name of the table of activations; None is the linear network, which has none

UNITS = ("tanh", "relu", "leaky_relu", "softplus")  # what a candidate state is made with, beside gates of σ


def outer_function(network: Network) -> Function:
    """Name f of s_t = f(A s_{t−1} + …), None where s_t is the affine map itself.

    Errors: DataError where the step is no such map: gates, several states, a function inside another.
    """
    graph = graph_of(network)
    affine = affine_step(graph) if len(graph.loops) == 1 else None
    if affine is None or network.cell.layers:
        raise DataError(f"the cell {network.cell.name} has no outermost function to exchange: its step is no "
                        "elementwise function of an affine map of the state before")
    return affine.function


def activation_of(network: Network) -> Function:
    """Name the function that the states are made with; None: with none.

    It is the outermost function of a step that is an affine map inside; else the one of tanh, ReLU, leaky ReLU and
    softplus that the cells' equations apply to vectors. Errors: DataError where there are none or several of these.

    >>> from rnnsym.model.cells import cells
    >>> activation_of(Network(cells["lstm"])), activation_of(Network(cells["simple_relu"]))
    ('tanh', 'relu')
    """
    try:
        return outer_function(network)
    except DataError:
        pass
    used = {node.function for equation in network.equations for node in walk(equation.expression)
            if isinstance(node, Elementwise) and node.rank}
    units = [name for name in UNITS if name in used]
    if len(units) != 1:
        raise DataError(f"the cell {network.cell.name} is not made with one activation ({', '.join(UNITS)}): write the "
                        "variant's equations yourself")
    return units[0]


def with_activation(network: Network, function: Function) -> Network:
    """Return the network whose states are made with another function, or with none (None); gates and readout stay.

    Errors: DataError for a function that is not in the table, and for a network without one activation.

    >>> from rnnsym.model.cells import cells
    >>> with_activation(Network(cells["simple"]), "relu").cell.text
    'o = relu(x @ W_i + o_prev @ W_h + b)'
    """
    if function is not None:
        entry("function", activations, function)
    own = activation_of(known_network(network))
    if own == function:
        return network
    changes: dict[str, Any] = {"cell": _changed(network.cell, own, function)}
    if network.decoder is not None:
        changes["decoder"] = _changed(network.decoder, own, function)
    return replace(network, **changes)


def study_activations(
    network: Network, sizes: Mapping[str, int], radii: Sequence[float], functions: Sequence[Function],
    draws: Draws | None = None,
) -> dict[Function, ProductStudy]:
    """Follow the products of one recurrence with each function; all see the same draws. Errors as above."""
    return {function: study_products(with_activation(network, function), sizes, radii, draws)
            for function in several("functions", functions, "names of activations, or None")}


def _changed(cell: Cell, own: Function, function: Function) -> Any:
    if cell.layers:
        return [_changed(layer, own, function) for layer in cell.layers]
    return Cell.from_equations(cell.name, "\n".join(_rewritten(cell, own, function)))


def _rewritten(cell: Cell, own: Function, function: Function) -> Iterator[str]:
    states = {state.variable.name for state in cell.states}
    for statement in SourceText.of(cell.text).statements():
        changed = statement
        if own is not None:
            changed = _Exchange(own, function).visit(statement)
        elif isinstance(statement, ast.Assign) and getattr(statement.targets[0], "id", "") in states:
            statement.value = _call(function, statement.value)
        yield ast.unparse(ast.fix_missing_locations(changed))


class _Exchange(ast.NodeTransformer):
    """Calls of one function become calls of another, or their argument."""

    def __init__(self, own: str, function: Function) -> None:
        self.own, self.function = own, function

    def visit_Call(self, node: ast.Call) -> ast.expr:
        self.generic_visit(node)
        if not isinstance(node.func, ast.Name) or node.func.id != self.own:
            return node
        return _call(self.function, node.args[0])


def _call(function: Function, argument: ast.expr) -> ast.expr:
    return argument if function is None else ast.Call(ast.Name(function, ast.Load()), [argument], [])
