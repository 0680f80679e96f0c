"""Interleaved measurements: contestants run in turn, so that a disturbance of the machine meets all of them."""

from __future__ import annotations

import gc
import random
import statistics
import time
import tracemalloc
from collections.abc import Callable, Mapping
from dataclasses import dataclass

MOST_ROUNDS, LEAST_ROUNDS = 300, 5
SAMPLE = 3e-4  # seconds: who is faster runs several times a sample, with its own data in the caches and no clock to see


@dataclass(frozen=True)
class Times:
    """Seconds of one call, by round and contestant; a slow contestant takes part in the first rounds only."""

    rounds: list[dict[str, float]]

    def medians(self) -> dict[str, float]:
        """The median seconds of each contestant."""
        return {name: statistics.median(one[name] for one in self.rounds if name in one) for name in self.rounds[0]}

    def ratio(self, name: str, base: str) -> float:
        """The median over the rounds of both of one's time to the other's: what disturbs a round cancels out."""
        return statistics.median(one[name] / one[base] for one in self.rounds if name in one and base in one)


def interleaved(contestants: Mapping[str, Callable[[], object]], seconds: float, least: int = LEAST_ROUNDS) -> Times:
    """Time all contestants in rounds, after one call each to warm up.

    Rounds go on for ``seconds``; who has used up its share of these rests once it ran in ``least`` rounds.
    """
    repeats = {name: _repeats(run) for name, run in contestants.items()}
    spent, rounds = dict.fromkeys(contestants, 0.0), list[dict[str, float]]()
    share, order = seconds / len(contestants), random.Random(0)
    while len(rounds) < MOST_ROUNDS:
        waiting = [name for name, own in spent.items() if own < share or len(rounds) < least]
        if not waiting:
            break
        order.shuffle(waiting)  # nobody always runs in the wake of the same other
        times = {name: _sample(contestants[name], repeats[name]) for name in waiting}
        rounds.append({name: times[name] / repeats[name] for name in contestants if name in times})
        for name, whole in times.items():
            spent[name] += whole
    return Times(rounds)


def _repeats(run: Callable[[], object]) -> int:
    """How many calls fill a sample; the first call warms up, the second tells."""
    run()
    return max(1, round(SAMPLE / max(_sample(run, 1), 1e-7)))


def _sample(run: Callable[[], object], repeats: int) -> float:
    """Return the seconds of so many calls, without the collector of cycles, as timeit does."""
    gc.disable()
    try:
        start = time.perf_counter()
        for _ in range(repeats):
            run()
        return time.perf_counter() - start
    finally:
        gc.enable()


def peak_memory(run: Callable[[], object]) -> int:
    """Return the most bytes that Python and NumPy held at once for one call."""
    tracemalloc.start()
    try:
        run()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
