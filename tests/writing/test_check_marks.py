"""The checks on the page: a mark for each equation that opens to its check, a table on paper, a sentence in text."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

import rnnsym
from rnnsym.writing.boxes import Glyph
from rnnsym.writing.derivation import Derivation, Section
from rnnsym.writing.prose import check_summary, checks_section
from rnnsym.writing.sections import derivation

NETWORK = rnnsym.Network(rnnsym.cells["simple"])
CHECKED, UNCHECKED = rnnsym.derive(NETWORK, 2, seed=7), derivation(NETWORK, 2)


def with_a_failure(document: Derivation) -> Derivation:
    first = next(section for section in document.sections if section.steps)
    step = first.steps[0]
    failed = replace(step, checks=(replace(step.checks[0], passed=False, error="2 of 2 entries differ"),))
    changed = replace(first, steps=(failed, *first.steps[1:]))
    return replace(document, sections=tuple(changed if one is first else one for one in document.sections))


def test_each_equation_of_the_page_has_a_mark_that_opens_to_its_check() -> None:
    marks = re.findall(r'<details class="check">.*?</details>', CHECKED.html(), re.DOTALL)
    assert len(marks) == len(CHECKED.steps)
    for mark in marks:
        assert 'aria-label="checked: show how"' in mark
        assert "<dt>checked by</dt>" in mark
        assert "<dt>seed</dt><dd>7</dd>" in mark
        assert "<dt>result</dt><dd>0 of " in mark
        assert "<dt>allowed</dt><dd>0 entries</dd>" in mark
    assert "<script" not in CHECKED.html()


def test_assumptions_stand_with_the_check() -> None:
    assumed = [assumption for step in CHECKED.steps for assumption in step.assumptions]
    assert assumed
    assert len(re.findall("<dt>assumed</dt>", CHECKED.html())) == len(assumed)


def test_what_was_not_checked_bears_no_mark() -> None:
    assert "<details" not in UNCHECKED.html()
    assert r"\subsection*{Checks}" not in UNCHECKED.latex()
    assert "Checked:" not in UNCHECKED.text()
    assert checks_section(UNCHECKED) is None


def test_a_failure_is_marked_in_every_output() -> None:
    """``derive`` never prints a failed line; whoever prints one all the same sees it."""
    failed = with_a_failure(CHECKED)
    assert failed.html().count('<details class="check failed">') == 1
    assert "failed its check: show how" in failed.html()
    assert "1 fail" in failed.latex()
    assert f"{len(CHECKED.steps) - 1} of {len(CHECKED.steps)} equations hold" in failed.latex()
    section = next(section for section in failed.sections if section.steps)
    count = len(section.steps)
    assert f"Checked: {count - 1} of {count} equations hold" in check_summary(section)


def test_the_table_on_paper_counts_every_check() -> None:
    section = checks_section(CHECKED)
    assert section is not None
    assert section.table is not None
    counts = [row[1].unicode for row in section.table.rows if isinstance(row[1], Glyph)]
    assert sum(map(int, counts)) == sum(len(step.checks) for step in CHECKED.steps)
    assert r"\subsection*{Checks}" in CHECKED.latex()
    assert "2$^{1}$$^{2}$$^{7}$" in CHECKED.latex()


@pytest.mark.parametrize("section", [section for section in CHECKED.sections if section.steps], ids=lambda one: one.key)
def test_the_text_has_a_sentence_for_each_section(section: Section) -> None:
    summary = check_summary(section)
    assert re.fullmatch(r"Checked: (\d+) of \1 equations hold \(.*\), seed 7\.", summary)
    joined = " ".join(CHECKED.text().split())
    assert " ".join(summary.split()) in joined
