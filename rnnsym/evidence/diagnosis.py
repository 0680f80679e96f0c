"""What is likely wrong in a gradient: the mistake whose prediction leaves nothing of the error unexplained.

A diagnosis must fit every case that is looked at, those with no error among them. What no entry of the tables
explains is said to be unknown.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache, partial
from typing import Any

import numpy as np

from rnnsym.evidence.cases import Case
from rnnsym.evidence.common_factors import common_factors, without
from rnnsym.evidence.enclosures import Subject
from rnnsym.evidence.examples import Example
from rnnsym.evidence.judging import Judgement, entry_text
from rnnsym.evidence.mistakes import EXCHANGED, MISTAKES, OTHER_ARGUMENTS, in_single
from rnnsym.evidence.mutants import Mutant, mutants
from rnnsym.evidence.reports import Finding
from rnnsym.model.expressions import Expression
from rnnsym.numerics.arrays import Float
from rnnsym.writing.layout import lay_out, style_of
from rnnsym.writing.plain import plain

MOST_CASES = 8  # of failing calls that a diagnosis must explain: enough that none fits by accident
MUTANT_STEPS = 40  # sequence-steps of a case on which mutants of the recursion are tried
SECOND_CASES = 2  # of calls without an error


@dataclass(frozen=True)
class Diagnosis:
    """A mistake, as a sentence, and the parameters whose errors it explains."""

    sentence: str
    parameters: tuple[str, ...]


def findings_of(
    subject: Subject, kept: list[Judgement], smallest: Judgement, dtype: Any = np.float64
) -> list[Finding]:
    """What is wrong on the smallest example, with the likely mistake; and what else was wrong on larger ones."""
    if smallest.broken:
        return list(smallest.broken)
    judged = [one for one in (*kept, smallest) if not one.broken]
    said = {name: one.sentence for one in diagnoses(subject, judged, dtype) for name in one.parameters}
    loss = next((one.loss for one in (smallest, *judged) if one.loss is not None), None)
    return [*([] if loss is None else [loss]), *_gradient_findings(subject, judged, smallest, said)]


def _gradient_findings(
    subject: Subject, judged: list[Judgement], smallest: Judgement, said: dict[str, str]
) -> Iterator[Finding]:
    wrong = [name for name in smallest.deviations or said if any(name in one.wrong for one in judged)]
    for name in sorted(wrong, key=lambda name: (said.get(name, ""), wrong.index(name))):
        where = smallest if name in smallest.wrong else min(
            (one for one in judged if name in one.wrong), key=lambda one: one.example.inputs.size)
        place, text = entry_text(name, where.deviations[name])
        larger = "" if where is smallest else "on a larger example, "
        mistake = said.get(name, "")
        unknown = "" if mistake else "; no known mistake explains it"
        sentence = f"{mistake}. " if mistake else ""
        yield Finding(name, place, f"{sentence}{larger}the gradient of {name} is {text}{unknown}", sentence.rstrip())


def diagnoses(subject: Subject, judged: list[Judgement], dtype: Any = np.float64) -> list[Diagnosis]:
    """Explain the wrong gradients: by one mistake where one explains all, else parameter by parameter."""
    cases = _chosen(subject, [one for one in judged if one.deviations])
    wrong = [p.name for p in subject.network.parameters if any(case.wrong(p.name) for case in cases)]
    if not wrong:
        return []
    whole = next(_of_other_arguments(cases, wrong), None)
    if whole is not None:
        return [whole]
    found = _explained(subject, cases, wrong)
    if _covers(found, wrong):
        return _with_encoder(subject, found)
    single = _single_precision(cases, wrong) if np.dtype(dtype) == np.float64 else None
    return [single] if single is not None else _behind_factor(subject, cases, wrong) or found


def _explained(subject: Subject, cases: list[Case], wrong: list[str]) -> list[Diagnosis]:
    """The mistakes of single gradients where they explain all, else those of a backward pass before them."""
    apart = _grouped(list(_parameter_by_parameter(cases, wrong)))
    if _covers(apart, wrong):
        return apart
    deeper = _of_mutants(subject, cases, wrong)
    return [*deeper, *(one for one in apart if not _covers(deeper, one.parameters))]


def _covers(found: Sequence[Diagnosis], names: Iterable[str]) -> bool:
    return set(names) <= {name for one in found for name in one.parameters}


def _behind_factor(subject: Subject, cases: list[Case], wrong: list[str]) -> list[Diagnosis] | None:
    """Divide out a factor that some gradients have, or that a wrong loss gives to all, and explain the others then."""
    for factor in common_factors(cases, wrong):
        scaled = [without(factor, case) for case in cases]
        left = [name for name in wrong if any(case.wrong(name) for case in scaled)]
        found = _explained(subject, scaled, left)
        if _covers(found, left):
            alone = Diagnosis(f"Each gradient {factor.words}", tuple(name for name in wrong if name not in left))
            behind = [replace(one, sentence=f"{one.sentence}; besides, each gradient {factor.words}") for one in found]
            return [alone, *behind] if alone.parameters else behind
    return None


def _chosen(subject: Subject, judged: list[Judgement]) -> list[Case]:
    """Failing calls of many kinds, cheap ones first, and a few without an error.

    Each number of outputs is among them: they tell a half from a mean over two outputs.
    """
    cases = sorted((Case(subject, one) for one in judged), key=lambda case: case.work)
    failing = [case for case in cases if case.judgement.wrong]
    telling = sorted(failing, key=lambda case: -_told(case))
    right = [case for case in cases if not case.judgement.failed]
    chosen = telling[:MOST_CASES]
    for case in failing:
        outputs = case.example.targets.shape[-1]
        chosen += [case] if all(one.example.targets.shape[-1] != outputs for one in chosen) else []
    return [*chosen, *right[-SECOND_CASES:]]


def _told(case: Case) -> int:
    """How much a case can tell apart: a few steps, several sequences, units and inputs, and not too many steps."""
    example = case.example
    sizes = set(example.sizes.values())
    few = case.work <= MUTANT_STEPS
    return 4 * few + 2 * (case.work >= 3) + (case.batch > 1) + (len(sizes) > 1) + len(case.judgement.wrong)


def _explains(cases: list[Case], name: str, predict: Callable[[Case], Float | None]) -> bool:
    for case in cases:
        predicted = predict(case)
        if predicted is None or not case.explained(name, np.asarray(predicted)):
            return False
    return True


def _of_other_arguments(cases: list[Case], wrong: list[str]) -> Iterator[Diagnosis]:
    for words, change in OTHER_ARGUMENTS:
        if _all_explained(cases, partial(_at_other_arguments, change)):
            yield Diagnosis(f"The gradients are right for other arguments: {words}", tuple(wrong))
    if cases[0].subject.graph.every and _all_explained(cases, Case.of_last_output):
        yield Diagnosis("The gradients are those of the loss of the last output alone", tuple(wrong))


def _at_other_arguments(change: Callable[[Example], Example | None], case: Case) -> dict[str, Float] | None:
    other = change(case.example)
    return None if other is None else case.of_example(other)


def _all_explained(cases: list[Case], predict: Callable[[Case], dict[str, Float] | None]) -> bool:
    for case in cases:
        predicted = predict(case)
        if predicted is None and case.judgement.wrong:
            return False
        names = (predicted or {}).keys() & case.judgement.deviations.keys()
        if predicted is not None and not all(case.explained(name, predicted[name]) for name in names):
            return False
    return True


def _single_precision(cases: list[Case], wrong: list[str]) -> Diagnosis | None:
    if not in_single(cases, wrong):
        return None
    return Diagnosis("The errors are those of float32: some of it is computed, or kept, in float32", tuple(wrong))


def _parameter_by_parameter(cases: list[Case], wrong: list[str]) -> Iterator[tuple[str, str]]:
    """Pairs of parameter and words."""
    for name in wrong:
        for mistake in MISTAKES:
            words = next((words for words, predict in mistake.predict(cases, name) if _explains(cases, name, predict)),
                         None)
            if words is not None:
                yield name, words
                break


def _grouped(pairs: list[tuple[str, str]]) -> list[Diagnosis]:
    """One sentence for all parameters with the same mistake; one for all that are exchanged."""
    found = []
    exchanged = tuple(name for name, words in pairs if words.startswith(EXCHANGED))
    if len(exchanged) > 1:
        told = " and ".join(dict(pairs)[name].removeprefix(EXCHANGED).partition(":")[0] for name in exchanged)
        found.append(Diagnosis(f"The gradients of {' and '.join(exchanged)} are exchanged: they are those of {told}, "
                               "as where gates stand in another order", exchanged))
    rest = [(name, words) for name, words in pairs if len(exchanged) < 2 or name not in exchanged]
    for words in dict.fromkeys(words for _, words in rest):
        names = tuple(name for name, said in rest if said == words)
        which = f"The gradient of {names[0]}" if len(names) == 1 else f"The gradient of each of {', '.join(names)}"
        found.append(Diagnosis(f"{which} {words}", names))
    return found


def _with_encoder(subject: Subject, found: list[Diagnosis]) -> list[Diagnosis]:
    """Say of a mistake that befalls all of an encoder's parameters, and no others, that it lies in the handover."""
    loops = adjoint_parameters(subject)
    encoder = loops[0] if subject.network.shape_of_steps.decodes else set()
    return [Diagnosis(f"{one.sentence}: the decoder does not hand its gradient to the encoder as it should",
                      one.parameters) if encoder and set(one.parameters) == encoder else one for one in found]


