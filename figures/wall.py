"""Write wall.svg: descent from the foot of an error's wall."""

from __future__ import annotations

from pathlib import Path

import rnnsym


def main(folder: Path) -> None:
    """Write the figure into ``folder``."""
    figure = rnnsym.dynamics.figures["wall"].draw(None, 0)
    rnnsym.dynamics.save_figure(figure, folder / "wall.svg")


if __name__ == "__main__":
    main(Path(__file__).parent)
