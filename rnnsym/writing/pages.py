"""Derivations as one self-contained HTML page: native MathML, no script, no request to the network."""

from __future__ import annotations

from html import escape

from rnnsym.writing.boxes import Box, Glyph, row
from rnnsym.writing.derivation import Derivation, Section, Step, Table
from rnnsym.writing.documents import (
    RELATIONS,
    cited,
    equation_lines,
    groups,
    reference_numbers,
    rich_text,
    side_condition,
)
from rnnsym.writing.layout import Style, lay_out
from rnnsym.writing.mathml import mathml
from rnnsym.writing.spelling import spell

STYLE_SHEET = """
:root { color-scheme: light dark; }
body { font: 1rem/1.55 system-ui, sans-serif; max-width: 52rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.5rem; line-height: 1.25; } h2 { font-size: 1.15rem; margin-top: 2.2rem; }
math { font-family: "STIX Two Math", "Latin Modern Math", "Cambria Math", math; }
.equations { overflow: auto hidden; margin: .4rem 0 1rem; }
.equations table { border-collapse: collapse; margin: 0 auto; } .equations td { padding: .18rem .3rem; }
.equations td:first-child { text-align: right; white-space: nowrap; }
p, li, h1, h2 { overflow-wrap: anywhere; }
table.names { border-collapse: collapse; margin: 1rem 0; display: block; max-width: 100%; overflow-x: auto; }
table.names th, table.names td { text-align: left; padding: .2rem 1rem .2rem 0; border-bottom: 1px solid #8884; }
p.step { margin: 1rem 0 0; }
"""


def inline_math(box: Box) -> str:
    """Return a box as a formula in running text."""
    return f"<math>{mathml(box)}</math>"


def html_text(text: str) -> str:
    """Return running text as HTML, its names as formulas."""
    return rich_text(text, escape, lambda name: inline_math(spell(name)))


def html_page(derivation: Derivation) -> str:
    """Return a complete page."""
    title = escape(derivation.title)
    scale = '<meta name="viewport" content="width=device-width, initial-scale=1">'
    head = f'<meta charset="utf-8">{scale}<title>{title}</title>'
    body = [f"<h1>{title}</h1>", html_fragment(derivation)]
    return "\n".join([
        f'<!DOCTYPE html>\n<html lang="en"><head>{head}<style>{STYLE_SHEET}</style></head><body><main>',
        *body, "</main></body></html>\n",
    ])


def html_fragment(derivation: Derivation) -> str:
    """Return the sections alone, for a page that has more to show."""
    numbers = reference_numbers(derivation)
    parts = [_section(section, derivation.style, numbers) for section in derivation.sections]
    if numbers:
        items = "".join(f"<li>{escape(text)}</li>" for text in numbers)
        parts.append(f"<section><h2>References</h2><ol>{items}</ol></section>")
    return "\n".join(parts)


def _section(section: Section, style: Style, numbers: dict[str, int]) -> str:
    parts = [f'<section id="{section.key}"><h2>{escape(section.title)}</h2>']
    parts += [f"<p>{html_text(section.text)}</p>"] if section.text else []
    parts += [_table(section.table)] if section.table is not None else []
    parts += [_group(rule, why, steps, style, numbers) for rule, why, steps in groups(section)]
    return "\n".join([*parts, "</section>"])


def _table(table: Table) -> str:
    head = "".join(f"<th>{escape(word)}</th>" for word in table.header)
    rows = "".join("<tr>" + "".join(f"<td>{_cell(cell)}</td>" for cell in cells) + "</tr>" for cells in table.rows)
    return f'<table class="names"><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>'


def _cell(box: Box) -> str:
    return escape(box.unicode) if isinstance(box, Glyph) and box.kind == "text" else inline_math(box)


def _group(rule: str, why: str, steps: list[Step], style: Style, numbers: dict[str, int]) -> str:
    rows = "".join(_equation(step, style) for step in steps)
    text = f"<strong>{escape(rule.capitalize())}.</strong> {html_text(why)}{escape(cited(steps, numbers))}"
    return f'<p class="step">{text}</p>\n<div class="equations"><table>{rows}</table></div>'


def _equation(step: Step, style: Style) -> str:
    first, *rest = equation_lines(step, style)
    lines = [(_display(lay_out(step.before, style)), _display(row(RELATIONS[step.relation], first)))]
    lines += [("", _display(line)) for line in rest]
    conditions = [""] * (len(lines) - 1) + [escape(f"({side_condition(step)})") if step.span is not None else ""]
    rows = zip(lines, conditions, strict=True)
    return "".join(f"<tr><td>{left}</td><td>{right}</td><td>{note}</td></tr>" for (left, right), note in rows)


def _display(box: Box) -> str:
    return f'<math displaystyle="true">{mathml(box)}</math>'
