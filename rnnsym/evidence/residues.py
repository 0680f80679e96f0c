"""Exact arithmetic modulo a large prime, with tangents: the strongest witness for an identity.

Two rational functions that differ agree at a random point with probability at most degree/p (Schwartz 1980; Zippel
1979). tanh, σ, log, … enter as opaque atoms: one random residue for each function and argument, the same wherever
the same argument recurs. Slopes come from SymPy's own derivatives, not from the table that they are to judge.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from random import Random
from typing import Any, Union

import numpy as np
import sympy

from rnnsym.errors import CheckError
from rnnsym.model.activations import activations
from rnnsym.model.evaluation import Arithmetic, Array, entrywise

PRIME = 2**127 - 1

Tangent = Any  # None, or an object array of integers: one entry a direction
Number = Union["Residue", int]


@dataclass(frozen=True, eq=False)
class Residue:
    """A residue modulo ``PRIME`` with its derivative in each direction (None: all zero)."""

    value: int
    tangent: Tangent = field(default=None, repr=False)

    def __add__(self, other: Number) -> Residue:
        if isinstance(other, np.ndarray):
            return NotImplemented  # the array then adds entry by entry
        right = _residue(other)
        return Residue((self.value + right.value) % PRIME, _add(self.tangent, right.tangent))

    __radd__ = __add__

    def __neg__(self) -> Residue:
        return Residue(-self.value % PRIME, _scale(-1, self.tangent))

    def __sub__(self, other: Number) -> Residue:
        return NotImplemented if isinstance(other, np.ndarray) else self + -_residue(other)

    def __rsub__(self, other: Number) -> Residue:
        return _residue(other) - self

    def __mul__(self, other: Number) -> Residue:
        if isinstance(other, np.ndarray):
            return NotImplemented
        right = _residue(other)
        tangent = _add(_scale(right.value, self.tangent), _scale(self.value, right.tangent))
        return Residue(self.value * right.value % PRIME, tangent)

    __rmul__ = __mul__

    def __truediv__(self, other: Number) -> Residue:
        return NotImplemented if isinstance(other, np.ndarray) else self * _residue(other).inverse()

    def __rtruediv__(self, other: Number) -> Residue:
        return _residue(other) * self.inverse()

    def inverse(self) -> Residue:
        """1/a, with derivative −ȧ/a²."""
        if self.value == 0:
            raise CheckError("a random point met a pole: repeat the check with another seed")
        inverse = pow(self.value, -1, PRIME)
        return Residue(inverse, _scale(-inverse * inverse, self.tangent))


def _residue(value: Number) -> Residue:
    return value if isinstance(value, Residue) else Residue(int(value) % PRIME)


def _add(left: Tangent, right: Tangent) -> Tangent:
    if left is None or right is None:
        return right if left is None else left
    return (left + right) % PRIME


def _scale(factor: int, tangent: Tangent) -> Tangent:
    return None if tangent is None else (factor * tangent) % PRIME


@cache
def symbolic_slope(function: str) -> tuple[Any, Any]:
    """Return (a, f′(a)) by SymPy, which knows nothing of the table's slopes."""
    argument = sympy.Symbol("a", real=True)
    return argument, sympy.diff(activations[function].symbol(argument), argument)


@cache
def opaque_function(function: str) -> Any:
    """Return a function of the table as one that SymPy never rewrites, with SymPy's own slope of it.

    SymPy's tanh turns tanh(−a) into −tanh(a) and its root √(4a) into 2√a: true, but no identity of opaque residues.
    """
    symbol, slope = symbolic_slope(function)

    def fdiff(self: Any, argindex: int = 1) -> Any:
        return _opaque(slope).xreplace({symbol: self.args[0]})

    return type(f"opaque_{function}", (sympy.Function,), {"fdiff": fdiff, "table_name": function})


def _opaque(expression: Any) -> Any:
    """Return a slope with its functions, roots and cases as opaque functions."""
    if not expression.args:
        return expression
    operands = [_opaque(arg) for arg in _operands(expression)]
    match expression:
        case sympy.Piecewise():
            first, second, argument = operands
            return second + (first - second) * opaque_function("step")(argument)
        case sympy.Pow() if expression.exp.q == 2:
            return opaque_function("sqrt")(operands[0]) ** expression.exp.p
        case sympy.Pow():
            return operands[0] ** expression.exp
        case sympy.Function():
            return opaque_function(function_name(expression))(*operands)
    return expression.func(*operands)


