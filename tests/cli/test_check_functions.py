"""``rnnsym check FILE:FUNCTION``: a user's own file is run, its function judged; errors are one line."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from command_runs import run

SOURCE = '''
import numpy as np

def backward(params, x, y):
    """One batch, time first; gradients in the order of the parameters."""
    W_i, W_h, b, W_o, b_o = params
    o = [np.zeros((x.shape[1], len(b)))]
    for step in x:
        o.append(np.tanh(step @ W_i + o[-1] @ W_h + b))
    z = o[-1] @ W_o + b_o
    loss = (np.logaddexp(0, z) - y * z).sum() / len(y)
    dz = (1 / (1 + np.exp(-z)) - y) / len(y)
    dW_i, dW_h, db, do = 0 * W_i, 0 * W_h, 0 * b, dz @ W_o.T
    for t in range(len(x), 0, -1):
        da = do * (1 - o[t] ** 2)
        dW_i, dW_h, db = dW_i + x[t - 1].T @ da, dW_h + o[t - 1].T @ da, db + da.sum(0)
        do = da @ W_h.T
    return loss, (dW_i, dW_h, db, o[-1].T @ dz, dz.sum(0))
'''


def written(tmp_path: Path, source: str = SOURCE) -> str:
    path = tmp_path / "my_rnn.py"
    path.write_text(source)
    return str(path)


def test_a_right_function_passes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    status, out, err = run(["check", f"{written(tmp_path)}:backward", "--cell", "simple"], capsys, monkeypatch)
    assert status == 0
    assert "backward against simple: passed" in out
    assert "inputs (T, batch, d)" in out
    assert "this runs the code of" in err


def test_a_wrong_one_is_named_and_the_status_is_1(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    file = written(tmp_path, SOURCE.replace("W_h.T\n", "W_h\n"))
    status, out, _ = run(["check", f"{file}:backward", "--format", "json", "--seed", "3"], capsys, monkeypatch)
    report = json.loads(out)
    assert status == 1
    assert report["seed"] == 3
    assert "in place of its transpose" in report["findings"][0]["mistake"]
    assert report["called"].startswith("called as backward(")
    again = run(["check", f"{file}:backward", "--format", "json", "--seed", "3"], capsys, monkeypatch)[1]
    assert again == out, "a seed repeats a report exactly"


def test_float32_and_thorough_are_options(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    file = written(tmp_path)
    few = ["--examples", "6"]
    status, out, _ = run(["check", f"{file}:backward", "--dtype", "float32", *few], capsys, monkeypatch)
    assert (status, "float32 rounding" in out) == (0, True)
    counts = []
    for more in ([], ["--thorough"]):
        _, out, _ = run(["check", f"{file}:backward", "--format", "json", *few, *more], capsys, monkeypatch)
        counts.append(json.loads(out)["witnesses"][0]["comparisons"])
    assert counts[1] > 4 * counts[0]


def test_what_the_users_code_prints_is_not_in_the_report(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    source = SOURCE.replace("    o = [", "    print('so far')\n    o = [") + "\nprint('at import')\n"
    call = ["check", f"{written(tmp_path, source)}:backward", "--format", "json", "--examples", "4"]
    status, out, err = run(call, capsys, monkeypatch)
    assert status == 0
    assert json.loads(out)["passed"]
    assert "so far" in err
    assert "at import" in err


@pytest.mark.parametrize("name", ["my_rnn.py", "json.py", "my-rnn.py"])
def test_a_file_may_import_its_neighbours_and_bear_any_name(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "neighbour_of_my_rnn.py").write_text(SOURCE)
    path = tmp_path / name
    path.write_text("def backward(params, x, y):\n"
                    "    from neighbour_of_my_rnn import backward\n    return backward(params, x, y)\n")
    before = list(sys.path)
    status, out, _ = run(["check", f"{path}:backward", "--examples", "4"], capsys, monkeypatch)
    assert status == 0, out
    assert sys.path == before
    assert sys.modules["json"] is json


METHOD = "class Net:\n    def backward(self, parameters, inputs, targets): ..."
WRONG: dict[str, tuple[str, str, str]] = {
    "no function": (SOURCE, ":forward", "has no function 'forward'; it has backward"),
    "no file": (SOURCE, "missing.py:backward", "there is no such file"),
    "no colon": (SOURCE, "", "expected FILE.py:FUNCTION"),
    "fails": (SOURCE + "\nraise ValueError('half done')\n", ":backward", "line 20: running it raised ValueError: half"),
    "syntax": ("def backward(:", ":backward", "running it raised SyntaxError"),
    "exits": ("import sys\nsys.exit(3)", ":backward", "line 2: running it raised SystemExit: 3"),
    "fails in a call": (SOURCE.replace("W_h.T\n", "W_h.t\n"), ":backward", "AttributeError in line 17: "),
    "method": (METHOD, ":Net.backward", "'Net.backward' is a method, which needs an object first"),
    "class": (METHOD, ":Net", "'Net' is a class, which needs an object first"),
    "arguments": ("def backward(a, b): pass", ":backward", "'a' is not understood"),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_cannot_be_judged_is_one_line_and_status_2(
    case: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    source, name, words = WRONG[case]
    file = written(tmp_path, source)
    status, out, err = run(["check", name if name.startswith("missing") else file + name], capsys, monkeypatch)
    assert status == 2
    assert not out
    assert words in err
    assert err.splitlines()[-1].startswith("rnnsym: error:")
    assert "Traceback" not in err


def test_dtype_needs_a_function(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    status, _, err = run(["check", "--dtype", "float32"], capsys, monkeypatch)
    assert status == 2
    assert "a function of yours" in err
