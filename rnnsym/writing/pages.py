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
from rnnsym.writing.prose import cell_box, check_facts, cited, is_words, passed, reference_numbers, rich_text

SCREEN = paper(LINE)
STYLE_SHEET = """
:root { color-scheme: light dark; }
body { font: 1rem/1.55 system-ui, sans-serif; max-width: 52rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.5rem; line-height: 1.25; } h2 { font-size: 1.15rem; margin-top: 2.2rem; }
math { font-family: "rnnsym math", "STIX Two Math", "Latin Modern Math", "Cambria Math", math; }
.equations { overflow: auto hidden; margin: .4rem 0 1rem; }
.equations table { border-collapse: collapse; margin: 0 auto; } .equations td { padding: .18rem .3rem; }
.equations td { vertical-align: baseline; white-space: nowrap; }
.equations td.left { text-align: right; padding-right: 0; } mtd { text-align: left; }
.equations td.mark { font-size: .8rem; } .equations td.note { padding-left: 1.5rem; }
details.check summary { cursor: pointer; list-style: none; color: #0a7d54; }
details.check summary::-webkit-details-marker { display: none; }
details.check.failed summary { color: #c2410c; }
details.check dl { width: 13rem; margin: .2rem .6rem .4rem 0; white-space: normal; line-height: 1.35; }
details.check dt { font-weight: 600; } details.check dd { margin: 0 0 .2rem; }
p, li, h1, h2 { overflow-wrap: anywhere; }
table.names { border-collapse: collapse; margin: 1rem 0; display: block; max-width: 100%; overflow-x: auto; }
table.names th, table.names td { text-align: left; padding: .2rem 1rem .2rem 0; border-bottom: 1px solid #8884; }
p.step { margin: 1rem 0 0; }
@media (prefers-color-scheme: dark) {
  details.check summary { color: #5fd3a6; } details.check.failed summary { color: #ff9d6b; }
}
"""


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
    parts = [html_section(section, derivation.style, numbers) for section in derivation.sections]
    if numbers:
        items = "".join(f"<li>{escape(text)}</li>" for text in numbers)
        parts.append(f"<section><h2>References</h2><ol>{items}</ol></section>")
    return "\n".join(parts)


def html_section(section: Section, style: Style, numbers: dict[str, int], place: str = "", level: int = 2) -> str:
    """Return a section of a page whose references have these numbers; ``place`` is its id, its key if absent."""
    parts = [f'<section id="{place or section.key}"><h{level}>{escape(section.title)}</h{level}>']
    parts += [f"<p>{html_text(section.text, style)}</p>"] if section.text else []
    parts += [_table(section.table, style)] if section.table is not None else []
    parts += [_group(rule, why, steps, style, numbers) for rule, why, steps in groups(section)]
    return "\n".join([*parts, "</section>"])


def _table(table: Table, style: Style) -> str:
    head = "".join(f"<th>{escape(word)}</th>" for word in table.header)
    boxes = [[cell_box(cell, style) for cell in line] for line in table.rows]
    rows = "".join("<tr>" + "".join(f"<td>{_cell(box, style)}</td>" for box in line) + "</tr>" for line in boxes)
    return f'<table class="names"><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>'


def _cell(box: Box, style: Style) -> str:
    return html_text(box.unicode, style) if is_words(box) else inline_math(box)


def _group(rule: str, why: str, steps: list[Step], style: Style, numbers: dict[str, int]) -> str:
    found = equations(steps, style, SCREEN)
    rows = "".join(_equation(equation, _check(step)) for equation, step in zip(found, steps, strict=True))
    text = f"<strong>{escape(rule.capitalize())}.</strong> {html_text(why, style)}{escape(cited(steps, numbers))}"
    return (f'<p class="step">{text}</p>\n<div class="equations" tabindex="0"><table role="presentation">{rows}</table>'
            "</div>")


def _equation(equation: Equation, check: str) -> str:
    first, *rest = equation.lines
    heads = [_display(line.box, line.indent) for line in equation.before]
    right = row(equation.relation, first.box)
    lines = [*(("", head) for head in heads), ("", _display(right, 1))] if equation.below else [
        (heads[0], _display(right))]
    lines += [("", _display(line.box, line.indent + equation.below)) for line in rest]
    notes = [""] * (len(lines) - 1) + [escape(f"({equation.condition})") if equation.condition else ""]
    mark = f'<td class="mark" rowspan="{len(lines)}">{check}</td>'
    rows = [f'<td class="left">{left}</td><td>{right}</td><td class="note">{note}</td>'
            for (left, right), note in zip(lines, notes, strict=True)]
    return "".join(f"<tr>{mark if not place else ''}{cells}</tr>" for place, cells in enumerate(rows))


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
