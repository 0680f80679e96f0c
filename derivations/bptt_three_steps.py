"""Backpropagation through time over three steps: every path its own term, then the same by the adjoint recursion."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import rnnsym

TITLE = "Backpropagation through three time steps, path by path"


def main(folder: Path = Path(__file__).parent) -> None:
    """Write bptt_three_steps.tex."""
    network = rnnsym.Network(rnnsym.cells["simple"])
    derivation = rnnsym.derive(network, steps=3).only("notation", "loss", "local", "paths", "adjoints", "gradients")
    (folder / "bptt_three_steps.tex").write_text(replace(derivation, title=TITLE).latex(), encoding="utf-8")


if __name__ == "__main__":
    main()
