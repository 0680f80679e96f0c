"""Complete LaTeX documents, for pdflatex, and the equations alone for notebooks."""

from __future__ import annotations

import re
from math import ceil

from rnnsym.writing.boxes import Box
from rnnsym.writing.derivation import Derivation, Section, Step, Table
from rnnsym.writing.displays import Equation, Paper, equations, groups
from rnnsym.writing.latex import escape, latex
from rnnsym.writing.layout import Style
from rnnsym.writing.prose import cell_box, checks_section, cited, is_words, reference_numbers, rich_text
from rnnsym.writing.widths import width, words_width

MARGIN_OF_ERROR = 0.985  # the widths of letters are those of ten points, and rounded
LINE = 449.55 / 10.95 * MARGIN_OF_ERROR  # ems of a line at the document's eleven points
SIZES = (("", LINE), (r"\small", LINE * 10.95 / 10), (r"\footnotesize", LINE * 10.95 / 9 / 1.03))
TAG, BESIDE = r" \tag*{{$({})$}}", r"\qquad ({})"  # a side condition at the right margin, or behind its equation
COLUMN_GAP = 1.1  # ems between two columns of a table
LEAST_COLUMN = 7.0  # ems that a column of words keeps

LONGEST_TABLE = 36  # rows that fit the first page below the heading; longer ones run over several
LONG_TABLES = r"\usepackage{longtable}"

PREAMBLE = r"""\documentclass[11pt,a4paper]{article}
\usepackage[utf8]{inputenc}
\usepackage[margin=26mm]{geometry}
\usepackage{amsmath,amssymb,mathtools,array,booktabs}
\usepackage[hidelinks]{hyperref}
\setlength{\parindent}{0pt} \emergencystretch=4em
\setlength{\parskip}{4pt plus 2pt}
\allowdisplaybreaks[2]
\clubpenalty=10000 \widowpenalty=10000 \displaywidowpenalty=10000
\newcommand{\keep}{\par\begingroup\dimen0=9\baselineskip\vskip0pt plus\dimen0\penalty-100
\vskip0pt plus-\dimen0\vskip\dimen0\penalty9999\vskip-\dimen0\vskip0pt\endgroup}
\makeatletter\@beginparpenalty=10000\makeatother
"""
# \keep breaks the page before a heading that has no room for nine lines, after needspace. No line of a paragraph stands
# alone on a page, and no break parts words from their display or their table.


def paper(room: float) -> Paper:
    """Return paper on which a line holds ``room`` ems."""
    return Paper(width, words_width, room, step=1.0)


def latex_text(text: str, style: Style) -> str:
    """Return running text as LaTeX, its names as formulas."""
    return rich_text(text, escape, lambda name: f"${latex(style.spell_in_text(name))}$")


def latex_document(derivation: Derivation) -> str:
    """Return a complete document for pdflatex."""
    title = escape(derivation.title)
    heading = rf"\section*{{\raggedright {title}}}"
    parts = [PREAMBLE, rf"\hypersetup{{pdftitle={{{title}}}}}", r"\begin{document}", heading]
    numbers = reference_numbers(derivation)
    checks = checks_section(derivation)
    sections = (*derivation.sections, *([] if checks is None else [checks]))
    body = [latex_section(section, derivation.style, numbers) for section in sections]
    if any(r"\begin{longtable}" in section for section in body):
        parts.insert(1, LONG_TABLES)
    return "\n".join([*parts, *body, *latex_references(numbers), r"\end{document}", ""])


def latex_references(numbers: dict[str, int]) -> list[str]:
    """Return the numbered references, nothing where there are none."""
    if not numbers:
        return []
    items = [rf"\item {escape(text)}" for text in numbers]
    return [r"\subsection*{References}", r"\begin{enumerate}", r"\renewcommand{\labelenumi}{[\arabic{enumi}]}", *items,
            r"\end{enumerate}"]


def latex_section(section: Section, style: Style, numbers: dict[str, int]) -> str:
    """Return a section of a document whose references have these numbers."""
    parts = [r"\keep", rf"\subsection*{{{escape(section.title)}}}", latex_text(section.text, style), ""]
    if section.table is not None:
        parts.append(_table(section.table, style))
    parts += [_group(rule, why, steps, style, numbers) for rule, why, steps in groups(section)]
    parts += [latex_text(section.conclusion, style)] if section.conclusion else []
    return "\n".join(parts) + "\n"


def _group(rule: str, why: str, steps: list[Step], style: Style, numbers: dict[str, int]) -> str:
    head = f"\\textbf{{{escape(rule.capitalize())}.}} {latex_text(why, style)}{cited(steps, numbers)}\n"
    return head + latex_display(steps, style)


