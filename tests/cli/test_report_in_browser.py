"""The report's page in a browser: what axe-core objects to, and whether the page is wider than the screen."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest
from browser import Look, look_at, missing_tools, on_paper
from report_contents import FILES, content, page

from rnnsym.cli.page.document import report_page

pytestmark = pytest.mark.skipif(bool(missing_tools()), reason=f"{', '.join(missing_tools())} not installed")

DESK, PHONE, NARROW = 1280, 390, 320  # pixels
PAPER = 657  # pixels: the 174 mm between the margins of A4
OPENED = "simple, all marks open"
LOOKS = {
    "light": [("gru", DESK), (OPENED, PHONE), ("lstm", PHONE), ("encoder-decoder", DESK)],
    "dark": [("gru", PHONE), ("simple", PHONE), ("skip_rnn", DESK), ("bidirectional", DESK)],
}
MEASURED = ("gru", "lstm", "encoder-decoder", "columns")
LEAST_RULES = 30  # that apply to the page and that it keeps: a look that found nothing to look at would pass too


def faults(look: Look) -> list[str]:
    found = [f"{impact}: {rule} at {place} and {count - 1} more" for impact, rule, place, count in look.faults]
    return found + ([f"{look.content} pixels wide"] if look.content > look.width else [])


def opened(source: str) -> str:
    """Return a page as a reader leaves it who has opened every mark."""
    return source.replace('<details class="check">', '<details class="check" open>')


@pytest.mark.parametrize("scheme", LOOKS)
def test_nothing_is_objected_to_and_the_page_is_as_wide_as_the_screen(scheme: str, tmp_path: Path) -> None:
    asked = LOOKS[scheme]
    pages = {name: opened(page("simple")) if name == OPENED else page(name) for name, _ in asked}
    for (name, width), look in look_at(pages, asked, tmp_path, scheme).items():
        assert (name, width, faults(look)) == (name, width, [])
        assert (look.width, look.dark) == (width, scheme == "dark")
        assert look.rules >= LEAST_RULES


def test_no_page_is_wider_than_a_narrow_phone_or_than_paper(tmp_path: Path) -> None:
    pages = {name: page(name) for name in MEASURED}
    papers = {f"{name} on paper": on_paper(text) for name, text in pages.items()}
    asked = [*((name, NARROW) for name in pages), *((name, PAPER) for name in papers)]
    looks = look_at(pages | papers, asked, tmp_path, axe=False)
    assert [(name, look.content) for (name, _), look in looks.items()] == asked


def test_a_formula_that_is_cut_on_paper_is_found(tmp_path: Path) -> None:
    long = '<div class="equations"><table><tr><td><math><mi>a</mi><mspace width="60em"/></math></td></tr></table></div>'
    papers = {"long": on_paper(small_page().replace("</main>", f"{long}</main>")), "short": on_paper(small_page())}
    looks = look_at(papers, [("long", PAPER), ("short", PAPER)], tmp_path, axe=False)
    assert looks["short", PAPER].content == PAPER < looks["long", PAPER].content


def small_page() -> str:
    """A page of the same style with the little that faults are planted in."""
    found = content("single step")
    return report_page(replace(found, derivation=found.derivation.only("notation", "loss")), FILES)


FAULTS = {
    "a picture without a text": ("</main>", '<img src="data:image/gif;base64,"></main>', "image-alt"),
    "a contrast that is too low": ("--quiet: #57606b", "--quiet: #a9b0b8", "color-contrast"),
    "a button without a name": ("</main>", "<button></button></main>", "button-name"),
    "a page without a language": ('<html lang="en">', "<html>", "html-has-lang"),
    "a figure without a name": ("</main>", '<svg role="img" width="9" height="9"></svg></main>', "svg-img-alt"),
    "an element that is wider than the page": ("</main>", '<div style="width: 500px">a</div></main>', "pixels wide"),
    "formulas that do not scroll": (r"\.equations \{ overflow: auto hidden;", ".equations { width: 60rem;", "pixels"),
    "a word that does not break": ("</main>", f"<h3>{'word' * 40}</h3></main>", ""),
}


def test_planted_faults_are_found(tmp_path: Path) -> None:
    whole, wrong = small_page(), dict[str, str]()
    for kind, (pattern, planted, _) in FAULTS.items():
        wrong[kind], count = re.subn(pattern, planted, whole, count=1)
        assert count == 1
    found = look_at({"none": whole, **wrong}, [("none", PHONE), *((kind, PHONE) for kind in wrong)], tmp_path)
    assert faults(found["none", PHONE]) == []
    for kind, (_, _, words) in FAULTS.items():
        said = " ".join(faults(found[kind, PHONE]))
        assert (kind, words in said) == (kind, True)
        assert (kind, bool(said)) == (kind, bool(words)), "words break where they must"
