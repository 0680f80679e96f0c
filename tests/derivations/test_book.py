"""The worked derivations are the book's chapters, and what is committed is what they make."""

from __future__ import annotations

import ast
import importlib.util
from pathlib import Path

import pytest

import rnnsym

FOLDER = Path(__file__).parents[2] / "derivations"
SCRIPTS = sorted(FOLDER.glob("*.py"))


def test_there_is_a_script_for_each_chapter_and_a_document_for_each_script() -> None:
    assert {script.stem for script in SCRIPTS} == set(rnnsym.book.chapters)
    assert {path.stem for path in FOLDER.glob("*.tex")} == set(rnnsym.book.chapters)
    assert len(SCRIPTS) >= 17


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.stem)
def test_the_committed_document_is_rebuilt_byte_for_byte(script: Path, tmp_path: Path) -> None:
    spec = importlib.util.spec_from_file_location(f"derivations_{script.stem}", script)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    module.main(tmp_path)
    made = sorted(tmp_path.iterdir())
    assert [path.name for path in made] == [f"{script.stem}.tex"]
    assert made[0].read_bytes() == (FOLDER / made[0].name).read_bytes()


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.stem)
def test_a_script_uses_the_public_api_alone(script: Path) -> None:
    imports = [
        node for node in ast.walk(ast.parse(script.read_text())) if isinstance(node, ast.Import | ast.ImportFrom)
    ]
    names = {alias.name for node in imports if isinstance(node, ast.Import) for alias in node.names}
    names |= {node.module or "" for node in imports if isinstance(node, ast.ImportFrom)}
    assert {name for name in names if name.startswith("rnnsym")} == {"rnnsym"}


def test_three_paths_for_the_input_and_the_recurrent_weight() -> None:
    text = (FOLDER / "bptt_three_steps.tex").read_text()
    for weight in ("W_{i}", "W_{h}"):
        for step in (1, 2, 3):
            assert text.count(rf"\frac{{\partial^{{+}}o_{{{step}}}}}{{\partial {weight}}}") == 1
    assert "1-o_{t}^{2}" in text.replace(" ", "")
    assert "27" in (FOLDER / "parameter_counts.tex").read_text()
