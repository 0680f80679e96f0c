"""Progress on standard error, so that standard output stays clean for what was asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

Advance = Callable[[int, int], None]


@contextmanager
def progress_bar(*, counted: bool = False) -> Iterator[Callable[[str], Advance]]:
    """Hand out a function that opens a line named by its argument and returns ``advance(done, total)``.

    A ``counted`` bar says in numbers how much is done, and the line that is opened next takes its place.
    """
    counts = (MofNCompleteColumn(),) if counted else ()
    bar = BarColumn(bar_width=12 if counted else 30)
    columns = (TextColumn("{task.description}"), bar, *counts, TimeElapsedColumn())
    console = Console(stderr=True)
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:

        def stage(name: str) -> Advance:
            for earlier in progress.task_ids if counted else ():
                progress.remove_task(earlier)
            task = progress.add_task(name, total=None)

            def advance(done: int, total: int) -> None:
                progress.update(task, completed=done, total=total)

            return advance

        yield stage
