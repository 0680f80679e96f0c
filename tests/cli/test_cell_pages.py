"""``rnnsym cells``: the list in columns, and each cell's page with its equations twice, its shapes and its counts."""

from __future__ import annotations

import re
import textwrap
from pathlib import Path

import pytest
from command_runs import run

from rnnsym.model.cell_table import entries
from rnnsym.model.cells import cells
from rnnsym.model.networks import Network

CELLS_PAGE = Path(__file__).parents[2] / "docs" / "cells.md"


def test_the_list_has_straight_columns(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    status, out, err = run(["cells"], capsys, monkeypatch)
    lines = out.splitlines()
    assert (status, err, len(lines)) == (0, "", len(entries))
    columns = [re.fullmatch(r"(\w+ +)(\S.*?\S {2,})(\S.* \d{4})", line) for line in lines]
    assert [found and found[1].strip() for found in columns] == list(entries)
    assert len({(len(found[1]), len(found[2])) for found in columns if found}) == 1
    assert all(found and entry.source.startswith(found[3])
               for found, entry in zip(columns, entries.values(), strict=True)), "authors and year"


@pytest.mark.parametrize("name", entries)
def test_a_page_shows_the_cell_whole(
    name: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    status, out, err = run(["cells", name], capsys, monkeypatch)
    entry, network = entries[name], Network(cells[name])
    assert (status, err) == (0, "")
    assert out.startswith(f"{entry.title}\n{entry.source}\n")
    assert textwrap.dedent(entry.text).strip() in out
    typeset = out[out.index(r"\begin{align*}") : out.index(r"\end{align*}")]
    assert typeset.count(" &= ") == len(network.equations) + len(network.readout_equations)
    assert typeset.count("\\\\\n") == typeset.count(" &= ") - 1
    assert all(f"    {heading}" in out for heading in ("name ", "parameter ", "all weights", "all parameters"))


def test_the_equations_of_a_page_are_typeset(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    out = run(["cells", "mgu"], capsys, monkeypatch)[1]
    assert r"f_{t} &= \sigma(x_{t}W_{xf} + h_{t-1}W_{hf} + b_{f}) \\" in out
    assert r"h_{t} &= (1 - f_{t}) \odot h_{t-1} + f_{t} \odot n_{t} \\" in out


def test_a_page_names_the_initialisation_where_there_is_one(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "\ninitialisation: identity\n" in run(["cells", "irnn"], capsys, monkeypatch)[1]
    assert "initialisation" not in run(["cells", "simple_relu"], capsys, monkeypatch)[1]


@pytest.mark.parametrize("name", entries)
def test_the_documentation_tells_of_every_cell(name: str) -> None:
    assert f"`{name}`" in CELLS_PAGE.read_text(encoding="utf-8")
