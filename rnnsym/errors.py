"""Every error that rnnsym raises on purpose: each names the object, what was expected, what came, and the remedy."""

from __future__ import annotations


class RnnsymError(Exception):
    """Base of all errors of rnnsym; the command line prints it as one line and exits with status 2."""


class EquationError(RnnsymError):
    """A text of equations is not in the language; the message points at line and column."""

    def __init__(self, message: str, line: int | None = None, column: int | None = None) -> None:
        """Prefix ``message`` with the 1-based ``line`` and ``column`` of the user's text where they are known."""
        place = "" if line is None else f"line {line}" + ("" if column is None else f", column {column}") + ": "
        super().__init__(place + message)
        self.line = line
        self.column = column


class ShapeError(EquationError):
    """Two shapes that must agree do not; the message names both and the sub-expressions that bear them."""


class NetworkError(RnnsymError):
    """A network does not fit together: unknown cell, loss or topology, a name that is used twice, a bad file."""


class DataError(RnnsymError):
    """Arrays, corpora or files that a user handed over are not what was asked for."""


class NotFiniteError(DataError):
    """A loss or a gradient overflowed, or left a function's domain, for arguments that were finite themselves."""


class DerivationError(RnnsymError):
    """A derivation was asked for that rnnsym does not know how to make."""


class OutputError(RnnsymError):
    """An output cannot be written where it was asked for."""


class CheckError(RnnsymError):
    """A check could not be run at all, which is not the same as a check that failed."""


class BackendWarning(UserWarning):
    """What was asked for runs, but in another way than it was asked for: slower, with the same numbers."""
