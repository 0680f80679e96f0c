"""Write gradient_products.svg: how ‖∂o_T/∂o_{T−k}‖ vanishes or explodes over 100 steps."""

from __future__ import annotations

from pathlib import Path

import rnnsym


def main(folder: Path) -> None:
    """Write the figure of the simple recurrent network into ``folder``."""
    network = rnnsym.Network(rnnsym.cells["simple"])
    figure = rnnsym.dynamics.gradient_product_figure(network, seed=0)
    rnnsym.dynamics.save_figure(figure, folder / "gradient_products.svg")


if __name__ == "__main__":
    main(Path(__file__).parent)