class Atoms:
    """Opaque function values: random residues, one for each function and argument.

    step(a) is 0 or 1, by which an error in one case alone is met in half of all draws; where it is ``free`` it is a
    random residue c, and step(−a) is 1 − c. An identity that holds for every c holds for 0 and 1.
    """

    def __init__(self, random: Random, *, free: bool = False) -> None:
        self._random, self._free = random, free
        self._values: dict[tuple[str, int], int] = {}

    def value(self, function: str, argument: int) -> int:
        """Return f(a); functions of the sign take a random one, of which |a| = a sign(a) and step(a) make the same."""
        match function:
            case "step":
                return self._step(argument)
            case "sign":
                return self._sign(argument)
            case "abs":
                return self._sign(argument) * argument % PRIME
        return self._memo(function, argument, lambda: self._random.randrange(1, PRIME))

    def _sign(self, argument: int) -> int:
        return (2 * self._step(argument) - 1) % PRIME if argument else 0

    def _step(self, argument: int) -> int:
        """Return step(a): 0 of 0, and 1 − step(−a) elsewhere."""
        if argument == 0:
            return 0
        small = min(argument, PRIME - argument)
        drawn = self._memo("positive", small, lambda: self._random.randrange(PRIME if self._free else 2))
        return drawn if argument == small else (1 - drawn) % PRIME

    def _memo(self, function: str, argument: int, draw: Callable[[], int]) -> int:
        key = (function, argument)
        if key not in self._values:
            self._values[key] = draw()
        return self._values[key]

    def apply(self, function: str, array: Array) -> Array:
        """Apply a function of the table to each entry, derivative included."""
        return entrywise(lambda argument: self._call(function, argument), array)

    def _call(self, function: str, argument: Residue) -> Residue:
        value = self.value(function, argument.value)
        if argument.tangent is None:
            return Residue(value)
        return Residue(value, _scale(self._slope(function, argument.value), argument.tangent))

    def _slope(self, function: str, argument: int) -> int:
        symbol, slope = symbolic_slope(function)
        return self._memo(f"slope of {function}", argument, lambda: self.scalar(slope, {symbol: argument}))

    def scalar(self, expression: Any, values: dict[Any, int]) -> int:
        """Return a SymPy scalar's residue; ``values`` gives the symbols', and remembers each sub-expression's."""
        known = dict(values)
        stack = [expression]
        while stack:
            node = stack[-1]
            waiting = [] if node in known else [arg for arg in _operands(node) if arg not in known]
            if waiting:
                stack.extend(waiting)
                continue
            if node not in known:
                known[node] = self._combine(node, known)
            stack.pop()
        return known[expression]

    def _combine(self, node: Any, known: dict[Any, int]) -> int:
        operands = [known[arg] for arg in _operands(node)]
        match node:
            case sympy.Rational():
                return int(node.p) * pow(int(node.q), -1, PRIME) % PRIME
            case sympy.Add():
                return sum(operands) % PRIME
            case sympy.Mul():
                product = 1
                for operand in operands:
                    product = product * operand % PRIME
                return product
            case sympy.Pow():
                return self._power(operands[0], node.exp)
            case sympy.Piecewise():
                first, second, argument = operands
                return (second + (first - second) * self.value("step", argument)) % PRIME
            case sympy.Function():
                return self.value(function_name(node), operands[0])
        raise CheckError(f"no residue for the SymPy node {type(node).__name__}")

    def _power(self, base: int, exponent: Any) -> int:
        if exponent.q == 2:
            return pow(self.value("sqrt", base), int(exponent.p), PRIME)
        return pow(base, int(exponent), PRIME)


def _operands(node: Any) -> tuple[Any, ...]:
    match node:
        case sympy.Pow():
            return (node.base,)
        case sympy.Piecewise():
            (first, condition), (second, _) = node.args
            return (first, second, condition.lhs)
    return tuple(node.args)


@cache
def _names_of_functions() -> dict[Any, str]:
    return {type(entry.symbol(sympy.Symbol("a"))): name for name, entry in activations.items()}


def function_name(node: Any) -> str:
    """Return the name in the table of activations of a SymPy function; CheckError for one that is not there."""
    name = getattr(type(node), "table_name", None) or _names_of_functions().get(type(node))
    if name is None:
        raise CheckError(f"the function {type(node).__name__} is not in the table of activations")
    return name


def residue_arithmetic(atoms: Atoms, sizes: dict[Any, int]) -> Arithmetic:
    """Return the interpreter's arithmetic over residues."""

    def number(value: Any) -> Residue:
        rational = sympy.Rational(value)
        return Residue(int(rational.p) * pow(int(rational.q), -1, PRIME) % PRIME)

    return Arithmetic(number, atoms.apply, sizes)


def random_array(random: Random, shape: tuple[int, ...]) -> Array:
    """Return an object array of random residues without tangents."""
    array = np.empty(shape, dtype=object)
    for place in np.ndindex(shape):
        array[place] = Residue(random.randrange(1, PRIME))
    return array
