"""Write phases.svg: where random tanh networks vanish and explode."""

from __future__ import annotations

from pathlib import Path

import rnnsym


def main(folder: Path) -> None:
    """Write the figure into ``folder``."""
    figure = rnnsym.dynamics.figures["phases"].draw(None, 0)
    rnnsym.dynamics.save_figure(figure, folder / "phases.svg")


if __name__ == "__main__":
    main(Path(__file__).parent)
