"""Figures drawn by several processes: the same files, one error, and nothing left of a killed one."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from command_runs import run

from rnnsym import Network, cells
from rnnsym.cli.drawing import MOST_JOBS, Order, draw_figures

NAMES = ("unrolled", "gradient-paths", "transient")


def test_files_do_not_depend_on_the_number_of_processes(tmp_path: Path) -> None:
    network, heard = Network(cells["gru"]), []
    written = {}
    for jobs in (1, 2):
        order = Order(NAMES, network, jobs=jobs, style="grey")
        paths = list(draw_figures(order, tmp_path / str(jobs), lambda done, total: heard.append((done, total))))
        assert [path.stem for path in paths] == list(NAMES)
        written[jobs] = [path.read_bytes() for path in paths]
    assert written[1] == written[2]
    assert heard == [(1, 3), (2, 3), (3, 3)] * 2


@pytest.mark.parametrize("arguments", [
    ("--style", "neon"), ("--jobs", "0"), ("--jobs", str(MOST_JOBS + 1)), ("--jobs", "-1"),
])
def test_a_style_or_a_number_of_processes_that_is_not_known_is_one_line(
    arguments: tuple[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    status, out, errors = run(["figures", *arguments, "-o", str(tmp_path / "figures")], capsys, monkeypatch)
    assert (status, out) == (2, "")
    assert len(errors.splitlines()) == 1
    assert arguments[0] in errors
    assert not (tmp_path / "figures").exists()


FLAT = """name = "flat"
equations = "h = step(x @ W_i + h_prev @ W_h)"
readout = "yhat = sigmoid(h @ W_o + b_o)"
"""


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_a_figure_with_nothing_to_show_is_passed_over_in_one_line_and_an_error_by_its_name(
    jobs: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "flat.toml"
    file.write_text(FLAT, encoding="utf-8")
    options = ["--network", str(file), "--jobs", jobs, "-o", str(tmp_path / "drawn")]
    status, out, errors = run(["figures", *options], capsys, monkeypatch)
    drawn = ["unrolled", "gradient-paths", "gradient-products", "activations"]
    assert (status, [Path(line).stem for line in out.splitlines()]) == (0, drawn)
    assert sorted(path.stem for path in (tmp_path / "drawn").iterdir()) == sorted(drawn)
    for line, name in zip(sorted(errors.splitlines()), ("contributions-by-cell", "path-contributions"), strict=True):
        assert line.startswith(f"rnnsym: note: the figure {name} is not drawn: the gradients in W_i, W_h ")
    status, out, errors = run(["figures", "path-contributions", *options], capsys, monkeypatch)
    assert (status, out) == (2, "")
    assert errors.startswith("rnnsym: error: the gradients in W_i, W_h")
    assert len(errors.splitlines()) == 1


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_interrupted_run_ends_its_processes_and_leaves_no_part(
    number: int, status: int, tmp_path: Path
) -> None:
    command = [sys.executable, "-m", "rnnsym", "figures", "initial-spectra", "phases", "wall", "--jobs", "2", "-o",
               str(tmp_path)]
    running = subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                               start_new_session=True)
    time.sleep(3)
    os.killpg(running.pid, number) if number == signal.SIGINT else running.send_signal(number)
    _, errors = running.communicate(timeout=60)
    assert running.returncode == status
    assert errors == "rnnsym: interrupted; nothing half-written is left\n"
    assert not [file for file in tmp_path.iterdir() if file.name.startswith(".")]
