"""Arguments that fitted before: a call with arrays of the same shapes is checked in a microsecond or two."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import numpy as np

from rnnsym.model.losses import losses
from rnnsym.model.networks import Network
from rnnsym.numerics.validation import Arguments, Given

FLOAT = np.dtype(np.float64)
MOST_KNOWN = 64  # shapes of calls that are remembered
FEW = 64  # targets that Python's min and max go through sooner than NumPy's


class Fitting:
    """Remembers the shapes of arguments that were validated.

    It recalls only plain float64 arrays without lengths; all else is validated anew. The arrays are handed on as they
    are, their numbers unread: generated code changes none of its arguments, and whether all are finite is asked after
    the computation.
    """

    def __init__(self, network: Network) -> None:
        entry = losses[network.loss]
        self._names = tuple(p.name for p in network.parameters)
        self._lower, self._upper = float(entry.lower), float(entry.upper)
        self._bounded = math.isfinite(self._lower) or math.isfinite(self._upper)
        self._known: dict[tuple[Any, ...], Arguments] = {}
        self._remembers = not (entry.distribution or network.reads_index or network.feeds_back)

    def recalled(self, given: Given, *, predict: bool = False) -> Arguments | None:
        """Return the arguments of a call whose shapes are known and whose targets are in range, None of any other.

        Predictions are known apart: they need no targets.
        """
        arrays = self._arrays(given)
        known = None if arrays is None else self._known.get(_key(given, arrays, predict))
        if known is None or (self._bounded and given.targets is not None and not self._in_range(given.targets)):
            return None
        targets = None if known.targets is None else given.targets.reshape(known.targets.shape)
        inputs = given.inputs[None] if known.single else given.inputs
        return Arguments(given.parameters, inputs, targets, given.initial_state, None, None, known.steps, known.single)

    def remember(self, given: Given, found: Arguments, *, predict: bool = False) -> None:
        """Keep the shapes of validated arguments, and of these no more than what the next call needs."""
        arrays = self._arrays(given)
        if arrays is None:
            return
        if len(self._known) >= MOST_KNOWN:
            self._known.clear()
        targets = None if found.targets is None else np.broadcast_to(0.0, found.targets.shape)
        self._known[_key(given, arrays, predict)] = found._replace(parameters={}, inputs=None, targets=targets,
                                                          initial_state=None)

    def _in_range(self, targets: Any) -> bool:
        if targets.size > FEW:
            return bool(targets.min() >= self._lower and targets.max() <= self._upper)
        numbers = targets.ravel().tolist()
        return bool(min(numbers) >= self._lower and max(numbers) <= self._upper)

    def _arrays(self, given: Given) -> list[Any] | None:
        """The arrays in order, parameters first; None where something is not plain."""
        parameters, state = given.parameters, given.initial_state
        if not self._remembers or type(parameters) is not dict or len(parameters) != len(self._names):
            return None
        if given.lengths is not None or given.target_lengths is not None or given.steps is not None:
            return None
        arrays = [*map(parameters.get, self._names), given.inputs]
        if given.targets is not None:
            arrays.append(given.targets)
        if state is not None:
            if type(state) is not dict:
                return None
            arrays += state.values()
        for array in arrays:
            if type(array) is not np.ndarray or array.dtype is not FLOAT or not array.flags.c_contiguous:
                return None
        return arrays


def _key(given: Given, arrays: list[Any], predict: bool) -> tuple[Any, ...]:
    state = given.initial_state
    return predict, given.targets is None, None if state is None else tuple(state), *[array.shape for array in arrays]


def all_finite(arrays: Iterable[Any]) -> bool:
    """Whether all numbers are finite, told from sums of squares: False may also mean that one of these overflows.

    NumPy's errors must be ignored where this is called.
    """
    total = 0.0
    for array in arrays:
        flat = array.ravel()
        total += flat.dot(flat)
    return math.isfinite(total)
