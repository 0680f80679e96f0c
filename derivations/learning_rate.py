"""The chapter "The learning rate" of the book."""

from __future__ import annotations

from pathlib import Path

import rnnsym


def main(folder: Path = Path(__file__).parent) -> None:
    """Write learning_rate.tex."""
    chapter = rnnsym.book.chapters["learning_rate"].build()
    (folder / "learning_rate.tex").write_text(chapter.latex(), encoding="utf-8")


if __name__ == "__main__":
    main()
