"""``rnnsym figures --train``: tables beside the figures, resumed after a kill, drawn from what was trained."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from rnnsym.cli import training
from rnnsym.cli.training import trained_figures
from rnnsym.dynamics import figures, save_figure
from rnnsym.dynamics.experiment_table import experiments
from rnnsym.errors import DataError, OutputError

COMMAND = [sys.executable, "-m", "rnnsym", "figures", "reviews", "--train", "-o"]


def test_a_killed_command_goes_on_and_draws_what_the_package_draws(tmp_path: Path) -> None:
    folder, table = tmp_path / "out", tmp_path / "out" / "tables" / "reviews.json"
    process = subprocess.Popen([*COMMAND, str(folder)], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    deadline = time.monotonic() + 60
    while not table.exists() and time.monotonic() < deadline:
        time.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    before = json.loads(table.read_text())
    assert 0 < len(before) < len(experiments["reviews"].runs)
    assert not (folder / "reviews.svg").exists()
    done = subprocess.run([*COMMAND, str(folder)], capture_output=True, text=True, check=True)
    assert done.stdout == f"{folder / 'reviews.svg'}\n"
    after = json.loads(table.read_text())
    assert after[: len(before)] == before
    uninterrupted = tmp_path / "whole.json"
    experiments["reviews"].train(uninterrupted)
    assert table.read_bytes() == uninterrupted.read_bytes()
    assert [path.name for path in table.parent.iterdir() if path.suffix == ".npz"] == []


def test_a_figure_is_drawn_from_the_new_table(tmp_path: Path) -> None:
    entry = figures["reviews"]
    assert entry.trained is not None
    rows = json.loads(experiments["reviews"].table.read_text())
    for row in rows:
        row["losses"] = [loss / 2 for loss in row["losses"]]
    (tmp_path / "tables").mkdir()
    (tmp_path / "tables" / "reviews.json").write_text(json.dumps(rows))
    drawn = list(trained_figures(["reviews"], tmp_path, "svg"))
    assert drawn == [tmp_path / "reviews.svg"]
    committed = save_figure(entry.draw(None, 0), tmp_path / "committed.svg")
    assert drawn[0].read_bytes() != committed.read_bytes()


def test_a_figure_of_no_training_and_a_place_that_cannot_be_written_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"the figure wall shows no training; --train is for .*reviews"):
        list(trained_figures(["reviews", "wall"], tmp_path, "svg"))
    assert list(tmp_path.iterdir()) == []
    (tmp_path / training.TABLES).write_text("a file")
    with pytest.raises(OutputError, match="cannot be written"):
        list(trained_figures(["reviews"], tmp_path, "svg"))


def test_on_a_terminal_a_bar_says_which_run_and_which_update(tmp_path: Path) -> None:
    pty = pytest.importorskip("pty", reason="pseudo-terminals are there on POSIX only")
    rows = json.loads(experiments["reviews"].table.read_text())
    (tmp_path / "tables").mkdir()
    (tmp_path / "tables" / "reviews.json").write_text(json.dumps(rows[:-1]))  # one run is left
    master, slave = pty.openpty()
    process = subprocess.Popen([*COMMAND, str(tmp_path)], stdout=subprocess.PIPE, stderr=slave,
                               env=os.environ | {"TERM": "xterm", "COLUMNS": "100"})
    os.close(slave)
    shown = b""
    while True:
        try:
            part = os.read(master, 65536)
        except OSError:  # Linux says so at the end
            break
        if not part:
            break
        shown += part
    out, _ = process.communicate()
    assert out.decode() == f"{tmp_path / 'reviews.svg'}\n"
    text = shown.decode()
    assert "reviews: three-bits, gru, run 18 of 18" in text
    assert "/300" in text
