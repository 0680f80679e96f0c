"""The table of experiments: a new one is one entry, its runs and where its results are kept."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from rnnsym.dynamics.experiments import TABLES, Result, Run, perform_all, read_results, rules
from rnnsym.dynamics.schedules import laws
from rnnsym.errors import DataError

LAB = ("simple", "irnn", "lstm", "gru")
SEEDS = (0, 1, 2)
RATES = tuple(float(f"{digit}e{power}") for power in range(-4, 1) for digit in (1, 3))
CLIPPED: Mapping[str, Mapping[str, float]] = MappingProxyType(
    {"none": {}, "norm": {"clip_norm": 1.0}, "value": {"clip_value": 0.1}})


@dataclass(frozen=True)
class Experiment:
    """A question to be answered by ``runs``, whose results are one table."""

    name: str
    title: str
    runs: tuple[Run, ...]

    @property
    def table(self) -> Path:
        """Where the results that come with the package are kept."""
        return TABLES / f"{self.name}.json"

    def results(self, path: Path | None = None) -> dict[Run, Result]:
        """Return the results of all runs, in their order. Errors: DataError for a table that lacks one."""
        place = self.table if path is None else path
        found = read_results(place)
        missing = [run.name for run in self.runs if run not in found]
        if missing:
            raise DataError(f"{place}: lacks {len(missing)} of {len(self.runs)} runs, the first is {missing[0]!r}; "
                            f"train it with rnnsym figures {self.name} --train")
        return {run: found[run] for run in self.runs}

    def train(self, path: Path, progress: Callable[[Run, int, int], None] | None = None) -> dict[Run, Result]:
        """Perform what a table lacks of the runs; interrupted, it goes on from there. Errors as for ``perform_all``."""
        return perform_all(self.runs, path, progress)


def _small() -> Iterator[Run]:
    for data, units, size in (("reviews", 3, 3), ("three-bits", 4, 4)):
        for cell in ("simple", "lstm", "gru"):
            for seed in SEEDS:
                yield Run(data, cell, units, size, updates=300, rate=0.03, seed=seed)


def _digits() -> Iterator[Run]:
    for data, updates, rate in (("digits-by-row", 600, 5e-3), ("digits-by-pixel", 2000, 3e-3)):
        for cell in LAB:
            for seed in SEEDS:
                yield Run(data, cell, 32, 64, updates, rate, clip_norm=1.0, seed=seed)


def _sunspots() -> Iterator[Run]:
    for cell in LAB:
        for seed in SEEDS:
            yield Run("sunspots", cell, 16, 32, 600, 5e-3, clip_norm=1.0, seed=seed)


def _characters() -> Iterator[Run]:
    for cell in LAB:
        for updates in (50, 100, 200, 400, 800):
            yield Run("sonnets", cell, 48, 32, updates, 5e-3, clip_value=5.0)


def _clipping() -> Iterator[Run]:
    for radius in (1.0, 1.5, 2.0):
        for clip in CLIPPED.values():
            for seed in range(5):
                yield Run("adding-20", "simple", updates=1000, rate=0.1, rule="descent", radius=radius, seed=seed,
                          clip_norm=clip.get("clip_norm"), clip_value=clip.get("clip_value"))


def _rates() -> Iterator[Run]:
    for rule in rules:
        for rate in RATES:
            yield Run("digits-by-row", "simple", 32, 64, 300, rate, rule)
    for law in laws:
        for seed in SEEDS:
            yield Run("digits-by-row", "simple", 32, 64, 300, 0.03, "adam", law, seed=seed)


_runs: Mapping[str, tuple[str, Callable[[], Iterator[Run]]]] = MappingProxyType({
    "reviews": ("The notes' three reviews and their table of three bits, learnt", _small),
    "sunspots": ("The next year's sunspots, forecast and observed", _sunspots),
    "digits": ("Handwritten digits, read by row and by pixel", _digits),
    "characters": ("The next character of a text, in bits, over the updates", _characters),
    "clipping": ("Descent with and without clipping, by the spectral radius at the start", _clipping),
    "learning-rates": ("What the learning rate and its schedule do", _rates),
})

experiments: Mapping[str, Experiment] = MappingProxyType({
    name: Experiment(name, title, tuple(dict.fromkeys(runs()))) for name, (title, runs) in _runs.items()})


def experiment(name: Any) -> Experiment:
    """Return an experiment of the table. Errors: DataError for another name, with the nearest one."""
    if not isinstance(name, str) or name not in experiments:
        near = difflib.get_close_matches(str(name), experiments, 1)
        question = f" (did you mean {near[0]!r}?)" if near else ""
        raise DataError(f"experiment: there is no {name!r:.80}{question}; there are {', '.join(experiments)}")
    return experiments[name]
