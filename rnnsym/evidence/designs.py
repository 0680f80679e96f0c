"""Examples designed so that each kind of mistake has inputs on which it shows, in each regime of the gradient.

What a sum over steps hides, an input that is zero but at one step brings out: then ∂L/∂W of the input's weights is the
one path through that step, and is judged by its own rounding, however small it is. In the regime ``long`` T is 100; its
weights are picked from random draws by the gradient that they hand back over all steps.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np

from rnnsym.errors import DataError
from rnnsym.evidence.examples import Drawn, Example, distributions
from rnnsym.model.losses import losses
from rnnsym.model.networks import Network
from rnnsym.numerics.arrays import Float
from rnnsym.numerics.compilation import CompiledNetwork, compile_network

REGIMES = ("ordinary", "vanishing", "long")
LONG = 100
DRAWS = 48  # of weights, from which those of a long sequence are picked
DRAW_STEPS = 40  # over which the gradient of each draw is measured
LARGEST_RATIO = 1e12  # of the gradients at both ends; beyond it the sum over steps is one term
GRAIN = 2.0**-10  # entries are multiples of it: short numbers, exact in float32 too
GAINS = (0.5, 0.8, 1.0, 1.3, 1.8)
SIZES = {"d": 3, "n": 4, "k": 2}


@dataclass(frozen=True)
class Design:
    """How an example is made; ``weights`` and ``inputs`` name entries of the tables below.

    ``sizes`` are those of the network unless it says "one" (all 1) or "equal" (all 3).
    """

    name: str
    regime: str
    steps: int
    batch: int = 1
    weights: str = "ordinary"
    inputs: str = "dense"
    initial: bool = False
    padded: bool = False
    sizes: str = "different"


DESIGNS = (
    Design("one step", "ordinary", 1, initial=True),
    Design("two steps", "ordinary", 2, batch=2),
    Design("three steps, one unit", "ordinary", 3, sizes="one", initial=True),
    Design("four steps, equal sizes", "ordinary", 4, batch=2, sizes="equal"),
    Design("four steps, symmetric weights", "ordinary", 4, weights="symmetric", sizes="equal"),
    Design("four steps, saturated", "ordinary", 4, weights="saturated"),
    Design("six steps, padded batch", "ordinary", 6, batch=3, initial=True, padded=True),
    Design("seven steps, input at the first alone", "ordinary", 7, inputs="first"),
    Design("seven steps, input at the last alone", "ordinary", 7, inputs="last", initial=True),
    Design("seven steps, no biases", "ordinary", 7, weights="unbiased", inputs="middle"),
    Design("five steps, three sequences", "ordinary", 5, batch=3),
    Design("two steps, small weights", "vanishing", 2, weights="small", batch=2),
    Design("six steps, small weights, initial state", "vanishing", 6, weights="small", initial=True),
    Design("seven steps, small weights, input at the first alone", "vanishing", 7, weights="small", inputs="first"),
    Design("seven steps, small weights, no biases", "vanishing", 7, weights="small unbiased", inputs="first"),
    Design("six steps, small weights, no input", "vanishing", 6, weights="small unbiased", inputs="none", initial=True),
    Design("seven steps, small weights, padded batch", "vanishing", 7, batch=3, weights="small", initial=True,
           padded=True),
    Design("long, gradient kept", "long", LONG, weights="kept", initial=True),
    Design("long, gradient kept, input at the first alone", "long", LONG, weights="kept", inputs="first"),
    Design("long, gradient growing backwards", "long", LONG, weights="growing", initial=True),
    Design("long, padded batch", "long", LONG, batch=2, weights="kept", padded=True),
    Design("long, vanishing, input at the first alone", "long", LONG, weights="unbiased", inputs="first"),
)


def designed_examples(network: Network, drawn: Drawn, seed: int, dtype: Any = np.float64) -> Iterator[
        tuple[Design, Example]]:
    """Yield all designs that make sense for a network, as examples; the seed draws their numbers."""
    draws = _LongWeights(network, seed)
    for place, design in enumerate(DESIGNS):
        if network.shape_of_steps.single_step and design.steps > 1:
            continue
        if design.initial and not drawn.initial_state:
            continue
        yield design, _Maker(network, design, np.random.default_rng([seed, place]), draws, dtype).example(drawn)


@dataclass(frozen=True)
class _Maker:
    network: Network
    design: Design
    random: np.random.Generator
    draws: _LongWeights | None
    dtype: Any

    def example(self, drawn: Drawn) -> Example:
        network, design = self.network, self.design
        topology, sizes = network.shape_of_steps, sizes_of(network, design.sizes)
        values = network.size_values(**sizes)
        axes = () if topology.one_input else (design.steps,)
        outputs = (design.steps,) if topology.every else ()
        shape = (design.batch, *outputs, *numbers(network.target.shape, values))
        lengths = self._lengths() if design.padded and drawn.lengths and not topology.single_step else None
        own = self._lengths() if design.padded and drawn.target_lengths and topology.decodes else None
        return Example(
            {name: self._float(value) for name, value in self._parameters(sizes).items()},
            self._inputs((design.batch, *axes), numbers(network.input.shape, values)),
            self._float(self._targets(shape)), self._states(values) if design.initial else None, lengths, sizes, values,
            own)

    def _float(self, array: Float) -> Float:
        return np.asarray(array, dtype=self.dtype).astype(np.float64)

    def _parameters(self, sizes: dict[str, int]) -> dict[str, Float]:
        shapes = self.network.shapes(**sizes)
        if self.draws is not None and self.design.weights in ("kept", "growing"):
            return self.draws.picked(sizes, self.design.weights)
        return {name: grained(WEIGHTS[self.design.weights](self.random, shape)) for name, shape in shapes.items()}

    def _inputs(self, axes: tuple[int, ...], own: tuple[int, ...]) -> Any:
        if self.network.reads_index:
            return self.random.integers(0, own[0], size=axes)
        dense = self._float(grained(self.random.normal(size=(*axes, *own))))
        if len(axes) == 1:
            return dense
        kept = INPUTS[self.design.inputs](axes[1])
        return dense * kept.reshape(1, -1, *([1] * len(own)))

    def _targets(self, shape: tuple[int, ...]) -> Float:
        entry = losses[self.network.loss]
        bounded = np.isfinite(entry.lower) and np.isfinite(entry.upper)
        span = (entry.lower, entry.upper, entry.lower + 0.3 * (entry.upper - entry.lower)) if bounded \
            else (0.0, 1.0, -0.7)
        values = np.resize(self.random.permutation(span), int(np.prod(shape))).reshape(shape)
        return distributions(values) if entry.distribution else values

    def _states(self, values: dict[Any, Any]) -> dict[str, Float]:
        batch = self.design.batch
        shapes = {s.variable.name: (*((s.lag,) if s.lag > 1 else ()), *numbers(s.variable.shape, values))
                  for s in self.network.states}
        return {name: grained(self.random.uniform(-0.9, 0.9, (batch, *shape))) for name, shape in shapes.items()}

    def _lengths(self) -> Any:
        steps, batch = self.design.steps, self.design.batch
        shorter = [steps, max(1, steps // 2), 1]
        return self.random.permutation(np.resize(shorter, batch)).astype(np.int64)


def numbers(shape: tuple[Any, ...], values: dict[Any, Any]) -> tuple[int, ...]:
    """Return a symbolic shape as integers."""
    return tuple(int(length.xreplace(values)) for length in shape)


def grained(values: Float) -> Float:
    """Round to short numbers, of which none becomes zero."""
    rounded: Float = np.round(values / GRAIN) * GRAIN
    return np.where((rounded == 0) & (np.asarray(values) != 0), GRAIN, rounded)


def sizes_of(network: Network, kind: str) -> dict[str, int]:
    """Return all sizes of a network: different from each other, all one, or all equal."""
    one = {"one": 1, "equal": 3}.get(kind)
    return {s.name: SIZES.get(s.name, 2) if one is None else one for s in network.sizes}


def _scaled(gain: float) -> Any:
    """Normal weights whose products keep their size about ``gain``-fold."""
    def draw(random: np.random.Generator, shape: tuple[int, ...]) -> Float:
        fan = shape[0] if len(shape) == 2 else 4
        values: Float = random.normal(size=shape) * gain / np.sqrt(fan)
        return values

    return draw


def _unbiased(gain: float) -> Any:
    return lambda random, shape: _scaled(gain)(random, shape) if len(shape) == 2 else np.zeros(shape)


def _symmetric(random: np.random.Generator, shape: tuple[int, ...]) -> Float:
    values = _scaled(1.0)(random, shape)
    square = len(shape) == 2 and shape[0] == shape[1]
    return (values + values.T) / 2 if square else values


WEIGHTS: Mapping[str, Any] = MappingProxyType({
    "ordinary": _scaled(1.0), "unbiased": _unbiased(0.8), "symmetric": _symmetric, "saturated": _scaled(5.0),
    "small": lambda random, shape: random.uniform(-0.05, 0.05, shape),
    "small unbiased": lambda random, shape: random.uniform(-0.05, 0.05, shape) if len(shape) == 2 else np.zeros(shape),
})


def _only(place: int) -> Any:
    return lambda steps: np.eye(steps)[place if place >= 0 else steps + place]


INPUTS: Mapping[str, Any] = MappingProxyType({
    "dense": np.ones, "none": np.zeros, "first": _only(0), "last": _only(-1),
    "middle": lambda steps: np.eye(steps)[steps // 2],
})


class _LongWeights:
    """Random weights, and how much of the gradient at the last step each draw hands back to the first."""

    def __init__(self, network: Network, seed: int) -> None:
        self._network, self._seed, self._run = network, seed, compile_network(network)
        self._measured: list[tuple[float, dict[str, Float]]] = []

    def picked(self, sizes: dict[str, int], kind: str) -> dict[str, Float]:
        """Return the draw whose gradient is best kept, or grows most, on the way back."""
        if not self._measured:
            self._measured = list(self._measure(sizes))
        if not self._measured:
            random = np.random.default_rng(self._seed)
            return {name: grained(_scaled(1.0)(random, shape)) for name, shape in self._network.shapes(**sizes).items()}
        inside = [pair for pair in self._measured if pair[0] < np.log(LARGEST_RATIO)] or self._measured
        if kind == "kept":
            return min(inside, key=lambda pair: abs(pair[0]))[1]
        return max(inside, key=lambda pair: pair[0])[1]

    def _measure(self, sizes: dict[str, int]) -> Iterator[tuple[float, dict[str, Float]]]:
        shapes = self._network.shapes(**sizes)
        for number in range(DRAWS):
            random = np.random.default_rng([self._seed, number])
            gain = GAINS[number % len(GAINS)]
            parameters = {name: grained(_recurrent(gain)(random, shape)) for name, shape in shapes.items()}
            ratio = _handed_back(self._run, self._network, parameters, sizes, random)
            if np.isfinite(ratio):
                yield ratio, parameters


def _recurrent(gain: float) -> Any:
    """Square matrices orthogonal times the gain, so that no direction is lost; gates open or shut by their biases."""
    def draw(random: np.random.Generator, shape: tuple[int, ...]) -> Float:
        if len(shape) == 2 and shape[0] == shape[1]:
            orthogonal: Float = np.linalg.qr(random.normal(size=shape))[0] * gain
            return orthogonal
        if len(shape) == 2:
            return np.asarray(_scaled(0.5)(random, shape))
        shift: Float = random.choice([-2.0, 0.0, 0.0, 3.0]) + 0.1 * random.normal(size=shape)
        return shift

    return draw


def _handed_back(
    run: CompiledNetwork, network: Network, parameters: dict[str, Float], sizes: dict[str, int],
    random: np.random.Generator,
) -> float:
    """Log ‖∂L/∂(start)‖ − log ‖∂L/∂(last state)‖, both read off the gradients of initial states of two lengths."""
    states = {s.variable.name: s for s in network.states if s.lag == 1}
    values = network.size_values(**sizes)
    design = Design("", "long", DRAW_STEPS)
    maker = _Maker(network, design, random, None, np.float64)
    topology = network.shape_of_steps
    outputs = (DRAW_STEPS,) if topology.every else ()
    inputs = maker._inputs((1, *(() if topology.one_input else (DRAW_STEPS,))), numbers(network.input.shape, values))
    targets = maker._targets((1, *outputs, *numbers(network.target.shape, values)))
    wanted = tuple(f"{name}_0" for name in states)
    if not wanted:
        return float("nan")
    norms = []
    for steps in (DRAW_STEPS, 1):
        part = inputs if topology.one_input else inputs[:, -steps:]
        aim = targets[:, -steps:] if topology.every else targets
        try:
            found = run.value_and_grad(parameters, part, aim, wrt=wanted)[1]
        except DataError:  # these weights overflow
            return float("nan")
        norms.append(np.sqrt(sum(float((value**2).sum()) for value in found.values())))
    return float(np.log(norms[0]) - np.log(norms[1])) if min(norms) > 0 else float("nan")
