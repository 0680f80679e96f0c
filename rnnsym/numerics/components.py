"""Expressions of one sequence entry by entry, at sizes that are numbers: lists of scalars for vectors and matrices."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import chain
from typing import Any

from rnnsym.errors import DerivationError
from rnnsym.model import expressions as ex
from rnnsym.model.activations import activations
from rnnsym.numerics.scalars import Number, Scalars

Entries = Any  # a Number for a scalar, a list of them for a vector, a list of lists for a matrix
Known = Mapping[Any, Entries]
LARGEST_POWER = 4  # whole powers beyond are one call


class Components:
    """Enters expressions into a ledger of scalars; ``sizes`` gives each symbol of a size its number."""

    def __init__(self, scalars: Scalars, sizes: Mapping[Any, int]) -> None:
        self.scalars, self._sizes = scalars, dict(sizes)
        self._lengths: dict[Any, int] = {}

    def length(self, count: Any) -> int:
        """Return a size as a number."""
        if count not in self._lengths:
            self._lengths[count] = int(count.xreplace(self._sizes))
        return self._lengths[count]

    def shape(self, node: ex.Expression) -> tuple[int, ...]:
        """Return a shape in numbers."""
        return tuple(self.length(count) for count in node.shape)

    def entries(self, node: ex.Expression, known: Known) -> Entries:
        """Return the entries of an expression, those of names and δ's as ``known`` has them.

        Raises DerivationError for a node that has no entries here: an unknown one must not become other code.
        """
        if node in known:
            return known[node]
        rule = _rules.get(type(node))
        if rule is None:
            raise DerivationError(f"no scalar code for {type(node).__name__}: add a rule to numerics.components")
        return rule(self, node, known)

    def each(self, shape: Sequence[int], combine: Callable[..., Number], *operands: Entries) -> Entries:
        """Combine operands entry by entry; a scalar meets every entry of the others."""
        if not shape:
            return combine(*operands)
        if len(shape) == 1:
            return [combine(*(one[i] if isinstance(one, list) else one for one in operands)) for i in range(shape[0])]
        return [self.each(shape[1:], combine, *(one[i] if isinstance(one, list) else one for one in operands))
                for i in range(shape[0])]


def flat(entries: Entries) -> list[Number]:
    """Return all entries in the order of an array in C."""
    return list(chain.from_iterable(map(flat, entries))) if isinstance(entries, list) else [entries]


def shaped(numbers: Iterator[Number], shape: Sequence[int]) -> Entries:
    """Return as many numbers as a shape has entries, as lists of that shape."""
    return [shaped(numbers, shape[1:]) for _ in range(shape[0])] if shape else next(numbers)


def _broadcast(combine: Callable[[Components, tuple[Number, ...]], Number]) -> Any:
    """A rule for what is done entry by entry to all operands."""
    def rule(self: Components, node: Any, known: Known) -> Entries:
        operands = [self.entries(operand, known) for operand in node.operands]
        return self.each(self.shape(node), lambda *numbers: combine(self, numbers), *operands)

    return rule


def _power(self: Components, node: ex.Power, known: Known) -> Entries:
    return self.each(self.shape(node), lambda base: _power_of(self.scalars, base, node.exponent),
                     self.entries(node.base, known))


def _power_of(scalars: Scalars, base: Number, exponent: Any) -> Number:
    if exponent < 0:
        return scalars.divide(scalars.one, _power_of(scalars, base, -exponent))
    if exponent.q == 1 and exponent <= LARGEST_POWER:
        return scalars.multiply([base] * int(exponent))
    return scalars.call("sqrt({0})" if exponent * 2 == 1 else f"pow({{0}}, {float(exponent)!r})", base)


def _matrix_product(self: Components, node: ex.MatrixProduct, known: Known) -> Entries:
    left, right = self.entries(node.left, known), self.entries(node.right, known)
    dot = self.scalars.dot
    match (node.left.rank, node.right.rank):
        case (1, 1):
            return dot(left, right)
        case (1, 2):
            return [dot(left, column) for column in zip(*right, strict=True)]
        case (2, 1):
            return [dot(row, right) for row in left]
    return [[dot(row, column) for column in zip(*right, strict=True)] for row in left]


def _projection(self: Components, node: ex.Projection, known: Known) -> Entries:
    vector = self.entries(node.vector, known)
    return [self.scalars.dot(vector, column) for column in zip(*self.entries(node.matrix, known), strict=True)]


def _elementwise(self: Components, node: ex.Elementwise, known: Known) -> Entries:
    template = activations[node.function].scalar
    return self.each(self.shape(node), lambda argument: self.scalars.call(template, argument),
                     self.entries(node.argument, known))


def _exponentials(self: Components, vector: list[Number]) -> tuple[Number, list[Number], Number]:
    """The largest entry m, e^(a − m) for each entry a, and their sum."""
    scalars = self.scalars
    largest = vector[0]
    if len(vector) > 1:
        largest = scalars.call("max(" + ", ".join(f"{{{i}}}" for i in range(len(vector))) + ")", *vector)
    shift = scalars.negative(largest)
    powers = [scalars.call("exp({0})", scalars.add((entry, shift))) for entry in vector]
    return largest, powers, scalars.add(powers)


def _softmax(self: Components, node: ex.Softmax, known: Known) -> Entries:
    _, powers, total = _exponentials(self, self.entries(node.argument, known))
    return [self.scalars.divide(power, total) for power in powers]


def _reduction(self: Components, node: ex.Reduction, known: Known) -> Entries:
    numbers = flat(self.entries(node.operand, known))
    if node.kind == "logsumexp":
        largest, _, total = _exponentials(self, numbers)
        return self.scalars.add((largest, self.scalars.call("log({0})", total)))
    total = self.scalars.add(numbers)
    return total if node.kind == "sum" else self.scalars.divide(total, self.scalars.number(len(numbers)))


def _comparison(self: Components, node: ex.Comparison, known: Known) -> Entries:
    scalars, operands = self.scalars, [self.entries(operand, known) for operand in node.operands]
    return self.each(self.shape(node), lambda left, right: scalars.choose(node.name, left, right, scalars.one,
                                                                          scalars.zero), *operands)


def _selection(self: Components, node: ex.Selection, known: Known) -> Entries:
    """The condition is read off a comparison itself; of another one it is where it equals 1."""
    condition, chosen, other = node.args
    direct = isinstance(condition, ex.Comparison)
    sides = condition.operands if direct else (condition, ex.ONE)
    relation = condition.name if direct else "=="
    return self.each(self.shape(node), lambda *numbers: self.scalars.choose(relation, *numbers),
                     *(self.entries(part, known) for part in (*sides, chosen, other)))


def _extremum(self: Components, node: ex.Extremum, known: Known) -> Entries:
    """What is no number is handed on, as NumPy does: the sum of the two is none either."""
    better, worse = (">", "<=") if node.name == "maximum" else ("<", ">=")
    template = f"({{0}} if {{0}} {better} {{1}} else {{1}} if {{0}} {worse} {{1}} else {{0}} + {{1}})"
    return self.each(self.shape(node), lambda left, right: self.scalars.call(template, left, right),
                     *(self.entries(operand, known) for operand in node.operands))


def _identity(self: Components, node: ex.IdentityMatrix, known: Known) -> Entries:
    n, scalars = self.length(node.shape[0]), self.scalars
    return [[scalars.one if i == j else scalars.zero for j in range(n)] for i in range(n)]


def _outer(self: Components, node: ex.Outer, known: Known) -> Entries:
    left, right = (self.entries(side, known) for side in node.args)
    return [[self.scalars.multiply((a, b)) for b in right] for a in left]


def _constant(value: Callable[[Components, Any], Any]) -> Any:
    def rule(self: Components, node: Any, known: Known) -> Entries:
        return self.each(self.shape(node), lambda: self.scalars.number(float(value(self, node))))

    return rule


def _part(self: Components, node: ex.Part, known: Known) -> Entries:
    return self.entries(node.operand, known)[self.length(node.start): self.length(node.stop)]


_rules: dict[type, Callable[[Components, Any, Known], Entries]] = {
    ex.Numeral: _constant(lambda self, node: node.value),
    ex.Constant: _constant(lambda self, node: node.value),
    ex.Size: _constant(lambda self, node: self.length(node.count)),
    ex.Ones: _constant(lambda self, node: 1),
    ex.IdentityMatrix: _identity,
    ex.OrderedSum: _broadcast(lambda self, numbers: self.scalars.add(numbers)),
    ex.Negative: _broadcast(lambda self, numbers: self.scalars.negative(*numbers)),
    ex.Hadamard: _broadcast(lambda self, numbers: self.scalars.multiply(numbers)),
    ex.Quotient: _broadcast(lambda self, numbers: self.scalars.divide(*numbers)),
    ex.Power: _power,
    ex.MatrixProduct: _matrix_product,
    ex.Projection: _projection,
    ex.Transposed: lambda self, node, known: [*map(list, zip(*self.entries(node.args[0], known), strict=True))],
    ex.Elementwise: _elementwise,
    ex.Softmax: _softmax,
    ex.Reduction: _reduction,
    ex.Comparison: _comparison,
    ex.Selection: _selection,
    ex.Extremum: _extremum,
    ex.Outer: _outer,
    ex.Concatenation: lambda self, node, known: [row for part in node.args for row in self.entries(part, known)],
    ex.Part: _part,
}
