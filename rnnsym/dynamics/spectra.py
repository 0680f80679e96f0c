"""Spectra of long products J_T ⋯ J_1 of square matrices, by QR decompositions, in logarithms.

Multiplied out, such a product keeps only its largest directions: singular values below 1e-16 of the largest are noise.
A QR decomposition after each factor keeps all of them, and nothing over- or underflows, after a million factors either.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from rnnsym.dynamics.contributions import shares_of_last
from rnnsym.errors import DataError

Float = NDArray[np.float64]

SETTLED = 1e-10  # largest change of a logarithm in a pass; the error is of that order too where values are apart
MOST_PASSES = 1000
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
    if not 0 <= first < steps:
        raise DataError(f"first: expected a whole number from 0 to {steps - 1}, but it is {first!r:.80}")
    frame = np.broadcast_to(np.eye(size), (*matrices.shape[:-3], size, size))
    total = np.zeros((*matrices.shape[:-3], size))
    for step in range(steps):
        frame, triangle = np.linalg.qr(matrices[..., step, :, :] @ frame)
        if step >= first:
            total += _logs(triangle)
    return -np.sort(-total / (steps - first), axis=-1)


def log_singular_values(factors: Any, tolerance: float = SETTLED, passes: int = MOST_PASSES) -> Float:
    """The logarithms ln σ_i of J_T ⋯ J_1, (…, N), largest first; −∞ for those that are zero.

    Passes of QR decompositions through the factors, forth and back in turn, make the triangular factors diagonal: each
    pass is a step of the QR iteration on the product's square, done without forming it, until none of the logarithms
    changes by more than ``tolerance``, or ``passes`` are made. Two values so close that the iteration has not parted
    them come out between them. Errors: as for ``lyapunov_spectrum``.
    (Stewart 1997, On graded QR decompositions of products of matrices, ETNA 5.)

    >>> log_singular_values([np.diag([1e-300, 1.0])] * 3).round(6)
    array([    0.      , -2072.326584])
    """
    matrices = checked_factors(factors)
    triangles = list(np.moveaxis(matrices, -3, 0))
    before = np.full((*matrices.shape[:-3], matrices.shape[-1]), np.nan)
    for _ in range(passes):
        triangles = _turned_pass(triangles)
        logs = np.sum([_logs(one) for one in triangles], axis=0)
        with np.errstate(invalid="ignore"):
            change = np.where(logs == before, 0.0, np.abs(logs - before))
        if change.max() <= tolerance:
            break
        before = logs
    return -np.sort(-before if np.isnan(logs).any() else -logs, axis=-1)


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
    own = np.abs(np.diagonal(triangle, axis1=-2, axis2=-1))
    noise = own <= NOISE * columns.shape[-1] * np.linalg.norm(columns, axis=-2)
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
    return np.asarray(radii + exponents[..., 0] * np.log(2.0))


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


def memory_length(log_norms: Any, share: float = 0.95) -> int:
    """The least k such that the last k steps hold ``share`` of Σ_j ‖∂L/∂W^(j)‖, of the norms' logarithms (T,).

    Errors: DataError for a share outside (0, 1], and where every norm is zero.

    >>> memory_length(np.log(0.5) * np.arange(100)[::-1], share=0.95)
    5
    """
    if not 0 < share <= 1:
        raise DataError(f"share: expected a number above 0 and up to 1, but it is {share!r:.80}")
    return int(np.argmax(shares_of_last(log_norms) >= share))


def checked_factors(factors: Any) -> Float:
    """Return factors as float64 (…, T, N, N). Errors: DataError for another shape, and a step that is not finite."""
    matrices = np.asarray(factors, dtype=np.float64)
    if matrices.ndim < 3 or matrices.shape[-1] != matrices.shape[-2] or not matrices.size:
        raise DataError(f"factors: expected square matrices (…, T, N, N), T from 1, but the shape is {matrices.shape}")
    finite = np.isfinite(matrices).all(axis=(-2, -1))
    if not finite.all():
        place = tuple(int(i) for i in np.argwhere(~finite)[0])
        sequence = f" of sequence {place[0]}" if len(place) > 1 else ""
        raise DataError(f"factors: the matrix of step {place[-1] + 1}{sequence} is not finite")
    return matrices
