"""The chapter "Words as numbers" of the book."""

from __future__ import annotations

from pathlib import Path

import rnnsym


def main(folder: Path = Path(__file__).parent) -> None:
    """Write encoding.tex."""
    chapter = rnnsym.book.chapters["encoding"].build()
    (folder / "encoding.tex").write_text(chapter.latex(), encoding="utf-8")


if __name__ == "__main__":
    main()
