"""How large a figure's type is, and words broken into lines where they would not fit at that size.

Figures are drawn at the size of print; ``enlarged`` makes them anew with larger type on a page of another shape. What
is drawn inside reads both here, so that places are found for the type as it will be.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.figure import Figure

FONT_POINTS = 12.0
FONT = "cmr10"  # Computer Modern, which Matplotlib ships; it has ASCII only
OVERHANG = 1.08  # a title may be a little wider than its axes
WIDE = r"$\qquad$"  # between sentences on one line


@dataclass(frozen=True)
class TypeSize:
    """``factor`` multiplies all type, ``ratio`` is the page's width over its height; None leaves the figure's own."""

    factor: float = 1.0
    ratio: float | None = None


PRINT = TypeSize()
_chosen: ContextVar[TypeSize] = ContextVar("rnnsym_type_size", default=PRINT)


@contextmanager
def enlarged(size: TypeSize) -> Iterator[None]:
    """Draw figures with type of another size; this thread's own only."""
    token = _chosen.set(size)
    try:
        yield
    finally:
        _chosen.reset(token)


def type_factor() -> float:
    """Return by how much type is larger than in print."""
    return _chosen.get().factor


def points(size: float = FONT_POINTS) -> float:
    """Return the size of type in points that has ``size`` in print."""
    return size * type_factor()


def page(width: float, height: float) -> tuple[float, float]:
    """Return the size of a figure that has ``width`` and ``height`` in print: filled up to the page's shape."""
    ratio = _chosen.get().ratio
    return (width, height) if ratio is None else (max(width, height * ratio), max(height, width / ratio))


def width_of(line: str, size: float) -> float:
    """Return the width of a line of type in points, in the fonts of the figures' style."""
    from matplotlib.font_manager import FontProperties
    from matplotlib.mathtext import MathTextParser

    return float(MathTextParser("path").parse(line, 72, FontProperties(family=FONT, size=size)).width)


def fit_words(figure: Figure) -> None:
    """Break titles, names of axes and the words below into lines, where larger type has made them too long."""
    if type_factor() == 1.0:
        return
    figure.draw_without_rendering()
    inches, below = figure.get_size_inches(), getattr(figure, "_supxlabel", None)
    if below is not None:
        _break(below, 0.98 * float(inches[0]) * 72)
    for axes in figure.axes:
        place = axes.get_position()
        across, upwards = (OVERHANG * 72 * float(one) for one in (place.width * inches[0], place.height * inches[1]))
        lines = [one for one in axes.texts if one.get_label() == "_reference"]
        for text in (axes.title, axes.xaxis.label, *lines):
            _break(text, across)
        _break(axes.yaxis.label, upwards)


def _break(text: Any, room: float) -> None:
    words = str(text.get_text())
    if words:
        text.set_text(broken(words, float(text.get_fontsize()), room))


def broken(words: str, size: float, room: float) -> str:
    """Return words in as few lines of at most ``room`` points as they need, about as long as each other.

    They break at spaces outside formulas; a word or a formula that is longer by itself stays whole.
    """
    if all(width_of(line, size) <= room for line in words.split("\n")):
        return words
    sentences = words.replace(WIDE, "\n")
    if all(width_of(line, size) <= room for line in sentences.split("\n")):
        return sentences
    pieces = re.findall(r"(?:\$[^$]*\$|[^\s$])+", words)
    total = width_of(" ".join(pieces), size)
    least = int(total // room) + 1
    return next((lines for count in range(least, len(pieces)) for lines in [_lines(pieces, size, total / count, room)]
                 if lines.count("\n") < count), "\n".join(pieces))


def _lines(pieces: list[str], size: float, wanted: float, room: float) -> str:
    """Fill lines up to about the ``wanted`` width, never beyond ``room``."""
    lines: list[str] = []
    for piece in pieces:
        longer = f"{lines[-1]} {piece}" if lines else piece
        length = width_of(longer, size)
        if lines and (length <= wanted or (length <= room and length - wanted < width_of(piece, size) / 2)):
            lines[-1] = longer
        elif piece != WIDE:
            lines.append(piece)
    return "\n".join(line.removesuffix(f" {WIDE}") for line in lines)
