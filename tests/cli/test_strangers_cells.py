"""A cell file by a stranger goes through every command; what a corpus cannot teach is refused in one line."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from command_runs import run

FILE = '''
name = "leaky reader"
equations = """
lam: scalar
e = tanh(E[x])
r = sigmoid(concat(e, h_prev) @ W_r + b_r)
n = maximum(tanh(e @ W_n + (r * h_prev) @ U_n + h_prev[2] @ V_n), -0.5)
h = where(lam + r > 0, (1 - r) * n + r * h_prev, n)
"""
readout = "yhat = softmax(h @ W_y + b_y)"
loss = "softmax_cross_entropy"
'''


Command = Callable[..., tuple[int, str, str]]


@pytest.fixture
def command(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Command:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mycell.toml").write_text(FILE)
    return lambda *arguments: run(list(arguments), capsys, monkeypatch)


def test_derive_check_and_code(command: Command) -> None:
    status, out, err = command("derive", "--network", "mycell.toml", "--steps", "2")
    assert (status, err) == (0, "")
    assert "h_1 = " in out
    status, out, _ = command("check", "--network", "mycell.toml", "--examples", "4", "--format", "json")
    assert status == 0
    assert json.loads(out)["passed"] is True
    status, out, _ = command("code", "--network", "mycell.toml")
    assert status == 0
    assert "np.add.at(gradients[\"E\"], x, " in out


def test_report(command: Command, tmp_path: Path) -> None:
    status, _, err = command("report", "--network", "mycell.toml", "-o", "out")
    assert status == 0, err
    assert {"index.html", "derivation.tex", "gradient.py", "checks.json", "figures"} <= {
        path.name for path in (tmp_path / "out").iterdir()
    }
    assert (tmp_path / "out" / "figures" / "unrolled.svg").is_file()


DIVERGING = '''
name = "linear"
equations = "h = 3 * (x @ W + h_prev @ U)"
readout = "yhat = h @ W_y"
loss = "squared_error"
'''


def test_a_descent_that_diverges_costs_the_report_this_part_alone(command: Command, tmp_path: Path) -> None:
    (tmp_path / "diverging.toml").write_text(DIVERGING)
    status, _, err = command("report", "--network", "diverging.toml", "--steps", "2", "-o", "out")
    assert status == 0, err
    assert err.startswith("rnnsym: warning: the report has no gradient descent: the loss is not finite")
    assert len(err.splitlines()) == 1
    assert {"index.html", "corpus.json", "checks.json", "figures"} <= {one.name for one in (tmp_path / "out").iterdir()}
    page = (tmp_path / "out" / "index.html").read_text(encoding="utf-8")
    assert "Gradient descent with η = 0.5 was broken off: the loss is not finite" in page
    assert "Movie was good" in page
    assert 'id="training"' not in page
    assert "output after descent" not in page


def test_a_network_that_a_corpus_cannot_teach_has_a_report_without_one(command: Command, tmp_path: Path) -> None:
    status, _, err = command("report", "--topology", "many-to-many", "--steps", "2", "-o", "out")
    assert status == 0, err
    assert not (tmp_path / "out" / "corpus.json").exists()
    assert "one label a text" in (tmp_path / "out" / "index.html").read_text(encoding="utf-8")


def test_a_corpus_that_is_asked_for_and_cannot_teach_is_refused(command: Command, tmp_path: Path) -> None:
    (tmp_path / "reviews.csv").write_text("text,label\ngood,1\n")
    status, _, err = command("report", "--topology", "many-to-many", "--corpus", "reviews.csv", "-o", "out")
    assert status == 2
    assert "one label a text" in err
    assert "leave --corpus out" in err
    assert len(err.strip().splitlines()) == 1
    assert not (tmp_path / "out").exists()


def test_topology_loss_and_layers_go_with_a_cell(command: Command) -> None:
    asked = ("--cell", "gru", "--topology", "encoder-decoder", "--loss", "huber", "--layers", "2")
    status, out, _ = command("code", *asked)
    assert status == 0
    assert "def decode(" in out
    status, _, err = command("code", "--network", "mycell.toml", "--layers", "2")
    assert status == 2
    assert "not both" in err
