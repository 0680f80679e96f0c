"""Who still learns at which lag: one network trained on one task at one lag, and the table of all of these.

A lesson says everything that its outcome follows from. Outcomes are kept in a table beside this module, from which
figures are drawn; training them anew gives the same numbers up to the rounding of another machine's products.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np

from rnnsym.dynamics.courses import Course
from rnnsym.dynamics.initialisation import initialise
from rnnsym.dynamics.optimisers import Adam
from rnnsym.dynamics.result_tables import read_rows, write_rows
from rnnsym.dynamics.schedules import laws
from rnnsym.dynamics.tasks import task
from rnnsym.dynamics.training import Progress, Training, train
from rnnsym.model.cells import cells
from rnnsym.model.kinds import entry, instance
from rnnsym.numerics import numbers
from rnnsym.numerics.numbers import level, positive, whole

Told = Callable[[str, int, int], None]  # of which lesson, how many of its updates are done, of how many

SEEDS = 3
CLIMBED = ("adding", "first-bit")  # the tasks that every learner takes with every seed
LAGS = (10, 25, 50, 100, 200)
LEARNT = 0.5  # a lag is learnt where the loss falls to this share of what chance gives
RECENT = 50  # updates over whose batches the loss is averaged
TABLE = Path(__file__).with_name("lessons.json")


@dataclass(frozen=True)
class Start:
    """How a learner of the laboratory starts and goes on: a cell, a scheme of ``initialise``, and how it is trained.

    ``cell`` is named where it is not the learner's own name; ``forget_bias`` is that of its forget gate.
    """

    scheme: str
    forget_bias: float | None = None
    cell: str = ""
    clip_norm: float | None = 1.0
    rate: float = 3e-3
    schedule: str = "constant"


CELLS: Mapping[str, Start] = MappingProxyType({
    "simple": Start("xavier_uniform"),
    "irnn": Start("identity"),
    "lstm": Start("xavier_uniform", forget_bias=1.0),
    "gru": Start("xavier_uniform"),
    "skip_rnn": Start("xavier_uniform"),
})

starts: Mapping[str, Start] = MappingProxyType({
    **CELLS,
    "relu": Start("xavier_uniform", cell="simple_relu"),
    "leaky_relu": Start("xavier_uniform", cell="simple_leaky_relu"),
    "pytorch": Start("pytorch", cell="simple"),
    "orthogonal": Start("orthogonal", cell="simple"),
    "identity": Start("identity", cell="simple"),
    "skip_connection": Start("xavier_uniform"),
    "lstm_bias_0": Start("xavier_uniform", cell="lstm"),
    "unclipped": Start("xavier_uniform", cell="simple", clip_norm=None),
    "irnn_unclipped": Start("identity", cell="irnn", clip_norm=None),
    "fast": Start("xavier_uniform", cell="simple", rate=0.03),
    "fast_controlled": Start("xavier_uniform", cell="simple", rate=0.03, schedule="warm-up"),
})

@dataclass(frozen=True)
class Lesson:
    """A learner on a task at a lag: Adam, gradients clipped to a norm, until it is learnt or the updates end.

    Errors: DataError for a task, a cell or a schedule that is not in the laboratory, and for numbers out of range.
    """

    task: str
    cell: str
    lag: int
    seed: int = 0
    units: int = 32
    batch: int = 32
    rate: float = 3e-3
    clip_norm: float | None = 1.0
    updates: int = 3000
    schedule: str = "constant"

    def __post_init__(self) -> None:
        entry("cell", starts, self.cell)
        entry("schedule", laws, self.schedule)
        whole("lag", self.lag, task(self.task).shortest)
        for name in ("units", "batch"):
            whole(name, getattr(self, name), 1)
        numbers.seed(self.seed)
        whole("updates", self.updates, 0)
        positive("rate", self.rate)
        if self.clip_norm is not None:
            positive("clip_norm", self.clip_norm)

    @classmethod
    def of(cls, task: str, learner: str, lag: int, seed: int = 0) -> Lesson:
        """Return the lesson of a learner, trained the way its start says."""
        start = entry("learner", starts, learner)
        return cls(task, learner, lag, seed, rate=start.rate, clip_norm=start.clip_norm, schedule=start.schedule)

    @property
    def name(self) -> str:
        """What tells this lesson from the others of the table."""
        return f"{self.task}/{self.cell}/{self.lag}/{self.seed}"


@dataclass(frozen=True)
class Outcome:
    """``share``: the mean loss of the last ``RECENT`` updates over chance's. ``updates`` says when it was learnt."""

    lesson: Lesson
    share: float
    updates: int
    diverged: str = ""

    def __post_init__(self) -> None:
        instance("lesson", self.lesson, Lesson, "a Lesson")
        level("share", self.share)
        whole("updates", self.updates, 0)
        instance("diverged", self.diverged, str, "a text")

    @property
    def learnt(self) -> bool:
        """Whether the loss fell below half of what chance gives."""
        return not self.diverged and self.share < LEARNT


