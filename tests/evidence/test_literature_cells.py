"""Cells as papers write them, each a network file of a user's: read, derived with every step checked, and judged.

A cell is one file in ``literature``: it is tested the moment it is there.
"""

from __future__ import annotations

from pathlib import Path

import pytest

import rnnsym
from rnnsym.model.networks import Network

FILES = sorted((Path(__file__).parent / "literature").glob("*.toml"))
EXAMPLES = 2  # each with its own sizes, steps and numbers; the built-in cells are judged on more

# What the whole of the files must show of the language.
FEATURES = {
    "columns": "W @ ", "rows": "x @ ", "a scalar parameter": ": scalar", "a constant": "dt = ",
    "a peephole": "p_i * c_prev", "transposes and identities": "gamma * I", "several steps back": "h_prev[3]",
    "a condition": "where(", "vectors one behind the other": "concat(", "clipping": "maximum(minimum(",
    "classes": "softmax(", "words": "U[x]",
}


def name_of(path: Path) -> str:
    return path.stem


def test_there_are_at_least_twelve_and_each_says_where_it_is_from() -> None:
    assert len(FILES) >= 12
    for path in FILES:
        source = path.read_text(encoding="utf-8").split("\n", 1)[0]
        assert source.startswith("# "), path
        assert any(character.isdigit() for character in source), "a source has a year"


@pytest.mark.parametrize("feature", FEATURES)
def test_a_feature_of_the_language_is_among_them(feature: str) -> None:
    assert any(FEATURES[feature] in path.read_text(encoding="utf-8") for path in FILES)


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_the_derivation_bears_a_check_at_every_step(path: Path) -> None:
    network = Network.from_file(path)
    assert network.cell.name == path.stem
    document = rnnsym.derive(network, steps=2)
    assert document.checked
    assert r"\begin{document}" in document.latex()


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_every_witness_agrees_with_the_gradient(path: Path) -> None:
    report = rnnsym.check(Network.from_file(path), max_examples=EXAMPLES)
    assert report.passed, str(report)
    assert report.witnesses
