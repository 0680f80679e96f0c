"""All that the report's page shows."""

from __future__ import annotations

from dataclasses import dataclass

from rnnsym.evidence.reports import Report
from rnnsym.model.text import Corpus
from rnnsym.writing.derivation import Derivation


@dataclass(frozen=True)
class Training:
    """Gradient descent on the corpus: the loss before each step and after the last, and the final outputs."""

    learning_rate: float
    losses: tuple[float, ...]
    outputs: tuple[float, ...]


@dataclass(frozen=True)
class Reading:
    """A corpus that the network learns from, and what came of it; None where that broke off, as ``unlearnt`` says."""

    corpus: Corpus
    training: Training | None
    unlearnt: str = ""


@dataclass(frozen=True)
class Picture:
    """A figure: its name, its title, what is seen on it in words and numbers, and the text of its SVG file."""

    name: str
    title: str
    words: str
    svg: str


@dataclass(frozen=True)
class Remedy:
    """What one remedy makes of the gradient over 100 steps of this cell, and what that means."""

    name: str
    effect: str
    meaning: str


@dataclass(frozen=True)
class Content:
    """What was derived, run, checked and drawn.

    ``sizes`` are the numbers for d, n, k, …; the derivation holds the proof for every T, too. ``undrawn`` says why
    figures are missing, ``unremedied`` why no remedy was measured, ``unread`` why there is no corpus (``reading``).
    ``explorer`` is the HTML of the gradient-flow explorer, "" where the network has none.
    """

    derivation: Derivation
    sizes: dict[str, int]
    source: str
    report: Report
    pictures: tuple[Picture, ...] = ()
    undrawn: tuple[str, ...] = ()
    explorer: str = ""
    remedies: tuple[Remedy, ...] = ()
    unremedied: str = ""
    reading: Reading | None = None
    unread: str = ""
