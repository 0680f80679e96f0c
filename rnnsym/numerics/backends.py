"""The table of backends: who computes a network, how its functions are made, and what stands in where it is absent."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Protocol

from rnnsym.calculus.unrolling import StepGraph
from rnnsym.numerics.checkpoints import CheckpointEmitter
from rnnsym.numerics.compiled.backend import compiled_module, without_numba
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


Make = Callable[[StepGraph], tuple[str, Functions]]


@dataclass(frozen=True)
class Backend:
    """How a network is computed: ``make`` returns the source, readable and complete, and its functions.

    ``checkpointed`` does the same for a way back that keeps few states, None where there is none. ``forms`` says
    whether calls of small sizes run code of their own in Python's numbers (``numerics.forms``). ``obstacle()`` says why
    it cannot compute here, nothing where it can; then the first backend stands in for it, with that as a warning.
    ``direct`` says whether its functions may have one of that name, for arguments that fit as they come:
    ``direct(parameters, inputs, targets)`` returns what ``value_and_grad`` does, None for what does not fit.
    """

    name: str
    make: Make
    checkpointed: Make | None = None
    forms: bool = False
    direct: bool = False
    obstacle: Callable[[], str] = lambda: ""


def _numpy(graph: StepGraph) -> tuple[str, Functions]:
    source = numpy_source(graph)
    return source, load_source("rnnsym_generated", source)


def _numpy_checkpointed(graph: StepGraph) -> tuple[str, Functions]:
    source = CheckpointEmitter(graph).source()
    return source, load_source("rnnsym_generated", source)


_entries = (
    Backend("numpy", _numpy, _numpy_checkpointed, forms=True),
    Backend("numba", compiled_module, direct=True, obstacle=without_numba),
)
backends: Mapping[str, Backend] = MappingProxyType({one.name: one for one in _entries})
