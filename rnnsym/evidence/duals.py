"""Numbers with tangents: the rules of sums, products and quotients, whatever the numbers are."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Self, Union

import numpy as np

Number = Union["Dual", int]


@dataclass(frozen=True, eq=False)
class Dual:
    """A number with its derivative in each direction (None: all zero); ``constant`` makes one of a whole number."""

    value: Any
    tangent: Any = field(default=None, repr=False)

    @classmethod
    def constant(cls, number: int) -> Self:
        """Return a whole number, which no direction changes."""
        raise NotImplementedError(f"{cls.__name__} does not say how a whole number enters")

    def _lifted(self, other: Any) -> Self:
        return other if isinstance(other, type(self)) else self.constant(int(other))

    def __add__(self, other: Number) -> Self:
        if isinstance(other, np.ndarray):
            return NotImplemented  # the array then adds entry by entry
        right = self._lifted(other)
        return type(self)(self.value + right.value, _add(self.tangent, right.tangent))

    __radd__ = __add__

    def __neg__(self) -> Self:
        return type(self)(-self.value, None if self.tangent is None else -self.tangent)

    def __sub__(self, other: Number) -> Self:
        return NotImplemented if isinstance(other, np.ndarray) else self + -self._lifted(other)

    def __rsub__(self, other: Number) -> Self:
        return self._lifted(other) - self

    def __mul__(self, other: Number) -> Self:
        if isinstance(other, np.ndarray):
            return NotImplemented
        right = self._lifted(other)
        tangent = _add(scaled(right.value, self.tangent), scaled(self.value, right.tangent))
        return type(self)(self.value * right.value, tangent)

    __rmul__ = __mul__

    def __truediv__(self, other: Number) -> Self:
        return NotImplemented if isinstance(other, np.ndarray) else self * self._lifted(other).inverse()

    def __rtruediv__(self, other: Number) -> Self:
        return self._lifted(other) * self.inverse()

    def inverse(self) -> Self:
        """1/a, with derivative −ȧ/a²."""
        inverse = 1 / self.value
        return type(self)(inverse, scaled(-inverse * inverse, self.tangent))


def _add(left: Any, right: Any) -> Any:
    if left is None or right is None:
        return right if left is None else left
    return left + right


def scaled(factor: Any, tangent: Any) -> Any:
    """Return a factor times all derivatives."""
    return None if tangent is None else tangent * factor
