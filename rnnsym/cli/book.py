"""The book: all chapters as one page, and as a PDF where TeX is at hand, whole or nothing."""

from __future__ import annotations

from pathlib import Path

from rnnsym import book
from rnnsym.cli.outputs import whole_folder
from rnnsym.cli.progress import progress_bar
from rnnsym.cli.streams import complain
from rnnsym.cli.typesetting import installed, typeset
from rnnsym.errors import OutputError

MARK = "book.html"
FILES = (MARK, "book.tex", "book.pdf")
PASSES = 3  # contents and numbers of chapters are known after the first, their pages after the second


def write_book(folder: Path) -> tuple[Path, ...]:
    """Write the book's folder whole, or nothing, and return its files; a PDF where pdflatex is found."""
    with whole_folder(folder, FILES, marks=(MARK,)) as work, progress_bar() as stage:
        advance, built = stage("chapters"), []
        for place, chapter in enumerate(book.chapters.values(), start=1):
            built.append(chapter.build())
            advance(place, len(book.chapters))
        (work / MARK).write_text(book.book_page(built), encoding="utf-8")
        source = book.book_document(built)
        (work / "book.tex").write_text(source, encoding="utf-8")
        _typeset(source, work / "book.pdf")
        stage("typesetting")(1, 1)
        names = sorted(path.name for path in work.iterdir())
    return tuple(folder / name for name in names)


def _typeset(source: str, path: Path) -> None:
    """Add the PDF where pdflatex is installed; where it fails, the page is as good without."""
    if not installed():
        complain("note", "the book has no PDF: pdflatex is not found; install TeX Live")
        return
    try:
        path.write_bytes(typeset(source, PASSES))
    except OutputError as error:
        complain("warning", f"the book has no PDF: {error}")
