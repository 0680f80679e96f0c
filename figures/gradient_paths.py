"""Write gradient_paths.svg: the five topologies unrolled over three steps, with the paths of one gradient."""

from __future__ import annotations

from pathlib import Path

import rnnsym

SKIP = "h = tanh(x @ W_x + h_prev @ W_h + h_prev[2] @ W_s + b)"


def networks() -> dict[str, rnnsym.Network]:
    """Return one network of each topology by its title, and what bends paths: a second loop, a skip connection."""
    simple = rnnsym.cells["simple"]
    skip = rnnsym.Cell.from_equations("skip", SKIP)
    return {
        "one-to-one": rnnsym.Network(simple, topology="one-to-one"),
        "many-to-one": rnnsym.Network(simple),
        "one-to-many": rnnsym.Network(simple, topology="one-to-many"),
        "many-to-many": rnnsym.Network(simple, topology="many-to-many"),
        "encoder-decoder": rnnsym.Network(simple, topology="encoder-decoder"),
        "bidirectional": rnnsym.Network(simple, topology="many-to-many", bidirectional=True),
        "skip connections": rnnsym.Network(skip, "yhat = sigmoid(h @ W_y + b_y)"),
    }


def main(folder: Path) -> None:
    """Write the figure into ``folder``."""
    figure = rnnsym.dynamics.path_gallery(networks())
    rnnsym.dynamics.save_figure(figure, folder / "gradient_paths.svg")


if __name__ == "__main__":
    main(Path(__file__).parent)
