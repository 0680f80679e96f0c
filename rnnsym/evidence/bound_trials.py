"""Lines about norms tried at drawn sequences: how many comparisons, how many broken, how near the two sides came."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from rnnsym.calculus.norms import Limit, Relation, SpectralNorm, SpectralRadius, StepPower, j
from rnnsym.errors import CheckError
from rnnsym.evidence.norm_points import NormNumbers, NormPoint
from rnnsym.model.expressions import Expression, T, t
from rnnsym.writing.derivation import Step

TINY = 1e-290  # near the smallest floats products lose digits
ROUNDING = 1e-12  # a few dozen float64 operations on norms, each good to 2e-16 of the larger side


@dataclass(frozen=True)
class Trial:
    """How many comparisons were made, how many broke the line, and the largest ratio of its left to its right side."""

    compared: int
    broken: int
    nearest: float

    @property
    def words(self) -> str:
        """The figures in words."""
        if not self.compared:
            return "its premise held in no draw"
        found = f"{self.broken} counterexamples" if self.broken else "no counterexample"
        return f"{found} in {self.compared} comparisons, nearest ratio {self.nearest:.6g}"


Pair = tuple[float, float]


def try_line(step: Step, points: Sequence[NormPoint]) -> Trial:
    """Compare the two sides of a line at every point and all of its steps; an implication, where its premise holds."""
    compare = _comparisons.get(step.relation)
    if compare is None:
        raise CheckError(f"there is no way to try a line with the relation {step.relation!r}")
    trial = judge(compare(step, points), equal=step.relation == "=")
    if not trial.compared and step.relation != "⇒":
        raise CheckError(f"the line {step.rule!r} ({step.before}) was tried at no point")
    return trial


def judge(pairs: Iterable[Pair], *, equal: bool = False) -> Trial:
    """Count the pairs whose left side exceeds the right one, or where they must be ``equal``, differs from it."""
    compared = broken = 0
    nearest = 0.0
    for left, right in pairs:
        compared += 1
        slack = ROUNDING * max(abs(left), abs(right)) + TINY
        holds = abs(left - right) <= slack if equal else left <= right + slack
        broken += not holds  # NaN holds nothing
        nearest = max(nearest, left / right if right > TINY else 0.0)
    return Trial(compared, broken, nearest)


def indices(steps: int, *sides: Expression) -> list[dict[Any, int]]:
    """Return the values of the free indices of a line for sequences of ``steps`` steps: of T and j, or j, or t."""
    free = {symbol for side in sides for symbol in side.free_symbols}
    if T in free:
        return [{T: later, j: earlier} for later in range(1, steps + 1) for earlier in range(later)]
    if j in free:
        return [{j: earlier} for earlier in range(steps + 1)]
    return [{t: step} for step in range(1, steps + 1)] if t in free else [{}]


def _both_sides(step: Step, points: Sequence[NormPoint]) -> Iterator[Pair]:
    for point in points:
        for here in indices(len(point.given.inputs), step.before, step.after):
            yield _numbers(point, (step.before, step.after), here)


def _numbers(point: NormNumbers, sides: tuple[Expression, Expression], here: dict[Any, int]) -> Pair:
    left, right = (float(point.value(side, here)) for side in sides)
    return left, right


def _implied(step: Step, points: Sequence[NormPoint]) -> Iterator[Pair]:
    """The two sides of the conclusion, the smaller one first, where the premise holds with room for rounding."""
    premise, conclusion = step.before, step.after
    if not isinstance(premise, Relation) or not isinstance(conclusion, Relation):
        raise CheckError(f"an implication joins two relations, but {premise} and {conclusion} are not")
    for point in points:
        for here in indices(len(point.given.inputs), premise, conclusion):
            if _holds(premise, point, here):
                sides = _vanishing_sides(premise, conclusion) or (conclusion.right, conclusion.left)
                yield _numbers(point, sides, here)


def _holds(premise: Relation, point: NormPoint, here: dict[Any, int]) -> bool:
    left, right = _numbers(point, (premise.left, premise.right), here)
    smaller, larger = (left, right) if premise.sign == "<" else (right, left)
    return smaller < larger * (1 - ROUNDING)


def _vanishing_sides(premise: Relation, conclusion: Relation) -> tuple[Expression, Expression] | None:
    """What tends to 0, and the power that tends to 0 and is never below it."""
    if not isinstance(conclusion.left, Limit):
        return None
    rate = premise.left
    power = SpectralNorm(StepPower(rate.operand, T - j)) if isinstance(rate, SpectralRadius) else StepPower(rate, T - j)
    return conclusion.left.operand, power


_comparisons = {"=": _both_sides, "≤": _both_sides, "⇒": _implied}
