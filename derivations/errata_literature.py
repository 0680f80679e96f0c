"""The chapter "Errata to the literature on recurrent networks" of the book."""

from __future__ import annotations

from pathlib import Path

import rnnsym


def main(folder: Path = Path(__file__).parent) -> None:
    """Write errata_literature.tex."""
    chapter = rnnsym.book.chapters["errata_literature"].build()
    (folder / "errata_literature.tex").write_text(chapter.latex(), encoding="utf-8")


if __name__ == "__main__":
    main()