def adjoint_parameters(subject: Subject) -> list[set[str]]:
    """The names of the parameters of each loop."""
    return [{p.name for p in loop.step_gradients} for loop in subject.recursion.loops]


def _of_mutants(subject: Subject, cases: list[Case], wrong: list[str]) -> list[Diagnosis]:
    """The first mutant that explains all wrong gradients, else those that explain most of what is left, in turn."""
    small = [case for case in cases if case.work <= MUTANT_STEPS] or cases[:1]
    style, found, left = style_of(subject.network), list[Diagnosis](), list(wrong)

    @cache
    def say(expression: Expression) -> str:
        return plain(lay_out(expression, style))

    tried: list[Diagnosis] = []
    for mutant in mutants(subject.graph, say):
        tried.append(Diagnosis(_sentence(mutant), _explained_by(mutant, small, wrong)))
        if len(tried[-1].parameters) == len(wrong):
            break
    while tried and (most := max(tried, key=lambda one: len(set(one.parameters) & set(left)))).parameters:
        found.append(most)
        left = [name for name in left if name not in most.parameters]
        tried = [one for one in tried if set(one.parameters) & set(left)]
    return found


def _sentence(mutant: Mutant) -> str:
    of = "loss and the gradients equal those" if mutant.forward else "gradients equal those of a backward pass"
    return f"The {of} {mutant.words}"


def _explained_by(mutant: Mutant, cases: list[Case], wrong: list[str]) -> tuple[str, ...]:
    names, first = list(wrong), True
    for case in sorted(cases, key=lambda case: case.work):
        try:
            predicted: dict[str, Float] = case.of_recursion(mutant.graph, mutant.recursion, again=mutant.forward)
        except (KeyError, ValueError):  # the changed expression asks for what is not there, or has no shape
            return ()
        right = partial(_is_right, case, predicted)
        if not all(right(name) for name in predicted if name not in wrong):
            return ()
        names = [name for name in names if right(name)]
        if not names:
            return ()
        first = False
    return () if first else tuple(names)


def _is_right(case: Case, predicted: dict[str, Float], name: str) -> bool:
    return case.explained(name, predicted[name])
