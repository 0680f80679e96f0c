"""Write lags.svg: which cell still learns at which lag."""

from __future__ import annotations

from pathlib import Path

import rnnsym


def main(folder: Path) -> None:
    """Write the figure into ``folder``."""
    figure = rnnsym.dynamics.figures["lags"].draw(None, 0)
    rnnsym.dynamics.save_figure(figure, folder / "lags.svg")


if __name__ == "__main__":
    main(Path(__file__).parent)
