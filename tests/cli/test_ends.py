"""How a run ends: interrupted, terminated, its output refused or no longer read, its working directory kept clean."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import typer

from rnnsym.cli import commands, main
from rnnsym.cli.storage import VARIABLE, working_directory_kept_clean

LAST_WORDS = "rnnsym: interrupted; nothing half-written is left\n"
PATIENCE = 60.0  # seconds for a process to get as far as it must; it takes about one


def run(arguments: list[str], monkeypatch: pytest.MonkeyPatch) -> int:
    monkeypatch.setattr(sys, "argv", ["rnnsym", *arguments])
    with pytest.raises(SystemExit) as exit_:
        main()
    return int(exit_.value.code or 0)


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "rnnsym", *arguments]


# Signals


@pytest.mark.parametrize("error", [KeyboardInterrupt(), typer.Abort()])
def test_an_interruption_is_one_line_and_exit_status_130(
    error: BaseException, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(text: str) -> None:
        raise error

    monkeypatch.setattr(commands, "show", interrupted)
    assert run(["cells"], monkeypatch) == 130
    assert capsys.readouterr() == ("", LAST_WORDS)


def test_an_interruption_while_the_commands_are_imported(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    class Interrupting:
        def find_spec(self, name: str, *_: Any) -> None:
            if name == "rnnsym.cli.commands":
                raise KeyboardInterrupt

    monkeypatch.delitem(sys.modules, "rnnsym.cli.commands")
    monkeypatch.setattr(sys, "meta_path", [Interrupting(), *sys.meta_path])
    assert run(["cells"], monkeypatch) == 130
    assert capsys.readouterr() == ("", LAST_WORDS)


def test_a_terminated_report_leaves_neither_a_half_nor_temporary_folders(tmp_path: Path) -> None:
    place, temporary = tmp_path / "place", tmp_path / "temporary"
    place.mkdir()
    temporary.mkdir()
    settings = {name: value for name, value in os.environ.items() if name != "HYPOTHESIS_STORAGE_DIRECTORY"}
    process = subprocess.Popen(
        command("report", "--cell", "lstm", "-o", str(place / "report")),
        env=settings | {"TMPDIR": str(temporary)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    started = time.monotonic()
    while not list(place.glob(".*/derivation.tex")) and time.monotonic() < started + PATIENCE:
        time.sleep(0.01)
    assert list(temporary.iterdir()), "there is something to remove"
    process.send_signal(signal.SIGTERM)
    out, err = process.communicate(timeout=PATIENCE)
    assert (process.returncode, out, err) == (143, "", LAST_WORDS)
    assert list(place.iterdir()) == []
    assert list(temporary.iterdir()) == []


def test_sigterm_is_a_callers_own_before_and_after(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []
    monkeypatch.setattr(commands, "show", lambda text: seen.append(signal.getsignal(signal.SIGTERM)))
    for own in (signal.SIG_DFL, signal.SIG_IGN):
        before = signal.signal(signal.SIGTERM, own)
        try:
            assert run(["cells"], monkeypatch) == 0
            assert signal.getsignal(signal.SIGTERM) == own
        finally:
            signal.signal(signal.SIGTERM, before)
    assert callable(seen[0])
    assert seen[1] == signal.SIG_IGN


# Standard output


class Full(io.StringIO):
    """A standard output on a full disk."""

    def flush(self) -> None:
        raise OSError(28, "No space left on device")


class Unread(io.StringIO):
    """A standard output whose reader has gone."""

    def write(self, _: str) -> int:
        raise BrokenPipeError(32, "Broken pipe")


ARGUMENTS = [["derive", "--steps", "1"], ["code"], ["cells"], ["figures", "--list"], ["--version"], ["--help"], []]


@pytest.mark.parametrize("arguments", ARGUMENTS)
def test_an_output_that_cannot_be_written_is_one_line_and_exit_status_2(
    arguments: list[str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdout", Full())
    assert run(arguments, monkeypatch) == 2
    expected = "standard output: cannot be written (No space left on device); name a file with -o"
    assert capsys.readouterr().err == f"rnnsym: error: {expected}\n"


def test_a_character_that_the_encoding_lacks_is_one_line_with_the_remedy(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    bytes_ = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(bytes_, encoding="latin-1"))
    assert run(["derive", "--steps", "1"], monkeypatch) == 2
    err = capsys.readouterr().err
    assert err.startswith("rnnsym: error: standard output: its encoding latin-1 has no '\\u")
    assert err.endswith("; set PYTHONIOENCODING=utf-8, or name a file with -o\n")
    assert err.count("\n") == 1
    assert bytes_.getvalue() == b"", "nothing is half-written"


def test_a_closed_standard_output_is_an_error_and_not_silence(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdout", None)
    assert run(["cells"], monkeypatch) == 2
    assert capsys.readouterr().err == "rnnsym: error: standard output: is closed; name a file with -o\n"


@pytest.mark.parametrize("arguments", ARGUMENTS[2:])
def test_a_reader_that_has_gone_is_no_error(
    arguments: list[str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stderr", sys.stderr)  # the parser wraps both streams, and would leave them so
    monkeypatch.setattr(sys, "stdout", Unread())
    assert run(arguments, monkeypatch) == 0
    assert capsys.readouterr().err == ""


def test_neither_stream_has_a_word_to_say_when_a_pipe_closes_early() -> None:
    process = subprocess.Popen(
        command("derive", "--steps", "8"), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    process.stdout.close()  # before the first byte
    assert process.stderr is not None
    assert process.stderr.read() == ""
    process.stderr.close()
    assert process.wait(PATIENCE) == 0


# Help, and what is left behind


def test_the_bare_command_prints_its_help(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    assert run([], monkeypatch) == 0
    bare = capsys.readouterr()
    assert run(["--help"], monkeypatch) == 0
    assert bare == capsys.readouterr()
    assert bare.err == ""
    assert "\n  report " in bare.out


@pytest.mark.parametrize(
    ("arguments", "left"),
    [
        (["check", "--examples", "3"], []),
        (["report"], ["rnnsym-report"]),
        (["derive", "--steps", "1"], []),
        (["figures", "path-contributions", "-o", "figures"], ["figures"]),
    ],
)
def test_the_working_directory_stays_clean(arguments: list[str], left: list[str], tmp_path: Path) -> None:
    place, temporary = tmp_path / "place", tmp_path / "temporary"
    place.mkdir()
    temporary.mkdir()
    root = str(Path(commands.__file__).parents[2])
    unset = ("HYPOTHESIS_STORAGE_DIRECTORY", "CI")
    settings = {name: value for name, value in os.environ.items() if name not in unset}
    done = subprocess.run(
        command(*arguments),
        cwd=place,
        env=settings | {"TMPDIR": str(temporary), "PYTHONPATH": root},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert [path.name for path in place.iterdir()] == left
    assert list(temporary.iterdir()) == []


def test_a_storage_that_a_user_has_chosen_is_left_to_hypothesis(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What Hypothesis stores there, and whether it does, is its own business."""
    monkeypatch.setenv(VARIABLE, str(tmp_path))
    with working_directory_kept_clean():
        assert os.environ[VARIABLE] == str(tmp_path)
    assert os.environ[VARIABLE] == str(tmp_path)
