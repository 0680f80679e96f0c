"""The figures of a network for the report: drawn into its folder, and onto its page with what is seen on them."""

from __future__ import annotations

from pathlib import Path

from rnnsym.cli.drawing import Order, ordered_figure
from rnnsym.cli.outputs import drawable_figures
from rnnsym.cli.page.content import Picture
from rnnsym.cli.progress import Advance
from rnnsym.cli.streams import complain
from rnnsym.errors import DataError
from rnnsym.model.networks import Network


def draw_pictures(
    network: Network, folder: Path, seed: int, advance: Advance, notation: str = "author"
) -> tuple[tuple[Picture, ...], tuple[str, ...]]:
    """Draw all figures that the network has into a folder, which is made; return them, and why others are missing.

    Names on them are those of a notation.
    """
    from rnnsym.dynamics import figures

    folder.mkdir()
    names = drawable_figures(None, network)
    order = Order(tuple(names), network, seed=seed, notation=notation)
    pictures, missing = list[Picture](), list[str]()
    for done, name in enumerate(names, start=1):
        try:
            pictures.append(_picture(name, order, folder))
        except DataError as error:  # weights at random may leave nothing to draw; the rest of the report is as good
            complain("warning", f"the figure {name} is not drawn: {error}")
            missing.append(_missing(figures[name].title, str(error)))
        advance(done, len(names))
    missing += [_missing(entry.title, entry.obstacle(network)) for name, entry in figures.items()
                if entry.of_network and name not in names]
    return tuple(pictures), tuple(missing)


def _missing(title: str, reason: str) -> str:
    return f"Not drawn: {title[:1].lower()}{title[1:]}, for {reason}."


def _picture(name: str, order: Order, folder: Path) -> Picture:
    from rnnsym.dynamics import figures, save_figure

    drawn = ordered_figure(name, order)
    words = str(drawn.get_label())
    path = save_figure(drawn, folder / f"{name}.svg")
    return Picture(name, figures[name].title, words, path.read_text(encoding="utf-8"))
