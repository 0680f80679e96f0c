"""``rnnsym claim``: what it prints, and its exit status."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from command_runs import run

TRUE = "partial(o[t], o[t-1]) == diag(1 - o[t]**2) @ W_h.T"
FALSE = "partial(o[t], o[t-1]) == diag(1 - o[t]**2) @ W_h"
OPAQUE = "tanh(o[t]) == 2 * sigmoid(2 * o[t]) - 1"


@pytest.mark.parametrize(("claim", "status", "word"), [
    (TRUE, 0, "holds for simple"), (FALSE, 1, "refuted for simple"), (OPAQUE, 1, "undecided for simple"),
])
def test_the_exit_status_tells_the_verdict(
    claim: str, status: int, word: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    found, out, err = run(["claim", claim], capsys, monkeypatch)
    assert (found, err) == (status, "")
    assert word in out


def test_bad_input_is_one_line(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    status, out, err = run(["claim", "total(L, W_q) == 0"], capsys, monkeypatch)
    assert (status, out) == (2, "")
    assert "there is no `W_q`" in err
    assert err.count("\n") == 1


def test_the_network_is_chosen_as_elsewhere(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "linear.toml"
    file.write_text('name = "linear"\nequations = "h = W @ h_prev + U @ x"\nreadout = "yhat = V @ h"\n'
                    'loss = "squared_error"\ntopology = "many-to-many"\nover_steps = "mean"\n')
    claim = "total(L, h[t]) == W.T @ total(L, h[t+1]) + V.T @ total(L, yhat[t])"
    assert run(["claim", claim, "--network", str(file)], capsys, monkeypatch)[0] == 0
    claim = "total(L, yhat[t]) == yhat[t] - target[t]"
    options = ["--cell", "gru", "--topology", "many-to-many", "--loss", "squared_error", "--steps", "2"]
    assert run(["claim", claim, *options], capsys, monkeypatch)[0] == 0


def test_json(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "verdict.json"
    status, _, _ = run(["claim", FALSE, "--format", "json", "-o", str(file)], capsys, monkeypatch)
    verdict = json.loads(file.read_text())
    assert (status, verdict["holds"]) == (1, False)
    assert verdict["counterexample"][0].startswith("# at d = 1, n = 2")
