"""Figures drawn into a folder, several at a time in processes of their own; each file is whole or not there."""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from rnnsym.cli.outputs import made_folder
from rnnsym.cli.streams import complain
from rnnsym.errors import DataError, OutputError, RnnsymError
from rnnsym.model.networks import Network
from rnnsym.model.whole_files import write_whole

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MOST_JOBS = 64
Answer = bytes | DataError  # a figure's file, or why there is none


@dataclass(frozen=True)
class Order:
    """What is drawn, and how: figures by name, of a network, in a format and a style, by so many processes.

    Each figure takes what it depends on of network, seed, steps (T, each figure's usual one where None) and notation.
    A figure that weights at random leave nothing to draw of is named and the others are drawn; ``lenient`` says that
    this is no error.
    """

    names: tuple[str, ...]
    network: Network
    form: str = "svg"
    seed: int = 0
    style: str = "print"
    jobs: int = 1
    lenient: bool = False
    steps: int | None = None
    notation: str = "author"


def usual_jobs() -> int:
    """Return how many processes draw unless said otherwise: one for each core that this one may run on."""
    cores = getattr(os, "sched_getaffinity", None)
    return max(1, min(MOST_JOBS, len(cores(0)) if cores is not None else os.cpu_count() or 1))


def checked_jobs(jobs: int | None, *, train: bool = False) -> int:
    """Return the number of processes asked for, or the usual one.

    Errors: RnnsymError for one out of range, and for any where networks ``train``.
    """
    if jobs is not None and train:
        raise RnnsymError(f"--train and --jobs {jobs}: networks train one after another; leave --jobs out")
    if jobs is not None and not 1 <= jobs <= MOST_JOBS:
        raise RnnsymError(f"--jobs: expected a number of processes from 1 to {MOST_JOBS}, but got {jobs}")
    return usual_jobs() if jobs is None else jobs


def draw_figures(order: Order, folder: Path, advance: Callable[[int, int], None] = lambda done, total: None
                 ) -> Iterator[Path]:
    """Draw figures into a folder, made where there is none, and yield their paths in the order of the names.

    The files do not depend on the number of processes: each figure has its own seed. ``advance`` hears how many are
    done. A figure without anything to draw is named on standard error and has no path here; another error stops all,
    and nothing half-written is left.
    """
    made_folder(folder)
    answers = _side_by_side if min(order.jobs, len(order.names)) > 1 else _in_turn
    paths = {name: folder / f"{name}.{order.form}" for name in order.names}
    for done, (name, answer) in enumerate(answers(order), start=1):
        if isinstance(answer, DataError):
            complain("note" if order.lenient else "error", f"the figure {name} is not drawn: {answer}")
            del paths[name]
        else:
            write_whole(answer, paths[name])
        advance(done, len(order.names))
    yield from paths.values()


def _in_turn(order: Order) -> Iterator[tuple[str, Answer]]:
    return ((name, drawn(name, order)) for name in order.names)


def _side_by_side(order: Order) -> Iterator[tuple[str, Answer]]:
    """Yield the files as they come. Errors: OutputError where a process was killed."""
    with _pool(min(order.jobs, len(order.names))) as pool:
        with _interrupts_held():
            waiting: dict[Future[Answer], str] = {pool.submit(drawn, name, order): name for name in order.names}
        try:
            for future in as_completed(waiting):
                yield waiting[future], future.result()
        except BrokenProcessPool:
            raise OutputError("a process that drew figures was killed, perhaps for want of memory; try --jobs 1"
                              ) from None


@contextmanager
def _pool(jobs: int) -> Iterator[ProcessPoolExecutor]:
    """Hand out processes, started afresh; an error or Ctrl-C ends those that still draw, without a word of theirs."""
    before = set(multiprocessing.active_children())
    pool = ProcessPoolExecutor(jobs, multiprocessing.get_context("spawn"), initializer=_leave_interrupts)
    try:
        yield pool
    except BaseException:
        pool.shutdown(wait=False, cancel_futures=True)
        for process in set(multiprocessing.active_children()) - before:
            process.terminate()
        raise
    finally:
        pool.shutdown(cancel_futures=True)


@contextmanager
def _interrupts_held() -> Iterator[None]:
    """Hold Ctrl-C back while processes start: they inherit this, and never see it; here it comes a moment later."""
    hold = getattr(signal, "pthread_sigmask", None)  # not on Windows
    before = hold(signal.SIG_BLOCK, {signal.SIGINT}) if hold is not None else None
    try:
        yield
    finally:
        if hold is not None:
            hold(signal.SIG_SETMASK, before)


def _leave_interrupts() -> None:
    """Leave Ctrl-C to the process that gave the order, which ends this one."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)


def drawn(name: str, order: Order) -> Answer:
    """Return the file of one figure, or the DataError that it ends in."""
    try:
        return _file(name, order)
    except DataError as error:
        return error


def _file(name: str, order: Order) -> bytes:
    from rnnsym.dynamics.style import figure_bytes

    return figure_bytes(ordered_figure(name, order), order.form)


def ordered_figure(name: str, order: Order) -> Figure:
    """Return one figure, drawn for what it depends on of an order."""
    from rnnsym.dynamics import figures

    entry = figures[name]
    return entry.draw(**{option: getattr(order, option) for option in entry.options}, style=order.style)
