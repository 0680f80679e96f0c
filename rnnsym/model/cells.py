"""Recurrent cells as texts of equations; a built-in cell is one entry of the table, never a class of its own."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache

from sympy import Rational

from rnnsym.errors import NetworkError
from rnnsym.model.cell_table import Entry, entries
from rnnsym.model.equations import Equation, read_equations
from rnnsym.model.expressions import Constant, Lookup, Parameter, Variable, walk

CELL_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_. -]{0,63}")  # it becomes a part of titles and of file names


@dataclass(frozen=True)
class State:
    """A quantity that one step hands to later ones, at step t, and the value of its entries before the first step.

    ``lag`` is the most steps back from which it is used: 1 where only the step before is, 0: at none.
    """

    variable: Variable
    initial: Rational
    lag: int = 1


@dataclass(frozen=True)
class Cell:
    """One step of a recurrence: the equations of ``text``, in their order, and what occurs in them.

    ``states`` stand in the order of assignment, ``parameters`` and ``constants`` in that of appearance, the ``layers``
    of a stack (none: a cell by itself) from the input upwards.
    ``convention`` is "row" (``x @ W``, also where no product tells) or "column" (``W @ x``).
    """

    name: str
    text: str
    equations: tuple[Equation, ...]
    states: tuple[State, ...]
    parameters: tuple[Parameter, ...]
    constants: tuple[Constant, ...]
    convention: str
    layers: tuple[Cell, ...] = ()

    @classmethod
    def from_equations(cls, name: str, text: str) -> Cell:
        """Return the cell that ``text`` describes, one assignment a line; ``NAME_prev[k]`` is NAME k steps back.

        Errors: EquationError with line and column, ShapeError (one of its kinds) where shapes do not agree.

        >>> cell = Cell.from_equations("simple", "o = tanh(x @ W_i + o_prev @ W_h + b)")
        >>> {parameter.name: parameter.shape for parameter in cell.parameters}
        {'W_i': (d, n), 'W_h': (n, n), 'b': (n,)}
        """
        if not isinstance(name, str) or not CELL_NAME.fullmatch(name):
            raise NetworkError(f"the name of a cell is at most 64 letters, digits, spaces, _ . and -, the first a "
                               f"letter, not {name!r:.80}")
        found = read_equations(text)
        states = tuple(State(found.variable(name), start, found.lags[name]) for name, start in found.initial.items())
        return cls(name, text, found.equations, states, found.parameters, found.constants, found.convention or "row")

    @property
    def reads_index(self) -> bool:
        """Whether x is an index, a row's number: it then stands in E[x] only."""
        return any(isinstance(node, Lookup) for equation in self.equations for node in walk(equation.expression))


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


def built_in_entry(cell: Cell) -> Entry | None:
    """Return the table's entry of a cell whose text is that entry's, None for any other."""
    entry = entries.get(cell.name)
    return entry if entry is not None and entry.text == cell.text else None


def recommended_readout(cell: Cell, link: str | None = "sigmoid") -> str:
    """Return the readout that the table recommends for a built-in cell, or for a stack with one on top.

    It ends in the function ``link`` (None: in none). NetworkError for any other cell.
    """
    if cell.layers:
        text = recommended_readout(cell.layers[-1], link)
        names = "|".join(state.variable.name for state in cell.layers[-1].states)
        return re.sub(rf"\b({names})\b", rf"\1_{len(cell.layers)}", text)
    entry = built_in_entry(cell)
    if entry is None:
        states = ", ".join(state.variable.name for state in cell.states)
        raise NetworkError(f"the network of the cell {cell.name} needs a readout, such as "
                           f"'yhat = sigmoid({cell.states[-1].variable.name} @ W_y + b_y)' from its states ({states})")
    ending = re.fullmatch(r"yhat = sigmoid\((.*)\)", entry.readout)
    if ending is None or link == "sigmoid":
        return entry.readout
    return f"yhat = {ending[1]}" if link is None else f"yhat = {link}({ending[1]})"
