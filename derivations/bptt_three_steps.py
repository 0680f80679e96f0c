"""The chapter "Backpropagation through three time steps, path by path" of the book."""

from __future__ import annotations

from pathlib import Path

import rnnsym


def main(folder: Path = Path(__file__).parent) -> None:
    """Write bptt_three_steps.tex."""
    chapter = rnnsym.book.chapters["bptt_three_steps"].build()
    (folder / "bptt_three_steps.tex").write_text(chapter.latex(), encoding="utf-8")


if __name__ == "__main__":
    main()
