"""The chapter "Weights and biases" of the book."""

from __future__ import annotations

from pathlib import Path

import rnnsym


def main(folder: Path = Path(__file__).parent) -> None:
    """Write parameter_counts.tex."""
    chapter = rnnsym.book.chapters["parameter_counts"].build()
    (folder / "parameter_counts.tex").write_text(chapter.latex(), encoding="utf-8")


if __name__ == "__main__":
    main()
