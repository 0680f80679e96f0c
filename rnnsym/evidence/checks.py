"""Checks of whole gradients: Hypothesis draws the examples, shrinks what fails, and a report says what was found."""

from __future__ import annotations

import inspect
import time
import warnings
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
from hypothesis import HealthCheck, Phase, Verbosity, given, reject, settings
from hypothesis import seed as fixed_seed
from hypothesis.errors import Flaky, HypothesisWarning, Unsatisfiable

from rnnsym.calculus.unrolling import StepGraph, graph_of
from rnnsym.errors import CheckError
from rnnsym.evidence.examples import Drawn, Example, examples
from rnnsym.evidence.judging import Function, OutsideDomainError, Subject, Tally, judge
from rnnsym.evidence.oracles import affordable_draws, differing_entries
from rnnsym.evidence.reports import Finding, Report, Witness
from rnnsym.evidence.verification import WITNESS, verify
from rnnsym.model.networks import Network
from rnnsym.numerics.compilation import compile_network
from rnnsym.writing.sections import derivation

EXAMPLES = 40  # covers every scale, T = 1 … 7 and padded batches several times over within a few seconds
EXACT_STEPS = {2: 3, 1: 2, 3: 2, 7: 1}  # T, and a decoder's S: two steps have a path through a step, so they come first
OPTIONAL = ("initial_state", "lengths", "target_lengths")
DIFFERENCES = "central differences in extended precision, extrapolated"
REASON = "error estimate of the extrapolation plus a running bound of float64 rounding"
NOTHING = (
    "nothing could be compared, and a check that compares nothing does not pass: "
    "no drawn example lay within the functions' domains and away from kinks"
)
Progress = Callable[[int, int], None]
LONGEST_BUDGET = 1e9  # seconds
FEWEST = 3  # examples that are compared however small the budget is
EXACT_SHARE = 0.4  # of a budget: what the exact identities of further lengths may take
ORACLE_SHARE = 0.5  # of a budget: what may be gone before ``sympy.diff`` begins


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


def check_function(
    function: Function,
    network: Network,
    seed: int = 0,
    max_examples: int = EXAMPLES,
    progress: Progress | None = None,
    budget: Budget | None = None,
) -> Report:
    """Judge a function with the signature of ``value_and_grad`` on drawn examples."""
    _check_whole("max_examples", max_examples, least=1)
    _check_whole("seed", seed, least=0)
    subject, tally = Subject.of(network), Tally()
    drawn = Drawn(*(_takes(function, name) for name in OPTIONAL))
    failures: list[Example] = []
    count = 0

    @fixed_seed(seed)
    @settings(
        max_examples=max_examples,
        database=None,
        deadline=None,
        derandomize=False,
        report_multiple_bugs=False,
        phases=(Phase.generate, Phase.shrink),
        suppress_health_check=list(HealthCheck),
        verbosity=Verbosity.quiet,
    )
    @given(examples(network, drawn))
    def trial(example: Example) -> None:
        nonlocal count
        if budget is not None and budget.spent() and count >= FEWEST and not failures:
            tally.passed_over += 1  # a failure is shrunk to the end
            return
        count += 1
        if progress is not None:
            progress(min(count, max_examples), max_examples)
        try:
            wrong = next(judge(function, subject, example, tally, locate=False), None)
        except OutsideDomainError:
            reject()
        if wrong is not None:
            failures.append(example)
            raise _WrongGradientError

    unstable = _run(trial)
    return _report(network, function, seed, tally, failures, unstable, drawn)


def _check_whole(name: str, value: Any, least: int) -> None:
    if isinstance(value, bool) or not isinstance(value, int | np.integer):
        raise CheckError(f"{name} must be a whole number, but it is {value!r:.80}")
    if value < least:
        raise CheckError(f"a check needs at least {least} example, but {value} were asked for" if name == "max_examples"
                         else f"{name} must be at least {least}, but it is {value}")


def _run(trial: Callable[[], None]) -> bool:
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


def _takes(function: Function, name: str) -> bool:
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return True
    return any(p.name == name or p.kind is p.VAR_KEYWORD for p in parameters)


