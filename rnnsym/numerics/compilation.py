"""Networks as functions: the generated module, loaded, with every argument checked before it runs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any

import numpy as np

from rnnsym.calculus.unrolling import graph_of
from rnnsym.errors import DataError, DerivationError
from rnnsym.model.losses import losses
from rnnsym.model.networks import Network
from rnnsym.numerics.emission import numpy_source
from rnnsym.numerics.loading import load_source
from rnnsym.numerics.validation import Arguments, Float, validate

BACKENDS = ("numpy",)


@dataclass(frozen=True)
class CompiledNetwork:
    """A network as functions of arrays; ``source`` is the module that they run, readable and complete.

    Shapes: ``parameters`` {name: array of the parameter's shape}; ``inputs`` (batch, T, d), or (T, d) for one sequence;
    ``targets`` (batch, k), or (k,); ``initial_state`` {state: (batch, n) or (n,)}, absent states start at their
    declared value, zero by default; ``lengths`` (batch,) whole numbers from 1 to T, steps past them change nothing.
    Everything is computed in float64; what is returned is fresh, and no argument is changed. Copies, pickled ones too,
    are compiled anew.
    """

    network: Network
    backend: str
    source: str
    _module: ModuleType = field(repr=False, compare=False)

    def __reduce__(self) -> tuple[Callable[..., CompiledNetwork], tuple[Network, str]]:
        return compile_network, (self.network, self.backend)  # a module can be neither pickled nor copied: made again

    def loss(
        self, parameters: Any, inputs: Any, targets: Any, initial_state: Any = None, lengths: Any = None
    ) -> float:
        """L = mean over the batch of the sum over outputs. Raises DataError for arguments that do not fit."""
        found = validate(self.network, parameters, inputs, targets, initial_state, lengths)
        with np.errstate(all="ignore"):
            value = float(self._module.loss(*_positional(found, found.targets), found.initial_state, found.lengths))
        self._check_finite({"the loss": np.asarray(value)}, found)
        return value

    def predict(self, parameters: Any, inputs: Any, initial_state: Any = None, lengths: Any = None) -> Float:
        """ŷ, of shape (batch, k), or (k,) for one sequence. Raises DataError for arguments that do not fit."""
        found = validate(self.network, parameters, inputs, None, initial_state, lengths, predict=True)
        with np.errstate(all="ignore"):
            output = self._module.predict(*_positional(found), found.initial_state, found.lengths)
        self._check_finite({"the output": output}, found)
        return np.array(output[0] if found.single else output)

    def value_and_grad(
        self,
        parameters: Any,
        inputs: Any,
        targets: Any,
        initial_state: Any = None,
        lengths: Any = None,
        wrt: Iterable[str] | None = None,
    ) -> tuple[float, dict[str, Float]]:
        """L and {name: ∂L/∂name}, each gradient in the shape of what it belongs to.

        ``wrt`` names parameters, ``"inputs"`` or initial states (``"h_0"``); None means all parameters.
        Raises DataError for arguments that do not fit, and where a gradient overflows.
        """
        names = self._wanted(wrt)
        found = validate(self.network, parameters, inputs, targets, initial_state, lengths)
        with np.errstate(all="ignore"):
            value, gradients = self._module.value_and_grad(
                *_positional(found, found.targets), found.initial_state, found.lengths, names
            )
        self._check_finite({"the loss": np.asarray(value), **gradients}, found)
        return float(value), {name: _own_shape(name, gradient, found) for name, gradient in gradients.items()}

    def _wanted(self, wrt: Iterable[str] | None) -> tuple[str, ...]:
        parameters = tuple(p.name for p in self.network.parameters)
        if wrt is None:
            return parameters
        try:
            names = (wrt,) if isinstance(wrt, str) else tuple(wrt)
        except TypeError:
            raise DataError(f"wrt: expected names of gradients, but it is {wrt!r:.80}") from None
        known = (*parameters, "inputs", *(f"{state.variable.name}_0" for state in self.network.states))
        for name in names:
            if name not in known:
                raise DataError(f"wrt: unknown name {name!r}; the names are {', '.join(known)}")
        return names

    def _check_finite(self, results: Mapping[str, Any], arguments: Arguments) -> None:
        for name, value in results.items():
            if not np.isfinite(value).all():
                subject = name if name.startswith("the ") else f"the gradient of {name}"
                raise DataError(f"{subject} is not finite: {self._reason(arguments)}")

    def _reason(self, arguments: Arguments) -> str:
        entry = losses[self.network.loss]
        if np.isfinite(entry.output_lower) and entry.link is not None and "sigmoid" not in self.network.readout:
            bounds = f"{entry.output_lower:g} and {entry.output_upper:g}"
            return f"{entry.name} needs outputs between {bounds}: end the readout in {entry.link}"
        steps = arguments.inputs.shape[1]
        return f"a value overflowed or left a function's domain within T = {steps} steps: use smaller weights"


def _positional(arguments: Arguments, *targets: Any) -> tuple[Any, ...]:
    return (arguments.parameters, arguments.inputs, *targets)


def _own_shape(name: str, gradient: Float, arguments: Arguments) -> Float:
    """Give a gradient the shape of the argument it belongs to: one sequence has no batch axis, a shared state none."""
    if name in arguments.parameters:
        return gradient
    given = (arguments.initial_state or {}).get(name.removesuffix("_0"))
    if given is not None:
        return gradient.sum(axis=0) if given.ndim < gradient.ndim else gradient
    return gradient[0] if arguments.single else gradient


def compile_network(network: Network, backend: str = "numpy") -> CompiledNetwork:
    """Return ``network`` as functions; the module is made from the derivation, one step's expressions in a loop over T.

    Raises DerivationError for an unknown backend, and for a parameter that bears the name of another gradient.
    """
    if backend not in BACKENDS:
        raise DerivationError(f"unknown backend {backend!r}; the backends are {', '.join(BACKENDS)}")
    clashes = {"inputs", *(f"{state.variable.name}_0" for state in network.states)}
    for parameter in network.parameters:
        if parameter.name in clashes:
            raise DerivationError(f"the parameter {parameter.name!r} bears the name of another gradient: rename it")
    source = numpy_source(graph_of(network))
    return CompiledNetwork(network, backend, source, load_source("rnnsym_generated", source))
