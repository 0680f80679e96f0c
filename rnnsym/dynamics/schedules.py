"""Learning rates that follow a law over the updates m = 0, 1, 2, …: the controlled learning rate of the notes."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Protocol, runtime_checkable

from rnnsym.errors import DataError, NotFiniteError
from rnnsym.numerics.numbers import nonnegative, positive, whole

LARGEST_LOG = math.log(sys.float_info.max)


@runtime_checkable
class Schedule(Protocol):
    """η_m of the update m = 0, 1, 2, …; positive, or 0 where a law ends there or falls below the smallest float."""

    def rate(self, update: int) -> float:
        """η_m.

        Errors: DataError for an update that is no whole number from 0, NotFiniteError for a rate that overflows.
        """


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
        return float(self.start)


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
        whole("every", self.every, 1)

    def rate(self, update: int) -> float:
        """η γ^⌊m / every⌋."""
        return _geometric(self.start, self.factor, _update(update) // self.every)


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
        return _geometric(self.start, self.factor, _update(update))


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
        whole("updates", self.updates, 1)
        if nonnegative("end", self.end) > self.start:
            raise DataError(f"end: expected a number from 0 to the start {self.start:g}, but it is {self.end!r:.80}")

    def rate(self, update: int) -> float:
        """η_end + ½ (η − η_end)(1 + cos(π m / M)), the law up to m = M."""
        share, start, end = min(_update(update), self.updates) / self.updates, float(self.start), float(self.end)
        return end + (start - end) * math.cos(0.5 * math.pi * share) ** 2 if share < 1.0 else end


@dataclass(frozen=True)
class WarmUp:
    """η_m = η^{after}_0 (m + 1) / (M + 1) for m < M, then the schedule ``after`` from its own beginning.

    >>> [WarmUp(3, Constant(1.0)).rate(m) for m in range(5)]
    [0.25, 0.5, 0.75, 1.0, 1.0]
    """

    updates: int
    after: Schedule

    def __post_init__(self) -> None:
        whole("updates", self.updates, 1)
        if isinstance(self.after, type) or not isinstance(self.after, Schedule):
            raise DataError(f"after: expected a schedule such as Constant(0.1), but it is {self.after!r:.80}")

    def rate(self, update: int) -> float:
        """The rising line, then the rate of ``after``."""
        if _update(update) < self.updates:
            first, power = math.frexp(self.after.rate(0))  # the product below is to stay a float
            return math.ldexp(first * (update + 1) / (self.updates + 1), power)
        return self.after.rate(update - self.updates)


def _update(update: Any) -> int:
    return whole("update", update, 0)


def _geometric(start: float, factor: float, power: int) -> float:
    """Return start · factor^power, by logarithms where the power alone leaves the floats."""
    first, each = float(start), float(factor)
    try:
        powered = each**power
    except OverflowError:
        powered = math.inf
    if sys.float_info.min <= powered < math.inf:
        found = first * powered
    else:
        exponent = math.log(first) + power * math.log(each)
        found = math.exp(exponent) if exponent < LARGEST_LOG else math.inf
    if math.isinf(found):
        raise NotFiniteError(f"rate: {first:g} · {each:g}^{power} is above the largest float: take a factor "
                             "of at most 1")
    return found


def _by_updates(law: Callable[[float, int], Schedule]) -> Callable[[float, int], Schedule]:
    return lambda rate, updates: law(rate, whole("updates", updates, 0))


laws: Mapping[str, Callable[[float, int], Schedule]] = MappingProxyType({
    "constant": _by_updates(lambda rate, updates: Constant(rate)),
    "steps": _by_updates(lambda rate, updates: Steps(rate, 0.5, max(1, updates // 6))),
    "exponential": _by_updates(lambda rate, updates: Exponential(rate, 0.01 ** (1 / max(1, updates)))),
    "cosine": _by_updates(lambda rate, updates: Cosine(rate, max(1, updates))),
    "warm-up": _by_updates(
        lambda rate, updates: WarmUp(max(1, updates // 10), Cosine(rate, max(1, updates - updates // 10)))),
})
"""The law of a run by name: halved six times, down to a hundredth, to 0 by a cosine, and that after a rise."""
