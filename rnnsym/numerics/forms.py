"""Which code a call of given sizes runs: small networks have forms of their own, all else the module for every size."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from itertools import count
from typing import Any

from rnnsym.calculus.unrolling import graph_of
from rnnsym.errors import DerivationError
from rnnsym.model.networks import Network
from rnnsym.numerics.loading import load_source
from rnnsym.numerics.recurrences import RecurrentForm, is_recurrent
from rnnsym.numerics.requests import Request
from rnnsym.numerics.sequences import Plan
from rnnsym.numerics.straight import StraightForm, is_straight
from rnnsym.numerics.validation import Arguments
from rnnsym.numerics.work import Work, number_of

OPERATION, LOOPED = 0.0065, 0.008  # microseconds of an operation written out, and of one in a loop with its rows
CALL = 0.12  # of a node of the equations in the loops of the module for every size: most are a call, some shared
FIXED, EACH_PARAMETER = 12.0, 4.0  # that this module takes beside its loops
MOST_OPERATIONS = 2500  # written out: some 25 milliseconds to write and load them once
MOST_STEPS = 50_000  # of a loop in numbers: a kept one is 32 bytes, in an array 8
MOST_FORMS = 256  # of one network: some 100 kilobytes each; then the module for every size runs what is new
MOST_KNOWN = 1024  # shapes whose code is remembered
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
        self._forms: dict[Request, Form | None] = {}
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
        try:
            return self._known[key]
        except KeyError:
            form = self._chosen(Request.of(self._network, function, found, names))
        if len(self._known) >= MOST_KNOWN:
            self._known.clear()  # in any thread: what was found is returned, not looked up again
        self._known[key] = form
        return form

    @cached_property
    def _plan(self) -> Plan:
        return Plan.of(graph_of(self._network))

    @cached_property
    def _work(self) -> Work:
        return Work.of(self._plan)

    def _chosen(self, request: Request) -> Form | None:
        """The form by which a request is computed soonest."""
        if not request.sizes.keys() >= set(self._network.sizes):
            return None
        least = next(steps for steps in count(1) if not self._is_written_out(request, steps))
        if request.steps < least:
            return self._made(request, lambda: StraightForm(self._plan, request).source())
        if request.steps > MOST_STEPS or not (is_recurrent(self._network) and self._loop_pays(request)):
            return None
        return self._made(request.any_length, lambda: RecurrentForm(self._plan, request, least, MOST_STEPS).source())

    def _made(self, request: Request, source: Callable[[], str]) -> Form | None:
        if request not in self._forms:
            if len(self._forms) >= MOST_FORMS:
                return None
            self._forms[request] = _loaded(request.function, source)
        return self._forms[request]

    def _is_written_out(self, request: Request, steps: int) -> bool:
        """Whether so many steps written out are short, and sooner computed than arrays."""
        outputs = steps if self._network.shape_of_steps.every else 1
        operations = steps * number_of(self._work.step, request.sizes)
        operations += outputs * number_of(self._work.output, request.sizes)
        arrays = FIXED + EACH_PARAMETER * len(request.parameters) + CALL * steps * self._work.calls
        return operations <= MOST_OPERATIONS and OPERATION * operations < arrays

    def _loop_pays(self, request: Request) -> bool:
        """Whether a step in numbers is sooner computed than one in arrays."""
        return LOOPED * number_of(self._work.loop, request.sizes) < CALL * self._work.calls


def _loaded(function: str, source: Callable[[], str]) -> Form | None:
    try:
        text = source()
    except DerivationError:  # a node without scalars, or a loop that this form has no code for
        return None
    return Form(text, getattr(load_source("rnnsym_generated_form", text), function))
