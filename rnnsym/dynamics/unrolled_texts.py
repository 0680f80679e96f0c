"""The words of an unrolled diagram, spelt as the documents spell them, and how much room they take."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from typing import Any

from sympy import Integer

from rnnsym.dynamics.type_sizes import FONT_POINTS, width_of
from rnnsym.dynamics.unrolled_parts import GAP, Edge, Parts, Place
from rnnsym.model.expressions import Variable, t
from rnnsym.writing.latex import latex
from rnnsym.writing.layout import lay_out
from rnnsym.writing.numbers import scalar

LINE = 18.0  # from one line of symbols with scripts to the next, in points
WORD_LINE = 14.0  # and of plain words
SUM_HEIGHT = 34.0  # of a sign of summation with its limits
DOTS = r"$\cdots$"


@cache
def _width(text: str) -> float:
    return width_of(text, FONT_POINTS)


def extent(lines: tuple[str, ...]) -> tuple[float, float]:
    """Return the width and the height of lines of type in points, in the fonts of the figures' style."""
    height = sum(LINE if line.startswith("$") else WORD_LINE for line in lines)
    return max((_width(line) for line in lines), default=0.0), height


def box_lines(name: str) -> tuple[str, ...]:
    """Return a cell's name, broken where it may be: boxes stay narrow."""
    return tuple(re.findall(r"[A-Za-z0-9]+", name))


class Texts:
    """The words of one diagram."""

    def __init__(self, parts: Parts) -> None:
        self.parts, self.network = parts, parts.network
        self.style = parts.style

    def spelt(self, variable: Variable, step: Any = None) -> str:
        """Return a quantity at a step (None: without one) in mathtext."""
        return latex(lay_out(variable.at(step), self.style))

    def of_states(self, edge: Edge) -> tuple[str, ...]:
        """Return the states that an edge carries, one a line."""
        return tuple(f"${self.spelt(state, step)}$" for state, step in edge.states)

    def of_edge(self, edge: Edge) -> tuple[str, ...]:
        """Return what stands at an edge; a state that is handed over stands with the name that it gets."""
        if not edge.handed or edge.lag > 1:
            return self.of_states(edge)
        start = self.parts.axes[edge.target.axis].count + 1 if self._reverse(edge) else Integer(0)
        return tuple(f"${self.spelt(now, start)} = {self.spelt(state, step)}$"
                     for now, (state, step) in zip(edge.handed, edge.states, strict=True))

    def _reverse(self, edge: Edge) -> bool:
        return self.parts.loops[edge.target_row.loop].reverse

    def input(self, place: Place) -> str:
        """Return what the loops of an axis read in one of its columns; nothing where they read nothing."""
        loop = self.parts.axes[place.axis].loops[0]
        fed = self.parts.fed(loop)
        if fed is None:
            return ""
        if place.key == GAP:
            return DOTS
        variable, back = fed
        step = place.key - back
        before = self.parts.axes[place.axis].column(step) is None
        return f"${self._start(loop, variable, step) if before else self.spelt(variable, step)}$"

    def _start(self, loop: int, variable: Variable, step: Any) -> str:
        start = self.parts.fed_start(loop)
        return self.spelt(start) if isinstance(start, Variable) else f"{self.spelt(variable, step)} = {start}"

    def result(self, variable: Variable, place: Place) -> str:
        """Return the output, the target or the loss of a column."""
        if place.key == GAP:
            return DOTS
        return f"${self.spelt(variable, place.key if self.network.shape_of_steps.every else None)}$"

    @property
    def results(self) -> dict[str, Variable]:
        """What stands above the boxes, from below."""
        return {"output": self.network.output, "loss": Variable("L", (), t), "target": self.network.target}

    @property
    def total(self) -> str:
        """Return how the losses of all outputs are put together."""
        count = latex(scalar(self.parts.axes[-1].count))
        mean = rf"\frac{{1}}{{{count}}}" if self.network.over_steps == "mean" else ""
        return rf"$L = {mean}\sum_{{t=1}}^{{{count}}} L_t$"

    def all_of_columns(self) -> Iterator[str]:
        """Yield all that stands in columns, to be measured."""
        for number, axis in enumerate(self.parts.axes):
            for key in axis.keys:
                place = Place(number, key)
                yield self.input(place) or DOTS
                yield from (self.result(variable, place) for variable in self.results.values())
