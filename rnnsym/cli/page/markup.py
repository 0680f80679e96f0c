"""Pieces of HTML that several parts of the page need."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

BROAD = 5  # columns from which a table rather scrolls than sets words below each other
PASSED, FAILED = '<span class="passed">✓ passed</span>', '<span class="failed">✗ failed</span>'


def mark(passed: bool) -> str:
    """Return a verdict, in a colour and in words."""
    return PASSED if passed else FAILED


def section(key: str, title: str, *parts: str, verdict: str = "") -> str:
    """Return a part of the page under its heading; ``parts`` are HTML, ``title`` is text."""
    inside = "\n".join(part for part in parts if part)
    heading = f'<h2 id="{key}-heading">{escape(title)}{verdict}</h2>'
    return f'<section id="{key}" class="part" aria-labelledby="{key}-heading">{heading}\n{inside}\n</section>'


def table(caption: str, header: Sequence[str], rows: Iterable[Sequence[str]], *, numbers: Sequence[int] = ()) -> str:
    """Return a table that scrolls on its own; the columns ``numbers`` are set to the right.

    ``header`` and ``rows`` are HTML, ``caption`` is text.
    """
    def cell(tag: str, place: int, content: str, more: str = "") -> str:
        return f"<{tag}{more}{' class=number' if place in numbers else ''}>{content}</{tag}>"

    head = "".join(cell("th", place, word, ' scope="col"') for place, word in enumerate(header))
    body = "".join(f"<tr>{''.join(cell('td', place, one) for place, one in enumerate(line))}</tr>" for line in rows)
    name, kind = escape(caption), "names broad" if len(header) >= BROAD else "names"
    return (f'<div class="wide" role="group" tabindex="0" aria-label="Table: {name}"><table class="{kind}">'
            f"<caption>{name}</caption><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>")


def listing(text: str, name: str) -> str:
    """Return text as it stands, in a box that scrolls; ``text`` is HTML."""
    return f'<pre role="group" tabindex="0" aria-label="{escape(name)}"><code>{text}</code></pre>'


def counted(number: int, word: str) -> str:
    """Return «1 weight» or «27 weights»."""
    plural = f"{word[:-1]}es" if word.endswith("ss") else f"{word[:-1]}ses" if word.endswith("as") else f"{word}s"
    return f"{number:,} {word if number == 1 else plural}"
