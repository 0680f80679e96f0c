"""The chapter "Shapes of networks" of the book."""

from __future__ import annotations

from pathlib import Path

import rnnsym


def main(folder: Path = Path(__file__).parent) -> None:
    """Write network_shapes.tex."""
    chapter = rnnsym.book.chapters["network_shapes"].build()
    (folder / "network_shapes.tex").write_text(chapter.latex(), encoding="utf-8")


if __name__ == "__main__":
    main()
