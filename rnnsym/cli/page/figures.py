"""Figures in the page, each with its number-bearing caption."""

from __future__ import annotations

from html import escape

from rnnsym.cli.page.content import Content, Picture
from rnnsym.cli.page.formulas import caption_html
from rnnsym.cli.page.inline_svg import inline_svg
from rnnsym.writing.layout import Style, style_of

# Figures that belong to a part of the page; all others stand in the part of the gradient flow.
UNROLLED, PATHS = "unrolled", "gradient-paths"


def figures_of(content: Content, *names: str) -> list[str]:
    """Return the figures of these names that the network has."""
    style = style_of(content.derivation.network)
    return [figure(one, style) for one in content.pictures if one.name in names]


def figure(picture: Picture, style: Style) -> str:
    """Return a figure inline; the caption says what is seen, and leads to the file."""
    name, title = f"figure-{picture.name}", escape(picture.title)
    drawing = inline_svg(picture.svg, name, picture.title, picture.words.replace("`", ""))
    link = f'<a href="figures/{picture.name}.svg">{picture.name}.svg</a>'
    return (f'<figure id="{name}"><div class="plate wide" role="group" tabindex="0" aria-label="{title}">{drawing}'
            f"</div><figcaption><strong>{title}.</strong> {caption_html(picture.words, style)} "
            f'<span class="file">{link}</span></figcaption></figure>')
