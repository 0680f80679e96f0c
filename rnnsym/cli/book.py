"""The book: all chapters as one page, and as a PDF where TeX is at hand, whole or nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path

from rnnsym import book
from rnnsym.cli.outputs import whole_folder
from rnnsym.cli.page.inline_svg import inline_svg
from rnnsym.cli.progress import Advance, progress_bar
from rnnsym.cli.streams import complain
from rnnsym.cli.typesetting import installed, typeset
from rnnsym.errors import OutputError

MARK = "book.html"
FILES = (MARK, "book.tex", "book.pdf", "figures")
LABEL = "The figure"  # of a figure that says no more of itself than its title


@dataclass(frozen=True)
class _Picture:
    """A figure of the book: its title, its file for TeX, and its element on the page."""

    title: str
    pdf: bytes
    element: str


def write_book(folder: Path) -> tuple[Path, ...]:
    """Write the book's folder whole, or nothing, and return its files; a PDF where pdflatex is found."""
    figures = tuple(dict.fromkeys(name for chapter in book.chapters.values() for name in chapter.figures))
    names = (*FILES, *(f"figures/{name}.pdf" for name in figures))
    with whole_folder(folder, names, marks=(MARK,)) as work, progress_bar() as stage:
        advance, built = stage("chapters"), []
        for place, chapter in enumerate(book.chapters.values(), start=1):
            built.append(chapter.build())
            advance(place, len(book.chapters))
        pictures = _draw(figures, work / "figures", stage("figures"))
        page = book.book_page(built, {name: one.element for name, one in pictures.items()})
        (work / MARK).write_text(page, encoding="utf-8")
        source = book.book_document(built, {name: one.title for name, one in pictures.items()})
        (work / "book.tex").write_text(source, encoding="utf-8")
        _typeset(source, pictures, work / "book.pdf")
        stage("typesetting")(1, 1)
        written = sorted(path.name for path in work.iterdir() if path.is_file())
    return tuple(folder / name for name in written)


def _draw(names: Sequence[str], folder: Path, advance: Advance) -> Mapping[str, _Picture]:
    """Draw the figures into a folder, which is made, for TeX, and as elements of the page."""
    folder.mkdir()
    drawn = {}
    for done, name in enumerate(names, start=1):
        drawn[name] = _picture(name)
        (folder / f"{name}.pdf").write_bytes(drawn[name].pdf)
        advance(done, len(names))
    return drawn


def _picture(name: str) -> _Picture:
    from rnnsym.dynamics import figures
    from rnnsym.dynamics.style import figure_bytes

    title, figure = figures[name].title, figures[name].draw(None, 0)
    words = str(figure.get_label()).replace("`", "") or f"{LABEL}: {title}"
    svg = inline_svg(figure_bytes(figure, "svg").decode(), f"figure-{name}", title, words)
    caption = f"<figcaption>{escape(title)}.</figcaption>"
    return _Picture(title, figure_bytes(figure, "pdf"), f'<figure class="wide" tabindex="0">{svg}{caption}</figure>')


def _typeset(source: str, pictures: Mapping[str, _Picture], path: Path) -> None:
    """Add the PDF where pdflatex is installed; where it fails, the page is as good without."""
    if not installed():
        complain("note", "the book has no PDF: pdflatex is not found; install TeX Live")
        return
    try:
        path.write_bytes(typeset(source, {f"figures/{name}.pdf": one.pdf for name, one in pictures.items()}))
    except OutputError as error:
        complain("warning", f"the book has no PDF: {error}")
