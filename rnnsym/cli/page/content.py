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
    """A corpus that the network learns from, and what came of it."""

    corpus: Corpus
    training: Training


@dataclass(frozen=True)
class Picture:
    """A figure: its name, its title, what is seen on it in words and numbers, and the text of its SVG file."""

    name: str
    title: str
    words: str
    svg: str


@dataclass(frozen=True)
class Remedy:
    """What one remedy against vanishing or exploding gradients does for this cell, and why."""

    name: str
    effect: str
    why: str


@dataclass(frozen=True)
class Content:
    """What was derived, run, checked and drawn.

    ``sizes`` are the numbers for d, n, k, …; ``proof`` is the derivation for every T, of which the page shows the
    proof; ``reading`` is None where ``unread`` says why the network has no corpus. ``undrawn`` says why figures are
    missing. ``explorer`` is the HTML of the gradient-flow explorer, "" where the network has none.
    """

    derivation: Derivation
    sizes: dict[str, int]
    source: str
    report: Report
    pictures: tuple[Picture, ...] = ()
    undrawn: tuple[str, ...] = ()
    explorer: str = ""
    remedies: tuple[Remedy, ...] = ()
    reading: Reading | None = None
    unread: str = ""
