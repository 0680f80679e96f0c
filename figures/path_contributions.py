"""Write path_contributions.svg: what the path through each of 100 steps contributes to ∂L/∂W_h."""

from __future__ import annotations

from pathlib import Path

import rnnsym


def main(folder: Path) -> None:
    """Write the figure of the simple recurrent network into ``folder``."""
    network = rnnsym.Network(rnnsym.cells["simple"])
    figure = rnnsym.dynamics.path_contribution_figure(network, seed=0)
    rnnsym.dynamics.save_figure(figure, folder / "path_contributions.svg")


if __name__ == "__main__":
    main(Path(__file__).parent)
