"""Whether gradients are right to 1e-12: every built-in cell and random networks, on each of our backends.

The expected gradient is exact: balls that hold it, from the network's own equations. A plain loop in float64 is itself
off where sums cancel; an array that is further off than 1e-12 of its largest entry must stay within the bound of that
rounding, and is counted apart.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import seed as fixed_seed
from hypothesis import strategies as st

import rnnsym
from benchmarks.contestants import AGREEMENT, OURS
from rnnsym.errors import DataError, DerivationError
from rnnsym.evidence import strategies
from rnnsym.evidence.designs import designed_examples
from rnnsym.evidence.enclosures import Subject, enclosed_gradient
from rnnsym.evidence.examples import Drawn, Example, examples

DESIGNS = ("three steps, one unit", "six steps, padded batch", "seven steps, no biases", "five steps, three sequences",
           "long, gradient kept")
RANDOM = {OURS[0]: 200, OURS[1]: 20}  # networks; numba compiles each for seconds


@dataclass
class Tally:
    """Arrays compared: within 1e-12 (``worst`` of these), within float64's rounding, undecided, refused, wrong."""

    networks: int = 0
    within: int = 0
    worst: float = 0.0
    rounding: int = 0
    undecided: int = 0
    refused: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)

    def add(self, name: str, found: Any, exact: Any, bound: Any) -> None:
        """Judge one gradient against the balls that hold it."""
        middle, radius = (np.vectorize(read, otypes=[float])(exact) for read in (float, lambda ball: float(ball.rad())))
        if not (np.isfinite(middle).all() and bool((radius <= bound).all())):
            self.undecided += 1  # a kink, whose two sides the balls hold, or outside a function's domain
            return
        errors = np.abs(np.asarray(found) - middle)
        relative = float(errors.max() / max(np.abs(middle).max(), 1e-300))
        if np.shape(found) == np.shape(middle) and relative <= AGREEMENT:
            self.within += 1
            self.worst = max(self.worst, relative)
        elif np.shape(found) == np.shape(middle) and bool((errors <= bound).all()):
            self.rounding += 1
        else:
            self.wrong.append(f"{name}: off by {relative:.1e}")

    def judge(self, network: Any, backend: str, chosen: Iterable[Example]) -> None:
        """Judge all parameters' gradients of a network; whatever it raises is a failure."""
        self.networks += 1
        try:
            run, subject, name = rnnsym.compile(network, backend=backend), Subject.of(network), network.cell.name
        except DerivationError as error:
            self.refused.append(f"{error}; the equations are {network.cell.text!r}")
            return
        for example in chosen:
            enclosure = enclosed_gradient(subject, example)
            try:
                _, gradients = run.value_and_grad(**example.arguments())
            except DataError:
                self.undecided += 1  # not finite, and said so
                continue
            except Exception as error:
                self.wrong.append(f"{name}: {type(error).__name__}: {error}; the equations are {network.cell.text!r}")
                continue
            for parameter, gradient in gradients.items():
                self.add(f"{name}, {parameter}", gradient, enclosure.exact[parameter], enclosure.bound[parameter])


def of_cells(names: Iterable[str], backend: str, chosen: Sequence[str] = DESIGNS) -> Tally:
    """Judge built-in cells on designed examples."""
    tally = Tally()
    for name in names:
        network = rnnsym.Network(rnnsym.cells[name])
        designs = designed_examples(network, Drawn(), seed=0)
        tally.judge(network, backend, [example for design, example in designs if design.name in chosen])
    return tally


def of_random(count: int, backend: str) -> Tally:
    """Judge random networks on one drawn example each."""
    tally = Tally()
    for network, example in _drawn(count):
        tally.judge(network, backend, [example])
    return tally


def _drawn(count: int) -> Iterator[tuple[Any, Example]]:
    found: list[tuple[Any, Example]] = []

    @fixed_seed(0)
    @settings(max_examples=count, database=None, deadline=None, phases=[Phase.generate],
              suppress_health_check=list(HealthCheck))
    @given(st.data())
    def collect(data: st.DataObject) -> None:
        network = data.draw(strategies.networks())
        found.append((network, data.draw(examples(network))))

    collect()
    yield from found


def measured(chosen: Iterable[str]) -> list[dict[str, Any]]:
    """Return the tallies of each of our backends that is chosen."""
    rows = []
    for name in (name for name in OURS if name in chosen):
        backend = name.split()[1]
        for what, tally in (("built-in cells", of_cells(rnnsym.cells, backend)),
                            ("random networks", of_random(RANDOM[name], backend))):
            rows.append({"contestant": name, "name": what, **vars(tally)})
    return rows
