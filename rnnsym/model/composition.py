"""Cells put together: layers on top of each other, a second reading from the end, a decoder behind an encoder."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from rnnsym.errors import NetworkError
from rnnsym.model.cells import Cell, State
from rnnsym.model.equations import Equation
from rnnsym.model.expressions import (
    Constant,
    Expression,
    Lookup,
    Named,
    Parameter,
    Projection,
    Shape,
    T,
    Variable,
    rebuild,
    size,
    t,
    walk,
)

MOST_LAYERS = 20


@dataclass(frozen=True)
class Loop:
    """One recurrence of a network: ``equations`` run at each step 1 … ``steps``, or from the last step to the first.

    In a loop that is ``reverse`` the step before t is t + 1. ``reads`` is what the caller hands in at each step (None:
    nothing). ``starts`` names, for each state that does not start freely, what it starts from: an earlier loop's last
    state, or the only input.
    """

    equations: tuple[Equation, ...]
    states: tuple[State, ...]
    steps: Any = T
    reads: Variable | None = None
    reverse: bool = False
    starts: Mapping[Variable, Variable] = field(default_factory=dict, hash=False)

    @property
    def direction(self) -> int:
        """1 from the first step to the last, −1 from the last to the first."""
        return -1 if self.reverse else 1


def loop_of(cell: Cell, **changes: Any) -> Loop:
    """Return the loop that runs a cell over its inputs."""
    return Loop(cell.equations, cell.states, **({"reads": input_of(cell)} | changes))


def input_of(cell: Cell) -> Variable:
    """Return the input x at step t, a vector of size d where the cell does not use it."""
    named = (node for equation in cell.equations for node in walk(equation.expression)
             if isinstance(node, Variable) and node.name == "x")
    return next(named, Variable("x", (size("d"),), t))


def renamed(cell: Cell, name: Callable[[str], str], sizes: Mapping[Any, Any]) -> Cell:
    """Return ``cell`` with every name but x, and every size, changed."""
    def change(node: Expression) -> Expression | None:
        if isinstance(node, Constant):
            return Constant(name(node.name), node.value)
        if not isinstance(node, Named) or node.name == "x":
            return None
        moved = Parameter(name(node.name), node.shape)
        return moved if isinstance(node, Parameter) else Variable(name(node.name), node.shape, node.step)

    def apply(expression: Any) -> Any:
        return rebuild(expression.xreplace(dict(sizes)), change)

    return replace(
        cell,
        equations=tuple(Equation(apply(e.target), apply(e.expression), e.line) for e in cell.equations),
        states=tuple(replace(s, variable=apply(s.variable)) for s in cell.states),
        parameters=tuple(apply(p) for p in cell.parameters),
        constants=tuple(apply(c) for c in cell.constants),
    )


def resized(cell: Cell, sizes: Mapping[Any, Any]) -> Cell:
    """Return ``cell`` with sizes changed alone."""
    return renamed(cell, lambda name: name, sizes)


def with_input(equations: Sequence[Equation], value: Variable) -> tuple[Equation, ...]:
    """Return equations that read ``value`` where they read x; a row E[x] is then the product that it abbreviates."""
    def change(node: Expression) -> Expression | None:
        if isinstance(node, Lookup):
            return Projection(value, node.matrix)
        return value if isinstance(node, Variable) and node.name == "x" else None

    return tuple(replace(e, expression=rebuild(e.expression, change)) for e in equations)


def sizes_of(cell: Cell) -> tuple[Any, ...]:
    """Return the symbolic sizes of all that bears a name in a cell, in order of appearance."""
    parts = [part for e in cell.equations for part in (e.target, e.expression)]
    return tuple(dict.fromkeys(symbol for part in parts for symbol in named_sizes(part)))


def named_sizes(expression: Expression) -> list[Any]:
    """Return the size symbols of all names in an expression, in order of appearance."""
    shapes = [node.shape for node in walk(expression) if isinstance(node, Named)]
    return [symbol for shape in shapes for length in shape for symbol in _symbols(length)]


def _symbols(length: Any) -> list[Any]:
    return sorted(length.free_symbols, key=str)


def fresh_sizes(cell: Cell, name: Callable[[str], str]) -> dict[Any, Any]:
    """Return new names for a copy's sizes: n becomes the size n_h of its first vector state h, others are renamed."""
    first = next((s.variable.name for s in cell.states if s.variable.rank), "")
    return {one: size(f"n_{name(first)}" if one.name == "n" else name(one.name)) for one in sizes_of(cell)}


