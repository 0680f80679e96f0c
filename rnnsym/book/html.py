"""The book as one self-contained page: native MathML in a font of its own, no script, no request."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from html import escape

from rnnsym.book.latex import NO_PICTURES, PLAIN, numbered
from rnnsym.book.parts import Built, Exhibit, Listing, Part
from rnnsym.book.symbols import Symbol, symbols_of
from rnnsym.book.words import PREFACE, TITLE
from rnnsym.writing.derivation import Section
from rnnsym.writing.pages import (
    equations_html,
    html_text,
    inline_math,
    references_html,
    section_html,
    style_sheet,
)
from rnnsym.writing.prose import is_words

CITED = re.compile(r" \[(\d+(?:, \d+)*)\]</p>")
MORE_STYLE = """
h3 { font-size: 1.02rem; margin-top: 1.8rem; }
article { border-top: 1px solid #8884; margin-top: 3rem; }
nav ol, nav ul { padding-left: 1.6rem; } nav a, .names a, a.cited { color: inherit; text-underline-offset: .15em; }
figure { margin: 1.2rem 0; } figure svg { max-width: 100%; height: auto; background: #fff; color: #000; }
pre { overflow-x: auto; font-size: .82rem; line-height: 1.4; padding: .6rem .8rem; border: 1px solid #8884; }
@media print { article { break-before: page; } nav, article { break-inside: auto; } h2, h3 { break-after: avoid; } }
"""


def book_page(chapters: Sequence[Built], pictures: Mapping[str, str] = NO_PICTURES) -> str:
    """Return all chapters as one page: contents, chapters, index of symbols, references numbered once.

    ``pictures`` are {figure: element}, such as an inline ``figure`` of HTML.
    """
    numbers = numbered(chapters)
    places = {chapter.key: place for place, chapter in enumerate(chapters, start=1)}
    body = "\n".join([
        f"<h1>{escape(TITLE)}</h1>", f"<p>{html_text(PREFACE, PLAIN)}</p>", _contents(chapters),
        *(_chapter(chapter, places[chapter.key], numbers, pictures) for chapter in chapters),
        _index(symbols_of(chapters), places), _references(numbers),
    ])
    scale = '<meta name="viewport" content="width=device-width, initial-scale=1">'
    style = f"<style>{style_sheet(body)}{MORE_STYLE}</style>"
    head = f'<meta charset="utf-8">{scale}<title>{escape(TITLE)}</title>{style}'
    return f'<!DOCTYPE html>\n<html lang="en"><head>{head}</head><body><main>\n{body}\n</main></body></html>\n'


def _contents(chapters: Sequence[Built]) -> str:
    lines = "".join(f'<li><a href="#{one.key}">{escape(one.title)}</a></li>' for one in chapters)
    more = '<ul><li><a href="#symbols">Index of symbols</a></li><li><a href="#references">References</a></li></ul>'
    return f'<nav aria-label="Contents"><h2>Contents</h2><ol>{lines}</ol>{more}</nav>'


def _chapter(chapter: Built, place: int, numbers: dict[str, int], pictures: Mapping[str, str]) -> str:
    cited = ", ".join(str(numbers[source]) for source in chapter.sources)
    sources = f" [{cited}]" if cited else ""
    parts = [
        f'<article id="{chapter.key}"><h2>{place}. {escape(chapter.title)}</h2>',
        f"<p>{html_text(chapter.text, PLAIN)}{sources}</p>",
        *(pictures[name] for name in chapter.figures if name in pictures),
    ]
    for order, part in enumerate(chapter.parts, start=1):
        parts += _part(part, f"{chapter.key}-{order}", numbers)
    return CITED.sub(_linked, "\n".join([*parts, "</article>"]))


def _linked(cited: re.Match[str]) -> str:
    """Lead each number of a reference, at the end of a paragraph, to the list."""
    links = re.sub(r"\d+", lambda number: f'<a class="cited" href="#reference-{number[0]}">{number[0]}</a>', cited[1])
    return f" [{links}]</p>"


def _part(part: Part, place: str, numbers: dict[str, int]) -> list[str]:
    if isinstance(part, Exhibit):
        return [_exhibit(part, place)]
    return [section_html(section, part.style, numbers, 3, f"{place}-{section.key}") for section in part.sections]


def _exhibit(exhibit: Exhibit, place: str) -> str:
    shown = section_html(Section("exhibit", exhibit.title, exhibit.text, (), exhibit.table), PLAIN, {}, 3, place)
    listings = "".join(_listing(one) for one in exhibit.listings)
    return f"{shown.removesuffix('</section>')}{listings}</section>"


def _listing(listing: Listing) -> str:
    lines = escape("\n".join(listing.lines))
    display = "" if listing.equation is None else equations_html([listing.equation], listing.style, listing.caption)
    return f'<p>{html_text(listing.caption, PLAIN)}</p>{display}<pre tabindex="0">{lines}</pre>'


def _index(symbols: Sequence[Symbol], places: dict[str, int]) -> str:
    rows = "".join(
        f"<tr><td>{inline_math(one.box)}</td><td>{html_text(one.meaning, PLAIN)}</td><td>{_shape(one)}</td>"
        f'<td><a href="#{one.chapter}">{places[one.chapter]}</a></td></tr>' for one in symbols
    )
    head = "".join(f'<th scope="col">{word}</th>' for word in ("symbol", "meaning", "shape", "chapter"))
    table = ('<div class="wide" role="group" tabindex="0" aria-label="Table: index of symbols">'
             '<table class="names"><thead>'
             f"<tr>{head}</tr></thead><tbody>{rows}</tbody></table></div>")
    return f'<article id="symbols"><h2>Index of symbols</h2>{table}</article>'


def _shape(symbol: Symbol) -> str:
    return escape(symbol.shape.unicode) if is_words(symbol.shape) else inline_math(symbol.shape)


def _references(numbers: dict[str, int]) -> str:
    return f'<article id="references"><h2>References</h2>{references_html(numbers)}</article>'
