"""One differentiation rule per kind of node as a pullback (reverse mode); ``jacobians`` holds those of forward mode.

The two tables are written independently of each other, so that an adjoint recursion (pullbacks) and a sum over
paths (Jacobians) agree only where both are right. An unknown kind of node raises: a silent zero here would
be a wrong gradient.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from rnnsym.errors import DerivationError
from rnnsym.model.activations import activations
from rnnsym.model.expressions import (
    ONE,
    ZERO,
    Comparison,
    Concatenation,
    Constant,
    Elementwise,
    Expression,
    Extremum,
    Hadamard,
    IdentityMatrix,
    Lookup,
    MatrixProduct,
    Named,
    Negative,
    Numeral,
    Ones,
    OrderedSum,
    Outer,
    Power,
    Projection,
    Quotient,
    Reduction,
    Scatter,
    Selection,
    Shape,
    Size,
    Softmax,
    Transposed,
    add,
    divide,
    multiply,
    negate,
    piece,
    select,
    transpose,
)

Pair = tuple[Expression, Expression]
LEAVES = (Named, Numeral, Constant, IdentityMatrix, Ones, Size, Comparison)  # a comparison is flat


def slope(node: Elementwise, output: Expression) -> Expression:
    """f′ of an elementwise function, in terms of ``output`` = f(argument) wherever its table entry says how."""
    return activations[node.function].slope(node.argument, output)


def fit(gradient: Expression, shape: Shape) -> Expression:
    """Sum an elementwise gradient down to a scalar operand's shape, or spread a scalar one to its operand's shape."""
    if gradient.shape == shape:
        return gradient
    if not shape:
        return Reduction("sum", gradient)
    if not gradient.shape:
        return multiply(gradient, Ones(shape))
    raise DerivationError(f"a gradient of shape {gradient.shape} cannot belong to an operand of shape {shape}")


def _pull_hadamard(node: Hadamard, gradient: Expression, _: Expression) -> Iterator[Pair]:
    for place, factor in enumerate(node.args):
        others = node.args[:place] + node.args[place + 1 :]
        yield factor, fit(multiply(gradient, *others), factor.shape)


def _pull_quotient(node: Quotient, gradient: Expression, output: Expression) -> Iterator[Pair]:
    numerator, denominator = node.args
    yield numerator, fit(divide(gradient, denominator), numerator.shape)
    yield denominator, fit(negate(divide(multiply(gradient, numerator), denominator**2)), denominator.shape)


def _pull_power(node: Power, gradient: Expression, _: Expression) -> Iterator[Pair]:
    yield node.base, multiply(gradient, Numeral(node.exponent), lower_power(node))


def lower_power(node: Power) -> Expression:
    """Return a^(r − 1) for a^r, written without a needless power."""
    exponent = node.exponent - 1
    return ONE if exponent == 0 else node.base if exponent == 1 else Power(node.base, exponent)


def _pull_product(node: MatrixProduct, gradient: Expression, _: Expression) -> Iterator[Pair]:
    left, right = node.args
    match (left.rank, right.rank):
        case (1, 1):
            yield left, multiply(gradient, right)
            yield right, multiply(gradient, left)
        case (1, 2):
            yield left, MatrixProduct(gradient, transpose(right))
            yield right, Outer(left, gradient)
        case (2, 1):
            yield left, Outer(gradient, right)
            yield right, MatrixProduct(transpose(left), gradient)
        case _:
            yield left, MatrixProduct(gradient, transpose(right))
            yield right, MatrixProduct(transpose(left), gradient)


def _pull_selection(node: Selection, gradient: Expression, _: Expression) -> Iterator[Pair]:
    condition, chosen, other = node.args
    yield chosen, fit(select(condition, gradient, ZERO), chosen.shape)
    yield other, fit(select(condition, ZERO, gradient), other.shape)


def _pull_extremum(node: Extremum, gradient: Expression, _: Expression) -> Iterator[Pair]:
    left, right = node.operands
    yield left, fit(select(node.takes_left, gradient, ZERO), left.shape)
    yield right, fit(select(node.takes_left, ZERO, gradient), right.shape)


def _pull_softmax(node: Softmax, gradient: Expression, output: Expression) -> Iterator[Pair]:
    yield node.argument, multiply(output, gradient - gradient @ output)


def _pull_reduction(node: Reduction, gradient: Expression, _: Expression) -> Iterator[Pair]:
    if node.kind == "logsumexp":
        yield node.operand, multiply(gradient, Softmax(node.operand))
        return
    count = Size(entries(node.operand.shape))
    weight = gradient if node.kind == "sum" else divide(gradient, count)
    yield node.operand, fit(weight, node.operand.shape)


def entries(shape: Shape) -> Any:
    """Return the number of entries of a shape."""
    product: Any = 1
    for length in shape:
        product = product * length
    return product


def _pull_concatenation(node: Concatenation, gradient: Expression, _: Expression) -> Iterator[Pair]:
    for index, operand in enumerate(node.args):
        yield operand, piece(gradient, node.lengths, index)


def _pull_projection(node: Projection, gradient: Expression, _: Expression) -> Iterator[Pair]:
    yield node.vector, Projection(gradient, transpose(node.matrix))
    yield node.matrix, Scatter(node.vector, gradient) if isinstance(node, Lookup) else Outer(node.vector, gradient)


Pullback = Callable[[Any, Expression, Expression], Iterator[Pair]]
pullbacks: dict[type, Pullback] = {
    OrderedSum: lambda node, gradient, _: ((term, fit(gradient, term.shape)) for term in node.args),
    Negative: lambda node, gradient, _: iter([(node.args[0], negate(gradient))]),
    Hadamard: _pull_hadamard,
    Quotient: _pull_quotient,
    Power: _pull_power,
    MatrixProduct: _pull_product,
    Transposed: lambda node, gradient, _: iter([(node.args[0], transpose(gradient))]),
    Elementwise: lambda node, gradient, output: iter([(node.argument, multiply(gradient, slope(node, output)))]),
    Softmax: _pull_softmax,
    Selection: _pull_selection,
    Extremum: _pull_extremum,
    Concatenation: _pull_concatenation,
    Projection: _pull_projection,
    Lookup: _pull_projection,
    Reduction: _pull_reduction,
}


def pull_back(
    expression: Expression, gradient: Expression, output: Expression | None = None
) -> dict[Expression, Expression]:
    """Return {name: ∂L/∂name} for the names in ``expression``, given ∂L/∂expression = ``gradient``.

    ``output`` is the name that ``expression`` is assigned to, so that slopes can be written in it.
    """
    found: dict[Expression, Expression] = {}
    stack: list[tuple[Expression, Expression, Expression]] = [(expression, gradient, output or expression)]
    while stack:
        node, current, name = stack.pop()
        if current == ZERO:  # below a flat function; it has no shape of its own that further rules could use
            continue
        if isinstance(node, Named):
            found[node] = add(found[node], current) if node in found else current
        elif not isinstance(node, LEAVES):
            rule = pullbacks.get(type(node))
            if rule is None:
                raise DerivationError(f"no pullback for {type(node).__name__}: add one to calculus.rules.pullbacks")
            stack.extend(reversed([(operand, part, operand) for operand, part in rule(node, current, name)]))
    return found
