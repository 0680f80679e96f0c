"""The one style of all figures: colours, fonts that match LaTeX's, labels beside the lines, files without a date.

Matplotlib is imported when a figure is drawn, never before.
"""

from __future__ import annotations

import io
import logging
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from rnnsym.dynamics.type_sizes import FONT, FONT_POINTS, fit_words, points
from rnnsym.errors import OutputError
from rnnsym.model.kinds import instance
from rnnsym.model.whole_files import write_whole

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Okabe, Ito 2008, "Color universal design": told apart with any colour vision, here from cold to warm.
PALETTE = ("#0072B2", "#56B4E9", "#000000", "#E69F00", "#D55E00", "#009E73", "#CC79A7")
MARKERS = ("o", "s", "^", "D", "v", "P", "X")  # so that lines are told apart without colour too
GREY = "#8A8A8A"

TOUCH = 1e-6  # in heights of the axes: lines that meet do not cross
NEAR = 0.07  # how far from its line a label stands, in widths of the axes
_settings: Mapping[str, Any] = MappingProxyType({
    "font.family": FONT,
    "mathtext.fontset": "cm",
    "axes.formatter.use_mathtext": True,
    "axes.unicode_minus": False,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.8,
    "lines.linewidth": 1.6,
    "lines.markersize": 4.5,
    "path.simplify": False,  # each point of a curve is a point of the file
    "svg.fonttype": "path",  # text as outlines: the same in every viewer
    "svg.hashsalt": "rnnsym",
    "pdf.fonttype": 42,
    "savefig.dpi": 150,
})

_sizes: Mapping[str, float] = MappingProxyType({
    "font.size": FONT_POINTS, "axes.titlesize": FONT_POINTS, "axes.labelsize": FONT_POINTS,
    "xtick.labelsize": FONT_POINTS - 1, "ytick.labelsize": FONT_POINTS - 1,
})

# What would write the hour or the version of a library into the file, by ending.
_metadata: Mapping[str, Mapping[str, None]] = MappingProxyType({
    "svg": {"Date": None, "Creator": None},
    "pdf": {"CreationDate": None, "Creator": None, "Producer": None},
    "png": {"Software": None},
})


@contextmanager
def style() -> Iterator[None]:
    """Draw in the style of all figures, whatever the user's own settings are; those are put back afterwards."""
    import matplotlib

    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        settings: Any = matplotlib.rcParams
        settings.update(_settings)
        settings.update({name: points(size) for name, size in _sizes.items()})
        yield


def save_figure(figure: Figure, path: str | Path) -> Path:
    """Write ``figure`` as .svg, .pdf or .png, the same bytes each time; return the path.

    The file is written whole or not at all; a link stays, and what it points to is written.
    Errors: OutputError for another ending and for a place that cannot be written; DataError for what is no figure.
    """
    known_figure(figure)
    target = Path(instance("path", path, str | os.PathLike, "a path"))
    kind = target.suffix.lower().removeprefix(".")
    if kind not in _metadata:
        raise OutputError(f"figure {str(target)!r}: unknown ending {target.suffix!r}; use .svg, .pdf or .png")
    write_whole(figure_bytes(figure, kind), target)
    return target


def known_figure(figure: Any) -> Figure:
    """Return a figure of Matplotlib's, or raise DataError."""
    from matplotlib.figure import Figure

    return instance("figure", figure, Figure, "a matplotlib.figure.Figure")


def figure_bytes(figure: Figure, kind: str) -> bytes:
    """Return the file of a figure, its ``kind`` "svg", "pdf" or "png": the same bytes each time."""
    buffer = io.BytesIO()
    with style(), _quiet_fonts():
        figure.savefig(buffer, format=kind, metadata=dict(_metadata[kind]))
    return buffer.getvalue()


@contextmanager
def _quiet_fonts() -> Iterator[None]:
    """Hold back fontTools' warning that Matplotlib's own cmr10 bears no date, which no user can mend."""
    logger = logging.getLogger("fontTools.ttLib.tables._h_e_a_d")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)


