"""Learning rates that follow a law over the updates m = 0, 1, 2, …: the controlled learning rate of the notes."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Protocol

import numpy as np

from rnnsym.dynamics.numbers import positive
from rnnsym.errors import DataError


class Schedule(Protocol):
    """η_m of the update m = 0, 1, 2, …; positive, or 0 where a law ends there."""

    def rate(self, update: int) -> float:
        """η_m. Errors: DataError for an update that is no whole number from 0."""


@dataclass(frozen=True)
class Constant:
    """η_m = η.

    >>> Constant(0.1).rate(1000)
    0.1
    """

    start: float

    def __post_init__(self) -> None:
        positive("start", self.start)

    def rate(self, update: int) -> float:
        """η."""
        _update(update)
        return self.start


@dataclass(frozen=True)
class Steps:
    """η_m = η γ^⌊m / every⌋.

    >>> [Steps(1.0, 0.5, every=10).rate(m) for m in (0, 9, 10, 25)]
    [1.0, 1.0, 0.5, 0.25]
    """

    start: float
    factor: float
    every: int

    def __post_init__(self) -> None:
        positive("start", self.start)
        positive("factor", self.factor)
        _count("every", self.every)

    def rate(self, update: int) -> float:
        """η γ^⌊m / every⌋."""
        return float(self.start * self.factor ** (_update(update) // self.every))


@dataclass(frozen=True)
class Exponential:
    """η_m = η γ^m.

    >>> Exponential(1.0, 0.5).rate(3)
    0.125
    """

    start: float
    factor: float

    def __post_init__(self) -> None:
        positive("start", self.start)
        positive("factor", self.factor)

    def rate(self, update: int) -> float:
        """η γ^m."""
        return float(self.start * self.factor ** _update(update))


@dataclass(frozen=True)
class Cosine:
    """η_m = η_end + ½ (η − η_end)(1 + cos(π m / M)) for m ≤ M, then η_end.

    (Loshchilov, Hutter 2017, SGDR, ICLR, eq. (5), one period.)

    >>> [round(Cosine(1.0, 100).rate(m), 12) for m in (0, 50, 100, 200)]
    [1.0, 0.5, 0.0, 0.0]
    """

    start: float
    updates: int
    end: float = 0.0

    def __post_init__(self) -> None:
        positive("start", self.start)
        _count("updates", self.updates)
        if not 0.0 <= self.end <= self.start:
            raise DataError(f"end: expected a number from 0 to the start {self.start:g}, but it is {self.end!r:.80}")

    def rate(self, update: int) -> float:
        """η_end + ½ (η − η_end)(1 + cos(π m / M)), the law up to m = M."""
        share = min(_update(update), self.updates) / self.updates
        return self.end + (self.start - self.end) * math.cos(0.5 * math.pi * share) ** 2 if share < 1.0 else self.end


@dataclass(frozen=True)
class WarmUp:
    """η_m = η^{after}_0 (m + 1) / (M + 1) for m < M, then the schedule ``after`` from its own beginning.

    >>> [WarmUp(3, Constant(1.0)).rate(m) for m in range(5)]
    [0.25, 0.5, 0.75, 1.0, 1.0]
    """

    updates: int
    after: Schedule

    def __post_init__(self) -> None:
        _count("updates", self.updates)

    def rate(self, update: int) -> float:
        """The rising line, then the rate of ``after``."""
        if _update(update) < self.updates:
            return self.after.rate(0) * (update + 1) / (self.updates + 1)
        return self.after.rate(update - self.updates)


def _update(update: Any) -> int:
    if isinstance(update, bool) or not isinstance(update, int | np.integer) or update < 0:
        raise DataError(f"update: expected a whole number from 0, but it is {update!r:.80}")
    return int(update)


def _count(name: str, value: Any) -> None:
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < 1:
        raise DataError(f"{name}: expected a whole number from 1, but it is {value!r:.80}")


laws: Mapping[str, Callable[[float, int], Schedule]] = MappingProxyType({
    "constant": lambda rate, updates: Constant(rate),
    "steps": lambda rate, updates: Steps(rate, 0.5, max(1, updates // 6)),
    "exponential": lambda rate, updates: Exponential(rate, 0.01 ** (1 / max(1, updates))),
    "cosine": lambda rate, updates: Cosine(rate, max(1, updates)),
    "warm-up": lambda rate, updates: WarmUp(max(1, updates // 10), Cosine(rate, max(1, updates - updates // 10))),
})
"""The law of a run by name: halved six times, down to a hundredth, to 0 by a cosine, and that after a rise."""
