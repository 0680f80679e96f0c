"""How the cost of a gradient grows with T: the exponent p of seconds ~ T^p, for one sequence of 16 units."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

import rnnsym
from benchmarks.contestants import OURS, contestants, data
from benchmarks.timing import interleaved

LENGTHS = (100, 316, 1000, 3162, 10_000, 31_623, 100_000)
D, N = 8, 16


def exponent(seconds: dict[int, float]) -> float:
    """The slope of log seconds over log T, by least squares."""
    slope, _ = np.polyfit(np.log(list(seconds)), np.log(list(seconds.values())), 1)
    return float(slope)


def measured(cells: Iterable[str], seconds: float, chosen: Iterable[str]) -> list[dict[str, Any]]:
    """Return the seconds of each length and their exponent, for each cell and each of our backends that is chosen."""
    found = []
    for name in (name for name in OURS if name in chosen):
        for cell in cells:
            network = rnnsym.Network(rnnsym.cells[cell])
            runs = {str(T): contestants[name].start(cell, *data(network, (1, T, D, N))) for T in LENGTHS}
            times = {int(T): value for T, value in interleaved(runs, seconds).medians().items()}
            found.append({"cell": cell, "contestant": name, "seconds": times, "exponent": exponent(times)})
    return found
