"""The book's page in a browser: what axe-core objects to, and whether it is wider than the screen."""

from __future__ import annotations

from pathlib import Path

import pytest
from browser import look_at, missing_tools

import rnnsym
from rnnsym.book import book_page
from rnnsym.cli.book import _picture

pytestmark = pytest.mark.skipif(bool(missing_tools()), reason=f"{', '.join(missing_tools())} not installed")

DESK, PHONE = 1280, 390  # pixels
LEAST_RULES = 30  # that apply and that the page keeps
SHOWN = ("forward", "parameter_counts", "gradient_clipping", "errata_notes")  # figures, tables, listings


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_is_objected_to_and_the_page_is_as_wide_as_the_screen(scheme: str, tmp_path: Path) -> None:
    built = [rnnsym.book.chapters[key].build() for key in SHOWN]
    pictures = {name: _picture(name).element for chapter in built for name in chapter.figures}
    assert set(pictures) == {"unrolled", "wall", "clipping"}
    page = book_page(built, pictures)
    assert all(f'aria-labelledby="figure-{name}-title' in page for name in pictures)
    for (_, width), look in look_at({"book": page}, [("book", DESK), ("book", PHONE)], tmp_path, scheme).items():
        assert look.faults == ()
        assert (look.width, look.content) == (width, width)
        assert look.rules >= LEAST_RULES
