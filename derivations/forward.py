"""The forward pass of the notes' network, unrolled over three words: equations, shapes and the loss."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import rnnsym

TITLE = "Forward propagation through three time steps"
SIZES = {"d": 5, "n": 3, "k": 1}  # five words, three units, one label


def main(folder: Path = Path(__file__).parent) -> None:
    """Write forward.tex."""
    network = rnnsym.Network(rnnsym.cells["simple"])
    derivation = rnnsym.derive(network, steps=3, sizes=SIZES).only("notation", "forward", "loss")
    (folder / "forward.tex").write_text(replace(derivation, title=TITLE).latex(), encoding="utf-8")


if __name__ == "__main__":
    main()
