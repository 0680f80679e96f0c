"""Checks of whole gradients: designed and drawn examples, what fails made small, and a report of what was found."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from rnnsym.calculus.unrolling import StepGraph, graph_of
from rnnsym.errors import CheckError
from rnnsym.evidence.adapters import Adapter
from rnnsym.evidence.confirmations import Confirmations
from rnnsym.evidence.diagnosis import findings_of
from rnnsym.evidence.enclosures import Subject, free_starts, has_input_at_each_step
from rnnsym.evidence.examples import Example
from rnnsym.evidence.judging import Function
from rnnsym.evidence.oracles import affordable_draws, differing_entries
from rnnsym.evidence.probes import adapted
from rnnsym.evidence.reports import Finding, Report, Witness
from rnnsym.evidence.trials import OPTIONAL, Budget, Progress, Trials, known_dtype
from rnnsym.evidence.verification import WITNESS, verify
from rnnsym.model.networks import Network
from rnnsym.numerics.compilation import CompiledNetwork, compile_network
from rnnsym.writing.sections import derivation

EXAMPLES = 60  # all designs, and as many drawn ones: every scale, T = 1 … 7 and padded batches several times over
THOROUGH = 5  # times as many
EXACT_STEPS = {2: 3, 1: 2, 3: 2, 7: 1}  # T, and a decoder's S: two steps have a path through a step, so they come first
ENCLOSURE = "ball arithmetic, the adjoint recursion at 128 bits"
REASON = (
    "SLACK times a first-order bound of {dtype} rounding along the recursion, path by path, which no gradient that has "
    "vanished makes smaller or larger"
).replace("SLACK", "8")
NOTHING = (
    "nothing could be compared, and a check that compares nothing does not pass: "
    "no example lay within the functions' domains and away from kinks"
)
EXACT_SHARE = 0.4  # of a budget: what the exact identities of further lengths may take
ORACLE_SHARE = 0.5  # of a budget: what may be gone before ``sympy.diff`` begins
CONFIRMED = 6  # examples whose reference the other witnesses confirm, when a user's function is judged


def check_function(
    function: Function,
    network: Network,
    seed: int = 0,
    max_examples: int = EXAMPLES,
    progress: Progress | None = None,
    budget: Budget | None = None,
    *,
    thorough: bool = False,
    dtype: Any = None,
    confirmed: int = CONFIRMED,
) -> Report:
    """Judge a function with the signature of ``value_and_grad`` on designed and drawn examples."""
    _check_whole("max_examples", max_examples, least=1)
    _check_whole("seed", seed, least=0)
    if not callable(function):
        wanted = "what is checked must be a function of (parameters, inputs, targets)"
        raise CheckError(f"{wanted}, but it is {function!r:.80}")
    subject = Subject.of(network)
    trials = Trials(adapted(function, network), subject, seed, known_dtype(dtype), Confirmations(subject), confirmed)
    trials.run(max_examples * (THOROUGH if thorough else 1), progress, budget or Budget(None))
    return _report(trials)


def _check_whole(name: str, value: Any, least: int) -> None:
    if isinstance(value, bool) or not isinstance(value, int | np.integer):
        raise CheckError(f"{name} must be a whole number, but it is {value!r:.80}")
    if value < least:
        raise CheckError(f"a check needs at least {least} example, but {value} were asked for" if name == "max_examples"
                         else f"{name} must be at least {least}, but it is {value}")


def _report(trials: Trials) -> Report:
    smallest, tally = trials.smallest(), trials.tally
    findings = findings_of(trials.subject, trials.kept, smallest, trials.dtype) if smallest is not None else []
    if trials.unstable:
        unstable = "the function is not deterministic: the same arguments gave different answers"
        findings = [Finding("", "", unstable), *findings]
    findings += trials.confirmations.findings
    if not findings and tally.comparisons == 0:
        findings = [Finding("", "", NOTHING)]
    original = trials.function.function if isinstance(trials.function, Adapter) else trials.function
    name = getattr(original, "__qualname__", "the function")
    reason = REASON.format(dtype=trials.dtype)
    witness = Witness(ENCLOSURE, tally.comparisons, tally.error, tally.tolerance, reason)
    return Report(
        f"{name} against {trials.subject.network.cell.name}", trials.seed, tuple(findings),
        None if smallest is None else smallest.example, (witness, *trials.confirmations.witnesses()),
        dict(tally.detectable), (*_untried(trials), *tally.undecided),
        {name: (wrong, all_) for name, (wrong, all_) in trials.regimes.items() if all_},
        trials.function.words() if isinstance(trials.function, Adapter) else "",
        "" if smallest is None else _call(trials.function, smallest.example),
        str(trials.dtype),
    )


def _call(function: Function, example: Example) -> str:
    """The call of a function at an example, to paste below it; nothing for one without a name."""
    given = tuple(name for name in OPTIONAL if getattr(example, name) is not None)
    if isinstance(function, Adapter):
        return function.call(given)
    name = getattr(function, "__name__", "")
    arguments = ", ".join(f"{one}={one}" for one in ("parameters", "inputs", "targets", *given))
    return f"{name}({arguments})" if name.isidentifier() else ""


def _untried(trials: Trials) -> list[str]:
    """What was not drawn, or left out for want of time."""
    possible = OPTIONAL if trials.subject.network.shape_of_steps.decodes else OPTIONAL[:2]
    untried = [name for name in possible if not getattr(trials.drawn, name)]
    passed_over = trials.tally.passed_over
    late = [f"{passed_over} examples: left out, the budget is spent"] if passed_over else []
    return late + [f"{name}: the function does not take it, so it was not drawn" for name in untried]


def check_network(
    network: Network,
    seed: int = 0,
    max_examples: int = EXAMPLES,
    progress: Progress | None = None,
    budget: float | None = None,
    *,
    thorough: bool = False,
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
    most = max_examples * (THOROUGH if thorough else 1)
    drawn = check_function(_with_inputs(Subject.of(network)), network, seed, most, progress, time_left, confirmed=most)
    return Report(
        f"the derivation and the code of {network.cell.name}",
        seed,
        (*findings, *drawn.findings),
        drawn.counterexample,
        (*witnesses, *drawn.witnesses),
        drawn.minimum_detectable_error,
        (*left_out, *drawn.undecided),
        drawn.regimes,
    )


def _with_inputs(subject: Subject) -> Function:
    """Our own code, asked for ∂L/∂x_t and ∂L/∂h_0, too: what each step contributes, by itself."""
    inputs = ["inputs"] if has_input_at_each_step(subject.network) else []
    wanted = [*(p.name for p in subject.network.parameters), *inputs, *(f"{name}_0" for name in free_starts(subject))]
    return partial(both_codes(compile_network(subject.network)), wrt=tuple(wanted))


def both_codes(run: CompiledNetwork) -> Function:
    """Return ``value_and_grad`` as the mean of what the code for every size and that for a call's own sizes find.

    One sequence may run code of its own, by which the other would never be judged; an error of either is half an error
    of their mean, and where both are one code the mean is its answer to the last bit.
    """
    general = replace(run, forms=False)

    def value_and_grad(
        parameters: Any, inputs: Any, targets: Any, initial_state: Any = None, lengths: Any = None,
        wrt: Any = None, *, target_lengths: Any = None,
    ) -> tuple[float, dict[str, Any]]:
        given = (parameters, inputs, targets, initial_state, lengths, wrt)
        loss, gradients = run.value_and_grad(*given, target_lengths=target_lengths)
        if lengths is not None or len(inputs) > 1:
            return loss, gradients
        other, others = general.value_and_grad(*given, target_lengths=target_lengths)
        return (loss + other) / 2, {name: (value + others[name]) / 2 for name, value in gradients.items()}

    return value_and_grad


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
