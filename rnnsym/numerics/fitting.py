"""Arguments that fitted before: a call with arrays of the same shapes is checked in a few microseconds."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import numpy as np

from rnnsym.model.losses import losses
from rnnsym.model.networks import Network
from rnnsym.numerics.validation import Arguments, Given

FLOAT = np.dtype(np.float64)
MOST_KNOWN = 64  # shapes of calls that are remembered


class Fitting:
    """Remembers the shapes of arguments that were validated.

    It recalls only plain float64 arrays without initial states and lengths; all else is validated anew. The arrays are
    handed on as they are: generated code changes none of its arguments.
    """

    def __init__(self, network: Network) -> None:
        entry = losses[network.loss]
        self._names = tuple(p.name for p in network.parameters)
        self._lower, self._upper = float(entry.lower), float(entry.upper)
        self._known: dict[tuple[Any, ...], Arguments] = {}
        self._remembers = not (entry.distribution or network.reads_index or network.feeds_back)

    def recalled(self, given: Given) -> Arguments | None:
        """Return the arguments of a call whose shapes are known and whose numbers are good, None of any other."""
        arrays = self._arrays(given)
        if arrays is None:
            return None
        known = self._known.get(tuple(array.shape for array in arrays))
        if known is None or known.targets is None or not all_finite(arrays):
            return None
        inputs, targets = arrays[-2:]
        if not (targets.min() >= self._lower and targets.max() <= self._upper):
            return None
        return Arguments(dict(zip(self._names, arrays, strict=False)), inputs[None] if known.single else inputs,
                         targets.reshape(known.targets.shape), None, None, None, known.steps, known.single)

    def remember(self, given: Given, found: Arguments) -> None:
        """Keep the shapes of validated arguments, and of these no more than what the next call needs."""
        arrays = self._arrays(given)
        if arrays is None or found.targets is None:
            return
        if len(self._known) >= MOST_KNOWN:
            self._known.clear()
        targets = np.broadcast_to(0.0, found.targets.shape)
        shapes = tuple(array.shape for array in arrays)
        self._known[shapes] = replace(found, parameters={}, inputs=None, targets=targets)

    def _arrays(self, given: Given) -> list[Any] | None:
        """The arrays in order, parameters first; None where something is not plain."""
        optional = (given.initial_state, given.lengths, given.target_lengths, given.steps)
        parameters = given.parameters
        if not self._remembers or type(parameters) is not dict or len(parameters) != len(self._names):
            return None
        if any(one is not None for one in optional):
            return None
        arrays = [parameters.get(name) for name in self._names]
        arrays += [given.inputs, given.targets]
        return arrays if all(_is_plain(array) for array in arrays) else None


def _is_plain(array: Any) -> bool:
    return type(array) is np.ndarray and array.dtype is FLOAT and array.flags.c_contiguous


def all_finite(arrays: Iterable[Any]) -> bool:
    """Whether all numbers are finite, told from sums of squares: False may also mean that one of these overflows."""
    total = 0.0
    with np.errstate(over="ignore", invalid="ignore"):
        for array in arrays:
            flat = array.ravel()
            total += flat.dot(flat)
    return math.isfinite(total)
