"""Rules that turn a gradient into the next parameters: plain descent, momentum, Adam.

A rule keeps nothing itself: what it remembers between updates is a ``Memory``, which goes in and comes out, so that
a run can be saved, resumed and repeated to the last bit.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from rnnsym.errors import DataError, NotFiniteError
from rnnsym.numerics import numbers
from rnnsym.numerics.arrays import as_floats
from rnnsym.numerics.numbers import nonnegative, whole

Float = NDArray[np.float64]
Arrays = Mapping[str, Float]
LEAST_EPSILON = 1e-140  # 1e14 times the smallest gradient whose square is exact


@dataclass(frozen=True)
class Memory:
    """What a rule remembers: how many updates there were, and averages by their name, {average: {parameter: array}}."""

    updates: int = 0
    averages: Mapping[str, Arrays] = field(default_factory=lambda: MappingProxyType({}))

    def __post_init__(self) -> None:
        whole("memory: its number of updates", self.updates, 0)
        if not isinstance(self.averages, Mapping) or not all(isinstance(v, Mapping) for v in self.averages.values()):
            raise DataError(f"memory: expected averages {{name: {{parameter: array}}}}, "
                            f"but it is {self.averages!r:.80}")


class Optimiser(Protocol):
    """A rule; ``update`` returns fresh parameters and the memory for the next update."""

    def update(self, parameters: Arrays, gradients: Arrays, rate: float, memory: Memory) -> tuple[dict[str, Float],
                                                                                                  Memory]:
        """Return the next parameters.

        Errors: DataError for names, shapes or numbers that do not fit, NotFiniteError where the update overflows.
        """


@dataclass(frozen=True)
class GradientDescent:
    """W ← W − η ∂L/∂W.

    >>> GradientDescent().update({"w": [1.0]}, {"w": [2.0]}, 0.25, Memory())[0]
    {'w': array([0.5])}
    """

    def update(self, parameters: Arrays, gradients: Arrays, rate: float, memory: Memory) -> tuple[dict[str, Float],
                                                                                                  Memory]:
        """W − η g."""
        step, pairs, count = nonnegative("rate", rate), _pairs(parameters, gradients), _next(memory)
        return _moved(pairs, {name: g for name, (_, g) in pairs.items()}, step), Memory(count)


@dataclass(frozen=True)
class Momentum:
    """v ← μ v + ∂L/∂W, W ← W − η v, v = 0 at first (Polyak 1964, USSR Comput. Math. Math. Phys. 4; PyTorch's SGD).

    >>> rule, memory = Momentum(0.5), Memory()
    >>> weights = {"w": np.array([1.0])}
    >>> for _ in range(2):
    ...     weights, memory = rule.update(weights, {"w": [1.0]}, 0.1, memory)
    >>> weights["w"].round(12)
    array([0.75])
    """

    decay: float = 0.9

    def __post_init__(self) -> None:
        numbers.decay("decay", self.decay)

    def update(self, parameters: Arrays, gradients: Arrays, rate: float, memory: Memory) -> tuple[dict[str, Float],
                                                                                                  Memory]:
        """W − η v."""
        step, pairs, count = nonnegative("rate", rate), _pairs(parameters, gradients), _next(memory)
        with np.errstate(over="ignore"):
            velocity = {name: self.decay * _average(memory, "velocity", name, g) + g for name, (_, g) in pairs.items()}
        _require_finite(velocity, "its velocity")
        return _moved(pairs, velocity, step), Memory(count, MappingProxyType({"velocity": velocity}))


@dataclass(frozen=True)
class Adam:
    """m ← β₁ m + (1 − β₁) g, v ← β₂ v + (1 − β₂) g², W ← W − η m̂ / (√v̂ + ε), m̂ = m/(1 − β₁^k), v̂ = v/(1 − β₂^k).

    k counts the updates from 1. A gradient above 1e154, whose square is no float, is refused, and so is an ε below
    1e-140, beside which squares of small gradients would be none.
    (Kingma, Ba 2015, Adam: a method for stochastic optimization, ICLR, algorithm 1.)

    >>> round(float(Adam().update({"w": [1.0]}, {"w": [1e-3]}, 0.1, Memory())[0]["w"][0]), 4)
    0.9
    """

    first: float = 0.9
    second: float = 0.999
    epsilon: float = 1e-8

    def __post_init__(self) -> None:
        numbers.decay("first", self.first)
        numbers.decay("second", self.second)
        if numbers.number("epsilon", self.epsilon) < LEAST_EPSILON:
            raise DataError(f"epsilon: expected a number from {LEAST_EPSILON:g}, but it is {self.epsilon!r:.80}")

    def update(self, parameters: Arrays, gradients: Arrays, rate: float, memory: Memory) -> tuple[dict[str, Float],
                                                                                                  Memory]:
        """W − η m̂ / (√v̂ + ε)."""
        step, pairs, count = nonnegative("rate", rate), _pairs(parameters, gradients), _next(memory)
        mean = {name: self.first * _average(memory, "mean", name, g) + (1 - self.first) * g
                for name, (_, g) in pairs.items()}
        with np.errstate(over="ignore"):
            square = {name: self.second * _average(memory, "square", name, g, least=0.0) + (1 - self.second) * g**2
                      for name, (_, g) in pairs.items()}
        _require_finite(square, "the square of its gradient")
        unbiased = 1 - self.first**count, 1 - self.second**count
        with np.errstate(over="ignore"):
            ways = {name: (mean[name] / unbiased[0], np.sqrt(square[name] / unbiased[1]) + self.epsilon)
                    for name in pairs}
            following = {name: weight - step * ways[name][0] / ways[name][1] for name, (weight, _) in pairs.items()}
        _require_finite(following, "its next value")
        return following, Memory(count, MappingProxyType({"mean": mean, "square": square}))


def _next(memory: Any) -> int:
    """Count the update that is made now."""
    if not isinstance(memory, Memory):
        raise DataError(f"memory: expected a Memory, Memory() at the start, but it is {memory!r:.80}")
    return memory.updates + 1


def _moved(pairs: dict[str, tuple[Float, Float]], ways: Arrays, rate: float) -> dict[str, Float]:
    with np.errstate(over="ignore"):
        found = {name: weight - rate * ways[name] for name, (weight, _) in pairs.items()}
    _require_finite(found, "its next value")
    return found


def _require_finite(arrays: Arrays, what: str) -> None:
    for name, array in arrays.items():
        if not np.isfinite(array).all():
            raise NotFiniteError(f"parameter {name}: {what} is above the largest float: clip the gradient, or take a "
                                 "smaller rate")


def _pairs(parameters: Arrays, gradients: Arrays) -> dict[str, tuple[Float, Float]]:
    """Pair each parameter with its gradient; none may be missing, none left over."""
    missing, unknown = [n for n in parameters if n not in gradients], [n for n in gradients if n not in parameters]
    if missing or unknown:
        fault = f"there is none of {missing[0]!r}" if missing else f"{unknown[0]!r:.80} is no parameter"
        raise DataError(f"gradients: {fault}; the parameters are {', '.join(parameters)}")
    found = {}
    for name, value in parameters.items():
        weight, g = as_floats(f"parameter {name}", value), as_floats(f"the gradient of {name}", gradients[name])
        if weight.shape != g.shape:
            raise DataError(f"the gradient of {name}: expected the shape {weight.shape}, but it is {g.shape}")
        found[name] = weight, g
    return found


def _average(memory: Memory, kind: str, name: str, gradient: Float, least: float = -np.inf) -> Float:
    if not memory.updates:
        return np.zeros_like(gradient)
    try:
        found = as_floats(f"memory: the {kind} of {name}", memory.averages[kind][name])
    except KeyError:
        raise DataError(f"memory: it holds no {kind} of {name}: it belongs to another rule or to other parameters; "
                        "start from Memory()") from None
    if found.shape != gradient.shape or found.min(initial=0.0) < least:
        came = f"shape {found.shape}" if found.shape != gradient.shape else f"entry {found.min():g}"
        raise DataError(f"memory: the {kind} of {name} has the {came}, which no run of this parameter, of shape "
                        f"{gradient.shape}, can have; start from Memory()")
    return found
