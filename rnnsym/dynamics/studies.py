"""Gradient flow over many drawn networks: order statistics of log-norms, one curve a spectral radius."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rnnsym.dynamics.contributions import path_contributions, refuse_flat
from rnnsym.dynamics.draws import draw_inputs, draw_parameters, recurrent_weights, with_spectral_radius
from rnnsym.dynamics.products import GradientProducts, gradient_products
from rnnsym.errors import DataError
from rnnsym.model.kinds import checked_sizes, instance, known_network, several, shown
from rnnsym.model.networks import Network
from rnnsym.numerics import numbers

Float = NDArray[np.float64]
TAIL = 0.1  # the band leaves out this share of the draws on either side


@dataclass(frozen=True)
class Draws:
    """How the networks of a study are drawn: ``count`` of them, T = ``steps``, x_t ~ N(0, input_scale²).

    Studies of different ``seed`` share no draw. Small inputs keep tanh near its linear part, so that what saturates
    it is the recurrence itself. Errors: DataError for what is no seed, no count, and no scale from 0.
    """

    seed: int = 0
    count: int = 20
    steps: int = 100
    input_scale: float = 0.1

    def __post_init__(self) -> None:
        numbers.seed(self.seed)
        numbers.whole("count", self.count, 0)  # a study asks for at least one
        numbers.whole("steps", self.steps, 1)
        numbers.nonnegative("input_scale", self.input_scale)


@dataclass(frozen=True)
class Band:
    """Order statistics over draws, one row a setting, (settings, m); ``middle`` is the lower median."""

    low: Float
    middle: Float
    high: Float


@dataclass(frozen=True)
class ProductStudy:
    """‖∂s_T/∂s_{T−k}‖₂ over lags k = 0 … T for each spectral radius, as natural logarithms.

    ``size`` is n; ``linear`` belongs to the linear network, ``bound`` is k ln(γ σ_max) of the same draws; each is None
    where there is none (see ``GradientProducts``).
    """

    radii: tuple[float, ...]
    size: int
    draws: Draws
    norms: Band
    linear: Band | None
    bound: Band | None = None

    @property
    def alike(self) -> bool:
        """Whether the weights change nothing: as in one unit under a layer norm, which leaves 0 of it."""
        bands = [band for band in (self.norms, self.linear) if band is not None]
        return len(self.radii) > 1 and all(np.all(rows == rows[0]) for band in bands for rows in vars(band).values())


@dataclass(frozen=True)
class ContributionStudy:
    """‖∂L/∂W^(j)‖ over steps j = 1 … T, and the share of the last k = 0 … T steps, by radius.

    ``size`` is n; logarithms are natural.
    """

    radii: tuple[float, ...]
    parameter: str
    size: int
    draws: Draws
    norms: Band
    shares: Band


def study_products(
    network: Network, sizes: Mapping[str, int], radii: Sequence[float], draws: Draws | None = None
) -> ProductStudy:
    """Draw networks, scale their recurrent weights to each of ``radii``, and follow their gradient products.

    Errors: DataError for a network without recurrent weights or for a draw that is not finite, NetworkError for sizes.
    """
    chosen, settings = _chosen(draws), several("radii", radii, "spectral radii")
    size = _units(network, sizes)

    def measure(parameters: Any, inputs: Any, targets: Any) -> tuple[Float, ...]:
        found = own_products(network, parameters, inputs, targets)
        present = (found.log_norms, found.log_linear, found.log_bound)  # a bound only where there is a linear network
        return tuple(logs for logs in present if logs is not None)

    norms, linear, bound, *_ = (*_bands(network, sizes, settings, chosen, measure), None, None)
    assert norms is not None  # every network has norms
    return ProductStudy(settings, size, chosen, norms, linear, bound)


def study_contributions(
    network: Network,
    sizes: Mapping[str, int],
    radii: Sequence[float],
    draws: Draws | None = None,
    parameter: str | None = None,
) -> ContributionStudy:
    """Draw networks as ``study_products`` does, and split the gradient of ``parameter`` by steps.

    ``parameter`` is by default the first recurrent weight. Errors as for ``study_products``, and DataError for an
    unknown parameter and where every term of a draw is zero.
    """
    chosen, settings = _chosen(draws), several("radii", radii, "spectral radii")
    size = _units(network, sizes)
    name = next(iter(recurrent_weights(network)), "") if parameter is None else parameter
    if name == "":
        raise DataError(f"the cell {network.cell.name} has no recurrent weight: name the parameter to follow")

    def measure(parameters: Any, inputs: Any, targets: Any) -> tuple[Float, ...]:
        found = path_contributions(network, parameters, inputs, targets, wrt=(name,))
        refuse_flat(network, parameters, inputs, targets, found.log_norms[name], name)
        return found.log_norms[name], found.shares(name)

    norms, shares = _bands(network, sizes, settings, chosen, measure)
    return ContributionStudy(settings, name, size, chosen, norms, shares)


def _chosen(draws: Any) -> Draws:
    return Draws() if draws is None else instance("draws", draws, Draws, "Draws(seed, count, steps, input_scale)")


def _units(network: Any, sizes: Any) -> int:
    """Return n, which a study names."""
    known_network(network).size_values(**checked_sizes(sizes))
    if "n" not in sizes:
        raise DataError(f"sizes: a study follows a state of the free size n, and there is none among {shown(sizes)}")
    return int(sizes["n"])


def own_products(network: Network, parameters: Any, inputs: Any, targets: Any) -> GradientProducts:
    """Return the products of the loop that ``followed_loop`` names, whose lags are those of T steps.

    ``targets`` are read by a teacher, and say how many outputs a network takes that reads its own.
    """
    read = {"targets": targets} if network.forced else {}
    taken = {"steps": int(np.shape(targets)[-2])} if network.feeds_back else {}
    return gradient_products(network, parameters, inputs, loop=followed_loop(network), **read, **taken)


def followed_loop(network: Network) -> int:
    """Return the number of the loop whose gradient flow is studied: a decoder's, else the one that reads forward."""
    return len(network.loops) - 1 if network.shape_of_steps.decodes else 0


