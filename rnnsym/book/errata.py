"""The errata's form: a formula as it was printed, refuted by numbers, beside the one that holds, proved."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

import rnnsym
from rnnsym.book.parts import Exhibit, Listing
from rnnsym.errors import CheckError
from rnnsym.evidence.claim_layout import equation_of
from rnnsym.writing.plain import RAISED
from rnnsym.writing.styles import style_of

POWER = re.compile(r"\^(-?\d+)")
HOW_TO_READ = (
    "Each formula is stated as a claim, rnnsym.check_claim. It is refuted by numbers at which ball arithmetic "
    "separates its two sides; the corrected one is proved as its entry says. Below each equation stands the claim as "
    "it was checked: total is the total derivative, partial the immediate one, and @ the product."
)


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
                raise CheckError(f"erratum {self.where!r}: {verdict.text()}")
        return found

    def exhibit(self) -> Exhibit:
        """Return the entry: the claim as printed with its counterexample, the corrected one with its proof."""
        printed, corrected = self.verdicts()
        numbers = () if printed.counterexample is None else tuple(printed.counterexample.lines())
        cases = f"But {'; '.join(printed.cases)}. " if printed.cases else ""
        return Exhibit(self.where, self.why, (
            _stated("As printed, refuted:", printed, self.network),
            Listing(_raised(f"{cases}At these numbers:"), numbers),
            _stated(_raised(f"Corrected, holds: {corrected.how}."), corrected, self.network),
        ))


@dataclass(frozen=True)
class Slip:
    """A statement that is no equation about a network: ``shown()`` returns what is printed and what is found."""

    where: str
    why: str
    shown: Callable[[], tuple[str, str]]

    def exhibit(self) -> Exhibit:
        """Return the entry: what is printed, what is found."""
        printed, found = self.shown()
        return Exhibit(self.where, self.why, (Listing("As printed:", (printed,)), Listing("Found:", (found,))))


def claim(title: str, text: str, network: rnnsym.Network, statement: str, *, holds: bool = True) -> Exhibit:
    """Return a claim with what is found of it; CheckError where that is not as expected."""
    verdict = rnnsym.check_claim(statement, network)
    if verdict.holds is not holds:
        raise CheckError(f"the claim {title!r}: {verdict.text()}")
    words = _raised(f"The claim {verdict.outcome}: {verdict.how}." if holds else "The claim is refuted:")
    shown = [_stated(words, verdict, network)]
    if verdict.counterexample is not None:
        shown.append(Listing("At these numbers:", tuple(verdict.counterexample.lines())))
    return Exhibit(title, text, tuple(shown))


def _stated(words: str, verdict: rnnsym.Verdict, network: rnnsym.Network) -> Listing:
    """Return a claim as an equation, and as it is written."""
    return Listing(words, (verdict.claim.text,), equation_of(verdict.claim), style_of(network))


def _raised(text: str) -> str:
    return POWER.sub(lambda match: match[1].translate(RAISED), text)
