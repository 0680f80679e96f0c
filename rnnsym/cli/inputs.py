"""What the options name: a cell of the table or a network of a file, and the format of a document."""

from __future__ import annotations

import re
import textwrap
from pathlib import Path
from typing import Any

from rnnsym.calculus.unrolling import readout_in_place
from rnnsym.cli.streams import complain
from rnnsym.errors import OutputError, RnnsymError
from rnnsym.model.cell_table import entries
from rnnsym.model.cells import cells
from rnnsym.model.networks import Network
from rnnsym.model.remarks import remarks
from rnnsym.writing.derivation import Derivation
from rnnsym.writing.latex import latex
from rnnsym.writing.layout import lay_out, style_of
from rnnsym.writing.sections import derivation

SIMPLE = "simple"
USUAL_STEPS = 3
FEWEST_STEPS = 2  # of a figure that follows a gradient from step to step
CHOOSING = ("cell", "network", "topology", "loss", "layers")  # the network
USUAL: dict[str, Any] = {**dict.fromkeys(CHOOSING), "layers": 1, "steps": None, "notation": "author", "seed": 0}
FORMATS = {".txt": "text", ".tex": "latex", ".html": "html", ".pdf": "pdf"}  # of a document, by the file's suffix


def chosen_network(
    cell: str | None, network: Path | None, topology: str | None = None, loss: str | None = None, layers: int = 1
) -> Network:
    """Return the network of a file, or a built-in cell (the simple one by default) with its recommended readout."""
    if network is None:
        one = cells[SIMPLE if cell is None else cell]
        asked = (("topology", topology), ("loss", loss))
        options: dict[str, Any] = {name: value for name, value in asked if value is not None}
        return Network([one] * layers if layers != 1 else one, **options)
    given = {"--cell": cell, "--topology": topology, "--loss": loss, "--layers": layers if layers != 1 else None}
    for option, value in given.items():
        if value is not None:
            both = f"{option} {value} and --network {network}"
            raise RnnsymError(f"{both}: a built-in cell or a file, not both; leave one out")
    found = Network.from_file(network)
    for sentence in remarks(found):
        complain("note", f"{network}: {sentence}")
    return found


def steps_of(network: Network, asked: int | None) -> int:
    """Return the number of steps that is asked for, or the usual one."""
    usual = 1 if network.shape_of_steps.single_step else USUAL_STEPS
    return usual if asked is None else asked


def several_steps(asked: int | None) -> int | None:
    """Return the T of figures of many steps, None where none is asked for; RnnsymError for fewer than two."""
    if asked is not None and asked < FEWEST_STEPS:
        raise RnnsymError(f"--steps: expected a whole number from {FEWEST_STEPS}, but got {asked}")
    return asked


def given_options(**values: Any) -> dict[str, str]:
    """Return what a user gave of the options that figures depend on, each as it is typed.

    All that choose the network are one. What is drawn without, the seed 0 say, counts as not given.
    """
    typed = {name: f"--{name} {value}" for name, value in values.items() if value != USUAL[name]}
    network = [typed.pop(name) for name in CHOOSING if name in typed]
    return ({"network": " ".join(network)} if network else {}) | typed


def any_steps_of(network: Network, asked: str | None) -> int | None:
    """Return the number of steps that is asked for, or the usual one; None for T, any number."""
    if asked == "T":
        return None
    if asked is not None and not re.fullmatch("-?[0-9]{1,9}", asked):
        raise RnnsymError(f"--steps: expected a whole number, or T for any length, but got {asked!r}")
    return steps_of(network, None if asked is None else int(asked))


def derived(network: Network, steps: str | None, output_steps: int | None, seed: int, *, bounds: bool) -> Derivation:
    """Return the derivation that is asked for, of the gradient or of its bounds."""
    import rnnsym

    if not bounds:
        return rnnsym.derive(network, any_steps_of(network, steps), output_steps=output_steps, seed=seed)
    for option, value in {"--steps": steps, "--output-steps": output_steps}.items():
        if value is not None:
            raise RnnsymError(f"--bounds and {option} {value}: bounds hold for all steps; leave one out")
    return rnnsym.derive_bounds(network, seed)


def known_notation(name: str) -> None:
    """Refuse a notation that the table does not have."""
    from rnnsym.writing.notations import notations

    one_of("--notation", name, tuple(notations))


def one_of(what: str, value: str, known: tuple[str, ...]) -> None:
    """Refuse a value that is none of ``known``."""
    if value not in known:
        raise RnnsymError(f"{what}: expected one of {', '.join(known)}, but got {value!r}")


def document_format(form: str | None, output: Path | None) -> str:
    """Return the format that is asked for, by its name or by the file's suffix; text where neither tells."""
    named = None if output is None else FORMATS.get(output.suffix.lower())
    if form is None and output is not None and output.suffix and named is None:
        raise RnnsymError(f"{output}: no format is named {output.suffix!r}; use {', '.join(FORMATS)}, or say --format")
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
    """Return one line a cell: its name, its title, who published it and when."""
    rows = [(name, entry.title, _published(entry.source)) for name, entry in entries.items()]
    names, titles = (max(len(row[column]) for row in rows) for column in (0, 1))
    return "\n".join(f"{name:{names}}  {title:{titles}}  {source}" for name, title, source in rows)


def describe_cell(name: str) -> str:
    """Return a cell's equations as text and as LaTeX, its readout, and the tables of shapes and parameter counts."""
    network, entry = Network(cells[name]), entries[name]
    tables = derivation(network, 1).only("notation", "counts").text().split("\n", 3)[-1]
    start = [] if entry.initialisation is None else [f"initialisation: {entry.initialisation}"]
    text = [*textwrap.dedent(entry.text).strip().splitlines(), entry.readout.strip()]
    parts = [entry.title, entry.source, *start, "", *text, "", _typeset_equations(network), "", tables.rstrip()]
    return "\n".join(parts)


def _published(source: str) -> str:
    """Return the authors and the year, with which each source begins."""
    found = re.match(r"\D*\d{4}", source)
    return source if found is None else found[0]


def _typeset_equations(network: Network) -> str:
    """Return the equations and the readout as LaTeX, aligned at their equals signs."""
    style = style_of(network)
    pairs = [*((one.target, one.expression) for one in network.equations),
             *((one.target, one.value) for one in readout_in_place(network))]
    lines = [f"{latex(lay_out(target, style))} &= {latex(lay_out(value, style)).strip()}" for target, value in pairs]
    return "\n".join([r"\begin{align*}", " \\\\\n".join(f"  {line}" for line in lines), r"\end{align*}"])
