"""The table of classic mistakes in a gradient: one entry each, its words and what it would have returned.

An entry predicts the gradient of one parameter from the right terms of each step, or of all from other arguments. What
a mistake within the recursion would have returned is predicted in ``mutants``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np

from rnnsym.evidence.cases import Case, Terms
from rnnsym.evidence.common_factors import FACTORS, constant_factor
from rnnsym.evidence.examples import Example
from rnnsym.evidence.rounding import Certified, Single
from rnnsym.numerics.arrays import Float

LONGEST_TRUNCATION = 30  # steps: beyond it a truncated pass is told as an unknown mistake
LEAST_SINGLE = 1e-4  # of the bound of float32's rounding, of which it itself makes a hundredth or so
EXCHANGED = "is that of "
FIRST_STEPS = 3  # how many of the first steps may be missing

Predict = Callable[[list[Case], str], Iterator[tuple[str, Callable[[Case], Float | None]]]]


@dataclass(frozen=True)
class Mistake:
    """``predict(cases, name)`` yields words and, for each case, the gradient that the mistake would have returned.

    The words begin behind "The gradient of W_h"; None is returned where the mistake makes no sense.
    """

    name: str
    predict: Predict


def _always(words: str, gradient: Callable[[Case, str], Float | None]) -> Predict:
    return lambda cases, name: iter([(words, lambda case: gradient(case, name))])


def _scaled(name: str) -> Mistake:
    factor = FACTORS[name]
    return Mistake(name, _always(factor.words, lambda case, name: factor.of(case) * case.exact(name)))


def _summed(case: Case, name: str, kept: Callable[[Terms], Terms]) -> Float:
    """The mean over sequences of the sum of some terms."""
    zero = np.zeros_like(case.exact(name))
    return np.asarray(sum((sum((term for _, term in kept(terms)), zero) for terms in case.terms(name)), zero)
                      / case.batch)


def _terms(words: str, kept: Callable[[Terms], Terms]) -> Predict:
    return _always(words, lambda case, name: _summed(case, name, kept))


def _without_first(cases: list[Case], name: str) -> Iterator[tuple[str, Callable[[Case], Float | None]]]:
    for count in range(1, FIRST_STEPS + 1):
        path = "the path through step 1" if count == 1 else f"the paths through steps 1 to {count}"

        def gradient(case: Case, count: int = count) -> Float:
            return _summed(case, name, lambda terms: terms[count:])

        yield f"equals the derived one without {path}", gradient


def _truncated(cases: list[Case], name: str) -> Iterator[tuple[str, Callable[[Case], Float | None]]]:
    for count in range(2, LONGEST_TRUNCATION + 1):
        def gradient(case: Case, count: int = count) -> Float:
            return _summed(case, name, lambda terms: terms[-count:])

        yield (f"is truncated: it holds the paths through the last {count} steps alone, and is not carried on to the "
               "steps before"), gradient


def _one_lag(cases: list[Case], name: str) -> Iterator[tuple[str, Callable[[Case], Float | None]]]:
    longest = max(len(terms) for case in cases for terms in case.terms(name))
    for lag in range(1, min(longest, LONGEST_TRUNCATION)):
        def lagging(case: Case, lag: int = lag) -> Float:
            return _summed(case, name, lambda terms: [*terms[: -lag - 1], *terms[len(terms) - lag :]])

        def leading(case: Case, step: int = lag) -> Float:
            return _summed(case, name, lambda terms: [*terms[:step], *terms[step + 1 :]])

        yield f"equals the derived one without the path of lag {lag}, through step T − {lag}", lagging
        yield f"equals the derived one without the path through step {lag + 1}", leading


def _factors(cases: list[Case], name: str) -> Iterator[tuple[str, Callable[[Case], Float | None]]]:
    """The same factor on all cases, read off the first."""
    factor = constant_factor(cases, name)
    if factor is not None:
        yield factor.words, lambda one: factor.of(one) * one.exact(name)


def _steps(case: Case) -> Float:
    return np.array([sweep.counts[next(iter(sweep.counts))] for sweep in case.sweeps], dtype=np.float64)


def _weighted(case: Case, name: str, weights: Float) -> Float:
    """Each sequence's gradient times a weight, then the mean."""
    parts = [weight * sum((term for _, term in terms), np.zeros_like(case.exact(name)))
             for weight, terms in zip(weights, case.terms(name), strict=True)]
    return np.asarray(sum(parts[1:], parts[0]) / case.batch)


