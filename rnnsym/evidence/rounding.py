"""Certified numbers: an enclosure of the exact value, and a bound of how far float64 may stray from it.

The enclosure is a ball of arb (Johansson 2017). Beside it each number carries a first-order bound of the rounding
error of the natural algorithm: |fl(a ∘ b) − (a ∘ b)| ≤ u |a ∘ b| for the four operations (Higham 2002, section 2.2),
inherited errors followed to first order (section 3.3). A function adds ``FUNCTION_ULPS`` units. The bound is taken
along our own recursion, so that it is scaled path by path and absolute: a slope 1 − h² near saturation is allowed the
rounding of 1, not of its tiny self. Another order of the same sums differs by a small factor, ``SLACK``.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from functools import cache, partial
from typing import Any, ClassVar, Union

import numpy as np
from flint import arb, fmpq

from rnnsym.calculus.rules import slope
from rnnsym.evidence.balls import exact_functions
from rnnsym.evidence.sweeps import Numbers
from rnnsym.model.activations import activations
from rnnsym.model.evaluation import Arithmetic, Array, choose, entrywise, evaluate
from rnnsym.model.expressions import Elementwise, Expression, Variable
from rnnsym.numerics.arrays import Float
from rnnsym.numerics.functions import elementwise_functions

FUNCTION_ULPS = 4.0  # what good mathematical libraries promise for tanh, exp, log, in units in the last place
SLACK = 8.0  # another order of summation, a fused multiply-add, a slope written otherwise: 1 − o² or (1 − o)(1 + o)
BITS = 128  # of an enclosure: after a hundred steps its radius is still some 1e-30 of the value

Operand = Union["Certified", float, int]
NOT_A_NUMBER = arb("nan")


class Certified:
    """A ball that holds the exact value, and a bound of the error with which float64 computes it.

    The bound is affine: ``noise[k]`` is what the k-th settled error, at most 1 in size, makes of this number, and
    ``local`` bounds what has come since. Errors of earlier steps so travel as they do, along the Jacobians, and not
    along products of absolute values, which grow by orders where the states do not (Stolfi, de Figueiredo 1997).
    """

    __slots__ = ("exact", "local", "noise", "value")
    unit: ClassVar[float] = float(np.finfo(np.float64).eps) / 2
    tiny: ClassVar[float] = float(np.finfo(np.float64).smallest_subnormal)

    def __init__(self, exact: Any, local: float = 0.0, noise: Float | None = None) -> None:
        self.exact, self.local, self.noise = exact, local, noise
        self.value = float(exact)

    @property
    def error(self) -> float:
        """A bound of the error of this number."""
        return self.local if self.noise is None else self.local + float(np.abs(self.noise).sum())

    def _rounded(self, exact: Any, inherited: float, noise: Float | None) -> Certified:
        made = type(self)(exact, inherited, noise)
        if inherited > 0 or noise is not None or not made._is_float():
            made.local += self.unit * abs(made.value) + self.tiny
        return made

    def _is_float(self) -> bool:
        """Whether the value is a number of float64, so that an operation on exact numbers has not rounded."""
        return self.unit == Certified.unit and bool(self.exact == arb(self.value))

    def _operand(self, value: Operand) -> Certified:
        return value if isinstance(value, Certified) else type(self)(arb(value))

    def __add__(self, other: Operand) -> Certified:
        if isinstance(other, np.ndarray):
            return NotImplemented
        right = self._operand(other)
        return self._rounded(self.exact + right.exact, self.local + right.local, _sum(self.noise, right.noise))

    __radd__ = __add__

    def __neg__(self) -> Certified:
        return type(self)(-self.exact, self.local, None if self.noise is None else -self.noise)

    def __sub__(self, other: Operand) -> Certified:
        return NotImplemented if isinstance(other, np.ndarray) else self + -self._operand(other)

    def __mul__(self, other: Operand) -> Certified:
        if isinstance(other, np.ndarray):
            return NotImplemented
        right = self._operand(other)
        local = abs(self.value) * right.local + abs(right.value) * self.local
        noise = _sum(_scaled(self.value, right.noise), _scaled(right.value, self.noise))
        return self._rounded(self.exact * right.exact, local, noise)

    __rmul__ = __mul__

    def __truediv__(self, other: Operand) -> Certified:
        if isinstance(other, np.ndarray):
            return NotImplemented
        right = self._operand(other)
        if right.value == 0.0:
            return type(self)(NOT_A_NUMBER, math.inf)  # outside the domain: no bound, and so no verdict
        exact = self.exact / right.exact
        ratio, inverse = float(exact), 1 / right.value
        noise = _sum(_scaled(inverse, self.noise), _scaled(-ratio * inverse, right.noise))
        return self._rounded(exact, (self.local + abs(ratio) * right.local) * abs(inverse), noise)

    def __rtruediv__(self, other: Operand) -> Certified:
        return self._operand(other) / self


def _sum(left: Float | None, right: Float | None) -> Float | None:
    if left is None or right is None:
        return right if left is None else left
    return left + right


def _scaled(factor: float, noise: Float | None) -> Float | None:
    return None if noise is None else factor * noise


class Single(Certified):
    """The same with float32's rounding."""

    __slots__ = ()
    unit: ClassVar[float] = float(np.finfo(np.float32).eps) / 2
    tiny: ClassVar[float] = float(np.finfo(np.float32).smallest_subnormal)


