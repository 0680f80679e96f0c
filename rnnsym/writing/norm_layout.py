"""How norms and bounds are laid out: entries for the table of ``writing.layout``.

Each entry takes the node, the style and ``inner``, which lays out an operand in brackets where it binds less tightly
than the given precedence: the table that it belongs to hands that in.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sympy import Rational

from rnnsym.calculus import norms
from rnnsym.model.activations import activations
from rnnsym.model.expressions import Expression
from rnnsym.writing import boxes as bx
from rnnsym.writing.boxes import Box, row
from rnnsym.writing.numbers import scalar
from rnnsym.writing.spelling import spell
from rnnsym.writing.styles import Style

Inner = Callable[[Expression, Style, int], Box]
Layout = Callable[[Any, Style], Box]
Entry = Callable[[Any, Style, Inner], Box]

ANY, PRODUCT, POSTFIX, ATOM = 0, 2, 3, 4  # as in writing.layout
BARS = ("‖", "‖")
DIRECT = bx.Glyph("upright", r"\partial^{\circ}", "∂°")
SIGNS = {
    "=": bx.EQUALS, "≤": bx.operator(r"\leq", "≤"), "<": bx.operator("<", "<"), ">": bx.operator(">", ">"),
    "≥": bx.operator(r"\geq", "≥"), "≈": bx.operator(r"\approx", "≈"), "⇒": bx.operator(r"\Rightarrow", "⇒"),
}


def _bare(body: Box) -> Box:
    """Take off the brackets of what gets bars instead."""
    return body.body if isinstance(body, bx.Fence) and body.left == "(" else body


def _norm(node: norms.SpectralNorm, style: Style, inner: Inner) -> Box:
    return bx.Fence(_bare(inner(node.operand, style, ANY)), *BARS)


def _largest_entry(node: norms.LargestEntry, style: Style, inner: Inner) -> Box:
    body = _bare(inner(node.operand, style, ANY))
    return bx.Script(bx.Fence(body, *BARS), below=bx.operator(r"\infty", "∞")) if node.operand.shape else bx.Fence(
        body, "|", "|")


def _sums(sign: Box) -> Entry:
    def show(node: norms.ColumnSum | norms.RowSum, style: Style, inner: Inner) -> Box:
        return bx.Script(bx.Fence(_bare(inner(node.operand, style, ANY)), *BARS), below=sign)

    return show


_LARGEST = bx.Script(bx.Glyph("upright", r"\sigma", "σ"), below=bx.Glyph("upright", r"\max", "max"))


def _call(name: Box) -> Entry:
    def show(node: norms.LargestSingularValue, style: Style, inner: Inner) -> Box:
        return row(name, bx.Fence(_bare(inner(node.operand, style, ANY))))

    return show


def _slope(node: norms.LargestSlope, style: Style, inner: Inner) -> Box:
    entry = activations[node.function]
    name = bx.Glyph("upright", entry.latex, entry.unicode)
    return bx.Script(bx.Glyph("identifier", r"\gamma", "γ"), below=name)


def _bound(node: norms.StepBound, style: Style, inner: Inner) -> Box:
    return spell(node.letter, None if node.step is None else scalar(node.step))


def _block_bound(node: norms.BlockBound, style: Style, inner: Inner) -> Box:
    names = row(style.spell(node.of.name), bx.COMMA, style.spell(node.by.name))
    return bx.Script(spell(node.letter), None if node.of.step is None else scalar(node.of.step), names)


def _power(node: norms.StepPower, style: Style, inner: Inner) -> Box:
    base = inner(node.base, style, ATOM)
    return bx.Script(bx.Fence(base) if isinstance(base, bx.Script) and base.above is not None else base,
                     above=scalar(node.exponent))


def _product(node: norms.ProductOverSteps, style: Style, inner: Inner) -> Box:
    index, lower, upper = (scalar(arg) for arg in node.args[1:])
    sign = bx.Limits(bx.operator(r"\prod", "∏"), row(index, bx.EQUALS, lower), upper)
    return row(sign, inner(node.factor, style, PRODUCT))


def _direct(node: norms.Direct, style: Style, inner: Inner) -> Box:
    above, below = (inner(part, style, ANY) for part in (node.of, node.by))
    return bx.Fraction(row(DIRECT, above), row(bx.PARTIAL, below))


def _limit(node: norms.Limit, style: Style, inner: Inner) -> Box:
    below = row(scalar(node.args[1]), bx.operator(r"\to", "→"), bx.operator(r"\infty", "∞"))
    sign = bx.Limits(bx.operator(r"\lim", "lim"), below, bx.Row(()))
    return row(sign, inner(node.operand, style, PRODUCT))


def _relation(node: norms.Relation, style: Style, inner: Inner) -> Box:
    return row(inner(node.left, style, ANY), SIGNS[node.sign], inner(node.right, style, ANY))


def _numbers(node: norms.NumberMatrix, style: Style, inner: Inner) -> Box:
    return bx.Grid(tuple(tuple(decimal(entry) for entry in line) for line in node.rows))


def decimal(value: Rational) -> Box:
    """Lay out an exact number as a decimal where it has a short one: 0.9, −2, else a fraction."""
    text = repr(float(abs(value))).removesuffix(".0")
    if Rational(text) != abs(value):
        return scalar(value)
    return row(bx.MINUS, bx.number(text)) if value < 0 else bx.number(text)


def array_of_numbers(values: Any) -> Box:
    """Lay out a number, a list of them as a row, or lists as a matrix; one entry alone bears no brackets."""
    line = values if isinstance(values, list) else [values]
    rows = line if isinstance(line[0], list) else [line]
    boxes = tuple(tuple(decimal(Rational(repr(entry))) for entry in one) for one in rows)
    return boxes[0][0] if len(boxes) == len(boxes[0]) == 1 else bx.Grid(boxes)


_entries: dict[type, tuple[int, Entry]] = {
    norms.SpectralNorm: (ATOM, _norm),
    norms.LargestEntry: (ATOM, _largest_entry),
    norms.ColumnSum: (ATOM, _sums(bx.number(1))),
    norms.RowSum: (ATOM, _sums(bx.operator(r"\infty", "∞"))),
    norms.LargestSingularValue: (POSTFIX, _call(_LARGEST)),
    norms.SpectralRadius: (POSTFIX, _call(bx.Glyph("upright", r"\rho", "ρ"))),
    norms.LargestSlope: (ATOM, _slope),
    norms.StepBound: (ATOM, _bound),
    norms.BlockBound: (ATOM, _block_bound),
    norms.BlockBounds: (ATOM, _bound),
    norms.StepPower: (POSTFIX, _power),
    norms.ProductOverSteps: (PRODUCT, _product),
    norms.Direct: (POSTFIX, _direct),
    norms.Limit: (PRODUCT, _limit),
    norms.Relation: (ANY, _relation),
    norms.NumberMatrix: (ATOM, _numbers),
    norms.Decimal: (ATOM, lambda node, style, inner: decimal(node.value)),
}


def norm_layouts(inner: Inner) -> dict[type, tuple[int, Layout]]:
    """Return the entries for a table whose operands ``inner`` lays out."""
    def bound(show: Entry) -> Layout:
        return lambda node, style: show(node, style, inner)

    return {kind: (level, bound(show)) for kind, (level, show) in _entries.items()}
