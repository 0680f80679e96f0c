"""The book and its chapters as LaTeX, for pdflatex."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from types import MappingProxyType

from rnnsym.book.parts import Built, Exhibit, Listing, Part
from rnnsym.book.symbols import Symbol, symbols_of
from rnnsym.book.words import PREFACE, TITLE
from rnnsym.writing.derivation import Section
from rnnsym.writing.documents import LONG_TABLES, PREAMBLE, latex_display, latex_references, latex_section, latex_text
from rnnsym.writing.latex import escape, latex
from rnnsym.writing.prose import is_words
from rnnsym.writing.styles import Style

COLUMNS = 86  # of verbatim text at \footnotesize on the page
PLAIN = Style()
CONTENTS = (r"{\parskip=0pt\makeatletter\renewcommand*\l@section{\@dottedtocline{1}{0em}{2em}}\makeatother"
            r"\tableofcontents}")  # all on the first page
NO_PICTURES: Mapping[str, str] = MappingProxyType({})


def chapter_document(chapter: Built) -> str:
    """Return one chapter as a document of its own, its references numbered from 1."""
    title = escape(chapter.title)
    numbers = numbered([chapter])
    body = [rf"\section*{{\raggedright {title}}}", *_chapter_body(chapter, numbers), r"\raggedright",
            *latex_references(numbers)]
    return _document(title, body)


def book_document(chapters: Sequence[Built], pictures: Mapping[str, str] = NO_PICTURES) -> str:
    """Return all chapters as one document: contents, chapters, index of symbols, references numbered once.

    ``pictures`` are {figure: title} of the figures that stand as figures/NAME.pdf beside the document.
    """
    title = escape(TITLE)
    numbers = numbered(chapters)
    body = [rf"\title{{{title}}}\author{{}}\date{{}}\maketitle", latex_text(PREFACE, PLAIN),
            CONTENTS]
    for chapter in chapters:
        title_of = escape(chapter.title)
        heading = rf"\section[{title_of}]{{\raggedright {title_of}}}\label{{chapter:{chapter.key}}}"
        shown = [_picture(name, pictures[name]) for name in chapter.figures if name in pictures]
        body += [r"\clearpage", heading, *_chapter_body(chapter, numbers, shown)]
    body += [r"\clearpage", r"\section*{Index of symbols}", r"\addcontentsline{toc}{section}{Index of symbols}",
             _index(symbols_of(chapters))]
    references = [line.replace(r"\subsection*", r"\section*") for line in latex_references(numbers)]
    body += [r"\clearpage\raggedright", *references[:1], r"\addcontentsline{toc}{section}{References}", *references[1:]]
    return _document(title, body)


def numbered(chapters: Sequence[Built]) -> dict[str, int]:
    """Number the references of all chapters in order of first appearance."""
    found = dict.fromkeys(reference for chapter in chapters for reference in chapter.references)
    return {reference: number for number, reference in enumerate(found, start=1)}


def _document(title: str, body: list[str]) -> str:
    head = [PREAMBLE, rf"\hypersetup{{pdftitle={{{title}}}}}", r"\begin{document}"]
    if any(r"\begin{longtable}" in part for part in body):
        head.insert(1, LONG_TABLES)
    if any(r"\includegraphics" in part for part in body):
        head.insert(1, r"\usepackage{graphicx}")
    return "\n".join([*head, *body, r"\end{document}", ""])


def _picture(name: str, title: str) -> str:
    drawing = rf"\includegraphics[width=\linewidth,height=0.42\textheight,keepaspectratio]{{figures/{name}.pdf}}"
    return f"\\begin{{center}}\n{drawing}\\\\[1ex]\n{{\\small {escape(title)}.}}\n\\end{{center}}\n"


def _chapter_body(chapter: Built, numbers: dict[str, int], pictures: Sequence[str] = ()) -> list[str]:
    sources = [str(numbers[source]) for source in chapter.sources]
    cited = f" [{', '.join(sources)}]" if sources else ""
    parts = [f"{latex_text(chapter.text, PLAIN)}{cited}\n", *pictures]
    parts += [text for part in chapter.parts for text in _part(part, numbers)]
    checks = chapter.checks()
    return parts if checks is None else [*parts, latex_section(checks[0], checks[1], {})]


def _part(part: Part, numbers: dict[str, int]) -> list[str]:
    if isinstance(part, Exhibit):
        return [_exhibit(part)]
    return [latex_section(section, part.style, numbers) for section in part.sections]


def _exhibit(exhibit: Exhibit) -> str:
    section = latex_section(Section("exhibit", exhibit.title, exhibit.text, (), exhibit.table), PLAIN, {})
    return "\n".join([section.rstrip(), *(_listing(one) for one in exhibit.listings), ""])


def _listing(listing: Listing) -> str:
    wrapped = [part for line in listing.lines for part in textwrap.wrap(
        line, COLUMNS, subsequent_indent="    ", break_long_words=False, break_on_hyphens=False) or [""]]
    caption = latex_text(listing.caption, PLAIN)
    display = [] if listing.equation is None else [latex_display([listing.equation], listing.style).rstrip()]
    return "\n".join(["", caption, *display, r"{\footnotesize\begin{verbatim}", *wrapped, r"\end{verbatim}}"])


def _index(symbols: Sequence[Symbol]) -> str:
    rows = "\n".join(
        rf"${latex(one.box)}$ & {latex_text(one.meaning, PLAIN)} & {_shape(one)} & \ref{{chapter:{one.chapter}}} \\"
        for one in symbols
    )
    return (f"\\begin{{longtable}}{{@{{}}lp{{22em}}ll@{{}}}}\n\\toprule\nsymbol & meaning & shape & chapter \\\\\n"
            f"\\midrule\n\\endhead\n{rows}\n\\bottomrule\n\\end{{longtable}}")


def _shape(symbol: Symbol) -> str:
    return escape(symbol.shape.unicode) if is_words(symbol.shape) else f"${latex(symbol.shape)}$"