KINDS: Mapping[Any, type[Certified]] = {np.dtype(np.float64): Certified, np.dtype(np.float32): Single}
"""The numbers that carry the rounding of each dtype."""

HULLS = {"step": (0, 1), "sign": (-1, 1)}  # what the slope of a function may be at its kink


def _apply(function: str, array: Array, *, at_kinks: bool) -> Array:
    return entrywise(partial(_called, function, at_kinks=at_kinks), array)


def _called(function: str, argument: Certified, *, at_kinks: bool) -> Certified:
    jump = activations[function].jump
    if jump is not None and (at_kinks or argument.error > 0) and abs(jump(argument.value)) <= argument.error:
        return type(argument)(_at_jump(function, at_kinks=at_kinks))
    exact = exact_functions[function](argument.exact)
    value = float(exact)
    steepness = _slope_at(function, argument.value, value)
    rounded = FUNCTION_ULPS * 2 * argument.unit * abs(value)
    return type(argument)(exact, abs(steepness) * argument.local + rounded, _scaled(steepness, argument.noise))


def _at_jump(function: str, *, at_kinks: bool) -> Any:
    """All slopes between those on both sides; no number for a value that float64 may compute on the other side."""
    if not at_kinks or function not in HULLS:
        return NOT_A_NUMBER
    lower, upper = HULLS[function]
    return arb(lower).union(arb(upper))


_ARGUMENT, _OUTPUT = Variable("argument", ()), Variable("output", ())
_PLAIN = Arithmetic(np.float64, lambda name, value: elementwise_functions()[name](value), {}, choose, np.max)


@cache
def _slope_of(function: str) -> Expression:
    return slope(Elementwise(function, _ARGUMENT), _OUTPUT)


def _slope_at(function: str, argument: float, output: float) -> float:
    known = {_ARGUMENT: np.float64(argument), _OUTPUT: np.float64(output)}
    with np.errstate(all="ignore"):
        return float(evaluate(_slope_of(function), lambda node: known[node], _PLAIN))


def _picked(condition: Certified, chosen: Certified, other: Certified) -> Certified:
    """What is taken; where the condition is not known, what holds both; no number where it is none."""
    if condition.exact == 1:
        return chosen
    if condition.exact == 0:
        return other
    if not condition.exact.is_finite():
        return type(condition)(NOT_A_NUMBER, math.inf)
    first, second = condition._operand(chosen), condition._operand(other)
    return type(condition)(first.exact.union(second.exact), max(first.error, second.error))  # its noise is not known


_select: Callable[..., Array] = np.frompyfunc(_picked, 3, 1)


def _largest(vector: Array) -> Certified:
    """A shift that cancels, so that its own error does not matter."""
    top: Certified = max(vector, key=lambda entry: entry.value)
    return type(top)(top.exact)


def certified_numbers(sizes: Mapping[Any, int], settled: int, dtype: Any = np.float64) -> Numbers:
    """Return certified numbers that carry the rounding of ``dtype``; ``sizes`` holds numbers of steps, too.

    ``settled`` is how many errors a sweep will settle: the entries of all states, forward and back.
    """
    kind = KINDS[np.dtype(dtype)]

    def number(value: Any) -> Certified:
        if not hasattr(value, "q"):
            return kind(arb(int(value)))
        exact = arb(fmpq(int(value.p), int(value.q)))
        return kind(exact) if exact.is_exact() else kind(exact, kind.unit * abs(float(exact)))

    def arithmetic(*, at_kinks: bool) -> Arithmetic:
        return Arithmetic(number, partial(_apply, at_kinks=at_kinks), dict(sizes), _select, _largest)

    places = iter(range(settled))

    def settle(one: Certified) -> Certified:
        noise: Float = np.zeros(settled) if one.noise is None else one.noise.copy()
        noise[next(places)] = one.local
        return kind(one.exact, 0.0, noise)

    return Numbers(partial(_exact_array, kind), arithmetic(at_kinks=False), arithmetic(at_kinks=True),
                   partial(entrywise, settle))


def _exact_array(kind: type[Certified], array: Any) -> Array:
    """Return an array of numbers that have no error."""
    return entrywise(lambda value: kind(arb(float(value))), np.asarray(array, dtype=np.float64))
