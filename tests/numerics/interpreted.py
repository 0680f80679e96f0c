"""Generated modules for numba, run by Python itself: every line is checked without waiting for a compiler."""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any
from unittest.mock import MagicMock, patch

import numpy as np

from rnnsym.numerics.loading import load_source

WORD = 2**64 - 1


def bits(a: float) -> int:
    return int(np.float64(a).view(np.int64))


def number(a: int) -> float:
    return float(np.uint64(a & WORD).view(np.float64))


def seen_as(values: Any, shape: tuple[int, ...]) -> Any:
    found = values.reshape(shape)
    assert np.shares_memory(found, values) or not values.size
    return found


def njit(signature: Any = None, **options: Any) -> Any:
    """Leave functions as they are, whether or not a signature is given."""
    return lambda function: function


def intrinsic(function: Callable[..., Any]) -> Any:
    return {"bits": bits, "number": number, "seen_as": seen_as}[function.__name__]


def interpreted(source: str) -> ModuleType:
    """Return the module of a source for numba, with numba's decorators replaced by none."""
    numba, extending = ModuleType("numba"), ModuleType("numba.extending")
    numba.__dict__.update(njit=njit, types=MagicMock())
    extending.__dict__.update(intrinsic=intrinsic)
    errors = ModuleType("numba.core.errors")
    errors.__dict__.update(NumbaError=type("NumbaError", (Exception,), {}))
    inner: dict[str, Any] = {
        f"numba.{name}": MagicMock() for name in ("core", "core.cgutils", "core.imputils", "np", "np.arrayobj")}
    with patch.dict(sys.modules, {"numba": numba, "numba.extending": extending, **inner, errors.__name__: errors}):
        return load_source("interpreted", source)
