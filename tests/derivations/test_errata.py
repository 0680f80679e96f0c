"""Each printed formula of the errata is refuted by its numbers, and each corrected one is proved."""

from __future__ import annotations

from dataclasses import replace

import pytest

import rnnsym
from rnnsym.book.errata import Erratum, claim
from rnnsym.book.errata_literature import ERRATA as LITERATURE
from rnnsym.book.errata_notes import ERRATA as NOTES
from rnnsym.book.errata_notes import SLIPS

ALL = (*NOTES, *LITERATURE)


@pytest.mark.parametrize("erratum", ALL, ids=lambda erratum: erratum.where)
def test_what_is_printed_is_refuted_and_what_is_corrected_holds(erratum: Erratum) -> None:
    printed, corrected = erratum.verdicts()
    assert (printed.holds, corrected.holds) == (False, True)
    assert printed.counterexample is not None
    assert "exact identity" in corrected.how


@pytest.mark.parametrize("erratum", ALL, ids=lambda erratum: erratum.where)
def test_a_correction_that_is_none_is_noticed(erratum: Erratum) -> None:
    swapped = replace(erratum, printed=erratum.corrected, corrected=erratum.printed)
    with pytest.raises(rnnsym.errors.CheckError, match="erratum"):
        swapped.verdicts()


def test_a_wrong_entry_is_shown_by_no_chapter() -> None:
    wrong = replace(ALL[0], corrected=ALL[0].printed)
    chapter = replace(rnnsym.book.chapters["errata_notes"], make=lambda: (wrong.exhibit(),))
    with pytest.raises(rnnsym.errors.CheckError):
        chapter.build()


def test_a_claim_that_is_refuted_is_no_exhibit() -> None:
    with pytest.raises(rnnsym.errors.CheckError, match="doubled"):
        claim("doubled", "", rnnsym.Network(rnnsym.cells["simple"]), "total(L, L) == 2")


def test_the_entries_are_counted() -> None:
    assert (len(NOTES), len(LITERATURE), len(SLIPS)) == (8, 4, 4)


def test_what_is_no_equation_is_computed() -> None:
    found = [slip.shown()[1] for slip in SLIPS]
    assert found[0].startswith("27 weights, 31")
    assert "movie was good bad" in found[1]
    assert "it is 1 at 0" in found[2]
    assert "spectral radius 2.7" in found[3]
