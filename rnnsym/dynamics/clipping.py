"""Gradient clipping: three laws that keep a gradient below a threshold, over one array or over all of a network.

A gradient is an array, or a dict of name to array, whose norm is that of all entries together (the global norm).
Nothing is clipped silently: what is not finite is refused, for no scaling makes a direction of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, overload

import numpy as np
from numpy.typing import NDArray

from rnnsym.dynamics.numbers import nonnegative, positive
from rnnsym.errors import DataError
from rnnsym.numerics.arrays import as_floats

Float = NDArray[np.float64]
Gradients = Mapping[str, Any]


def global_norm(gradients: Any) -> float:
    """√(Σ g²) over all entries of all arrays, without overflow on the way.

    Errors: DataError for what is no array of finite numbers, and where the norm itself exceeds the largest float.

    >>> global_norm({"W": [[3.0]], "b": [4.0]})
    5.0
    """
    arrays = list(_arrays(gradients).values())
    largest = max((float(np.abs(one).max(initial=0.0)) for one in arrays), default=0.0)
    if largest == 0.0:
        return 0.0
    exponent = int(np.frexp(largest)[1])  # a power of two divides exactly
    squares = sum(float(np.square(np.ldexp(one, -exponent)).sum()) for one in arrays)
    with np.errstate(over="ignore"):
        norm = float(np.ldexp(np.sqrt(squares), exponent))
    if not np.isfinite(norm):
        raise DataError(f"gradients: the norm is above the largest float (the largest entry is {largest:g}): "
                        "clip by value first")
    return norm


@overload
def clip_by_norm(gradients: Mapping[str, Any], threshold: float, epsilon: float = ...) -> dict[str, Float]: ...
@overload
def clip_by_norm(gradients: Any, threshold: float, epsilon: float = ...) -> Any: ...
def clip_by_norm(gradients: Any, threshold: float, epsilon: float = 0.0) -> Any:
    """The gradient g ← (θ / (‖g‖ + ε)) g where that shortens it, ‖g‖ the norm of all entries of all arrays.

    The arrays are fresh. The direction stays, and the norm is never above θ. ``epsilon`` 0 is algorithm 1 of Pascanu,
    Mikolov, Bengio 2013, which leaves a clipped gradient as it is; 1e-6 is ``torch.nn.utils.clip_grad_norm_``, which
    shortens already where ‖g‖ > θ − ε. Errors: DataError for a threshold that is not positive, an ε that is negative,
    and gradients that are not finite.

    >>> clip_by_norm([3.0, 4.0], 1.0)
    array([0.6, 0.8])
    """
    most, small = positive("threshold", threshold), nonnegative("epsilon", epsilon)
    found, norm = _arrays(gradients), global_norm(gradients)
    factor = most / (norm + small) if norm + small > 0 else 1.0
    if factor >= 1.0:
        return _like(gradients, found)
    clipped = {name: one * factor for name, one in found.items()}
    while global_norm(clipped) > most:  # by rounding alone: the product may exceed the threshold by a last digit
        factor = float(np.nextafter(factor, 0.0))
        clipped = {name: one * factor for name, one in found.items()}
    return _like(gradients, clipped)


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
