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

from rnnsym.dynamics.numbers import positive
from rnnsym.errors import DataError
from rnnsym.numerics.arrays import as_floats

Float = NDArray[np.float64]
Arrays = Mapping[str, Float]


@dataclass(frozen=True)
class Memory:
    """What a rule remembers: how many updates there were, and averages by their name, {average: {parameter: array}}."""

    updates: int = 0
    averages: Mapping[str, Arrays] = field(default_factory=lambda: MappingProxyType({}))


class Optimiser(Protocol):
    """A rule; ``update`` returns fresh parameters and the memory for the next update."""

    def update(self, parameters: Arrays, gradients: Arrays, rate: float, memory: Memory) -> tuple[dict[str, Float],
                                                                                                  Memory]:
        """Return the next parameters. Errors: DataError for names, shapes or numbers that do not fit."""


@dataclass(frozen=True)
class GradientDescent:
    """W ← W − η ∂L/∂W.

    >>> GradientDescent().update({"w": [1.0]}, {"w": [2.0]}, 0.25, Memory())[0]
    {'w': array([0.5])}
    """

    def update(self, parameters: Arrays, gradients: Arrays, rate: float, memory: Memory) -> tuple[dict[str, Float],
                                                                                                  Memory]:
        """W − η g."""
        step, pairs = _rate(rate), _pairs(parameters, gradients)
        return {name: weight - step * g for name, (weight, g) in pairs.items()}, Memory(memory.updates + 1)


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
        _share("decay", self.decay)

    def update(self, parameters: Arrays, gradients: Arrays, rate: float, memory: Memory) -> tuple[dict[str, Float],
                                                                                                  Memory]:
        """W − η v."""
        step, pairs = _rate(rate), _pairs(parameters, gradients)
        velocity = {name: self.decay * _average(memory, "velocity", name, g) + g for name, (_, g) in pairs.items()}
        following = {name: weight - step * velocity[name] for name, (weight, _) in pairs.items()}
        return following, Memory(memory.updates + 1, MappingProxyType({"velocity": velocity}))


@dataclass(frozen=True)
class Adam:
    """m ← β₁ m + (1 − β₁) g, v ← β₂ v + (1 − β₂) g², W ← W − η m̂ / (√v̂ + ε), m̂ = m/(1 − β₁^k), v̂ = v/(1 − β₂^k).

    k counts the updates from 1. (Kingma, Ba 2015, Adam: a method for stochastic optimization, ICLR, algorithm 1.)

    >>> round(float(Adam().update({"w": [1.0]}, {"w": [1e-3]}, 0.1, Memory())[0]["w"][0]), 4)
    0.9
    """

    first: float = 0.9
    second: float = 0.999
    epsilon: float = 1e-8

    def __post_init__(self) -> None:
        _share("first", self.first)
        _share("second", self.second)
        positive("epsilon", self.epsilon)

    def update(self, parameters: Arrays, gradients: Arrays, rate: float, memory: Memory) -> tuple[dict[str, Float],
                                                                                                  Memory]:
        """W − η m̂ / (√v̂ + ε)."""
        step, pairs, count = _rate(rate), _pairs(parameters, gradients), memory.updates + 1
        mean = {name: self.first * _average(memory, "mean", name, g) + (1 - self.first) * g
                for name, (_, g) in pairs.items()}
        square = {name: self.second * _average(memory, "square", name, g) + (1 - self.second) * g**2
                  for name, (_, g) in pairs.items()}
        unbiased = 1 - self.first**count, 1 - self.second**count
        following = {
            name: weight - step * (mean[name] / unbiased[0]) / (np.sqrt(square[name] / unbiased[1]) + self.epsilon)
            for name, (weight, _) in pairs.items()}
        return following, Memory(count, MappingProxyType({"mean": mean, "square": square}))


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


def _average(memory: Memory, kind: str, name: str, gradient: Float) -> Any:
    if not memory.updates:
        return np.zeros_like(gradient)
    try:
        return memory.averages[kind][name]
    except KeyError:
        raise DataError(f"memory: it holds no {kind} of {name}: it belongs to another rule or to other parameters; "
                        "start from Memory()") from None


def _rate(rate: Any) -> float:
    found = as_floats("rate", rate)
    if found.ndim or found < 0:
        raise DataError(f"rate: expected a number from 0, but it is {rate!r:.80}")
    return float(found)


def _share(name: str, value: Any) -> None:
    found = as_floats(name, value)
    if found.ndim or not 0 <= found < 1:
        raise DataError(f"{name}: expected a number from 0 up to, not including, 1, but it is {value!r:.80}")
