"""What the options name: a cell of the table, or a network of a file."""

from __future__ import annotations

import textwrap
from pathlib import Path

from rnnsym.errors import RnnsymError
from rnnsym.model.cells import cells, entries
from rnnsym.model.networks import Network
from rnnsym.writing.sections import derivation


def chosen_network(cell: str, network: Path | None) -> Network:
    """Return the network of a file, or a built-in cell with its recommended readout."""
    return Network(cells[cell]) if network is None else Network.from_file(network)


def one_of(what: str, value: str, known: tuple[str, ...]) -> None:
    """Refuse a value that is none of ``known``."""
    if value not in known:
        raise RnnsymError(f"{what}: expected one of {', '.join(known)}, but got {value!r}")


def list_cells() -> str:
    """Return one line a cell."""
    return "\n".join(f"{name:10} {entry.title} ({entry.source})" for name, entry in entries.items())


def describe_cell(name: str) -> str:
    """Return a cell's text, its recommended readout, and the tables of shapes and of parameter counts."""
    network, entry = Network(cells[name]), entries[name]
    tables = derivation(network, 1).only("notation", "counts").text().split("\n", 3)[-1]
    lines = [entry.title, entry.source, "", *textwrap.dedent(entry.text).strip().splitlines(), entry.readout.strip()]
    return "\n".join([*lines, "", tables.rstrip()])
