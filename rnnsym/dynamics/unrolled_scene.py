"""The boxes, texts and arrows of an unrolled diagram, each at its place."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from rnnsym.dynamics.unrolled_layout import LANE, PAD, TEXT_BOX, Arrow, End, Layout, Node
from rnnsym.dynamics.unrolled_parts import GAP, Edge, Parts, Place, Row
from rnnsym.dynamics.unrolled_texts import DOTS, LINE, SUM_HEIGHT, box_lines, extent

MARGIN = 6.0
HEAD = 5.0  # the length of an arrow's head
CLEAR = 1.0  # between an arrow and its label
Point = tuple[float, float]


@dataclass(frozen=True)
class Scene:
    """All that is drawn, in points from the lower left corner, and the size of the whole."""

    nodes: tuple[Node, ...]
    arrows: tuple[Arrow, ...]
    width: float
    height: float


def scene_of(parts: Parts) -> Scene:
    """Return the diagram of ``parts``, moved so that its lower left corner is the origin."""
    drawer = _Drawer(Layout(parts))
    nodes, arrows = tuple(drawer.nodes()), tuple(drawer.arrows())
    corners = [point for n in nodes for point in _corners(n)] + [p for a in arrows for p in _reached(a)]
    low, high = np.min(corners, axis=0) - MARGIN, np.max(corners, axis=0) + MARGIN
    return Scene(
        tuple(replace(node, x=node.x - low[0], y=node.y - low[1]) for node in nodes),
        tuple(replace(a, points=tuple((x - low[0], y - low[1]) for x, y in a.points), arc=a.arc and a.arc - low[1])
              for a in arrows),
        *(float(size) for size in high - low),
    )


def _corners(node: Node) -> tuple[Point, Point]:
    return ((node.x - node.width / 2, node.y - node.height / 2), (node.x + node.width / 2, node.y + node.height / 2))


def _reached(arrow: Arrow) -> tuple[Point, ...]:
    return arrow.points if arrow.arc is None else (*arrow.points, (arrow.points[0][0], arrow.arc))


def _boxes(edge: Edge) -> tuple[End, End]:
    return ("box", edge.source, edge.source_row), ("box", edge.target, edge.target_row)


def arc_point(arrow: Arrow, part: float) -> Point:
    """Return the point of an arc at a part from 0 to 1: a cubic that leaves and arrives upright (Bézier)."""
    (x0, y0), (x1, y1) = arrow.points
    top = control_height(arrow)
    rest = 1 - part
    return (x0 * (rest**3 + 3 * rest**2 * part) + x1 * (part**3 + 3 * part**2 * rest),
            y0 * rest**3 + y1 * part**3 + 3 * top * rest * part)


def control_height(arrow: Arrow) -> float:
    """Return the height of an arc's control points, so that its own highest point is at ``arc``."""
    (_, y0), (_, y1) = arrow.points
    return ((arrow.arc or 0.0) - (y0 + y1) / 8) * 4 / 3


def _apart(labels: list[Node]) -> list[Node]:
    """Lift labels, in their order, off those that they would overlap."""
    placed: list[Node] = []
    for label in labels:
        moved = label
        while any(_overlap(moved, other) for other in placed):
            moved = replace(moved, y=moved.y + 2)
        placed.append(moved)
    return placed


def _overlap(one: Node, other: Node) -> bool:
    return (abs(one.x - other.x) < (one.width + other.width) / 2 + 1
            and abs(one.y - other.y) < (one.height + other.height) / 2 - 2)


