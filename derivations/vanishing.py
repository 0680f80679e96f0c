"""The chapter "Vanishing and exploding over a hundred steps" of the book."""

from __future__ import annotations

from pathlib import Path

import rnnsym


def main(folder: Path = Path(__file__).parent) -> None:
    """Write vanishing.tex."""
    chapter = rnnsym.book.chapters["vanishing"].build()
    (folder / "vanishing.tex").write_text(chapter.latex(), encoding="utf-8")


if __name__ == "__main__":
    main()
