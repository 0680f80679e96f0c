"""What every output says beside the equations: running text, cells of tables, references, how lines were checked."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import TypeGuard

from rnnsym.model.expressions import Expression
from rnnsym.writing.boxes import COMMA, Box, Glyph, words
from rnnsym.writing.derivation import Cell, Check, Derivation, Section, Step, Table
from rnnsym.writing.layout import Style, join, lay_out
from rnnsym.writing.plain import RAISED


def rich_text(text: str, plain_part: Callable[[str], str], name_part: Callable[[str], str]) -> str:
    """Render running text in which names stand between backticks."""
    parts = text.split("`")
    return "".join(name_part(part) if place % 2 else plain_part(part) for place, part in enumerate(parts))


def cell_box(cell: Cell, style: Style) -> Box:
    """Return the box of a table's cell; names are spelt as the page spells them."""
    if isinstance(cell, tuple):
        return join([lay_out(one, style) for one in cell], COMMA)
    return lay_out(cell, style) if isinstance(cell, Expression) else cell


def is_words(cell: Box) -> TypeGuard[Glyph]:
    """Whether a cell is running text."""
    return isinstance(cell, Glyph) and cell.kind == "text"


def reference_numbers(derivation: Derivation) -> dict[str, int]:
    """Number the references of all steps in order of first appearance."""
    found = dict.fromkeys(reference for step in derivation.steps for reference in step.references)
    return {reference: number for number, reference in enumerate(found, start=1)}


def cited(steps: list[Step], numbers: dict[str, int]) -> str:
    """Return « [1, 2]» for the references of ``steps``, nothing where there are none."""
    found = sorted({numbers[reference] for step in steps for reference in step.references})
    return f" [{', '.join(str(number) for number in found)}]" if found else ""


def witness_text(check: Check) -> str:
    """Return a check's witness as it is printed."""
    return raised_powers(check.witness)


def raised_powers(text: str) -> str:
    """Return words with their powers raised and their differences kept on one line: 2¹²⁷ − 1."""
    raised = re.sub(r"\^(\d+)", lambda match: match[1].translate(RAISED), text)
    return raised.replace(" − ", "\N{NO-BREAK SPACE}−\N{NO-BREAK SPACE}")


def check_facts(step: Step) -> list[tuple[str, str]]:
    """Return what there is to say of a step's checks, as pairs of a word and a value."""
    facts = []
    for check in step.checks:
        facts += [("checked by", witness_text(check)), ("result", check.error), ("allowed", check.tolerance),
                  ("seed", str(check.seed))]
    return facts + [("assumed", assumption) for assumption in step.assumptions]


def passed(steps: Iterable[Step]) -> int:
    """Count the steps that bear a check, all of them passed."""
    return sum(bool(step.checks) and all(check.passed for check in step.checks) for step in steps)


def check_summary(section: Section) -> str:
    """Return one sentence on the checks of a section, nothing where it has no equations or was not checked."""
    checks = [check for step in section.steps for check in step.checks]
    if not checks:
        return ""
    witnesses = "; ".join(dict.fromkeys(witness_text(check) for check in checks))
    seeds = ", ".join(dict.fromkeys(str(check.seed) for check in checks))
    return f"Checked: {passed(section.steps)} of {len(section.steps)} equations hold ({witnesses}), seed {seeds}."


def checks_section(derivation: Derivation) -> Section | None:
    """Return the table of all checks, a line for each rule and witness; None where nothing was checked."""
    found: dict[tuple[str, str], list[Check]] = {}
    for step in derivation.steps:
        for check in step.checks:
            found.setdefault((step.rule, witness_text(check)), []).append(check)
    if not found:
        return None
    rows = tuple(
        (words(rule), words(str(len(checks))), words(witness), words(_verdict(checks)))
        for (rule, witness), checks in found.items()
    )
    seeds = ", ".join(dict.fromkeys(str(check.seed) for checks in found.values() for check in checks))
    text = (f"Each equation was checked when it was derived; the random points are those of seed {seeds}. "
            f"{passed(derivation.steps)} of {len(derivation.steps)} equations hold.")
    return Section("checks", "Checks", text, (), Table(("rule", "equations", "witness", "result"), rows))


def _verdict(checks: list[Check]) -> str:
    failed = sum(not check.passed for check in checks)
    return f"{failed} fail" if failed else "holds" if len(checks) == 1 else "all hold"
