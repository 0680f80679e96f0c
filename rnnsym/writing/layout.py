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
from rnnsym.model.networks import Network
from rnnsym.writing import boxes as bx
from rnnsym.writing.boxes import Box, row
from rnnsym.writing.spelling import spell

SUM, NEGATIVE, PRODUCT, POSTFIX, ATOM = range(5)


TARGET = spell("target")


@dataclass(frozen=True)
class Style:
    """What a document has decided: the convention, the quantity whose δ bears no superscript, the target's sign."""

    convention: str = "row"
    plain_adjoint: str | None = None
    target: Box = TARGET


def style_of(network: Network) -> Style:
    """Return the style that keeps the signs of ``network`` apart: y* beside a name y, δ^h beside a name delta."""
    equations = (*network.equations, *network.readout_equations)
    names = {name.name for name in (*network.parameters, *network.constants, *(e.target for e in equations))}
    alone = len(network.states) == 1 and not any(name.split("_")[0] == "delta" for name in names)
    plain_adjoint = network.states[0].variable.name if alone else None
    target = bx.Script(TARGET, above=bx.operator("*", "*")) if "y" in names else TARGET
    return Style(network.convention, plain_adjoint, target)


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
    elif isinstance(expression, ex.MatrixProduct) and not expression.shape:
        own = ATOM  # ⟨a, b⟩ has brackets of its own
    body = lay_out(expression, style)
    return bx.Fence(body) if own < precedence else body


def scalar(value: Any) -> Box:
    """Lay out a SymPy integer expression of sizes and steps: t − 1, 3, d n."""
    match value:
        case Integer():
            return bx.number(value) if value >= 0 else row(bx.MINUS, bx.number(-value))
        case Rational():
            fraction = bx.Fraction(bx.number(abs(value.p)), bx.number(value.q))
            return fraction if value >= 0 else row(bx.MINUS, fraction)
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
    if node.name == "target":
        return style.target
    return spell(node.name, None if node.step is None else scalar(node.step))


def _adjoint(node: no.Adjoint, style: Style) -> Box:
    name, step = node.variable.name, node.variable.step
    delta = bx.Glyph("identifier", r"\delta", "δ")
    below = None if step is None else scalar(step)
    above = None if name == style.plain_adjoint else spell(name)
    return delta if below is None and above is None else bx.Script(delta, below, above)


def sum_terms(node: ex.Expression) -> list[tuple[bool, ex.Expression]]:
    """Split a sum into (negative, term) pairs; anything else is its own only term."""
    return [_signed(term) for term in (node.args if isinstance(node, ex.OrderedSum) else (node,))]


def _signed(term: ex.Expression) -> tuple[bool, ex.Expression]:
    if isinstance(term, ex.Numeral) and term.value < 0:
        return True, ex.negate(term)
    return (True, term.args[0]) if isinstance(term, ex.Negative) else (False, term)


def _sum(node: ex.OrderedSum, style: Style) -> Box:
    parts: list[Box] = []
    for place, (negative, term) in enumerate(sum_terms(node), start=1):
        if parts or negative:
            parts.append(bx.MINUS if negative else bx.PLUS)
        body = lay_out_term(term, style, negative=negative)
        runs_on = isinstance(term, no.SumOverSteps) and place < len(node.args)  # ∑ would seem to hold what follows
        parts.append(bx.Fence(body) if runs_on else body)
    return row(*parts)


def lay_out_term(term: ex.Expression, style: Style, *, negative: bool) -> Box:
    """Lay out a term of a sum without its sign; a sum needs brackets, behind a minus a negative does too."""
    return _inner(term, style, PRODUCT if negative else NEGATIVE)


def _hadamard(node: ex.Hadamard, style: Style) -> Box:
    if ex.ZERO in node.args and any(isinstance(factor, ex.Ones) for factor in node.args):
        return bx.number(0)  # ``zeros``: a vector or matrix of zeros is written 0
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
    return bx.Script(bx.Fence(base) if isinstance(base, bx.Script) else base, above=above)


def _product(node: ex.MatrixProduct, style: Style) -> Box:
    if node.left.rank == 1 and node.right.rank == 1:
        return bx.Fence(join([lay_out(node.left, style), lay_out(node.right, style)], bx.COMMA), "⟨", "⟩")
    if style.convention == "column" and _is_row(node):
        return row(_transposed(node.left, style), _factor(node.right, style))
    return row(_factor(node.left, style), _factor(node.right, style))


def _is_row(node: ex.Expression) -> bool:
    """Whether ``node`` is wᵀJ among columns: a row of a Jacobian."""
    return isinstance(node, ex.MatrixProduct) and node.left.rank == 1 and node.right.rank == 2


def _factor(node: ex.Expression, style: Style) -> Box:
    """A factor of a matrix product: an elementwise product inside it needs brackets, another product does not."""
    needs_brackets = isinstance(node, ex.Hadamard | ex.Quotient)
    return bx.Fence(lay_out(node, style)) if needs_brackets else _inner(node, style, PRODUCT)


def _outer(node: ex.Outer, style: Style) -> Box:
    left, right = node.args
    if style.convention == "row":
        return row(_transposed(left, style), _factor(right, style))
    return row(_factor(left, style), _factor(right, style) if _is_row(right) else _transposed(right, style))


def _transposed(operand: ex.Expression, style: Style) -> Box:
    return superscript(_inner(operand, style, ATOM), bx.TOP)


def _call(node: ex.Elementwise, style: Style) -> Box:
    entry = activations[node.function]
    return row(bx.Glyph("upright", entry.latex, entry.unicode), bx.Fence(lay_out(node.argument, style)))


def _reduction(node: ex.Reduction, style: Style) -> Box:
    if node.kind == "mean":
        return row(bx.Glyph("upright", r"\mathrm{mean}", "mean"), bx.Fence(lay_out(node.operand, style)))
    index = row(*(bx.Glyph("identifier", letter, letter) for letter in "ij"[: max(node.operand.rank, 1)]))
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
    ex.Ones: (ATOM, lambda node, style: bx.Glyph("number", r"\mathbf{1}", "𝟏")),
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
