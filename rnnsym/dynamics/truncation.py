"""Truncated backpropagation through time: losses go back κ steps, to a state that is taken for a constant.

The loss is that of the whole sequence, for the states go on; what is left out of the gradient are the paths
∂L/∂W^(j) through earlier steps j.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from rnnsym.calculus.unrolling import register
from rnnsym.dynamics.scans import scale_to_one
from rnnsym.dynamics.trajectories import follow
from rnnsym.errors import DataError, DerivationError
from rnnsym.model.expressions import t
from rnnsym.model.kinds import instance
from rnnsym.model.networks import Network
from rnnsym.numerics.arrays import as_floats
from rnnsym.numerics.compilation import CompiledNetwork, compile_network
from rnnsym.numerics.numbers import whole
from rnnsym.numerics.validation import Arguments, Given, validate

Float = NDArray[np.float64]
Whole = NDArray[np.int64]


class Windows(NamedTuple):
    """Steps start + 1 … start + length of the sequences ``rows``, their targets, and the weight of their mean in L."""

    rows: Whole
    starts: Whole
    lengths: Whole
    targets: Any
    weight: float


@dataclass(frozen=True)
class Truncated:
    """A compiled network whose losses go back κ = ``steps`` steps.

    With one output after the last step T: ∂L/∂W = Σ_{j > T−κ} ∂L/∂W^(j). With an output at every step the sequence is
    cut into windows of κ steps, whose losses go back to their window's first step (as in Williams,
    Peng 1990, Neural Computation 2(4), with h = h′ = κ); or, ``overlapping``, each output's loss L_s
    goes back κ steps, j > s − κ, at κ times the work. κ ≥ T gives the full gradient, and so does the readout's always.

    Errors: DerivationError for a network without one loop that reads an input at every step: what is fed back, decoded,
    or read from the end has no last κ steps; DataError for a κ that is no whole number from 1.

    >>> import rnnsym
    >>> run = rnnsym.compile(rnnsym.Network(rnnsym.cells["simple"]))
    >>> weights = {"W_i": [[1.0]], "W_h": [[0.5]], "b": [0.0], "W_o": [[1.0]], "b_o": [0.0]}
    >>> x, y = [[0.3], [-0.2], [0.1]], [1.0]
    >>> loss, gradients = Truncated(run, 1).value_and_grad(weights, x, y)
    >>> last = rnnsym.dynamics.path_contributions(run.network, weights, x, y).terms["W_h"][-1]
    >>> bool(np.isclose(loss, run.loss(weights, x, y))), bool(np.allclose(gradients["W_h"], last))
    (True, True)
    """

    run: CompiledNetwork
    steps: int
    overlapping: bool = False

    def __post_init__(self) -> None:
        whole("steps", self.steps, 1)
        instance("run", self.run, CompiledNetwork, "what rnnsym.compile returns")
        instance("overlapping", self.overlapping, bool, "True or False")
        _require_last_steps(self.run.network)
        if self.overlapping and not self.run.network.shape_of_steps.every:
            raise DataError("overlapping: with one output there is one window: leave it out")

    def value_and_grad(
        self, parameters: Any, inputs: Any, targets: Any, initial_state: Any = None, lengths: Any = None
    ) -> tuple[float, dict[str, Float]]:
        """L, which is not truncated, and {name: the truncated ∂L/∂name} of all parameters.

        Arguments and errors as for ``CompiledNetwork.value_and_grad``; NotFiniteError names the step at which a state
        overflows. DataError for lengths beside ``over_steps="mean"``: windows of sequences of several lengths have no
        weight in common.
        """
        given = Given(parameters, inputs, targets, initial_state, lengths)
        found = validate(self.run.network, given)
        windows = list(self._windows(found))
        latest = max(int(one.starts.max()) for one in windows)
        states = _states_before(self.run.network, found, latest)
        total, sums = 0.0, {name: np.zeros_like(value) for name, value in found.parameters.items()}
        for one in windows:
            loss, gradients = self._of_windows(found, one, states)
            total += one.weight * loss
            for name, gradient in gradients.items():
                sums[name] += one.weight * gradient
        return total, sums

    def _of_windows(self, found: Arguments, one: Windows, states: dict[str, Float]) -> tuple[float, dict[str, Float]]:
        width = int(one.lengths.max())
        last = found.inputs.shape[1] - 1  # steps past a window's end change nothing: any input will do
        chosen = np.minimum(one.starts[:, None] + np.arange(width), last)
        start = {name: value[one.starts, one.rows] for name, value in states.items()}
        lengths = None if (one.lengths == width).all() else one.lengths
        return self._of_a_window.value_and_grad(found.parameters, found.inputs[one.rows[:, None], chosen], one.targets,
                                                start, lengths)

    @cached_property
    def _of_a_window(self) -> CompiledNetwork:
        """The network of one window: with one output where each output has its own, and the sum of its losses."""
        network = self.run.network
        topology = "many-to-one" if self.overlapping else network.topology
        own = replace(network, topology=topology, over_steps="sum")
        return self.run if own == network else compile_network(own, self.run.backend)

    def _windows(self, found: Arguments) -> Iterator[Windows]:
        network, (batch, steps) = self.run.network, found.inputs.shape[:2]
        lengths = np.full(batch, steps) if found.lengths is None else found.lengths
        if network.over_steps == "mean" and (lengths != steps).any():
            raise DataError("lengths: the mean over outputs cannot be truncated in sequences of several lengths: take "
                            "over_steps='sum', or sequences of one length")
        if not network.shape_of_steps.every:
            yield self._ending_at(lengths, np.arange(batch), found.targets, 1.0)
            return
        weight = 1.0 / (batch * (steps if network.over_steps == "mean" else 1))
        assert found.targets is not None  # ``validate`` asks for them
        if self.overlapping:
            rows, before = np.nonzero(np.arange(steps) < lengths[:, None])
            yield self._ending_at(before + 1, rows, found.targets[rows, before], weight * len(rows))
            return
        for start in range(0, steps, self.steps):
            rows = np.flatnonzero(lengths > start)
            own = np.minimum(lengths[rows] - start, self.steps)
            targets = found.targets[rows, start:start + own.max(initial=0)]
            if len(rows):
                yield Windows(rows, np.full(len(rows), start), own, targets, weight * len(rows))

    def _ending_at(self, ends: Whole, rows: Whole, targets: Any, weight: float) -> Windows:
        starts = np.maximum(ends - self.steps, 0)
        return Windows(rows, starts, ends - starts, targets, weight)


def _require_last_steps(network: Network) -> None:
    topology, loops = network.shape_of_steps, network.loops
    if len(loops) > 1 or topology.one_input or network.feeds_back or loops[0].reverse:
        both = " read from both ends" * network.bidirectional
        raise DerivationError(f"truncated backpropagation goes back the last steps of one loop that reads an input at "
                              f"every step, which {network.topology}{both} is not: take the full gradient")


def _states_before(network: Network, found: Arguments, latest: int) -> dict[str, Float]:
    """What each state starts from where the next step is 1 … latest + 1, (latest + 1, batch, …), by its name."""
    followed = follow(network, found.parameters, found.inputs[:, :latest + 1], found.initial_state)
    before = {}
    for state in network.states:
        own = state.variable
        names = [register(own, back) if back else own for back in reversed(range(state.lag))]
        held = [followed.values[name.at(t - 1)] for name in names]
        before[own.name] = held[0] if state.lag == 1 else np.stack(held, axis=2)  # the oldest first
    return before


def truncation_bias(terms: Any) -> Float:
    """‖Σ_{j ≤ T−k} ∂L/∂W^(j)‖ / ‖∂L/∂W‖ for k = 0 … T, (T + 1,): what a truncation after k steps leaves out.

    ``terms`` are the contributions to one parameter, (T, *shape), as ``path_contributions(…).terms[W]`` has them. It is
    1 at k = 0 and 0 at k = T, and may exceed 1 between, where early paths and late ones have opposite signs. Errors:
    DataError for terms that are not finite, and for a gradient that is zero.

    >>> truncation_bias([[0.0], [1.0], [3.0]]).tolist()
    [1.0, 0.25, 0.0, 0.0]
    """
    each = as_floats("terms", terms)
    if not each.ndim or not each.size:
        raise DataError(f"terms: expected numbers (T, …), T from 1, but the shape is {each.shape}")
    flat = each.reshape(len(each), -1)
    sums = np.cumsum(flat / (np.abs(flat).max() or 1.0), axis=0)
    left_out = np.concatenate([sums[::-1], np.zeros_like(sums[:1])])
    scaled, power = scale_to_one(left_out, axes=1)  # what is left where terms cancel may be far below them
    norms = np.ldexp(np.linalg.norm(scaled, axis=-1), power)
    if not norms[0]:
        raise DataError("terms: the gradient is zero, so nothing can be said of a share of it")
    return np.asarray(norms / norms[0])
