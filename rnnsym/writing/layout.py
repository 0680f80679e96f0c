"""Expressions to boxes: one entry a kind of node, brackets by precedence, factors in the author's order."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from rnnsym.calculus import notation as no
from rnnsym.errors import RnnsymError
from rnnsym.model import expressions as ex
from rnnsym.model.activations import activations
from rnnsym.writing import boxes as bx
from rnnsym.writing.boxes import Box, row, superscript
from rnnsym.writing.norm_layout import norm_layouts
from rnnsym.writing.numbers import scalar
from rnnsym.writing.styles import Style, style_of

__all__ = ["Style", "join", "lay_out", "lay_out_term", "style_of", "sum_terms", "superscript"]

SUM, NEGATIVE, PRODUCT, POSTFIX, ATOM = range(5)
RELATIONS = {">": (">", ">"), "<": ("<", "<"), ">=": (r"\geq", "≥"), "<=": (r"\leq", "≤")}


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


def join(parts: list[Box], sign: Box) -> Box:
    """Put ``sign`` between ``parts``."""
    joined: list[Box] = [parts[0]]
    for part in parts[1:]:
        joined += [sign, part]
    return row(*joined)


def _variable(node: ex.Variable, style: Style) -> Box:
    if node.name == "target":
        return style.target if node.step is None else _with_step(style.target, scalar(node.step))
    return style.spell(node.name, None if node.step is None else scalar(node.step))


def _with_step(target: Box, step: Box) -> Box:
    return bx.Script(target.base, step, target.above) if isinstance(target, bx.Script) else bx.Script(target, step)


def _adjoint(node: no.Adjoint, style: Style) -> Box:
    name, step = node.variable.name, node.variable.step
    delta = bx.Glyph("identifier", r"\delta", "δ")
    below = None if step is None else scalar(step)
    above = None if name == style.plain_adjoint else style.spell(name)
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
        elif before is not None and (isinstance(factor, ex.Numeral) or _has_word(before, factor, style)):
            parts.append(bx.DOT)
        parts.append(_inner(factor, style, POSTFIX))
    return row(*parts)


def _quotient(node: ex.Quotient, style: Style) -> Box:
    return bx.Fraction(lay_out(node.args[0], style), lay_out(node.args[1], style))


def _power(node: ex.Power, style: Style) -> Box:
    return superscript(_inner(node.base, style, ATOM), scalar(node.exponent))


def _product(node: ex.MatrixProduct, style: Style) -> Box:
    if node.left.rank == 1 and node.right.rank == 1:
        return bx.Fence(join([lay_out(node.left, style), lay_out(node.right, style)], bx.COMMA), "⟨", "⟩")
    if style.convention == "column" and _is_row(node):
        return row(_transposed(node.left, style), _factor(node.right, style))
    dot = (bx.DOT,) if _has_word(node.left, node.right, style) else ()
    return row(_factor(node.left, style), *dot, _factor(node.right, style))


def _has_word(left: ex.Expression, right: ex.Expression, style: Style) -> bool:
    """Whether one of two factors is a name of several letters, which would run into the other: eps · h."""
    return _is_word(left, style) or _is_word(right, style)


def _is_word(node: ex.Expression, style: Style) -> bool:
    if not isinstance(node, ex.Named | ex.Constant):
        return False
    box = lay_out(node, style)
    sign = box.base if isinstance(box, bx.Script) else box
    return isinstance(sign, bx.Glyph) and len(sign.unicode) > 1


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
    argument = bx.Fence(lay_out(node.argument, style), *entry.delimiters)
    return row(bx.Glyph("upright", entry.latex, entry.unicode), argument) if argument.left == "(" else argument


def _named(name: str, *arguments: Box, command: str = "") -> Box:
    """A function written as its name before its arguments."""
    return row(bx.Glyph("upright", command or rf"\mathrm{{{name}}}", name), bx.Fence(join(list(arguments), bx.COMMA)))


def _extremum(node: ex.Extremum, style: Style) -> Box:
    short = node.name[:3]
    return _named(short, *(lay_out(operand, style) for operand in node.operands), command=rf"\{short}")


def _comparison(node: ex.Comparison, style: Style) -> Box:
    """An Iverson bracket: 1 where it holds and 0 elsewhere."""
    return bx.Fence(_relation(node, style), "[", "]")


def _relation(node: ex.Comparison, style: Style) -> Box:
    left, right = (lay_out(operand, style) for operand in node.operands)
    return row(left, bx.operator(*RELATIONS[node.name]), right)


def _selection(node: ex.Selection, style: Style) -> Box:
    condition, *branches = node.args
    stated = _relation(condition, style) if isinstance(condition, ex.Comparison) else row(
        lay_out(condition, style), bx.EQUALS, bx.number(1))
    return bx.Cases(lay_out(branches[0], style), stated, lay_out(branches[1], style))


def _reduction(node: ex.Reduction, style: Style) -> Box:
    if node.kind != "sum":
        return _named(node.kind, lay_out(node.operand, style))
    index = row(*(bx.Glyph("identifier", letter, letter) for letter in "ij"[: max(node.operand.rank, 1)]))
    sigma = bx.Limits(bx.operator(r"\sum", "∑"), index, bx.Row(()))
    return row(sigma, bx.Script(bx.Fence(lay_out(node.operand, style), "[", "]"), below=index))


def _concatenation(node: ex.Concatenation, style: Style) -> Box:
    beside = style.convention == "row" and node.rank == 1  # matrices and columns stand on top of each other
    return bx.Fence(join([lay_out(one, style) for one in node.args], bx.COMMA if beside else bx.SEMICOLON), "[", "]")


def _part(node: ex.Part, style: Style) -> Box:
    entries = row(scalar(node.start + 1), bx.COLON, scalar(node.stop))
    return bx.Script(bx.Fence(lay_out(node.operand, style)), below=entries)


def _projection(node: ex.Projection, style: Style) -> Box:
    if style.convention == "row":
        return row(_factor(node.vector, style), _factor(node.matrix, style))
    return row(_factor(ex.transpose(node.matrix), style), _factor(node.vector, style))


def _diagonal(node: ex.Diagonal, style: Style) -> Box:
    return row(bx.Glyph("upright", r"\operatorname{diag}", "diag"), bx.Fence(lay_out(node.args[0], style)))


def _derivative(node: no.Total, style: Style) -> Box:
    sign: Box = bx.PARTIAL_PLUS if isinstance(node, no.Immediate) else bx.PARTIAL
    return bx.Fraction(row(sign, lay_out(node.of, style)), row(bx.PARTIAL, lay_out(node.by, style)))


def _step_block(node: no.StepBlock, style: Style) -> Box:
    letter = bx.Glyph("identifier", "J", "J")
    names = join([style.spell(node.of.name), style.spell(node.by.name)], bx.COMMA)
    return bx.Script(letter, scalar(node.of.step), names)


def _chain(node: no.Chain, style: Style) -> Box:
    return join([_inner(factor, style, PRODUCT) for factor in node.args], bx.DOT)


def _descending(node: no.DescendingProduct, style: Style) -> Box:
    index, upper, lower = (scalar(arg) for arg in node.args[1:])
    ascends = isinstance(node, no.AscendingProduct)
    arrow = bx.operator(r"\uparrow", "↑") if ascends else bx.operator(r"\downarrow", "↓")
    below = row(index, bx.EQUALS, upper, arrow, lower)
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
    ex.Constant: (ATOM, lambda node, style: style.spell(node.name)),
    ex.Parameter: (ATOM, lambda node, style: style.spell(node.name)),
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
    ex.Softmax: (POSTFIX, lambda node, style: _named("softmax", lay_out(node.argument, style))),
    ex.Comparison: (ATOM, _comparison),
    ex.Selection: (SUM, _selection),
    ex.Extremum: (POSTFIX, _extremum),
    ex.Reduction: (PRODUCT, _reduction),
    ex.Outer: (PRODUCT, _outer),
    ex.Diagonal: (POSTFIX, _diagonal),
    ex.Concatenation: (ATOM, _concatenation),
    ex.Part: (POSTFIX, _part),
    ex.Projection: (PRODUCT, _projection),
    ex.Lookup: (PRODUCT, _projection),
    ex.Scatter: (PRODUCT, _outer),
    no.Total: (POSTFIX, _derivative),
    no.Immediate: (POSTFIX, _derivative),
    no.StepBlock: (POSTFIX, _step_block),
    no.Adjoint: (POSTFIX, _adjoint),
    no.Chain: (PRODUCT, _chain),
    no.DescendingProduct: (ATOM, _descending),
    no.AscendingProduct: (ATOM, _descending),
    no.SumOverSteps: (PRODUCT, _sum_over_steps),
    no.Labelled: (ATOM, lambda node, style: bx.Brace(lay_out(node.expression, style), node.label)),
    no.Stack: (ATOM, _stack),
    **norm_layouts(_inner),
}