def freeze_layout(figure: Figure) -> None:
    """Lay the figure out for the last time: each layout starts from the one before, and would shift the next file."""
    fit_words(figure)
    figure.draw_without_rendering()
    figure.set_layout_engine("none")


@dataclass(frozen=True)
class LineLabel:
    """The words for a line, and the end of the line (in data's coordinates) that they stand beside."""

    text: str
    x: float
    y: float
    colour: str


def label_lines(axes: Axes, labels: Sequence[LineLabel], *, column: float, side: str) -> None:
    """Write labels in a column at ``column`` (in widths of the axes), level with the lines' ends if there is room.

    ``side`` is where the labels stand from the lines: "left" or "right". Labels that would overlap are moved apart by
    as little as possible, and a thin line leads from each line's end to its label, dotted where the end is far off.
    Call this when the limits are final.
    """
    figure: Any = axes.get_figure()
    fit_words(figure)
    figure.draw_without_rendering()  # lays the axes out, so that their height is known
    gap = 1.25 * points() / (figure.get_size_inches()[1] * 72 * axes.get_position().height)
    to_axes = axes.transData + axes.transAxes.inverted()
    ends = [to_axes.transform((label.x, label.y)) for label in labels]
    levels = uncrossed(ends, spread([float(end[1]) for end in ends], gap, gap / 2, 1 - gap / 2), column)
    direction = 1 if side == "right" else -1
    for label, end, level in zip(labels, ends, levels, strict=True):
        far = abs(column - end[0]) > 2 * NEAR
        axes.plot([end[0] + 0.012 * direction, column - 0.012 * direction], [end[1], level], color=label.colour,
                  linewidth=0.8, linestyle=":" if far else "-", transform=axes.transAxes, clip_on=False)
        axes.text(column, level, label.text, transform=axes.transAxes, va="center",
                  ha="left" if side == "right" else "right")


def uncrossed(ends: Sequence[Any], levels: Iterable[float], column: float) -> list[float]:
    """Exchange levels until no two lines, from each end to its level at ``column``, cross.

    Of two that cross, the exchanged ones are shorter together (the triangle inequality), so this comes to an end.
    """
    found = [float(level) for level in levels]
    while True:
        pair = next((pair for pair in combinations(range(len(found)), 2) if _cross(ends, found, column, *pair)), None)
        if pair is None:
            return found
        one, other = pair
        found[one], found[other] = found[other], found[one]


def _cross(
    ends: Sequence[Any], levels: Sequence[float], column: float, one: int, other: int
) -> bool:
    """Whether two lines that end at one column cross: where the later of both begins, and there, they lie otherwise."""
    first, last = sorted((one, other), key=lambda place: -abs(column - ends[place][0]))
    (x0, y0), (x1, y1) = ends[first], ends[last]
    if x0 == column:
        return False
    height = y0 + (levels[first] - y0) * (x1 - x0) / (column - x0)
    return (height - y1) * (levels[first] - levels[last]) < -TOUCH**2


def spread(positions: Sequence[float], gap: float, low: float = 0.0, high: float = 1.0) -> NDArray[np.float64]:
    """Move ``positions`` apart to distances of at least ``gap``, in their order and by the least sum of squares.

    Subtracting i·gap from the i-th makes it a monotone regression, solved by pooling neighbours (Ayer et al. 1955). All
    stay from ``low`` to ``high`` where there is room for that many.
    """
    order = np.argsort(positions, kind="stable")
    pools: list[tuple[float, int]] = []
    for rank, place in enumerate(order):
        mean, count = positions[place] - rank * gap, 1
        while pools and pools[-1][0] > mean:
            before, size = pools.pop()
            mean, count = (before * size + mean * count) / (size + count), size + count
        pools.append((mean, count))
    moved = np.repeat([mean for mean, _ in pools], [count for _, count in pools]) + gap * np.arange(len(order))
    ranks = np.arange(len(order))
    moved = np.maximum(np.minimum(moved, high - gap * ranks[::-1]), low + gap * ranks)
    found = np.empty(len(order))
    found[order] = moved
    return found
