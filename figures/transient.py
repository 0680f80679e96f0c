"""Write transient.svg: growth before decay, and a power law."""

from __future__ import annotations

from pathlib import Path

import rnnsym


def main(folder: Path) -> None:
    """Write the figure into ``folder``."""
    figure = rnnsym.dynamics.figures["transient"].draw(None, 0)
    rnnsym.dynamics.save_figure(figure, folder / "transient.svg")


if __name__ == "__main__":
    main(Path(__file__).parent)
