"""A figure's SVG file in the page: no name that another figure has, no rule for the whole page, words for it."""

from __future__ import annotations

import re
from html import escape

from rnnsym.errors import OutputError

# What Matplotlib's one rule says of every element, which would hold for the page: as attributes they are inherited.
INHERITED = 'stroke-linejoin="round" stroke-linecap="butt"'


def inline_svg(text: str, name: str, title: str, words: str) -> str:
    """Return the ``svg`` element of a file; its ids begin with ``name``, and it is named and described in words.

    Errors: OutputError for what is no SVG file.
    """
    found = re.search(r"<svg\b([^>]*)>(.*)</svg>", text, re.DOTALL)
    box = None if found is None else re.search(r'viewBox="([^"]*)"', found[1])
    if found is None or box is None:
        raise OutputError(f"the figure {name} is no SVG file with a viewBox")
    body = re.sub(r"<metadata>.*?</metadata>|<style[^>]*>.*?</style>|<defs>\s*</defs>", "", found[2], flags=re.DOTALL)
    body = re.sub(r"\s*\n\s*", " ", _renamed(body, name))
    width = float(box[1].split()[2])
    return (
        f'<svg viewBox="{box[1]}" style="width: {width:g}pt" role="img" aria-labelledby="{name}-title {name}-words" '
        f'{INHERITED}><title id="{name}-title">{escape(title)}</title><desc id="{name}-words">{escape(words)}</desc>'
        f"{body.strip()}</svg>"
    )


def _renamed(body: str, name: str) -> str:
    """Put ``name`` before every id, and wherever one is referred to."""
    body = re.sub(r'\bid="([^"]*)"', rf'id="{name}-\1"', body)
    body = re.sub(r"url\(#([^)]*)\)", rf"url(#{name}-\1)", body)
    return re.sub(r'(?:xlink:)?href="#([^"]*)"', rf'href="#{name}-\1"', body)
