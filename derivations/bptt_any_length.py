"""The chapter "Backpropagation through time for every length, with its proof" of the book."""

from __future__ import annotations

from pathlib import Path

import rnnsym


def main(folder: Path = Path(__file__).parent) -> None:
    """Write bptt_any_length.tex."""
    chapter = rnnsym.book.chapters["bptt_any_length"].build()
    (folder / "bptt_any_length.tex").write_text(chapter.latex(), encoding="utf-8")


if __name__ == "__main__":
    main()
