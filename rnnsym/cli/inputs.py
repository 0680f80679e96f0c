"""What the options name: a cell of the table or a network of a file, and the format of a document."""

from __future__ import annotations

import textwrap
from pathlib import Path

from rnnsym.errors import OutputError, RnnsymError
from rnnsym.model.cells import cells, entries
from rnnsym.model.networks import Network
from rnnsym.writing.sections import derivation

SIMPLE = "simple"
FORMATS = {".txt": "text", ".tex": "latex", ".html": "html", ".pdf": "pdf"}  # of a document, by the file's suffix


def chosen_network(cell: str | None, network: Path | None) -> Network:
    """Return the network of a file, or a built-in cell (the simple one by default) with its recommended readout."""
    if cell is not None and network is not None:
        raise RnnsymError(f"--cell {cell} and --network {network}: a built-in cell or a file, not both; leave one out")
    if network is not None:
        return Network.from_file(network)
    return Network(cells[SIMPLE if cell is None else cell])


def one_of(what: str, value: str, known: tuple[str, ...]) -> None:
    """Refuse a value that is none of ``known``."""
    if value not in known:
        raise RnnsymError(f"{what}: expected one of {', '.join(known)}, but got {value!r}")


def document_format(form: str | None, output: Path | None) -> str:
    """Return the format that is asked for, by its name or by the file's suffix; text where neither tells."""
    named = None if output is None else FORMATS.get(output.suffix.lower())
    if form is None:
        return named or "text"
    one_of("--format", form, tuple(FORMATS.values()))
    if named not in (None, form):
        raise RnnsymError(f"--format {form}: but {output} is named as {named}; leave --format out, or rename it")
    return form


def require_typesetting(output: Path | None) -> Path:
    """Return the PDF's place; refuse, before anything is derived, where there is none or no pdflatex."""
    from rnnsym.cli.typesetting import require_pdflatex

    if output is None or str(output) == "-":
        raise OutputError("--format pdf: a PDF is not for standard output; name a file with -o")
    require_pdflatex()
    return output


def list_cells() -> str:
    """Return one line a cell."""
    return "\n".join(f"{name:10} {entry.title} ({entry.source})" for name, entry in entries.items())


def describe_cell(name: str) -> str:
    """Return a cell's text, its recommended readout, and the tables of shapes and of parameter counts."""
    network, entry = Network(cells[name]), entries[name]
    tables = derivation(network, 1).only("notation", "counts").text().split("\n", 3)[-1]
    lines = [entry.title, entry.source, "", *textwrap.dedent(entry.text).strip().splitlines(), entry.readout.strip()]
    return "\n".join([*lines, "", tables.rstrip()])
