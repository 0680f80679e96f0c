"""What several networks and a batch of sequences are followed with: checked arguments, stacked under leading axes.

Parameters of one network have their own shapes, and the leading axes are (batch,). Parameters of m networks of one kind
each have one more axis in front, (m, *shape); then every other array has it, too, and the leading axes are (m, batch).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rnnsym.errors import DataError
from rnnsym.model.networks import Network
from rnnsym.numerics.validation import Arguments, Given, validate

Float = NDArray[np.float64]


@dataclass(frozen=True)
class Stacks:
    """Checked arguments of ``networks`` networks, None for a single one.

    ``parameters`` are (*shape), or (networks, 1, *shape); all else begins with ``leading``. ``single`` says that one
    sequence came without a batch axis, ``first`` are the arguments of the first network, in which sizes can be read.
    """

    networks: int | None
    parameters: Mapping[str, Float]
    inputs: Any
    targets: Float | None
    initial_state: Mapping[str, Float]
    first: Arguments

    @property
    def single(self) -> bool:
        """Whether one sequence came without a batch axis."""
        return self.first.single

    @property
    def leading(self) -> tuple[int, ...]:
        """The axes in front of all that belongs to one sequence."""
        batch = len(self.first.inputs)
        return (batch,) if self.networks is None else (self.networks, batch)

    @property
    def batch_axis(self) -> int:
        """Which of the leading axes goes over the sequences: the last."""
        return len(self.leading) - 1

    def place(self, at: tuple[int, ...]) -> str:
        """Name one item of the leading axes, or one network, in a message; nothing where there is no choice."""
        words = [] if self.single or len(at) < len(self.leading) else [f"of sequence {at[-1]}"]
        words += [] if self.networks is None else [f"of network {at[0]}"]
        return f" {' '.join(words)} (counted from 0)" if words else ""

    def without_batch(self, array: Any) -> Any:
        """Drop the batch axis, the last of the leading ones, where one sequence came without it."""
        return np.take(array, 0, axis=self.batch_axis) if self.single else array


def stacks(network: Network, given: Given, *, predict: bool) -> Stacks:
    """Check the arguments of one network, or of each of several, and stack them. Errors: DataError."""
    networks = _number_of_networks(network, given.parameters)
    if networks is None:
        found = validate(network, given, predict=predict)
        return Stacks(None, found.parameters, found.inputs, found.targets, _starts(network, found), found)
    each = [_validated(network, given, number, networks, predict=predict) for number in range(networks)]
    return Stacks(
        networks,
        {name: np.stack([one.parameters[name] for one in each])[:, None] for name in each[0].parameters},
        np.stack([one.inputs for one in each]),
        None if each[0].targets is None else np.stack([one.targets for one in each if one.targets is not None]),
        {name: np.stack([_starts(network, one)[name] for one in each]) for name in each[0].initial_state or {}},
        each[0],
    )


def _number_of_networks(network: Network, parameters: Any) -> int | None:
    """How many networks' parameters these are: several where each array has one axis more than its parameter."""
    if not isinstance(parameters, Mapping) or not network.parameters:
        return None
    try:
        shapes = [(np.shape(parameters[p.name]), p.rank) for p in network.parameters]
    except (KeyError, ValueError, TypeError):
        return None  # whatever is wrong is said where the arguments of one network are checked
    if any(len(shape) != rank + 1 for shape, rank in shapes):
        return None
    counts = {shape[0] for shape, _ in shapes}
    if len(counts) > 1 or counts == {0}:
        raise DataError(f"parameters of several networks: each array needs as many of them along its first axis, at "
                        f"least one, but there are {', '.join(map(str, sorted(counts)))}")
    return counts.pop()


def _validated(network: Network, given: Given, number: int, networks: int, *, predict: bool) -> Arguments:
    parameters = {name: _item(f"parameter {name}", value, number, networks) for name, value in given.parameters.items()}
    state = given.initial_state
    if isinstance(state, Mapping):
        state = {name: _item(f"initial state {name}", value, number, networks) for name, value in state.items()}
    targets = None if given.targets is None else _item("targets", given.targets, number, networks)
    try:
        one = Given(parameters, _item("inputs", given.inputs, number, networks), targets, state,
                    steps=given.steps)
        return validate(network, one, predict=predict)
    except DataError as error:
        raise DataError(f"network {number} (counted from 0): {error}") from None


def _item(name: str, value: Any, number: int, networks: int) -> Any:
    if isinstance(value, str | Mapping) or not hasattr(value, "__len__") or len(value) != networks:
        raise DataError(f"{name}: with parameters of {networks} networks its first axis goes over these, too, but its "
                        f"shape is {np.shape(value)}: repeat what they share with np.broadcast_to")
    return value[number]


def _starts(network: Network, found: Arguments) -> dict[str, Float]:
    """The given initial states, each with a batch axis."""
    starts = {}
    for state in network.states:
        given = (found.initial_state or {}).get(state.variable.name)
        if given is not None:
            own = state.variable.rank + (state.lag > 1)
            shape = given.shape[given.ndim - own:]
            starts[state.variable.name] = np.broadcast_to(given, (len(found.inputs), *shape))
    return starts
