"""The tables of a derivation: what the names mean and how large they are, and how many weights there are."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from math import prod
from typing import Any

from sympy import Integer

from rnnsym.calculus.paths import cell_parameters
from rnnsym.calculus.unrolling import StepGraph
from rnnsym.model.expressions import Constant, Named
from rnnsym.model.networks import Network, ParameterCount
from rnnsym.writing.boxes import PLUS, Box, Script, number, operator, row, words
from rnnsym.writing.derivation import Section, Table
from rnnsym.writing.layout import Style, join, lay_out, scalar
from rnnsym.writing.spelling import spell

_times = operator(r"\times", "×")
_roles = {"x": "input of step t", "target": "target", "yhat": "output", "L": "loss of one sequence"}


def shape_box(shape: tuple[Any, ...], convention: str) -> Box:
    """Spell a shape as the convention sees it: a vector is 1 × n in rows, n × 1 in columns."""
    if not shape:
        return words("scalar")
    full = shape if len(shape) == 2 else (1, *shape) if convention == "row" else (*shape, 1)
    return join([scalar(Integer(length) if isinstance(length, int) else length) for length in full], _times)


def notation_section(graph: StepGraph, sizes: Mapping[str, int] | None, style: Style) -> Section:
    """Return the table of all names, their roles and their shapes."""
    network = graph.network
    names: list[tuple[Named | Constant, str]] = [(network.input, _roles["x"])]
    states = {state.name for state in graph.states}
    names += [(a.target, "state" if a.target.name in states else "intermediate") for a in graph.cell]
    names += [(a.target, _roles.get(a.target.name, "intermediate")) for a in graph.readout]
    names += [(network.target.at(None), _roles["target"]), (graph.loss.target, _roles["L"])]
    names += [(state.variable.at(0), f"initial state, {state.initial} unless given") for state in network.states]
    shared = set(cell_parameters(graph))
    names += [(p, "parameter, the same in every step" if p in shared else "parameter of the readout")
              for p in network.parameters]
    names += [(constant, f"constant, {constant.value}") for constant in network.constants]
    header = ("name", "shape", "meaning") if sizes is None else ("name", "shape", "here", "meaning")
    return Section("notation", "Notation and shapes", _layout_text(network), (), Table(header, tuple(
        _notation_row(name, meaning, network, sizes, style) for name, meaning in names
    )))


def _notation_row(
    name: Named | Constant, meaning: str, network: Network, sizes: Mapping[str, int] | None, style: Style
) -> tuple[Box, ...]:
    cells: list[Box] = [lay_out(name, style), shape_box(name.shape, network.convention)]
    if sizes is not None:
        cells.append(shape_box(_numbers(name.shape, network, sizes), network.convention))
    return (*cells, words(meaning))


def _numbers(shape: tuple[Any, ...], network: Network, sizes: Mapping[str, int]) -> tuple[Any, ...]:
    values = network.size_values(**sizes)
    return tuple(length.xreplace(values) for length in shape)


def _layout_text(network: Network) -> str:
    kind, side = ("rows", "left") if network.convention == "row" else ("columns", "right")
    return (
        f"Vectors are {kind} and stand {side} of their weights. ⊙ is the elementwise product, functions act on each "
        "entry. Jacobians are in numerator layout; each gradient has the shape of its parameter."
    )


def count_section(network: Network, sizes: Mapping[str, int] | None) -> Section:
    """Return the number of weights and of biases, as formulas and, where the sizes are given, as numbers."""
    header = ("parameter", "kind", "entries") if sizes is None else ("parameter", "kind", "entries", "here")
    counts = network.counts()
    rows = [_count_row(spell(c.parameter.name), c.kind, [c], network, sizes) for c in counts]
    for title, kinds in (("weights", {"weight"}), ("biases", {"bias"}), ("parameters", {"weight", "bias"})):
        rows.append(_count_row(words(f"all {title}"), "", [c for c in counts if c.kind in kinds], network, sizes))
    text = "A bias enters only as a term of a sum; everything else is a weight."
    return Section("counts", "How many parameters", text, (), Table(header, tuple(rows)))


def _count_row(
    name: Box, kind: str, counts: list[ParameterCount], network: Network, sizes: Mapping[str, int] | None
) -> tuple[Box, ...]:
    cells = [name, words(kind), _entries([tuple(c.parameter.shape) for c in counts])]
    if sizes is not None:
        shapes = network.shapes(**sizes)
        cells.append(number(sum(prod(shapes[c.parameter.name]) for c in counts)))
    return tuple(cells)


def _entries(shapes: list[tuple[Any, ...]]) -> Box:
    """Spell Σ of the products of sizes in the parameters' order, equal products counted: 4 d n + 4 n² + 4 n."""
    if not shapes:
        return number(0)
    return join([
        row(*([number(count)] if count > 1 or not shape else []), *_size_product(shape))
        for shape, count in Counter(shapes).items()
    ], PLUS)


def _size_product(shape: tuple[Any, ...]) -> list[Box]:
    if len(shape) == 2 and shape[0] == shape[1]:
        return [Script(scalar(shape[0]), above=number(2))]
    return [scalar(length) for length in shape]
