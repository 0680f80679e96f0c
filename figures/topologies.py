"""Write topologies.svg: the shapes that a network can have, unrolled over three steps."""

from __future__ import annotations

from pathlib import Path

import rnnsym

SKIP = "h = tanh(x @ W_x + h_prev @ W_h + h_prev[2] @ W_s + b)"


def networks() -> dict[str, rnnsym.Network]:
    """Return one network of each shape by its title."""
    simple = rnnsym.cells["simple"]
    skip = rnnsym.Cell.from_equations("skip", SKIP)
    return {
        "one-to-one": rnnsym.Network(simple, topology="one-to-one"),
        "one-to-many": rnnsym.Network(simple, topology="one-to-many"),
        "many-to-one": rnnsym.Network(simple),
        "many-to-many": rnnsym.Network(simple, topology="many-to-many"),
        "bidirectional": rnnsym.Network(simple, topology="many-to-many", bidirectional=True),
        "encoder-decoder, with teacher forcing": rnnsym.Network(simple, topology="encoder-decoder"),
        "encoder-decoder that reads its own outputs": rnnsym.Network(
            simple, topology="encoder-decoder", teacher_forcing=False),
        "two layers": rnnsym.Network([rnnsym.cells["lstm"], rnnsym.cells["gru"]]),
        "skip connections": rnnsym.Network(skip, "yhat = sigmoid(h @ W_y + b_y)"),
    }


def main(folder: Path) -> None:
    """Write the gallery into ``folder``."""
    figure = rnnsym.dynamics.gallery_figure(networks(), steps=3)
    rnnsym.dynamics.save_figure(figure, folder / "topologies.svg")


if __name__ == "__main__":
    main(Path(__file__).parent)
