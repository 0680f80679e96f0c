"""The same recurrence with another activation: what a change of f alone does to the gradient."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from rnnsym.errors import DataError
from rnnsym.model.cells import Cell
from rnnsym.model.expressions import Elementwise, walk
from rnnsym.model.networks import Network
from rnnsym.model.sources import SourceText

LINEAR = "linear"  # no function: f(a) = a
UNITS = ("tanh", "relu", "leaky_relu", "softplus")  # what a candidate state is made with
GATE = "sigmoid"  # a unit only where there is no other: else it opens and closes


def activation_of(network: Network) -> str | None:
    """Name the function that the states are made with; None where there is none, or where several are used.

    It is the one of tanh, ReLU, leaky ReLU and softplus that the cells' equations apply to vectors; σ where they use
    none of these, for beside another function it is a gate.

    >>> from rnnsym.model.cells import cells
    >>> activation_of(Network(cells["lstm"])), activation_of(Network(cells["simple_relu"]))
    ('tanh', 'relu')
    """
    used = {node.function for equation in network.equations for node in walk(equation.expression)
            if isinstance(node, Elementwise) and node.rank}
    units = [name for name in UNITS if name in used] or [name for name in (GATE,) if name in used]
    return units[0] if len(units) == 1 else None


def with_activation(network: Network, name: str) -> Network:
    """Return the network whose states are made with another function, ``name``, or with none: "linear".

    Gates, readout and loss stay. Errors: DataError for a function that is no unit, and for a network without one
    activation.

    >>> from rnnsym.model.cells import cells
    >>> with_activation(Network(cells["simple"]), "relu").cell.text
    'o = relu(x @ W_i + o_prev @ W_h + b)'
    """
    known = (*UNITS, GATE, LINEAR)
    if name not in known:
        raise DataError(f"activation: expected one of {', '.join(known)}, but it is {name!r:.80}")
    own = activation_of(network)
    if own is None:
        raise DataError(f"the cell {network.cell.name} is not made with one activation (one of {', '.join(UNITS)}, or "
                        f"{GATE} alone): write the variant's equations yourself")
    if own == name:
        return network
    changes: dict[str, Any] = {"cell": _changed(network.cell, own, name)}
    if network.decoder is not None:
        changes["decoder"] = _changed(network.decoder, own, name)
    return replace(network, **changes)


def _changed(cell: Cell, own: str, name: str) -> Any:
    if cell.layers:
        return [_changed(layer, own, name) for layer in cell.layers]
    return Cell.from_equations(cell.name, "\n".join(_rewritten(cell.text, own, name)))


def _rewritten(text: str, own: str, name: str) -> Iterator[str]:
    for statement in SourceText.of(text).statements():
        yield ast.unparse(ast.fix_missing_locations(_Swap(own, name).visit(statement)))


class _Swap(ast.NodeTransformer):
    """Calls of one function become calls of another, or their argument."""

    def __init__(self, own: str, name: str) -> None:
        self.own, self.name = own, name

    def visit_Call(self, node: ast.Call) -> ast.expr:
        self.generic_visit(node)
        if not isinstance(node.func, ast.Name) or node.func.id != self.own:
            return node
        if self.name == LINEAR:
            return node.args[0]
        return ast.Call(ast.Name(self.name, ast.Load()), node.args, node.keywords)
