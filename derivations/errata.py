"""The errata's form: a formula as it was printed, refuted by numbers, beside the one that holds, proved."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import rnnsym

POWER = re.compile(r"(\d)\^(-?\d+)")
COLUMNS = 86  # of verbatim text at \footnotesize on the page
PREAMBLE = r"""\documentclass[11pt,a4paper]{article}
\usepackage[margin=26mm]{geometry}
\usepackage[hidelinks]{hyperref}
\setlength{\parindent}{0pt}
\setlength{\parskip}{4pt plus 2pt}
"""


@dataclass(frozen=True)
class Erratum:
    """``printed`` and ``corrected`` are claims about ``network``; ``where`` the first stands, ``why`` it is wrong."""

    where: str
    why: str
    network: rnnsym.Network
    printed: str
    corrected: str

    def verdicts(self) -> tuple[rnnsym.Verdict, rnnsym.Verdict]:
        """Return what is found of both; CheckError unless the first is refuted and the second holds."""
        found = rnnsym.check_claim(self.printed, self.network), rnnsym.check_claim(self.corrected, self.network)
        for verdict, expected in zip(found, (False, True), strict=True):
            if verdict.holds is not expected:
                raise rnnsym.errors.CheckError(f"erratum {self.where!r}: {verdict.text()}")
        return found


@dataclass(frozen=True)
class Slip:
    """A statement that is no equation about a network: ``shown()`` returns what is printed and what is found."""

    where: str
    why: str
    shown: Callable[[], tuple[str, str]]


def write_page(path: Path, title: str, errata: Iterable[Erratum], slips: Iterable[Slip] = ()) -> None:
    """Write the page of all entries."""
    body = [*(_erratum(one) for one in errata), *(_slip(one) for one in slips)]
    page = [PREAMBLE, rf"\hypersetup{{pdftitle={{{title}}}}}", r"\begin{document}",
            rf"\section*{{\raggedright {title}}}", _words(), *body, r"\end{document}", ""]
    path.write_text("\n".join(page), encoding="utf-8")


def _words() -> str:
    return (r"Each formula is stated as a claim, \texttt{rnnsym.check\_claim}. It is refuted by numbers at which ball "
            "arithmetic separates its two sides; the corrected one is proved as its entry says. "
            r"\texttt{total} is the total derivative, \texttt{partial} the immediate one, and \texttt{@} the product.")


def _erratum(one: Erratum) -> str:
    printed, corrected = one.verdicts()
    numbers = [] if printed.counterexample is None else printed.counterexample.lines()
    return "\n".join([
        rf"\subsection*{{\raggedright {_escaped(one.where)}}}", _escaped(one.why),
        "As printed, refuted:", _verbatim([printed.claim.text]),
        *([_escaped("But " + "; ".join(printed.cases) + ".")] if printed.cases else []),
        "At these numbers:", _verbatim(numbers),
        f"Corrected, holds: {_escaped(corrected.how)}.", _verbatim([corrected.claim.text]), "",
    ])


def _slip(one: Slip) -> str:
    printed, found = one.shown()
    return "\n".join([rf"\subsection*{{\raggedright {_escaped(one.where)}}}", _escaped(one.why),
                      "As printed:", _verbatim([printed]), "Found:", _verbatim([found]), ""])


def _escaped(text: str) -> str:
    signs = {"_": r"\_", "%": r"\%", "&": r"\&", "#": r"\#", "−": "$-$", "≤": r"$\leq$", "…": r"\dots{}", "<": "$<$",
             ">": "$>$"}
    return "".join(signs.get(sign, sign) for sign in POWER.sub(r"$\1^{\2}$", text))


def _verbatim(lines: list[str]) -> str:
    wrapped = [part for line in lines for part in textwrap.wrap(
        line, COLUMNS, subsequent_indent="    ", break_long_words=False, break_on_hyphens=False) or [""]]
    return "\n".join([r"{\footnotesize\begin{verbatim}", *wrapped, r"\end{verbatim}}"])
