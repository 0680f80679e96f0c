"""Figures drawn by several processes: the same files, one error, and nothing left of a killed one."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from command_runs import run

from rnnsym import Network, cells
from rnnsym.cli.drawing import MOST_JOBS, Order, draw_figures
from rnnsym.cli.outputs import drawable_figures

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
    assert errors.startswith("rnnsym: error: the figure path-contributions is not drawn: the gradients in W_i, W_h")
    assert len(errors.splitlines()) == 1


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_figures_by_name_are_drawn_beside_one_that_has_nothing_to_show_which_is_an_error(
    jobs: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    file, folder = tmp_path / "flat.toml", tmp_path / "drawn"
    file.write_text(FLAT, encoding="utf-8")
    names = ["path-contributions", "unrolled", "contributions-by-cell", "gradient-paths"]
    status, out, errors = run(["figures", *names, "--network", str(file), "--jobs", jobs, "-o", str(folder)], capsys,
                              monkeypatch)
    assert (status, [Path(line).stem for line in out.splitlines()]) == (2, ["unrolled", "gradient-paths"])
    assert sorted(path.name for path in folder.iterdir()) == ["gradient-paths.svg", "unrolled.svg"]
    for line, name in zip(sorted(errors.splitlines()), ("contributions-by-cell", "path-contributions"), strict=True):
        assert line.startswith(f"rnnsym: error: the figure {name} is not drawn: the gradients in W_i, W_h ")


@pytest.mark.parametrize(("arguments", "words"), [
    (("unrolled", "--steps", "1"), "--steps: expected a whole number from 2, but got 1"),
    (("--steps", "-4"), "--steps: expected a whole number from 2, but got -4"),
    (("phases", "--steps", "50"), "the figure phases has no number of steps to choose: leave --steps 50 out"),
    (("gradient-paths", "--steps", "7"), "the figure gradient-paths cannot be drawn: it follows 2 to 6 steps"),
    (("gradient-products", "--steps", "1001"), "it follows 2 to 1000 steps, and --steps is 1001"),
    (("unrolled", "--steps", "3", "--topology", "one-to-one"), "this network has a single step"),
])
def test_steps_that_a_figure_cannot_have_are_one_line(
    arguments: tuple[str, ...], words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    status, out, errors = run(["figures", *arguments, "-o", str(tmp_path)], capsys, monkeypatch)
    assert (status, out) == (2, "")
    assert len(errors.splitlines()) == 1
    assert words in errors


def test_steps_change_what_is_drawn(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, more in (("usual", ()), ("five", ("--steps", "5"))):
        arguments = ["figures", "unrolled", "gradient-paths", *more, "-o", str(tmp_path / name)]
        assert run(arguments, capsys, monkeypatch)[0] == 0
    for figure in ("unrolled.svg", "gradient-paths.svg"):
        usual, five = ((tmp_path / name / figure).read_text(encoding="utf-8") for name in ("usual", "five"))
        assert "x_{5}" in five
        assert "x_{5}" not in usual


@pytest.mark.parametrize(("arguments", "words"), [
    (("phases", "--cell", "gru"), "the figure phases shows networks of its own: leave --cell gru out"),
    (("unrolled", "wall", "--layers", "2"), "the figure wall shows networks of its own: leave --layers 2 out"),
    (("lags", "--cell", "gru", "--loss", "huber"), "leave --cell gru --loss huber out"),
    (("initial-spectra", "--topology", "one-to-one"), "leave --topology one-to-one out"),
    (("unrolled", "--seed", "3"), "the figure unrolled is the same for every seed: leave --seed 3 out"),
    (("transient", "--notation", "notes"), "the figure transient has no names of a network's equations: leave"),
    (("--train", "--seed", "1"), "is the same for every seed: leave --seed 1 out"),
    (("reviews", "--train", "--cell", "gru"), "the figure reviews shows networks of its own: leave --cell gru out"),
    (("reviews", "--train", "--jobs", "2"), "networks train one after another; leave --jobs out"),
])
def test_an_option_that_a_named_figure_does_not_use_is_one_line(
    arguments: tuple[str, ...], words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    status, out, errors = run(["figures", *arguments, "-o", str(tmp_path / "figures")], capsys, monkeypatch)
    assert (status, out) == (2, "")
    assert len(errors.splitlines()) == 1
    assert words in errors
    assert not (tmp_path / "figures").exists()


def test_the_list_says_what_is_drawn_without_names(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    status, out, _ = run(["figures", "--list"], capsys, monkeypatch)
    assert status == 0
    parts = [part.splitlines() for part in re.split("(?m)^(?=Of )", out) if part]
    own, others = ([line.split()[0] for line in part[1:]] for part in parts)
    assert own == drawable_figures(None, Network(cells["simple"]))
    assert [*own, *others] == drawable_figures(None, Network(cells["simple"]), others=True)
    assert "only where no network is chosen" in parts[1][0]
    assert "(--steps, --notation, --seed)" in next(line for line in parts[0] if "gradient-products" in line)


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_interrupted_run_ends_its_processes_and_leaves_no_part(
    number: int, status: int, tmp_path: Path
) -> None:
    command = [sys.executable, "-m", "rnnsym", "figures", "initial-spectra", "phases", "wall", "--jobs", "2", "-o",
               str(tmp_path)]
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # which a suite in the background ignores
    running = subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                               start_new_session=True)
    signal.signal(signal.SIGINT, before)
    time.sleep(3)
    os.killpg(running.pid, number) if number == signal.SIGINT else running.send_signal(number)
    _, errors = running.communicate(timeout=60)
    assert running.returncode == status
    assert errors == "rnnsym: interrupted; nothing half-written is left\n"
    assert not [file for file in tmp_path.iterdir() if file.name.startswith(".")]
