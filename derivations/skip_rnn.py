"""The chapter "Skipping steps" of the book."""

from __future__ import annotations

from pathlib import Path

import rnnsym


def main(folder: Path = Path(__file__).parent) -> None:
    """Write skip_rnn.tex."""
    chapter = rnnsym.book.chapters["skip_rnn"].build()
    (folder / "skip_rnn.tex").write_text(chapter.latex(), encoding="utf-8")


if __name__ == "__main__":
    main()
