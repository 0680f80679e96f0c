"""Backpropagation through time with an output at every step: a sum over the outputs and the steps before each."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import rnnsym

TITLE = "Backpropagation through time with an output at every step"


def main(folder: Path = Path(__file__).parent) -> None:
    """Write bptt_every_output.tex."""
    network = rnnsym.Network(rnnsym.cells["simple"], loss="softmax_cross_entropy", topology="many-to-many")
    derivation = rnnsym.derive(network, steps=3).only("notation", "loss", "local", "paths", "adjoints", "gradients")
    (folder / "bptt_every_output.tex").write_text(replace(derivation, title=TITLE).latex(), encoding="utf-8")


if __name__ == "__main__":
    main()
