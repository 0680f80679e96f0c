"""The chapter "The gated recurrent unit" of the book."""

from __future__ import annotations

from pathlib import Path

import rnnsym


def main(folder: Path = Path(__file__).parent) -> None:
    """Write gru.tex."""
    chapter = rnnsym.book.chapters["gru"].build()
    (folder / "gru.tex").write_text(chapter.latex(), encoding="utf-8")


if __name__ == "__main__":
    main()
