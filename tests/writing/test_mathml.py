"""Exact MathML for every kind of node, and every kind of box in every printer."""

from __future__ import annotations

from dataclasses import fields
from typing import get_args

import pytest
from sympy import Symbol

from rnnsym.calculus import norms
from rnnsym.calculus import notation as no
from rnnsym.model import expressions as ex
from rnnsym.writing import boxes as bx
from rnnsym.writing import latex, mathml, plain, widths
from rnnsym.writing.layout import Style, _layouts, lay_out

n, d, t, T, j = ex.size("n"), ex.size("d"), ex.t, ex.T, Symbol("j", integer=True)
a, b, h = (ex.Variable(name, (n,), t) for name in "abh")
c, before, L = ex.Variable("c", (n,), t), ex.Variable("h", (n,), t - 1), ex.Variable("L", ())
x, s, W, U = ex.Variable("x", (d,), t), ex.Parameter("s", ()), ex.Parameter("W", (n, n)), ex.Parameter("U", (d, n))
g = ex.Variable("g", (d + n,))

NODES: list[tuple[ex.Expression, str]] = [
    (
        ex.Numeral("-1/2"),
        "<mrow><mo>−</mo><mfrac><mn>1</mn><mn>2</mn></mfrac></mrow>",
    ),
    (
        ex.Constant("dt", "1/20"),
        "<mrow><mi>d</mi><mi>t</mi></mrow>",
    ),
    (
        ex.Parameter("W_xr", (d, n)),
        "<msub><mi>W</mi><mrow><mi>x</mi><mi>r</mi></mrow></msub>",
    ),
    (
        ex.Variable("yhat", (n,), T),
        '<msub><mover accent="true"><mi>y</mi><mo stretchy="false">^</mo></mover><mi>T</mi></msub>',
    ),
    (
        ex.IdentityMatrix(n),
        "<mi>I</mi>",
    ),
    (
        ex.Ones((n,)),
        "<mn>𝟏</mn>",
    ),
    (
        ex.Size(d * n),
        "<mrow><mi>d</mi><mi>n</mi></mrow>",
    ),
    (
        a - (b + c),
        '<mrow><msub><mi>a</mi><mi>t</mi></msub><mo>−</mo><mrow><mo stretchy="false">(</mo><mrow><msub><mi>b</mi>'
        '<mi>t</mi></msub><mo>+</mo><msub><mi>c</mi><mi>t</mi></msub></mrow><mo stretchy="false">)</mo></mrow>'
        "</mrow>",
    ),
    (
        ex.Negative(a @ W),
        "<mrow><mo>−</mo><msub><mi>a</mi><mi>t</mi></msub><mi>W</mi></mrow>",
    ),
    (
        a * b * s,
        "<mrow><msub><mi>a</mi><mi>t</mi></msub><mo>⊙</mo><msub><mi>b</mi><mi>t</mi></msub><mi>s</mi></mrow>",
    ),
    (
        a / (b + c),
        "<mfrac><msub><mi>a</mi><mi>t</mi></msub><mrow><msub><mi>b</mi><mi>t</mi></msub><mo>+</mo><msub><mi>c"
        "</mi><mi>t</mi></msub></mrow></mfrac>",
    ),
    (
        a**2,
        "<msubsup><mi>a</mi><mi>t</mi><mn>2</mn></msubsup>",
    ),
    (
        (a + b) @ W,
        '<mrow><mrow><mo stretchy="false">(</mo><mrow><msub><mi>a</mi><mi>t</mi></msub><mo>+</mo><msub><mi>b</mi>'
        '<mi>t</mi></msub></mrow><mo stretchy="false">)</mo></mrow><mi>W</mi></mrow>',
    ),
    (
        W.T,
        '<msup><mi>W</mi><mi mathvariant="normal">⊤</mi></msup>',
    ),
    (
        ex.Elementwise("tanh", a),
        '<mrow><mi>tanh</mi><mrow><mo stretchy="false">(</mo><msub><mi>a</mi><mi>t</mi></msub>'
        '<mo stretchy="false">)</mo></mrow></mrow>',
    ),
    (
        ex.Softmax(a),
        '<mrow><mi>softmax</mi><mrow><mo stretchy="false">(</mo><msub><mi>a</mi><mi>t</mi></msub>'
        '<mo stretchy="false">)</mo></mrow></mrow>',
    ),
    (
        ex.Comparison("<=", a, b),
        '<mrow><mo stretchy="false">[</mo><mrow><msub><mi>a</mi><mi>t</mi></msub><mo>≤</mo><msub><mi>b</mi><mi>t'
        '</mi></msub></mrow><mo stretchy="false">]</mo></mrow>',
    ),
    (
        ex.Selection(ex.Comparison(">", a, ex.Numeral(0)), a, b),
        '<mrow><mo stretchy="true">{</mo><mtable columnalign="left left"><mtr><mtd><msub><mi>a</mi><mi>t</mi>'
        "</msub></mtd><mtd><mtext>if </mtext><mrow><msub><mi>a</mi><mi>t</mi></msub><mo>&gt;</mo><mn>0</mn>"
        "</mrow></mtd></mtr><mtr><mtd><msub><mi>b</mi><mi>t</mi></msub></mtd><mtd><mtext>otherwise</mtext></mtd>"
        "</mtr></mtable></mrow>",
    ),
    (
        ex.Extremum("maximum", a, b),
        '<mrow><mi>max</mi><mrow><mo stretchy="false">(</mo><mrow><msub><mi>a</mi><mi>t</mi></msub><mo>,</mo>'
        '<msub><mi>b</mi><mi>t</mi></msub></mrow><mo stretchy="false">)</mo></mrow></mrow>',
    ),
    (
        ex.Reduction("sum", a),
        '<mrow><munder><mo largeop="true" movablelimits="false">∑</mo><mi>i</mi></munder><msub><mrow>'
        '<mo stretchy="false">[</mo><msub><mi>a</mi><mi>t</mi></msub><mo stretchy="false">]</mo></mrow><mi>i</mi>'
        "</msub></mrow>",
    ),
    (
        ex.Outer(a, b),
        '<mrow><msubsup><mi>a</mi><mi>t</mi><mi mathvariant="normal">⊤</mi></msubsup><msub><mi>b</mi><mi>t</mi>'
        "</msub></mrow>",
    ),
    (
        ex.Diagonal(a),
        '<mrow><mi>diag</mi><mrow><mo stretchy="false">(</mo><msub><mi>a</mi><mi>t</mi></msub>'
        '<mo stretchy="false">)</mo></mrow></mrow>',
    ),
    (
        ex.Concatenation(x, before),
        '<mrow><mo stretchy="false">[</mo><mrow><msub><mi>x</mi><mi>t</mi></msub><mo>,</mo><msub><mi>h</mi><mrow>'
        '<mi>t</mi><mo>−</mo><mn>1</mn></mrow></msub></mrow><mo stretchy="false">]</mo></mrow>',
    ),
    (
        ex.Part(g, (d, n), 1),
        '<msub><mrow><mo stretchy="false">(</mo><mi>g</mi><mo stretchy="false">)</mo></mrow><mrow><mi>d</mi><mo>+'
        "</mo><mn>1</mn><mo>:</mo><mi>d</mi><mo>+</mo><mi>n</mi></mrow></msub>",
    ),
    (
        ex.Projection(a, W),
        "<mrow><msub><mi>a</mi><mi>t</mi></msub><mi>W</mi></mrow>",
    ),
    (
        ex.Lookup(x, U),
        "<mrow><msub><mi>x</mi><mi>t</mi></msub><mi>U</mi></mrow>",
    ),
    (
        ex.Scatter(x, no.Adjoint(h)),
        '<mrow><msubsup><mi>x</mi><mi>t</mi><mi mathvariant="normal">⊤</mi></msubsup><msubsup><mi>δ</mi><mi>t'
        "</mi><mi>h</mi></msubsup></mrow>",
    ),
    (
        no.Total(L, W),
        '<mfrac><mrow><mi mathvariant="normal">∂</mi><mi>L</mi></mrow><mrow><mi mathvariant="normal">∂</mi><mi>W'
        "</mi></mrow></mfrac>",
    ),
    (
        no.Immediate(h, W),
        '<mfrac><mrow><msup><mi mathvariant="normal">∂</mi><mo>+</mo></msup><msub><mi>h</mi><mi>t</mi></msub>'
        '</mrow><mrow><mi mathvariant="normal">∂</mi><mi>W</mi></mrow></mfrac>',
    ),
    (
        no.StepBlock(h, ex.Variable("c", (n,), t - 1)),
        "<msubsup><mi>J</mi><mi>t</mi><mrow><mi>h</mi><mo>,</mo><mi>c</mi></mrow></msubsup>",
    ),
    (
        no.Adjoint(h),
        "<msubsup><mi>δ</mi><mi>t</mi><mi>h</mi></msubsup>",
    ),
    (
        no.Chain(no.Total(L, h), no.Total(h, before)),
        '<mrow><mfrac><mrow><mi mathvariant="normal">∂</mi><mi>L</mi></mrow><mrow><mi mathvariant="normal">∂</mi>'
        '<msub><mi>h</mi><mi>t</mi></msub></mrow></mfrac><mo>·</mo><mfrac><mrow><mi mathvariant="normal">∂</mi>'
        '<msub><mi>h</mi><mi>t</mi></msub></mrow><mrow><mi mathvariant="normal">∂</mi><msub><mi>h</mi><mrow><mi>t'
        "</mi><mo>−</mo><mn>1</mn></mrow></msub></mrow></mfrac></mrow>",
    ),
    (
        no.DescendingProduct(no.Total(h, before), t, T, j + 1),
        '<mrow><mo>(</mo><mrow><munder><mo largeop="true" movablelimits="false">∏</mo><mrow><mi>t</mi><mo>=</mo>'
        '<mi>T</mi><mo>↓</mo><mi>j</mi><mo>+</mo><mn>1</mn></mrow></munder><mfrac><mrow><mi mathvariant="normal">'
        '∂</mi><msub><mi>h</mi><mi>t</mi></msub></mrow><mrow><mi mathvariant="normal">∂</mi><msub><mi>h</mi>'
        "<mrow><mi>t</mi><mo>−</mo><mn>1</mn></mrow></msub></mrow></mfrac></mrow><mo>)</mo></mrow>",
    ),
    (
        no.AscendingProduct(W, t, 1, j - 1),
        '<mrow><mo>(</mo><mrow><munder><mo largeop="true" movablelimits="false">∏</mo><mrow><mi>t</mi><mo>=</mo>'
        "<mn>1</mn><mo>↑</mo><mi>j</mi><mo>−</mo><mn>1</mn></mrow></munder><mi>W</mi></mrow><mo>)</mo></mrow>",
    ),
    (
        no.SumOverSteps(no.Adjoint(h), t, 1, T),
        '<mrow><munderover><mo largeop="true" movablelimits="false">∑</mo><mrow><mi>t</mi><mo>=</mo><mn>1</mn>'
        "</mrow><mi>T</mi></munderover><msubsup><mi>δ</mi><mi>t</mi><mi>h</mi></msubsup></mrow>",
    ),
    (
        no.Labelled(a, "short-term dependency"),
        '<munder><munder><msub><mi>a</mi><mi>t</mi></msub><mo stretchy="true">⏟</mo></munder><mtext>'
        "short-term dependency</mtext></munder>",
    ),
    (
        no.Stack(c, h),
        '<mrow><mo stretchy="false">(</mo><mrow><msub><mi>c</mi><mi>t</mi></msub><mo>,</mo><msub><mi>h</mi><mi>t'
        '</mi></msub></mrow><mo stretchy="false">)</mo></mrow>',
    ),
]


