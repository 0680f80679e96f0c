"""What an axis shows: how much of bands, so that a huge one does not flatten the curves, which ticks, which marks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from rnnsym.dynamics.studies import ProductStudy
from rnnsym.dynamics.type_sizes import type_factor

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MOST_TICKS = 5
BAND_ROOM = 0.5  # of the curves' own range, on either side


def cut_bands(axes: Axes, studies: Sequence[ProductStudy]) -> tuple[float, float] | None:
    """Keep an axis of decades to the curves where bands would flatten them; return what decades the bands reach.

    Bands that stay within ``BAND_ROOM`` are seen whole: None.
    """
    bands = [band for study in studies for band in (study.norms, study.linear) if band is not None]
    low, high = _range([band.middle for band in bands])
    least, most = _range([logs for study in studies for logs in (study.norms.low, study.norms.high)])
    room = BAND_ROOM * max(high - low, 1.0)
    if low - room <= least and most <= high + room:
        return None
    axes.set_ylim(max(min(least, low), low - room), min(max(most, high), high + room))
    return least, most


def _range(logs: Sequence[NDArray[np.float64]]) -> tuple[float, float]:
    """Return the least and the largest of natural logarithms in decades, 0 among them: there all norms begin."""
    values = np.concatenate([[0.0], *(one.ravel() for one in logs)])
    known = values[np.isfinite(values)] / np.log(10)
    return float(known.min()), float(known.max())


def marks(points: int, first: int, apart: int) -> tuple[int, int]:
    """Return the first point that is marked and how far the next is, given for a curve of a hundred points."""
    every = max(1, round(points * apart / 100))
    return round(first * every / apart), every


def step_ticks(last: int) -> list[int]:
    """Return the first step, and at most five round numbers up to the last."""
    rounds = (digit * 10**power for power in range(len(str(last))) for digit in (1, 2, 5))
    apart = next(one for one in rounds if last // one <= MOST_TICKS / type_factor())
    return sorted({1, *range(apart, last + 1, apart)})
