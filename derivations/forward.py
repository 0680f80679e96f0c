"""The chapter "The forward pass" of the book."""

from __future__ import annotations

from pathlib import Path

import rnnsym


def main(folder: Path = Path(__file__).parent) -> None:
    """Write forward.tex."""
    chapter = rnnsym.book.chapters["forward"].build()
    (folder / "forward.tex").write_text(chapter.latex(), encoding="utf-8")


if __name__ == "__main__":
    main()
