"""The chapter "Backpropagation through an encoder and a decoder" of the book."""

from __future__ import annotations

from pathlib import Path

import rnnsym


def main(folder: Path = Path(__file__).parent) -> None:
    """Write encoder_decoder.tex."""
    chapter = rnnsym.book.chapters["encoder_decoder"].build()
    (folder / "encoder_decoder.tex").write_text(chapter.latex(), encoding="utf-8")


if __name__ == "__main__":
    main()
