"""Complete documents as Unicode text, in lines that fit a terminal."""

from __future__ import annotations

import re
import textwrap

from rnnsym.calculus.notation import Labelled
from rnnsym.model.expressions import walk
from rnnsym.writing.boxes import row
from rnnsym.writing.derivation import Derivation, Section, Step, Table
from rnnsym.writing.displays import Equation, Paper, equations, groups
from rnnsym.writing.layout import Style
from rnnsym.writing.plain import plain
from rnnsym.writing.prose import cell_box, check_summary, cited, is_words, reference_numbers, rich_text

COLUMNS = 100
MARGIN = "    "
LEAST_COLUMN = 20  # of a table's last column, however wide the others are
TERMINAL = Paper(lambda box: len(plain(box).rstrip()), len, COLUMNS - len(MARGIN), step=2, hang=1, gap=2)


def plain_text(text: str, style: Style) -> str:
    """Return running text with its names spelt as in the formulas."""
    return rich_text(text, str, lambda name: plain(style.spell_in_text(name)))


def text_document(derivation: Derivation) -> str:
    """Return the derivation as Unicode text."""
    numbers = reference_numbers(derivation)
    parts = [derivation.title, "=" * len(derivation.title), ""]
    for section in derivation.sections:
        parts += _section(section, derivation.style, numbers)
    if numbers:
        parts += ["References", "-" * len("References"), *(f"{MARGIN}[{n}] {text}" for text, n in numbers.items())]
    return "\n".join(parts).rstrip() + "\n"


def _section(section: Section, style: Style, numbers: dict[str, int]) -> list[str]:
    parts = [section.title, "-" * len(section.title)]
    parts += [*textwrap.wrap(plain_text(section.text, style), COLUMNS), ""] if section.text else []
    parts += _table(section.table, style) if section.table is not None else []
    for rule, why, steps in groups(section):
        parts += textwrap.wrap(f"{rule}: {plain_text(why, style)}{cited(steps, numbers)}", COLUMNS)
        parts += [f"{MARGIN}{line}" for line in _equations(steps, style)]
        parts.append("")
    parts += [*textwrap.wrap(plain_text(section.conclusion, style), COLUMNS), ""] if section.conclusion else []
    summary = check_summary(section)
    return [*parts, *textwrap.wrap(summary, COLUMNS), ""] if summary else parts


def _equations(steps: list[Step], style: Style) -> list[str]:
    """Return equations as lines of text, side conditions in one column; labelled terms have lines of their own."""
    found = [_set(step, style) for step in steps]
    lines = [_beside(equation) for equation in found]
    room = COLUMNS - len(MARGIN) * 2 - max(len(equation.condition) + 2 for equation in found)
    ends = [len(one[-1]) for one, equation in zip(lines, found, strict=True) if equation.condition and equation.beside]
    column = max([end for end in ends if end <= room], default=0)
    return [line for one, equation in zip(lines, found, strict=True) for line in _noted(one, equation, column)]


def _set(step: Step, style: Style) -> Equation:
    has_label = any(isinstance(node, Labelled) for node in walk(step.after))
    return equations([step], style, TERMINAL, apart=has_label)[0]


def _noted(lines: list[str], equation: Equation, column: int) -> list[str]:
    if not equation.condition:
        return lines
    note = f"({equation.condition})"
    return [*lines[:-1], f"{lines[-1].ljust(column)}{MARGIN}{note}"] if equation.beside else [*lines, f"{MARGIN}{note}"]


def _beside(equation: Equation) -> list[str]:
    first, *rest = equation.lines
    step, hang = int(TERMINAL.step), int(TERMINAL.hang)
    heads = [" " * (step * line.indent) + plain(line.box).strip() for line in equation.before]
    right = f"{plain(row(equation.relation)).strip()} {plain(first.box).strip()}"
    pad = hang + (step if equation.below else len(heads[0]))
    note = len(f"{MARGIN}({equation.condition})") if equation.condition and equation.beside else 0
    later = [_going_on(" " * (pad + step * line.indent) + plain(line.box).strip(), note) for line in rest]
    return [*heads, " " * step + right, *later] if equation.below else [f"{heads[0]} {right}", *later]


def _going_on(line: str, note: int) -> str:
    """A line that goes on with a term has its minus set as between two terms, where there is room for the blank.

    ``note`` is what may follow it. A number may begin a branch of a selection: its minus stays close.
    """
    return re.sub(r"^( *−)(?!\d)", r"\1 ", line) if len(line) + note < TERMINAL.room else line


def _table(table: Table, style: Style) -> list[str]:
    """Return a table in columns; where it is too wide, the words of its last column go on below."""
    cells = [table.header, *(
        tuple(plain_text(plain(box), style) if is_words(box) else plain(box) for box in
              (cell_box(cell, style) for cell in line)) for line in table.rows)]
    widths = [max(len(line[column]) for line in cells) for column in range(len(table.header))]
    room = max(LEAST_COLUMN, COLUMNS - len(MARGIN) - sum(widths[:-1]) - 2 * (len(widths) - 1))
    lines = []
    for line in cells:
        *front, last = line
        padded = "".join(text.ljust(column + 2) for text, column in zip(front, widths, strict=False))
        first, *more = textwrap.wrap(last, room) or [""]
        lines += [padded + first, *(" " * len(padded) + text for text in more)]
    return [*(f"{MARGIN}{line}".rstrip() for line in lines), ""]
