"""Unrolled diagrams: a network's cells at steps 1 … T from left to right, inputs below, outputs and losses above."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from rnnsym.dynamics.captions import describe_scene
from rnnsym.dynamics.letters import AUTHOR
from rnnsym.dynamics.style import GREY, PALETTE, style
from rnnsym.dynamics.type_sizes import FONT_POINTS, points
from rnnsym.dynamics.unrolled_layout import Arrow, Node
from rnnsym.dynamics.unrolled_parts import Parts
from rnnsym.dynamics.unrolled_scene import MARGIN, Scene, control_height, scene_of
from rnnsym.dynamics.unrolled_texts import LINE, WORD_LINE, extent
from rnnsym.errors import DataError
from rnnsym.model.cells import cells
from rnnsym.model.kinds import instance, shown
from rnnsym.model.networks import Network

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.path import Path

TINTS = tuple(PALETTE[place] for place in (1, 3, 5, 6))  # one a loop, lightened
LIGHT = 0.65  # of a box's colour, this much is white
COLOURS = {"feedback": PALETTE[4], "teacher": PALETTE[5], "skip": PALETTE[0], "handed": PALETTE[4]}
DASHES = {"teacher": (0, (4, 2)), "target": (0, (4, 2))}
HALO = {"facecolor": "white", "edgecolor": "none", "pad": 0.5}  # of labels that arcs cross
CORNER = 5.0  # the radius of an arrow's bends
LEAST_INCHES = 1.0
LINE_POINTS = 700.0  # the width of a gallery
TITLE, BETWEEN = 22.0, 26.0  # the height of a title, and the room between diagrams


def unrolled_figure(
    network: Network | None = None, steps: int | None = None, output_steps: int | None = None,
    notation: str = AUTHOR,
) -> Figure:
    """Return the unrolled diagram of a network (the simple one where None) as a figure of its own size.

    ``notation`` says whose letters are written; other arguments and errors as for ``draw_unrolled``, and
    DerivationError for a notation that is unknown or prints two names alike.

    >>> figure = unrolled_figure(Network(cells["lstm"]), steps=2)
    >>> len(figure.axes)
    1
    """
    from matplotlib.figure import Figure

    chosen = network or Network(cells["simple"])
    parts = Parts(chosen, steps, output_steps, notation)
    with style():
        scene = scene_of(parts)
        figure = Figure(figsize=_inches(scene.width, scene.height))
        add_scene(figure.add_axes((0, 0, 1, 1)), scene)
    figure.set_label(describe_scene(scene, chosen, parts.style.name))
    return figure


def draw_unrolled(
    axes: Axes, network: Network, steps: int | None = 3, output_steps: int | None = None
) -> None:
    """Draw s_t = f(x_t, s_{t−1}), t = 1 … T, as boxes joined by arrows; the whole is scaled to fit into ``axes``.

    ``steps`` is T, or None for a T that is left open; more than six steps are drawn as 1, 2, 3, …, T. ``output_steps``
    is the number of the decoder's steps (absent: as many). Arrows are labelled with the states that they carry. The
    artists bear their kind as label: _box, _input, _output, _recurrent, _skip, …. Errors: DataError for steps that are
    no whole number from 1, and for output steps where there is no decoder.
    """
    from matplotlib.axes import Axes

    instance("axes", axes, Axes, "axes of Matplotlib's")
    with style():
        add_scene(axes, scene_of(Parts(network, steps, output_steps)))


def gallery_figure(networks: Mapping[str, Network], steps: int | None = 3) -> Figure:
    """Return the unrolled diagrams of several networks, all at one scale, each below its title.

    They stand in lines from left to right, in their order. Errors as for ``draw_unrolled``, and DataError for none.
    """
    refuse_no_gallery(networks)
    sizes = {title: unrolled_size(network, steps) for title, network in networks.items()}
    with style():
        figure, panels = lay_gallery(sizes)
        for title, axes in panels.items():
            draw_unrolled(axes, networks[title], steps)
    return figure


def refuse_no_gallery(networks: Any) -> None:
    """Raise DataError for what is no dict of networks by their titles, or is empty."""
    if not isinstance(networks, Mapping) or not networks:
        raise DataError(f"networks: a gallery needs a dict of title to network with at least one network, but it is "
                        f"{shown(networks)}")
    for title in networks:
        instance("networks", title, str, "titles for keys")


def lay_gallery(
    sizes: Mapping[str, tuple[float, float]], line: float = LINE_POINTS
) -> tuple[Figure, dict[str, Axes]]:
    """Return a figure with axes of the ``sizes`` (points) by title, each title above its own, in lines of that width.

    A single diagram whose title is empty fills the figure.
    """
    from matplotlib.figure import Figure

    if list(sizes) == [""]:
        (title, (width, height)), = sizes.items()
        figure = Figure(figsize=_inches(width, height))
        return figure, {title: figure.add_axes((0, 0, 1, 1))}
    places, width, height = _lines(sizes, line)
    figure, panels = Figure(figsize=_inches(width, height)), {}
    for title, (x, y) in places.items():
        wide, high = sizes[title]
        panels[title] = figure.add_axes((x / width, y / height, wide / width, high / height))
        figure.text((x + MARGIN) / width, (y + high + MARGIN) / height, title, ha="left", va="bottom",
                    fontsize=points())
    return figure, panels


def _inches(width: float, height: float) -> tuple[float, float]:
    """Return the size of the page for a diagram measured in points at the type of print."""
    return max(points(width) / 72, LEAST_INCHES), max(points(height) / 72, LEAST_INCHES)


def _lines(
    sizes: Mapping[str, tuple[float, float]], line: float
) -> tuple[dict[str, tuple[float, float]], float, float]:
    """Break a gallery into lines as a text; return each diagram's lower left corner, and the size of the whole."""
    lines: list[list[str]] = [[]]
    most = max(line, *(max(width, extent((title,))[0] + 2 * MARGIN) for title, (width, _) in sizes.items()))
    room = {title: max(width, extent((title,))[0] + 2 * MARGIN) + BETWEEN for title, (width, _) in sizes.items()}
    for title in sizes:
        if lines[-1] and sum(room[one] for one in (*lines[-1], title)) > most + BETWEEN:
            lines.append([])
        lines[-1].append(title)
    heights = [max(sizes[title][1] for title in row) + TITLE + BETWEEN for row in lines]
    places = {}
    for number, row in enumerate(lines):
        for place, title in enumerate(row):
            x = sum(room[one] for one in row[:place])
            places[title] = (x, sum(heights[number:]) - TITLE - sizes[title][1])
    return places, most, sum(heights)


