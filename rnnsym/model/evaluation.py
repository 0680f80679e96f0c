"""What each node does to arrays: one interpreter for floats, residues, duals and SymPy's own scalars.

The interpreter only adds, multiplies, divides and contracts NumPy arrays; what a number is, and what an
elementwise function does to one, is the ``Arithmetic``'s business. It shares nothing with generated code.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from rnnsym.errors import RnnsymError
from rnnsym.model import expressions as ex

Array = Any
Lookup = Callable[[ex.Expression], Array]


@dataclass(frozen=True)
class Arithmetic:
    """How numbers enter and how functions act: ``number(Rational)``, ``apply(name, array)``, and sizes to integers."""

    number: Callable[[Any], Any]
    apply: Callable[[str, Array], Array]
    sizes: dict[Any, int]

    def length(self, count: Any) -> int:
        """Return a symbolic size as an integer."""
        return int(count.subs(self.sizes))


def evaluate(expression: ex.Expression, lookup: Lookup, arithmetic: Arithmetic) -> Array:
    """Return the value of ``expression``, an array of its shape.

    Names, and nodes without a meaning of their own here, are asked of ``lookup``, which raises for what it does not
    know: an unknown node must never be a silent zero.
    """
    rule = _meanings.get(type(expression))
    if rule is None:
        return lookup(expression)

    def value(node: ex.Expression) -> Array:
        return evaluate(node, lookup, arithmetic)

    return rule(expression, value, arithmetic)



def entrywise(function: Callable[[Any], Any], array: Array) -> Array:
    """Apply a function of one number to each entry of an object array; a single number stays one."""
    entries: Array = np.asarray(array, dtype=object)
    result = np.empty(entries.shape, dtype=object)
    for place in np.ndindex(entries.shape):
        result[place] = function(entries[place])
    return result if entries.shape else result[()]


def _filled(value: Any, shape: tuple[int, ...]) -> Array:
    array = np.empty(shape, dtype=np.asarray(value).dtype)
    array[...] = value
    return array


def _identity(node: ex.IdentityMatrix, value: Any, arithmetic: Arithmetic) -> Array:
    length = arithmetic.length(node.shape[0])
    matrix = _filled(arithmetic.number(0), (length, length))
    matrix[np.diag_indices(length)] = arithmetic.number(1)
    return matrix


def _diagonal(node: ex.Diagonal, value: Any, arithmetic: Arithmetic) -> Array:
    entries = value(node.args[0])
    matrix = _filled(arithmetic.number(0), (len(entries), len(entries)))
    matrix[np.diag_indices(len(entries))] = entries
    return matrix


def _sum(node: ex.OrderedSum, value: Any, arithmetic: Arithmetic) -> Array:
    total = value(node.args[0])
    for term in node.args[1:]:
        total = total + value(term)
    return total


def _hadamard(node: ex.Hadamard, value: Any, arithmetic: Arithmetic) -> Array:
    product = value(node.args[0])
    for factor in node.args[1:]:
        product = product * value(factor)
    return product


def _power(node: ex.Power, value: Any, arithmetic: Arithmetic) -> Array:
    base, exponent = value(node.base), node.exponent
    if exponent.q == 2:
        base, exponent = arithmetic.apply("sqrt", base), exponent * 2
    if exponent.q != 1:
        raise RnnsymError(f"a power must be a whole or half number, but it is {node.exponent}")
    power = _filled(arithmetic.number(1), np.shape(base)) if np.shape(base) else arithmetic.number(1)
    for _ in range(abs(int(exponent))):
        power = power * base
    return power if exponent >= 0 else arithmetic.number(1) / power


def _reduction(node: ex.Reduction, value: Any, arithmetic: Arithmetic) -> Array:
    operand = np.asarray(value(node.operand))
    return operand.sum() if node.kind == "sum" else operand.sum() / arithmetic.number(operand.size)


_meanings: dict[type, Callable[[Any, Any, Arithmetic], Array]] = {
    ex.Numeral: lambda node, value, arithmetic: arithmetic.number(node.value),
    ex.Constant: lambda node, value, arithmetic: arithmetic.number(node.value),
    ex.Size: lambda node, value, arithmetic: arithmetic.number(arithmetic.length(node.count)),
    ex.Ones: lambda node, value, arithmetic: _filled(
        arithmetic.number(1), tuple(arithmetic.length(count) for count in node.shape)
    ),
    ex.IdentityMatrix: _identity,
    ex.OrderedSum: _sum,
    ex.Negative: lambda node, value, arithmetic: -value(node.args[0]),
    ex.Hadamard: _hadamard,
    ex.Quotient: lambda node, value, arithmetic: value(node.args[0]) / value(node.args[1]),
    ex.Power: _power,
    ex.MatrixProduct: lambda node, value, arithmetic: value(node.left) @ value(node.right),
    ex.Transposed: lambda node, value, arithmetic: value(node.args[0]).T,
    ex.Elementwise: lambda node, value, arithmetic: arithmetic.apply(node.function, value(node.argument)),
    ex.Reduction: _reduction,
    ex.Outer: lambda node, value, arithmetic: np.multiply.outer(value(node.args[0]), value(node.args[1])),
    ex.Diagonal: _diagonal,
}
