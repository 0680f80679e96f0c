"""What a call asks for: the function, the shapes of its arguments as the caller gives them, and which gradients."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from rnnsym.model.expressions import T
from rnnsym.model.networks import Network
from rnnsym.numerics.validation import Arguments

Lengths = tuple[int, ...]


@dataclass(frozen=True)
class Request:
    """One sequence in numbers: ``function`` is ``loss``, ``predict`` or ``value_and_grad``.

    ``parameters`` are shapes in the network's order, ``states`` the names and shapes of given initial states, None
    where no dictionary of them is given. ``wrt`` names the gradients, in the order in which they are asked for.
    """

    network: Network
    function: str
    parameters: tuple[Lengths, ...]
    inputs: Lengths
    targets: Lengths | None
    states: tuple[tuple[str, Lengths], ...] | None
    wrt: tuple[str, ...]

    @classmethod
    def of(cls, network: Network, function: str, found: Arguments, wrt: tuple[str, ...]) -> Request:
        """Return the request of validated arguments."""
        part = slice(1, None) if found.single else slice(None)
        state = found.initial_state
        return cls(network, function, tuple(found.parameters[p.name].shape for p in network.parameters),
                   found.inputs.shape[part], None if found.targets is None else found.targets.shape[part],
                   None if state is None else tuple((name, value.shape) for name, value in state.items()), wrt)

    @property
    def single(self) -> bool:
        """Whether the sequence comes without a batch axis."""
        own = self.network.input.rank + (not self.network.shape_of_steps.one_input)
        return len(self.inputs) == own

    @property
    def batch(self) -> int:
        """The number of sequences."""
        return 1 if self.single else self.inputs[0]

    @property
    def steps(self) -> int:
        """T."""
        return 1 if self.network.shape_of_steps.one_input else self.inputs[0 if self.single else 1]

    @property
    def any_length(self) -> Request:
        """The same request of a sequence of any length: T is 0."""
        axis = 0 if self.single else 1
        return replace(self, inputs=(*self.inputs[:axis], 0, *self.inputs[axis + 1 :]))

    @cached_property
    def sizes(self) -> dict[Any, int]:
        """The number of each size, T's too, that an array tells."""
        found = {T: self.steps}
        for names, lengths in self._shapes():
            own = lengths[len(lengths) - len(names):]
            found |= {name: length for name, length in zip(names, own, strict=True) if name.is_Symbol}
        return found

    def _shapes(self) -> Iterator[tuple[Any, Lengths]]:
        network = self.network
        yield from ((p.shape, lengths) for p, lengths in zip(network.parameters, self.parameters, strict=True))
        yield network.input.shape, self.inputs
        if self.targets is not None:
            yield network.target.shape, self.targets
        known = {state.variable.name: state.variable for state in network.states}
        yield from ((known[name].shape, lengths) for name, lengths in self.states or ())

    def shape_of(self, name: str) -> Lengths:
        """The shape of a gradient: that of what it belongs to."""
        for parameter, lengths in zip(self.network.parameters, self.parameters, strict=True):
            if parameter.name == name:
                return lengths
        if name == "inputs":
            return self.inputs
        given = dict(self.states or ())
        state = next(one for one in self.network.states if f"{one.variable.name}_0" == name)
        if state.variable.name in given:
            return given[state.variable.name]
        own = tuple(int(length.xreplace(self.sizes)) for length in state.variable.shape)
        return (*(() if self.single else (1,)), *((state.lag,) if state.lag > 1 else ()), *own)
