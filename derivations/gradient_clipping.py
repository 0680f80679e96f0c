"""The chapter "Gradient clipping" of the book."""

from __future__ import annotations

from pathlib import Path

import rnnsym


def main(folder: Path = Path(__file__).parent) -> None:
    """Write gradient_clipping.tex."""
    chapter = rnnsym.book.chapters["gradient_clipping"].build()
    (folder / "gradient_clipping.tex").write_text(chapter.latex(), encoding="utf-8")


if __name__ == "__main__":
    main()
