"""Single numbers that a user hands over: each is checked, and refused with its name. True and False are no numbers."""

from __future__ import annotations

from typing import Any

import numpy as np

from rnnsym.errors import DataError
from rnnsym.model.kinds import shown
from rnnsym.numerics.arrays import as_floats

LARGEST = 2**63 - 1  # of a whole number that counts: beyond, arrays and floats do not follow


def whole(name: str, value: Any, least: int, most: int | None = LARGEST) -> int:
    """Return a whole number from ``least`` to ``most`` (None: as large as you like), or raise DataError."""
    known = isinstance(value, int | np.integer) and not isinstance(value, bool)
    if not known or value < least or (most is not None and value > most):
        to = "" if most is None or (most == LARGEST and not (known and value > most)) else f" to {most}"
        raise DataError(f"{name}: expected a whole number from {least}{to}, but it is {shown(value)}")
    return int(value)


def seed(value: Any) -> int:
    """Return a seed, a whole number from 0 of any size, or raise DataError."""
    return whole("seed", value, 0, most=None)


def number(name: str, value: Any) -> float:
    """Return a finite number, or raise DataError."""
    array = as_floats(name, value)
    if array.ndim or isinstance(value, bool) or getattr(value, "dtype", None) == np.bool_:
        raise DataError(f"{name}: expected a number, but it is {shown(value)}")
    return float(array)


def level(name: str, value: Any) -> float:
    """Return a number that may be infinite, but is one, or raise DataError."""
    if isinstance(value, bool) or not isinstance(value, float | int | np.floating) or value != value:
        raise DataError(f"{name}: expected a number, but it is {shown(value)}")
    return float(value)


def positive(name: str, value: Any) -> float:
    """Return a number above 0, or raise DataError."""
    return _where(number(name, value) > 0, name, value, "above 0")


def nonnegative(name: str, value: Any) -> float:
    """Return a number from 0, or raise DataError."""
    return _where(number(name, value) >= 0, name, value, "from 0")


def share(name: str, value: Any) -> float:
    """Return a number above 0 and up to 1, or raise DataError."""
    return _where(0 < number(name, value) <= 1, name, value, "above 0 and up to 1")


def decay(name: str, value: Any) -> float:
    """Return a number from 0 up to, not including, 1, or raise DataError."""
    return _where(0 <= number(name, value) < 1, name, value, "from 0 up to, not including, 1")


def _where(holds: bool, name: str, value: Any, words: str) -> float:
    if not holds:
        raise DataError(f"{name}: expected a number {words}, but it is {shown(value)}")
    return float(value)
