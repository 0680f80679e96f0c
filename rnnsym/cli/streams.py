"""Standard output and standard error: a stream that fails is one clear error, and a reader that has gone is none."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from typing import TextIO

from rnnsym.errors import OutputError


def show(text: str) -> None:
    """Write to standard output, at once.

    Errors: OutputError where its encoding lacks a character, or where it cannot be written. A reader that has gone
    (``| head``) wants no more, which is no error; the exit status still tells what was found.
    """
    if sys.stdout is None:
        raise OutputError("standard output: is closed; name a file with -o")
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except BrokenPipeError:
        _abandon(sys.stdout)
    except (UnicodeEncodeError, OSError) as error:
        raise unshown(error) from None


def unshown(error: UnicodeEncodeError | OSError) -> OutputError:
    """Return the error for what standard output could not take, and give that stream up."""
    if isinstance(error, UnicodeEncodeError):
        character = ascii(error.object[error.start])
        return OutputError(
            f"standard output: its encoding {error.encoding} has no {character}; "
            "set PYTHONIOENCODING=utf-8, or name a file with -o"
        )
    _abandon(sys.stdout)
    return OutputError(f"standard output: cannot be written ({error.strerror}); name a file with -o")


def complain(kind: str, message: str) -> None:
    """Write one line to standard error."""
    print(f"rnnsym: {kind}: {' '.join(message.split())}", file=sys.stderr)  # noqa: T201 - the command line


def _abandon(stream: TextIO) -> None:
    """Point the stream at nothing: the interpreter flushes it once more at the end, and would fail again."""
    with suppress(OSError, ValueError, AttributeError):  # a stream in memory has no descriptor
        nothing = os.open(os.devnull, os.O_WRONLY)
        try:
            os.dup2(nothing, stream.fileno())
        finally:
            os.close(nothing)