def share_of_chance(lesson: Lesson, course: Course) -> float:
    """Return the mean loss of the last updates over what chance gives."""
    return float(np.mean(course.losses[-RECENT:]) / task(lesson.task).chance(lesson.lag))


def take(lesson: Lesson, course: Path | None = None, progress: Progress | None = None) -> Outcome:
    """Train a lesson; with ``course`` a run that was killed goes on from there.

    Errors: whatever ``train`` raises; a lesson that cannot be had is refused where it is made.
    """
    chosen, start = task(instance("lesson", lesson, Lesson, "a Lesson").task), starts[lesson.cell]
    network = chosen.network(cells[start.cell or lesson.cell])
    parameters = initialise(network, chosen.sizes(lesson.units), start.scheme, lesson.seed,
                            forget_bias=start.forget_bias)
    rate = laws[lesson.schedule](lesson.rate, lesson.updates)
    training = Training(lesson.updates, Adam(), rate, clip_norm=lesson.clip_norm, save_every=RECENT)
    found = train(network, parameters, chosen.batches(lesson.lag, lesson.batch, lesson.seed), training, course=course,
                  progress=progress, until=lambda one: share_of_chance(lesson, one) < LEARNT)
    share = share_of_chance(lesson, found) if found.updates else float("inf")
    return Outcome(lesson, share, found.updates, found.diverged)


def curriculum(seeds: Iterable[int] = (0,)) -> tuple[Lesson, ...]:
    """Return all lessons of the table: three tasks, five cells, five lags."""
    return tuple(Lesson.of(one, cell, lag, seed) for one in ("adding", "copy", "first-bit") for cell in CELLS
                 for lag in LAGS for seed in seeds)


def climb(name: str, learner: str, path: Path = TABLE, *, seed: int = 0, progress: Told | None = None) -> None:
    """Train a learner on a task at longer and longer lags, up to the first that it does not learn."""
    for lag in LAGS:
        lesson = Lesson.of(name, learner, lag, seed)
        if not take_all([lesson], path, progress=progress)[lesson.name].learnt:
            return


def train_all(path: Path, progress: Told) -> None:
    """Train the whole curriculum, and every learner with every seed on the tasks of the remedies, into a table."""
    take_all(curriculum(), path, progress=progress)
    for seed in range(SEEDS):
        for learner in starts:
            for name in CLIMBED:
                climb(name, learner, path, seed=seed, progress=progress)


def read_outcomes(path: Path = TABLE) -> dict[str, Outcome]:
    """Return {name: outcome} of a table. Errors: DataError for a file that is none."""
    found = read_rows(path, lambda row: Outcome(Lesson(**row["lesson"]), row["share"], row["updates"], row["diverged"]))
    return {outcome.lesson.name: outcome for outcome in found}


def write_outcomes(outcomes: Iterable[Outcome], path: Path = TABLE) -> None:
    """Write a table, whole or not at all, one outcome a line. Errors: OutputError where it cannot be written."""
    write_rows((asdict(one) for one in sorted(outcomes, key=lambda one: _order(one.lesson))), path)


def _order(lesson: Lesson) -> tuple[Any, ...]:
    return lesson.task, list(starts).index(lesson.cell), lesson.lag, lesson.seed


def take_all(lessons: Iterable[Lesson], path: Path = TABLE, *, anew: bool = False,
             progress: Told | None = None) -> dict[str, Outcome]:
    """Train what the table lacks, or everything, and write the table after each lesson: an interruption loses one."""
    found = {} if anew else read_outcomes(path)
    for lesson in lessons:
        if lesson.name in found and found[lesson.name].lesson == lesson:
            continue
        told = None if progress is None else _told(progress, lesson)
        found[lesson.name] = take(lesson, progress=told)
        write_outcomes(found.values(), path)
    return found


def _told(progress: Told, lesson: Lesson) -> Progress:
    return lambda done, total: progress(lesson.name, done, total)


def longest_lag(outcomes: Iterable[Outcome], name: str, cell: str) -> int:
    """Return the longest lag up to which every lag of a task was learnt by a cell, 0 where the shortest was not."""
    own = sorted((one.lesson.lag, one.learnt) for one in outcomes if (one.lesson.task, one.lesson.cell) == (name, cell))
    longest = 0
    for lag, learnt in own:
        if not learnt:
            break
        longest = lag
    return longest
