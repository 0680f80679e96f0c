"""What theory says of gradients over many steps: closed forms to set beside measurements.

Logarithms are natural; a rate is the growth of ln‖∂s_t/∂s_0‖ a step.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rnnsym.errors import DataError
from rnnsym.numerics.arrays import as_floats
from rnnsym.numerics.numbers import nonnegative, number, positive, whole

Float = NDArray[np.float64]

FARTHEST = 9.0  # standard deviations: beyond, a Gaussian holds less than 1e-18
NODES = 600  # of Gauss and Legendre; tanh(√q z) has its poles at distance π / (2 √q), which this resolves to q = 400
LARGEST_VARIANCE = 400.0
LEAST_GAIN = 1e-150
FARTHEST_START = 350.0  # 1 − tanh² is 4 exp(−2·350) = 4e-304 there
SETTLED = 1e-14  # relative change of the variance between two iterations
MOST_ITERATIONS = 100_000


@dataclass(frozen=True)
class LogNorm:
    """Mean and variance of ln‖J_T ⋯ J_1 v‖ over independent draws."""

    mean: float
    variance: float

    @property
    def deviation(self) -> float:
        """The standard deviation."""
        return math.sqrt(self.variance)


def gaussian_product(n: int, steps: int, gain: float = 1.0) -> LogNorm:
    """ln‖W_T ⋯ W_1 v‖ for independent W_t with entries N(0, g²/n) and a unit vector v.

    Mean T (½ [ln 2 + ψ(n/2) − ln n] + ln g), variance T ψ′(n/2) / 4: each ‖W v‖²/‖v‖² is g²/n times a χ² of n degrees
    of freedom, and the factors are independent. It does not hold for one tied W, whose rate tends to ln ρ(W) (Gelfand).
    Errors: DataError for n or T that are no whole numbers from 1, for a gain that is not positive.
    (Cohen, Newman 1984, The stability of large random matrices and their products, Ann. Probab. 12.)

    >>> found = gaussian_product(10, 100)
    >>> round(found.mean, 3), round(found.deviation, 3)
    (-5.166, 2.352)
    """
    from scipy.special import polygamma, psi

    size, length, scale = whole("n", n, 1), whole("steps", steps, 1), positive("gain", gain)
    one = 0.5 * (math.log(2.0) + float(psi(size / 2)) - math.log(size)) + math.log(scale)
    return LogNorm(length * one, length * float(polygamma(1, size / 2)) / 4)


def uniform_rate() -> float:
    """½ ln(1/3) = −0.5493, the rate of a linear network with W ~ U(±1/√n), PyTorch's default, for large n.

    The entries have the variance 1/(3n), so that ρ(W) → 1/√3 (the circular law).

    >>> round(uniform_rate(), 4)
    -0.5493
    """
    return 0.5 * math.log(1 / 3)


@dataclass(frozen=True)
class MeanField:
    """A random tanh network of many units in its stationary state.

    ``variance`` is q, that of a unit's argument; ``growth`` is χ, the mean growth of ‖∂s_t/∂s_0‖² a step.
    """

    variance: float
    growth: float

    @property
    def rate(self) -> float:
        """½ ln χ, the largest Lyapunov exponent."""
        return 0.5 * math.log(self.growth)


def mean_field(gain: float, input_variance: float = 0.0) -> MeanField:
    """The variance q = g² E tanh²(√q z) + R and the growth χ = g² E sech⁴(√q z), z ~ N(0, 1).

    They are those of a unit's argument a_t = s_{t−1} W + x_t, s_t = tanh(a_t), W_ij ~ N(0, g²/n), n → ∞, one tied W.
    ``input_variance`` R is that of each unit's drive, drawn anew at each step. Without it q = 0 and χ = g² for g ≤ 1.
    Errors: DataError for a gain that is not positive or below 1e-150, whose square is no float, a variance that is
    negative, and where q exceeds 400: the quadrature does not resolve that.
    (Sompolinsky, Crisanti, Sommers 1988, Phys. Rev. Lett. 61; Molgedey, Schuchhardt, Schuster 1992, 69.)

    >>> found = mean_field(2.0)
    >>> round(found.variance, 5), round(found.growth, 5), round(found.rate, 5)
    (2.12147, 1.36267, 0.15472)
    """
    scale, added = positive("gain", gain), nonnegative("input_variance", input_variance)
    if scale < LEAST_GAIN:
        raise DataError(f"gain: expected a number from {LEAST_GAIN:g}, but it is {gain!r:.80}: its square is no float")
    variance = _stationary_variance(scale, added)
    return MeanField(variance, scale**2 * _expected(lambda z: np.cosh(math.sqrt(variance) * z) ** -4.0))


def _stationary_variance(gain: float, added: float) -> float:
    """Iterate q ← g² E tanh²(√q z) + R from above: the map rises and is concave, so that q falls to its fixed point."""
    if added == 0.0 and gain <= 1.0:
        return 0.0
    variance = gain * gain + added  # ∞ where it overflows
    if variance > LARGEST_VARIANCE:
        raise DataError(f"gain, input_variance: g² + R is {variance:g}, and the variance may be at most "
                        f"{LARGEST_VARIANCE:g}: take smaller ones")
    for _ in range(MOST_ITERATIONS):
        root = math.sqrt(variance)
        following = gain**2 * _expected(lambda z, root=root: np.tanh(root * z) ** 2) + added  # type: ignore[misc]
        if abs(following - variance) <= SETTLED * variance:
            return following
        variance = following
    raise DataError(f"gain: at {gain!r} the variance has not settled in {MOST_ITERATIONS} iterations; the critical "
                    "gain without input is 1: take one farther from it")


def _expected(function: Callable[[Float], Float]) -> float:
    """E f(z), z ~ N(0, 1), by Gauss and Legendre on a finite interval, which resolves what is steep at 0."""
    z, weights = _quadrature()
    return float((weights * function(z)).sum())


@cache
def _quadrature() -> tuple[Float, Float]:
    """Nodes z and the weights that belong to N(0, 1) there."""
    nodes, weights = np.polynomial.legendre.leggauss(NODES)
    z = FARTHEST * nodes
    return z, weights * np.exp(-0.5 * z**2) * (FARTHEST / math.sqrt(2 * math.pi))


def forget_gate_product(biases: Any, steps: int) -> Float:
    """The product ln ∏_{t=1..T} f_t = T ln σ(b): the direct path through a forget gate whose argument is its bias.

    ``biases`` is a number or an array; ln σ(b) = −ln(1 + e^(−b)) neither under- nor overflows. Errors: DataError for
    steps that are no whole number from 1, and where T b is no float. (Gers, Schmidhuber, Cummins 2000, Neural
    Computation 12.)

    >>> [f"{value:.1e}" for value in np.exp(forget_gate_product([0.0, 1.0], 100))]
    ['7.9e-31', '2.5e-14']
    """
    length, each = whole("steps", steps, 1), as_floats("biases", biases)
    with np.errstate(over="ignore"):
        found = np.asarray(-length * np.logaddexp(0.0, -each))
    if not np.isfinite(found).all():
        raise DataError(f"biases: over {length} steps the logarithm for {each.min():g} is no float: take larger biases")
    return found


def latches(weight: float, bias: float) -> bool:
    """Whether a = w tanh(a) + b has two stable fixed points: w > 1 and |b| < w √(1 − 1/w) − artanh √(1 − 1/w).

    Such a unit keeps one bit for ever, and where it does so its gradient vanishes (Bengio, Simard, Frasconi 1994,
    section III). Errors: DataError for what is no number.

    >>> latches(2.0, 0.5), latches(2.0, 0.6), latches(0.9, 0.0)
    (True, False, False)
    """
    return abs(number("bias", bias)) < latch_bias(weight)


def latch_bias(weight: float) -> float:
    """The bias w √(1 − 1/w) − artanh √(1 − 1/w) below which a unit latches; 0 for w ≤ 1, which never does.

    At this bias a stable fixed point and an unstable one meet: 1 = w (1 − tanh² a). Computed is, with r = √(1 − 1/w),
    artanh r = ln(1 + r) + ½ ln w, which is finite for every w.

    >>> round(latch_bias(2.0), 6)
    0.53284
    """
    own = number("weight", weight)
    if own <= 1.0:
        return 0.0
    root = math.sqrt(1.0 - 1.0 / own)
    return own * root - math.log1p(root) - 0.5 * math.log(own)


def tanh_decay(start: float, steps: int) -> float:
    """∂h_T/∂h_0 = ∏_{t=1..T} (1 − h_t²) for h_t = tanh(h_{t−1}): it decays as T^(−3/2), a power and no exponential.

    h_t → √(3 / (2t)), since 1/tanh²h = 1/h² + 2/3 + O(h²). Errors: DataError for steps that are no whole number from 1,
    and for a start beyond ±350, where the first factor falls below the floats.

    >>> round(tanh_decay(1.0, 100), 14)
    0.00159200408637
    """
    state, product = number("start", start), 1.0
    if abs(state) > FARTHEST_START:
        raise DataError(f"start: expected a number from −{FARTHEST_START:g} to {FARTHEST_START:g}, but it is "
                        f"{start!r:.80}")
    for _ in range(whole("steps", steps, 1)):
        product /= math.cosh(state) ** 2
        state = math.tanh(state)
    return product


def wall_rate(weight: float, state: float) -> float:
    """ln(w σ′(x)) at a fixed point x = w σ(x) + b of a single unit: negative where it attracts.

    Where a parameter moves a fixed point's rate through 0 the last state jumps: the wall of Pascanu, Mikolov, Bengio
    2013, section 2.3. Errors: DataError for a weight that is not positive.

    >>> round(wall_rate(4.0, 0.0), 12)
    0.0
    """
    own, at = positive("weight", weight), number("state", state)
    return math.log(own) - float(np.logaddexp(0.0, -at)) - float(np.logaddexp(0.0, at))
