"""Backpropagation through time over any number of steps: derived with T as a symbol, and proved by induction."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import rnnsym

TITLE = "Backpropagation through time for every length, with its proof"
SECTIONS = (
    "notation", "forward", "uses", "local", "paths", "truncation", "adjoints", "gradients", "accumulation", "proof",
)


def main(folder: Path = Path(__file__).parent) -> None:
    """Write bptt_any_length.tex."""
    derivation = rnnsym.derive(rnnsym.Network(rnnsym.cells["simple"]), steps=None)
    document = replace(derivation.only(*SECTIONS), title=TITLE)
    (folder / "bptt_any_length.tex").write_text(document.latex(), encoding="utf-8")


if __name__ == "__main__":
    main()
