"""Spectra of long products J_T ⋯ J_1 of square matrices, by QR decompositions, in logarithms.

Multiplied out, such a product keeps only its largest directions: singular values below 1e-16 of the largest are noise.
A QR decomposition after each factor keeps all of them, and nothing over- or underflows, after a million factors either.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rnnsym.dynamics.contributions import shares_of_last
from rnnsym.dynamics.scans import checked_factors, scale_into_range
from rnnsym.errors import DataError
from rnnsym.numerics import numbers
from rnnsym.numerics.arrays import as_real
from rnnsym.numerics.numbers import nonnegative, whole

Float = NDArray[np.float64]

SETTLED = 1e-10  # largest change of a logarithm in a pass; the error is of that order too where values are apart
MOST_PASSES = 1000
LN2 = float(np.log(2.0))
NOISE = float(np.finfo(float).eps)  # of a column's norm, a unit of the matrix: what a direction must exceed to be one


def lyapunov_spectrum(factors: Any, first: int = 0) -> Float:
    """Mean of ln |R_t,ii| over t, where J_t Q_{t−1} = Q_t R_t and Q_0 = I; (…, N), largest first.

    ``factors`` are J_1 … J_T, (…, T, N, N); the first ``first`` steps turn Q but are left out of the mean, so that the
    directions have settled. −∞ where a factor is singular. Errors: DataError for factors that are not finite, which
    names the step, and for ``first`` that leaves no step.
    (Benettin, Galgani, Giorgilli, Strelcyn 1980, Meccanica 15; Engelken, Wolf, Abbott 2023, Phys. Rev. Research 5.)

    >>> lyapunov_spectrum(np.tile(np.diag([0.5, 2.0]), (100, 1, 1))).round(12)
    array([ 0.69314718, -0.69314718])
    """
    matrices = checked_factors(factors)
    steps, size = matrices.shape[-3], matrices.shape[-1]
    skipped = whole("first", first, 0, steps - 1)
    frame = np.broadcast_to(np.eye(size), (*matrices.shape[:-3], size, size))
    total = np.zeros((*matrices.shape[:-3], size))
    for step in range(steps):
        scaled, exponent = scale_into_range(matrices[..., step, :, :])
        frame, triangle = np.linalg.qr(scaled @ frame)
        if step >= skipped:
            total += _logs(triangle) + exponent[..., None] * LN2
    return -np.sort(-total / (steps - skipped), axis=-1)


def log_singular_values(factors: Any, tolerance: float = SETTLED, passes: int = MOST_PASSES) -> Float:
    """The logarithms ln σ_i of J_T ⋯ J_1, (…, N), largest first; −∞ for those that are zero.

    Passes of QR decompositions through the factors, forth and back in turn, make the triangular factors diagonal: each
    pass is a step of the QR iteration on the product's square, done without forming it, until none of the logarithms
    changes by more than ``tolerance``, or ``passes`` are made. Two values so close that the iteration has not parted
    them come out between them. Errors: DataError for factors that are not finite, which names the step, for a tolerance
    that is no number from 0, and for passes that are no whole number from 1.
    (Stewart 1997, On graded QR decompositions of products of matrices, ETNA 5.)

    >>> log_singular_values([np.diag([1e-300, 1.0])] * 3).round(6)
    array([    0.      , -2072.326584])
    """
    matrices, exponents = scale_into_range(checked_factors(factors))
    most, settled = whole("passes", passes, 1), nonnegative("tolerance", tolerance)
    triangles = list(np.moveaxis(matrices, -3, 0))
    logs = np.full((*matrices.shape[:-3], matrices.shape[-1]), np.nan)
    for _ in range(most):
        before = logs
        triangles = _turned_pass(triangles)
        logs = np.sum([_logs(one) for one in triangles], axis=0)
        with np.errstate(invalid="ignore"):
            change = np.where(logs == before, 0.0, np.abs(logs - before))
        if change.max() <= settled:
            break
    return -np.sort(-logs, axis=-1) + exponents.sum(axis=-1)[..., None] * LN2


def log_singular_values_by_lag(factors: Any, lags: Iterable[int] | None = None, tolerance: float = SETTLED) -> Float:
    """The logarithms ln σ_i of J_T ⋯ J_{T−k+1} for each lag k, (…, lags, N), largest first; k = 0 … T where absent.

    Each lag is a product of its own, of the last k factors after identities, and all are followed together: up to T QR
    decompositions a lag and pass, T² a pass for all lags, in the memory of as many matrices. That is made for hundreds
    of steps; of longer products choose some lags, or take ``log_product_norms``, which has the largest value of every
    lag at T products in all. Errors: as for ``log_singular_values``, and DataError for a lag that is none.

    >>> log_singular_values_by_lag([np.diag([2.0, 1e-300])] * 3, lags=[0, 3]).round(3)
    array([[    0.   ,     0.   ],
           [    2.079, -2072.327]])
    """
    matrices = checked_factors(factors)
    steps, size = matrices.shape[-3], matrices.shape[-1]
    chosen = range(steps + 1) if lags is None else _lags(lags, steps)
    absent = np.arange(steps) < steps - np.array(chosen, dtype=int)[:, None]
    padded = np.where(absent[..., None, None], np.eye(size), matrices[..., None, :, :, :])
    return log_singular_values(padded, tolerance)


def _lags(lags: Any, steps: int) -> list[int]:
    if isinstance(lags, str) or not isinstance(lags, Iterable):
        raise DataError(f"lags: expected whole numbers from 0 to {steps}, but it is {lags!r:.80}")
    chosen = [whole("lags: each", lag, 0, steps) for lag in lags]
    if not chosen:
        raise DataError(f"lags: expected at least one whole number from 0 to {steps}, but there is none")
    return chosen


def _turned_pass(factors: list[Float]) -> list[Float]:
    """QR of the product, factor by factor; return the triangular factors transposed, in the order of the transpose.

    A_T ⋯ A_1 = Q R_T ⋯ R_1, whose singular values are those of R_1ᵀ ⋯ R_Tᵀ: applied first is now R_Tᵀ.
    """
    size = factors[0].shape[-1]
    frame: Any = np.eye(size)
    found = []
    for factor in factors:
        turned = factor @ frame
        frame, triangle = np.linalg.qr(turned)
        found.append(np.swapaxes(_without_noise(triangle, turned), -1, -2))
    return found[::-1]


def _without_noise(triangle: Float, columns: Float) -> Float:
    """Put zero for what a column has of its own direction where that is no more than the rounding of the column."""
    exponent = np.frexp(np.abs(columns).max(axis=-2))[1]  # squares of what is scaled to one stay in range
    own = np.ldexp(np.abs(np.diagonal(triangle, axis1=-2, axis2=-1)), -exponent)
    norms = np.linalg.norm(np.ldexp(columns, -exponent[..., None, :]), axis=-2)
    noise = own <= NOISE * columns.shape[-1] * norms
    return np.where(noise[..., None] & np.eye(columns.shape[-1], dtype=bool), 0.0, triangle)


def _logs(triangles: Float) -> Float:
    with np.errstate(divide="ignore"):
        return np.asarray(np.log(np.abs(np.diagonal(triangles, axis1=-2, axis2=-1))))


def log_spectral_radius(factors: Any) -> Float:
    """The logarithm ln ρ(J_T ⋯ J_1), (…,), −∞ for a product whose powers vanish.

    Eigenvalues of the product itself, scaled by powers of two: exact up to the rounding of the product. Errors: as for
    ``lyapunov_spectrum``.

    >>> float(log_spectral_radius(np.full((1000, 1, 1), 1e300)).round(6))
    690775.527898
    """
    product, exponents = checked_factors(factors), np.zeros(np.shape(factors)[:-2], dtype=np.int64)
    while product.shape[-3] > 1:  # neighbours are multiplied, all pairs at once
        product, exponents = _paired(*_scaled(product, exponents))
    product, exponents = _scaled(product, exponents)
    with np.errstate(divide="ignore"):
        radii = np.log(np.abs(np.linalg.eigvals(product[..., 0, :, :])).max(axis=-1))
    return np.asarray(radii + exponents[..., 0] * LN2)


def _scaled(product: Float, exponents: Any) -> tuple[Float, Any]:
    """Divide each matrix by a power of two, which is exact, and keep count of these."""
    powers = np.frexp(np.abs(product).max(axis=(-2, -1)))[1].astype(np.int64)
    return np.ldexp(product, -powers[..., None, None]), exponents + powers


def _paired(product: Float, exponents: Any) -> tuple[Float, Any]:
    """Multiply matrices 2 and 1, 4 and 3, …; the last of an odd number stays by itself."""
    even = product.shape[-3] // 2 * 2
    pairs = product[..., 1:even:2, :, :] @ product[..., 0:even:2, :, :]
    sums = exponents[..., 1:even:2] + exponents[..., 0:even:2]
    product = np.concatenate([pairs, product[..., even:, :, :]], axis=-3)
    return product, np.concatenate([sums, exponents[..., even:]], axis=-1)


def memory_length(log_norms: Any, share: float = 0.95) -> Any:
    """The least k such that the last k steps hold ``share`` of Σ_j ‖∂L/∂W^(j)‖, of the norms' logarithms (…, T).

    It is the effective memory of a parameter, whose norms are ``path_contributions(…).log_norms[W]``: a whole number,
    or of several parameters or networks an array (…) of them. Errors: DataError for a share outside (0, 1], for what is
    no logarithm of a norm (−∞ is that of zero), and where every norm is zero.

    >>> memory_length(np.log(0.5) * np.arange(100)[::-1], share=0.95)
    5
    """
    least, logs = numbers.share("share", share), np.asarray(as_real("log_norms", log_norms), dtype=np.float64)
    if not logs.ndim or not logs.size:
        raise DataError(f"log_norms: expected numbers (…, T), T from 1, but the shape is {logs.shape}")
    if np.isnan(logs).any() or (logs == np.inf).any():
        raise DataError("log_norms: expected logarithms of norms, finite or −∞, but one is "
                        f"{'NaN' if np.isnan(logs).any() else '∞'}")
    lengths = np.argmax(shares_of_last(logs) >= least, axis=-1)
    return lengths if lengths.ndim else int(lengths)
