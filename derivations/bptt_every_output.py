"""The chapter "Backpropagation through time with an output at every step" of the book."""

from __future__ import annotations

from pathlib import Path

import rnnsym


def main(folder: Path = Path(__file__).parent) -> None:
    """Write bptt_every_output.tex."""
    chapter = rnnsym.book.chapters["bptt_every_output"].build()
    (folder / "bptt_every_output.tex").write_text(chapter.latex(), encoding="utf-8")


if __name__ == "__main__":
    main()
