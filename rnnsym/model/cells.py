"""Recurrent cells as texts of equations; a new built-in cell is one entry of the table, never a new class."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType

from sympy import Rational

from rnnsym.errors import NetworkError
from rnnsym.model.equations import Equation, read_equations
from rnnsym.model.expressions import Constant, Parameter, Variable

CELL_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_. -]{0,63}")  # it becomes a part of titles and of file names


@dataclass(frozen=True)
class State:
    """A quantity that one step hands to the next, at step t, and the value of its entries before the first step."""

    variable: Variable
    initial: Rational


@dataclass(frozen=True)
class Cell:
    """One step of a recurrence: the equations of ``text``, in their order, and what occurs in them.

    ``states`` stand in the order of assignment, ``parameters`` and ``constants`` in that of appearance.
    ``convention`` is "row" (``x @ W``, also where no product tells) or "column" (``W @ x``).
    """

    name: str
    text: str
    equations: tuple[Equation, ...]
    states: tuple[State, ...]
    parameters: tuple[Parameter, ...]
    constants: tuple[Constant, ...]
    convention: str

    @classmethod
    def from_equations(cls, name: str, text: str) -> Cell:
        """Return the cell that ``text`` describes, one assignment a line; ``NAME_prev`` is NAME one step back.

        Errors: EquationError with line and column, ShapeError (one of its kinds) where shapes do not agree.

        >>> cell = Cell.from_equations("simple", "o = tanh(x @ W_i + o_prev @ W_h + b)")
        >>> {parameter.name: parameter.shape for parameter in cell.parameters}
        {'W_i': (d, n), 'W_h': (n, n), 'b': (n,)}
        """
        if not isinstance(name, str) or not CELL_NAME.fullmatch(name):
            raise NetworkError(f"the name of a cell is at most 64 letters, digits, spaces, _ . and -, the first a "
                               f"letter, not {name!r:.80}")
        found = read_equations(text)
        states = tuple(State(found.variable(state), initial) for state, initial in found.initial.items())
        return cls(name, text, found.equations, states, found.parameters, found.constants, found.convention or "row")


@dataclass(frozen=True)
class Entry:
    """One built-in cell: its text, a title of one line, its source, and the readout recommended for it."""

    name: str
    title: str
    source: str
    text: str
    readout: str


_entries = (
    Entry(
        "simple",
        "Simple recurrent network (Elman)",
        "Elman 1990, Finding structure in time, Cognitive Science 14, 179-211",
        "o = tanh(x @ W_i + o_prev @ W_h + b)",
        "yhat = sigmoid(o @ W_o + b_o)",
    ),
    Entry(
        "lstm",
        "Long short-term memory with a forget gate",
        "Hochreiter, Schmidhuber 1997, Neural Computation 9(8), 1735-1780; "
        "Gers, Schmidhuber, Cummins 2000, Neural Computation 12(10), 2451-2471",
        """
        i = sigmoid(x @ W_xi + h_prev @ W_hi + b_i)
        f = sigmoid(x @ W_xf + h_prev @ W_hf + b_f)
        g = tanh(x @ W_xg + h_prev @ W_hg + b_g)
        o = sigmoid(x @ W_xo + h_prev @ W_ho + b_o)
        c = f * c_prev + i * g
        h = o * tanh(c)
        """,
        "yhat = sigmoid(h @ W_y + b_y)",
    ),
    Entry(
        "gru",
        "Gated recurrent unit, reset after the product",
        "Cho et al. 2014, Learning phrase representations using RNN encoder-decoder, arXiv:1406.1078; "
        "the reset gate after the product as in cuDNN and PyTorch",
        """
        r = sigmoid(x @ W_xr + h_prev @ W_hr + b_r)
        z = sigmoid(x @ W_xz + h_prev @ W_hz + b_z)
        n = tanh(x @ W_xn + b_xn + r * (h_prev @ W_hn + b_hn))
        h = (1 - z) * n + z * h_prev
        """,
        "yhat = sigmoid(h @ W_y + b_y)",
    ),
)

entries: Mapping[str, Entry] = MappingProxyType({entry.name: entry for entry in _entries})


class Cells(Mapping[str, Cell]):
    """The built-in cells by name; each is parsed when it is first asked for."""

    def __getitem__(self, name: str) -> Cell:
        if not isinstance(name, str) or name not in entries:
            near = difflib.get_close_matches(str(name), entries, 1)
            question = f" (did you mean {near[0]!r}?)" if near else ""
            raise NetworkError(f"there is no built-in cell {name!r:.80}{question}; the cells are {', '.join(entries)}")
        return _built_in(name)

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and name in entries

    def __iter__(self) -> Iterator[str]:
        return iter(entries)

    def __len__(self) -> int:
        return len(entries)


@cache
def _built_in(name: str) -> Cell:
    return Cell.from_equations(name, entries[name].text)


cells = Cells()


def recommended_readout(cell: Cell) -> str:
    """Return the readout that the table recommends for a built-in cell; NetworkError for any other cell."""
    entry = entries.get(cell.name)
    if entry is None or entry.text != cell.text:
        states = ", ".join(state.variable.name for state in cell.states)
        raise NetworkError(f"the network of the cell {cell.name} needs a readout, such as "
                           f"'yhat = sigmoid({cell.states[-1].variable.name} @ W_y + b_y)' from its states ({states})")
    return entry.readout
