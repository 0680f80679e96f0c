"""Arrays of users' numbers, checked one by one and against each other; nothing is broadcast."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rnnsym.errors import DataError

Float = NDArray[np.float64]


def as_real(name: str, value: Any) -> NDArray[Any]:
    """Return ``value`` as an array of real numbers, itself where it is one; DataError names what it is otherwise."""
    if isinstance(value, np.ma.MaskedArray):
        raise DataError(f"{name}: expected an array without a mask: fill it, and give the steps that count as lengths")
    try:
        array = np.asarray(value)
    except (ValueError, TypeError) as error:
        raise DataError(f"{name}: expected an array of numbers, but this cannot be made into one ({error})") from None
    if array.dtype.kind not in "biuf" or array.dtype.itemsize > 8:
        raise DataError(f"{name}: expected real numbers of at most 64 bits, but the dtype is {array.dtype}")
    return array


def as_floats(name: str, value: Any) -> Float:
    """Return ``value`` as a fresh, contiguous float64 array of finite numbers; DataError names what it is otherwise."""
    array = as_real(name, value)
    floats = np.array(array, dtype=np.float64, order="C")
    if not np.isfinite(floats).all():
        place = tuple(int(i) for i in np.argwhere(~np.isfinite(floats))[0])
        raise DataError(f"{name}: expected finite numbers, but the entry at {place} is {floats[place]}")
    return floats


class Shapes:
    """Sizes told from the arrays as they come: the first array that bears a size settles it for all others.

    A size that is a sum of others, d + n, is compared as soon as all of these are settled.
    """

    def __init__(self) -> None:
        self._settled: dict[Any, tuple[int, str]] = {}
        self._waiting: list[tuple[Any, int, str]] = []

    def match(self, name: str, array: Any, shape: Iterable[Any]) -> None:
        """Check that ``array`` has ``shape``; DataError names the size, its value and who settled it."""
        wanted = tuple(shape)
        if array.ndim != len(wanted):
            raise DataError(f"{name}: expected shape {self._spell(wanted)}, but the shape is {array.shape}")
        for length, found in zip(wanted, array.shape, strict=True):
            self._match_size(name, length, found, wanted, array.shape)
        self._match_sums()

    def _match_size(self, name: str, length: Any, found: int, wanted: tuple[Any, ...], shape: tuple[int, ...]) -> None:
        if found == 0:
            raise DataError(f"{name}: expected shape {self._spell(wanted)}, but the shape is {shape}: nothing is in it")
        if getattr(length, "is_Add", False):
            self._waiting.append((length, found, name))
            return
        expected, by = self._settled.setdefault(length, (found, name)) if not _is_number(length) else (int(length), "")
        if found != expected:
            source = f" with {length} = {expected} from {by}" if by else ""
            raise DataError(f"{name}: expected shape {self._spell(wanted)}{source}, but the shape is {shape}")

    def _match_sums(self) -> None:
        for length, found, name in self._waiting:
            expected = self.length(length)
            if expected is not None and expected != found:
                parts = ", ".join(f"{one} = {self._settled[one][0]}" for one in sorted(length.free_symbols, key=str))
                raise DataError(f"{name}: expected the size {length} with {parts}, but it is {found}")

    def length(self, size: Any) -> int | None:
        """Return a size as a number, or None while an array that tells it is missing."""
        if _is_number(size):
            return int(size)
        known = {one: self._settled[one][0] for one in size.free_symbols if one in self._settled}
        return int(size.subs(known)) if len(known) == len(size.free_symbols) else None

    def _spell(self, shape: tuple[Any, ...]) -> str:
        return "(" + ", ".join(str(length) for length in shape) + ("," if len(shape) == 1 else "") + ")"


def _is_number(length: Any) -> bool:
    return isinstance(length, int) or bool(getattr(length, "is_Integer", False))


def as_mapping(name: str, value: Any, known: Iterable[str], *, complete: bool) -> Mapping[str, Any]:
    """Check the keys of a dict; DataError for one that is missing or unknown, with the nearest known one."""
    expected = list(known)
    if not isinstance(value, Mapping):
        kind = type(value).__name__
        raise DataError(f"{name}: expected a dict with the keys {', '.join(expected)}, but it is {kind}")
    for key in value:
        if key not in expected:
            by_letters = {name.lower(): name for name in reversed(expected)}
            near = difflib.get_close_matches(str(key).lower(), by_letters, 1)
            hint = f"; did you mean {by_letters[near[0]]!r}?" if near else ""
            raise DataError(f"{name}: unknown key {key!r}; the keys are {', '.join(expected)}{hint}")
    missing = [key for key in expected if key not in value]
    if complete and missing:
        raise DataError(f"{name}: the key {missing[0]!r} is missing; the keys are {', '.join(expected)}")
    return value


def as_whole_numbers(name: str, value: Any) -> NDArray[np.int64]:
    """Return ``value`` as a fresh array of whole numbers; DataError for any other kind."""
    try:
        array = np.asarray(value)
    except (ValueError, TypeError) as error:
        raise DataError(f"{name}: expected an array of whole numbers ({error})") from None
    if isinstance(value, np.ma.MaskedArray) or array.dtype.kind not in "iu":
        raise DataError(f"{name}: expected whole numbers, but the dtype is {array.dtype}")
    if array.size and array.max() > np.iinfo(np.int64).max:
        raise DataError(f"{name}: expected whole numbers of 63 bits, but one is {array.max()}")
    return np.array(array, dtype=np.int64)


def check_range(name: str, array: NDArray[Any], count: int | None) -> None:
    """Refuse numbers of rows or classes that are none of 0 … count − 1; an unknown count refuses none."""
    if count is not None and (array.min() < 0 or array.max() >= count):
        wrong = array[(array < 0) | (array >= count)][0]
        raise DataError(f"{name}: expected whole numbers from 0 to {count - 1}, but one is {wrong}")
