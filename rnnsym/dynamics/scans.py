"""Products of the last k factors A_T ⋯ A_{T−k+1} for all lags k at once: a scan in blocks, beyond the range of floats.

Factors are rescaled by powers of two (which is exact) and the exponents added up as integers. The products of many
blocks of lags are formed side by side, and each is then multiplied by the product of all before it: a million lags are
a few thousand calls, in memory that does not grow with them.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from rnnsym.errors import DataError
from rnnsym.model.stacking import flattened, with_axes
from rnnsym.numerics.arrays import as_real

Float = NDArray[np.float64]

TOGETHER = 2**18  # entries of one sequence's matrices that are held at a time: two megabytes stay in the cache
BLOCK = 128  # lags of a block; fewer than two blocks are multiplied one by one
MOST = 1020  # bits of an entry, less those of N: N times it, and four times that, is below 2^1024
ENOUGH = 500  # an entry of 2^-500 may shrink by 2^-500 and still be exact
CANCELLED = 16  # bits that the product of two products may lose; where it loses more, factors are taken one by one


class Scaled(NamedTuple):
    """Products, (lags, …, N, N), each to be multiplied by 2^exponent; ``lost`` (…) says which lost too many bits."""

    mantissas: Float
    exponents: NDArray[np.int64]
    lost: NDArray[np.bool_]


def log_product_norms(factors: Any) -> Float:
    """‖A_T A_{T−1} ⋯ A_{T−k+1}‖₂ for k = 0 … T, as natural logarithms, (…, T + 1), −∞ for zero.

    ``factors`` are A_1 … A_T, (…, T, N, N). All lags cost O(T N³) operations and, beside factors and result, the memory
    of two megabytes a sequence: a million steps of a few units take seconds. A norm is exact up to the rounding of the
    product: where directions cancel, as many digits are lost as in any product of floats, and by the blocks at
    most 2^16 times more. Errors: DataError for another shape, and for a factor that is not finite, naming the step.

    >>> norms = log_product_norms(np.broadcast_to([[1e-200]], (1_000_000, 1, 1)))
    >>> round(float(norms[-1] / np.log(10)), 3)
    -200000000.0
    """
    latest_first = np.moveaxis(checked_factors(factors), -3, 0)[::-1]
    steps, size = len(latest_first), latest_first.shape[-1]
    product: Float = np.broadcast_to(np.eye(size), latest_first.shape[1:])
    exponent = np.zeros(product.shape[:-2], dtype=np.int64)
    found = [_log_norms(product, exponent)[None]]
    at_a_time = BLOCK * max(1, TOGETHER // (BLOCK * size**2))
    for start in range(0, steps, at_a_time):
        chunk = latest_first[start:start + at_a_time]
        whole = len(chunk) // BLOCK * BLOCK
        for part in (chunk[:whole], chunk[whole:]) if whole > BLOCK else (chunk,):
            if len(part):
                products = _products(part, product, exponent)
                found.append(_log_norms(products.mantissas, products.exponents))
                product, exponent = products.mantissas[-1], products.exponents[-1]
    return np.asarray(np.moveaxis(np.concatenate(found), 0, -1))


def _log_norms(mantissas: Float, exponents: NDArray[np.int64]) -> Float:
    norms = np.linalg.svd(mantissas, compute_uv=False)[..., 0]
    with np.errstate(divide="ignore"):
        return np.asarray(np.log(norms) + exponents * np.log(2.0))


def _products(factors: Float, product: Float, exponent: NDArray[np.int64]) -> Scaled:
    """The products of ``product`` and the first factor, the first two, …; by blocks where they lose nothing."""
    if len(factors) % BLOCK or len(factors) == BLOCK:
        return _one_by_one(factors, product, exponent)
    mantissas, exponents, lost = _by_blocks(factors, product, exponent)
    if lost.any():
        again = _one_by_one(factors[:, lost], product[lost], exponent[lost])
        mantissas[:, lost], exponents[:, lost] = again.mantissas, again.exponents
    return Scaled(mantissas, exponents, lost)


def _one_by_one(factors: Float, product: Float, exponent: NDArray[np.int64]) -> Scaled:
    mantissas = np.zeros(factors.shape)
    exponents = np.zeros(factors.shape[:-2], dtype=np.int64)
    lost = np.zeros(exponents.shape[1:], dtype=bool)
    for lag, factor in enumerate(factors):
        scaled, power = scale_to_one(factor, axes=2)
        product, own = scale_to_one(product @ scaled, axes=2)
        exponent = exponent + power + own
        mantissas[lag], exponents[lag] = product, exponent
        lost |= _has_lost(product, own)
        if lost.all() and not product.any():
            break  # zero for good
    return Scaled(mantissas, exponents, lost)


def _has_lost(product: Float, own: Any) -> NDArray[np.bool_]:
    """Whether a product of two matrices scaled to one is far below one, or zero: these have no exponent."""
    return np.asarray((own < -CANCELLED) | ~product.any(axis=(-2, -1)))


def _by_blocks(factors: Float, product: Float, exponent: NDArray[np.int64]) -> Scaled:
    blocks = np.swapaxes(factors.reshape(-1, BLOCK, *factors.shape[1:]), 0, 1)  # (lag within the block, block, …)
    identity = np.broadcast_to(np.eye(factors.shape[-1]), blocks.shape[1:])
    within = _one_by_one(blocks, identity, np.zeros(identity.shape[:-2], dtype=np.int64))
    heads = _one_by_one(within.mantissas[-1], product, exponent)
    before = np.concatenate([product[None], heads.mantissas[:-1]])
    powers = np.cumsum(within.exponents[-1], axis=0)  # of the blocks, whose mantissas alone are in the heads
    offsets = np.concatenate([exponent[None], (heads.exponents + powers)[:-1]])
    joined, own = scale_to_one(before @ within.mantissas, axes=2)
    exponents = within.exponents + offsets + own
    lost = within.lost.any(axis=0) | heads.lost | _has_lost(joined, own).any(axis=(0, 1))
    return Scaled(_in_order(joined, factors), _in_order(exponents, factors[..., 0, 0]), lost)


def _in_order(blocks: Any, like: Float) -> Any:
    """Put (lag within the block, block, …) into the order of the lags."""
    return np.swapaxes(blocks, 0, 1).reshape(like.shape)


def scale_to_one(array: Float, axes: int) -> tuple[Float, Any]:
    """Return (array / 2^e, e), the largest entry of each item in [½, 1); e = 0 for an item of zeros.

    An item is what the last ``axes`` axes span; the e have the axes in front of these.
    """
    exponent = np.frexp(np.abs(flattened(array, axes)).max(axis=-1, initial=0.0))[1]
    return np.ldexp(array, -with_axes(exponent, axes)), exponent


def scale_into_range(matrices: Float) -> tuple[Float, Any]:
    """Return (matrices / 2^e, e), e = 0 unless the largest entry is so large or small that products leave the floats.

    Turned by an orthogonal matrix, and decomposed, the result neither overflows nor is rounded to subnormal numbers.
    ``matrices`` are (…, N, N), the e (…). Lost are entries near 1e-323 beside one above 1e306.
    """
    exponent = np.frexp(np.abs(matrices).max(axis=(-2, -1)))[1]
    exponent = exponent - np.clip(exponent, -ENOUGH, MOST - matrices.shape[-1].bit_length())
    return np.ldexp(matrices, -exponent[..., None, None]) if exponent.any() else matrices, exponent


def checked_factors(factors: Any) -> Float:
    """Return factors as float64 (…, T, N, N).

    Errors: DataError for what is not real, for another shape, and for a step that is not finite.
    """
    matrices = np.asarray(as_real("factors", factors), dtype=np.float64)
    if matrices.ndim < 3 or matrices.shape[-1] != matrices.shape[-2] or not matrices.size:
        raise DataError(f"factors: expected square matrices (…, T, N, N), T from 1, but the shape is {matrices.shape}")
    at_a_time = max(1, TOGETHER // matrices.shape[-1]**2)
    for start in range(0, matrices.shape[-3], at_a_time):
        finite = np.isfinite(matrices[..., start:start + at_a_time, :, :]).all(axis=(-2, -1))
        if not finite.all():
            place = tuple(int(i) for i in np.argwhere(~finite)[0])
            sequence = f" of sequence {place[0]}" if len(place) > 1 else ""
            raise DataError(f"factors: the matrix of step {start + place[-1] + 1}{sequence} is not finite")
    return matrices
