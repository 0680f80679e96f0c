"""Complete documents: LaTeX and Unicode text."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Iterator
from itertools import groupby

from rnnsym.calculus.notation import Labelled
from rnnsym.model.expressions import Expression, OrderedSum, walk
from rnnsym.writing.boxes import BECOMES, DEFINES, EQUALS, MINUS, PLUS, Box, row, width, words
from rnnsym.writing.derivation import Derivation, Section, Step, Table
from rnnsym.writing.latex import escape, latex
from rnnsym.writing.layout import Style, lay_out, lay_out_term, sum_terms
from rnnsym.writing.plain import plain
from rnnsym.writing.spelling import spell

PAGE = 65  # letters of a whole display on the page at its ordinary size, 6.9 points each
CONDITION = 0.9  # width of a letter of a side condition, blanks included
FONT_SIZES = (("", PAGE), (r"\small", PAGE / 0.91), (r"\footnotesize", PAGE / 0.83), (r"\scriptsize", PAGE / 0.73))
TEXT_LINE = 90  # columns of a terminal beside a left-hand side
RELATIONS = {"=": EQUALS, ":=": DEFINES, "←": BECOMES}

LONGEST_TABLE = 36  # rows that fit the first page below the heading; longer ones run over several
LONG_TABLES = r"\usepackage{longtable}"

PREAMBLE = r"""\documentclass[11pt,a4paper]{article}
\usepackage[utf8]{inputenc}
\usepackage[margin=26mm]{geometry}
\usepackage{amsmath,amssymb,mathtools,booktabs,graphicx}
\usepackage[hidelinks]{hyperref}
\setlength{\parindent}{0pt}
\setlength{\parskip}{4pt plus 2pt}
\allowdisplaybreaks[2]
\DeclareUnicodeCharacter{2202}{\ensuremath{\partial}}
\DeclareUnicodeCharacter{207A}{\ensuremath{^{+}}}
\DeclareUnicodeCharacter{2299}{\ensuremath{\odot}}
\DeclareUnicodeCharacter{03B4}{\ensuremath{\delta}}
\DeclareUnicodeCharacter{03B7}{\ensuremath{\eta}}
\DeclareUnicodeCharacter{2212}{\ensuremath{-}}
"""


def equation_lines(step: Step, style: Style, limit: float | None = None) -> list[Box]:
    """Return the right-hand side of a step in lines: one, or one a term where a sum is wider than ``limit``.

    Without a limit, what the left-hand side and the side condition leave of the page.
    """
    whole = lay_out(step.after, style)
    room = PAGE - width(lay_out(step.before, style)) - CONDITION * len(side_condition(step)) if limit is None else limit
    return [whole] if width(whole) <= room or not _breakable(step.after) else list(_broken(step.after, style))


def _breakable(expression: Expression) -> bool:
    inside = expression.expression if isinstance(expression, Labelled) else expression
    return isinstance(inside, OrderedSum)


def _broken(expression: Expression, style: Style) -> Iterator[Box]:
    for place, (negative, term) in enumerate(sum_terms(expression)):
        sign = "−" if negative else "+" if place else ""
        yield from _signed(sign, term, style)


def _signed(sign: str, term: Expression, style: Style) -> Iterator[Box]:
    """One term with its sign; a labelled sum is broken inside, its label behind its first line."""
    prefix = [MINUS if sign == "−" else PLUS] if sign else []
    if not isinstance(term, Labelled) or not _breakable(term.expression):
        yield row(*prefix, lay_out_term(term, style, negative=sign == "−"))
        return
    terms = sum_terms(term.expression)
    for place, (negative, inner) in enumerate(terms):
        own = prefix if place == 0 and not negative else [MINUS if negative else PLUS]
        label = [words(f"  (from here on: {term.label})")] if place == 0 else []
        yield row(*own, lay_out_term(inner, style, negative=negative), *label)


def side_condition(step: Step) -> str:
    """Say for which t a step holds, where it bears a running index."""
    if step.span is None:
        return ""
    first, last = step.span
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


def rich_text(text: str, plain_part: Callable[[str], str], name_part: Callable[[str], str]) -> str:
    """Render running text in which names stand between backticks."""
    parts = text.split("`")
    return "".join(name_part(part) if place % 2 else plain_part(part) for place, part in enumerate(parts))


def latex_text(text: str) -> str:
    """Return running text as LaTeX, its names as formulas."""
    return rich_text(text, lambda part: escape(part).replace("…", r"\dots{}"), lambda name: f"${latex(spell(name))}$")


def plain_text(text: str) -> str:
    """Return running text with its names spelt as in the formulas."""
    return rich_text(text, str, lambda name: plain(spell(name)))


def reference_numbers(derivation: Derivation) -> dict[str, int]:
    """Number the references of all steps in order of first appearance."""
    found = dict.fromkeys(reference for step in derivation.steps for reference in step.references)
    return {reference: number for number, reference in enumerate(found, start=1)}


def cited(steps: list[Step], numbers: dict[str, int]) -> str:
    """Return « [1, 2]» for the references of ``steps``, nothing where there are none."""
    found = sorted({numbers[reference] for step in steps for reference in step.references})
    return f" [{', '.join(str(number) for number in found)}]" if found else ""


def latex_document(derivation: Derivation) -> str:
    """Return a complete document for pdflatex."""
    title = escape(derivation.title)
    heading = rf"\section*{{\raggedright {title}}}"
    parts = [PREAMBLE, rf"\hypersetup{{pdftitle={{{title}}}}}", r"\begin{document}", heading]
    numbers = reference_numbers(derivation)
    body = [_latex_section(section, derivation.style, numbers) for section in derivation.sections]
    if any(r"\begin{longtable}" in section for section in body):
        parts.insert(1, LONG_TABLES)
    return "\n".join([*parts, *body, *_latex_references(numbers), r"\end{document}", ""])


def _latex_references(numbers: dict[str, int]) -> list[str]:
    if not numbers:
        return []
    items = [rf"\item {escape(text).replace('–', '--')}" for text in numbers]
    return [r"\subsection*{References}", r"\begin{enumerate}", r"\renewcommand{\labelenumi}{[\arabic{enumi}]}", *items,
            r"\end{enumerate}"]


def _latex_section(section: Section, style: Style, numbers: dict[str, int]) -> str:
    parts = [rf"\subsection*{{{escape(section.title)}}}", latex_text(section.text), ""]
    if section.table is not None:
        parts.append(_latex_table(section.table))
    parts += [_latex_group(rule, why, steps, style, numbers) for rule, why, steps in groups(section)]
    return "\n".join(parts) + "\n"


def _latex_table(table: Table) -> str:
    head = " & ".join(escape(word) for word in table.header)
    body = [" & ".join(f"${latex(cell)}$" for cell in cells) + r" \\" for cells in table.rows]
    columns = "l" * len(table.header)
    rows = "\n".join(body)
    if len(body) > LONGEST_TABLE:
        return (
            f"\\begin{{longtable}}{{@{{}}{columns}@{{}}}}\n\\toprule\n{head} \\\\\n\\midrule\n\\endhead\n"
            f"{rows}\n\\bottomrule\n\\end{{longtable}}"
        )
    return (
        f"\\begin{{center}}\\begin{{tabular}}{{@{{}}{columns}@{{}}}}\n\\toprule\n{head} \\\\\n\\midrule\n"
        f"{rows}\n\\bottomrule\n\\end{{tabular}}\\end{{center}}"
    )


def _latex_group(rule: str, why: str, steps: list[Step], style: Style, numbers: dict[str, int]) -> str:
    lines = " \\\\\n".join(latex_step(step, style) for step in steps)
    head = f"\\textbf{{{escape(rule.capitalize())}.}} {latex_text(why)}{cited(steps, numbers)}\n"
    return head + _display(lines, display_width(steps, style))


def _display(lines: str, needed: float) -> str:
    """Set lines at the largest size that fits the page; wider ones than the smallest size holds are scaled to fit."""
    size = next((size for size, room in FONT_SIZES if needed <= room), None)
    if size is None:
        aligned = f"$\\displaystyle\\begin{{aligned}}\n{lines}\n\\end{{aligned}}$"
        return f"\\begin{{center}}\\resizebox{{\\linewidth}}{{!}}{{{aligned}}}\\end{{center}}\n"
    display = f"\\begin{{align*}}\n{lines}\n\\end{{align*}}\n"
    return f"{{{size}\n{display}}}\n" if size else display


def display_width(steps: list[Step], style: Style) -> float:
    """Estimate the width of an ``align`` of steps, in letters: its widest left side and its widest right side."""
    left = max(width(lay_out(step.before, style)) for step in steps)
    return left + max(_right_width(step, style) for step in steps)


def _right_width(step: Step, style: Style) -> float:
    lines = equation_lines(step, style)
    return max([*(width(line) for line in lines), width(lines[-1]) + CONDITION * len(side_condition(step))])


def latex_step(step: Step, style: Style) -> str:
    """Return one equation for an ``align`` environment."""
    first, *rest = [latex(line).strip() for line in equation_lines(step, style)]
    condition = side_condition(step)
    lines = [f"{latex(lay_out(step.before, style))} &{latex(RELATIONS[step.relation])}{first}"]
    lines += [rf"&\quad {line}" for line in rest]
    if condition:
        lines[-1] += r"\qquad (" + condition.replace("…", r"\dots") + ")"
    return " \\\\\n".join(lines)


def notebook_latex(derivation: Derivation) -> str:
    """Return the equations alone, for a notebook's MathJax."""
    lines = " \\\\\n".join(latex_step(step, derivation.style) for step in derivation.steps)
    return f"$$\\begin{{aligned}}\n{lines}\n\\end{{aligned}}$$".replace(r"\coloneqq", ":=")


