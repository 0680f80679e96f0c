"""What each step contributes to the gradients of the input weights and of the recurrent weights, cell by cell."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from rnnsym.dynamics.contributions import path_contributions, refuse_flat, shares_of_last
from rnnsym.dynamics.draws import draw_inputs, input_weights, recurrent_weights
from rnnsym.dynamics.initialisation import initialise
from rnnsym.dynamics.studies import TAIL, Band, Draws, order_statistics
from rnnsym.errors import DataError
from rnnsym.model.networks import Network

Float = NDArray[np.float64]


@dataclass(frozen=True)
class Subject:
    """A network with values of some biases by name, and what it is called in a figure.

    The figure writes a bias as ``symbols`` has it in mathtext, the caption as ``names`` has it.
    """

    name: str
    network: Network
    biases: Mapping[str, float] = field(default_factory=dict)
    symbols: Mapping[str, str] = field(default_factory=dict)
    names: Mapping[str, str] = field(default_factory=dict)

    @property
    def label(self) -> str:
        """What it is called on the figure."""
        biases = [f"${self.symbols.get(name, name)} = {value:g}$" for name, value in self.biases.items()]
        return ", ".join([self.name, *biases])

    @property
    def words(self) -> str:
        """What it is called in the caption, names between backticks."""
        biases = [f"`{self.names.get(name, name)}` = {value:g}" for name, value in self.biases.items()]
        return ", ".join([self.name, *biases])


@dataclass(frozen=True)
class CellContributions:
    """‖∂L/∂W^(j)‖_F, j = 1 … T, W all input weights together (row 0), all recurrent weights together (row 1).

    ``size`` is n. ``norms`` are natural logarithms, (2, T), order statistics over the draws whose term is not zero, NaN
    at a step where every draw's is. ``shares`` are those of the last ``recent`` steps, (2, 1), in the sum of the norms,
    and ``zeros``, (2,), the part of all terms that is exactly zero: a step that only copies its state uses no weight.
    """

    subject: Subject
    size: int
    draws: Draws
    recent: int
    norms: Band
    shares: Band
    zeros: Float


def study_cell(
    subject: Subject, sizes: Mapping[str, int], recent: int, draws: Draws, scheme: str = "xavier_uniform"
) -> CellContributions:
    """Initialise networks by ``scheme``, and split the gradients of both kinds of weights by steps.

    The norm of several weights together is √Σ_W ‖∂L/∂W^(j)‖_F². Errors: DataError for a network without weights of
    either kind, for no draws, and where every term of a draw is zero; NetworkError for sizes.
    """
    if draws.count < 1 or not 0 < recent <= draws.steps:
        raise DataError(f"a study needs at least one draw, and of {draws.steps} steps some recent ones, but has "
                        f"{draws.count} and {recent}")
    logs = log_contributions(subject, sizes, draws, scheme)
    shares = np.array([shares_of_last(kind, "the weights")[:, [recent]] for kind in logs])
    return CellContributions(subject, sizes["n"], draws, recent, _nonzero_statistics(logs), order_statistics(shares),
                             np.isneginf(logs).mean(axis=(1, 2)))


def log_contributions(
    subject: Subject, sizes: Mapping[str, int], draws: Draws, scheme: str = "xavier_uniform"
) -> Float:
    """Logarithms of ‖∂L/∂W^(j)‖_F of all draws, (2, draws, T): input weights, then recurrent ones. Errors as above."""
    kinds = weight_kinds(subject.network)
    seeds = range(draws.seed * draws.count, (draws.seed + 1) * draws.count)
    drawn = [initialise(subject.network, sizes, scheme, seed, forget_bias=subject.biases) for seed in seeds]
    pairs = [draw_inputs(subject.network, sizes, seed, steps=draws.steps, scale=draws.input_scale) for seed in seeds]
    inputs, targets = (np.stack([pair[place] for pair in pairs]) for place in (0, 1))
    parameters = {name: np.stack([one[name] for one in drawn]) for name in drawn[0]}
    found = path_contributions(subject.network, parameters, inputs, targets,
                               wrt=dict.fromkeys(name for names in kinds for name in names))
    logs = np.array([_together([found.log_norms[name] for name in names]) for names in kinds])
    for own, words in zip(logs, ("the input weights", "the recurrent weights"), strict=True):
        refuse_flat(subject.network, parameters, inputs, targets, own, words)
    return logs


def weight_kinds(network: Network) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Name the input weights and the recurrent weights; DataError where there are none of a kind."""
    kinds = input_weights(network), recurrent_weights(network)
    for words, names in zip(("multiplies the input", "multiplies a state of the step before"), kinds, strict=True):
        if not names:
            raise DataError(f"the cell {network.cell.name} has no matrix that {words} directly")
    return kinds


def _together(logs: list[Float]) -> Float:
    """The logarithm of the norm of several arrays together."""
    return np.asarray(np.logaddexp.reduce([2 * each for each in logs], axis=0) / 2)


def _nonzero_statistics(logs: Float) -> Band:
    """Order statistics over axis 1, (kinds, draws, T), of what is not −∞; NaN where nothing is left."""
    ranked = np.sort(np.where(np.isfinite(logs), logs, np.inf), axis=1)  # zeros stand last, beyond what is counted
    last = np.isfinite(logs).sum(axis=1) - 1
    low = np.rint(TAIL * last).astype(int)
    return Band(*(_ranks(ranked, rank, last) for rank in (low, last // 2, last - low)))


def _ranks(ranked: Float, rank: NDArray[np.int64], last: NDArray[np.int64]) -> Float:
    taken = np.take_along_axis(ranked, np.maximum(rank, 0)[:, None], axis=1)[:, 0]
    return np.where(last < 0, np.nan, taken)
