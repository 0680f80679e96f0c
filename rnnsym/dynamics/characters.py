"""A text, one character a step: its alphabet, one-hot sequences, and what counting characters makes of it."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from rnnsym.dynamics.batches import Batch
from rnnsym.errors import DataError


def read_text(path: Path) -> str:
    """Return the text of a UTF-8 file. Errors: DataError naming the file."""
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError, ValueError) as error:
        raise DataError(f"{path}: cannot be read as a UTF-8 text ({error})") from None


class Characters:
    """The characters of a text as numbers, in the order of their code points.

    >>> text = Characters("abab")
    >>> text.size, text.numbers.tolist()
    (2, [0, 1, 0, 1])
    """

    def __init__(self, text: str) -> None:
        self.text, self.alphabet = text, tuple(sorted(set(text)))

    @property
    def size(self) -> int:
        """The number of characters that the text has at all."""
        return len(self.alphabet)

    @cached_property
    def numbers(self) -> NDArray[np.int64]:
        """The number of each character of the text."""
        known = {one: place for place, one in enumerate(self.alphabet)}
        return np.array([known[one] for one in self.text], dtype=np.int64)

    def parts(self, share: int, window: int) -> tuple[slice, slice]:
        """Return the places to learn from, and the last of ``share`` parts; each is longer than ``window``.

        Errors: DataError for a text that is too short.
        """
        length = len(self.text)
        held = length // share
        if held <= window:
            raise DataError(f"text: expected more than {share * (window + 1) - 1} characters, of which one part in "
                            f"{share} is held out, but there are {length}")
        return slice(0, length - held), slice(length - held, length)

    def draw(self, random: np.random.Generator, size: int, part: slice, steps: int) -> Batch:
        """Draw ``size`` runs of ``steps`` characters of a part, and what follows each of these."""
        own, rows = self.numbers[part], np.eye(self.size)
        places = random.integers(0, len(own) - steps, size)[:, None] + np.arange(steps)
        return Batch(rows[own[places]], own[places + 1])

    def sequence(self, part: slice) -> Batch:
        """The whole part as one sequence."""
        own, rows = self.numbers[part], np.eye(self.size)
        return Batch(rows[own[:-1]][None], own[1:][None])

    def bits(self, known: slice, part: slice, order: int) -> float:
        """−mean log₂ p(next | ``order`` before) over ``part``, counted in ``known`` with one of each added (Laplace).

        The first character of the part is told by none, as in a network's loss.
        """
        counts = np.ones((self.size,) * (order + 1))
        own, held = self.numbers[known], self.numbers[part]
        np.add.at(counts, tuple(own[place:len(own) - order + place] for place in range(order + 1)), 1.0)
        chances = counts / counts.sum(axis=-1, keepdims=True)
        contexts = [held[1 - order + place:len(held) - order + place] for place in range(order)]
        return float(-np.log2(chances[(*contexts, held[1:])]).mean())