def text_document(derivation: Derivation) -> str:
    """Return the derivation as Unicode text."""
    numbers = reference_numbers(derivation)
    parts = [derivation.title, "=" * len(derivation.title), ""]
    for section in derivation.sections:
        parts += _text_section(section, derivation.style, numbers)
    if numbers:
        parts += ["References", "-" * len("References"), *(f"    [{n}] {text}" for text, n in numbers.items())]
    return "\n".join(parts).rstrip() + "\n"


def _text_section(section: Section, style: Style, numbers: dict[str, int]) -> list[str]:
    parts = [section.title, "-" * len(section.title)]
    parts += [*textwrap.wrap(plain_text(section.text), TEXT_LINE), ""] if section.text else []
    parts += _text_table(section.table) if section.table is not None else []
    for rule, why, steps in groups(section):
        parts.append(f"{rule}: {plain_text(why)}{cited(steps, numbers)}")
        parts += [f"    {line}" for step in steps for line in text_step(step, style)]
        parts.append("")
    return parts


def text_step(step: Step, style: Style) -> list[str]:
    """Return one equation as lines of text."""
    has_label = any(isinstance(node, Labelled) for node in walk(step.after))
    first, *rest = [plain(line) for line in equation_lines(step, style, 0.0 if has_label else TEXT_LINE)]
    before = plain(lay_out(step.before, style))
    lines = [f"{before} {step.relation} {first}", *(" " * (len(before) + 3) + line for line in rest)]
    condition = side_condition(step)
    return [*lines[:-1], f"{lines[-1]}    ({condition})"] if condition else lines


def _text_table(table: Table) -> list[str]:
    cells = [table.header, *(tuple(plain(cell) for cell in line) for line in table.rows)]
    widths = [max(len(line[column]) for line in cells) for column in range(len(table.header))]
    padded = ["  ".join(text.ljust(column) for text, column in zip(line, widths, strict=True)) for line in cells]
    return [*(f"    {line}".rstrip() for line in padded), ""]


