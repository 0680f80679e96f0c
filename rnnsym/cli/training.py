"""Figures of trainings, their networks trained anew: tables beside the figures, then the figures from these tables."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path

from rnnsym.cli.outputs import NOTHING, made_folder
from rnnsym.cli.progress import Advance, progress_bar
from rnnsym.errors import DataError

TABLES = "tables"  # in the folder of the figures: the package's own place may not be written to


def trained_figures(
    names: Sequence[str], folder: Path, form: str, style: str = "print", given: Mapping[str, str] = NOTHING
) -> Iterator[Path]:
    """Train what the tables in ``folder``/tables lack and yield each figure's path when it is drawn.

    A table is written after each run, and a run is kept every few updates, so that what was interrupted goes on.
    ``given`` says of each option that the user gave what it was. Errors: DataError for a figure of no training and for
    an option that a figure does not depend on, OutputError for a folder that cannot be written.
    """
    from rnnsym.dynamics import draw_in, figures, save_figure

    known = {name: entry.trained for name, entry in figures.items() if entry.trained is not None}
    foreign = next((name for name in names if name not in known), None)
    if foreign is not None:
        raise DataError(f"the figure {foreign} shows no training; --train is for {', '.join(known)}")
    for name in names or known:
        figures[name].refuse_unused(given)
    made_folder(folder / TABLES)
    for name in names or known:
        table = folder / TABLES / f"{name}.json"
        with progress_bar(counted=True) as stage:
            known[name].train(table, _Lines(name, stage))
        path = folder / f"{name}.{form}"
        save_figure(draw_in(style, partial(known[name].draw, table)), path)
        yield path


class _Lines:
    """One line a run, which says how many of its updates are done."""

    def __init__(self, name: str, stage: Callable[[str], Advance]) -> None:
        self._name, self._stage, self._run = name, stage, ""
        self._advance: Advance = stage(name)

    def __call__(self, run: str, done: int, total: int) -> None:
        if run != self._run:
            self._run, self._advance = run, self._stage(f"{self._name}: {run}")
        self._advance(done, total)
