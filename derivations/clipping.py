"""The chapter "Gradient clipping" of the book."""

from __future__ import annotations

from pathlib import Path

import rnnsym


def main(folder: Path = Path(__file__).parent) -> None:
    """Write clipping.tex."""
    chapter = rnnsym.book.chapters["clipping"].build()
    (folder / "clipping.tex").write_text(chapter.latex(), encoding="utf-8")


if __name__ == "__main__":
    main()
