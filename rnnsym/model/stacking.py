"""The interpreter over stacks: every name may bear leading axes, along which the same expression has many values.

A value has the shape (*leading, *own), own as the expression declares it. Leading axes meet by NumPy's rules of
broadcasting, from the last one backwards; what is the same along all of them needs none. Products are formed item by
item, so an item's value does not depend on what it is stacked with.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from math import prod
from typing import Any

import numpy as np

from rnnsym.errors import RnnsymError
from rnnsym.model import expressions as ex
from rnnsym.model.arithmetic import Broadcast
from rnnsym.model.evaluation import Arithmetic, Array, Lookup, meanings

MOST_AXES = 2  # of what is multiplied: a matrix


def evaluate_stacked(expression: ex.Expression, lookup: Lookup, arithmetic: Arithmetic) -> Array:
    """Return the values of ``expression``, (*leading, *own).

    ``lookup`` and what it is asked are as for ``evaluate``; the arithmetic's ``largest`` looks along the last axis.
    """
    rule = _stacked.get(type(expression)) or meanings.get(type(expression))
    if rule is None:
        return lookup(expression)
    own = rank_of(expression) if isinstance(expression, Broadcast) else 0

    def value(node: ex.Expression) -> Array:
        found = evaluate_stacked(node, lookup, arithmetic)
        return with_axes(found, own) if own and not rank_of(node) else found

    return rule(expression, value, arithmetic)


@lru_cache(maxsize=65536)
def rank_of(node: ex.Expression) -> int:
    """Return the number of an expression's own axes; asking the expression would walk all that is below each time."""
    return node.rank


def with_axes(scalars: Array, count: int) -> Array:
    """Return scalars (*leading,) with axes of length 1 behind, so that each meets every entry of its own item."""
    return scalars[(..., *(None,) * count)] if np.ndim(scalars) else scalars


def largest_entry(vector: Array) -> Array:
    """Return the largest entry along the last axis, an arithmetic's ``largest`` for stacks of real numbers."""
    return np.max(vector, axis=-1)


def flattened(array: Array, rank: int) -> Array:
    """Return (*leading, m), the entries of each item in a row."""
    shape = np.shape(array)
    first = len(shape) - rank
    return np.reshape(array, (*shape[:first], prod(shape[first:])))


def _product(node: Any, value: Any, arithmetic: Arithmetic) -> Array:
    return _multiplied(node.left, node.right, value)


def _projection(node: Any, value: Any, arithmetic: Arithmetic) -> Array:
    return _multiplied(node.vector, node.matrix, value)


def _multiplied(left: ex.Expression, right: ex.Expression, value: Callable[[ex.Expression], Array]) -> Array:
    """Item by item, as products of matrices: a row on the left, a column on the right."""
    row, column = rank_of(left) == 1, rank_of(right) == 1
    if max(rank_of(left), rank_of(right)) > MOST_AXES:
        raise RnnsymError(f"stacks are multiplied as vectors and matrices, but {left} or {right} has more axes")
    first, second = value(left), value(right)
    product = (first[..., None, :] if row else first) @ (second[..., None] if column else second)
    product = product[..., 0] if column else product
    return product[..., 0, :] if row and not column else product[..., 0] if row else product


def _outer(node: Any, value: Any, arithmetic: Arithmetic) -> Array:
    return value(node.args[0])[..., :, None] * value(node.args[1])[..., None, :]


def _diagonal(node: Any, value: Any, arithmetic: Arithmetic) -> Array:
    entries = value(node.args[0])
    length = entries.shape[-1]
    matrix = np.empty((*entries.shape, length), dtype=entries.dtype)
    matrix[...] = arithmetic.number(0)
    matrix[..., np.arange(length), np.arange(length)] = entries
    return matrix


def _softmax(node: Any, value: Any, arithmetic: Arithmetic) -> Array:
    _, powers = _exponentials(value(node.argument), arithmetic)
    return powers / powers.sum(axis=-1, keepdims=True)


def _exponentials(vector: Array, arithmetic: Arithmetic) -> tuple[Any, Array]:
    """Return a shift s for each vector and e^(a − s) for each of its entries a."""
    shift = arithmetic.number(0) if arithmetic.largest is None else arithmetic.largest(vector)
    return shift, arithmetic.apply("exp", vector - with_axes(shift, 1))


def _reduction(node: Any, value: Any, arithmetic: Arithmetic) -> Array:
    entries = flattened(value(node.operand), rank_of(node.operand))
    if node.kind == "logsumexp":
        shift, powers = _exponentials(entries, arithmetic)
        return shift + arithmetic.apply("log", powers.sum(axis=-1))
    total = entries.sum(axis=-1)
    return total if node.kind == "sum" else total / arithmetic.number(entries.shape[-1])


def _concatenation(node: Any, value: Any, arithmetic: Arithmetic) -> Array:
    rank = rank_of(node)
    parts = [value(operand) for operand in node.args]
    leading = np.broadcast_shapes(*(part.shape[:-rank] for part in parts))
    return np.concatenate([np.broadcast_to(part, (*leading, *part.shape[-rank:])) for part in parts], axis=-rank)


def _part(node: Any, value: Any, arithmetic: Arithmetic) -> Array:
    piece = slice(arithmetic.length(node.start), arithmetic.length(node.stop))
    return value(node.operand)[(..., piece, *(slice(None),) * (rank_of(node) - 1))]


_stacked: dict[type, Callable[[Any, Any, Arithmetic], Array]] = {
    ex.MatrixProduct: _product,
    ex.Projection: _projection,
    ex.Lookup: _projection,
    ex.Transposed: lambda node, value, arithmetic: np.swapaxes(value(node.args[0]), -1, -2),
    ex.Outer: _outer,
    ex.Scatter: _outer,
    ex.Diagonal: _diagonal,
    ex.Softmax: _softmax,
    ex.Reduction: _reduction,
    ex.Concatenation: _concatenation,
    ex.Part: _part,
}
"""What differs from the meanings of single values: whatever tells one axis from another."""
