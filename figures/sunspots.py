"""Write sunspots.svg: the next year's sunspots, forecast and observed."""

from __future__ import annotations

from pathlib import Path

import rnnsym


def main(folder: Path) -> None:
    """Write the figure into ``folder``, from the table of results that comes with the package."""
    figure = rnnsym.dynamics.figures["sunspots"].draw(None, 0)
    rnnsym.dynamics.save_figure(figure, folder / "sunspots.svg")


if __name__ == "__main__":
    main(Path(__file__).parent)
