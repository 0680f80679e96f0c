"""Interleaved measurements: contestants run in turn, so that a disturbance of the machine meets all of them."""

from __future__ import annotations

import random
import statistics
import time
import tracemalloc
from collections.abc import Callable, Mapping

MOST_ROUNDS, LEAST_ROUNDS = 300, 3


def medians(contestants: Mapping[str, Callable[[], object]], seconds: float) -> dict[str, float]:
    """Return the median seconds of each contestant, after one round to warm up.

    Rounds go on for ``seconds``; who has used up its share of these rests once it has run often enough for a median.
    """
    for run in contestants.values():
        run()
    times: dict[str, list[float]] = {name: [] for name in contestants}
    share, order = seconds / len(contestants), random.Random(0)
    for _ in range(MOST_ROUNDS):
        waiting = [name for name, own in times.items() if sum(own) < share or len(own) < LEAST_ROUNDS]
        order.shuffle(waiting)  # nobody always runs in the wake of the same other
        for name in waiting:
            start = time.perf_counter()
            contestants[name]()
            times[name].append(time.perf_counter() - start)
        if not waiting:
            break
    return {name: statistics.median(own) for name, own in times.items()}


def peak_memory(run: Callable[[], object]) -> int:
    """Return the most bytes that Python and NumPy held at once for one call."""
    tracemalloc.start()
    try:
        run()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
