"""One differentiation rule per kind of node, twice: as a pullback (reverse mode) and as a Jacobian (forward mode).

The two tables are written independently of each other, so that an adjoint recursion (pullbacks) and a sum over
paths (Jacobians) agree only where both are right. An unknown kind of node raises: a silent zero here would
be a wrong gradient.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from rnnsym.calculus.rows import along, contract, scale_operand, scale_rows, spread_rows
from rnnsym.calculus.scalars import take_apart
from rnnsym.errors import DerivationError
from rnnsym.model.activations import activations
from rnnsym.model.expressions import (
    ONE,
    ZERO,
    Constant,
    Elementwise,
    Expression,
    Hadamard,
    IdentityMatrix,
    MatrixProduct,
    Named,
    Negative,
    Numeral,
    Ones,
    OrderedSum,
    Outer,
    Power,
    Quotient,
    Reduction,
    Shape,
    Size,
    Transposed,
    add,
    divide,
    multiply,
    negate,
    opposite,
    transpose,
)

Pair = tuple[Expression, Expression]
LEAVES = (Named, Numeral, Constant, IdentityMatrix, Ones, Size)


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
    yield node.base, multiply(gradient, Numeral(node.exponent), _lower_power(node))


def _lower_power(node: Power) -> Expression:
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


def _pull_reduction(node: Reduction, gradient: Expression, _: Expression) -> Iterator[Pair]:
    count = Size(_entries(node.operand.shape))
    weight = gradient if node.kind == "sum" else divide(gradient, count)
    yield node.operand, fit(weight, node.operand.shape)


def _entries(shape: Shape) -> Any:
    product: Any = 1
    for length in shape:
        product = product * length
    return product


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


Known = Callable[[Expression], Expression | None]
Jacobian = Callable[[Any, Known, Expression], "Expression | None"]


def jacobian(expression: Expression, known: Known, output: Expression | None = None) -> Expression | None:
    """Return J[i, j] = ∂expression_i/∂v_j for a vector or scalar v, or None where it is zero.

    ``known`` answers the Jacobian of a name by v (None: independent). ``expression`` is a vector or a scalar, or of any
    shape where v is a scalar; then J has its shape.
    """
    if isinstance(expression, LEAVES):
        return known(expression)
    rule = jacobians.get(type(expression))
    if rule is None:
        raise DerivationError(f"no Jacobian for {type(expression).__name__}: add one to calculus.rules.jacobians")
    found = rule(expression, known, output or expression)
    return None if found == ZERO else found  # the slope of a flat function


def _total(parts: list[Expression | None]) -> Expression | None:
    present = [part for part in parts if part is not None]
    return add(*present) if present else None


def _jacobian_sum(node: OrderedSum, known: Known, _: Expression) -> Expression | None:
    parts = [(term, jacobian(term, known)) for term in node.args]
    return _total([None if part is None else spread_rows(part, node, term) for term, part in parts])


def _jacobian_negative(node: Negative, known: Known, _: Expression) -> Expression | None:
    part = jacobian(node.args[0], known)
    return None if part is None else opposite(part)


def _jacobian_hadamard(node: Hadamard, known: Known, _: Expression) -> Expression | None:
    parts: list[Expression | None] = []
    for place, factor in enumerate(node.args):
        part = jacobian(factor, known)
        others = multiply(*node.args[:place], *node.args[place + 1 :])
        parts.append(None if part is None else scale_operand(others, part, node, factor))
    return _total(parts)


def _jacobian_quotient(node: Quotient, known: Known, output: Expression) -> Expression | None:
    numerator, denominator = node.args
    above, below = jacobian(numerator, known), jacobian(denominator, known)
    return _total([
        None if above is None else scale_operand(ONE / denominator, above, node, numerator),
        None if below is None else opposite(scale_operand(output / denominator, below, node, denominator)),
    ])


def _jacobian_power(node: Power, known: Known, _: Expression) -> Expression | None:
    part = jacobian(node.base, known)
    return None if part is None else scale_rows(multiply(Numeral(node.exponent), _lower_power(node)), part)


def _jacobian_product(node: MatrixProduct, known: Known, _: Expression) -> Expression | None:
    left, right = node.args
    parts: list[Expression | None] = []
    for operand, other, on_left in ((left, right, True), (right, left, False)):
        if operand.rank == 2:
            pairs = _by_scalars(operand, known)
            parts += [along(slope @ other if on_left else other @ slope, row) for slope, row in pairs]
            continue
        part = jacobian(operand, known)
        if part is not None:
            weights = transpose(other) if on_left and other.rank == 2 else other
            parts.append(contract(weights, part))
    return _total(parts)


def _by_scalars(matrix: Expression, known: Known) -> Iterator[Pair]:
    """∂M/∂s, of the matrix's shape, and ∂s/∂v for each scalar s through which a matrix M depends on v."""
    apart = take_apart(matrix)
    for name, scalar in apart.scalars.items():
        row = jacobian(scalar, known)
        slope = None if row is None else jacobian(apart.matrix, {name: ONE}.get)
        if row is not None and slope is not None:
            yield apart.put_back(slope), row


def _jacobian_elementwise(node: Elementwise, known: Known, output: Expression) -> Expression | None:
    part = jacobian(node.argument, known)
    return None if part is None else scale_rows(slope(node, output), part)


def _jacobian_reduction(node: Reduction, known: Known, _: Expression) -> Expression | None:
    operand = node.operand
    if operand.rank == 2:
        return _total([along(Reduction(node.kind, slope), row) for slope, row in _by_scalars(operand, known)])
    part = jacobian(operand, known)
    if part is None:
        return None
    total = part if operand.rank == 0 else contract(Ones(operand.shape), part)
    return total if node.kind == "sum" else divide(total, Size(_entries(operand.shape)))


def _jacobian_transposed(node: Transposed, known: Known, _: Expression) -> Expression | None:
    part = jacobian(node.args[0], known)
    return None if part is None else transpose(part)


jacobians: dict[type, Jacobian] = {
    OrderedSum: _jacobian_sum,
    Negative: _jacobian_negative,
    Hadamard: _jacobian_hadamard,
    Quotient: _jacobian_quotient,
    Power: _jacobian_power,
    MatrixProduct: _jacobian_product,
    Elementwise: _jacobian_elementwise,
    Reduction: _jacobian_reduction,
    Transposed: _jacobian_transposed,
}
