"""The command line: ``rnnsym report | derive | check | claim | code | figures | book | cells``."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from rnnsym.cli.streams import complain, unshown
from rnnsym.errors import RnnsymError

INTERRUPTED, TERMINATED = 130, 143  # 128 and the signal's number, as shells count


class _Terminated(BaseException):
    """SIGTERM as an exception, so that temporary files are removed on the way out; no library takes it for an error."""


def main() -> None:
    """Run the command line: exit status 0 done and holds, 1 a check failed, 2 bad usage or bad input, in one line."""
    try:
        with _termination_raised():
            status = _status()
    except _Terminated:
        status = TERMINATED
    if status in (INTERRUPTED, TERMINATED):
        print("rnnsym: interrupted; nothing half-written is left", file=sys.stderr)  # noqa: T201 - the command line
    sys.exit(status)


def _status() -> int:
    try:
        from rnnsym.cli.commands import application

        status = application(sys.argv[1:] or ["--help"], prog_name="rnnsym", standalone_mode=False)
        return status if isinstance(status, int) else 0
    except KeyboardInterrupt:
        return INTERRUPTED
    except RnnsymError as error:
        return _refuse(str(error))
    except (UnicodeEncodeError, OSError) as error:  # of a help page; what commands print and write is theirs to guard
        if getattr(error, "filename", None) is not None:
            raise
        return _refuse(str(unshown(error)))
    except SystemExit as leaving:  # the parser's answer to a reader of its help that has gone
        gone = isinstance(leaving.__context__, BrokenPipeError)
        return 0 if gone or not isinstance(leaving.code, int) else leaving.code
    except Exception as error:
        return _usage(error)


@contextmanager
def _termination_raised() -> Iterator[None]:
    """Turn SIGTERM into an exception; not where a caller handles or ignores it, nor beside the main thread."""
    if threading.current_thread() is not threading.main_thread() or signal.getsignal(signal.SIGTERM) != signal.SIG_DFL:
        yield
        return
    signal.signal(signal.SIGTERM, _terminate)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)


def _terminate(number: int, frame: FrameType | None) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # a second one must not stop the cleaning
    raise _Terminated


def _refuse(message: str) -> int:
    complain("error", message)
    return 2


def _usage(error: Exception) -> int:
    """Say in one line what the command line's parser objects to; anything else is a fault of ours and is raised."""
    if type(error).__name__ == "Abort":
        return INTERRUPTED
    if not hasattr(error, "format_message"):
        raise error
    return _refuse(f"{error.format_message()} (see rnnsym --help)")