@pytest.mark.parametrize(("expression", "expected"), NODES, ids=[type(expression).__name__ for expression, _ in NODES])
def test_its_mathml_is_exactly_this(expression: ex.Expression, expected: str) -> None:
    assert mathml.mathml(lay_out(expression, Style())) == expected


def test_every_kind_of_node_is_here() -> None:
    own = {kind for kind in _layouts if kind.__module__ != norms.__name__}
    assert {type(expression) for expression, _ in NODES} == own


def boxes_in(box: bx.Box) -> set[type]:
    parts = [getattr(box, field.name) for field in fields(box)]
    inner = [one for part in parts for one in (part if isinstance(part, tuple) else (part,))]
    return {type(box)}.union(*(boxes_in(one) for one in inner if isinstance(one, bx.Box)))


@pytest.mark.parametrize("printers", [latex._printers, mathml._printers, plain._printers, widths._widths])
def test_every_kind_of_box_is_printed_and_occurs_here(printers: dict[type, object]) -> None:
    assert set(printers) == set(get_args(bx.Box))
    occurring = [*(expression for expression, _ in NODES), norms.NumberMatrix((1, 2), (3, 4))]
    assert set().union(*(boxes_in(lay_out(expression, Style())) for expression in occurring)) == set(get_args(bx.Box))
