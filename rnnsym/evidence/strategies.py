"""Hypothesis strategies for texts of the language, cells and networks, well shaped or damaged; all shrink well.

Every text is well shaped by construction, and values stay moderate: updates are bounded, leaky or gated, functions
that grow fast take bounded arguments, denominators are positive. A new function of the tables is drawn by itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hypothesis import strategies as st

from rnnsym.evidence.cell_texts import CellWriter, ReadoutWriter, names_of
from rnnsym.evidence.damage import any_texts, damaged, repetitions, small_texts
from rnnsym.model.cells import Cell
from rnnsym.model.composition import stacked
from rnnsym.model.expressions import Variable, walk
from rnnsym.model.losses import losses
from rnnsym.model.networks import Network
from rnnsym.model.topologies import topologies as table

__all__ = ["cell_texts", "cells", "damaged", "hostile_texts", "mutated_texts", "networks", "readout_texts"]


@st.composite
def cell_texts(draw: st.DrawFn) -> str:
    """Draw the text of a recurrence of 1-3 states and 0-5 gates.

    >>> from hypothesis import find, settings
    >>> text = find(cell_texts(), lambda text: "tanh" in text, settings=settings(database=None))
    >>> Cell.from_equations("drawn", text).states[0].lag
    1
    """
    return CellWriter(draw).text()


@st.composite
def cells(draw: st.DrawFn) -> Cell:
    """Draw a cell of ``cell_texts``, named "drawn"."""
    return Cell.from_equations("drawn", draw(cell_texts()))


@st.composite
def readout_texts(draw: st.DrawFn, cell: Cell, loss: str = "binary_cross_entropy") -> str:
    """Draw the text of a readout of ``cell`` that ends in the loss's link."""
    return ReadoutWriter(draw, cell, loss).text()


@st.composite
def networks(draw: st.DrawFn, topologies: Sequence[str] = tuple(table)) -> Network:
    """Draw a network: one or two layers of drawn cells, a readout and a loss that fit, a topology with its options."""
    topology, loss = table[draw(st.sampled_from(list(topologies)))], draw(st.sampled_from(list(losses)))
    cell = draw(_stacks())
    options: dict[str, Any] = {}
    if topology.every and draw(st.booleans()):
        options["over_steps"] = "mean"
    if topology.decodes:
        options |= draw(_decoding(cell))
    elif not topology.one_input and draw(st.booleans()):
        options["bidirectional"] = True
    read = options.get("decoder") or cell
    readout = draw(_readouts(cell, read, loss, bidirectional="bidirectional" in options))
    if (topology.feeds_back or options.get("teacher_forcing") is False) and draw(st.booleans()):
        options["feed"] = "x = tanh(yhat @ W_feed)" if read.convention == "row" else "x = tanh(W_feed @ yhat)"
    return Network(cell, readout, loss, topology.name, **options)


@st.composite
def _stacks(draw: st.DrawFn) -> Cell:
    """Draw one cell or, where a second can read from it, two layers."""
    first = draw(cells())
    if not draw(st.booleans()):
        return first
    second = draw(cells())
    fits = first.convention == second.convention and any(state.variable.rank for state in first.states)
    return stacked((first, second)) if fits and _reads_input(second) else first


def _reads_input(cell: Cell) -> bool:
    nodes = (node for equation in cell.equations for node in walk(equation.expression))
    return any(isinstance(node, Variable) and node.name == "x" for node in nodes)


@st.composite
def _decoding(draw: st.DrawFn, cell: Cell) -> dict[str, Any]:
    """Draw the options of an encoder-decoder: forced or not, the same cell or another that starts from its states."""
    options: dict[str, Any] = {} if draw(st.booleans()) else {"teacher_forcing": False}
    decoder = draw(cells()) if draw(st.booleans()) else cell
    return options | ({"decoder": decoder} if decoder is not cell and _follows(cell, decoder) else {})


def _follows(encoder: Cell, decoder: Cell) -> bool:
    """Whether the decoder's states can start from the encoder's: same names, ranks and lags, sizes that can be one."""
    first = {state.variable.name: state for state in encoder.states}
    pairs = [(first[one.variable.name], one) for one in decoder.states if one.variable.name in first]
    alike = all(one.lag == other.lag and one.variable.rank == other.variable.rank for one, other in pairs)
    free = all(size.is_Symbol for cell in (encoder, decoder) for one in cell.states for size in one.variable.shape)
    return bool(pairs) and alike and free and encoder.convention == decoder.convention


@st.composite
def _readouts(draw: st.DrawFn, cell: Cell, read: Cell, loss: str, *, bidirectional: bool) -> str:
    further = {f"bwd_{one.variable.name}": one.variable.rank for one in cell.states[:1]} if bidirectional else {}
    return ReadoutWriter(draw, read, loss, further, names_of(cell)).text()


def mutated_texts() -> st.SearchStrategy[str]:
    """Draw a well-shaped text, damaged in 1-6 places: cut, doubled, swapped, with tokens and characters put in."""
    return damaged(cell_texts())


def hostile_texts() -> st.SearchStrategy[str]:
    """Draw a text that no user means: imports and calls, look-alikes, deep nesting, long lines, any characters."""
    return st.one_of(small_texts(), repetitions(), any_texts())