Measure = Callable[[Any, Any, Any], tuple[Float, ...]]


def _bands(
    network: Network, sizes: Mapping[str, int], radii: Sequence[float], draws: Draws, measure: Measure
) -> tuple[Band, ...]:
    """Return one band for each array that ``measure`` answers, one row a draw; every radius sees the same draws."""
    if draws.count < 1 or not len(radii):
        raise DataError(f"a study needs at least one draw and one radius, but has {draws.count} and {len(radii)}")
    seeds = range(draws.seed * draws.count, (draws.seed + 1) * draws.count)
    drawn = [draw_parameters(network, sizes, seed) for seed in seeds]
    pairs = [draw_inputs(network, sizes, seed, steps=draws.steps, scale=draws.input_scale) for seed in seeds]
    inputs, targets = (np.stack([pair[place] for pair in pairs]) for place in (0, 1))
    found = [measure(_scaled(network, drawn, radius), inputs, targets) for radius in radii]
    return tuple(order_statistics(np.array(each)) for each in zip(*found, strict=True))


def _scaled(network: Network, drawn: list[dict[str, Float]], radius: float) -> dict[str, Float]:
    """The parameters of all draws with one spectral radius, stacked: {name: (draws, *shape)}."""
    scaled = [with_spectral_radius(network, parameters, radius) for parameters in drawn]
    return {name: np.stack([one[name] for one in scaled]) for name in scaled[0]}


def order_statistics(values: Float) -> Band:
    """Take ranks over axis 1, (settings, draws, m): no interpolation, which would make NaN of two −∞."""
    ranked, last = np.sort(values, axis=1), values.shape[1] - 1
    low = round(TAIL * last)
    return Band(ranked[:, low], ranked[:, last // 2], ranked[:, last - low])
