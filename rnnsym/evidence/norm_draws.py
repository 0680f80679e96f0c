"""Sequences at which a bound of Jacobians is tried: some anywhere, some where the bound is hardest to keep.

A bound is nearly attained where slopes are largest, gates stand open, and weights turn without distorting: small or
orthogonal recurrent weights, no input, biases zero or far out.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from rnnsym.calculus.bounds import JacobianBound
from rnnsym.evidence.norm_points import Float, Given, NormPoint
from rnnsym.model.expressions import Expression

SIZES = (1, 2, 3, 4)
SCALES = (0.05, 0.3, 1.0, 2.0, 5.0)
GAINS = (1e-6, 1e-3, 0.3, 0.9, 1.0, 1.1)
BIASES = (0.0, 0.0, 1.0, 20.0, -20.0)
Random = np.random.Generator


def norm_points(bound: JacobianBound, count: int, steps: int, seed: int) -> Iterator[NormPoint]:
    """Yield ``count`` sequences of ``steps`` steps, by turns anywhere and by design; the same for the same seed."""
    for number in range(count):
        random = np.random.default_rng([seed, number])
        yield NormPoint(bound, (designed if number % 2 else anywhere)(bound, steps, random))


def _sizes(bound: JacobianBound, random: Random) -> dict[Any, int]:
    network = bound.network
    drawn = {symbol.name: int(random.choice(SIZES)) for symbol in network.sizes}
    return dict(network.size_values(**drawn))


def _shape(expression: Expression, sizes: dict[Any, int]) -> tuple[int, ...]:
    return tuple(int(length.xreplace(sizes)) for length in expression.shape)


def anywhere(bound: JacobianBound, steps: int, random: Random) -> Given:
    """Normal weights and inputs of one scale."""
    sizes, scale = _sizes(bound, random), float(random.choice(SCALES))
    network = bound.network
    parameters = {p: scale * random.normal(size=_shape(p, sizes)) for p in network.parameters}
    inputs = tuple(random.normal(size=_shape(network.input, sizes)) for _ in range(steps))
    return Given(sizes, parameters, inputs, _starts(bound, sizes, random, scale))


def designed(bound: JacobianBound, steps: int, random: Random) -> Given:
    """Orthogonal square weights times a gain, constant vectors, no input, states mostly at their start."""
    sizes, gain = _sizes(bound, random), float(random.choice(GAINS))
    network = bound.network
    parameters = {p: _designed_weight(_shape(p, sizes), gain, random) for p in network.parameters}
    inputs = tuple(np.zeros(_shape(network.input, sizes)) for _ in range(steps))
    return Given(sizes, parameters, inputs, _starts(bound, sizes, random, float(random.choice((0.0, 0.0, 1.0)))))


def varied(bound: JacobianBound, given: Given, random: Random) -> Given:
    """The same with one parameter or one state drawn anew by design, or a parameter a tenth of what it was."""
    names = [*given.parameters, *given.starts]
    name = names[int(random.integers(len(names)))]
    if name in given.starts:
        drawn = _starts(bound, dict(given.sizes), random, float(random.choice((0.0, 1.0))))
        return replace(given, starts={**given.starts, name: drawn[name]})
    gain = float(random.choice(GAINS))
    value = given.parameters[name]
    anew = value / 10 if random.integers(4) == 0 else _designed_weight(_shape(name, dict(given.sizes)), gain, random)
    return replace(given, parameters={**given.parameters, name: anew})


def _designed_weight(shape: tuple[int, ...], gain: float, random: Random) -> Any:
    if len(shape) == 2 and shape[0] == shape[1]:
        return gain * orthogonal(shape[0], random)
    return np.full(shape, random.choice(BIASES)) if len(shape) < 2 else np.zeros(shape)


def orthogonal(size: int, random: Random) -> Float:
    """Return a random orthogonal matrix, every third time the identity."""
    if random.integers(3) == 0:
        return np.eye(size)
    found: Float = np.linalg.qr(random.normal(size=(size, size)))[0]
    return found


def _starts(bound: JacobianBound, sizes: dict[Any, int], random: Random, scale: float) -> dict[Expression, Any]:
    """States at step 0: within the intervals that the bound assumes, anywhere where it assumes none."""
    found: dict[Expression, Any] = {}
    for state in bound.loop.states:
        shape, own = _shape(state, sizes), bound.starts.get(state)
        drawn = scale * random.normal(size=shape)
        if own is not None:
            low, high = float(own.low), float(own.high)
            drawn = random.uniform(low, high, size=shape) if scale else np.clip(np.zeros(shape), low, high)
        found[state] = drawn
    return found
