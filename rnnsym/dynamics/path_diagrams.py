"""Unrolled diagrams with the paths of one gradient drawn in: a colour and a dash for each step that uses the weight."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from itertools import combinations
from typing import TYPE_CHECKING, Any

import numpy as np

from rnnsym.dynamics.captions import describe_routes
from rnnsym.dynamics.diagrams import add_arrow, add_scene, lay_gallery, page_scale, refuse_no_gallery
from rnnsym.dynamics.gradient_routes import followed_parameter, routes
from rnnsym.dynamics.letters import AUTHOR
from rnnsym.dynamics.style import PALETTE, style
from rnnsym.dynamics.type_sizes import FONT_POINTS
from rnnsym.dynamics.unrolled_layout import Arrow, Node
from rnnsym.dynamics.unrolled_parts import IN_FULL, Parts
from rnnsym.dynamics.unrolled_scene import CLEAR, MARGIN, Point, Scene, scene_of
from rnnsym.dynamics.unrolled_texts import LINE, extent
from rnnsym.errors import DataError
from rnnsym.model.cells import cells
from rnnsym.model.networks import Network
from rnnsym.writing.latex import latex

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Box = tuple[float, float, float, float]  # left, bottom, right, top
COLOURS = tuple(PALETTE[place] for place in (4, 0, 5, 2, 6, 3))
DASHES: tuple[Any, ...] = ("-", (0, (3.5, 1.2)), (0, (1.1, 1.1)), (0, (5, 1.2, 1.1, 1.2)), (0, (7, 1.5)), (0, (2, 2)))
LANE = 3.6  # between the lines of two paths along one arrow, in points
THICK = 1.7
USES = (1.0, 0.9, 0.8, 0.72)  # sizes of a use's name, of FONT_POINTS: its superscript is the smallest type of all
ASIDE, BELOW = 6.0, 10.0  # from the middle of a box's foot to a use's name
SLACK = 1.5  # between a label's line of type and its ink
FAINT = "#B4B4B4"  # the arrows of the network that no path goes back along
STEPS = 3
LINE_POINTS = 730.0  # the width of a gallery
LEGEND = 46.0  # the height of the words below the diagram
SAMPLE = 22.0  # the length of a line in the legend


def gradient_path_figure(
    network: Network | None = None, steps: int | None = None, parameter: str | None = None, notation: str = AUTHOR
) -> Figure:
    """Σ_j ∂L/∂W^(j): the unrolled diagram, and on it the way back from each loss to each use of W at a step j.

    ``network`` is the simple one where None, ``steps`` 3 (1 where there is a single step), W the first recurrent weight
    or, where there is none, the first parameter of a step; ``notation`` says whose letters are written. Errors:
    DataError for more than 6 steps, for a parameter that no step uses, and as for ``unrolled_figure``.

    >>> figure = gradient_path_figure(Network(cells["gru"]), steps=2)
    >>> [text.get_text() for text in figure.axes[0].texts if text.get_label() == "_use"]
    ['$W_{hr}^{(1)}$', '$W_{hr}^{(2)}$']
    """
    return path_gallery({"": network or Network(cells["simple"])}, steps, parameter, notation)


def path_gallery(
    networks: Mapping[str, Network], steps: int | None = None, parameter: str | None = None, notation: str = AUTHOR
) -> Figure:
    """Return the diagrams of several networks with the paths of each one's gradient, all at one scale, each titled.

    Arguments and errors as for ``gradient_path_figure``, and DataError for no networks.
    """
    refuse_no_gallery(networks)
    with style():
        drawn = {title: _Diagram(network, steps, parameter, notation) for title, network in networks.items()}
        figure, panels = lay_gallery({title: one.size for title, one in drawn.items()}, LINE_POINTS)
        for title, axes in panels.items():
            drawn[title].draw(axes)
    figure.set_label(" ".join(describe_routes(one.written, one.routes) for one in drawn.values()))
    return figure


class _Diagram:
    """One network's scene and the routes of its gradient; everything is measured before it is drawn."""

    def __init__(self, network: Network, steps: int | None, parameter: str | None, notation: str) -> None:
        chosen = STEPS if steps is None else steps
        if isinstance(chosen, int) and chosen > IN_FULL:
            raise DataError(f"steps: paths are told apart over at most {IN_FULL} steps, but it is {chosen}")
        name = followed_parameter(network, parameter)
        parts = Parts(network, chosen, None, notation)
        self.scene = scene_of(parts)
        self.routes = routes(self.scene, name)
        self.written = parts.style.name(name)
        self.weight = latex(parts.style.spell(name))

    @property
    def size(self) -> tuple[float, float]:
        """The width and the height in points, with the words below."""
        return max(self.scene.width, self._formula_width(), self._legend_width()) + 2 * LANE, self.scene.height + LEGEND

    def draw(self, axes: Axes) -> None:
        """Draw the paths in place of the arrows that they go back along, the other arrows faintly, and words below."""
        width, height = self.size
        scene = _moved(self.scene, (width - self.scene.width) / 2, LEGEND)
        bare = tuple(arrow for number, arrow in enumerate(scene.arrows)
                     if not any(number in one.arrows for one in self.routes))  # two heads on one line would confuse
        nodes = tuple(self._cleared(node, scene.arrows) for node in scene.nodes)
        add_scene(axes, Scene(nodes, bare, width, height), arrows=FAINT)
        scale = page_scale(axes, width, height)
        for number, arrow in enumerate(scene.arrows):
            users = self._users(number)
            for lane, place in enumerate(users):
                self._draw_lane(axes, arrow, place, (lane - (len(users) - 1) / 2) * LANE, scale)
        self._mark_uses(axes, replace(scene, nodes=nodes), scale)
        self._explain(axes, width / 2, scale)

    def _users(self, arrow: int) -> list[int]:
        """Return which paths go back along an arrow."""
        return [place for place, one in enumerate(self.routes) if arrow in one.arrows]

    def _cleared(self, node: Node, arrows: tuple[Arrow, ...]) -> Node:
        """Return a label moved off the outermost path along the arrow that it stands at."""
        if node.kind != "label":
            return node
        for number, arrow in enumerate(arrows):
            (x0, y0), (x1, _) = arrow.points[0], arrow.points[-1]
            apart = node.y - y0
            level = arrow.arc is None and arrow.kind in ("recurrent", "handed", "start")
            if level and min(x0, x1) < node.x < max(x0, x1) and abs(apart) < node.height / 2 + 2 * CLEAR:
                room = max((len(self._users(number)) - 1) * LANE / 2 - SLACK, 0.0)
                return replace(node, y=node.y + float(np.sign(apart)) * room)
        return node

    def _draw_lane(self, axes: Axes, arrow: Arrow, place: int, offset: float, scale: float) -> None:
        add_arrow(axes, _lane(arrow, offset), scale, zorder=3, color=COLOURS[place], linestyle=DASHES[place],
                  linewidth=THICK * scale, label=f"_path{self.routes[place].use}",
                  arrowstyle="-|>,head_length=3.6,head_width=1.7")

    def _mark_uses(self, axes: Axes, scene: Scene, scale: float) -> None:
        """Frame the boxes in which paths end in their colours, and name the uses of the weight beside their feet."""
        from matplotlib.patches import FancyBboxPatch

        ends = [(node, place) for place, found in enumerate(self.routes)
                for node in scene.nodes if node.end in found.boxes]
        size, side = self._room_for_uses(scene, ends)
        for node, place in ends:
            corner = (node.x - node.width / 2 + 4, node.y - node.height / 2 + 4)
            for colour, dashes in (("white", "-"), (COLOURS[place], DASHES[place])):  # no box's edge between dashes
                axes.add_patch(FancyBboxPatch(
                    corner, node.width - 8, node.height - 8, "round,pad=4,rounding_size=4", facecolor="none", zorder=5,
                    edgecolor=colour, linestyle=dashes, linewidth=1.3 * THICK * scale, label="_frame"))
            axes.text(node.x + side * ASIDE, node.y - node.height / 2 - BELOW, f"${self._use(self.routes[place].use)}$",
                      ha="left" if side > 0 else "right", va="center", fontsize=size * FONT_POINTS * scale, zorder=6,
                      color=COLOURS[place], label="_use")

    def _room_for_uses(self, scene: Scene, ends: list[tuple[Node, int]]) -> tuple[float, int]:
        """Return the largest size, and the side of the arrows below boxes, at which the uses' names meet nothing."""
        there = [_around(line) for arrow in scene.arrows if arrow.arc is None
                 for line in zip(arrow.points, arrow.points[1:], strict=False)]
        there += [(one.x - one.width / 2, one.y - one.height / 2 + CLEAR, one.x + one.width / 2,
                   one.y + one.height / 2 - CLEAR) for one in scene.nodes if one.kind != "box"]
        for size, side in ((size, side) for size in USES for side in (1, -1)):
            names = [self._use_box(node, place, size, side) for node, place in ends]
            meeting = any(_meet(name, other) for name in names for other in there)
            if not meeting and not any(_meet(one, other) for one, other in combinations(names, 2)):
                return size, side
        return USES[-1], 1

    def _use_box(self, node: Node, place: int, size: float, side: int) -> Box:
        width, _ = extent((f"${self._use(self.routes[place].use)}$",))
        left, right = sorted((node.x + side * (ASIDE - 1), node.x + side * (ASIDE + size * width + 1)))
        y, half = node.y - node.height / 2 - BELOW, size * LINE / 2 - CLEAR
        return left, y - half, right, y + half

    def _use(self, step: int | str) -> str:
        weight = f"{{{self.weight}}}" if "^" in self.weight else self.weight  # two superscripts stand one after another
        return rf"{weight}^{{({step})}}"

    def _formula(self) -> str:
        slope = r"\partial L / \partial"
        return rf"${slope} {self.weight} = \sum_j\, {slope} {self._use('j')}$"

    def _formula_width(self) -> float:
        return extent((self._formula(),))[0] + 2 * MARGIN

    def _legend_width(self) -> float:
        return len(self.routes) * self._entry_width() + 2 * MARGIN

    def _entry_width(self) -> float:
        return SAMPLE + extent(("path $j = 0$",))[0] + 10

    def _explain(self, axes: Axes, middle: float, scale: float) -> None:
        """Write the sum, and below it a sample of each path's line."""
        axes.text(middle, 0.73 * LEGEND, self._formula(), ha="center", va="center", fontsize=FONT_POINTS * scale,
                  label="_formula")
        x = middle - len(self.routes) * self._entry_width() / 2
        for place, one in enumerate(self.routes):
            sample = Arrow("sample", ((x + SAMPLE, 0.19 * LEGEND), (x, 0.19 * LEGEND)))
            self._draw_sample(axes, sample, place, scale)
            axes.text(x + SAMPLE + 4, 0.19 * LEGEND, f"path $j = {one.use}$", ha="left", va="center",
                      fontsize=FONT_POINTS * scale, label="_legend")
            x += self._entry_width()

    def _draw_sample(self, axes: Axes, sample: Arrow, place: int, scale: float) -> None:
        add_arrow(axes, sample, scale, color=COLOURS[place], linestyle=DASHES[place], linewidth=THICK * scale,
                  label="_sample", arrowstyle="-|>,head_length=3.6,head_width=1.7")


