"""What a scheme of initial weights makes of the Jacobian over many steps: its singular values, over several draws."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from rnnsym.dynamics.draws import draw_inputs
from rnnsym.dynamics.initialisation import initialise
from rnnsym.dynamics.products import step_jacobians
from rnnsym.dynamics.spectra import log_singular_values
from rnnsym.dynamics.studies import Band, Draws, order_statistics
from rnnsym.errors import DataError
from rnnsym.model.networks import Network

SETTLED = 1e-3  # of a logarithm: less than a line is wide
PASSES = 30  # by then values that differ by a tenth are parted


@dataclass(frozen=True)
class SpectrumStudy:
    """ln σ_i of ∂s_T/∂s_0, i = 1 … N, largest first, for each scheme; ``band`` holds order statistics over draws."""

    schemes: tuple[str, ...]
    draws: Draws
    band: Band


def study_spectra(
    network: Network, sizes: Mapping[str, int], schemes: Sequence[str], draws: Draws | None = None
) -> SpectrumStudy:
    """Initialise networks by each scheme, and take the singular values of their Jacobian from first step to last.

    Errors: DataError for unknown schemes or none at all, and for a draw that is not finite; NetworkError for sizes.
    """
    chosen = draws or Draws()
    if chosen.count < 1 or not schemes:
        raise DataError(f"a study needs at least one draw and one scheme, but has {chosen.count} and {len(schemes)}")
    seeds = range(chosen.seed * chosen.count, (chosen.seed + 1) * chosen.count)
    found = [log_singular_values(_jacobians(network, sizes, scheme, seeds, chosen), SETTLED, PASSES)
             for scheme in schemes]
    return SpectrumStudy(tuple(schemes), chosen, order_statistics(np.array(found)))


def _jacobians(network: Network, sizes: Mapping[str, int], scheme: str, seeds: range, draws: Draws) -> Any:
    """The one-step Jacobians of all draws, (draws, T, N, N)."""
    drawn = [initialise(network, sizes, scheme, seed) for seed in seeds]
    inputs = [draw_inputs(network, sizes, seed, steps=draws.steps, scale=draws.input_scale)[0] for seed in seeds]
    parameters = {name: np.stack([one[name] for one in drawn]) for name in drawn[0]}
    return step_jacobians(network, parameters, np.stack(inputs))
