"""Write contributions_by_cell.svg: short against long term in the gradients of the cells, side by side."""

from __future__ import annotations

from pathlib import Path

import rnnsym


def main(folder: Path) -> None:
    """Write the figure of the table's cells into ``folder``."""
    figure = rnnsym.dynamics.figures["contributions-by-cell"].draw(None, 0)
    rnnsym.dynamics.save_figure(figure, folder / "contributions_by_cell.svg")


if __name__ == "__main__":
    main(Path(__file__).parent)