def _around(line: tuple[Point, Point]) -> Box:
    (x0, x1), (y0, y1) = (sorted(ends) for ends in zip(*line, strict=True))
    return x0, y0, x1, y1


def _meet(one: Box, other: Box) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]


def _moved(scene: Scene, x: float, y: float) -> Scene:
    nodes = tuple(replace(node, x=node.x + x, y=node.y + y) for node in scene.nodes)
    arrows = tuple(replace(arrow, points=tuple((a + x, b + y) for a, b in arrow.points),
                           arc=None if arrow.arc is None else arrow.arc + y) for arrow in scene.arrows)
    return Scene(nodes, arrows, scene.width + x, scene.height + y)


def _lane(arrow: Arrow, offset: float) -> Arrow:
    """Return the way back along an arrow, moved to its left by ``offset`` (of an arc: outwards)."""
    if arrow.arc is not None:
        (x0, y0), (x1, y1) = arrow.points
        side = np.sign(x1 - x0)
        return replace(arrow, points=((x1 + side * offset, y1), (x0 - side * offset, y0)), arc=arrow.arc + offset)
    points = np.array(arrow.points)
    ways = np.diff(points, axis=0)
    ways /= np.hypot(*ways.T)[:, None]
    normals = np.stack([-ways[:, 1], ways[:, 0]], axis=1)
    before, after = np.vstack([normals[:1], normals]), np.vstack([normals, normals[-1:]])
    corner = (before + after) / (1 + np.sum(before * after, axis=1))[:, None]  # the mitre of both sides
    return replace(arrow, points=tuple((float(x), float(y)) for x, y in (points + offset * corner)[::-1]))
