"""Bounds on the gradient through time: of the notes' network, and the LSTM, whose direct path bounds nothing else."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import rnnsym

TITLE = "How fast a gradient can vanish or explode"


def main(folder: Path = Path(__file__).parent) -> None:
    """Write bounds.tex: the simple network's bound, then the LSTM's direct path and where the total exceeds it."""
    simple = rnnsym.derive_bounds(rnnsym.Network(rnnsym.cells["simple"]))
    lstm = rnnsym.derive_bounds(rnnsym.Network(rnnsym.cells["lstm"])).only("direct", "excess-c")
    derivation = replace(simple, title=TITLE, sections=(*simple.sections, *lstm.sections))
    (folder / "bounds.tex").write_text(derivation.latex(), encoding="utf-8")


if __name__ == "__main__":
    main()
