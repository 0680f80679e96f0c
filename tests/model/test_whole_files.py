"""Files are written whole: links stay, rights are kept, and what a killed run leaves is gone after the next."""

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure

from rnnsym.cli.outputs import write_file
from rnnsym.dynamics import save_figure
from rnnsym.dynamics.courses import Course, save_course
from rnnsym.dynamics.result_tables import write_rows
from rnnsym.errors import OutputError
from rnnsym.model.whole_files import replace_file, write_whole

WRITERS: dict[str, Callable[[Path], object]] = {
    "a.txt": lambda path: write_file(b"new", path),
    "a.bin": lambda path: write_whole(b"new", path),
    "a.svg": lambda path: save_figure(Figure(), path),
    "a.npz": lambda path: save_course(Course({"b": np.zeros(2)}), path, "settings"),
    "a.json": lambda path: write_rows([{"lag": 5}], path),
}

KILLED = """
import os, signal, sys
from pathlib import Path
from rnnsym.model.whole_files import replace_file
os.replace = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
replace_file(b"half", Path(sys.argv[1]))
"""


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.mark.parametrize("name", WRITERS)
def test_every_writer_leaves_a_link_and_writes_what_it_points_to(name: str, tmp_path: Path) -> None:
    (tmp_path / "far").mkdir()
    target, link = tmp_path / "far" / name, tmp_path / name
    link.symlink_to(target)
    for before in (None, b"old"):
        if before is not None:
            target.write_bytes(before)
        WRITERS[name](link)
        assert link.is_symlink()
        assert target.read_bytes() not in (b"", b"old")
    assert names(tmp_path) == sorted(["far", name])
    assert names(tmp_path / "far") == [name]


@pytest.mark.parametrize("name", WRITERS)
def test_every_writer_keeps_the_rights_of_a_file_and_gives_a_new_one_those_of_the_umask(
    name: str, tmp_path: Path
) -> None:
    umask = os.umask(0o027)
    try:
        WRITERS[name](tmp_path / name)
        assert mode(tmp_path / name) == 0o640
        for kept in (0o600, 0o666, 0o200):
            (tmp_path / name).chmod(kept)
            WRITERS[name](tmp_path / name)
            assert mode(tmp_path / name) == kept
    finally:
        os.umask(umask)
    assert names(tmp_path) == [name]


@pytest.mark.parametrize("name", WRITERS)
def test_every_writer_refuses_a_folder_in_one_line(name: str, tmp_path: Path) -> None:
    (tmp_path / name).mkdir()
    with pytest.raises(OutputError, match="cannot be written") as caught:
        WRITERS[name](tmp_path / name)
    assert "\n" not in str(caught.value)
    assert names(tmp_path) == [name]


@pytest.mark.parametrize("rights", [0o644, 0o600, 0o200])
def test_what_a_killed_run_leaves_does_not_add_up_and_is_gone_after_the_next(rights: int, tmp_path: Path) -> None:
    target = tmp_path / "a.txt"
    target.write_text("old")
    target.chmod(rights)
    for _ in range(2):
        ended = subprocess.run([sys.executable, "-c", KILLED, target], check=False)
        assert ended.returncode == -signal.SIGKILL
        assert len(names(tmp_path)) == 2, "one leftover, however many runs were killed"
    replace_file(b"new", target)
    assert names(tmp_path) == ["a.txt"]
    target.chmod(0o600)
    assert target.read_bytes() == b"new"


def test_several_that_write_one_file_at_once_leave_it_whole(tmp_path: Path) -> None:
    target, failed = tmp_path / "a.json", list[Exception]()

    def write(number: int) -> None:
        try:
            for _ in range(10):
                write_whole(json.dumps([number] * 20_000).encode(), target)
                assert len(set(json.loads(target.read_bytes()))) == 1
        except Exception as error:  # shown by the main thread
            failed.append(error)

    threads = [threading.Thread(target=write, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    assert len(json.loads(target.read_bytes())) == 20_000
    assert names(tmp_path) == ["a.json"]


def test_a_pipe_stays_a_pipe(tmp_path: Path) -> None:
    pipe, found = tmp_path / "a.svg", list[bytes]()
    os.mkfifo(pipe)
    reader = threading.Thread(target=lambda: found.append(pipe.read_bytes()))
    reader.start()
    save_figure(Figure(), pipe)
    reader.join()
    assert found[0].endswith(b"</svg>\n")
    assert stat.S_ISFIFO(pipe.stat().st_mode)
