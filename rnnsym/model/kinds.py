"""What a user hands over, held against what is expected: of a kind, a name of a table, several names."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from typing import Any, TypeVar

from rnnsym.errors import DataError
from rnnsym.model.networks import Network

Kind = TypeVar("Kind")


def instance(name: str, value: Any, kind: Any, words: str) -> Any:
    """Return a value of a kind, or raise DataError; ``words`` say what was expected."""
    if not isinstance(value, kind):
        raise DataError(f"{name}: expected {words}, but it is {shown(value)}")
    return value


def known_network(value: Any) -> Network:
    """Return a network, or raise DataError."""
    return instance("network", value, Network, "a network, such as rnnsym.Network(rnnsym.cells['lstm'])")


def entry(kind: str, table: Mapping[str, Kind], name: Any) -> Kind:
    """Return an entry of a table, or raise DataError with the nearest name."""
    if not isinstance(name, str) or name not in table:
        near = difflib.get_close_matches(name, table, 1) if isinstance(name, str) else []
        question = f" (did you mean {near[0]!r}?)" if near else ""
        raise DataError(f"{kind}: there is no {shown(name)}{question}; there are {', '.join(table)}")
    return table[name]


def texts(name: str, value: Any, words: str) -> tuple[str, ...]:
    """Return names, a single one as such too, or raise DataError; ``words`` say whose names were expected."""
    found = (value,) if isinstance(value, str) else several(name, value, words)
    return tuple(instance(name, one, str, words) for one in found)


def several(name: str, value: Iterable[Kind], words: str) -> tuple[Kind, ...]:
    """Return what a value runs through, or raise DataError where it is nothing to run through, or a text."""
    if isinstance(value, str | bytes) or not isinstance(value, Iterable) or not getattr(value, "ndim", 1):
        raise DataError(f"{name}: expected {words}, but it is {shown(value)}")
    return tuple(value)


def checked_sizes(value: Any) -> dict[str, int]:
    """Return sizes by their letters, or raise DataError; which letters and numbers fit, the network says."""
    if not isinstance(value, Mapping) or not all(isinstance(name, str) for name in value):
        raise DataError(f"sizes: expected a dict such as {{'d': 5, 'n': 3, 'k': 1}}, but it is {shown(value)}")
    return dict(value)


def shown(value: Any) -> str:
    """Spell a value in at most 80 characters; Python refuses to spell a number of thousands of digits."""
    if isinstance(value, int) and abs(value) > 10**80:
        return f"a number of about {int(value.bit_length() * 0.30103)} digits"
    return f"{value!r:.80}"
