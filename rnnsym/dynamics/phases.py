"""Order and chaos of random tanh networks: the measured Lyapunov rate over the scale of weights and of inputs.

a_t = g tanh(a_{t−1}) W + x_t with one tied W, W_ij ~ N(0, 1/n), and x_t ~ N(0, R) drawn anew at each step. Below a rate
of zero a gradient vanishes, above it explodes; ``closed_forms.mean_field`` predicts the rate for n → ∞.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rnnsym.dynamics.closed_forms import mean_field
from rnnsym.errors import DataError
from rnnsym.numerics import numbers
from rnnsym.numerics.arrays import as_floats
from rnnsym.numerics.numbers import whole

Float = NDArray[np.float64]


@dataclass(frozen=True)
class Phases:
    """Rates over a grid, (gains, variances): measured, mean over ``seeds`` networks of ``units``, and predicted.

    Measured is over T = ``steps`` without the ``first``, of networks drawn from ``seed``.
    """

    gains: Float
    variances: Float
    measured: Float
    predicted: Float
    units: int
    seeds: int
    steps: int
    first: int
    seed: int


def study_phases(gains: Any, variances: Any, *, units: int = 150, steps: int = 300, first: int = 100,
                 seeds: int = 3, seed: int = 0) -> Phases:
    """Follow one tangent vector along each trajectory, and average ln of its growth over the steps after ``first``.

    All settings of the grid run at once. The bias of n units is about −2.5/n. Errors: DataError for gains that are not
    positive, variances that are negative, and for counts that are no whole numbers from 1.
    """
    g, r = (as_floats(name, one).ravel() for name, one in (("gains", gains), ("variances", variances)))
    if not (g.size and r.size and (g > 0).all() and (r >= 0).all()):
        raise DataError("gains, variances: expected positive gains and variances from 0, at least one of each")
    n, count, skipped = whole("units", units, 1), whole("seeds", seeds, 1), whole("first", first, 0)
    if skipped >= whole("steps", steps, 1):
        raise DataError(f"first: expected fewer than the {steps} steps, but it is {first}")
    start = numbers.seed(seed)
    rates = [_rates(g, r, n, (steps, skipped), np.random.default_rng([start, one])) for one in range(count)]
    predicted = np.array([[mean_field(float(gain), float(added)).rate for added in r] for gain in g])
    return Phases(g, r, np.mean(rates, axis=0), predicted, n, count, steps, skipped, seed)


def _rates(g: Float, r: Float, n: int, steps: tuple[int, int], random: np.random.Generator) -> Float:
    """One network for the whole grid, (gains · variances, n) states at once."""
    gain, noise = np.repeat(g, len(r))[:, None], np.tile(np.sqrt(r), len(g))[:, None]
    W = random.standard_normal((n, n)) / np.sqrt(n)
    argument = np.broadcast_to(random.standard_normal(n), (len(gain), n))
    tangent, total = np.broadcast_to(random.standard_normal(n), (len(gain), n)), np.zeros(len(gain))
    for step in range(steps[0]):
        state = np.tanh(argument)
        argument = gain * (state @ W) + noise * random.standard_normal(n)
        tangent = gain * (((1.0 - state**2) * tangent) @ W)
        norm = np.linalg.norm(tangent, axis=1)
        tangent = tangent / norm[:, None]
        if step >= steps[1]:
            total += np.log(norm)
    return np.asarray((total / (steps[0] - steps[1])).reshape(len(g), len(r)))
