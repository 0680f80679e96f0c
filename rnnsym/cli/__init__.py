"""The command line: ``rnnsym report | derive | check | code | figures | cells``."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command line: exit status 0 done and holds, 1 a check failed, 2 bad usage or bad input, in one line."""
    from rnnsym.cli.commands import application
    from rnnsym.errors import RnnsymError

    try:
        status = application(standalone_mode=False)
    except RnnsymError as error:
        status = _refuse(str(error))
    except BrokenPipeError:
        sys.stderr.close()  # whoever read our output has gone, and with it the place for a message
        status = 0
    except KeyboardInterrupt:
        print("rnnsym: interrupted; nothing half-written is left", file=sys.stderr)  # noqa: T201 - the command line
        status = 130
    except Exception as error:
        status = _usage(error)
    sys.exit(status if isinstance(status, int) else 0)


def _refuse(message: str) -> int:
    print(f"rnnsym: error: {' '.join(message.split())}", file=sys.stderr)  # noqa: T201 - the command line
    return 2


def _usage(error: Exception) -> int:
    """Say in one line what the command line's parser objects to; anything else is a fault of ours and is raised."""
    if type(error).__name__ == "Abort":
        return 130
    if not hasattr(error, "format_message"):
        raise error
    return _refuse(f"{error.format_message()} (see rnnsym --help)")
