"""The styles of figures: one entry each. Type is set while a figure is drawn; the rest is laid over it when it is.

With larger type everything finds its place anew, so that nothing overlaps. Colours, lines and page are changed on all
of a drawn figure's artists, so that none is left half in one style; nothing outside the figure changes.
"""

from __future__ import annotations

import colorsys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from rnnsym.dynamics.style import PALETTE, known_figure
from rnnsym.dynamics.type_sizes import PRINT, TypeSize, enlarged
from rnnsym.errors import DataError
from rnnsym.model.kinds import shown

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Colour = tuple[float, float, float]

BACKGROUND: Colour = (0.08, 0.10, 0.12)  # of dark slides
_on_dark = dict(zip(PALETTE, (
    "#4FA8E0", "#9BD4F5", "#FFFFFF", "#F0B429", "#FF8A4C", "#3CCBA0", "#E29BC3"), strict=True))
_in_grey = dict(zip(PALETTE, (0.30, 0.62, 0.0, 0.70, 0.45, 0.38, 0.55), strict=True))
PROJECTED = TypeSize(1.4, 16 / 9)  # to be read from the last row
NEUTRAL = 0.1  # colours less saturated than this are greys
WORD_GREY = 0.45  # words are no lighter: a contrast of 4.5 on white
LUMINANCE = (0.2126, 0.7152, 0.0722)  # of red, green and blue (ITU-R BT.709)


@dataclass(frozen=True)
class FigureStyle:
    """One style: what becomes of each colour, and how lines and page change.

    ``thicker`` multiplies the width of all lines, ``type_size`` says how large type is and the ratio of width to height
    that the page is filled up to, ``marked`` puts markers on curves that colour alone tells apart.
    """

    name: str
    title: str
    paint: Callable[[Colour], Colour] = lambda colour: colour
    word: Callable[[Colour], Colour] = lambda colour: colour
    ramp: tuple[float, float] | None = None  # the greys of a map of values that grey would not order
    thicker: float = 1.0
    type_size: TypeSize = PRINT
    marked: bool = False


def _palette_name(colour: Colour) -> str:
    from matplotlib.colors import to_hex

    return to_hex(colour).upper()


def _darkened(colour: Colour) -> Colour:
    """Light becomes dark with its hue kept, white the background, a colour of the palette its own light one."""
    from matplotlib.colors import to_rgb

    if _palette_name(colour) in _on_dark:
        return to_rgb(_on_dark[_palette_name(colour)])
    hue, lightness, saturation = colorsys.rgb_to_hls(*colour)
    if saturation < NEUTRAL or lightness > 0.99:
        red, green, blue = (low + (1 - lightness) * (1 - low) for low in BACKGROUND)
        return red, green, blue
    return colorsys.hls_to_rgb(hue, 0.1 + 0.9 * (1 - lightness), saturation)


def _greyed(colour: Colour) -> Colour:
    luminance = sum(part * share for part, share in zip(colour, LUMINANCE, strict=True))
    level = _in_grey.get(_palette_name(colour), luminance)
    return level, level, level


def _greyed_word(colour: Colour) -> Colour:
    level = _greyed(colour)[0]
    level = level if level > 1 - WORD_GREY else min(level, WORD_GREY)  # light words stand on something dark
    return level, level, level


styles: Mapping[str, FigureStyle] = MappingProxyType({
    style.name: style
    for style in (
        FigureStyle("print", "Computer Modern on white, as in a paper"),
        FigureStyle("slides", "a page of 16:9, large type and thick lines", thicker=1.5, type_size=PROJECTED),
        FigureStyle("dark", "slides with a dark background", _darkened, _darkened, thicker=1.5,
                    type_size=PROJECTED),
        FigureStyle("grey", "greys and markers alone, for a printer without colours", _greyed, _greyed_word,
                    ramp=(0.95, 0.35), marked=True),
    )
})


def draw_in(name: str, draw: Callable[[], Figure]) -> Figure:
    """Return the figure that ``draw()`` draws, in a style of the table ``styles``, its type included.

    ``draw`` sets no style itself, as an entry's own ``draw`` would. Errors: DataError for a name that is not in the
    table; those of ``draw``.

    >>> from rnnsym.dynamics import gradient_path_figure
    >>> figure = draw_in("slides", lambda: gradient_path_figure(steps=2))
    >>> round(figure.axes[0].texts[0].get_fontsize(), 1)
    16.8
    """
    size = _style(name).type_size
    if not callable(draw):
        raise DataError(f"draw: expected a function that draws a figure, but got {shown(draw)}")
    with enlarged(size):
        return restyle_figure(draw(), name)


def restyle_figure(figure: Figure, name: str) -> Figure:
    """Lay a style of the table ``styles`` over a figure that is drawn and laid out; return the figure.

    It is done once, to a figure of this package as it was drawn; type keeps its size (see ``draw_in``). Errors:
    DataError for a name that is not in the table.
    """
    known_figure(figure)
    style = _style(name)
    if style != styles["print"]:
        from rnnsym.dynamics.restyling import restyle

        restyle(figure, style)
    return figure


def _style(name: str) -> FigureStyle:
    if not isinstance(name, str) or name not in styles:
        raise DataError(f"style: expected one of {', '.join(styles)}, but got {shown(name)}")
    return styles[name]


def place_in_palette(colour: Any) -> int | None:
    """Return the number of a colour in the palette of print, None for any other."""
    name = _palette_name(colour)
    return PALETTE.index(name) if name in PALETTE else None
