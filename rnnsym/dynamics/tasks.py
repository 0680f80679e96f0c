"""Tasks that need a memory of a given length: one entry a task, sequences drawn afresh, what chance makes of it."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

import numpy as np

from rnnsym.dynamics.batches import Batch, Drawn
from rnnsym.model.cells import Cell
from rnnsym.model.kinds import entry, instance
from rnnsym.model.networks import Network
from rnnsym.model.topologies import topologies
from rnnsym.numerics.numbers import whole

Draw = Callable[[np.random.Generator, int, int], Batch]

LETTERS = 8  # of the copy task
LENGTH = 5  # letters to be copied


@dataclass(frozen=True)
class Task:
    """A task with one parameter, the lag T: over how many steps something must be kept.

    ``draw(generator, size, lag)`` returns ``size`` sequences. ``chance(lag)`` is the least loss without any memory of
    that length; ``shortest`` is the shortest lag. Those of the table ``tasks`` refuse a lag below it with DataError.
    """

    name: str
    title: str
    source: str
    loss: str
    topology: str
    inputs: int
    outputs: int
    shortest: int
    draw: Draw
    chance: Callable[[int], float]

    def network(self, cell: Cell) -> Network:
        """Return the network of a cell for this task, with the readout that is recommended for it and for the loss.

        Errors: NetworkError for a cell without a recommended readout.
        """
        return Network(cell, loss=self.loss, topology=self.topology, over_steps="mean" if self.every else "sum")

    @property
    def every(self) -> bool:
        """Whether there is an output at every step."""
        return topologies[self.topology].every

    def sizes(self, units: int) -> dict[str, int]:
        """Return d, n and k. Errors: DataError for units that are no whole number from 1."""
        return {"d": self.inputs, "n": whole("units", units, 1), "k": self.outputs}

    def batches(self, lag: int, size: int, seed: int = 0) -> Drawn:
        """Return a source of fresh sequences. Errors: DataError for a lag below the shortest."""
        whole("lag", lag, self.shortest)
        return Drawn(lambda random, count: self.draw(random, count, lag), size, seed)


def _adding(random: np.random.Generator, size: int, lag: int) -> Batch:
    """Numbers u_t ~ U(0, 1), two of them marked, one in each half: the target is their sum."""
    inputs = np.zeros((size, lag, 2))
    inputs[:, :, 0] = random.uniform(size=(size, lag))
    rows, half = np.arange(size), lag // 2
    marked = random.integers(0, half, size), random.integers(half, lag, size)
    for places in marked:
        inputs[rows, places, 1] = 1.0
    return Batch(inputs, sum(inputs[rows, places, 0] for places in marked)[:, None])


def _copy(random: np.random.Generator, size: int, lag: int) -> Batch:
    """Letters, T − 1 blanks, a sign to begin: then the letters are the targets, before that the blank is."""
    blank, begin, steps = LETTERS, LETTERS + 1, lag + 2 * LENGTH
    letters = random.integers(0, LETTERS, (size, LENGTH))
    given, wanted = np.full((size, steps), blank), np.full((size, steps), blank)
    given[:, :LENGTH], given[:, LENGTH + lag - 1], wanted[:, -LENGTH:] = letters, begin, letters
    return Batch(np.eye(LETTERS + 2)[given], wanted)


def _first_bit(random: np.random.Generator, size: int, lag: int) -> Batch:
    """T + 1 bits, of which the first is the target."""
    bits = random.integers(0, 2, (size, lag + 1)).astype(np.float64)
    return Batch(bits[:, :, None], bits[:, :1].copy())


_entries = (
    Task("adding", "Add the two marked numbers of a sequence",
         "Hochreiter, Schmidhuber 1997, Neural Computation 9, section 5.4; in the form of Le, Jaitly, Hinton 2015",
         "squared_error", "many-to-one", 2, 1, 2, _adding, lambda lag: 1 / 12),
    Task("copy", f"Copy {LENGTH} letters after a delay",
         "Hochreiter, Schmidhuber 1997; in the form of Arjovsky, Shah, Bengio 2016, ICML, section 5.1",
         "softmax_cross_entropy", "many-to-many", LETTERS + 2, LETTERS + 1, 1, _copy,
         lambda lag: LENGTH * math.log(LETTERS) / (lag + 2 * LENGTH)),
    Task("first-bit", "Tell the first bit of a sequence when the last has been read",
         "Bengio, Simard, Frasconi 1994, section II",
         "binary_cross_entropy", "many-to-one", 1, 1, 1, _first_bit, lambda lag: math.log(2)),
)


def _checked(one: Task) -> Task:
    """Return a task that checks what its two functions are asked for."""
    def draw(random: np.random.Generator, size: int, lag: int) -> Batch:
        generator = instance("random", random, np.random.Generator, "a generator, such as numpy.random.default_rng(0)")
        return one.draw(generator, whole("size", size, 1), whole("lag", lag, one.shortest))

    return replace(one, draw=draw, chance=lambda lag: one.chance(whole("lag", lag, one.shortest)))


tasks: Mapping[str, Task] = MappingProxyType({one.name: _checked(one) for one in _entries})


def task(name: Any) -> Task:
    """Return a task of the table. Errors: DataError for another name, with the nearest one."""
    return entry("task", tasks, name)
