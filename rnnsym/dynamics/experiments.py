"""Experiments: networks trained on data, each run a row of a table of results from which a figure is drawn.

A run says everything that its result follows from. The tables are kept beside this module; training anew gives the
same numbers up to the rounding of another machine's products.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rnnsym.dynamics.courses import Course
from rnnsym.dynamics.data_sources import Data, data_of, source
from rnnsym.dynamics.draws import with_spectral_radius
from rnnsym.dynamics.initialisation import initialise
from rnnsym.dynamics.lessons import starts
from rnnsym.dynamics.optimisers import Adam, GradientDescent, Momentum, Optimiser
from rnnsym.dynamics.result_tables import read_rows, write_rows
from rnnsym.dynamics.schedules import laws
from rnnsym.dynamics.training import Progress, Training, train
from rnnsym.errors import DataError, NotFiniteError
from rnnsym.model.cells import cells
from rnnsym.model.kinds import entry, instance
from rnnsym.numerics.arrays import as_floats
from rnnsym.numerics.compilation import CompiledNetwork, compile_network
from rnnsym.numerics.numbers import nonnegative, number, positive, seed, whole

POINTS = 60  # of a curve that a table keeps
DIGITS = 9  # of its numbers: more than a figure shows, fewer than make a table long
TABLES = Path(__file__).parent / "tables"
SAVE_EVERY = 50

rules: Mapping[str, Optimiser] = MappingProxyType(
    {"descent": GradientDescent(), "momentum": Momentum(), "adam": Adam()})

@dataclass(frozen=True)
class Run:
    """A cell on data, by a rule and a law of the rate; clipped by norm, or by value, or not.

    ``radius`` is the spectral radius that the recurrent weights start with, None: as they are drawn. Otherwise a cell
    starts as in the laboratory's lessons. Errors: DataError for a name that is in no table, and for numbers out of
    range.
    """

    data: str
    cell: str
    units: int = 32
    batch: int = 32
    updates: int = 1000
    rate: float = 1e-2
    rule: str = "adam"
    schedule: str = "constant"
    clip_norm: float | None = None
    clip_value: float | None = None
    radius: float | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        source(self.data)
        for kind, table, name in (("cell", starts, self.cell), ("rule", rules, self.rule),
                                  ("schedule", laws, self.schedule)):
            entry(kind, table, name)
        for name, least in (("units", 1), ("batch", 1), ("updates", 0)):
            whole(name, getattr(self, name), least)
        seed(self.seed)
        positive("rate", self.rate)
        for name, checked in (("clip_norm", positive), ("clip_value", positive), ("radius", nonnegative)):
            if getattr(self, name) is not None:
                checked(name, getattr(self, name))

    @property
    def name(self) -> str:
        """What tells this run from every other: all that differs from a plain one."""
        plain = Run(self.data, self.cell)
        others = [f"{key}={value}" for key, value in asdict(self).items() if value != getattr(plain, key)]
        return ", ".join([self.data, self.cell, *others])

    @property
    def training(self) -> Training:
        """How it is trained."""
        rate = laws[self.schedule](self.rate, self.updates)
        return Training(self.updates, rules[self.rule], rate, self.clip_norm, self.clip_value, SAVE_EVERY)


@dataclass(frozen=True)
class Result:
    """What became of a run.

    ``losses`` are means, ``norms`` the largest global norms before clipping, each over equal stretches of the
    ``updates``; ``measures`` are those of the trained network, ``references`` of simple rules on the same data.
    ``diverged`` names the update, "" if it did not; then nothing is measured.
    """

    run: Run
    updates: int
    losses: tuple[float, ...]
    norms: tuple[float, ...]
    measures: Mapping[str, float] = field(default_factory=dict)
    references: Mapping[str, float] = field(default_factory=dict)
    outputs: tuple[float, ...] = ()
    targets: tuple[float, ...] = ()
    diverged: str = ""

    def __post_init__(self) -> None:
        instance("run", self.run, Run, "a Run")
        whole("updates", self.updates, 0)
        instance("diverged", self.diverged, str, "a text")
        for name in ("losses", "norms", "outputs", "targets"):
            if as_floats(name, getattr(self, name)).ndim != 1:
                raise DataError(f"{name}: expected a list of numbers")
        for name in ("measures", "references"):
            for key, value in instance(name, getattr(self, name), Mapping, "a dict of numbers").items():
                number(f"{name} {key}", value)

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> Result:
        """Return the result that a row of a table tells."""
        lists = {name: tuple(row[name]) for name in ("losses", "norms", "outputs", "targets")}
        return cls(**{**row, "run": Run(**row["run"]), **lists})


def perform(run: Run, course: Path | None = None, progress: Progress | None = None, data: Data | None = None) -> Result:
    """Train a run and judge it; with ``course`` a run that was killed goes on from there to the identical result.

    ``data`` are the user's own in the place of those of the name ``run.data``, of the same kind. Errors: whatever
    ``train`` raises.
    """
    kind, start = source(instance("run", run, Run, "a Run").data), starts[run.cell]
    given = data_of(run.data) if data is None else data
    network = kind.network(cells[run.cell])
    sizes = {"d": given.inputs, "n": run.units, "k": given.outputs}
    parameters = initialise(network, sizes, start.scheme, run.seed, forget_bias=start.forget_bias)
    if run.radius is not None:
        parameters = with_spectral_radius(network, parameters, run.radius)
    compiled = compile_network(network)
    found = train(compiled, parameters, given.batches(run.batch, run.seed), run.training, course=course,
                  progress=progress)
    return _judged(run, given, compiled, found)


def _judged(run: Run, data: Data, compiled: CompiledNetwork, course: Course) -> Result:
    told = Result(run, course.updates, _stretches(course.losses, np.mean), _stretches(course.norms, np.max),
                  references=_short(data.references), diverged=course.diverged)
    if course.diverged:
        return told
    try:
        found = data.judge(compiled, course.parameters)
    except NotFiniteError as error:
        return replace(told, diverged=f"update {course.updates}: {error}")
    return replace(told, measures=_short(found.measures), outputs=_rounded(found.outputs),
                   targets=_rounded(found.targets))


def _stretches(values: NDArray[np.float64], summary: Callable[[Any], Any]) -> tuple[float, ...]:
    """Summarise equal stretches of a curve, at most ``POINTS`` of them; of none, nothing."""
    if not len(values):
        return ()
    return _rounded(summary(one) for one in np.array_split(values, min(POINTS, len(values))) if len(one))


def _rounded(values: Iterable[Any]) -> tuple[float, ...]:
    return tuple(float(f"{value:.{DIGITS}g}") for value in values)


def _short(values: Mapping[str, float]) -> dict[str, float]:
    return dict(zip(values, _rounded(values.values()), strict=True))


def read_results(path: Path) -> dict[Run, Result]:
    """Return {run: result} of a table, empty where there is none. Errors: DataError for a file that is no table."""
    return {found.run: found for found in read_rows(path, Result.from_row)}


def perform_all(
    runs: Iterable[Run], path: Path, progress: Callable[[Run, int, int], None] | None = None
) -> dict[Run, Result]:
    """Perform the runs that the table lacks and write it after each, in the order of ``runs``; others are dropped.

    The run in progress is kept beside the table every ``SAVE_EVERY`` updates: one that was killed loses no more than
    those, and ends in the identical table. Errors: OutputError where the table cannot be written.
    """
    wanted, known = tuple(runs), read_results(path)
    found = {run: known[run] for run in wanted if run in known}
    for run in wanted:
        course = _course_of(run, path)
        if run in found:
            course.unlink(missing_ok=True)  # of a run that was cut off between its row and this
            continue
        found[run] = perform(run, course, None if progress is None else _told(progress, run))
        write_rows((asdict(found[one]) for one in wanted if one in found), path)
        course.unlink(missing_ok=True)
    write_rows((asdict(found[one]) for one in wanted), path)
    return found


def _course_of(run: Run, path: Path) -> Path:
    """Return where a run in progress is kept: beside the table, under a name of the run's own."""
    return path.with_name(f"{path.stem}-{hashlib.sha256(run.name.encode()).hexdigest()[:8]}.npz")


def _told(progress: Callable[[Run, int, int], None], run: Run) -> Progress:
    return lambda done, total: progress(run, done, total)
