"""What each node does to arrays: one interpreter for floats, residues, duals and SymPy's own scalars.

The interpreter only adds, multiplies, divides and contracts NumPy arrays; what a number is, and what an
elementwise function does to one, is the ``Arithmetic``'s business. It shares nothing with generated code.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from rnnsym.errors import RnnsymError
from rnnsym.model import expressions as ex

Array = Any
Lookup = Callable[[ex.Expression], Array]


def whole_number(count: Any, values: Mapping[Any, Any]) -> int:
    """Return a count, such as n, T − 1 or 7, with numbers for its symbols; ``subs`` would take ten times as long."""
    return int(count if count.is_Integer else count.xreplace(values))


def blend(condition: Array, chosen: Array, other: Array) -> Array:
    """The selection c a + (1 − c) b, exact where numbers are."""
    return condition * chosen + (1 - condition) * other


def choose(condition: Array, chosen: Array, other: Array) -> Array:
    """Return a where c is 1 and b where it is 0, whatever the other one is; no number where c is none."""
    taken = np.where(np.asarray(condition) > 0, chosen, other)
    return np.where(np.isnan(condition), np.nan, taken)[()]


@dataclass(frozen=True)
class Arithmetic:
    """How numbers enter and how functions act: ``number(Rational)``, ``apply(name, array)``, and sizes to integers.

    ``select(c, a, b)`` is a where c is 1 and b where it is 0. ``largest`` returns the largest entry of a vector, by
    which exponents are shifted (None: these numbers have no order, nor an overflow).
    """

    number: Callable[[Any], Any]
    apply: Callable[[str, Array], Array]
    sizes: dict[Any, int]
    select: Callable[[Array, Array, Array], Array] = blend
    largest: Callable[[Array], Any] | None = None

    def length(self, count: Any) -> int:
        """Return a symbolic size as an integer."""
        return whole_number(count, self.sizes)


def evaluate(expression: ex.Expression, lookup: Lookup, arithmetic: Arithmetic) -> Array:
    """Return the value of ``expression``, an array of its shape.

    Names, and nodes without a meaning of their own here, are asked of ``lookup``, which raises for what it does not
    know: an unknown node must never be a silent zero.
    """
    rule = meanings.get(type(expression))
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


def _comparison(node: ex.Comparison, value: Any, arithmetic: Arithmetic) -> Array:
    left, right = (value(operand) for operand in node.operands)
    above = left - right if node.name in (">", "<=") else right - left
    strict = arithmetic.apply("step", above)
    return strict if node.name in (">", "<") else arithmetic.number(1) - strict


def _extremum(node: ex.Extremum, value: Any, arithmetic: Arithmetic) -> Array:
    left, right = (value(operand) for operand in node.operands)
    above = left - right if node.name == "maximum" else right - left
    return arithmetic.select(arithmetic.apply("step", above), left, right)


def _exponentials(vector: Array, arithmetic: Arithmetic) -> tuple[Any, Array]:
    """Return a shift s and e^(a − s) for each entry a."""
    shift = arithmetic.number(0) if arithmetic.largest is None else arithmetic.largest(vector)
    return shift, arithmetic.apply("exp", vector - shift)


def _softmax(node: ex.Softmax, value: Any, arithmetic: Arithmetic) -> Array:
    _, powers = _exponentials(value(node.argument), arithmetic)
    return powers / powers.sum()


def _reduction(node: ex.Reduction, value: Any, arithmetic: Arithmetic) -> Array:
    operand = np.asarray(value(node.operand))
    if node.kind == "logsumexp":
        shift, powers = _exponentials(operand, arithmetic)
        return shift + arithmetic.apply("log", powers.sum())
    return operand.sum() if node.kind == "sum" else operand.sum() / arithmetic.number(operand.size)


meanings: dict[type, Callable[[Any, Any, Arithmetic], Array]] = {
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
    ex.Softmax: _softmax,
    ex.Comparison: _comparison,
    ex.Selection: lambda node, value, arithmetic: arithmetic.select(*(value(part) for part in node.args)),
    ex.Extremum: _extremum,
    ex.Reduction: _reduction,
    ex.Outer: lambda node, value, arithmetic: np.multiply.outer(value(node.args[0]), value(node.args[1])),
    ex.Diagonal: _diagonal,
    ex.Concatenation: lambda node, value, arithmetic: np.concatenate([value(operand) for operand in node.args]),
    ex.Part: lambda node, value, arithmetic: value(node.operand)[
        arithmetic.length(node.start) : arithmetic.length(node.stop)
    ],
    ex.Projection: lambda node, value, arithmetic: value(node.vector) @ value(node.matrix),
    ex.Lookup: lambda node, value, arithmetic: value(node.vector) @ value(node.matrix),
    ex.Scatter: lambda node, value, arithmetic: np.multiply.outer(value(node.args[0]), value(node.args[1])),
}