def latex_display(steps: list[Step], style: Style) -> str:
    """Set equations at the largest size at which all lines fit the page."""
    for size, room in SIZES:
        chosen, found = size, equations(steps, style, paper(room))
        if all(equation.width <= room for equation in found):
            break
    lines = " \\\\\n".join(latex_equation(equation) for equation in found)
    display = f"\\begin{{align*}}\n{lines}\n\\end{{align*}}\n"
    return f"{{{chosen}\n{display}}}\n" if chosen else display


def latex_equation(equation: Equation, tag: str = TAG) -> str:
    """Return one equation for an ``align`` environment; ``tag`` is what sets its side condition on its last line."""
    first, *rest = equation.lines
    heads = [f"{_indented(line.indent)} {latex(line.box).strip()}".strip() for line in equation.before]
    right = f"{latex(equation.relation)}{latex(first.box).strip()}"
    lines = [*(f"&{head}" for head in heads), rf"&\quad{right}"] if equation.below else [f"{heads[0]} &{right}"]
    lines += [f"&{_indented(line.indent + equation.below)} {latex(line.box).strip()}" for line in rest]
    condition = tag.format(escape_condition(equation.condition))
    if equation.condition and equation.beside:
        lines[-1] += condition
    elif equation.condition:
        lines.append(f"&{condition}")
    return " \\\\\n".join(lines)


def _indented(depth: int) -> str:
    return r"\qquad" * (depth // 2) + r"\quad" * (depth % 2)


def escape_condition(condition: str) -> str:
    """Return a side condition for math mode."""
    return condition.replace("…", r"\dots").replace("−", "-")


def notebook_latex(derivation: Derivation) -> str:
    """Return the equations alone, for a notebook's MathJax."""
    found = equations(list(derivation.steps), derivation.style, paper(LINE)) if derivation.steps else []
    lines = " \\\\\n".join(latex_equation(equation, BESIDE) for equation in found)  # aligned knows no tags
    return f"$$\\begin{{aligned}}\n{lines}\n\\end{{aligned}}$$".replace(r"\coloneqq", ":=")


def _table(table: Table, style: Style) -> str:
    boxes = [[cell_box(cell, style) for cell in line] for line in table.rows]
    head = " & ".join(escape(word) for word in table.header)
    body = [" & ".join(_cell(box, style) for box in line) + r" \\" for line in boxes]
    columns, rows = _columns(table, boxes), "\n".join(body)
    if _height(columns, boxes) > LONGEST_TABLE:
        return (
            f"\\begin{{longtable}}{{@{{}}{columns}@{{}}}}\n\\toprule\n{head} \\\\\n\\midrule\n\\endhead\n"
            f"{rows}\n\\bottomrule\n\\end{{longtable}}"
        )
    return (
        f"\\begin{{center}}\\begin{{tabular}}{{@{{}}{columns}@{{}}}}\n\\toprule\n{head} \\\\\n\\midrule\n"
        f"{rows}\n\\bottomrule\n\\end{{tabular}}\\end{{center}}"
    )


def _cell(box: Box, style: Style) -> str:
    return latex_text(box.unicode, style) if is_words(box) else f"${latex(box)}$"


def _columns(table: Table, boxes: list[list[Box]]) -> str:
    """Return how the columns are set: as wide as they are, or the widest ones in lines where the page has no room."""
    widths = [max([words_width(word), *(_cell_width(line[column]) for line in boxes)])
              for column, word in enumerate(table.header)]
    room = LINE - COLUMN_GAP * (len(widths) - 1)
    narrowed = set[int]()
    for column in sorted(range(len(widths)), key=lambda column: -widths[column]):
        excess = sum(widths) - room
        if excess > 0.01 and widths[column] > LEAST_COLUMN:
            widths[column] = max(LEAST_COLUMN, widths[column] - excess)
            narrowed.add(column)
    kinds = (rf">{{\raggedright\arraybackslash}}p{{{size:.1f}em}}" if column in narrowed else "l"
             for column, size in enumerate(widths))
    return "".join(kinds)


def _height(columns: str, boxes: list[list[Box]]) -> int:
    """Return how many lines the rows take: a cell of words may be set in several."""
    rooms = [float(room or "inf") for room in re.findall(r"l|p\{([\d.]+)em\}", re.sub(r">\{[^}]*\}", "", columns))]
    return sum(max(ceil(_cell_width(box) / room) or 1 for box, room in zip(line, rooms, strict=True)) for line in boxes)


def _cell_width(box: Box) -> float:
    return words_width(box.unicode.replace("`", "")) if is_words(box) else width(box)
