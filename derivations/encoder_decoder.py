"""An encoder and a decoder that feeds its outputs back: the paths from each output through both of them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import rnnsym

TITLE = "Backpropagation through an encoder and a decoder"


def main(folder: Path = Path(__file__).parent) -> None:
    """Write encoder_decoder.tex."""
    network = rnnsym.Network(
        rnnsym.cells["simple"], loss="squared_error", topology="encoder-decoder", teacher_forcing=False
    )
    derivation = rnnsym.derive(network, steps=3, output_steps=2)
    kept = derivation.only("notation", "forward", "loss", "local", "paths", "adjoints", "gradients")
    (folder / "encoder_decoder.tex").write_text(replace(kept, title=TITLE).latex(), encoding="utf-8")


if __name__ == "__main__":
    main()
