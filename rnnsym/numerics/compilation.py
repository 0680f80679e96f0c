"""Networks as functions: the generated module, loaded, with every argument checked before it runs."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from rnnsym.calculus.unrolling import graph_of
from rnnsym.errors import BackendWarning, DerivationError, NotFiniteError
from rnnsym.model.losses import losses
from rnnsym.model.networks import Network
from rnnsym.numerics.arrays import Float
from rnnsym.numerics.backends import Functions, backends
from rnnsym.numerics.fitting import Fitting, all_finite
from rnnsym.numerics.forms import Forms
from rnnsym.numerics.selection import GradientNames, registers
from rnnsym.numerics.validation import Arguments, Given, validate


@dataclass(frozen=True)
class CompiledNetwork:
    """A network as functions of arrays; ``source`` is the module that they run, readable and complete.

    Shapes: ``parameters`` {name: array of the parameter's shape}; ``inputs`` (batch, T, d), or (T, d) for one sequence;
    ``targets`` (batch, k), or (k,); ``initial_state`` {state: (batch, n) or (n,)}, absent states start at their
    declared value, zero by default; ``lengths`` (batch,) whole numbers from 1 to T, steps past them change nothing.
    With an output at every step targets are (batch, T, k), with one input inputs (batch, d); a decoder's targets
    (batch, S, k) have ``target_lengths`` of their own. Rows that the cell looks up, ``E[x]``, are whole numbers
    (batch, T); classes of a softmax cross-entropy may be, (batch,) or (batch, T). A state that reaches k > 1 steps
    back starts from (batch, k, n), the oldest first.
    Everything is computed in float64; what is returned is fresh, and no argument is changed. Copies, pickled ones too,
    are compiled anew.
    """

    network: Network
    backend: str
    source: str
    _functions: Functions = field(repr=False, compare=False)
    checkpoints: bool = False
    forms: bool = field(default=True, repr=False)

    def __reduce__(self) -> tuple[Callable[..., CompiledNetwork], tuple[Network, str, bool, bool]]:
        # a module can be neither pickled nor copied: it is made again
        return compile_network, (self.network, self.backend, self.checkpoints, self.forms)

    def loss(
        self,
        parameters: Any,
        inputs: Any,
        targets: Any,
        initial_state: Any = None,
        lengths: Any = None,
        *,
        target_lengths: Any = None,
    ) -> float:
        """L = mean over the batch of the sum over outputs. Raises DataError for arguments that do not fit."""
        if lengths is None and target_lengths is None:
            answer = self._forms.answer("loss", None, parameters, inputs, targets, initial_state)
            if answer is not None:
                return float(answer)
        given = Given(parameters, inputs, targets, initial_state, lengths, target_lengths)
        found = self._fitted(given)
        answer = self._forms.computed("loss", None, (), found)
        if answer is not None:
            return float(answer)
        with np.errstate(all="ignore"):
            value = self._functions.loss(found.parameters, self._inputs(found), found.targets, **self._rest(found))
            finite = math.isfinite(value) and self._are_finite((), found)
        if not finite:
            self._explain({"the loss": value}, given)
        return float(value)

    def predict(
        self,
        parameters: Any,
        inputs: Any,
        initial_state: Any = None,
        lengths: Any = None,
        *,
        steps: int | None = None,
        targets: Any = None,
        target_lengths: Any = None,
    ) -> Float:
        """ŷ, of shape (batch, k), or (k,) for one sequence; of every step (batch, T, k), zero past a sequence's end.

        Where outputs are fed back ``steps`` says how many there are; a decoder with a teacher needs the ``targets``.
        Raises DataError for arguments that do not fit.
        """
        if lengths is None and target_lengths is None and targets is None and steps is None:
            answer = self._forms.answer("predict", None, parameters, inputs, None, initial_state)
            if answer is not None:
                return np.asarray(answer)
        given = Given(parameters, inputs, targets, initial_state, lengths, target_lengths, steps)
        found = self._fitted(given, predict=True)
        answer = self._forms.computed("predict", None, (), found)
        if answer is not None:
            return np.asarray(answer)
        extra = [found.steps] if self.network.feeds_back else [found.targets] if self.network.forced else []
        with np.errstate(all="ignore"):
            output = self._functions.predict(found.parameters, self._inputs(found), *extra, **self._rest(found))
            finite = self._are_finite((output,), found)
        if not finite:
            self._explain({"the output": output}, given, predict=True)
        return np.array(output[0] if found.single else output)

    def value_and_grad(
        self,
        parameters: Any,
        inputs: Any,
        targets: Any,
        initial_state: Any = None,
        lengths: Any = None,
        wrt: Iterable[str] | None = None,
        *,
        target_lengths: Any = None,
    ) -> tuple[float, dict[str, Float]]:
        """L and {name: ∂L/∂name}, each gradient in the shape of what it belongs to.

        ``wrt`` names parameters, ``"inputs"`` or initial states (``"h_0"``); None means all parameters.
        Raises DataError for arguments that do not fit, and where a gradient overflows.
        """
        if self._direct is not None and wrt is None and initial_state is None and lengths is None:
            answer = self._direct(parameters, inputs, targets)
            if answer is not None:
                return answer
        if lengths is None and target_lengths is None:
            answer = self._forms.answer("value_and_grad", wrt, parameters, inputs, targets, initial_state)
            if answer is not None:
                return answer
        names = self._gradients.wanted(wrt)
        given = Given(parameters, inputs, targets, initial_state, lengths, target_lengths)
        found = self._fitted(given)
        answer = self._forms.computed("value_and_grad", wrt, names, found)
        if answer is not None:
            return answer
        kept = names if wrt is None else self._gradients.kept(names)
        with np.errstate(all="ignore"):
            value, gradients = self._functions.value_and_grad(
                found.parameters, self._inputs(found), found.targets, **self._rest(found), wrt=kept
            )
            joined = gradients if wrt is None else {name: self._gradients.joined(name, gradients) for name in names}
            finite = math.isfinite(value) and self._are_finite(joined.values(), found)
        if not finite:
            self._explain({"the loss": value, **joined}, given)
        if wrt is None:
            return float(value), joined
        shaped = self._gradients.own_shape
        return float(value), {name: shaped(name, gradient, found) for name, gradient in joined.items()}

    def source_for(
        self,
        parameters: Any,
        inputs: Any,
        targets: Any,
        initial_state: Any = None,
        lengths: Any = None,
        wrt: Iterable[str] | None = None,
        *,
        target_lengths: Any = None,
    ) -> str:
        """The module that ``value_and_grad`` of these arguments runs: for small ones it is made for their sizes.

        Where a number leaves what Python's ``math`` computes, ``source`` runs in its place.
        """
        names = self._gradients.wanted(wrt)
        found = self._fitted(Given(parameters, inputs, targets, initial_state, lengths, target_lengths))
        form = self._forms.form("value_and_grad", names, found)
        return self.source if form is None else form.source

    def _fitted(self, given: Given, *, predict: bool = False) -> Arguments:
        """The arguments, validated but for their numbers where their shapes are known."""
        known = self._fitting.recalled(given)
        if known is None or (predict and known.targets is not None and not self.network.forced):
            known = validate(self.network, given, predict=predict)
            self._fitting.remember(given, known)
        return known

    def _are_finite(self, results: Iterable[Any], found: Arguments) -> bool:
        """Whether results and arguments are finite: functions such as tanh hide an infinite argument."""
        state, targets = found.initial_state, found.targets
        return all_finite(results) and all_finite((
            *found.parameters.values(), *(() if self._reads_index else (found.inputs,)),
            *(() if targets is None else (targets,)), *(() if state is None else state.values())))

    def _inputs(self, found: Arguments) -> Any:
        """The inputs as the module reads them: a single step is a sequence of one."""
        return found.inputs[:, None] if self._single_step else found.inputs

    def _rest(self, found: Arguments) -> dict[str, Any]:
        rest = {"initial_state": registers(found.initial_state, self.network), "lengths": found.lengths}
        return rest | ({"target_lengths": found.target_lengths} if self._decodes else {})

    @cached_property
    def _direct(self) -> Callable[..., Any] | None:
        """A backend's own way for arguments that fit as they come; its answer None says that they do not."""
        return getattr(self._functions, "direct", None) if backends[self.backend].direct else None

    @cached_property
    def _forms(self) -> Forms:
        return Forms(self.network, enabled=self.forms and backends[self.backend].forms)

    @cached_property
    def _fitting(self) -> Fitting:
        return Fitting(self.network)

    @cached_property
    def _single_step(self) -> bool:
        return self.network.shape_of_steps.single_step

    @cached_property
    def _reads_index(self) -> bool:
        return self.network.reads_index

    @cached_property
    def _decodes(self) -> bool:
        return self.network.shape_of_steps.decodes

    @cached_property
    def _gradients(self) -> GradientNames:
        return GradientNames(self.network)

    def _explain(self, results: Mapping[str, Any], given: Given, *, predict: bool = False) -> None:
        """Say which argument is not finite, else which result; neither where a sum of squares overflowed."""
        arguments = validate(self.network, given, predict=predict)
        for name, value in results.items():
            if not np.isfinite(value).all():
                subject = name if name.startswith("the ") else f"the gradient of {name}"
                raise NotFiniteError(f"{subject} is not finite: {self._reason(arguments)}")

    def _reason(self, arguments: Arguments) -> str:
        entry = losses[self.network.loss]
        if np.isfinite(entry.output_lower) and entry.link is not None and entry.link not in self.network.readout:
            bounds = f"{entry.output_lower:g} and {entry.output_upper:g}"
            return f"{entry.name} needs outputs between {bounds}: end the readout in {entry.link}"
        steps = arguments.steps
        return f"a value overflowed or left a function's domain within T = {steps} steps: use smaller weights"


def compile_network(
    network: Network, backend: str = "numpy", checkpoints: bool = False, forms: bool = True
) -> CompiledNetwork:
    """Return ``network`` as functions; the module is made from the derivation, one step's expressions in a loop over T.

    With ``checkpoints`` the way back keeps the states of about √T steps and makes the others again: memory beside the
    arguments grows as √T, time by one more run forward. ``forms=False`` has every call run the module, small ones too.
    Where a backend is not installed the first of the table stands in for it, with a BackendWarning: ``backend`` of what
    is returned says which of them computes. Raises DerivationError for an unknown backend, for checkpoints that a
    backend or a network does not have, and for a parameter that bears the name of another gradient.
    """
    if not isinstance(network, Network):
        raise DerivationError("compile makes functions of a network, such as rnnsym.Network(rnnsym.cells['lstm']), but "
                              f"this is of the type {type(network).__name__}")
    if backend not in backends:
        raise DerivationError(f"unknown backend {backend!r}; the backends are {', '.join(backends)}")
    clashes = {"inputs", *(f"{state.variable.name}_0" for state in network.states)}
    for parameter in network.parameters:
        if parameter.name in clashes:
            raise DerivationError(f"the parameter {parameter.name!r} bears the name of another gradient: rename it")
    chosen = backends[backend]
    obstacle = chosen.obstacle()
    if obstacle:
        warnings.warn(obstacle, BackendWarning, stacklevel=3)
        chosen = next(iter(backends.values()))
    make = chosen.checkpointed if checkpoints else chosen.make
    if make is None:
        having = ", ".join(one.name for one in backends.values() if one.checkpointed is not None)
        raise DerivationError(f"the backend {chosen.name} has no checkpoints: compile without them, or with {having}")
    return CompiledNetwork(network, chosen.name, *make(graph_of(network)), checkpoints, forms and not checkpoints)
