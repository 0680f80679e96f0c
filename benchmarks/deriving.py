"""Deriving against ``sympy.diff`` of the nested loss, and the time from a network to its code."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import sympy
from sympy.core.cache import clear_cache

import rnnsym
from benchmarks.timing import medians
from rnnsym.calculus.unrolling import graph_of
from rnnsym.evidence.oracles import nested_loss
from rnnsym.writing.sections import derivation

NETWORK = rnnsym.Network(rnnsym.cells["simple"])


def sympy_gradient(steps: int) -> list[Any]:
    """Differentiate the nested loss by every entry of W_h, two units, without what SymPy remembers of last time."""
    clear_cache()
    loss, entries = nested_loss(graph_of(NETWORK), steps, {"d": 2, "n": 2, "k": 1})
    weight = next(parameter for parameter in NETWORK.parameters if parameter.name == "W_h")
    return [sympy.diff(loss, symbol) for symbol in entries[weight].reshape(-1)] if weight in entries else []


def measured(seconds: float) -> dict[str, float]:
    """Return the median seconds of deriving and emitting."""
    runs: dict[str, Callable[[], object]] = {
        "the code of an LSTM": lambda: rnnsym.compile(rnnsym.Network(rnnsym.cells["lstm"])),
        "derivation, T = 3": lambda: derivation(NETWORK, 3),
        "derivation, T = 3, every line checked": lambda: rnnsym.derive(NETWORK, 3),
        "derivation, T = 100": lambda: derivation(NETWORK, 100),
        "derivation, T = 100, every line checked": lambda: rnnsym.derive(NETWORK, 100),
        "sympy.diff of the nested loss, T = 3": lambda: sympy_gradient(3),
        "sympy.diff of the nested loss, T = 4": lambda: sympy_gradient(4),
    }
    return medians(runs, seconds)
