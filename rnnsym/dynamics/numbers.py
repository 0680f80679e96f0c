"""Single numbers that a user hands over: each is checked, and refused with its name."""

from __future__ import annotations

from typing import Any

import numpy as np

from rnnsym.errors import DataError
from rnnsym.numerics.arrays import as_floats


def whole(name: str, value: Any, least: int) -> int:
    """Return a whole number from ``least`` on, or raise DataError."""
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < least:
        raise DataError(f"{name}: expected a whole number from {least}, but it is {value!r:.80}")
    return int(value)


def number(name: str, value: Any) -> float:
    """Return a finite number, or raise DataError."""
    array = as_floats(name, value)
    if array.ndim:
        raise DataError(f"{name}: expected a number, but it is {value!r:.80}")
    return float(array)


def positive(name: str, value: Any) -> float:
    """Return a number above 0, or raise DataError."""
    found = number(name, value)
    if found <= 0:
        raise DataError(f"{name}: expected a number above 0, but it is {value!r:.80}")
    return found


def nonnegative(name: str, value: Any) -> float:
    """Return a number from 0, or raise DataError."""
    found = number(name, value)
    if found < 0:
        raise DataError(f"{name}: expected a number from 0, but it is {value!r:.80}")
    return found
