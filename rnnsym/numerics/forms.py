"""Which code a call of given sizes runs: small networks have forms of their own, all else the module for every size."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from rnnsym.calculus.unrolling import graph_of
from rnnsym.errors import DerivationError
from rnnsym.model.networks import Network
from rnnsym.numerics.loading import load_source
from rnnsym.numerics.requests import Request
from rnnsym.numerics.sequences import Plan
from rnnsym.numerics.straight import StraightForm, is_straight
from rnnsym.numerics.validation import Arguments
from rnnsym.numerics.work import Work, number_of

MOST_FORMS = 64  # kept for one network; each is some kilobytes of code
OPERATION, CALL = 0.011, 0.4  # microseconds of one operation of numbers, of one call of an array function in a loop
FIXED, EACH_PARAMETER = 8.0, 4.0  # microseconds that the module for every size takes beside its loops
MOST_OPERATIONS = 4000  # written out: some 30 milliseconds to write and load them once, and 50 microseconds a call
MISFITS = (KeyError, ValueError, ArithmeticError, BufferError)
"""What a form raises where a number leaves what Python's ``math`` computes, or an argument is not as it was."""

Answer = Any
Run = Callable[..., Answer]


@dataclass(frozen=True)
class Form:
    """A module made for one request, and its function; None as its answer says that the general code is to run."""

    source: str
    run: Run


class Forms:
    """The forms of one network, made when first asked for. Calls from several threads may make one twice."""

    def __init__(self, network: Network, *, enabled: bool = True) -> None:
        self._network = network
        self._enabled = enabled and is_straight(network)
        self._known: dict[tuple[Any, ...], Form | None] = {}
        self._recent: dict[Any, Run] = {}

    def answer(self, function: str, wrt: Any, *arguments: Any) -> Answer:
        """Return what the form of the latest call returns for arguments that nobody has looked at, None if it fits not.

        A form checks all that it is given, and each result.
        """
        try:
            run = self._recent.get((function, wrt))
        except TypeError:  # a list of names
            return None
        if run is None:
            return None
        try:
            return run(*arguments)
        except MISFITS:
            return None

    def computed(self, function: str, wrt: Any, names: tuple[str, ...], found: Arguments) -> Answer:
        """Return the same for validated arguments, whose form is looked up or made."""
        form = self.form(function, names, found)
        if form is None:
            return None
        if len(self._recent) >= MOST_FORMS:
            self._recent.clear()
        if wrt is None or type(wrt) is tuple:
            self._recent[function, wrt] = form.run
        part = 0 if found.single else slice(None)
        targets = None if found.targets is None else found.targets[part]
        try:
            return form.run(found.parameters, found.inputs[part], targets, found.initial_state)
        except MISFITS:
            return None

    def form(self, function: str, names: tuple[str, ...], found: Arguments) -> Form | None:
        """Return the form of a call, None where the general code is to run."""
        if not self._enabled or len(found.inputs) > 1 or found.lengths is not None:
            return None
        shapes = [array.shape for array in found.parameters.values()]
        state = found.initial_state
        key = (function, names, found.single, found.inputs.shape, None if found.targets is None else
               found.targets.shape, *shapes, *(() if state is None else [(k, v.shape) for k, v in state.items()]),
               state is None)
        if key not in self._known:
            if len(self._known) >= MOST_FORMS:
                self._known.clear()
            self._known[key] = self._made(Request.of(self._network, function, found, names))
        return self._known[key]

    @cached_property
    def _plan(self) -> Plan:
        return Plan.of(graph_of(self._network))

    @cached_property
    def _work(self) -> Work:
        return Work.of(self._plan)

    def _made(self, request: Request) -> Form | None:
        if not request.sizes.keys() >= set(self._network.sizes):
            return None
        if not self._pays(request):
            return None
        try:
            source = StraightForm(self._plan, request).source()
        except DerivationError:  # a node without scalars
            return None
        return Form(source, getattr(load_source("rnnsym_generated_form", source), request.function))

    def _pays(self, request: Request) -> bool:
        """Whether numbers one by one are sooner computed than arrays."""
        steps, work = request.steps, self._work
        outputs = steps if self._network.shape_of_steps.every else 1
        operations = steps * number_of(work.step, request.sizes) + outputs * number_of(work.output, request.sizes)
        arrays = FIXED + EACH_PARAMETER * len(request.parameters) + CALL * steps * work.calls
        return operations <= MOST_OPERATIONS and math.isfinite(operations) and OPERATION * operations < arrays
