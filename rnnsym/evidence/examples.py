"""Examples to check a gradient on: sizes, weights, sequences, drawn by Hypothesis so that they shrink well."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from hypothesis import strategies as st

from rnnsym.model.losses import losses
from rnnsym.model.networks import Network
from rnnsym.numerics.arrays import Float

LARGEST = {"d": 4, "n": 4, "k": 2}
MOST = max(LARGEST.values())
LONGEST = 7
LARGEST_BATCH = 3
GRID = 16  # entries are multiples of 1/16 times a scale: round numbers to read
GRID_VALUES = np.array([(-1) ** b * ((b % (2 * GRID + 1) + 1) // 2) / GRID for b in range(256)])  # 0, −1/16, 1/16, …
SCALES = (1.0, 0.25, 0.0625, 2.0)  # ordinary, small, vanishing after a few steps, saturated


@dataclass(frozen=True)
class Example:
    """Arguments of one call of ``value_and_grad``."""

    parameters: dict[str, Float]
    inputs: Any
    targets: Float
    initial_state: dict[str, Float] | None
    lengths: Any
    sizes: dict[str, int] = field(repr=False)
    size_values: dict[Any, Any] = field(repr=False)
    target_lengths: Any = None

    def arguments(self) -> dict[str, Any]:
        """Return fresh copies, so that a function that changes its arguments changes no example."""
        state = None if self.initial_state is None else {k: v.copy() for k, v in self.initial_state.items()}
        lengths = None if self.lengths is None else self.lengths.copy()
        own = {} if self.target_lengths is None else {"target_lengths": self.target_lengths.copy()}
        return {
            "parameters": {name: value.copy() for name, value in self.parameters.items()},
            "inputs": self.inputs.copy(),
            "targets": self.targets.copy(),
            "initial_state": state,
            "lengths": lengths,
            **own,
        }


@dataclass(frozen=True)
class Drawn:
    """Which of the optional arguments are drawn."""

    initial_state: bool = True
    lengths: bool = True
    target_lengths: bool = True


@st.composite
def examples(draw: st.DrawFn, network: Network, drawn: Drawn = Drawn()) -> Example:
    """Draw an example: sizes first of small ranges, then pools of round numbers, sliced to the shapes.

    Shapes shrink towards one unit and one step, numbers towards zero.
    """
    sizes = {s.name: draw(st.integers(1, LARGEST.get(s.name, 3)), label=s.name) for s in network.sizes}
    topology = network.shape_of_steps
    steps = 1 if topology.single_step else draw(st.integers(1, LONGEST), label="T")
    outputs = draw(st.integers(1, LONGEST), label="S") if topology.decodes else steps
    batch = draw(st.integers(1, LARGEST_BATCH), label="batch")
    scale = draw(st.sampled_from(SCALES), label="scale of the weights")
    shapes = network.shapes(**sizes)
    parameters = {name: scale * draw(_pool(shape, MOST ** len(shape)), label=name) for name, shape in shapes.items()}
    values = network.size_values(**sizes)
    inputs = draw(_inputs(network, values, batch, () if topology.one_input else (steps,)), label="inputs")
    shape = (batch, *((outputs,) if topology.every else ()), *_numbers(network.target.shape, values))
    targets = draw(_targets(network, shape), label="targets")
    state = draw(_states(network, values, batch), label="initial state") if drawn.initial_state else None
    lengths = draw(_lengths(batch, steps), label="lengths") if drawn.lengths and not topology.single_step else None
    own = draw(_lengths(batch, outputs), label="target lengths") if drawn.target_lengths and topology.decodes else None
    return Example(parameters, inputs, targets, state, lengths, sizes, values, own)


def _numbers(shape: tuple[Any, ...], values: dict[Any, Any]) -> tuple[int, ...]:
    return tuple(int(length.xreplace(values)) for length in shape)


def _inputs(network: Network, values: dict[Any, Any], batch: int, axes: tuple[int, ...]) -> st.SearchStrategy[Any]:
    """Draw inputs, or the numbers of rows where these are looked up."""
    own = _numbers(network.input.shape, values)
    if not network.reads_index:
        return _pool((batch, *axes, *own), LARGEST_BATCH * LONGEST * MOST)
    count, largest = batch * int(np.prod(axes, dtype=int)), LARGEST_BATCH * LONGEST
    bytes_of = st.binary(min_size=largest, max_size=largest)
    return bytes_of.map(
        lambda string: (np.frombuffer(string[:count], dtype=np.uint8) % own[0]).astype(np.int64).reshape(batch, *axes)
    )


def _pool(shape: tuple[int, ...], largest: int) -> st.SearchStrategy[Float]:
    """Draw ``largest`` numbers whatever the shape and slice, so that a shape can shrink and leave the numbers alone.

    A byte a number: Hypothesis draws and shrinks one string of bytes far faster than as many integers.
    """
    count = int(np.prod(shape, dtype=int))
    drawn = st.binary(min_size=max(largest, count), max_size=max(largest, count))
    return drawn.map(lambda string: GRID_VALUES[np.frombuffer(string[:count], dtype=np.uint8)].reshape(shape))


def _targets(network: Network, shape: tuple[int, ...]) -> st.SearchStrategy[Float]:
    entry, count = losses[network.loss], int(np.prod(shape, dtype=int))
    bounded = np.isfinite(entry.lower) and np.isfinite(entry.upper)
    span = (entry.lower, entry.upper, entry.lower + 0.3 * (entry.upper - entry.lower)) if bounded else (0.0, 1.0, -0.7)
    values, largest = np.array(span), max(LARGEST_BATCH * MOST, count)
    drawn = st.binary(min_size=largest, max_size=largest).map(
        lambda string: values[np.frombuffer(string[:count], dtype=np.uint8) % len(values)].reshape(shape)
    )
    return drawn.map(distributions) if entry.distribution else drawn


def distributions(drawn: Float) -> Float:
    """Return targets that sum to 1 exactly: one entry is what the others, multiples of a power of two, leave."""
    shares = np.round(2 * drawn) / 2 ** (drawn.shape[-1].bit_length() + 1)
    shares[..., 0] = 1.0 - shares[..., 1:].sum(axis=-1)
    return np.roll(shares, int(drawn.sum()), axis=-1)


@st.composite
def _states(draw: st.DrawFn, network: Network, values: dict[Any, Any], batch: int) -> dict[str, Float] | None:
    if not draw(st.booleans()):
        return None
    shapes = {s.variable.name: (*((s.lag,) if s.lag > 1 else ()), *_numbers(s.variable.shape, values))
              for s in network.states}
    return {name: draw(_pool((batch, *shape), LARGEST_BATCH * MOST)) for name, shape in shapes.items()}


@st.composite
def _lengths(draw: st.DrawFn, batch: int, steps: int) -> Any:
    if not draw(st.booleans()):
        return None
    return np.array(draw(st.lists(st.integers(1, steps), min_size=batch, max_size=batch)), dtype=np.int64)
