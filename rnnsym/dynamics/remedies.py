"""Remedies against vanishing and exploding gradients: what is claimed of each, what is measured, and the verdict.

Measured are the gradient over 100 steps before any training, and the longest lag that a network then learns.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

import numpy as np

from rnnsym.dynamics.initialisation import initialise
from rnnsym.dynamics.lessons import CLIMBED, SEEDS, Outcome, Told, longest_lag, starts, train_all
from rnnsym.dynamics.lessons import TABLE as LESSONS
from rnnsym.dynamics.products import gradient_products
from rnnsym.dynamics.result_tables import read_rows, write_rows
from rnnsym.dynamics.studies import order_statistics
from rnnsym.dynamics.tasks import task
from rnnsym.errors import DataError
from rnnsym.model.cells import cells
from rnnsym.model.kinds import entry, instance, several
from rnnsym.numerics.numbers import level, whole

STEPS, UNITS, COUNT = 100, 32, 20
TASKS = CLIMBED
BASELINE = "simple"
MAJORITY = 2  # seeds of three: one alone may be chance
CLEARLY = 0.5  # a gradient is kept clearly better where its distance from 1, in decades, is at most this share
TABLE = Path(__file__).with_name("remedies.json")


@dataclass(frozen=True)
class Remedy:
    """A remedy: the notes' claim in short, the learner of the laboratory that has it, and the one that has it not.

    ``of_updates`` says that it acts on the updates and leaves the gradient of given weights as it is.
    """

    name: str
    claim: str
    learner: str
    without: str = BASELINE
    of_updates: bool = False


_against_vanishing = "against vanishing"
remedies: Mapping[str, Remedy] = MappingProxyType({
    entry.name: entry
    for entry in (
        Remedy("ReLU", _against_vanishing, "relu"),
        Remedy("leaky ReLU", _against_vanishing, "leaky_relu"),
        Remedy("ReLU, start from I", _against_vanishing, "irnn", "relu"),
        Remedy("tanh, start from I", _against_vanishing, "identity"),
        Remedy("orthogonal start", _against_vanishing, "orthogonal"),
        Remedy("Glorot's start", _against_vanishing, BASELINE, "pytorch"),
        Remedy("Skip RNN", _against_vanishing, "skip_rnn"),
        Remedy("skip connection", _against_vanishing, "skip_connection"),
        Remedy("LSTM", "against both", "lstm_bias_0"),
        Remedy("LSTM, forget bias 1", "against both", "lstm", "lstm_bias_0"),
        Remedy("GRU", "against both", "gru"),
        Remedy("clipping", "against exploding", BASELINE, "unclipped", of_updates=True),
        Remedy("clipping, ReLU from I", "against exploding", "irnn", "irnn_unclipped", of_updates=True),
        Remedy("controlled rate, η = 0.03", "against exploding", "fast_controlled", "fast", of_updates=True),
    )
})


@dataclass(frozen=True)
class Decades:
    """log₁₀ ‖∂s_T/∂s_0‖₂ over T = 100 steps at the start: the lower median of the draws, and their middle 80 %."""

    low: float
    middle: float
    high: float

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            level(name, value)

    @property
    def distance(self) -> float:
        """How many decades from 1."""
        return abs(self.middle)


@dataclass(frozen=True)
class Effect:
    """What a remedy does: the gradient over 100 steps, and by task the longest lag that each seed learnt."""

    remedy: Remedy
    gradient: Decades
    gradient_without: Decades
    lags: Mapping[str, tuple[int, ...]]
    lags_without: Mapping[str, tuple[int, ...]]

    @property
    def changes(self) -> Mapping[str, int]:
        """By what is measured: 1 where it is better with the remedy, −1 where it is worse, else 0.

        A gradient is better where at most ``CLEARLY`` of its distance from 1, in decades, is left; a task where the
        seeds that learn a longer lag outnumber those that learn a shorter one by ``MAJORITY``.
        """
        own, other = self.gradient.distance, self.gradient_without.distance
        gradient = (own <= CLEARLY * other) - (other <= CLEARLY * own) if own != other else 0
        found = {} if self.remedy.of_updates else {"gradient": gradient}
        return found | {name: _majority(lags, self.lags_without[name]) for name, lags in self.lags.items()}

    @property
    def verdict(self) -> str:
        """Borne out: something is better and nothing worse; not borne out: nothing is better; else in part."""
        better = [name for name, change in self.changes.items() if change > 0]
        worse = [name for name, change in self.changes.items() if change < 0]
        if not better:
            return "not borne out" + (f": {', '.join(worse)} worse" if worse else "")
        if not worse:
            return f"borne out: {', '.join(better)}"
        return f"in part: {', '.join(better)}; but {', '.join(worse)} worse"


def _majority(lags: tuple[int, ...], others: tuple[int, ...]) -> int:
    signs = sum((one > other) - (one < other) for one, other in zip(lags, others, strict=True))
    return (signs >= MAJORITY) - (signs <= -MAJORITY)


def middle(lags: tuple[int, ...]) -> int:
    """Return the lower median of the seeds' lags."""
    return sorted(lags)[(len(lags) - 1) // 2]


def measure_start(learner: str, seed: int = 0) -> Decades:
    """Measure the gradient over 100 steps of a learner's network at its start, along sequences of the adding task."""
    start, first, adding = entry("learner", starts, learner), whole("seed", seed, 0) * COUNT, task("adding")
    network, sizes = adding.network(cells[start.cell or learner]), adding.sizes(UNITS)
    drawn = [initialise(network, sizes, start.scheme, one, forget_bias=start.forget_bias)
             for one in range(first, first + COUNT)]
    parameters = {name: np.stack([one[name] for one in drawn]) for name in drawn[0]}
    inputs = adding.draw(np.random.default_rng(seed), COUNT, STEPS).inputs
    norms = gradient_products(network, parameters, inputs[:, None]).log_norms[..., -1:] / np.log(10.0)
    band = order_statistics(norms.reshape(1, COUNT, 1))
    return Decades(float(band.low[0, 0]), float(band.middle[0, 0]), float(band.high[0, 0]))


def learners() -> tuple[str, ...]:
    """Return all learners that the remedies speak of, the baseline first."""
    return tuple(dict.fromkeys((BASELINE, *(name for one in remedies.values() for name in (one.learner, one.without)))))


def read_starts(path: Path = TABLE) -> dict[str, Decades]:
    """Return the measured gradient of each learner's start. Errors: DataError for a file that is no such table."""
    return dict(read_rows(path, lambda row: (instance("learner", row["learner"], str, "a name"),
                                             Decades(row["low"], row["middle"], row["high"]))))


def write_starts(path: Path = TABLE) -> None:
    """Measure every learner's start and write the table, whole or not at all."""
    rows = [{"learner": name, **vars(measure_start(name))} for name in learners()]
    write_rows(rows, path)


def starts_beside(lessons: Path) -> Path:
    """Return where the starts stand that belong to a table of lessons: the package's own, or beside it."""
    return TABLE if lessons == LESSONS else lessons.with_name(f"{lessons.stem}-starts.json")


def train_remedies(lessons: Path, progress: Told) -> None:
    """Measure every start and train every lesson anew, into a table and one beside it."""
    write_starts(starts_beside(lessons))
    train_all(lessons, progress)


def effects(gradients: Mapping[str, Decades], outcomes: Iterable[Outcome]) -> tuple[Effect, ...]:
    """Return what each remedy does, from the tables of starts and of lessons. Errors: DataError for gaps."""
    instance("gradients", gradients, Mapping, "a dict of learner to Decades")
    found = several("outcomes", outcomes, "outcomes of lessons")
    for kind, name, values in ((Decades, "gradients", tuple(gradients.values())), (Outcome, "outcomes", found)):
        for one in values:
            instance(name, one, kind, f"values of the type {kind.__name__}")
    _refuse_gaps(gradients, found)
    lags = {learner: {task: _seeds_lags(found, task, learner) for task in TASKS} for learner in learners()}
    return tuple(
        Effect(one, gradients[one.learner], gradients[one.without], lags[one.learner], lags[one.without])
        for one in remedies.values()
    )


def _refuse_gaps(gradients: Mapping[str, Decades], outcomes: tuple[Outcome, ...]) -> None:
    missing = [name for name in learners() if name not in gradients]
    if missing:
        raise DataError(f"the table of starts lacks {', '.join(missing)}: measure them with write_starts")
    trained = {(one.lesson.task, one.lesson.cell, one.lesson.seed) for one in outcomes}
    lacking = [f"{task}/{name}, seed {seed}" for task in TASKS for name in learners() for seed in range(SEEDS)
               if (task, name, seed) not in trained]
    if lacking:
        raise DataError(f"the table of lessons lacks {len(lacking)} learners, the first is {lacking[0]}: train them "
                        "with rnnsym figures remedies --train")


def _seeds_lags(outcomes: tuple[Outcome, ...], task: str, learner: str) -> tuple[int, ...]:
    """Return the longest lag that was learnt with each seed."""
    own = [one for one in outcomes if (one.lesson.task, one.lesson.cell) == (task, learner)]
    return tuple(longest_lag([one for one in own if one.lesson.seed == seed], task, learner) for seed in range(SEEDS))
