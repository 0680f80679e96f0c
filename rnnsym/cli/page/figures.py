"""Figures in the page, each with its number-bearing caption."""

from __future__ import annotations

from html import escape

from rnnsym.cli.page.content import Picture
from rnnsym.cli.page.inline_svg import inline_svg


def figure(picture: Picture) -> str:
    """Return a figure inline; the caption says what is seen, and leads to the file."""
    name = f"figure-{picture.name}"
    drawing = inline_svg(picture.svg, name, picture.title, picture.words)
    link = f'<a href="figures/{picture.name}.svg">{picture.name}.svg</a>'
    title = escape(picture.title)
    return (f'<figure id="{name}"><div class="plate wide" role="group" tabindex="0" aria-label="{title}">{drawing}</div>'
            f"<figcaption><strong>{title}.</strong> {escape(picture.words)} "
            f'<span class="file">{link}</span></figcaption></figure>')
