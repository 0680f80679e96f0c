"""How a style is laid over a figure: each kind of artist has its colours and lines changed by one rule."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from matplotlib.artist import Artist
from matplotlib.cm import ScalarMappable
from matplotlib.collections import Collection
from matplotlib.colors import ListedColormap, to_rgba, to_rgba_array
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.text import Text
from numpy.typing import NDArray

from rnnsym.dynamics.figure_styles import LUMINANCE, Colour, FigureStyle, place_in_palette
from rnnsym.dynamics.style import MARKERS
from rnnsym.dynamics.type_sizes import FONT_POINTS

CURVE = 10  # a line of more points is a curve, fewer are marks and leaders
SHADES = 256


def restyle(figure: Figure, style: FigureStyle) -> None:
    """Change all artists of a figure, each once, and then its page."""
    seen: set[int] = set()
    for artist in (part for one in figure.findobj() for part in _with_parts(one)):
        if id(artist) not in seen:
            seen.add(id(artist))
            _restyle_artist(artist, style)
    for axes in figure.axes:
        _restyle_ticks(axes, style)
    if style.type_size.ratio is not None:
        _fill_page(figure, style.type_size.ratio)


def _with_parts(artist: Artist) -> list[Any]:
    """Return an artist with the parts that Matplotlib does not list: arrows and frames of texts, panes of axes."""
    parts = [getattr(artist, "arrow_patch", None), getattr(artist, "pane", None)]
    frame = artist.get_bbox_patch() if isinstance(artist, Text) else None
    return [artist, *(part for part in (*parts, frame) if part is not None)]


def _restyle_artist(artist: Any, style: FigureStyle) -> None:
    if isinstance(artist, Text):
        artist.set_color(_one(artist.get_color(), style.word))
    elif isinstance(artist, Line2D):
        _restyle_line(artist, style)
    elif isinstance(artist, Patch):
        face, edge = artist.get_facecolor(), artist.get_edgecolor()
        artist.set_facecolor(_one(face, style.paint))
        artist.set_edgecolor(_one(edge, style.paint))
        artist.set_linewidth(artist.get_linewidth() * style.thicker)
    elif isinstance(artist, Collection):
        _restyle_collection(artist, style)


def _restyle_line(line: Line2D, style: FigureStyle) -> None:
    place = place_in_palette(line.get_color())
    bare = str(line.get_marker()) in ("None", "none", "", " ") and line.get_linestyle() == "-"
    flat = type(line) is Line2D and len(np.atleast_1d(line.get_xdata())) > CURVE
    faces = line.get_markerfacecolor(), line.get_markeredgecolor()
    line.set_color(_one(line.get_color(), style.paint))
    line.set_markerfacecolor(_one(faces[0], style.paint))
    line.set_markeredgecolor(_one(faces[1], style.paint))
    line.set_linewidth(line.get_linewidth() * style.thicker)
    if style.marked and bare and flat and place is not None:
        line.set_marker(MARKERS[place])
        line.set_markevery((0.02 * place, 0.14))
        line.set_markerfacecolor(line.get_color())
        line.set_markeredgecolor(line.get_color())


def _restyle_collection(found: Any, style: FigureStyle) -> None:
    if found.get_array() is not None:
        _restyle_map(found, style)
    else:
        # The faces of a surface in space are kept in their own order; what get_facecolor returns is sorted by depth.
        faces = getattr(found, "_facecolor3d", found.get_facecolor())
        edges = getattr(found, "_edgecolor3d", found.get_edgecolor())
        alpha = found.get_alpha()
        found.set_alpha(None)  # it is in the colours already
        found.set_facecolor(_many(faces, style.paint))
        found.set_edgecolor(_many(edges, style.paint))
        if alpha is not None and len(faces) > 1:
            found.set_alpha(alpha)
    found.set_linewidth(np.asarray(found.get_linewidth()) * style.thicker)


def _restyle_map(found: ScalarMappable, style: FigureStyle) -> None:
    """Change a map of colours; a style of greys keeps its order, be it by a plain ramp."""
    shades = np.asarray(found.get_cmap()(np.linspace(0, 1, SHADES)))
    grey = shades[:, :3] @ np.array(LUMINANCE)
    ordered = (np.diff(grey) <= 1e-3).all() or (np.diff(grey) >= -1e-3).all()
    if style.ramp is not None and not ordered:
        shades = np.repeat(np.linspace(*style.ramp, SHADES)[:, None], 3, axis=1)
    else:
        shades = _many(shades, style.paint)
    found.set_cmap(ListedColormap(shades))


def _restyle_ticks(axes: Any, style: FigureStyle) -> None:
    """Change ticks that are made anew when the figure is drawn again, and the lines of axes in space."""
    for axis in (one for one in (axes.xaxis, axes.yaxis, getattr(axes, "zaxis", None)) if one is not None):
        black = style.paint((0.0, 0.0, 0.0))
        size = max((label.get_fontsize() for label in axis.get_ticklabels()), default=FONT_POINTS - 1)
        axis.set_tick_params(which="both", color=black, labelcolor=style.word((0.0, 0.0, 0.0)), labelsize=size)
        offset = axis.get_offset_text()
        offset.set_color(style.word((0.0, 0.0, 0.0)))


def _fill_page(figure: Figure, ratio: float) -> None:
    """Enlarge the page to a ratio of width to height; all stands in its middle, at the size that it had."""
    old = np.asarray(figure.get_size_inches())
    new = np.array([max(old[0], old[1] * ratio), max(old[1], old[0] / ratio)])
    low, scale = (new - old) / 2 / new, old / new
    figure.set_size_inches(*new)
    for axes in figure.axes:
        place = axes.get_position(original=True)
        axes.set_position((*(low + scale * (place.x0, place.y0)), *(scale * (place.width, place.height))))
    for text in figure.texts:
        text.set_position(tuple(low + scale * text.get_position()))


def _one(colour: Any, paint: Callable[[Colour], Colour]) -> Any:
    red, green, blue, alpha = to_rgba(colour)
    return (*paint((red, green, blue)), alpha)


def _many(colours: Any, paint: Callable[[Colour], Colour]) -> NDArray[np.float64]:
    """Change each of many colours, equal ones once; what they hide or let through stays."""
    table = to_rgba_array(colours)
    if not len(table):
        return table
    known, places = np.unique(table, axis=0, return_inverse=True)
    return np.array([_one(colour, paint) for colour in known])[places.ravel()]
