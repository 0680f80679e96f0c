"""What is seen on figures of networks of their own: which cell, of which size, over how many steps, from which seed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np

from rnnsym.dynamics.captions import listed
from rnnsym.dynamics.data_sources import source
from rnnsym.dynamics.experiments import Run
from rnnsym.dynamics.initial_spectra import SpectrumStudy
from rnnsym.dynamics.phases import Phases
from rnnsym.dynamics.remedies import COUNT, UNITS
from rnnsym.dynamics.walls import Wall


def describe_runs(runs: Iterable[Run]) -> str:
    """Return what was trained: cells, sizes, data and their steps, updates, how clipped, from which start and seeds."""
    found = list(runs)
    units, updates, seeds = ({getattr(run, name) for run in found} for name in ("units", "updates", "seed"))
    data = listed(f"{run.data.replace('-', ' ')} (T = {source(run.data).steps})" for run in found)
    rates = sorted({run.rate for run in found})
    rate = f"{rates[0]:g}" if len(rates) == 1 else f"{rates[0]:g} to {rates[-1]:g}"
    radii = sorted({run.radius for run in found if run.radius is not None})
    start = f", ρ at the start {listed(f'{radius:g}' for radius in radii)}" if radii else ""
    return (f"{_cells(found)} of n = {_numbers(units)} on {data}: {_count(len(found), 'run')} of "
            f"{_numbers(updates)} updates by {listed(run.rule for run in found)} with η = {rate}, "
            f"{listed(map(_clipping, found))}{start}, {_seeds(seeds)}.")


def _clipping(run: Run) -> str:
    if run.clip_norm is not None:
        return f"clipped to the norm {run.clip_norm:g}"
    return "not clipped" if run.clip_value is None else f"clipped by value to {run.clip_value:g}"


def _cells(runs: list[Run]) -> str:
    names = listed(run.cell for run in runs)
    return f"The cell {names}" if len({run.cell for run in runs}) == 1 else f"The cells {names}"


def _numbers(values: Iterable[int]) -> str:
    return listed(str(value) for value in sorted(values))


def _count(number: int, word: str) -> str:
    return f"{number} {word}{'' if number == 1 else 's'}"


def _seeds(seeds: Iterable[int]) -> str:
    found = sorted(seeds)
    return f"seed {found[0]}" if len(found) == 1 else f"seeds {found[0]} to {found[-1]}"


def describe_phases(study: Phases) -> str:
    """Return which networks were followed, over how many steps, and how far measured and predicted rates differ."""
    apart = float(np.abs(study.measured - study.predicted).max())
    low, high = np.sqrt(study.variances[[0, -1]])
    return (f"The network a_t = g tanh(a_(t−1)) W + x_t of n = {study.units} units, one W ~ N(0, 1/n) for all steps, "
            f"x_t ~ N(0, R): the growth of a tangent vector a step, over steps {study.first + 1} to T = {study.steps}, "
            f"mean of {study.seeds} networks (seed {study.seed}), for g from {study.gains[0]:g} to {study.gains[-1]:g} "
            f"and √R from {low:g} to {high:g}; the measured rates and the mean field's differ by at most {apart:.2g}.")


def describe_wall(wall: Wall, foot: tuple[float, float], rate: float, updates: int, threshold: float) -> str:
    """Return which unit it is, over how many steps, and how descent goes from the foot of its wall."""
    return (f"The error E = (σ(x_T) − {wall.target:g})² of one unit, x_t = w σ(x_(t−1)) + b, from x_0 = {wall.start:g} "
            f"over T = {wall.steps} steps; nothing is drawn at random. From w = {foot[0]:g}, b = {foot[1]:g} {updates} "
            f"steps of descent with η = {rate:g}, as it is and with the gradient clipped to the norm {threshold:g}.")


def describe_spectra(studies: Mapping[str, SpectrumStudy], units: int, schemes: Iterable[str]) -> str:
    """Return of which networks singular values are shown, over how many steps, from which draws."""
    draws = next(iter(studies.values())).draws
    return (f"The simple cell of n = {units} units with {listed(studies)}, its weights started as {listed(schemes)}: "
            f"singular values of the Jacobian over T = {draws.steps} steps, median and middle 80 % of {draws.count} "
            f"draws (seed {draws.seed}).")


def describe_transient(radius: float, lags: int, longest: int) -> str:
    """Return of what the norms on both sides are, and how far they are followed."""
    return (f"Left: the 2-norm of W^k for W = (0.9, 10; 0, 0.9), n = 2, ρ(W) = {radius:g}, over lags k = 0 to {lags}. "
            "Right: the derivative of h_T by h_0 = 1 of one unit h_t = tanh(h_(t−1)), for T = 1 to "
            f"{longest:,}. Nothing is drawn at random.")


def describe_lags(cells: Iterable[str], tasks: Iterable[str], lags: Iterable[int], seeds: int) -> str:
    """Return which cells learnt which tasks at which lags, and how often each was tried."""
    return (f"The cells {listed(cells)} of n = {UNITS} on the tasks {listed(tasks)}, at the lags T = {_numbers(lags)}: "
            f"learnt or not, {_seeds(range(seeds))}.")


def describe_remedies(ways: int, steps: int, tasks: Iterable[str], seeds: int) -> str:
    """Return how many ways to start or train are compared, over how many steps, and on which tasks."""
    return (f"{ways} ways to start or train a network of n = {UNITS}: the norm of the Jacobian over T = {steps} steps "
            f"at the start, median and middle 80 % of {COUNT} draws (seed 0), and the longest lag that each of "
            f"{seeds} seeds learnt of {listed(tasks)}.")
