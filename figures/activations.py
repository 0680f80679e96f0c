"""Write activations.svg: products of step Jacobians over 100 steps for five activations, beside their bounds."""

from __future__ import annotations

from pathlib import Path

import rnnsym


def main(folder: Path) -> None:
    """Write the figure of the simple recurrent network into ``folder``."""
    network = rnnsym.Network(rnnsym.cells["simple"])
    figure = rnnsym.dynamics.figures["activations"].draw(network, 0)
    rnnsym.dynamics.save_figure(figure, folder / "activations.svg")


if __name__ == "__main__":
    main(Path(__file__).parent)
