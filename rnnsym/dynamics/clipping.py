"""Gradient clipping: three laws that keep a gradient below a threshold, over one array or over all of a network.

A gradient is an array, or a dict of name to array, whose norm is that of all entries together (the global norm).
Nothing is clipped silently: what is not finite is refused, for no scaling makes a direction of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, overload

import numpy as np
from numpy.typing import NDArray

from rnnsym.errors import NotFiniteError
from rnnsym.numerics.arrays import as_floats
from rnnsym.numerics.numbers import nonnegative, positive

Float = NDArray[np.float64]
Gradients = Mapping[str, Any]


def global_norm(gradients: Any) -> float:
    """√(Σ g²) over all entries of all arrays, without overflow on the way.

    Errors: DataError for what is no array of finite numbers, NotFiniteError where the norm itself exceeds the largest
    float.

    >>> global_norm({"W": [[3.0]], "b": [4.0]})
    5.0
    """
    found = _arrays(gradients)
    norm = _times_power(*_scaled_norm(found))
    if np.isinf(norm):
        largest = max(float(np.abs(one).max(initial=0.0)) for one in found.values())
        raise NotFiniteError(f"gradients: the norm is above the largest float (the largest entry is {largest:g}): "
                             "clip by value or by norm first")
    return norm


def _scaled_norm(arrays: Mapping[str, Float]) -> tuple[float, int]:
    """Return (‖g‖ / 2^e, e), the largest entry over 2^e in [½, 1): neither it nor a square over- or underflows."""
    largest = max((float(np.abs(one).max(initial=0.0)) for one in arrays.values()), default=0.0)
    exponent = int(np.frexp(largest)[1])  # a power of two divides exactly
    squares = sum(float(np.square(np.ldexp(one, -exponent)).sum()) for one in arrays.values())
    return float(np.sqrt(squares)), exponent


def _times_power(number: float, exponent: int) -> float:
    """The float number · 2^exponent; ∞ above the largest float, and 0 below the smallest."""
    with np.errstate(over="ignore", under="ignore"):
        return float(np.ldexp(number, exponent))


@overload
def clip_by_norm(gradients: Mapping[str, Any], threshold: float, epsilon: float = ...) -> dict[str, Float]: ...
@overload
def clip_by_norm(gradients: Any, threshold: float, epsilon: float = ...) -> Any: ...
def clip_by_norm(gradients: Any, threshold: float, epsilon: float = 0.0) -> Any:
    """The gradient g ← (θ / (‖g‖ + ε)) g where that shortens it, ‖g‖ the norm of all entries of all arrays.

    The arrays are fresh. The direction stays, and the norm is never above θ, which may be any float: where ‖g‖ itself
    exceeds the largest, too. An entry that comes out subnormal (below 2.3e-308) is rounded towards 0. ``epsilon`` 0 is
    algorithm 1 of Pascanu, Mikolov, Bengio 2013, which leaves a clipped gradient as it is; 1e-6 is
    ``torch.nn.utils.clip_grad_norm_``, which shortens already where ‖g‖ > θ − ε. Errors: DataError for a threshold that
    is not positive, an ε that is negative, and gradients that are not finite.

    >>> clip_by_norm([3.0, 4.0], 1.0)
    array([0.6, 0.8])
    """
    most, small = positive("threshold", threshold), nonnegative("epsilon", epsilon)
    found = _arrays(gradients)
    length, power = _sum(*_scaled_norm(found), small)
    if _times_power(most, -power) >= length:
        return _like(gradients, found)
    share, exponent = (float(one) for one in np.frexp(np.frexp(most)[0] / np.frexp(length)[0]))
    exponent += int(np.frexp(most)[1]) - int(np.frexp(length)[1]) - power
    clipped = {name: _times(one, share, int(exponent)) for name, one in found.items()}
    while _exceeds(clipped, most):  # by rounding alone: the product may exceed the threshold by a last digit
        share = float(np.nextafter(share, 0.0))
        clipped = {name: _times(one, share, int(exponent)) for name, one in found.items()}
    return _like(gradients, clipped)


def _sum(norm: float, exponent: int, epsilon: float) -> tuple[float, int]:
    """(norm · 2^exponent + ε) / 2^e and an e with which neither of the two overflows."""
    power = max(exponent, int(np.frexp(epsilon)[1])) if epsilon else exponent
    return _times_power(norm, exponent - power) + _times_power(epsilon, -power), power


def _exceeds(arrays: Mapping[str, Float], threshold: float) -> bool:
    norm, exponent = _scaled_norm(arrays)
    return norm > _times_power(threshold, -exponent)


def _times(array: Float, share: float, exponent: int) -> Float:
    """Return array · share · 2^exponent, rounded once: to the nearest, but what is subnormal towards 0.

    Rounded to the nearest, entries of a few units of 5e-324 would keep above the threshold for ever.
    """
    mantissas, own = np.frexp(array)
    exact, power = mantissas * share, own + exponent
    with np.errstate(under="ignore"):
        found = np.ldexp(exact, power)
    subnormal = np.abs(found) < np.finfo(float).tiny
    away = subnormal & (np.abs(np.ldexp(np.where(subnormal, found, 0.0), -power)) > np.abs(exact))
    return np.where(away, np.nextafter(found, 0.0), found)


def clip_each_by_norm(gradients: Gradients, threshold: float, epsilon: float = 0.0) -> dict[str, Float]:
    """``clip_by_norm`` for each array by its own norm: the direction within each stays, that of all together may turn.

    Errors as for ``clip_by_norm``.
    """
    return {name: clip_by_norm(one, threshold, epsilon) for name, one in _arrays(gradients).items()}


def clip_by_value(gradients: Any, threshold: float) -> Any:
    """Each entry g_i ← min(max(g_i, −θ), θ); fresh arrays. The direction may turn (Karpathy 2015, min-char-rnn).

    Errors: DataError for a threshold that is not positive, and gradients that are not finite.

    >>> clip_by_value([30.0, 4.0], 5.0)
    array([5., 4.])
    """
    most = positive("threshold", threshold)
    return _like(gradients, {name: np.clip(one, -most, most) for name, one in _arrays(gradients).items()})


def _arrays(gradients: Any) -> dict[str, Float]:
    if isinstance(gradients, Mapping):
        return {name: as_floats(f"gradient of {name}", one) for name, one in gradients.items()}
    return {"": as_floats("gradient", gradients)}


def _like(given: Any, arrays: dict[str, Float]) -> Any:
    return arrays if isinstance(given, Mapping) else arrays[""]
