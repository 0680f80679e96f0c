"""The rows of the table: one cell and shape, all contestants in turn, every gradient compared before it is timed."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import Any

from benchmarks.contestants import OURS, PLAIN, Contestant, Shape, started
from benchmarks.timing import interleaved, peak_memory

SHAPES: tuple[Shape, ...] = (
    (1, 3, 5, 3), (1, 100, 5, 3), (1, 100, 8, 32), (32, 100, 32, 64), (32, 1000, 32, 128), (1, 10000, 8, 16),
)
CELLS = ("simple", "lstm", "gru")
MEASURED_MEMORY = (OURS[0], PLAIN)  # what others allocate outside Python is not seen
Row = dict[str, Any]


def measured(chosen: Mapping[str, Contestant], cell: str, shape: Shape, seconds: float) -> Row:
    """Return a row: each contestant's median seconds, others' time over ours, and the peak memory."""
    runs = started(chosen, cell, shape)
    times = interleaved(runs, seconds)
    ratios = {ours: {name: times.ratio(name, ours) for name in runs if name != ours} for ours in OURS if ours in runs}
    memory = {name: in_new_thread(runs[name]) for name in MEASURED_MEMORY if name in runs}
    return {"cell": cell, "shape": list(shape), "rounds": len(times.rounds), "seconds": times.medians(),
            "ratios": ratios, "bytes": memory}


def in_new_thread(run: Callable[[], object]) -> int:
    """Return the peak memory of a call in a thread of its own, where buffers that a thread keeps are made anew."""
    found: list[int] = []
    thread = threading.Thread(target=lambda: found.append(peak_memory(run)))
    thread.start()
    thread.join()
    if not found:
        raise SystemExit("the peak memory could not be measured: see the error above")
    return found[0]


def key(row: Mapping[str, Any]) -> tuple[int, int]:
    """The row's place in the table."""
    return CELLS.index(row["cell"]), SHAPES.index(tuple(row["shape"]))
