"""Completion in a shell: commands and the values of options, each from the table behind it."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from rnnsym.cli.completion import among
from rnnsym.dynamics import figures
from rnnsym.model.cell_table import entries
from rnnsym.model.losses import losses
from rnnsym.model.topologies import topologies
from rnnsym.numerics.targets import targets
from rnnsym.writing.notations import notations

SHELL = "import sys; from rnnsym.cli import main; sys.argv = ['rnnsym']; main()"


def offered(line: str) -> set[str]:
    """Return what bash is offered for the last word of a line."""
    words = line.split(" ")
    environment = os.environ | {
        "_RNNSYM_COMPLETE": "complete_bash", "COMP_WORDS": line, "COMP_CWORD": str(len(words) - 1)
    }
    run = subprocess.run([sys.executable, "-c", SHELL], env=environment, capture_output=True, text=True, check=False)
    assert run.stderr == ""
    return set(run.stdout.split())


@pytest.mark.parametrize(("line", "names"), [
    ("rnnsym derive --cell ", set(entries)),
    ("rnnsym cells ", set(entries)),
    ("rnnsym check --topology ", set(topologies)),
    ("rnnsym code --loss ", set(losses)),
    ("rnnsym report --notation ", set(notations)),
    ("rnnsym code --target ", set(targets)),
    ("rnnsym figures ", set(figures)),
    ("rnnsym derive --format ", {"text", "latex", "html", "pdf"}),
    ("rnnsym derive --cell lstm_c", {"lstm_coupled"}),
    ("rnnsym rep", {"report"}),
])
def test_a_shell_is_offered_the_names_of_the_table(line: str, names: set[str]) -> None:
    assert names
    assert offered(line) == names


def test_the_script_that_is_installed_is_that_of_rnnsym_however_it_is_called() -> None:
    environment = os.environ | {"_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION": "1"}
    run = subprocess.run([sys.executable, "-m", "rnnsym", "--show-completion", "bash"], env=environment,
                         capture_output=True, text=True, check=True)
    assert "_RNNSYM_COMPLETE=complete_bash" in run.stdout
    assert "complete -o default -F _rnnsym_completion rnnsym" in run.stdout
    assert "python" not in run.stdout


def test_nothing_is_offered_for_what_begins_no_name() -> None:
    assert offered("rnnsym derive --cell nothing") == set()
    assert among("svg", "pdf")("p") == ["pdf"]
