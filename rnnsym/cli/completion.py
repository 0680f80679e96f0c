"""What a shell offers for the value of an option: the names of the table behind it, read when they are asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterable

Completion = Callable[[str], list[str]]


def cell_names(incomplete: str) -> list[str]:
    """Return the built-in cells that begin so."""
    from rnnsym.model.cell_table import entries

    return _beginning(incomplete, entries)


def topology_names(incomplete: str) -> list[str]:
    """Return the topologies that begin so."""
    from rnnsym.model.topologies import topologies

    return _beginning(incomplete, topologies)


def loss_names(incomplete: str) -> list[str]:
    """Return the losses that begin so."""
    from rnnsym.model.losses import losses

    return _beginning(incomplete, losses)


def notation_names(incomplete: str) -> list[str]:
    """Return the notations that begin so."""
    from rnnsym.writing.notations import notations

    return _beginning(incomplete, notations)


def target_names(incomplete: str) -> list[str]:
    """Return the targets of code that begin so."""
    from rnnsym.numerics.targets import targets

    return _beginning(incomplete, targets)


def figure_names(incomplete: str) -> list[str]:
    """Return the figures that begin so."""
    from rnnsym.dynamics import figures

    return _beginning(incomplete, figures)


def style_names(incomplete: str) -> list[str]:
    """Return the styles of figures that begin so."""
    from rnnsym.cli.outputs import figure_styles

    return _beginning(incomplete, figure_styles())


def among(*names: str) -> Completion:
    """Return the completion of an option whose few values are said in place."""
    def names_that_begin(incomplete: str) -> list[str]:
        return _beginning(incomplete, names)

    return names_that_begin


def _beginning(incomplete: str, names: Iterable[str]) -> list[str]:
    return [name for name in names if name.startswith(incomplete)]
