"""Expressions to boxes: one entry a kind of node, brackets by precedence, factors in the author's order."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sympy import Add, Integer, Mul, Pow, Rational, Symbol

from rnnsym.calculus import notation as no
from rnnsym.errors import RnnsymError
from rnnsym.model import expressions as ex
from rnnsym.model.activations import activations
from rnnsym.writing import boxes as bx
from rnnsym.writing.boxes import Box, row
from rnnsym.writing.spelling import spell

SUM, NEGATIVE, PRODUCT, POSTFIX, ATOM = range(5)


@dataclass(frozen=True)
class Style:
    """What a document has decided: the vector convention, and the quantity whose δ bears no superscript."""

    convention: str = "row"
    plain_adjoint: str | None = None


def lay_out(expression: ex.Expression, style: Style) -> Box:
    """Return the boxes of ``expression``; a node without an entry raises rather than vanish from the page."""
    return _entry(expression)[1](expression, style)


def _entry(expression: ex.Expression) -> tuple[int, Callable[[Any, Style], Box]]:
    if type(expression) not in _layouts:
        raise RnnsymError(f"no layout for {type(expression).__name__}: add one to writing.layout")
    return _layouts[type(expression)]


def _inner(expression: ex.Expression, style: Style, precedence: int) -> Box:
    """Lay out an operand, in brackets where its own operator binds less tightly than ``precedence``."""
    own, _ = _entry(expression)
    if isinstance(expression, ex.Numeral) and expression.value < 0:
        own = NEGATIVE
    body = lay_out(expression, style)
    return bx.Fence(body) if own < precedence else body


def scalar(value: Any) -> Box:
    """Lay out a SymPy integer expression of sizes and steps: t − 1, 3, d n."""
    match value:
        case Integer():
            return bx.number(value) if value >= 0 else row(bx.MINUS, bx.number(-value))
        case Rational():
            return bx.Fraction(scalar(Integer(value.p)), bx.number(value.q))
        case Symbol():
            return spell(value.name)
        case Add():
            return _integer_sum(value)
        case Mul():
            return row(*(scalar(factor) for factor in value.as_ordered_factors()))
        case Pow():
            return bx.Script(scalar(value.base), above=scalar(value.exp))
    raise RnnsymError(f"no layout for the size {value}")


def _integer_sum(value: Add) -> Box:
    parts: list[Box] = []
    for term in sorted(value.args, key=lambda term: (term.is_number, str(term))):
        negative = term.could_extract_minus_sign()
        if parts or negative:
            parts.append(bx.MINUS if negative else bx.PLUS)
        parts.append(scalar(-term if negative else term))
    return row(*parts)


def join(parts: list[Box], sign: Box) -> Box:
    """Put ``sign`` between ``parts``."""
    joined: list[Box] = [parts[0]]
    for part in parts[1:]:
        joined += [sign, part]
    return row(*joined)


def _variable(node: ex.Variable, style: Style) -> Box:
    return spell(node.name, None if node.step is None else scalar(node.step))


def _adjoint(node: no.Adjoint, style: Style) -> Box:
    name, step = node.variable.name, node.variable.step
    delta = bx.Glyph("identifier", r"\delta", "δ")
    below = None if step is None else scalar(step)
    above = None if name == style.plain_adjoint else spell(name)
    return delta if below is None and above is None else bx.Script(delta, below, above)


def sum_terms(node: ex.Expression) -> list[tuple[bool, ex.Expression]]:
    """Split a sum into (negative, term) pairs; anything else is its own only term."""
    terms = node.args if isinstance(node, ex.OrderedSum) else (node,)
    return [(True, term.args[0]) if isinstance(term, ex.Negative) else (False, term) for term in terms]


def _sum(node: ex.OrderedSum, style: Style) -> Box:
    parts: list[Box] = []
    for negative, term in sum_terms(node):
        if parts or negative:
            parts.append(bx.MINUS if negative else bx.PLUS)
        parts.append(_inner(term, style, NEGATIVE if not negative else PRODUCT))
    return row(*parts)


def _hadamard(node: ex.Hadamard, style: Style) -> Box:
    parts: list[Box] = []
    for before, factor in zip((None, *node.args), node.args, strict=False):
        if before is not None and before.shape and factor.shape:
            parts.append(bx.HADAMARD)
        elif before is not None and isinstance(factor, ex.Numeral):
            parts.append(bx.DOT)
        parts.append(_inner(factor, style, POSTFIX))
    return row(*parts)


def _quotient(node: ex.Quotient, style: Style) -> Box:
    return bx.Fraction(lay_out(node.args[0], style), lay_out(node.args[1], style))


def _power(node: ex.Power, style: Style) -> Box:
    return superscript(_inner(node.base, style, ATOM), scalar(node.exponent))


def superscript(base: Box, above: Box) -> Box:
    """Raise ``above``; a base that has a subscript only keeps both on one letter, o_t²."""
    if isinstance(base, bx.Script) and base.above is None:
        return bx.Script(base.base, base.below, above)
    return bx.Script(base, above=above)


def _product(node: ex.MatrixProduct, style: Style) -> Box:
    if node.left.rank == 1 and node.right.rank == 1:
        left, right = _inner(node.left, style, ATOM), _inner(node.right, style, ATOM)
        return bx.Fence(row(left, bx.COMMA, right), "⟨", "⟩")
    return row(_factor(node.left, style), _factor(node.right, style))


def _factor(node: ex.Expression, style: Style) -> Box:
    """A factor of a matrix product: an elementwise product inside it needs brackets, another product does not."""
    needs_brackets = isinstance(node, ex.Hadamard | ex.Quotient)
    return bx.Fence(lay_out(node, style)) if needs_brackets else _inner(node, style, PRODUCT)


def _outer(node: ex.Outer, style: Style) -> Box:
    left, right = node.args
    if style.convention == "row":
        return row(_transposed(left, style), _factor(right, style))
    return row(_factor(left, style), _transposed(right, style))


def _transposed(operand: ex.Expression, style: Style) -> Box:
    return superscript(_inner(operand, style, ATOM), bx.TOP)


def _call(node: ex.Elementwise, style: Style) -> Box:
    entry = activations[node.function]
    return row(bx.Glyph("upright", entry.latex, entry.unicode), bx.Fence(lay_out(node.argument, style)))


def _reduction(node: ex.Reduction, style: Style) -> Box:
    if node.kind == "mean":
        return row(bx.Glyph("upright", r"\mathrm{mean}", "mean"), bx.Fence(lay_out(node.operand, style)))
    index = bx.Glyph("identifier", "i", "i")
    sigma = bx.Limits(bx.operator(r"\sum", "∑"), index, bx.Row(()))
    return row(sigma, bx.Script(bx.Fence(lay_out(node.operand, style), "[", "]"), below=index))


def _diagonal(node: ex.Diagonal, style: Style) -> Box:
    return row(bx.Glyph("upright", r"\operatorname{diag}", "diag"), bx.Fence(lay_out(node.args[0], style)))


def _derivative(node: no.Total, style: Style) -> Box:
    sign: Box = bx.PARTIAL_PLUS if isinstance(node, no.Immediate) else bx.PARTIAL
    return bx.Fraction(row(sign, lay_out(node.of, style)), row(bx.PARTIAL, lay_out(node.by, style)))


def _step_block(node: no.StepBlock, style: Style) -> Box:
    letter = bx.Glyph("identifier", "J", "J")
    return bx.Script(letter, scalar(node.of.step), join([spell(node.of.name), spell(node.by.name)], bx.COMMA))


def _chain(node: no.Chain, style: Style) -> Box:
    return join([_inner(factor, style, PRODUCT) for factor in node.args], bx.DOT)


def _descending(node: no.DescendingProduct, style: Style) -> Box:
    index, upper, lower = (scalar(arg) for arg in node.args[1:])
    below = row(index, bx.EQUALS, upper, bx.operator(r"\downarrow", "↓"), lower)
    sign = bx.Limits(bx.operator(r"\prod", "∏"), below, bx.Row(()))
    return bx.Fence(row(sign, lay_out(node.factor, style)))


def _sum_over_steps(node: no.SumOverSteps, style: Style) -> Box:
    index, lower, upper = (scalar(arg) for arg in node.args[1:])
    sign = bx.Limits(bx.operator(r"\sum", "∑"), row(index, bx.EQUALS, lower), upper)
    return row(sign, _inner(node.term, style, PRODUCT))


def _stack(node: no.Stack, style: Style) -> Box:
    return bx.Fence(join([lay_out(variable, style) for variable in node.args], bx.COMMA))


_layouts: dict[type, tuple[int, Callable[[Any, Style], Box]]] = {
    ex.Numeral: (ATOM, lambda node, style: scalar(node.value)),
    ex.Constant: (ATOM, lambda node, style: spell(node.name)),
    ex.Parameter: (ATOM, lambda node, style: spell(node.name)),
    ex.Variable: (ATOM, _variable),
    ex.IdentityMatrix: (ATOM, lambda node, style: bx.Glyph("identifier", "I", "I")),
    ex.Ones: (ATOM, lambda node, style: bx.Glyph("upright", r"\mathbf{1}", "𝟏")),
    ex.Size: (ATOM, lambda node, style: scalar(node.count)),
    ex.OrderedSum: (SUM, _sum),
    ex.Negative: (NEGATIVE, lambda node, style: row(bx.MINUS, _inner(node.args[0], style, PRODUCT))),
    ex.Hadamard: (PRODUCT, _hadamard),
    ex.Quotient: (POSTFIX, _quotient),
    ex.Power: (POSTFIX, _power),
    ex.MatrixProduct: (PRODUCT, _product),
    ex.Transposed: (POSTFIX, lambda node, style: _transposed(node.args[0], style)),
    ex.Elementwise: (POSTFIX, _call),
    ex.Reduction: (PRODUCT, _reduction),
    ex.Outer: (PRODUCT, _outer),
    ex.Diagonal: (POSTFIX, _diagonal),
    no.Total: (POSTFIX, _derivative),
    no.Immediate: (POSTFIX, _derivative),
    no.StepBlock: (POSTFIX, _step_block),
    no.Adjoint: (POSTFIX, _adjoint),
    no.Chain: (PRODUCT, _chain),
    no.DescendingProduct: (ATOM, _descending),
    no.SumOverSteps: (PRODUCT, _sum_over_steps),
    no.Labelled: (ATOM, lambda node, style: bx.Brace(lay_out(node.expression, style), node.label)),
    no.Stack: (ATOM, _stack),
}
