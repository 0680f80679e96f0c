"""A function tried on designed and on drawn examples: what was judged, what failed, the smallest that still fails."""

from __future__ import annotations

import inspect
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from hypothesis import HealthCheck, Phase, Verbosity, given, reject, settings
from hypothesis import seed as fixed_seed
from hypothesis.errors import Flaky, HypothesisWarning, Unsatisfiable

from rnnsym.errors import CheckError
from rnnsym.evidence.adapters import Adapter
from rnnsym.evidence.confirmations import Confirmations
from rnnsym.evidence.designs import REGIMES, designed_examples
from rnnsym.evidence.enclosures import Subject
from rnnsym.evidence.examples import Drawn, Example, examples
from rnnsym.evidence.judging import Function, Judgement, OutsideDomainError, Tally, judge
from rnnsym.evidence.shrinking import shrunk

Progress = Callable[[int, int], None]
OPTIONAL = ("initial_state", "lengths", "target_lengths")
LONGEST_BUDGET = 1e9  # seconds
FEWEST = 3  # examples that are compared however small the budget is
CONFIRMED_WORK = 1500  # sequence-steps times parameter entries of an example that the other witnesses judge, too


class Budget:
    """The time that a check may take, in seconds; None is no limit. The least that each witness does is always done."""

    def __init__(self, seconds: float | None) -> None:
        number = isinstance(seconds, int | float) and not isinstance(seconds, bool)
        if seconds is not None and not (number and 0 < seconds < LONGEST_BUDGET):
            raise CheckError(f"the budget is a number of seconds above 0, but it is {seconds!r:.80}")
        self._seconds, self._begun = seconds, time.monotonic()

    def spent(self, share: float = 1.0) -> bool:
        """Whether more than a share of the time is gone."""
        return self._seconds is not None and time.monotonic() - self._begun > share * self._seconds


class _WrongGradientError(AssertionError):
    """Tells Hypothesis that an example fails."""


def takes(function: Function, name: str) -> bool:
    """Whether a function takes an argument of this name."""
    if isinstance(function, Adapter):
        return name in function.takes
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return True
    return any(p.name == name or p.kind is p.VAR_KEYWORD for p in parameters)


@dataclass
class Trials:
    """All that was tried with one function. ``kept`` are the judgements of designs and of what failed among the drawn.

    ``regimes[name]`` counts on how many of the designed examples something was wrong, and how many there were.
    """

    function: Function
    subject: Subject
    seed: int
    dtype: Any
    confirmations: Confirmations
    confirmed: int
    tally: Tally = field(default_factory=Tally)
    kept: list[Judgement] = field(default_factory=list)
    failures: list[Example] = field(default_factory=list)
    regimes: dict[str, list[int]] = field(default_factory=lambda: {name: [0, 0] for name in REGIMES})
    tried: int = 0
    unstable: bool = False

    @property
    def drawn(self) -> Drawn:
        """Which of the optional arguments the function takes."""
        return Drawn(*(takes(self.function, name) for name in OPTIONAL))

    def run(self, max_examples: int, progress: Progress | None, budget: Budget) -> None:
        """Try designed examples first, at most half of all; then drawn ones."""
        self._run_designs(max_examples, progress, budget)
        if self.tried < max_examples:
            self._run_drawn(max_examples, progress, budget)

    def failed(self) -> list[Judgement]:
        """Return the judgements that found something wrong."""
        return [one for one in self.kept if one.failed]

    def smallest(self) -> Judgement | None:
        """The smallest failing example, judged; None where nothing failed."""
        failed = self.failed()
        if self.failures:
            return judge(self.function, self.subject, self.failures[-1], Tally(), self.dtype)
        if not failed:
            return None
        first = min(failed, key=lambda one: one.example.inputs.size + one.example.targets.size)
        found = shrunk(self.subject.network, first.example, self._fails)
        return judge(self.function, self.subject, found, Tally(), self.dtype)

    def _fails(self, example: Example) -> bool:
        try:
            return judge(self.function, self.subject, example, Tally(), self.dtype).failed
        except OutsideDomainError:
            return False

    def _run_designs(self, max_examples: int, progress: Progress | None, budget: Budget) -> None:
        most = max_examples // 2
        designs = designed_examples(self.subject.network, self.drawn, self.seed, self.dtype) if most else iter(())
        for (design, example), _ in zip(designs, range(most), strict=False):
            if budget.spent() and self.tried >= FEWEST:
                self.tally.passed_over += 1
                continue
            self._count(max_examples, progress)
            judgement = self._judged(example)
            if judgement is not None:
                self.kept.append(judgement)
                self.regimes[design.regime][0] += judgement.failed
                self.regimes[design.regime][1] += 1

    def _judged(self, example: Example) -> Judgement | None:
        try:
            judgement = judge(self.function, self.subject, example, self.tally, self.dtype)
        except OutsideDomainError:
            return None
        self._confirm(judgement)
        return judgement

    def _count(self, most: int, progress: Progress | None) -> None:
        self.tried += 1
        if progress is not None:
            progress(min(self.tried, most), most)

    def _confirm(self, judgement: Judgement) -> None:
        """Let the other witnesses judge the reference, on examples that cost them little, as long as they are to."""
        example = judgement.example
        entries = sum(value.size for value in example.parameters.values())
        steps = max(example.inputs.size // example.inputs.shape[-1], example.targets.size // example.targets.shape[-1])
        if self.confirmed > 0 and steps * entries <= CONFIRMED_WORK:
            self.confirmed -= 1
            self.confirmations.confirm(example, judgement.enclosure)

    def _run_drawn(self, max_examples: int, progress: Progress | None, budget: Budget) -> None:
        @fixed_seed(self.seed)
        @settings(
            max_examples=max_examples - self.tried,
            database=None,
            deadline=None,
            derandomize=False,
            report_multiple_bugs=False,
            phases=(Phase.generate, Phase.shrink),
            suppress_health_check=list(HealthCheck),
            verbosity=Verbosity.quiet,
        )
        @given(examples(self.subject.network, self.drawn))
        def trial(example: Example) -> None:
            if budget.spent() and self.tried >= FEWEST and not self.failures:
                self.tally.passed_over += 1  # a failure is shrunk to the end
                return
            self._count(max_examples, progress)
            judgement = self._judged(example)
            if judgement is None:
                reject()
            elif judgement.failed:
                self._fail(judgement)

        self.unstable = _flaky(trial)

    def _fail(self, judgement: Judgement) -> None:
        if not self.failures:
            self.kept.append(judgement)
        self.failures.append(judgement.example)
        raise _WrongGradientError


def _flaky(trial: Callable[[], None]) -> bool:
    """Run the trials; True where the same example failed once and passed once."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", HypothesisWarning)
            trial()
    except _WrongGradientError:
        return False
    except Flaky:
        return True
    except Unsatisfiable:
        return False  # no example lay in the domain: the tally is empty, and the report says so
    return False


def known_dtype(dtype: Any) -> Any:
    """Return float64, or the dtype that is asked for; CheckError for any but float64 and float32."""
    try:
        known = np.dtype(np.float64 if dtype is None else dtype)
    except TypeError:
        known = np.dtype(object)
    if known not in (np.dtype(np.float64), np.dtype(np.float32)):
        raise CheckError(f"dtype is float64 or float32, but it is {dtype!r:.80}")
    return known