def _transposed(case: Case, name: str) -> Float | None:
    exact = case.exact(name)
    return exact.T if exact.ndim == 2 and exact.shape[0] == exact.shape[1] else None


def _exchanged(cases: list[Case], name: str) -> Iterator[tuple[str, Callable[[Case], Float | None]]]:
    for other in cases[0].judgement.deviations:
        if other != name:
            def gradient(case: Case, other: str = other) -> Float | None:
                return case.exact(other) if other in case.judgement.deviations else None

            yield f"{EXCHANGED}{other}: the two are exchanged, as where gates stand in another order", gradient


def _clipped(cases: list[Case], name: str) -> Iterator[tuple[str, Callable[[Case], Float | None]]]:
    """A threshold that holds on all cases: the largest entry, or the norm, of what was found where it is wrong."""
    wrong = [case for case in cases if case.wrong(name)]
    largest = max(float(np.abs(case.found(name)).max()) for case in wrong)
    norms = [float(np.linalg.norm(case.found(name))) for case in wrong]
    total = [float(np.sqrt(sum((one.found**2).sum() for one in case.judgement.deviations.values()))) for case in wrong]
    yield (f"is clipped, entry by entry, to ±{largest:.6g}",
           lambda case: np.clip(case.exact(name), -largest, largest))
    yield (f"is clipped to the norm {max(norms):.6g}",
           lambda case: _to_norm(case.exact(name), max(norms), [case.exact(name)]))
    yield (f"is clipped: the norm of all gradients together is held to {max(total):.6g}",
           lambda case: _to_norm(case.exact(name), max(total), [case.exact(n) for n in case.judgement.deviations]))


def _to_norm(gradient: Float, threshold: float, among: list[Float]) -> Float:
    norm = float(np.sqrt(sum((one**2).sum() for one in among)))
    return gradient * min(1.0, threshold / norm) if norm > 0 else gradient


def _decayed(cases: list[Case], name: str) -> Iterator[tuple[str, Callable[[Case], Float | None]]]:
    case = next((one for one in cases if one.wrong(name)), None)
    weights = None if case is None else case.example.parameters.get(name)
    if case is None or weights is None or not np.abs(weights).max() > 0:
        return
    rate = float(((case.found(name) - case.exact(name)) * weights).sum() / (weights**2).sum())
    yield (f"holds {rate:.6g} times {name} besides: weight decay, which is no part of this loss",
           lambda one: one.exact(name) + rate * one.example.parameters[name])


def _wrapped(case: Case, name: str) -> Float | None:
    """The first step's term with the last state in place of the initial one."""
    (parameter,) = (p for p in case.subject.network.parameters if p.name == name)
    total = np.zeros_like(case.exact(name))
    for sweep in case.sweeps:
        replaced = sweep.term_with_wrapped_state(parameter)
        if replaced is None:
            return None
        place, term = replaced
        total = total + sweep.gradient(parameter) - sweep.terms[parameter][place] + term
    return np.asarray(total / case.batch)


def in_single(cases: list[Case], names: list[str]) -> bool:
    """Whether all errors are no larger than float32's rounding makes them, and some nearly as large."""
    ratio = Single.unit / Certified.unit
    deviations = [case.judgement.deviations[name] for case in cases for name in names]
    within = all((one.below <= ratio * one.bound + 64 * Single.tiny).all() for one in deviations)
    return within and any((one.below >= LEAST_SINGLE * ratio * one.bound)[one.wrong].any() for one in deviations)


