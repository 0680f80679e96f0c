"""Arrays of residues with tangents: contraction, derivatives read off, comparison."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from rnnsym.evidence.residues import PRIME, Residue
from rnnsym.model.evaluation import Array


def contract(left: Array, right: Array) -> Array:
    """Σ over the last axis of ``left`` and the first of ``right``; a scalar has none and multiplies."""
    if not np.shape(left) or not np.shape(right):
        return left * right
    first, second = plain_values(left), plain_values(right)
    if first is None or second is None:
        return np.tensordot(left, right, axes=(-1, 0))
    product = np.asarray(np.tensordot(first, second, axes=(-1, 0)), dtype=object)
    return reshaped(np.asarray(product % PRIME, dtype=object), product.shape, Residue)


def plain_values(array: Array) -> Array | None:
    """Return an array of residues without tangents as integers, which multiply faster; None for other numbers."""
    entries = array.reshape(-1)
    if not all(type(entry) is Residue and entry.tangent is None for entry in entries):
        return None
    values = np.empty(len(entries), dtype=object)
    values[:] = [entry.value for entry in entries]
    return values.reshape(array.shape)


def tangents_of(array: Array, count: int) -> Array:
    """Return the derivatives of each entry: (entries, directions)."""
    entries = np.asarray(array, dtype=object).reshape(-1)
    rows = np.zeros((len(entries), count), dtype=object)
    for place, entry in enumerate(entries):
        if entry.tangent is not None:
            rows[place] = entry.tangent
    return rows


def with_tangents(array: Array, first: int, count: int) -> Array:
    """Return ``array`` with one direction an entry, the directions numbered from ``first`` of ``count``."""
    plain: Array = np.asarray(array, dtype=object)
    seeded = np.empty(plain.shape, dtype=object)
    for number, place in enumerate(np.ndindex(seeded.shape)):
        tangent = np.zeros(count, dtype=object)
        tangent[first + number] = 1
        seeded[place] = type(plain[place])(plain[place].value, tangent)
    return seeded if seeded.shape else seeded[()]


def reshaped(rows: Array, shape: tuple[int, ...], number: Callable[[Any], Any]) -> Array:
    """Return derivatives as an array of ``shape``, each a ``number`` without a tangent."""
    flat = np.empty(rows.size, dtype=object)
    for place, value in enumerate(rows.reshape(-1)):
        flat[place] = number(value)
    return flat.reshape(shape) if shape else flat[0]


def same(left: Array, right: Array) -> tuple[int, int]:
    """Return (entries that differ, entries compared); arrays of different shapes differ in every entry."""
    first, second = np.asarray(left, dtype=object), np.asarray(right, dtype=object)
    if first.shape != second.shape:
        return max(first.size, second.size, 1), max(first.size, second.size, 1)
    differing = sum(a.value != b.value for a, b in zip(first.reshape(-1), second.reshape(-1), strict=True))
    return differing, first.size


def summing_to_one(drawn: Array) -> Array:
    """Return a drawn vector with the one entry in place of its first that makes it sum to 1."""
    return np.append(drawn[1:], Residue(1) - drawn[1:].sum())


def entry_of(array: Array, place: tuple[int, ...]) -> Residue:
    """Return one entry of an array of residues."""
    entry: Residue = array[place]
    return entry
