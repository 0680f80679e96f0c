"""What the remedies would do for a cell of one's own: its gradient over 100 steps with each of them, or why not."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

import numpy as np

from rnnsym.dynamics.connections import forget_biases
from rnnsym.dynamics.draws import draw_inputs
from rnnsym.dynamics.initialisation import initialise, schemes
from rnnsym.dynamics.remedies import Decades
from rnnsym.dynamics.studies import order_statistics, own_products
from rnnsym.dynamics.variants import Function, activation_of, with_activation
from rnnsym.errors import DataError
from rnnsym.model.kinds import known_network
from rnnsym.model.networks import Network
from rnnsym.numerics import numbers

STEPS, COUNT = 100, 9
WANTED = {"d": 5, "n": 16, "k": 1}
USUAL = "xavier_uniform"
STARTS = ("pytorch", "he_normal", "orthogonal", "identity")
ACTIVATIONS = ("tanh", "relu", "leaky_relu")
BIASES = (1.0, 3.0)


@dataclass(frozen=True)
class OwnEffect:
    """A remedy for a cell: log₁₀ ‖∂s_T/∂s_0‖₂ with it, or ``obstacle``, which says why it cannot be had."""

    name: str
    decades: Decades | None
    obstacle: str = ""


def own_effects(network: Network, seed: int = 0) -> tuple[OwnEffect, ...]:
    """Measure the gradient over T = 100 steps at the start: as it is (Glorot's start), then with each remedy.

    Inputs are x_t ~ N(0, 1); the median and the middle 80 % of 9 networks of 16 units. The first effect is that of the
    cell as it is. Errors: DataError for a network whose gradient flow cannot be followed.
    """
    known_network(network)
    start = numbers.seed(seed)
    first = OwnEffect("as it is, Glorot's start", _measured(network, USUAL, start))
    return first, *(_effect(name, measure) for name, measure in _remedies(network, start))


def _effect(name: str, measure: Callable[[], Decades]) -> OwnEffect:
    try:
        return OwnEffect(name, measure())
    except DataError as error:
        return OwnEffect(name, None, str(error))


def _remedies(network: Network, seed: int) -> Iterator[tuple[str, Callable[[], Decades]]]:
    for scheme in STARTS:
        yield f"{scheme.replace('_', ' ')} start", partial(_measured, network, scheme, seed)
    for name in ACTIVATIONS:
        if name != _activation(network):
            yield name.replace("_", " "), partial(_with_function, network, name, seed)
    for bias in BIASES:
        yield f"forget bias {bias:g}", partial(_with_bias, network, bias, seed)


def _activation(network: Network) -> Function:
    try:
        return activation_of(network)
    except DataError:  # then each exchange says so
        return None


def _with_function(network: Network, function: str, seed: int) -> Decades:
    return _measured(with_activation(network, function), USUAL, seed)


def _with_bias(network: Network, bias: float, seed: int) -> Decades:
    try:
        forget_biases(network)
    except DataError:
        raise DataError("the cell has no forget gate with one bias") from None
    return _measured(network, USUAL, seed, bias)


def _measured(network: Network, scheme: str, seed: int, forget_bias: float | None = None) -> Decades:
    sizes = {str(size): WANTED[str(size)] for size in network.sizes if str(size) in WANTED}
    seeds = range(seed * COUNT, (seed + 1) * COUNT)
    drawn = [initialise(network, sizes, schemes[scheme].name, one, forget_bias=forget_bias) for one in seeds]
    pairs = [draw_inputs(network, sizes, one, steps=STEPS) for one in seeds]
    inputs, targets = (np.stack([pair[place] for pair in pairs]) for place in (0, 1))
    parameters = {name: np.stack([one[name] for one in drawn]) for name in drawn[0]}
    norms = own_products(network, parameters, inputs, targets).log_norms[..., -1] / np.log(10.0)
    band = order_statistics(norms.reshape(1, COUNT, 1))
    return Decades(float(band.low[0, 0]), float(band.middle[0, 0]), float(band.high[0, 0]))