class Unification:
    """Sizes that composition makes equal: a symbol gives way to what it meets."""

    def __init__(self) -> None:
        self.sizes: dict[Any, Any] = {}

    def merge(self, left: Shape, right: Shape, what: str) -> None:
        """Make two shapes one; NetworkError, with ``what`` was to be joined, where they cannot be."""
        if len(left) != len(right):
            raise NetworkError(f"{what}: the shapes {tuple(left)} and {tuple(right)} differ")
        for first, second in zip(left, right, strict=True):
            self._merge(first.xreplace(self.sizes), second.xreplace(self.sizes), what)

    def _merge(self, kept: Any, other: Any, what: str) -> None:
        if kept == other:
            return
        if other.is_Symbol and other not in kept.free_symbols:
            gone, stays = other, kept
        elif kept.is_Symbol and kept not in other.free_symbols:
            gone, stays = kept, other
        else:
            raise NetworkError(f"{what}: the sizes {kept} and {other} differ")
        self.sizes = {one: now.xreplace({gone: stays}) for one, now in self.sizes.items()} | {gone: stays}


def output_state(cell: Cell) -> Variable:
    """Return the state that the next layer reads: the last vector among the states."""
    vectors = [state.variable for state in cell.states if state.variable.rank]
    if not vectors:
        raise NetworkError(f"the cell {cell.name} has scalar states only: no layer can stand on top of it")
    return vectors[-1]


def stacked(cells: Sequence[Cell]) -> Cell:
    """Return one cell of several layers: names get _1, _2, …; each layer reads the last vector state of the one below.

    Errors: NetworkError where a layer reads no input, or one of another shape.
    """
    if not 1 <= len(cells) <= MOST_LAYERS or not all(isinstance(cell, Cell) for cell in cells):
        raise NetworkError(f"layers are 1 to {MOST_LAYERS} cells, like rnnsym.cells['lstm'], not {cells!r:.80}")
    if len({cell.convention for cell in cells}) > 1:
        raise NetworkError("some layers write vectors as rows, others as columns: keep to one convention")
    if len(cells) == 1:
        return cells[0]
    layers, joined = _layers(cells)
    whole = Cell(
        " + ".join(cell.name for cell in cells),
        "\n".join(f"# layer {number}\n{cell.text}" for number, cell in enumerate(cells, start=1)),
        tuple(equation for layer in layers for equation in layer.equations),
        tuple(state for layer in layers for state in layer.states),
        tuple(parameter for layer in layers for parameter in layer.parameters),
        tuple(constant for layer in layers for constant in layer.constants),
        cells[0].convention,
        tuple(cells),
    )
    return resized(whole, joined.sizes)


def _layers(cells: Sequence[Cell]) -> tuple[list[Cell], Unification]:
    joined, layers = Unification(), list[Cell]()
    for number, cell in enumerate(cells, start=1):
        def name(word: str, number: int = number) -> str:
            return f"{word}_{number}"

        sizes = fresh_sizes(cell, name) if number > 1 else {}
        layer = renamed(cell, name, sizes)
        if number > 1:
            layer = _on_top(layer, layers[-1], joined, number)
        layers.append(layer)
    return layers, joined


def _on_top(layer: Cell, below: Cell, joined: Unification, number: int) -> Cell:
    reads = input_of(layer)
    if all(reads not in set(walk(equation.expression)) for equation in layer.equations):
        raise NetworkError(f"layer {number}, {layer.name}, does not read x: it cannot stand on another")
    output = output_state(below)
    joined.merge(output.shape, reads.shape, f"layer {number} reads {output.name} as its input")
    sized = resized(layer, joined.sizes)
    return replace(sized, equations=with_input(sized.equations, output.xreplace(joined.sizes)))
