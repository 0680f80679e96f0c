"""Files written whole or not at all: under a temporary name beside the target, which is then renamed."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from rnnsym.errors import OutputError

try:
    import fcntl
except ImportError:  # Windows, which itself refuses to remove a file that another process writes
    fcntl = None  # type: ignore[assignment]

STANDARD_STREAMS = (1, 2)
ONLY_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)


def write_whole(content: bytes, path: Path, remedy: str = "choose another place") -> None:
    """Write a file whole or not at all; a link stays, and what it points to is written.

    A file that is there keeps its rights, a new one has those that the umask leaves. Pipes and devices, and the file
    behind a standard stream, are written straight into. Errors: OutputError, which ends in ``remedy``.
    """
    try:
        if _is_stream(path):
            with open(path, "ab") as stream:
                stream.write(content)
        else:
            replace_file(content, Path(os.path.realpath(path)))
    except (OSError, ValueError) as error:
        raise OutputError(f"{path}: cannot be written ({_reason(error)}); {remedy}") from None


def _reason(error: OSError | ValueError) -> str:
    if isinstance(error, IsADirectoryError):
        return "it is a folder, not a file"
    return getattr(error, "strerror", None) or str(error)


def _is_stream(path: Path) -> bool:
    """Whether a path is a pipe or device, or the file behind a standard stream, to which a shell may be appending."""
    try:
        found = path.stat()
    except FileNotFoundError:
        return False
    if stat.S_ISDIR(found.st_mode):
        raise IsADirectoryError
    return not stat.S_ISREG(found.st_mode) or any(_is_open_as(number, found) for number in STANDARD_STREAMS)


def _is_open_as(descriptor: int, found: os.stat_result) -> bool:
    with suppress(OSError):  # a closed stream is no file
        return os.path.samestat(found, os.fstat(descriptor))
    return False


def replace_file(content: bytes, target: Path) -> None:
    """Put a file in place of ``target``, be that a link or a file: whole, or OSError is raised and nothing changes.

    The temporary name is the same each time, so that the next run removes what a killed one has left. Who holds the
    lock of the file under that name writes it; others, threads too, wait.
    """
    owner = getattr(os, "getuid", int)()  # what another user has left is not ours to remove
    name = hashlib.sha256(f"{owner}/{target.name}".encode("utf-8", "surrogateescape")).hexdigest()[:16]
    temporary = target.with_name(f".rnnsym-{name}.part")  # as short whatever the target's name
    with _claimed(temporary) as file:
        try:
            with suppress(FileNotFoundError):
                temporary.chmod(stat.S_IMODE(target.stat().st_mode))
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
            if fcntl is None:
                file.close()  # Windows renames no open file
            os.replace(temporary, target)
        except BaseException:
            file.close()
            temporary.unlink(missing_ok=True)
            raise


@contextmanager
def _claimed(temporary: Path) -> Iterator[BinaryIO]:
    """Hand out a new file under a name, which nobody else writes meanwhile."""
    while True:
        try:
            descriptor = os.open(temporary, ONLY_NEW, 0o666)
        except FileExistsError:
            _wait_and_remove(temporary)
            continue
        with os.fdopen(descriptor, "wb") as file:
            if _is_locked(file, temporary):
                yield file
                return


def _is_locked(file: BinaryIO, path: Path) -> bool:
    """Lock a file once nobody else has it locked; whether it still bears its name by then.

    The lock goes when the file is closed, also by a process that is killed. Where there are no locks (Windows, some
    network drives), two runs that write one target at once may disturb each other: one ends in an error.
    """
    if fcntl is None:
        return True
    with suppress(OSError):
        fcntl.flock(file, fcntl.LOCK_EX)
    try:
        return os.path.samestat(os.fstat(file.fileno()), path.lstat())
    except FileNotFoundError:
        return False


def _wait_and_remove(temporary: Path) -> None:
    """Wait for who is writing under this name; remove what is then still there, for nobody does any more."""
    try:
        with open(temporary, "rb") as left:
            if _is_locked(left, temporary):
                temporary.unlink()
    except FileNotFoundError:
        return  # written and renamed
    except PermissionError:  # it took the rights of a target that may not be read
        temporary.unlink(missing_ok=True)
