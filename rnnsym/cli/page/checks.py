"""The checks of derivation and code: what each witness compared, with what error, and what could have been seen."""

from __future__ import annotations

from html import escape

from rnnsym.cli.page.content import Content
from rnnsym.cli.page.markup import listing, mark, section, table
from rnnsym.evidence.reports import Report, Witness
from rnnsym.writing.derivation import Derivation
from rnnsym.writing.pages import html_text, inline_math, table_html
from rnnsym.writing.prose import checks_section, raised_powers

HEADER = ("witness", "comparisons", "largest error", "allowed there", "why this much")


def checks_part(content: Content) -> str:
    """Return findings first, then the witnesses, what they could see, and the checks of the derivation's lines."""
    report = content.report
    text = (f"<p>Our own derivation and code, judged by witnesses that share no code with them; the examples are drawn "
            f"from seed {report.seed}. All of it is in <a href=\"checks.json\">checks.json</a>.</p>")
    witnesses = table("Witnesses of the derivation and the code", HEADER, map(_witness, report.witnesses),
                      numbers=(1, 2, 3))
    return section("checks", "The checks", text, _findings(report), witnesses, _undecided(report),
                   _visible(content.derivation, report), _lines(content.derivation),
                   verdict=f" {mark(report.passed)}")


def _witness(witness: Witness) -> tuple[str, ...]:
    name = escape(raised_powers(witness.name))
    if not witness.comparisons:
        return name, "0", "", "", "nothing was compared"
    return (name, f"{witness.comparisons:,}", number(witness.error), number(witness.tolerance),
            escape(witness.reason))


def number(value: float) -> str:
    """Return a number to two digits, its power of ten raised: 7.9 · 10⁻¹⁷."""
    digits, _, power = f"{value:.2g}".partition("e")
    return f"{digits} · 10<sup>{int(power)}</sup>".replace("-", "−") if power else digits.replace("-", "−")


def _findings(report: Report) -> str:
    found = "".join(f'<p class="failed">{escape(finding.message)}</p>' for finding in report.findings)
    if report.counterexample is None:
        return found
    return found + listing(escape("\n".join(report.pasted())), "The smallest counterexample")


def _undecided(report: Report) -> str:
    if not report.undecided:
        return ""
    return f"<p>Left undecided: {len(report.undecided)}; the first: {escape(report.undecided[0])}.</p>"


def _visible(derivation: Derivation, report: Report) -> str:
    """Say how small an error would still be seen, for each gradient."""
    style, found = derivation.style, report.minimum_detectable_error
    rows = [("the inputs" if name == "inputs" else inline_math(style.spell_in_text(name)), number(value))
            for name, value in found.items()]
    caption = "An error in one entry of a gradient of ordinary size is seen from"
    return table(caption, ("gradient by", "error"), rows, numbers=(1,)) if rows else ""


def _lines(derivation: Derivation) -> str:
    """Return the table of what the marks of the derivation hide, for paper too."""
    found = checks_section(derivation)
    if found is None or found.table is None:
        return ""
    style = derivation.style
    lines = table_html(found.table, "Checks of the lines", style).replace("all hold", "all\N{NO-BREAK SPACE}hold")
    return f'<h3 id="lines">The lines of the derivation</h3><p>{html_text(found.text, style)}</p>{lines}'
