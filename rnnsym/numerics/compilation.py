"""Networks as functions: the generated module, loaded, with every argument checked before it runs."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from types import MappingProxyType
from typing import Any, Protocol

import numpy as np

from rnnsym.calculus.unrolling import BACK, StepGraph, graph_of
from rnnsym.errors import DataError, DerivationError
from rnnsym.model.losses import losses
from rnnsym.model.networks import Network
from rnnsym.numerics.arrays import Float
from rnnsym.numerics.emission import numpy_source
from rnnsym.numerics.fitting import Fitting, all_finite
from rnnsym.numerics.loading import load_source
from rnnsym.numerics.validation import Arguments, Given, validate


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
    """How a network is computed: ``make`` returns the source, readable and complete, and its functions."""

    name: str
    make: Callable[[StepGraph], tuple[str, Functions]]


def _numpy(graph: StepGraph) -> tuple[str, Functions]:
    source = numpy_source(graph)
    return source, load_source("rnnsym_generated", source)


backends: Mapping[str, Backend] = MappingProxyType({one.name: one for one in (Backend("numpy", _numpy),)})


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

    def __reduce__(self) -> tuple[Callable[..., CompiledNetwork], tuple[Network, str]]:
        return compile_network, (self.network, self.backend)  # a module can be neither pickled nor copied: made again

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
        given = Given(parameters, inputs, targets, initial_state, lengths, target_lengths)
        found = self._fitted(given)
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
        given = Given(parameters, inputs, targets, initial_state, lengths, target_lengths, steps)
        found = self._fitted(given, predict=True)
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
        names = self._wanted(wrt)
        given = Given(parameters, inputs, targets, initial_state, lengths, target_lengths)
        found = self._fitted(given)
        kept = names if wrt is None else self._kept(names)
        with np.errstate(all="ignore"):
            value, gradients = self._functions.value_and_grad(
                found.parameters, self._inputs(found), found.targets, **self._rest(found), wrt=kept
            )
            joined = gradients if wrt is None else {name: self._joined(name, gradients) for name in names}
            finite = math.isfinite(value) and self._are_finite(joined.values(), found)
        if not finite:
            self._explain({"the loss": value, **joined}, given)
        if wrt is None:
            return float(value), joined
        return float(value), {name: self._own_shape(name, gradient, found) for name, gradient in joined.items()}

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
        rest = {"initial_state": _registers(found.initial_state, self.network), "lengths": found.lengths}
        return rest | ({"target_lengths": found.target_lengths} if self._decodes else {})

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
    def _parameter_names(self) -> tuple[str, ...]:
        return tuple(p.name for p in self.network.parameters)

    def _lags(self) -> dict[str, int]:
        return {state.variable.name: state.lag for state in self.network.states}

    def _kept(self, names: tuple[str, ...]) -> tuple[str, ...]:
        """The module's names of gradients: a state that reaches several steps back has one a step."""
        lags = self._lags()
        return tuple(one for name in names
                     for one in (name, *(f"{name[:-2]}{BACK}{back}_0" for back in range(1, lags.get(name[:-2], 1)))))

    def _joined(self, name: str, gradients: Mapping[str, Float]) -> Float:
        """∂L by an initial state of several steps, the oldest first."""
        own = self._kept((name,))
        return gradients[name] if len(own) == 1 else np.stack([gradients[one] for one in reversed(own)], axis=1)

    def _own_shape(self, name: str, gradient: Float, found: Arguments) -> Float:
        """Give a gradient the shape of what it belongs to: one sequence has no batch axis, a shared state none."""
        if name in found.parameters:
            return gradient
        if name == "inputs" and self.network.shape_of_steps.single_step:
            gradient = gradient[:, 0]
        given = (found.initial_state or {}).get(name.removesuffix("_0"))
        if given is not None:
            return gradient.sum(axis=0) if given.ndim < gradient.ndim else gradient
        return gradient[0] if found.single else gradient

    def _wanted(self, wrt: Iterable[str] | None) -> tuple[str, ...]:
        parameters = self._parameter_names
        if wrt is None:
            return parameters
        try:
            names = (wrt,) if isinstance(wrt, str) else tuple(wrt)
        except TypeError:
            raise DataError(f"wrt: expected names of gradients, but it is {wrt!r:.80}") from None
        inputs = () if self.network.reads_index else ("inputs",)  # a row's number has no derivative
        known = (*parameters, *inputs, *(f"{state.variable.name}_0" for state in self.network.states))
        for name in names:
            if name not in known:
                raise DataError(f"wrt: unknown name {name!r}; the names are {', '.join(known)}")
        return names

    def _explain(self, results: Mapping[str, Any], given: Given, *, predict: bool = False) -> None:
        """Say which argument is not finite, else which result; neither where a sum of squares overflowed."""
        arguments = validate(self.network, given, predict=predict)
        for name, value in results.items():
            if not np.isfinite(value).all():
                subject = name if name.startswith("the ") else f"the gradient of {name}"
                raise DataError(f"{subject} is not finite: {self._reason(arguments)}")

    def _reason(self, arguments: Arguments) -> str:
        entry = losses[self.network.loss]
        if np.isfinite(entry.output_lower) and entry.link is not None and entry.link not in self.network.readout:
            bounds = f"{entry.output_lower:g} and {entry.output_upper:g}"
            return f"{entry.name} needs outputs between {bounds}: end the readout in {entry.link}"
        steps = arguments.steps
        return f"a value overflowed or left a function's domain within T = {steps} steps: use smaller weights"


def _registers(initial_state: dict[str, Float] | None, network: Network) -> dict[str, Float] | None:
    """Lay what a state of several steps starts from into its registers: the newest is the state itself."""
    if initial_state is None:
        return None
    found: dict[str, Float] = {}
    for state in network.states:
        name, value = state.variable.name, initial_state.get(state.variable.name)
        if value is None or state.lag == 1:
            found |= {} if value is None else {name: value}
            continue
        newest_first = np.flip(np.moveaxis(value, value.ndim - 1 - state.variable.rank, 0), axis=0)
        found |= {f"{name}{BACK}{back}" if back else name: one for back, one in enumerate(newest_first)}
    return found


def compile_network(network: Network, backend: str = "numpy") -> CompiledNetwork:
    """Return ``network`` as functions; the module is made from the derivation, one step's expressions in a loop over T.

    Raises DerivationError for an unknown backend, and for a parameter that bears the name of another gradient.
    """
    if backend not in backends:
        raise DerivationError(f"unknown backend {backend!r}; the backends are {', '.join(backends)}")
    clashes = {"inputs", *(f"{state.variable.name}_0" for state in network.states)}
    for parameter in network.parameters:
        if parameter.name in clashes:
            raise DerivationError(f"the parameter {parameter.name!r} bears the name of another gradient: rename it")
    return CompiledNetwork(network, backend, *backends[backend].make(graph_of(network)))
