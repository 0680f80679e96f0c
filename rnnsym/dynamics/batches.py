"""Where a trainer's mini-batches come from. A source keeps nothing: batch m follows from the seed and m alone.

So a run that was killed goes on with the very batches that it would have seen.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from rnnsym.errors import DataError
from rnnsym.numerics.numbers import whole


@dataclass(frozen=True, eq=False)
class Batch:
    """Arguments of one update: inputs (batch, T, d), targets (batch, k) or (batch, T, k), lengths (batch,) or None."""

    inputs: Any
    targets: Any
    lengths: Any = None

    def __len__(self) -> int:
        return len(self.inputs)

    def part(self, places: NDArray[np.int64]) -> Batch:
        """Return the sequences at ``places``, in that order."""
        lengths = None if self.lengths is None else np.asarray(self.lengths)[places]
        return Batch(np.asarray(self.inputs)[places], np.asarray(self.targets)[places], lengths)


class Batches(Protocol):
    """A source of mini-batches."""

    def batch(self, update: int) -> Batch:
        """Return the batch of update m = 0, 1, 2, …, the same whenever it is asked for."""


@dataclass(frozen=True, eq=False)
class Shuffled:
    """All sequences of a data set once an epoch, in an order that is drawn anew for each epoch.

    ``size`` sequences make a batch; the last batch of an epoch holds what is left, as the mean over fewer sequences.
    """

    data: Batch
    size: int
    seed: int = 0

    def __post_init__(self) -> None:
        count = len(self.data)
        if not 1 <= whole("size", self.size, 1) <= count:
            raise DataError(f"size: expected a whole number from 1 to the {count} sequences, but it is {self.size}")
        whole("seed", self.seed, 0)
        for name, one in (("targets", self.data.targets), ("lengths", self.data.lengths)):
            if one is not None and len(one) != count:
                raise DataError(f"{name}: expected one for each of the {count} sequences, but there are {len(one)}")

    @property
    def an_epoch(self) -> int:
        """The number of batches of an epoch."""
        return -(-len(self.data) // self.size)

    def batch(self, update: int) -> Batch:
        """Return batch m mod M of epoch ⌊m / M⌋."""
        epoch, place = divmod(update, self.an_epoch)
        order = np.random.default_rng([self.seed, epoch]).permutation(len(self.data))
        return self.data.part(order[place * self.size: (place + 1) * self.size])


@dataclass(frozen=True, eq=False)
class Drawn:
    """Fresh sequences for every update: ``draw(generator, size)`` with the generator of the seed and the update."""

    draw: Callable[[np.random.Generator, int], Batch]
    size: int
    seed: int = 0

    def __post_init__(self) -> None:
        whole("size", self.size, 1)
        whole("seed", self.seed, 0)

    def batch(self, update: int) -> Batch:
        """Return the batch that is drawn for update m."""
        return self.draw(np.random.default_rng([self.seed, update]), self.size)


def padded(sequences: Any, targets: Any) -> Batch:
    """Stack sequences (T_i, d) of different lengths, zeros past each end; lengths say where these are.

    Errors: DataError for no sequences, for empty ones, and for numbers of inputs d that differ.

    >>> batch = padded([[[1.0], [2.0]], [[3.0]]], [[1.0], [0.0]])
    >>> batch.inputs[..., 0].tolist(), batch.lengths.tolist()
    ([[1.0, 2.0], [3.0, 0.0]], [2, 1])
    """
    arrays = [np.asarray(one, dtype=np.float64) for one in sequences]
    if not arrays:
        raise DataError("sequences: expected at least one")
    for place, one in enumerate(arrays):
        if one.ndim != 2 or not len(one) or one.shape[1] != arrays[0].shape[-1]:
            raise DataError(f"sequence {place}: expected the shape (T, d) with T from 1 and d = {arrays[0].shape[-1]}, "
                            f"but it is {one.shape}")
    lengths = np.array([len(one) for one in arrays])
    inputs = np.zeros((len(arrays), lengths.max(), arrays[0].shape[1]))
    for row, one in zip(inputs, arrays, strict=True):
        row[: len(one)] = one
    return Batch(inputs, np.asarray(targets), lengths)
