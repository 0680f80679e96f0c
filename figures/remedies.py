"""Write remedies.svg: what each remedy makes of the gradient, and the longest lag learnt."""

from __future__ import annotations

from pathlib import Path

import rnnsym


def main(folder: Path) -> None:
    """Write the figure into ``folder``."""
    figure = rnnsym.dynamics.figures["remedies"].draw(None, 0)
    rnnsym.dynamics.save_figure(figure, folder / "remedies.svg")


if __name__ == "__main__":
    main(Path(__file__).parent)
