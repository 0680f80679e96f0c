"""Displayed equations in lines that fit: the left-hand side, the relation, the lines of the right-hand side."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import groupby

from sympy.core.sympify import _sympify

from rnnsym.writing.boxes import BECOMES, DEFINES, Box
from rnnsym.writing.breaking import Breaker, Line
from rnnsym.writing.derivation import Section, Step
from rnnsym.writing.layout import Style, lay_out
from rnnsym.writing.norm_layout import SIGNS
from rnnsym.writing.numbers import scalar
from rnnsym.writing.plain import plain

RELATIONS = {":=": DEFINES, "←": BECOMES, **SIGNS}
LONGEST_LEFT = 0.4  # of the page; behind a longer left-hand side little would be left, so the rest goes below it


@dataclass(frozen=True)
class Paper:
    """What lines are set on: how wide it is and how wide boxes are, in one unit.

    ``step`` is an indentation, ``hang`` what lies between the left-hand side and an unindented later line, ``gap`` the
    blank around a relation and before a side condition, ``letters`` the width of running text.
    """

    measure: Callable[[Box], float]
    letters: Callable[[str], float]
    room: float
    step: float
    hang: float = 0.0
    gap: float = 0.0


@dataclass(frozen=True)
class Equation:
    """A step in lines; ``below`` where the right-hand side begins on a line of its own, below a long left-hand side.

    The side condition stands ``beside`` the last line or below it; ``width`` is that of the widest line.
    """

    before: tuple[Line, ...]
    relation: Box
    lines: tuple[Line, ...]
    condition: str
    below: bool
    beside: bool
    width: float


def side_condition(step: Step) -> str:
    """Say for which t a step holds, where it bears a running index."""
    if step.span is None:
        return ""
    first, last = step.span
    if getattr(last - first, "free_symbols", None):
        return f"t = {plain(scalar(_sympify(first)))}, …, {plain(scalar(_sympify(last)))}"
    way = 1 if first <= last else -1
    if abs(last - first) < 3:
        return "t = " + ", ".join(str(index) for index in range(first, last + way, way))
    return f"t = {first}, …, {last}"


def groups(section: Section) -> Iterator[tuple[str, str, list[Step]]]:
    """Neighbouring steps with one reason share a display, under the names of their rules."""
    for why, steps in groupby(section.steps, key=lambda step: step.why):
        group = list(steps)
        rules = list(dict.fromkeys(step.rule for step in group if step.rule != "let")) or ["let"]
        yield " and ".join(rules), why, group


def equations(steps: list[Step], style: Style, paper: Paper, *, apart: bool = False) -> list[Equation]:
    """Set steps that are aligned at their relations; ``apart`` gives each term of a sum a line of its own."""
    boxes = [(lay_out(step.before, style), RELATIONS[step.relation], lay_out(step.after, style)) for step in steps]
    lefts = [paper.measure(before) for before, _, _ in boxes]
    rights = [paper.measure(sign) + paper.gap + paper.measure(after) for _, sign, after in boxes]
    short = [left for left in lefts if left <= LONGEST_LEFT * paper.room]
    fits = max(lefts) + max(rights) <= paper.room or len(short) == len(lefts)
    common = max(lefts) if fits else max(short, default=0.0)
    return [
        _equation(parts, side_condition(step), common, paper, below=left > common, apart=apart)
        for step, parts, left in zip(steps, boxes, lefts, strict=True)
    ]


def _equation(
    parts: tuple[Box, Box, Box], condition: str, left: float, paper: Paper, *, below: bool, apart: bool
) -> Equation:
    before, sign, after = parts
    start = left + paper.gap + paper.measure(sign) + paper.step * below
    rest = left + paper.hang + paper.step * below
    lines = Breaker(paper.measure, paper.room - start, paper.room - rest, paper.step, apart).lines(after)
    ends = [(start if not place else rest + paper.step * line.indent) + paper.measure(line.box)
            for place, line in enumerate(lines)]
    beside = ends[-1] + 2 * paper.step + paper.letters(f"({condition})") <= paper.room
    heads = (Line(0, before),) if not below else Breaker(
        paper.measure, paper.room - left, paper.room - left - paper.hang, paper.step).lines(before)
    over = max(left + paper.step * line.indent + paper.measure(line.box) for line in heads) if below else 0.0
    return Equation(heads, sign, lines, condition, below, beside, max(*ends, over))