def unrolled_size(network: Network, steps: int | None = 3, output_steps: int | None = None) -> tuple[float, float]:
    """Return the width and the height of a diagram in points, at the size of type of all figures."""
    with style():
        scene = scene_of(Parts(network, steps, output_steps))
    return scene.width, scene.height


def add_scene(axes: Axes, scene: Scene, arrows: str | None = None) -> None:
    """Draw a scene into axes, scaled to fit; its arrows in one colour where ``arrows`` names it."""
    axes.set_xlim(0, scene.width)
    axes.set_ylim(0, scene.height)
    axes.set_aspect("equal")
    axes.set_xticks([])
    axes.set_yticks([])
    axes.spines[:].set_visible(False)
    scale = page_scale(axes, scene.width, scene.height)
    for arrow in scene.arrows:
        add_arrow(axes, arrow, scale, **({} if arrows is None else {"color": arrows}))
    for node in scene.nodes:
        _draw_node(axes, node, scale)


def page_scale(axes: Axes, width: float, height: float) -> float:
    """Return the points of the page that one point of the diagram gets."""
    figure: Any = axes.figure
    inches, place = figure.bbox.size / figure.dpi, axes.get_position(original=True)
    scale = min(inches[0] * place.width * 72 / width, inches[1] * place.height * 72 / height)
    return round(float(scale), 6)  # 1 where the figure has the diagram's own size


def _draw_node(axes: Axes, node: Node, scale: float) -> None:
    from matplotlib.colors import to_rgb
    from matplotlib.patches import FancyBboxPatch

    if node.kind == "box":
        colour = LIGHT + (1 - LIGHT) * np.array(to_rgb(TINTS[node.tint % len(TINTS)]))
        corner = (node.x - node.width / 2 + 4, node.y - node.height / 2 + 4)
        axes.add_patch(FancyBboxPatch(corner, node.width - 8, node.height - 8, "round,pad=4,rounding_size=4",
                                      facecolor=tuple(colour), edgecolor="black", linewidth=0.9 * scale, label="_box"))
    step = WORD_LINE if node.kind == "box" else LINE
    for place, line in enumerate(node.lines):
        y = node.y + ((len(node.lines) - 1) / 2 - place) * step
        axes.text(node.x, y, line, ha="center", va="center_baseline" if node.kind == "box" else "center", zorder=4,
                  fontsize=FONT_POINTS * scale, label=f"_{node.kind}", bbox=HALO if node.kind == "label" else None)


def add_arrow(axes: Axes, arrow: Arrow, scale: float, **options: Any) -> None:
    """Draw one arrow in the colour and the dashes of its kind; ``options`` of Matplotlib's patch override these."""
    from matplotlib.patches import FancyArrowPatch

    usual: dict[str, Any] = {
        "arrowstyle": "-|>,head_length=4,head_width=1.8", "linewidth": scale, "label": f"_{arrow.kind}", "zorder": 2,
        "color": COLOURS.get(arrow.kind, "black" if arrow.kind not in DASHES else GREY),
        "linestyle": DASHES.get(arrow.kind, "-"), "joinstyle": "miter", "capstyle": "butt",
    }
    axes.add_patch(FancyArrowPatch(path=_path(arrow), mutation_scale=scale, **(usual | options)))


def _path(arrow: Arrow) -> Path:
    """Return an arc as one cubic, or straight lines with rounded corners."""
    from matplotlib.path import Path

    if arrow.arc is not None:
        (x0, y0), (x1, y1) = arrow.points
        top = control_height(arrow)
        return Path([(x0, y0), (x0, top), (x1, top), (x1, y1)], [Path.MOVETO, *[Path.CURVE4] * 3])
    points, codes = [arrow.points[0]], [Path.MOVETO]
    for before, corner, after in zip(arrow.points, arrow.points[1:], arrow.points[2:], strict=False):
        points += [_towards(corner, before), corner, _towards(corner, after)]
        codes += [Path.LINETO, Path.CURVE3, Path.CURVE3]
    return Path([*points, arrow.points[-1]], [*codes, Path.LINETO])


def _towards(corner: tuple[float, float], other: tuple[float, float]) -> tuple[float, float]:
    """Return the point beside a corner where its bend begins, at most half way to the next."""
    way = np.subtract(other, corner)
    length = float(np.hypot(*way))
    x, y = corner + way * min(CORNER, length / 2) / max(length, 1e-9)
    return float(x), float(y)