MISTAKES = (
    Mistake("zero", _always("is zero", lambda case, name: np.zeros_like(case.exact(name)))),
    _scaled("sign"),
    _scaled("sum over the batch"),
    _scaled("mean twice"),
    Mistake("mean over the steps", _always("is divided by the number of steps T", lambda case, name: _weighted(
        case, name, 1 / _steps(case)))),
    _scaled("mean over the padded steps"),
    Mistake("times the steps", _always("is multiplied by the number of steps T",
                                       lambda case, name: _weighted(case, name, _steps(case)))),
    Mistake("first sequence", _always("holds the first sequence of the batch alone", lambda case, name: _weighted(
        case, name, case.batch * np.eye(case.batch)[0]))),
    Mistake("first sequence over batch", _always(
        "holds the first sequence of the batch alone, divided by the batch size",
        lambda case, name: _weighted(case, name, np.eye(case.batch)[0]))),
    Mistake("last sequence", _always("holds the last sequence of the batch alone: it is not added up over the batch",
                                     lambda case, name: _weighted(case, name, case.batch * np.eye(case.batch)[-1]))),
    Mistake("last sequence over batch", _always(
        "holds the last sequence of the batch alone, divided by the batch size: it is not added up over the batch",
        lambda case, name: _weighted(case, name, np.eye(case.batch)[-1]))),
    Mistake("last step", _terms("holds the last step alone: it is not accumulated over the steps",
                                lambda terms: terms[-1:])),
    Mistake("first step", _terms("holds the first step alone: it is not accumulated over the steps",
                                 lambda terms: terms[:1])),
    Mistake("oldest path missing", _without_first),
    Mistake("last step missing", _terms("equals the derived one without the path through the last step, T",
                                        lambda terms: terms[:-1])),
    Mistake("first step twice", _terms("counts the path through step 1 twice", lambda terms: [*terms, *terms[:1]])),
    Mistake("last step twice", _terms("counts the path through the last step, T, twice",
                                      lambda terms: [*terms, *terms[-1:]])),
    Mistake("truncated", _truncated),
    Mistake("one path missing", _one_lag),
    Mistake("transposed", _always("is transposed", _transposed)),
    Mistake("initial state wrapped", _always(
        "takes the last state for the initial one, as an index of −1 does: the term of step 1 is wrong", _wrapped)),
    Mistake("exchanged", _exchanged),
    Mistake("weight decay", _decayed),
    _scaled("mean over the outputs"),
    Mistake("constant factor", _factors),
    Mistake("clipped", _clipped),
)


def _reversed_inputs(example: Example) -> Example | None:
    return replace(example, inputs=example.inputs[:, ::-1]) if example.inputs.ndim > 2 else None


def _delayed(example: Example, by: int) -> Example | None:
    if example.inputs.ndim < 3:
        return None
    moved = np.roll(example.inputs, by, axis=1)
    moved[:, 0 if by > 0 else -1] = 0
    return replace(example, inputs=moved)


OTHER_ARGUMENTS: tuple[tuple[str, Callable[[Example], Example | None]], ...] = (
    ("the lengths are ignored: padded steps count", lambda one: None if one.lengths is None else replace(
        one, lengths=None)),
    ("the target lengths are ignored: padded outputs count", lambda one: None if one.target_lengths is None else
     replace(one, target_lengths=None)),
    ("the initial state is ignored", lambda one: None if one.initial_state is None else replace(
        one, initial_state=None)),
    ("the sequence is read backwards", _reversed_inputs),
    ("each step reads the input of the step before", lambda one: _delayed(one, 1)),
    ("each step reads the input of the step after", lambda one: _delayed(one, -1)),
    ("1 − y stands in place of the target y", lambda one: replace(one, targets=1.0 - one.targets)),
)
"""Arguments with other values: words, and the example whose gradient a function with that mistake returns."""
