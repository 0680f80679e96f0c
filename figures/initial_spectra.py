"""Write initial_spectra.svg: what a scheme of initial weights leaves of the 100-step Jacobian."""

from __future__ import annotations

from pathlib import Path

import rnnsym


def main(folder: Path) -> None:
    """Write the figure into ``folder``."""
    figure = rnnsym.dynamics.figures["initial-spectra"].draw(None, 0)
    rnnsym.dynamics.save_figure(figure, folder / "initial_spectra.svg")


if __name__ == "__main__":
    main(Path(__file__).parent)
