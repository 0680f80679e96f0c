"""For which cases a refuted claim does hold: few units, some lengths, symmetric weights, a start from zero."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import partial
from itertools import product
from operator import eq, ge, le
from types import MappingProxyType
from typing import Any

import numpy as np

from rnnsym.evidence.claim_points import Change, Judge, sizes_of
from rnnsym.evidence.claim_terms import quantities
from rnnsym.evidence.counterexamples import Counterexample
from rnnsym.evidence.residues import Residue
from rnnsym.model.expressions import Parameter, Variable

RELATIONS: Mapping[str, Callable[[int, int], bool]] = MappingProxyType({"=": eq, ">=": ge, "<=": le})
FURTHER = 4  # steps beyond the first at which a special case is looked at
UNITS = (2, 3)  # of special cases: one unit hides order and transposes


def holding_cases(
    judge: Judge, tried: Mapping[int, range], least: int, counterexample: Counterexample, *, fixed: bool
) -> tuple[str, ...]:
    """Return, in words, the cases in which a refuted claim was seen to hold; ``fixed``: at one number of steps."""
    lengths = range(least, least + 1 if fixed else max(counterexample.steps, least + FURTHER) + 1)
    units = list(tried)[-1]
    found = [*_few_units(tried), *_some_lengths(judge, units, lengths)]
    places = _some_indices(judge, units, counterexample.steps + (0 if fixed else 2))
    return (*found, *_special(judge, units, lengths), *places)


def _few_units(tried: Mapping[int, range]) -> Iterator[str]:
    """All numbers of units before the last one passed."""
    passed = list(tried)[:-1]
    if passed:
        numbers = "one unit (n = 1)" if passed == [1] else f"n = {', '.join(map(str, passed))} alone"
        yield f"it holds for {numbers}, up to T = {min(tried[one][-1] for one in passed)} at least"


def _some_lengths(judge: Judge, units: int, lengths: range) -> Iterator[str]:
    sizes = sizes_of(judge.graph, units)
    held = [steps for steps in lengths if judge.instances(steps) and judge.failure(sizes, steps) is None]
    if held:
        yield f"it holds at T = {', '.join(map(str, held))} (of T = {lengths[0]} … {lengths[-1]}, n = {units})"


def _special(judge: Judge, units: int, lengths: range) -> Iterator[str]:
    numbers = sorted({*UNITS, units}) if judge.graph.network.sizes else [1]
    for changes in _changes(judge):
        for words, change in changes:
            special = replace(judge, change=change)
            if all(special.failure(sizes_of(judge.graph, number), steps) is None
                   for number in numbers for steps in lengths):
                yield f"it holds where {words} (T = {lengths[0]} … {lengths[-1]}, n = {', '.join(map(str, numbers))})"
                break


def _changes(judge: Judge) -> Iterator[list[tuple[str, Change]]]:
    """Square weight matrices that are symmetric, or else diagonal; states that start at zero."""
    square = [p for p in _parameters(judge) if len(p.shape) == 2 and p.shape[0] == p.shape[1]]
    for parameter in square:
        yield [(f"{parameter.name} is {word}", _changed({parameter.name}, change, Parameter))
               for word, change in (("symmetric", _symmetric), ("diagonal", _diagonal))]
    starts = {state.name for loop in judge.graph.loops for state in loop.states}
    yield [("all states start at zero", _changed(starts, _zero, Variable))]


def _parameters(judge: Judge) -> list[Any]:
    named = [quantity.name for term in judge.claim.walk() for quantity in quantities(term)]
    return [name for name in dict.fromkeys(named) if isinstance(name, Parameter)]


def _changed(names: set[str], change: Callable[[Any], Any], kind: type) -> Change:
    """Change the leaves of these names; the only leaves that are states are those before the first step."""
    return lambda leaves: {leaf: change(value) if leaf.name in names and isinstance(leaf, kind) else value
                           for leaf, value in leaves.items()}


def _symmetric(value: Any) -> Any:
    return value + value.T


def _diagonal(value: Any) -> Any:
    found = np.full(value.shape, Residue(0), dtype=object)
    found[np.diag_indices(len(value))] = np.diagonal(value)
    return found


def _zero(value: Any) -> Any:
    return np.full(np.shape(value), Residue(0), dtype=object) if np.shape(value) else Residue(0)


def _some_indices(judge: Judge, units: int, steps: int) -> Iterator[str]:
    """The condition on the free indices that tells exactly where the claim holds, at this number of steps."""
    if not judge.claim.free:
        return
    places = judge.instances(steps)
    failed = list(judge.failures(sizes_of(judge.graph, units), steps))
    held = [indices for indices in places if indices not in failed]
    for words, condition in _conditions(judge, steps) if held else ():
        if held == [indices for indices in places if condition(indices)]:
            yield f"it holds where {words} (at T = {steps}, n = {units})"
            return


def _conditions(judge: Judge, steps: int) -> Iterator[tuple[str, Callable[[Mapping[str, int]], bool]]]:
    known = {"T": steps, "0": 0}
    for name, end, offset, sign in product(judge.claim.free, (*judge.claim.free, *known), (0, -1, 1), RELATIONS):
        if end != name and (end != "0" or offset >= 0):
            yield f"{name} {sign} {_sum(end, offset)}", partial(_meets, known, (name, end, offset, sign))


def _meets(known: dict[str, int], condition: tuple[str, str, int, str], indices: Mapping[str, int]) -> bool:
    name, end, offset, sign = condition
    return RELATIONS[sign](indices[name], (known | dict(indices))[end] + offset)


def _sum(end: str, offset: int) -> str:
    if end == "0":
        return str(offset)
    return end if not offset else f"{end} {'+' if offset > 0 else '-'} {abs(offset)}"
