"""Each printed formula of the errata is refuted by its numbers, and each corrected one is proved."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import pytest

import rnnsym

sys.path.insert(0, str(Path(__file__).parents[2] / "derivations"))  # the scripts import each other by their bare names

from errata import Erratum, write_page
from errata_literature import ERRATA as LITERATURE
from errata_notes import ERRATA as NOTES
from errata_notes import SLIPS

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


def test_a_wrong_entry_writes_no_page(tmp_path: Path) -> None:
    wrong = replace(ALL[0], corrected=ALL[0].printed)
    with pytest.raises(rnnsym.errors.CheckError):
        write_page(tmp_path / "page.tex", "Errata", [wrong])
    assert not list(tmp_path.iterdir())


def test_the_entries_are_counted() -> None:
    assert (len(NOTES), len(LITERATURE), len(SLIPS)) == (8, 4, 4)


def test_what_is_no_equation_is_computed() -> None:
    found = [slip.shown()[1] for slip in SLIPS]
    assert found[0].startswith("27 weights, 31")
    assert "movie was good bad" in found[1]
    assert "it is 1 at 0" in found[2]
    assert "spectral radius 2.7" in found[3]
