"""Figures in the page, each with its number-bearing caption."""

from __future__ import annotations

from html import escape

from rnnsym.cli.page.content import Picture
from rnnsym.cli.page.inline_svg import inline_svg
from rnnsym.writing.layout import Style
from rnnsym.writing.pages import html_text


def figure(picture: Picture, style: Style) -> str:
    """Return a figure inline; the caption says what is seen, and leads to the file."""
    name, title = f"figure-{picture.name}", escape(picture.title)
    drawing = inline_svg(picture.svg, name, picture.title, picture.words.replace("`", ""))
    link = f'<a href="figures/{picture.name}.svg">{picture.name}.svg</a>'
    return (f'<figure id="{name}"><div class="plate wide" role="group" tabindex="0" aria-label="{title}">{drawing}'
            f"</div><figcaption><strong>{title}.</strong> {html_text(picture.words, style)} "
            f'<span class="file">{link}</span></figcaption></figure>')
