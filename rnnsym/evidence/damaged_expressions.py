"""Expressions with one mistake in them, by rules over nodes: each variant with the words that tell it."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from rnnsym.calculus.notation import Adjoint
from rnnsym.model.expressions import (
    ONE,
    Expression,
    Hadamard,
    MatrixProduct,
    Named,
    Negative,
    OrderedSum,
    Parameter,
    Transposed,
    Variable,
    add,
    multiply,
    t,
    walk,
)

Variant = tuple[str, Expression]
Say = Callable[[Expression], str]


def variants(expression: Expression, change: Callable[[Expression], Iterator[Variant]]) -> Iterator[Variant]:
    """Yield ``expression`` with one node changed, for each node and each way to change it."""
    yield from change(expression)
    if isinstance(expression, Named | Adjoint):
        return
    for place, arg in enumerate(expression.args):
        if isinstance(arg, Expression):
            for words, new in variants(arg, change):
                args = [*expression.args[:place], new, *expression.args[place + 1 :]]
                yield words, type(expression)(*args)


def damaged(node: Expression, say: Say) -> Iterator[Variant]:
    """Terms and factors missing, wrong signs, transposes missing or too many."""
    if isinstance(node, OrderedSum):
        for place, term in enumerate(node.args):
            rest = [*node.args[:place], *node.args[place + 1 :]]
            bare = term.args[0] if isinstance(term, Negative) else term
            if bare != ONE:
                yield f"lacks the term {say(bare)}", add(*rest)
            flipped = bare if isinstance(term, Negative) else Negative(term)
            yield f"has the wrong sign of {say(bare)}", OrderedSum(*node.args[:place], flipped, *node.args[place + 1 :])
        if len(node.args) == 2 and node.args[0] == ONE and isinstance(node.args[1], Negative):
            yield f"has {say(node.args[1].args[0])} in place of {say(node)}", node.args[1].args[0]
    if isinstance(node, Hadamard):
        for place, factor in enumerate(node.args):
            if not any(isinstance(one, Adjoint) for one in walk(factor)):
                yield f"lacks the factor {say(factor)}", multiply(*node.args[:place], *node.args[place + 1 :])
    if is_transpose(node):
        yield f"has {say(node.args[0])} in place of its transpose", node.args[0]
    if isinstance(node, MatrixProduct):
        for place, part in enumerate(node.args):
            if isinstance(part, Parameter) and _is_square(part):
                args = [*node.args[:place], Transposed(part), *node.args[place + 1 :]]
                yield f"has the transpose of {say(part)} in place of {say(part)}", MatrixProduct(*args)


def _is_square(node: Expression) -> bool:
    return len(node.shape) == 2 and node.shape[0] == node.shape[1]


def is_transpose(node: Expression) -> bool:
    """Whether a node is the transpose of a square matrix, which nobody misses."""
    return isinstance(node, Transposed) and _is_square(node)


def untransposed(expression: Expression) -> Expression:
    """Return an expression without the transposes of square matrices."""
    changed = expression
    for node in [one for one in walk(expression) if is_transpose(one)]:
        changed = changed.xreplace({node: node.args[0]})
    return changed


def renamed(node: Expression, known: list[Variable], say: Say) -> Iterator[Variant]:
    """Another quantity of the step in place of one, the same one of the step before or after, another's adjoint."""
    if isinstance(node, Variable) and node.step is not None:
        if node in known:
            rest = OrderedSum(ONE, Negative(node))
            yield f"has {say(rest)} in place of {say(node)}", rest
        near = [node.at(node.step + 1), node.at(node.step - 1)]
        for other in [*known, *(one for one in near if one not in known)]:
            if other != node and other.shape == node.shape:
                yield f"has {say(other)} in place of {say(node)}", other
    if isinstance(node, Adjoint):
        for other in known:
            if other != node.variable and other.shape == node.shape and other.step == t:
                yield f"has {say(Adjoint(other))} in place of {say(node)}", Adjoint(other)


def equation_variants(value: Expression, known: list[Variable], say: Say) -> Iterator[Variant]:
    """Yield an equation of a cell with one mistake; ``known`` are the quantities that it may read."""
    yield from variants(value, lambda node: _gated_elsewhere(node, say))
    yield from _exchanges(value, say)
    yield from variants(value, lambda node: damaged(node, say))
    yield from variants(value, lambda node: renamed(node, known, say))


def _gated_elsewhere(node: Expression, say: Say) -> Iterator[Variant]:
    """The gate in g ⊙ (v W + b) as in (g ⊙ v) W + b, and the other way round."""
    if isinstance(node, Hadamard) and len(node.args) == 2:
        gate, sum_ = node.args
        terms = sum_.args if isinstance(sum_, OrderedSum) else (sum_,)
        for place, term in enumerate(terms):
            if isinstance(term, MatrixProduct) and term.left.shape == gate.shape:
                product = MatrixProduct(Hadamard(gate, term.left), term.right)
                yield (f"applies {say(gate)} before the product with {say(term.right)}, not after it",
                       add(*terms[:place], product, *terms[place + 1 :]))
    if isinstance(node, MatrixProduct) and isinstance(node.left, Hadamard) and node.left.shape == node.shape:
        gate, *rest = node.left.args
        yield (f"applies {say(gate)} after the product with {say(node.right)}, not before it",
               multiply(gate, MatrixProduct(multiply(*rest), node.right)))


def _exchanges(value: Expression, say: Say) -> Iterator[Variant]:
    names = [node for node in dict.fromkeys(walk(value)) if isinstance(node, Variable)]
    for place, one in enumerate(names):
        for other in names[place + 1 :]:
            if one.shape == other.shape:
                both = value.xreplace({one: other, other: one})
                yield f"has {say(one)} and {say(other)} exchanged: gates in another order", both
