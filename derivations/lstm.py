"""The LSTM's gradient for every length: block Jacobians of the stack (c, h), the recursion, the proof."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import rnnsym

TITLE = "The gradient of an LSTM, for every length"
SECTIONS = ("notation", "forward", "local", "paths", "adjoints", "gradients", "proof")


def main(folder: Path = Path(__file__).parent) -> None:
    """Write lstm.tex."""
    derivation = rnnsym.derive(rnnsym.Network(rnnsym.cells["lstm"]), steps=None)
    (folder / "lstm.tex").write_text(replace(derivation.only(*SECTIONS), title=TITLE).latex(), encoding="utf-8")


if __name__ == "__main__":
    main()
