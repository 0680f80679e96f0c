"""A seed is a whole number from 0, on the command line and of the functions behind it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from command_runs import run

import rnnsym
from rnnsym.errors import DataError


@pytest.mark.parametrize("seed", ["-1", "a", "1.5"])
@pytest.mark.parametrize("command", [["figures", "unrolled"], ["figures", "reviews", "--train"], ["report"], ["check"],
                                     ["derive"], ["claim", "dL/db = 0"]])
def test_what_is_no_seed_is_refused_before_anything_is_written(
    command: list[str], seed: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    arguments = [*command, "--seed", seed, "-o", str(tmp_path / "new")]
    status, out, errors = run(arguments, capsys, monkeypatch)
    assert (status, out) == (2, "")
    assert errors.startswith("rnnsym: error: Invalid value for '--seed'")
    assert len(errors.splitlines()) == 1
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize("seed", [-1, "a", 1.5, None, True])
def test_what_is_no_seed_is_refused_by_the_functions_too(seed: Any) -> None:
    network = rnnsym.Network(rnnsym.cells["simple"])
    with pytest.raises(DataError, match="seed: expected a whole number from 0"):
        rnnsym.derive(network, 2, seed=seed)
    with pytest.raises(DataError, match="seed: expected a whole number from 0"):
        rnnsym.derive_bounds(network, seed)


def test_a_seed_may_be_of_any_size() -> None:
    assert rnnsym.derive(rnnsym.Network(rnnsym.cells["simple"]), 1, seed=10**30).checked
