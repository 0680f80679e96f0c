"""The tables of a derivation: what the names mean and how large they are, and how many weights there are."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from math import prod
from typing import Any

from sympy import Integer

from rnnsym.calculus.paths import cell_parameters
from rnnsym.calculus.unrolling import StepGraph
from rnnsym.model.cells import built_in_entry
from rnnsym.model.expressions import Constant, Named, Variable
from rnnsym.model.networks import Network, ParameterCount
from rnnsym.writing.boxes import PLUS, Box, number, operator, row, superscript, words
from rnnsym.writing.derivation import Cell, Section, Table
from rnnsym.writing.layout import join
from rnnsym.writing.meanings import meaning
from rnnsym.writing.numbers import factor

_times = operator(r"\times", "×")


def shape_box(shape: tuple[Any, ...], convention: str) -> Box:
    """Spell a shape as the convention sees it: a vector is 1 × n in rows, n × 1 in columns."""
    if not shape:
        return words("scalar")
    full = shape if len(shape) == 2 else (1, *shape) if convention == "row" else (*shape, 1)
    return join([factor(Integer(length) if isinstance(length, int) else length) for length in full], _times)


def notation_section(graph: StepGraph, sizes: Mapping[str, int] | None) -> Section:
    """Return the table of all names, their roles and their shapes."""
    network = graph.network
    names: list[tuple[Named | Constant, str]] = [(network.input, _input_role(network))]
    names += [(a.target, meaning(graph, a.target)) for a in (*graph.cell, *graph.readout)]
    names += [(graph.target, "target"), *_loss_rows(graph)]
    names += _initial_rows(graph)
    shared = set(cell_parameters(graph))
    names += [(p, "parameter, the same in every step" if p in shared else "parameter of the readout")
              for p in network.parameters]
    names += [(constant, f"constant, {constant.value}") for constant in network.constants]
    header = ("name", "shape", "meaning") if sizes is None else ("name", "shape", "here", "meaning")
    rows = tuple(_notation_row(name, meaning, network, sizes) for name, meaning in names)
    text = _published(graph) + _layout_text(network) + _size_words(graph)
    return Section("notation", "Notation and shapes", text, (), Table(header, rows))


def _input_role(network: Network) -> str:
    if network.reads_index:
        return "input of step t, a row of the identity: the row of a matrix that is looked up"
    return "input of step t" if network.input.step is not None else "the only input"


def _loss_rows(graph: StepGraph) -> list[tuple[Named | Constant, str]]:
    rows: list[tuple[Named | Constant, str]] = [(graph.loss.target, "loss of one sequence")]
    return [(graph.step_loss.target, "loss of one output"), *rows] if graph.every else rows


def _initial_rows(graph: StepGraph) -> list[tuple[Named | Constant, str]]:
    rows: list[tuple[Named | Constant, str]] = []
    for loop in graph.loops:
        declared = {s.variable: s.initial for s in loop.loop.states}
        start = loop.start(loop.loop.steps)
        for state, source in loop.loop.starts.items():
            rows.append((state.at(start), f"initial state: {_named_source(graph, source)}"))
        rows += [(state.at(start), f"initial state, {initial} unless given")
                 for state, initial in declared.items() if state not in loop.loop.starts]
        if loop.loop.reads is not None and loop.loop.reads.name == "target":
            rows.append((loop.loop.reads, "target of the step before, the decoder's input; zero at first"))
    return rows


def _named_source(graph: StepGraph, source: Variable) -> str:
    return "the input" if source == graph.network.input else f"the encoder's last `{source.name}`"


def _notation_row(
    name: Named | Constant, meaning: str, network: Network, sizes: Mapping[str, int] | None
) -> tuple[Cell, ...]:
    cells: list[Cell] = [name, shape_box(name.shape, network.convention)]
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


def _published(graph: StepGraph) -> str:
    """Say which of the published variants a built-in cell is."""
    cells = [layer for cell in (graph.network.cell, graph.network.decoder) if cell for layer in cell.layers or (cell,)]
    found = dict.fromkeys(entry for entry in map(built_in_entry, cells) if entry is not None)
    return "".join(f"{entry.title}: {entry.source}. " for entry in found)


def _size_words(graph: StepGraph) -> str:
    """Tell a size from a quantity of the same letter: the quantity bears a step."""
    quantities = {a.target.name for a in (*graph.cell, *graph.readout) if a.target.step is not None}
    sizes = dict.fromkeys(str(length) for p in graph.network.parameters for length in p.shape)
    return "".join(f" `{name}` in a shape is a size; `{name}_t`, with its step, is a quantity of the cell."
                   for name in sizes if name in quantities)


def count_section(network: Network, sizes: Mapping[str, int] | None) -> Section:
    """Return the number of weights and of biases, as formulas and, where the sizes are given, as numbers."""
    header = ("parameter", "kind", "entries") if sizes is None else ("parameter", "kind", "entries", "here")
    counts = network.counts()
    rows = [_count_row(c.parameter, c.kind, [c], network, sizes) for c in counts]
    for title, kinds in (("weights", {"weight"}), ("biases", {"bias"}), ("parameters", {"weight", "bias"})):
        rows.append(_count_row(words(f"all {title}"), "", [c for c in counts if c.kind in kinds], network, sizes))
    text = "A bias enters only as a term of a sum; everything else is a weight."
    return Section("counts", "How many parameters", text, (), Table(header, tuple(rows)))


def _count_row(
    name: Cell, kind: str, counts: list[ParameterCount], network: Network, sizes: Mapping[str, int] | None
) -> tuple[Cell, ...]:
    cells: list[Cell] = [name, words(kind), _entries([tuple(c.parameter.shape) for c in counts])]
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
        return [superscript(factor(shape[0]), number(2))]
    return [factor(length) for length in shape]
