"""Complete documents as Unicode text, in lines that fit a terminal."""

from __future__ import annotations

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
        parts += [f"{MARGIN}{line}" for step in steps for line in text_step(step, style)]
        parts.append("")
    summary = check_summary(section)
    return [*parts, *textwrap.wrap(summary, COLUMNS), ""] if summary else parts


def text_step(step: Step, style: Style) -> list[str]:
    """Return one equation as lines of text; where labels stand in it, each term has a line of its own."""
    has_label = any(isinstance(node, Labelled) for node in walk(step.after))
    equation = equations([step], style, TERMINAL, apart=has_label)[0]
    lines = _beside(equation)
    if not equation.condition:
        return lines
    note = f"({equation.condition})"
    return [*lines[:-1], f"{lines[-1]}{MARGIN}{note}"] if equation.beside else [*lines, f"{MARGIN}{note}"]


def _beside(equation: Equation) -> list[str]:
    first, *rest = equation.lines
    step, hang = int(TERMINAL.step), int(TERMINAL.hang)
    heads = [" " * (step * line.indent) + plain(line.box).strip() for line in equation.before]
    right = f"{plain(row(equation.relation)).strip()} {plain(first.box).strip()}"
    pad = hang + (step if equation.below else len(heads[0]))
    later = [" " * (pad + step * line.indent) + plain(line.box).strip() for line in rest]
    return [*heads, " " * step + right, *later] if equation.below else [f"{heads[0]} {right}", *later]


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
