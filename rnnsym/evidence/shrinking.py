"""Makes a failing example smaller and its numbers rounder, as long as it still fails."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from rnnsym.evidence.examples import Example
from rnnsym.model.losses import losses
from rnnsym.model.networks import Network
from rnnsym.numerics.arrays import Float

MOST_STEPS = 6000  # steps of all sequences tried, a machine-independent measure of time
DIGITS = (0, 1, 2)  # after the point; fewer are tried first

Fails = Callable[[Example], bool]


def shrunk(network: Network, example: Example, fails: Fails, most: int = MOST_STEPS) -> Example:
    """Return an example that still fails and of which no smaller or rounder neighbour does, or the best until then."""
    left = most
    moved = True
    while moved and left > 0:
        moved = False
        for smaller in _neighbours(network, example):
            left -= _steps(smaller)
            if fails(smaller):
                example, moved = smaller, True
                break
            if left <= 0:
                break
    return example


def _steps(example: Example) -> int:
    """The number of steps of all sequences of an example; a single output or input counts as one step."""
    return max(example.inputs[..., 0].size if example.inputs.dtype.kind == "f" else example.inputs.size,
               example.targets[..., 0].size)


def _neighbours(network: Network, example: Example) -> Iterator[Example]:
    yield from _without_options(example)
    yield from _fewer_sequences(example)
    yield from _fewer_steps(network, example)
    yield from _smaller_sizes(network, example)
    yield from _rounder(network, example)


def _without_options(example: Example) -> Iterator[Example]:
    if example.lengths is not None:
        yield replace(example, lengths=None)
    if example.target_lengths is not None:
        yield replace(example, target_lengths=None)
    if example.initial_state is not None:
        yield replace(example, initial_state=None)


def _fewer_sequences(example: Example) -> Iterator[Example]:
    batch = len(example.inputs)
    for number in range(batch) if batch > 1 else ():
        yield _with_batch(example, [number])
    for number in range(batch) if batch > 2 else ():
        yield _with_batch(example, [one for one in range(batch) if one != number])


def _with_batch(example: Example, kept: list[int]) -> Example:
    state = example.initial_state
    return replace(
        example, inputs=example.inputs[kept], targets=example.targets[kept],
        initial_state=None if state is None else {name: value[kept] for name, value in state.items()},
        lengths=None if example.lengths is None else example.lengths[kept],
        target_lengths=None if example.target_lengths is None else example.target_lengths[kept])


def _fewer_steps(network: Network, example: Example) -> Iterator[Example]:
    """Cut steps off the beginning or the end, many at first, then one."""
    topology = network.shape_of_steps
    if topology.single_step or example.lengths is not None or example.target_lengths is not None:
        return
    axis = example.targets.shape[1] if topology.one_input else example.inputs.shape[1]
    for fewer in sorted({axis // 2, axis - 1} - {0}) if axis > 1 else ():
        for part in (slice(axis - fewer, None), slice(0, fewer)):
            inputs = example.inputs if topology.one_input else example.inputs[:, part]
            aims = example.targets[:, part] if topology.every and not topology.decodes else example.targets
            yield replace(example, inputs=inputs, targets=aims)
    if topology.decodes and example.targets.shape[1] > 1:
        yield replace(example, targets=example.targets[:, : example.targets.shape[1] // 2])


def _smaller_sizes(network: Network, example: Example) -> Iterator[Example]:
    for name, size in example.sizes.items():
        for smaller in sorted({1, size - 1} - {0, size}):
            made = _with_sizes(network, example, {**example.sizes, name: smaller})
            if made is not None:
                yield made


def _with_sizes(network: Network, example: Example, sizes: dict[str, int]) -> Example | None:
    """Cut every array to smaller sizes; None for distributions, which would no longer sum to 1."""
    values = network.size_values(**sizes)
    if losses[network.loss].distribution:
        return None

    def cut(array: Any, shape: tuple[Any, ...]) -> Any:
        own = tuple(slice(0, int(length.xreplace(values))) for length in shape)
        return array[(..., *own)] if own else array

    shapes = {p.name: p.shape for p in network.parameters}
    inputs = example.inputs
    if network.reads_index:
        inputs = inputs % int(network.input.shape[0].xreplace(values))
    else:
        inputs = cut(inputs, network.input.shape)
    states = {s.variable.name: s.variable.shape for s in network.states}
    initial = example.initial_state
    return replace(
        example, parameters={name: cut(value, shapes[name]) for name, value in example.parameters.items()},
        inputs=inputs, targets=cut(example.targets, network.target.shape), sizes=sizes, size_values=values,
        initial_state=None if initial is None else {name: cut(value, states[name]) for name, value in initial.items()})


def _rounder(network: Network, example: Example) -> Iterator[Example]:
    """Zero, then whole, then short numbers: an array at a time, then all of them."""
    for digits in (None, *DIGITS):
        for name, value in example.parameters.items():
            if _changes(value, digits):
                yield replace(example, parameters={**example.parameters, name: _rounded(value, digits)})
        if example.inputs.dtype.kind == "f" and _changes(example.inputs, digits):
            yield replace(example, inputs=_rounded(example.inputs, digits))
        for name, value in (example.initial_state or {}).items():
            if _changes(value, digits):
                yield replace(example, initial_state={**(example.initial_state or {}), name: _rounded(value, digits)})


def _rounded(value: Float, digits: int | None) -> Float:
    return np.zeros_like(value) if digits is None else np.round(value, digits) + 0.0


def _changes(value: Float, digits: int | None) -> bool:
    """Whether rounding makes an array simpler: an array of few digits is not spread again."""
    new = _rounded(value, digits)
    return not np.array_equal(new, value)
