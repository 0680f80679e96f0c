"""The chapter "How fast a gradient can vanish or explode" of the book."""

from __future__ import annotations

from pathlib import Path

import rnnsym


def main(folder: Path = Path(__file__).parent) -> None:
    """Write bounds.tex."""
    chapter = rnnsym.book.chapters["bounds"].build()
    (folder / "bounds.tex").write_text(chapter.latex(), encoding="utf-8")


if __name__ == "__main__":
    main()
