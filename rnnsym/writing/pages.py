"""Derivations as one self-contained HTML page: native MathML in a font of its own, no script, no request."""

from __future__ import annotations

import re
from html import escape

from rnnsym.writing.boxes import Box, row
from rnnsym.writing.derivation import Derivation, Section, Step, Table
from rnnsym.writing.displays import Equation, equations, groups
from rnnsym.writing.documents import LINE, paper
from rnnsym.writing.fonts import font_face
from rnnsym.writing.layout import Style
from rnnsym.writing.mathml import mathml
from rnnsym.writing.page_style import STYLE_SHEET
from rnnsym.writing.prose import cell_box, check_facts, cited, is_words, passed, reference_numbers, rich_text

SCREEN = paper(LINE)


def style_sheet(body: str) -> str:
    """Return the style of a page with ``body``: with the glyphs that its formulas need, so that it asks for no font."""
    return font_face(body) + STYLE_SHEET


def inline_math(box: Box) -> str:
    """Return a box as a formula in running text."""
    return f"<math>{mathml(box)}</math>"


def html_text(text: str, style: Style) -> str:
    """Return running text as HTML, its names as formulas."""
    return rich_text(text, escape, lambda name: inline_math(style.spell_in_text(name)))


def html_page(derivation: Derivation) -> str:
    """Return a complete page."""
    title, body = escape(derivation.title), html_fragment(derivation)
    scale = '<meta name="viewport" content="width=device-width, initial-scale=1">'
    head = f'<meta charset="utf-8">{scale}<title>{title}</title><style>{style_sheet(body)}</style>'
    return "\n".join([
        f'<!DOCTYPE html>\n<html lang="en"><head>{head}</head><body><main>', f"<h1>{title}</h1>", body,
        "</main></body></html>\n",
    ])


def html_fragment(derivation: Derivation) -> str:
    """Return the sections alone, for a page that has more to show."""
    numbers = reference_numbers(derivation)
    parts = [section_html(section, derivation.style, numbers) for section in derivation.sections]
    if numbers:
        parts.append(f"<section><h2>References</h2>{references_html(numbers)}</section>")
    return "\n".join(parts)


def section_html(section: Section, style: Style, numbers: dict[str, int], level: int = 2, place: str = "") -> str:
    """Return a section under a heading of the given level; its references lead to ``references_html``.

    ``place`` is its id on the page, the section's key if absent.
    """
    heading = f"<h{level}>{escape(section.title)}</h{level}>"
    return f'<section id="{place or section.key}">{heading}\n{section_body(section, style, numbers)}\n</section>'


def section_body(section: Section, style: Style, numbers: dict[str, int]) -> str:
    """Return a section without its heading."""
    parts = [f"<p>{html_text(section.text, style)}</p>"] if section.text else []
    parts += [table_html(section.table, section.title, style)] if section.table is not None else []
    parts += [_group(rule, why, steps, style, numbers) for rule, why, steps in groups(section)]
    parts += [f"<p>{html_text(section.conclusion, style)}</p>"] if section.conclusion else []
    return "\n".join(parts)


def references_html(numbers: dict[str, int]) -> str:
    """Return the list that the numbers in brackets lead to."""
    items = "".join(f'<li id="reference-{number}">{escape(text)}</li>' for text, number in numbers.items())
    return f"<ol>{items}</ol>"


def table_html(table: Table, caption: str, style: Style) -> str:
    """Return a table that scrolls on its own; the caption is for those who hear the page: a heading says it already."""
    head = "".join(f'<th scope="col">{escape(word)}</th>' for word in table.header)
    boxes = [[cell_box(cell, style) for cell in line] for line in table.rows]
    rows = "".join("<tr>" + "".join(f"<td>{_cell(box, style)}</td>" for box in line) + "</tr>" for line in boxes)
    name = escape(caption)
    return (f'<div class="wide" role="group" tabindex="0" aria-label="Table: {name}"><table class="names">'
            f'<caption class="unseen">{name}</caption><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>'
            "</div>")


def _cell(box: Box, style: Style) -> str:
    return html_text(box.unicode, style) if is_words(box) else inline_math(box)


def _group(rule: str, why: str, steps: list[Step], style: Style, numbers: dict[str, int]) -> str:
    links = re.sub(r"\d+", lambda match: f'<a href="#reference-{match[0]}">{match[0]}</a>', cited(steps, numbers))
    text = f"<strong>{escape(rule.capitalize())}.</strong> {html_text(why, style)}{links}"
    return f'<p class="step">{text}</p>\n{equations_html(steps, style, rule)}'


def equations_html(steps: list[Step], style: Style, name: str) -> str:
    """Return displayed equations, aligned at their relations; ``name`` is what those who hear the page are told."""
    found = equations(steps, style, SCREEN)
    rows = "".join(_equation(equation, _check(step)) for equation, step in zip(found, steps, strict=True))
    return (f'<div class="equations" role="group" tabindex="0" aria-label="Equations: {escape(name)}">'
            f'<table role="presentation">{rows}</table></div>')


def _equation(equation: Equation, check: str) -> str:
    first, *rest = equation.lines
    heads = [_display(line.box, line.indent) for line in equation.before]
    right = row(equation.relation, first.box)
    lines = [*(("", head) for head in heads), ("", _display(right, 1))] if equation.below else [
        (heads[0], _display(right))]
    lines += [("", _display(line.box, line.indent + equation.below)) for line in rest]
    notes = [""] * (len(lines) - 1) + [escape(f"({equation.condition})") if equation.condition else ""]
    rows = [f'<td class="left">{left}</td><td>{right}</td><td class="note">{note}</td>'
            for (left, right), note in zip(lines, notes, strict=True)]
    marks = [check] + [""] * (len(rows) - 1)  # what the mark opens to lies below the first line, above the others
    return "".join(f'<tr><td class="mark">{one}</td>{cells}</tr>' for one, cells in zip(marks, rows, strict=True))


def _display(box: Box, indent: int = 0) -> str:
    """Return a line as a formula; one that goes on has its sign set as between two terms."""
    if not indent:
        return f'<math displaystyle="true">{mathml(box)}</math>'
    content = re.sub("^<mrow><mo>", '<mrow><mo form="infix">', mathml(box))
    return f'<math displaystyle="true"><mspace width="{indent}em"></mspace>{content}</math>'


def _check(step: Step) -> str:
    """Return a mark that opens to what checked the step; nothing where it bears no check."""
    if not step.checks:
        return ""
    holds = passed([step]) == 1
    kind, sign, words = ("check", "✓", "checked") if holds else ("check failed", "✗", "failed its check")
    facts = "".join(f"<dt>{escape(word)}</dt><dd>{escape(value)}</dd>" for word, value in check_facts(step))
    return (f'<details class="{kind}"><summary aria-label="{words}: show how" title="{words}">{sign}</summary>'
            f"<dl>{facts}</dl></details>")
