"""One step of gradient descent for every parameter, beside the gradients that it needs."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import rnnsym

TITLE = "Gradient descent for the simple recurrent network"


def main(folder: Path = Path(__file__).parent) -> None:
    """Write gradient_descent.tex."""
    network = rnnsym.Network(rnnsym.cells["simple"])
    derivation = rnnsym.derive(network, steps=3).only("adjoints", "gradients", "descent")
    (folder / "gradient_descent.tex").write_text(replace(derivation, title=TITLE).latex(), encoding="utf-8")


if __name__ == "__main__":
    main()
