"""Where results go: files, links, pipes and folders, whole or not at all, and never in place of what a user made."""

from __future__ import annotations

import os
import stat
import threading
from pathlib import Path

import pytest

from rnnsym.cli.outputs import MARKS, deliver, whole_folder, write_file
from rnnsym.cli.report import report_names
from rnnsym.errors import OutputError

NAMES = report_names()


def names_in(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*"))


def earlier_report(folder: Path) -> Path:
    for name in sorted(NAMES - {"figures"}):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("old")
    return folder


# Files


def test_a_file_is_written_whole_with_the_rights_of_a_new_one(tmp_path: Path) -> None:
    target = tmp_path / ("long " * 50)  # 250 characters: a temporary name that adds to it would not fit
    umask = os.umask(0o027)
    try:
        deliver("σ\n", target)
        deliver("η\n", target)
    finally:
        os.umask(umask)
    assert target.read_bytes() == "η\n".encode()
    assert stat.S_IMODE(target.stat().st_mode) == 0o640
    assert names_in(tmp_path) == [target.name]


def test_a_link_stays_and_what_it_points_to_is_written(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    target, link = tmp_path / "elsewhere" / "code.py", tmp_path / "link.py"
    link.symlink_to(target)
    for text in ("into a file that is not there yet", "into one that is"):
        deliver(text, link)
        assert link.is_symlink()
        assert target.read_text() == text
    assert names_in(tmp_path) == ["elsewhere", "elsewhere/code.py", "link.py"]


def test_a_pipe_is_written_into_and_stays_a_pipe(tmp_path: Path) -> None:
    pipe, link, found = tmp_path / "pipe", tmp_path / "link", []
    os.mkfifo(pipe)
    link.symlink_to(pipe)
    for place in (pipe, link):
        reader = threading.Thread(target=lambda: found.append(pipe.read_text()))
        reader.start()
        deliver("the text", place)
        reader.join()
    assert found == ["the text", "the text"]
    assert stat.S_ISFIFO(pipe.stat().st_mode)
    assert names_in(tmp_path) == ["link", "pipe"]


def test_the_file_that_standard_output_is_appended_to_keeps_what_it_held(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    notes = tmp_path / "notes"
    notes.write_text("mine\n")
    kept = os.dup(1)
    with notes.open("a") as appended:
        os.dup2(appended.fileno(), 1)
        try:
            deliver("new\n", notes)
        finally:
            os.dup2(kept, 1)
            os.close(kept)
    assert notes.read_text() == "mine\nnew\n"


def test_a_minus_is_standard_output(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for output in (None, Path("-")):
        deliver("σ\n", output)
        assert capsys.readouterr().out == "σ\n"
    assert names_in(tmp_path) == []


@pytest.mark.parametrize("name", ["", ".", "folder", "link", "loop", "absent/file", "file/file", "n" * 300])
def test_a_file_that_cannot_be_written_is_one_error_and_leaves_nothing(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder").mkdir()
    (tmp_path / "link").symlink_to("folder")
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "file").write_text("mine")
    before = names_in(tmp_path)
    with pytest.raises(OutputError, match="with -o") as caught:
        write_file(b"text", Path(name))
    assert "\n" not in str(caught.value)
    assert names_in(tmp_path) == before
    assert (tmp_path / "file").read_text() == "mine"


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyboardInterrupt()])
def test_a_rename_that_fails_removes_the_temporary_file_and_keeps_the_old_one(
    error: BaseException, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(source: object, target: object) -> None:
        raise error

    (tmp_path / "old").write_text("old")
    monkeypatch.setattr(os, "replace", fails)
    with pytest.raises((OutputError, KeyboardInterrupt)):
        write_file(b"new", tmp_path / "old")
    assert (tmp_path / "old").read_text() == "old"
    assert names_in(tmp_path) == ["old"]


# Folders


def write(folder: Path) -> None:
    with whole_folder(folder, NAMES) as work:
        (work / "index.html").write_text("new")


def test_an_earlier_report_is_replaced_as_a_whole(tmp_path: Path) -> None:
    folder = earlier_report(tmp_path / "report")
    write(folder)
    assert names_in(tmp_path) == ["report", "report/index.html"]


def test_an_empty_folder_is_replaced_and_missing_ones_are_made(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    write(tmp_path / "empty")
    write(tmp_path / "a" / "b")
    assert names_in(tmp_path) == ["a", "a/b", "a/b/index.html", "empty", "empty/index.html"]


@pytest.mark.parametrize("name", ["thesis.tex", "figures/mine.svg", "notes/today.txt", ".hidden", "derivation.tex~"])
def test_a_users_own_file_in_an_earlier_report_is_named_and_kept(name: str, tmp_path: Path) -> None:
    folder = earlier_report(tmp_path / "report")
    (folder / name).parent.mkdir(exist_ok=True)
    (folder / name).write_text("mine")
    before = names_in(tmp_path)
    with pytest.raises(OutputError, match=f"no earlier report, for it holds {name.split('/today')[0]};"):
        write(folder)
    assert names_in(tmp_path) == before
    assert (folder / name).read_text() == "mine"


@pytest.mark.parametrize("missing", MARKS)
def test_a_folder_that_only_bears_some_of_the_names_is_no_earlier_report(missing: str, tmp_path: Path) -> None:
    folder = earlier_report(tmp_path / "site")
    (folder / missing).unlink()
    with pytest.raises(OutputError, match=f"no earlier report, for it lacks {missing}"):
        write(folder)
    assert (folder / "index.html").read_text() == "old"


def test_a_file_that_comes_while_the_report_is_written_is_kept_too(tmp_path: Path) -> None:
    folder = earlier_report(tmp_path / "report")

    def write_slowly() -> None:
        with whole_folder(folder, NAMES) as work:
            (work / "index.html").write_text("new")
            (folder / "mine.txt").write_text("mine")

    with pytest.raises(OutputError, match=r"holds mine\.txt"):
        write_slowly()
    assert (folder / "mine.txt").read_text() == "mine"
    assert names_in(tmp_path)[0] == "report"


def test_a_link_to_a_folder_stays(tmp_path: Path) -> None:
    folder, link = earlier_report(tmp_path / "real" / "report"), tmp_path / "latest"
    link.symlink_to(folder)
    write(link)
    assert link.is_symlink()
    assert names_in(tmp_path) == ["latest", "real", "real/report", "real/report/index.html"]


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), ValueError("ours"), KeyboardInterrupt()])
def test_an_error_on_the_way_leaves_the_old_report_and_nothing_else(error: BaseException, tmp_path: Path) -> None:
    folder = earlier_report(tmp_path / "report")
    expected = OutputError if isinstance(error, OSError) else type(error)
    before = names_in(tmp_path)

    def write_in_vain() -> None:
        with whole_folder(folder, NAMES) as work:
            (work / "index.html").write_text("new")
            raise error

    with pytest.raises(expected):
        write_in_vain()
    assert names_in(tmp_path) == before
    assert (folder / "index.html").read_text() == "old"


def test_a_second_rename_that_fails_puts_the_old_report_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder, rename = earlier_report(tmp_path / "report"), os.replace

    def fails_once(source: Path, target: Path) -> None:
        if target == folder and (source / "index.html").read_text() == "new":
            raise OSError(16, "Device or resource busy")
        rename(source, target)

    monkeypatch.setattr(os, "replace", fails_once)
    before = names_in(tmp_path)
    with pytest.raises(OutputError, match="resource busy"):
        write(folder)
    assert names_in(tmp_path) == before
    assert (folder / "index.html").read_text() == "old"
