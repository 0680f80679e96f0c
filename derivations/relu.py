"""The chapter "ReLU and leaky ReLU" of the book."""

from __future__ import annotations

from pathlib import Path

import rnnsym


def main(folder: Path = Path(__file__).parent) -> None:
    """Write relu.tex."""
    chapter = rnnsym.book.chapters["relu"].build()
    (folder / "relu.tex").write_text(chapter.latex(), encoding="utf-8")


if __name__ == "__main__":
    main()
