"""What the explorer of a report moves through: the gradient over all lags, by activation and scale of the weights."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rnnsym.dynamics.draws import recurrent_weights
from rnnsym.dynamics.studies import Draws, study_products
from rnnsym.dynamics.variants import Function, activation_of, with_activation
from rnnsym.errors import DataError
from rnnsym.model.networks import Network

ACTIVATIONS: tuple[Function, ...] = ("tanh", "relu", "leaky_relu", "sigmoid", None)
LINEAR = "linear"  # the word for None
RADII = tuple(round(0.4 + 0.1 * step, 1) for step in range(17))
USUAL_RADIUS = 0.9
UNITS_DRAWN, INPUTS_DRAWN = 16, 5
COUNT = 9  # networks drawn for one curve
WIDEST = 30.0  # decades; what has vanished further is as gone


@dataclass(frozen=True)
class Curve:
    """log₁₀ ‖∂s_T/∂s_{T−k}‖₂ for k = 0 … T, one row for each spectral radius; −∞ where all is lost."""

    activation: str
    decades: NDArray[np.float64]


@dataclass(frozen=True)
class Exploration:
    """Curves over the lag for each activation that the network can be made with, the network's own first.

    ``curves`` are medians over ``count`` networks of ``units`` units, drawn with W ~ N(0, 1/fan-in) and scaled to each
    of ``radii``; ``weights`` names what is scaled.
    """

    radii: tuple[float, ...]
    weights: tuple[str, ...]
    units: int
    count: int
    curves: tuple[Curve, ...]

    @property
    def steps(self) -> int:
        """The number T of steps."""
        return self.curves[0].decades.shape[-1] - 1


def explore(network: Network, seed: int = 0, steps: int = 100) -> Exploration:
    """Measure a network's gradient products for every radius and activation.

    Where the network is not made with one activation, its own curves are all there is; a variant whose weights at
    random overflow is left out. Errors: DataError where the network itself cannot be followed.
    """
    wanted = {"d": INPUTS_DRAWN, "n": UNITS_DRAWN, "k": 1}
    sizes = {str(size): wanted[str(size)] for size in network.sizes if str(size) in wanted}
    draws = Draws(seed, count=COUNT, steps=steps)
    curves = []
    for name, variant in _variants(network).items():
        try:
            found = study_products(variant, sizes, RADII, draws).norms.middle
        except DataError:
            if variant is network:
                raise
            continue
        curves.append(Curve(name, found / np.log(10.0)))
    return Exploration(RADII, recurrent_weights(network), sizes["n"], COUNT, tuple(curves))


def _variants(network: Network) -> dict[str, Network]:
    try:
        own = activation_of(network)
    except DataError:
        return {"": network}
    names: dict[Function, None] = dict.fromkeys((own, *ACTIVATIONS))
    return {LINEAR if name is None else name: with_activation(network, name) for name in names}