def _report(
    network: Network,
    function: Function,
    seed: int,
    tally: Tally,
    failures: list[Example],
    unstable: bool,
    drawn: Drawn,
) -> Report:
    counterexample = failures[-1] if failures else None
    findings = [] if counterexample is None else _findings(function, Subject.of(network), failures)
    if unstable:
        findings = [
            Finding("", "", "the function is not deterministic: the same arguments gave different answers"),
            *findings,
        ]
    if not findings and tally.comparisons == 0:
        findings = [Finding("", "", NOTHING)]
    possible = OPTIONAL if network.shape_of_steps.decodes else OPTIONAL[:2]
    untried = [name for name in possible if not getattr(drawn, name)]
    late = [f"{tally.passed_over} examples: left out, the budget is spent"] if tally.passed_over else []
    notes = late + [f"{name}: the function does not take it, so it was not drawn" for name in untried]
    witness = Witness(DIFFERENCES, tally.comparisons, tally.error, tally.tolerance, REASON)
    subject = f"{getattr(function, '__qualname__', 'the function')} against {network.cell.name}"
    return Report(
        subject, seed, tuple(findings), counterexample, (witness,), dict(tally.detectable), (*notes, *tally.undecided)
    )


def _findings(function: Function, subject: Subject, failures: list[Example]) -> list[Finding]:
    """What is wrong on the smallest example, and what else was wrong on the one that it was shrunk from."""
    findings = list(judge(function, subject, failures[-1], Tally()))
    known = {finding.parameter for finding in findings}
    larger = [f for f in judge(function, subject, failures[0], Tally(), locate=False) if f.parameter not in known]
    return findings + [replace(f, message=f"on a larger example, too: {f.message}") for f in larger]


def check_network(
    network: Network,
    seed: int = 0,
    max_examples: int = EXAMPLES,
    progress: Progress | None = None,
    budget: float | None = None,
) -> Report:
    """Judge our own derivation and code of ``network``: exact identities, ``sympy.diff``, then drawn examples."""
    _check_whole("max_examples", max_examples, least=1)
    _check_whole("seed", seed, least=0)
    graph, time_left = graph_of(network), Budget(budget)
    exact, exact_findings, left_out = _exact_witness(network, seed, time_left)
    witnesses, findings = [exact], list(exact_findings)
    if time_left.spent(ORACLE_SHARE):
        left_out.append(f"sympy.diff of the nested loss: left out, the budget is {budget:g} s")
    else:
        oracle, oracle_findings = _oracle_witness(graph, seed)
        witnesses.append(oracle)
        findings += oracle_findings
    run = compile_network(network)
    drawn = check_function(run.value_and_grad, network, seed, max_examples, progress, time_left)
    return Report(
        f"the derivation and the code of {network.cell.name}",
        seed,
        (*findings, *drawn.findings),
        drawn.counterexample,
        (*witnesses, *drawn.witnesses),
        drawn.minimum_detectable_error,
        (*left_out, *drawn.undecided),
    )


def _exact_witness(network: Network, seed: int, budget: Budget) -> tuple[Witness, list[Finding], list[str]]:
    """Path sum, recursion and total derivative agree line by line, modulo a prime; and what there was no time for.

    The numbers of a decoder's steps are such that each path is listed, and so checked, by itself.
    """
    compared, findings, left_out = 0, list[Finding](), list[str]()
    topology = network.shape_of_steps
    for steps in (1,) if topology.single_step else EXACT_STEPS:
        if compared and budget.spent(EXACT_SHARE):
            left_out.append(f"exact identities at T = {steps}: left out, the budget is spent")
            continue
        outputs = EXACT_STEPS[steps] if topology.decodes else None
        try:
            compared += len(verify(derivation(network, steps, output_steps=outputs), seed).steps)
        except CheckError as error:
            findings.append(Finding("", "", f"at T = {steps}: {error}"))
    return Witness(WITNESS, compared, float(len(findings)), 0.0, "exact: no tolerance"), findings, left_out


def _oracle_witness(graph: StepGraph, seed: int) -> tuple[Witness, list[Finding]]:
    """The path sum against ``sympy.diff`` of the nested loss, every entry."""
    findings, compared, plans = [], 0, affordable_draws(graph, seed)
    for draw in plans:
        for name, (wrong, total) in differing_entries(graph, draw).items():
            compared += total
            if wrong:
                message = f"the sum over paths of {name} differs from sympy.diff in {wrong} of {total} entries"
                findings.append(Finding(name, "", message))
    title = "sympy.diff of the nested loss, " + ", ".join(f"T = {d.steps} and n = {d.sizes.get('n', 1)}" for d in plans)
    return Witness(title, compared, float(len(findings)), 0.0, "exact: no tolerance"), findings
