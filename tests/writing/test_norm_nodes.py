"""Exact LaTeX, text and MathML for every kind of node that bounds are written with."""

from __future__ import annotations

import pytest
from sympy import Symbol

from rnnsym.calculus import norms
from rnnsym.calculus import notation as no
from rnnsym.model import expressions as ex
from rnnsym.writing.latex import latex
from rnnsym.writing.layout import Style, _layouts, lay_out
from rnnsym.writing.mathml import mathml
from rnnsym.writing.plain import plain

n, t, T, j = ex.size("n"), ex.t, ex.T, Symbol("j", integer=True)
a, h, before = ex.Variable("a", (n,), t), ex.Variable("h", (n,), t), ex.Variable("h", (n,), t - 1)
W = ex.Parameter("W", (n, n))

NODES: list[tuple[ex.Expression, str, str, str]] = [
    (
        norms.SpectralNorm(W),
        r"\lVert W\rVert",
        "‖W‖",
        '<mrow><mo stretchy="false">‖</mo><mi>W</mi><mo stretchy="false">‖</mo></mrow>',
    ),
    (
        norms.LargestSingularValue(W),
        r"\sigma_{\max}(W)",
        "σ_max(W)",
        '<mrow><msub><mi mathvariant="normal">σ</mi><mi>max</mi></msub>'
        '<mrow><mo stretchy="false">(</mo><mi>W</mi><mo stretchy="false">)</mo></mrow></mrow>',
    ),
    (
        norms.SpectralRadius(W),
        r"\rho(W)",
        "ρ(W)",
        '<mrow><mi mathvariant="normal">ρ</mi><mrow><mo stretchy="false">(</mo><mi>W</mi><mo stretchy="false">)'
        "</mo></mrow></mrow>",
    ),
    (
        norms.LargestEntry(a),
        r"\lVert a_{t}\rVert _{\infty}",
        "‖a_t‖_{∞}",
        '<msub><mrow><mo stretchy="false">‖</mo><msub><mi>a</mi><mi>t</mi></msub><mo stretchy="false">‖</mo>'
        "</mrow><mo>∞</mo></msub>",
    ),
    (
        norms.ColumnSum(W),
        r"\lVert W\rVert _{1}",
        "‖W‖_1",
        '<msub><mrow><mo stretchy="false">‖</mo><mi>W</mi><mo stretchy="false">‖</mo></mrow><mn>1</mn></msub>',
    ),
    (
        norms.RowSum(W),
        r"\lVert W\rVert _{\infty}",
        "‖W‖_{∞}",
        '<msub><mrow><mo stretchy="false">‖</mo><mi>W</mi><mo stretchy="false">‖</mo></mrow><mo>∞</mo></msub>',
    ),
    (
        norms.LargestSlope("tanh"),
        r"\gamma_{\tanh}",
        "γ_tanh",
        "<msub><mi>γ</mi><mi>tanh</mi></msub>",
    ),
    (
        norms.StepBound("q", t),
        "q_{t}",
        "q_t",
        "<msub><mi>q</mi><mi>t</mi></msub>",
    ),
    (
        norms.BlockBound("B", h, before),
        "B_{t}^{h,h}",
        "B_t^{h,h}",
        "<msubsup><mi>B</mi><mi>t</mi><mrow><mi>h</mi><mo>,</mo><mi>h</mi></mrow></msubsup>",
    ),
    (
        norms.BlockBounds("B", 2, t),
        "B_{t}",
        "B_t",
        "<msub><mi>B</mi><mi>t</mi></msub>",
    ),
    (
        norms.StepPower(norms.StepBound("q"), T - j),
        "q^{T-j}",
        "q^{T−j}",
        "<msup><mi>q</mi><mrow><mi>T</mi><mo>−</mo><mi>j</mi></mrow></msup>",
    ),
    (
        norms.ProductOverSteps(norms.StepBound("q", t), t, 1, T),
        r"\prod_{t = 1}^{T} q_{t}",
        "∏_{t=1}^{T} q_t",
        '<mrow><munderover><mo largeop="true" movablelimits="false">∏</mo><mrow><mi>t</mi><mo>=</mo><mn>1</mn>'
        "</mrow><mi>T</mi></munderover><msub><mi>q</mi><mi>t</mi></msub></mrow>",
    ),
    (
        norms.Direct(h, before),
        r"\frac{\partial^{\circ}h_{t}}{\partial h_{t-1}}",
        "∂°h_t/∂h_{t−1}",
        '<mfrac><mrow><mi>∂°</mi><msub><mi>h</mi><mi>t</mi></msub></mrow><mrow><mi mathvariant="normal">∂</mi>'
        "<msub><mi>h</mi><mrow><mi>t</mi><mo>−</mo><mn>1</mn></mrow></msub></mrow></mfrac>",
    ),
    (
        norms.Limit(norms.SpectralNorm(no.Total(h, before)), T),
        r"\lim_{T \to  \infty} \left\lVert \frac{\partial h_{t}}{\partial h_{t-1}}\right\rVert",
        "lim_{T→∞} ‖∂h_t/∂h_{t−1}‖",
        '<mrow><munder><mo largeop="true" movablelimits="false">lim</mo><mrow><mi>T</mi><mo>→</mo><mo>∞</mo>'
        '</mrow></munder><mrow><mo>‖</mo><mfrac><mrow><mi mathvariant="normal">∂</mi><msub><mi>h</mi><mi>t</mi>'
        '</msub></mrow><mrow><mi mathvariant="normal">∂</mi><msub><mi>h</mi><mrow><mi>t</mi><mo>−</mo><mn>1</mn>'
        "</mrow></msub></mrow></mfrac><mo>‖</mo></mrow></mrow>",
    ),
    (
        norms.Relation(norms.SpectralNorm(W), "<", ex.ONE),
        r"\lVert W\rVert  < 1",
        "‖W‖ < 1",
        '<mrow><mrow><mo stretchy="false">‖</mo><mi>W</mi><mo stretchy="false">‖</mo></mrow><mo>&lt;</mo><mn>1'
        "</mn></mrow>",
    ),
    (
        norms.NumberMatrix(("9/10", 10), (0, "9/10")),
        r"\begin{bmatrix}0.9 & 10 \\ 0 & 0.9\end{bmatrix}",
        "[[0.9, 10], [0, 0.9]]",
        '<mrow><mo stretchy="true">[</mo><mtable><mtr><mtd><mn>0.9</mn></mtd><mtd><mn>10</mn></mtd></mtr><mtr><mtd>'
        '<mn>0</mn></mtd><mtd><mn>0.9</mn></mtd></mtr></mtable><mo stretchy="true">]</mo></mrow>',
    ),
    (
        norms.Decimal("9/10"),
        "0.9",
        "0.9",
        "<mn>0.9</mn>",
    ),
]


@pytest.mark.parametrize(("expression", "tex", "text", "markup"), NODES, ids=[text for _, _, text, _ in NODES])
def test_a_node_is_printed_exactly_so(expression: ex.Expression, tex: str, text: str, markup: str) -> None:
    box = lay_out(expression, Style())
    assert (latex(box).strip(), plain(box), mathml(box)) == (tex, text, markup)


def test_every_kind_of_node_is_here() -> None:
    own = {kind for kind in _layouts if kind.__module__ == norms.__name__}
    assert {type(expression) for expression, *_ in NODES} == own
