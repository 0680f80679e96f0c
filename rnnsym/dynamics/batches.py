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
from rnnsym.model.kinds import instance, several, shown
from rnnsym.numerics.arrays import as_floats
from rnnsym.numerics.numbers import seed, whole


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
        count = _count(instance("data", self.data, Batch, "a Batch of inputs and targets"))
        if not 1 <= whole("size", self.size, 1) <= count:
            raise DataError(f"size: expected a whole number from 1 to the {count} sequences, but it is {self.size}")
        seed(self.seed)

    @property
    def an_epoch(self) -> int:
        """The number of batches of an epoch."""
        return -(-len(self.data) // self.size)

    def batch(self, update: int) -> Batch:
        """Return batch m mod M of epoch ⌊m / M⌋."""
        epoch, place = divmod(whole("update", update, 0, most=None), self.an_epoch)
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
        seed(self.seed)
        if not callable(self.draw):
            raise DataError(f"draw: expected a function of a generator and a size, but it is {shown(self.draw)}")

    def batch(self, update: int) -> Batch:
        """Return the batch that is drawn for update m. Errors: DataError where ``draw`` returns no Batch."""
        found = self.draw(np.random.default_rng([self.seed, whole("update", update, 0, most=None)]), self.size)
        return instance("draw", found, Batch, "a function that returns a Batch")


def _count(data: Batch) -> int:
    """Return the number of sequences of a data set: arrays of finite numbers, a target and a length for each."""
    count = -1
    for name, value in (("inputs", data.inputs), ("targets", data.targets), ("lengths", data.lengths)):
        if value is None and name == "lengths":
            continue
        found = _rows(name, value)
        if count not in (-1, found):
            raise DataError(f"{name}: expected one for each of the {count} sequences, but there are {found}")
        count = found
    return count


def _rows(name: str, value: Any) -> int:
    array = as_floats(name, value)
    if not array.ndim:
        raise DataError(f"{name}: expected an array with one row a sequence, but it is {shown(value)}")
    return len(array)


def padded(sequences: Any, targets: Any) -> Batch:
    """Stack sequences (T_i, d) of different lengths, zeros past each end; lengths say where these are.

    Errors: DataError for no sequences, for empty ones, for numbers of inputs d that differ, for numbers that are not
    finite, and for more or fewer targets than sequences.

    >>> batch = padded([[[1.0], [2.0]], [[3.0]]], [[1.0], [0.0]])
    >>> batch.inputs[..., 0].tolist(), batch.lengths.tolist()
    ([[1.0, 2.0], [3.0, 0.0]], [2, 1])
    """
    arrays = [as_floats(f"sequence {place}", one)
              for place, one in enumerate(several("sequences", sequences, "sequences (T, d)"))]
    if not arrays:
        raise DataError("sequences: expected at least one")
    for place, one in enumerate(arrays):
        if one.ndim != 2 or not len(one) or one.shape[1:] != arrays[0].shape[1:]:
            known = f" = {arrays[0].shape[1]}" if arrays[0].ndim == 2 else ""
            raise DataError(f"sequence {place}: expected the shape (T, d) with T from 1 and d{known}, but it is "
                            f"{one.shape}")
    if _rows("targets", targets) != len(arrays):
        raise DataError(f"targets: expected one for each of the {len(arrays)} sequences, but there are {len(targets)}")
    lengths = np.array([len(one) for one in arrays])
    inputs = np.zeros((len(arrays), lengths.max(), arrays[0].shape[1]))
    for row, one in zip(inputs, arrays, strict=True):
        row[: len(one)] = one
    return Batch(inputs, np.asarray(targets), lengths)
