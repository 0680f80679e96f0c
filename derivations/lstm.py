"""The chapter "Long short-term memory" of the book."""

from __future__ import annotations

from pathlib import Path

import rnnsym


def main(folder: Path = Path(__file__).parent) -> None:
    """Write lstm.tex."""
    chapter = rnnsym.book.chapters["lstm"].build()
    (folder / "lstm.tex").write_text(chapter.latex(), encoding="utf-8")


if __name__ == "__main__":
    main()
