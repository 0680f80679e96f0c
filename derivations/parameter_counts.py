"""How many weights and biases the notes' network has: 27 and 4 for five words, three units and one output."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import rnnsym

TITLE = "Weights and biases of the simple recurrent network"
SIZES = {"d": 5, "n": 3, "k": 1}


def main(folder: Path = Path(__file__).parent) -> None:
    """Write parameter_counts.tex."""
    network = rnnsym.Network(rnnsym.cells["simple"])
    derivation = rnnsym.derive(network, steps=1, sizes=SIZES).only("counts")
    (folder / "parameter_counts.tex").write_text(replace(derivation, title=TITLE).latex(), encoding="utf-8")


if __name__ == "__main__":
    main()