class _Drawer:
    def __init__(self, layout: Layout) -> None:
        self.layout, self.parts, self.texts = layout, layout.parts, layout.texts
        self.every = layout.parts.network.shape_of_steps.every
        self.shared = layout.shared(layout.parts.edges)

    def nodes(self) -> Iterator[Node]:
        for number in range(len(self.parts.axes)):
            for place in self.layout.columns(number):
                yield from (self._cell(place, row) for row in self.parts.rows_of(number))
                if self.texts.input(place):
                    dots = "dots" if place.key == GAP else "input"
                    yield self._text(dots, (self.texts.input(place),), self.layout.x[place], self.layout.y["input"])
        for place in self._outputs():
            for kind, variable in self.texts.results.items():
                dots = "dots" if place.key == GAP else kind
                text = self.texts.result(variable, place)
                yield self._text(dots, (text,), self.layout.x[place], self.layout.y[kind])
        if self.every:
            middle = np.mean([self.layout.x[place] for place in self._outputs()])
            width, _ = extent((self.texts.total,))
            yield Node("sum", (self.texts.total,), float(middle), self.layout.y["sum"], width, SUM_HEIGHT)
        yield from self._starts()
        straight_first = sorted(self.parts.edges, key=lambda edge: edge.lag > 1)  # only labels of arcs are lifted
        yield from _apart([label for edge in straight_first for label in self._labels(edge)])

    def arrows(self) -> Iterator[Arrow]:
        for edge in self.parts.edges:
            yield self._arc(edge) if edge.lag > 1 else self._straight(edge)
        for number in range(len(self.parts.axes)):
            for place in self.layout.columns(number):
                yield from self._upwards(place)
                yield from self._fed(place)
        for place in self._outputs():
            yield from self._readout(place)

    def _cell(self, place: Place, row: Row) -> Node:
        x, y = self.layout.at(place, row)
        if place.key == GAP:
            return self._text("dots", (DOTS,), x, y)
        return Node("box", box_lines(row.name), x, y, *self.layout.box, tint=row.loop, end=("box", place, row))

    def _text(self, kind: str, lines: tuple[str, ...], x: float, y: float) -> Node:
        width, height = extent(lines)
        return Node(kind, lines, x, y, width, height)

    def _outputs(self) -> list[Place]:
        places = list(self.layout.columns(len(self.parts.axes) - 1))
        return places if self.every else places[-1:]

    # States from step to step

    def _starts(self) -> Iterator[Node]:
        """Yield the states before the first step, those of one step under each other."""
        found: dict[tuple[Place, Row], list[str]] = {}
        for edge in self.parts.edges:
            if edge.source.start:
                lines = found.setdefault((edge.source, edge.source_row), [])
                lines += [text for text in self.texts.of_states(edge) if text not in lines]
        for (place, row), texts in found.items():
            x, y = self.layout.at(place, row)
            low = any((edge.target, row) in self.shared for edge in self.parts.edges if edge.source == place)
            yield self._text("initial", tuple(texts), x, y - (self.layout.box[1] / 4 if low else 0))

    def _ends(self, edge: Edge) -> tuple[Point, Point]:
        return self.layout.at(edge.source, edge.source_row), self.layout.at(edge.target, edge.target_row)

    def _straight(self, edge: Edge) -> Arrow:
        (x0, y0), (x1, y1) = self._ends(edge)
        side = 1 if x1 > x0 else -1
        shift = self._shift(edge)
        kind = "handed" if edge.handed else "start" if edge.source.start else "recurrent"
        return Arrow(kind, ((x0 + side * self.layout.reach(edge.source), y0 + shift),
                            (x1 - side * self.layout.reach(edge.target), y1 + shift)), ends=_boxes(edge))

    def _shift(self, edge: Edge) -> float:
        if (edge.target, edge.target_row) not in self.shared:
            return 0.0
        return self.layout.box[1] / 4 * (1 if edge.handed else -1)

    def _arc(self, edge: Edge) -> Arrow:
        (x0, y0), (x1, y1) = self._ends(edge)
        inward = (1 if x1 > x0 else -1) * self.layout.box[0] / 4
        top = max(y0, y1) + self.layout.box[1] / 2 + self.layout.height_of(edge.lag)
        return Arrow("skip", ((x0 + (0 if self._is_text(edge.source) else inward), self._top(edge.source, y0)),
                              (x1 - (0 if self._is_text(edge.target) else inward), self._top(edge.target, y1))), top,
                     _boxes(edge))

    def _is_text(self, place: Place) -> bool:
        return place.start or place.key == GAP

    def _top(self, place: Place, y: float) -> float:
        if place.start:
            lines = {text for edge in self.parts.edges if edge.source == place for text in self.texts.of_states(edge)}
            return y + LINE * len(lines) / 2 + 2
        return y + (8 if place.key == GAP else self.layout.box[1] / 2)

    def _labels(self, edge: Edge) -> Iterator[Node]:
        if edge.lag > 1:
            yield from self._arc_label(edge)
        elif not edge.source.start:
            x, y = self._middle(edge)
            lines = self.texts.of_edge(edge)
            split = len(lines) if self._shift(edge) else (len(lines) + 1) // 2
            for part, side in ((lines[:split], 1), (lines[split:], -1)):
                if part:
                    yield self._text("label", part, x, y + side * (LINE * len(part) / 2 + CLEAR))

    def _middle(self, edge: Edge) -> Point:
        """Return the middle of what is free at an arrow, without its head and the initial states beside its target."""
        columns = sorted((edge.source, edge.target), key=lambda place: self.layout.x[place])
        low, high = self.layout.free_between(edge, (columns[0], columns[1]))
        if edge.handed:
            high = min([high, *(x - self.layout.reach(place) for place, x in self.layout.x.items()
                                if place.start and place.axis == edge.target.axis)])
        (_, y0), (_, y1) = self._straight(edge).points
        return (low + high - (HEAD if columns[1] == edge.target else -HEAD)) / 2, (y0 + y1) / 2

    def _arc_label(self, edge: Edge) -> Iterator[Node]:
        """Name what an arc carries where its source does not tell: one of several states, or of a step not shown."""
        told = len(edge.source_row.states) == 1 and edge.source.key != GAP
        if told or edge.source.start or edge.target.key == GAP:
            return
        left, right = self._gap_of_label(edge)
        x = float(np.mean(self.layout.free_between(edge, (left, right))))
        points = np.array([arc_point(self._arc(edge), part) for part in np.linspace(0, 1, 101)])
        points = points[np.argsort(points[:, 0])]
        lines = self.texts.of_states(edge)
        height = float(np.interp(x, points[:, 0], points[:, 1]))
        yield self._text("label", lines, x, height + LINE * len(lines) / 2 + 2)

    def _gap_of_label(self, edge: Edge) -> tuple[Place, Place]:
        """Return the columns between which an arc's label stands: in its middle, or before its target."""
        columns = sorted(self.layout.x, key=lambda place: self.layout.x[place])
        source, target = columns.index(edge.source), columns.index(edge.target)
        side = 1 if target > source else -1
        first = target - side if edge.source.key == GAP else source + side * ((abs(target - source) - 1) // 2)
        low = min(first, first + side)
        return columns[low], columns[low + 1]

    # What goes upwards, and comes back

    def _upwards(self, place: Place) -> Iterator[Arrow]:
        """Yield the arrows from the input into the lowest layers, and from each layer into the next."""
        rows = self.parts.rows_of(place.axis)
        if place.key == GAP:
            return
        for below, row in zip((None, *rows), rows, strict=False):
            x, y = self.layout.at(place, row)
            foot = y - self.layout.box[1] / 2
            if below is not None and below.loop == row.loop:
                yield Arrow("layer", ((x, self.layout.y[below] + self.layout.box[1] / 2), (x, foot)),
                            ends=(("box", place, below), ("box", place, row)))
            elif self.texts.input(place):
                start = (self.layout.x[place], TEXT_BOX / 2)
                fork = self.layout.y["fork"]
                corners = ((start[0], fork), (x, fork)) if x != start[0] else ()
                yield Arrow("input", (start, *corners, (x, foot)), ends=(("input", place), ("box", place, row)))

    def _readout(self, place: Place) -> Iterator[Arrow]:
        """Yield the arrows from the layers that the readout reads, then those of output and target to the loss."""
        if place.key == GAP:
            return
        x, levels = self.layout.x[place], self.layout.y
        foot = levels["output"] - TEXT_BOX / 2
        for row in self.parts.read:
            read = self._read_at(place, row)
            corners = self._out_of(read, row)
            bend = () if corners[-1][0] == x else ((corners[-1][0], levels["join"]), (x, levels["join"]))
            yield Arrow("readout", (*corners, *bend, (x, foot)), ends=(("box", read, row), ("output", place)))
        yield Arrow("loss", ((x, levels["output"] + TEXT_BOX / 2), (x, levels["loss"] - TEXT_BOX / 2)),
                    ends=(("output", place), ("loss", place)))
        yield Arrow("target", ((x, levels["target"] - TEXT_BOX / 2), (x, levels["loss"] + TEXT_BOX / 2)))

    def _read_at(self, place: Place, row: Row) -> Place:
        """Return the step of a row that an output reads: its own, or the last of the loop."""
        return place if self.every else Place(place.axis, self.parts.last(row.loop))

    def _out_of(self, place: Place, row: Row) -> tuple[Point, ...]:
        """Return the way out of a box: its top, or the side where another layer stands above."""
        x, y = self.layout.at(place, row)
        rows = [one for one in self.parts.rows if one.loop == row.loop]
        if row is rows[-1]:
            return ((x, y + self.layout.box[1] / 2),)
        edge, height = x + self.layout.box[0] / 2, y + self.layout.box[1] / 3
        return ((edge, height), (edge + LANE, height))

    def _fed(self, place: Place) -> Iterator[Arrow]:
        """Yield the arrow of an output, or a target, that comes down to the next step's input."""
        axis = self.parts.axes[place.axis]
        variable, back = self.parts.fed(axis.loops[0]) or (None, 0)
        if not back or place.key == axis.keys[0]:
            return
        source = Place(place.axis, axis.keys[axis.keys.index(place.key) - back])
        forced = variable is not None and variable.name == self.parts.network.target.name
        kind, level = ("teacher", "target") if forced else ("feedback", "output")
        text = self.texts.result(self.texts.results[level], source)
        x0, x1 = self.layout.x[source] + extent((text,))[0] / 2 + 2, self.layout.x[place]
        lane = x1 - self.layout.half - LANE
        end = x1 - extent((self.texts.input(place),))[0] / 2 - PAD / 2
        y0, y1 = self.layout.y[level], self.layout.y["input"]
        yield Arrow(kind, ((x0, y0), (lane, y0), (lane, y1), (end, y1)),
                    ends=((level, source), ("input", place)))
