"""The example notebook runs from top to bottom, and what is committed is what it shows."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

NOTEBOOK = Path(__file__).parents[1] / "docs" / "notebook.ipynb"
RUN = """
import sys, nbclient, nbformat
notebook = nbformat.read(sys.argv[1], as_version=4)
nbclient.NotebookClient(notebook, timeout=300, kernel_name="python3").execute()
nbformat.write(notebook, sys.argv[2])
"""
PICTURES = "image/"  # another Matplotlib draws other bytes: figures are compared elsewhere


def shown(path: Path) -> list[Any]:
    """Return the outputs of a notebook's code cells, a picture by its type alone."""
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    return [[_content(output) for output in cell["outputs"]] for cell in cells if cell["cell_type"] == "code"]


def _content(output: dict[str, Any]) -> Any:
    data = output.get("data")
    if data is None:
        return "".join(output["text"])
    return {kind: kind if kind.startswith(PICTURES) else "".join(text) for kind, text in data.items()}


@pytest.fixture(scope="module")
def executed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the notebook run in a kernel of its own, in a process of its own: its libraries warn of much."""
    made = tmp_path_factory.mktemp("notebook") / "executed.ipynb"
    command = [sys.executable, "-c", RUN, str(NOTEBOOK), str(made)]
    run = subprocess.run(command, capture_output=True, text=True, check=False, cwd=made.parent)
    assert run.returncode == 0, run.stderr
    return made


def test_the_notebook_shows_what_is_committed(executed: Path) -> None:
    outputs = shown(executed)
    assert outputs
    assert all(outputs), "every cell shows something"
    assert outputs == shown(NOTEBOOK)


def test_it_shows_mathematics_numbers_and_a_picture(executed: Path) -> None:
    kinds = {kind for cell in shown(executed) for output in cell if isinstance(output, dict) for kind in output}
    assert kinds == {"text/latex", "text/plain", "image/svg+xml"}


def test_another_output_is_noticed(executed: Path, tmp_path: Path) -> None:
    changed = tmp_path / "changed.ipynb"
    changed.write_text(executed.read_text(encoding="utf-8").replace("without the path through step 1", "alright"))
    assert shown(changed) != shown(NOTEBOOK)
