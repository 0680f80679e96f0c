"""Options that several commands take, each said once."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from rnnsym.cli.completion import cell_names, loss_names, notation_names, topology_names

CellOption = Annotated[
    str | None,
    typer.Option("--cell", help="A built-in cell (see: rnnsym cells); the simple one if absent.",
                 autocompletion=cell_names),
]
NetworkOption = Annotated[
    Path | None, typer.Option("--network", help="A TOML file that describes a network, instead of --cell.")
]
TopologyOption = Annotated[
    str | None,
    typer.Option("--topology", help="one-to-one, one-to-many, many-to-one, many-to-many or encoder-decoder.",
                 autocompletion=topology_names),
]
LossOption = Annotated[
    str | None,
    typer.Option("--loss", help="binary_cross_entropy, softmax_cross_entropy, squared_error, absolute_error or huber.",
                 autocompletion=loss_names),
]
LayersOption = Annotated[int, typer.Option("--layers", help="How many layers of the cell stand on top of each other.")]
StepsOption = Annotated[
    int | None, typer.Option("--steps", help="The number of time steps T; 3 if absent, 1 where there is a single step.")
]
NotationOption = Annotated[
    str,
    typer.Option("--notation", help="Whose letters: author (the equations' own), notes, goodfellow or pytorch.",
                 autocompletion=notation_names),
]
SeedOption = Annotated[int, typer.Option("--seed", min=0, help="Repeats a run exactly.")]
OutputOption = Annotated[
    Path | None, typer.Option("-o", "--output", help="A file to write; standard output if absent, or -.")
]
