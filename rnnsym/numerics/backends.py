"""The table of backends: one entry a way to compute a network; a new one is one entry."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Protocol

from rnnsym.calculus.unrolling import StepGraph
from rnnsym.numerics.compiled.backend import MISSING, compiled_module, has_numba
from rnnsym.numerics.emission import numpy_source
from rnnsym.numerics.loading import load_source


class Functions(Protocol):
    """What a backend makes: functions of validated float64 arrays, all with their batch axis.

    ``loss(parameters, inputs, targets, initial_state=None, lengths=None)`` returns the mean loss, ``value_and_grad`` of
    the same and ``wrt=(names)`` the loss and {name: fresh gradient}, ``predict(parameters, inputs, …)`` the outputs. A
    decoder's have ``target_lengths=`` too; ``predict`` is given the targets before the initial state where a teacher
    forces it, the number of steps where outputs are fed back.
    """

    loss: Callable[..., Any]
    predict: Callable[..., Any]
    value_and_grad: Callable[..., Any]


@dataclass(frozen=True)
class Backend:
    """How a network is computed: ``make`` returns the source, readable and complete, and its functions.

    ``forms`` says whether calls of small sizes run code of their own in Python's numbers (``numerics.forms``).
    Where it is not ``available`` the first backend stands in for it, with the warning ``missing``.
    """

    name: str
    make: Callable[[StepGraph], tuple[str, Functions]]
    forms: bool = False
    available: Callable[[], bool] = lambda: True
    missing: str = ""


def _numpy(graph: StepGraph) -> tuple[str, Functions]:
    source = numpy_source(graph)
    return source, load_source("rnnsym_generated", source)


_entries = (
    Backend("numpy", _numpy, forms=True),
    Backend("numba", compiled_module, available=has_numba, missing=MISSING),
)
backends: Mapping[str, Backend] = MappingProxyType({one.name: one for one in _entries})
