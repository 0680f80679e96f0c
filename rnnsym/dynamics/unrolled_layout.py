"""Where everything of an unrolled diagram stands, in points at the figures' own size of type.

Columns are as far apart as the widest label needs, so that no names of a network can overlap.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from rnnsym.dynamics.unrolled_parts import GAP, Axis, Edge, Parts, Place, Row
from rnnsym.dynamics.unrolled_texts import LINE, Texts, box_lines, extent

PAD = 5.0  # between a text and what stands beside it
ARROW = 22.0  # the shortest arrow
LANE = 9.0  # what an arrow that passes by takes
LIFT, ARC = 16.0, 15.0  # the height of the lowest arc, and of each longer one above it
DOTS = 18.0
TEXT_BOX = LINE + 4  # the height of a row of texts

End = tuple[str, Place] | tuple[str, Place, Row]


@dataclass(frozen=True)
class Node:
    """A box or a text with its centre and its width and height; ``tint`` counts the loops of boxes.

    ``end`` is what arrows name it by, where they can lead to it.
    """

    kind: str
    lines: tuple[str, ...]
    x: float
    y: float
    width: float
    height: float
    tint: int = 0
    end: End | None = None


@dataclass(frozen=True)
class Arrow:
    """A line with a head at its last point: through corners, or (``arc``) from the first to the last at that height.

    ``ends`` name what it leads from and to: (kind, place), and for a box its row too.
    """

    kind: str
    points: tuple[tuple[float, float], ...]
    arc: float | None = None
    ends: tuple[End, End] | None = None


class Layout:
    """The places of one diagram: columns by axis and step, rows by number, and all that stands there."""

    def __init__(self, parts: Parts) -> None:
        self.parts, self.texts = parts, Texts(parts)
        self.box = self._box_size()
        self.half = self._half_column()
        self.x = self._columns()
        self.y = self._levels()

    # Sizes

    def _box_size(self) -> tuple[float, float]:
        sizes = [extent(box_lines(row.name)) for row in self.parts.rows]
        most = max((len(edge.states) for edge in self.parts.edges if edge.lag == 1), default=1)
        above = (most + 1) // 2
        return max(26.0, *(w + 10 for w, _ in sizes)), max(26.0, 2 * above * LINE + 2, *(h + 10 for _, h in sizes))

    def offset(self, loop: int) -> float:
        """Return how far from its column a loop's boxes stand: loops side by side leave each other a way past."""
        loops = self.parts.axes[self.parts.axis_of(loop)].loops
        return (loops.index(loop) - (len(loops) - 1) / 2) * (self.box[0] + 10)

    def _half_column(self) -> float:
        """Return half the width of the widest column of texts, or of boxes."""
        texts = max(extent((text,))[0] for text in self.texts.all_of_columns())
        spread = max(abs(self.offset(row.loop)) for row in self.parts.rows)
        return max(texts, self.box[0]) / 2 + (0 if not spread else max(0.0, spread - self.box[0] / 2))

    def feeds(self, axis: int) -> bool:
        """Whether arrows come down beside the boxes of an axis, to the next step's input."""
        return any((self.parts.fed(loop) or (None, 0))[1] for loop in self.parts.axes[axis].loops)

    @cached_property
    def passes(self) -> bool:
        """Whether the readout reads a layer that has another above it, whose arrow passes by on the right."""
        return any(self._covered(row) for row in self.parts.read)

    def _covered(self, row: Row) -> bool:
        return row is not [one for one in self.parts.rows if one.loop == row.loop][-1]

    def _sides(self, loop: int, *, lanes: bool = True) -> tuple[float, float]:
        """Return how far, from its column, what stands at a box (``lanes``: or passes it) reaches left and right."""
        axis = self.parts.axis_of(loop)
        others = [self.offset(one) for one in self.parts.axes[axis].loops if one != loop]
        left = min(self.offset(loop) - self.box[0] / 2, *(one - 4 for one in others), np.inf)
        right = max(self.offset(loop) + self.box[0] / 2, *(one + 4 for one in others), -np.inf)
        if lanes and self.feeds(axis):
            left = min(left, -self.half - LANE - 3)
        return left, right + (LANE + 3 if self.passes else 0)

    def _distance(self, left: Place, right: Place) -> float:
        """Return how far apart two columns have to be for their texts, and for what is written between them."""
        halves = sum(DOTS / 2 if place.key == GAP else self.half for place in (left, right))
        widest = halves + 2 * PAD + (2 * LANE if self.feeds(right.axis) else 0)
        for edge in self.parts.edges:
            if edge.lag == 1 and {edge.source, edge.target} == {left, right}:
                row = edge.target_row
                taken = self._taken(left, row, 1) + self._taken(right, row, -1)
                widest = max(widest, taken + max(ARROW, extent(self.texts.of_edge(edge))[0] + 2 * PAD))
        return widest

    # Columns

    def _columns(self) -> dict[Place, float]:
        found: dict[Place, float] = {}
        x = 0.0
        for number, axis in enumerate(self.parts.axes):
            if number:
                x += self._between_axes(number)
            columns = list(self.columns(number))
            for before, place in zip((None, *columns), columns, strict=False):
                found[place] = x = x + (0 if before is None else self._distance(before, place))
            self._add_starts(found, number, axis)
        return found

    def _add_starts(self, found: dict[Place, float], number: int, axis: Axis) -> None:
        """Put the steps before the first on the left, and those of a loop from the end on the right."""
        width = self._start_width(number)
        for loop in axis.loops:
            side, keys = (1, axis.keys[-1:]) if self.parts.loops[loop].reverse else (-1, axis.keys[:1])
            steps = self._start_steps(loop)
            reach = self._sides(loop, lanes=False)[0 if side < 0 else 1]
            first = found[Place(number, keys[0])] + reach + side * (ARROW + width / 2)
            for place, step in enumerate(steps):
                found[Place(number, step, start=True)] = first + side * place * (width + 2 * PAD)

    def _start_steps(self, loop: int) -> list[Any]:
        """Return the steps before the first that are read from, the nearest first."""
        steps = {edge.source.key for edge in self.parts.edges if edge.source.start and edge.source_row.loop == loop}
        count = self.parts.axes[self.parts.axis_of(loop)].count
        return sorted(steps, key=lambda step: int(step - count) if self.parts.loops[loop].reverse else -int(step))

    def _start_width(self, axis: int) -> float:
        return max((extent(self.texts.of_states(edge))[0] for edge in self.parts.edges
                    if edge.source.start and edge.source.axis == axis), default=0.0)

    def _between_axes(self, number: int) -> float:
        """Return the distance from the last column of one axis to the first of the next."""
        labels = [extent(self.texts.of_edge(edge))[0] for edge in self.parts.edges if edge.handed and edge.lag == 1]
        left, right = self._sides(self.parts.axes[number].loops[0])
        free = sum(len(self._start_steps(loop)) for loop in self.parts.axes[number].loops)
        room = free and free * (self._start_width(number) + 2 * PAD) + ARROW
        return max(2 * self.half, right - left + max([ARROW, *labels])) + 2 * PAD + room

    # Levels

    def _levels(self) -> dict[Any, float]:
        """Return the heights of rows (by loop and layer) and of the lines of texts."""
        fork = 10.0 if any(len(axis.loops) > 1 for axis in self.parts.axes) else 0.0
        found: dict[Any, float] = {"input": 0.0, "fork": TEXT_BOX / 2 + fork}
        bottom = TEXT_BOX / 2 + 16 + fork
        columns = [self.parts.rows_of(number) for number in range(len(self.parts.axes))]
        for place in range(max(len(rows) for rows in columns)):
            level = [rows[place] for rows in columns if place < len(rows)]
            for row in level:
                found[row] = bottom + self.box[1] / 2
            head = max(self._headroom(row) for row in level)
            bottom += self.box[1] + max(20.0, head + 10)
        found["join"] = bottom - 8
        found["output"] = found["join"] + 16 + TEXT_BOX / 2 + (4 if fork or self.passes else 0)
        found["loss"] = found["output"] + 16 + TEXT_BOX
        found["target"] = found["loss"] + 16 + TEXT_BOX
        found["sum"] = found["target"] + TEXT_BOX + 14
        return found

    def _headroom(self, row: Row) -> float:
        arcs = [edge for edge in self.parts.edges if edge.lag > 1 and row in (edge.source_row, edge.target_row)]
        lines = max((len(edge.states) for edge in arcs), default=0)
        return max((self.height_of(edge.lag) for edge in arcs), default=0.0) + lines * LINE

    def height_of(self, lag: int) -> float:
        """Return how high above its boxes the arc of a lag goes: longer ones higher."""
        lags = sorted({one for row in self.parts.rows for one in row.lags if one > 1})
        return LIFT + (ARC + LINE) * lags.index(lag) if lag in lags else 0.0

    def at(self, place: Place, row: Row) -> tuple[float, float]:
        """Return the centre of a row's box, dots or initial state at a place."""
        return self.x[place] + (0 if place.start else self.offset(row.loop)), self.y[row]

    def reach(self, place: Place) -> float:
        """Return half the width of what stands at a place."""
        if place.start:
            return self._start_width(place.axis) / 2 + 2
        return DOTS / 2 if place.key == GAP else self.box[0] / 2

    def free_between(self, edge: Edge, places: tuple[Place, Place]) -> tuple[float, float]:
        """Return from where to where, between two columns, nothing stands in the way of a label."""
        left, right = places
        row = edge.target_row
        return self.x[left] + self._taken(left, row, 1), self.x[right] - self._taken(right, row, -1)

    def _taken(self, place: Place, row: Row, side: int) -> float:
        """Return how far something reaches from a place of a row on one side: −1 left, 1 right."""
        if place.start:
            return self.reach(place)
        if place.key == GAP:
            lane = self.half + LANE + 3 if side < 0 and self.feeds(place.axis) else 0.0
            return max(DOTS / 2 + side * self.offset(row.loop), lane)
        return side * self._sides(row.loop)[0 if side < 0 else 1]

    def shared(self, edges: Iterable[Edge]) -> set[tuple[Place, Row]]:
        """Return the boxes that states reach both from an earlier loop and from a start of their own."""
        handed: set[tuple[Place, Row]] = set()
        free: set[tuple[Place, Row]] = set()
        for edge in edges:
            if edge.lag == 1 and (edge.handed or edge.source.start):
                (handed if edge.handed else free).add((edge.target, edge.target_row))
        return handed & free

    def columns(self, axis: int) -> Iterator[Place]:
        """Yield the columns of an axis from left to right."""
        return (Place(axis, key) for key in self.parts.axes[axis].keys)
