"""Every kind of node on the page: exact LaTeX and text, and MathML that is well-formed and says the same."""

from __future__ import annotations

from typing import Any
from xml.etree import ElementTree

import pytest
from sympy import Basic, Integer, Rational, Symbol

from rnnsym.calculus import norms
from rnnsym.calculus import notation as no
from rnnsym.errors import RnnsymError
from rnnsym.model import expressions as ex
from rnnsym.writing.latex import latex
from rnnsym.writing.layout import Style, _layouts, lay_out
from rnnsym.writing.mathml import mathml
from rnnsym.writing.plain import plain

n, d, t, T, j = ex.size("n"), ex.size("d"), ex.t, ex.T, Symbol("j", integer=True)


def V(name: str, shape: Any = (n,), step: Any = t) -> ex.Variable:
    return ex.Variable(name, shape, step)


def tanh(argument: ex.Expression) -> ex.Expression:
    return ex.Elementwise("tanh", argument)


N = ex.Numeral
a, b, c, g, h, hp, r, o = V("a"), V("b"), V("c"), V("g", step=None), V("h"), V("h", step=t - 1), V("r"), V("o")
x, u, s, dt = V("x", (d,)), V("u", ()), ex.Parameter("s", ()), ex.Constant("dt", "1/20")
W, U, M = ex.Parameter("W", (n, n)), ex.Parameter("U_h", (n, n)), ex.Parameter("W_xr", (d, n))
JOINED, G = ex.Parameter("W", (d + n, n)), V("g", (d + n,), None)
L, yhat, target = V("L", (), None), V("yhat", step=None), V("target", step=None)

ROWS: list[tuple[ex.Expression, str, str]] = [
    (N(2), r"2", "2"),
    (N("-1/2"), r"- \frac{1}{2}", "−1/2"),
    (dt, r"dt", "dt"),
    (ex.multiply(dt, h), r"dt \cdot h_{t}", "dt · h_t"),
    (ex.multiply(u, ex.Constant("eps", "1/2")), r"u_{t} \cdot \mathrm{eps}", "u_t · eps"),
    (ex.MatrixProduct(h, ex.Parameter("Wrec", (n, n))), r"h_{t} \cdot \mathrm{Wrec}", "h_t · Wrec"),
    (ex.multiply(ex.Constant("lam", "1/2"), h), r"\lambda h_{t}", "λ h_t"),
    (M, r"W_{xr}", "W_xr"),
    (hp, r"h_{t-1}", "h_{t−1}"),
    (V("h", step=T), r"h_{T}", "h_T"),
    (ex.IdentityMatrix(n), r"I", "I"),
    (ex.Ones((n,)), r"\mathbf{1}", "𝟏"),
    (ex.Size(n), r"n", "n"),
    (ex.Size(n*d), r"dn", "d n"),
    (a + b - c, r"a_{t} + b_{t} - c_{t}", "a_t + b_t − c_t"),
    (a - (b + c), r"a_{t} - (b_{t} + c_{t})", "a_t − (b_t + c_t)"),
    (a - (b - c), r"a_{t} - (b_{t} - c_{t})", "a_t − (b_t − c_t)"),
    (a + (-b), r"a_{t} - b_{t}", "a_t − b_t"),
    (ex.OrderedSum(-a, b), r"- a_{t} + b_{t}", "−a_t + b_t"),
    (ex.Negative(a + b), r"- (a_{t} + b_{t})", "−(a_t + b_t)"),
    (ex.Negative(a * b), r"- a_{t} \odot b_{t}", "−a_t ⊙ b_t"),
    (ex.Negative(ex.Negative(a)), r"- (- a_{t})", "−(−a_t)"),
    (ex.OrderedSum(a, ex.Negative(ex.Negative(b))), r"a_{t} - (- b_{t})", "a_t − (−b_t)"),
    ((a + b) * c, r"(a_{t} + b_{t}) \odot c_{t}", "(a_t + b_t) ⊙ c_t"),
    (a * b * c, r"a_{t} \odot b_{t} \odot c_{t}", "a_t ⊙ b_t ⊙ c_t"),
    (s * a, r"sa_{t}", "s a_t"),
    (N(2) * s, r"2s", "2 s"),
    (s * N(2), r"s \cdot 2", "s · 2"),
    (u * (ex.ONE - u) * a, r"u_{t}(1 - u_{t})a_{t}", "u_t (1 − u_t) a_t"),
    (ex.Hadamard(a, N(-2)), r"a_{t} \cdot (- 2)", "a_t · (−2)"),
    (ex.Hadamard(N(-2), a), r"(- 2)a_{t}", "(−2) a_t"),
    (ex.Hadamard(a, ex.Negative(b)), r"a_{t} \odot (- b_{t})", "a_t ⊙ (−b_t)"),
    (ex.zeros((n,)), r"0", "0"),
    ((hp @ W) * r, r"(h_{t-1}W) \odot r_{t}", "(h_{t−1} W) ⊙ r_t"),
    (hp @ W @ U, r"h_{t-1}WU_{h}", "h_{t−1} W U_h"),
    (hp @ (W @ U), r"h_{t-1}WU_{h}", "h_{t−1} W U_h"),
    ((a * b) @ W, r"(a_{t} \odot b_{t})W", "(a_t ⊙ b_t) W"),
    ((a + b) @ W, r"(a_{t} + b_{t})W", "(a_t + b_t) W"),
    (ex.Negative(a) @ W, r"(- a_{t})W", "(−a_t) W"),
    (ex.Negative(a @ W), r"- a_{t}W", "−a_t W"),
    ((s * a) @ W, r"(sa_{t})W", "(s a_t) W"),
    ((a / b) @ W, r"\left(\frac{a_{t}}{b_{t}}\right)W", "(a_t/b_t) W"),
    (a @ b, r"\langle a_{t} , b_{t}\rangle", "⟨a_t, b_t⟩"),
    ((a + b) @ c, r"\langle a_{t} + b_{t} , c_{t}\rangle", "⟨a_t + b_t, c_t⟩"),
    (W @ (U @ a), r"WU_{h}a_{t}", "W U_h a_t"),
    (W.T, r"W^{\top}", "Wᵀ"),
    ((W + U).T, r"(W + U_{h})^{\top}", "(W + U_h)ᵀ"),
    (ex.Transposed(ex.Transposed(W)), r"(W^{\top})^{\top}", "(Wᵀ)ᵀ"),
    ((s * W).T @ a, r"(sW)^{\top}a_{t}", "(s W)ᵀ a_t"),
    (W**2, r"W^{2}", "W²"),
    (o**2, r"o_{t}^{2}", "o_t²"),
    ((tanh(a))**2, r"(\tanh(a_{t}))^{2}", "(tanh(a_t))²"),
    ((a + b)**2, r"(a_{t} + b_{t})^{2}", "(a_t + b_t)²"),
    ((a / b)**2, r"\left(\frac{a_{t}}{b_{t}}\right)^{2}", "(a_t/b_t)²"),
    ((a**2)**3, r"(a_{t}^{2})^{3}", "(a_t²)³"),
    (a**-1, r"a_{t}^{-1}", "a_t⁻¹"),
    (a**Rational(1,2), r"a_{t}^{\frac{1}{2}}", "a_t^{1/2}"),
    (ex.Negative(a)**2, r"(- a_{t})^{2}", "(−a_t)²"),
    (N(-2)**2, r"(- 2)^{2}", "(−2)²"),
    (target**2, r"y^{2}", "y²"),
    (a / b, r"\frac{a_{t}}{b_{t}}", "a_t/b_t"),
    (ex.Negative(a) / b, r"\frac{- a_{t}}{b_{t}}", "(−a_t)/b_t"),
    (ex.Negative(a / b), r"- \frac{a_{t}}{b_{t}}", "−a_t/b_t"),
    ((a + b) / (c - a), r"\frac{a_{t} + b_{t}}{c_{t} - a_{t}}", "(a_t + b_t)/(c_t − a_t)"),
    ((a / b) / c, r"\frac{\frac{a_{t}}{b_{t}}}{c_{t}}", "a_t/b_t/c_t"),
    (a / (b / c), r"\frac{a_{t}}{\frac{b_{t}}{c_{t}}}", "a_t/(b_t/c_t)"),
    ((a * b) / c, r"\frac{a_{t} \odot b_{t}}{c_{t}}", "(a_t ⊙ b_t)/c_t"),
    (tanh(a), r"\tanh(a_{t})", "tanh(a_t)"),
    (
        tanh(a) * ex.Elementwise("sigmoid", b + c),
        r"\tanh(a_{t}) \odot \sigma(b_{t} + c_{t})",
        "tanh(a_t) ⊙ σ(b_t + c_t)",
    ),
    (ex.Elementwise("relu", a), r"\mathrm{ReLU}(a_{t})", "ReLU(a_t)"),
    (ex.Elementwise("log", ex.ONE - yhat), r"\log(1 - \hat{y})", "log(1 − ŷ)"),
    (ex.Reduction("mean", a * b), r"\mathrm{mean}(a_{t} \odot b_{t})", "mean(a_t ⊙ b_t)"),
    (ex.Reduction("sum", a * b), r"\sum_{i} [a_{t} \odot b_{t}]_{i}", "∑_{i} [a_t ⊙ b_t]_i"),
    (ex.Reduction("sum", a) * u, r"\left(\sum_{i} [a_{t}]_{i}\right)u_{t}", "(∑_{i} [a_t]_i) u_t"),
    (s * ex.Reduction("sum", a), r"s\left(\sum_{i} [a_{t}]_{i}\right)", "s (∑_{i} [a_t]_i)"),
    (ex.Outer(a, b), r"a_{t}^{\top}b_{t}", "a_tᵀ b_t"),
    (ex.Outer(a + b, c), r"(a_{t} + b_{t})^{\top}c_{t}", "(a_t + b_t)ᵀ c_t"),
    (ex.Outer(ex.Ones((n,)), a @ W), r"\mathbf{1}^{\top}a_{t}W", "𝟏ᵀ a_t W"),
    (ex.Diagonal(ex.ONE - o**2) @ W.T, r"\operatorname{diag}(1 - o_{t}^{2})W^{\top}", "diag(1 − o_t²) Wᵀ"),
    (no.Total(L, M), r"\frac{\partial L}{\partial W_{xr}}", "∂L/∂W_xr"),
    (no.Total(h, hp), r"\frac{\partial h_{t}}{\partial h_{t-1}}", "∂h_t/∂h_{t−1}"),
    (no.Immediate(V("h",step=Integer(3)), M), r"\frac{\partial^{+}h_{3}}{\partial W_{xr}}", "∂⁺h_3/∂W_xr"),
    (no.StepBlock(V("h"), V("c",step=t-1)), r"J_{t}^{h,c}", "J_t^{h,c}"),
    (no.Adjoint(h), r"\delta_{t}^{h}", "δ_t^h"),
    (no.Adjoint(V("a_h")), r"\delta_{t}^{a_{h}}", "δ_t^{a_h}"),
    (no.Adjoint(V("z",step=None)), r"\delta^{z}", "δ^z"),
    (no.Adjoint(h) @ W.T, r"\delta_{t}^{h}W^{\top}", "δ_t^h Wᵀ"),
    (no.Adjoint(h)**2, r"(\delta_{t}^{h})^{2}", "(δ_t^h)²"),
    (
        no.Chain(no.Total(L, yhat), no.Total(yhat, V("h",step=T))),
        r"\frac{\partial L}{\partial\hat{y}} \cdot \frac{\partial\hat{y}}{\partial h_{T}}",
        "∂L/∂ŷ · ∂ŷ/∂h_T",
    ),
    (no.Chain(V("g",step=None), no.Immediate(h, W)), r"g \cdot \frac{\partial^{+}h_{t}}{\partial W}", "g · ∂⁺h_t/∂W"),
    (
        no.DescendingProduct(no.Total(h, hp), t, T, j + 1),
        r"\left(\prod_{t = T \downarrow j + 1} \frac{\partial h_{t}}{\partial h_{t-1}}\right)",
        "(∏_{t=T↓j+1} ∂h_t/∂h_{t−1})",
    ),
    (
        no.AscendingProduct(no.Total(h, V("h", step=t + 1)), t, 1, j - 1),
        r"\left(\prod_{t = 1 \uparrow j - 1} \frac{\partial h_{t}}{\partial h_{t+1}}\right)",
        "(∏_{t=1↑j−1} ∂h_t/∂h_{t+1})",
    ),
    (
        no.SumOverSteps(ex.Outer(x, no.Adjoint(h)), t, 1, 3),
        r"\sum_{t = 1}^{3} x_{t}^{\top}\delta_{t}^{h}",
        "∑_{t=1}^{3} x_tᵀ δ_t^h",
    ),
    (no.SumOverSteps(a + b, t, 1, T), r"\sum_{t = 1}^{T} (a_{t} + b_{t})", "∑_{t=1}^{T} (a_t + b_t)"),
    (no.SumOverSteps(a, t, 1, T) + b, r"\left(\sum_{t = 1}^{T} a_{t}\right) + b_{t}", "(∑_{t=1}^{T} a_t) + b_t"),
    (
        no.Labelled(a + b, "short-term dependency"),
        r"\underbrace{a_{t} + b_{t}}_{\text{short-term dependency}}",
        "a_t + b_t   (short-term dependency)",
    ),
    (no.Stack(c, h), r"(c_{t} , h_{t})", "(c_t, h_t)"),
    (
        no.Total(no.Stack(c, h), no.Stack(V("c",step=t-1), hp)),
        r"\frac{\partial(c_{t} , h_{t})}{\partial(c_{t-1} , h_{t-1})}",
        "∂(c_t, h_t)/∂(c_{t−1}, h_{t−1})",
    ),
    (s * no.Total(L, W), r"s\frac{\partial L}{\partial W}", "s ∂L/∂W"),
    ((s / u) * a, r"\frac{s}{u_{t}}a_{t}", "(s/u_t) a_t"),
    (ex.Quotient(no.Adjoint(u), ex.Size(n)) * ex.Ones((n,)), r"\frac{\delta_{t}^{u}}{n}\mathbf{1}", "(δ_t^u/n) 𝟏"),
    (N("1/2") * (target - yhat)**2, r"\frac{1}{2}(y - \hat{y})^{2}", "1/2 (y − ŷ)²"),
    (a + N(-1), r"a_{t} - 1", "a_t − 1"),
    (a + N(-1) + b, r"a_{t} - 1 + b_{t}", "a_t − 1 + b_t"),
    (a + N(-2) * b, r"a_{t} + (- 2)b_{t}", "a_t + (−2) b_t"),
    (no.Adjoint(V("u_1")), r"\delta_{t}^{u_{1}}", "δ_t^{u_1}"),
    (no.Adjoint(V("u1")), r"\delta_{t}^{u_{1}}", "δ_t^{u_1}"),
    (ex.Reduction("sum", W) + s, r"\sum_{ij} [W]_{ij} + s", "∑_{ij} [W]_ij + s"),
    (ex.Elementwise("abs", a - b), r"\lvert a_{t} - b_{t}\rvert", "|a_t − b_t|"),
    (ex.Elementwise("abs", a) * b, r"\lvert a_{t}\rvert  \odot b_{t}", "|a_t| ⊙ b_t"),
    (ex.Elementwise("round", u), r"\mathrm{round}(u_{t})", "round(u_t)"),
    (ex.Softmax(a @ W) * b, r"\mathrm{softmax}(a_{t}W) \odot b_{t}", "softmax(a_t W) ⊙ b_t"),
    (ex.Reduction("logsumexp", a) - u, r"\mathrm{logsumexp}(a_{t}) - u_{t}", "logsumexp(a_t) − u_t"),
    (ex.Extremum("maximum", a, b + c), r"\max(a_{t} , b_{t} + c_{t})", "max(a_t, b_t + c_t)"),
    (ex.Extremum("minimum", a, N(1)) ** 2, r"(\min(a_{t} , 1))^{2}", "(min(a_t, 1))²"),
    (ex.Comparison("<=", a, b) * c, r"[a_{t} \leq b_{t}] \odot c_{t}", "[a_t ≤ b_t] ⊙ c_t"),
    (
        ex.Selection(ex.Comparison(">", a, N(0)), tanh(a), a / b),
        r"\begin{cases}\tanh(a_{t}) & \text{if } a_{t} > 0 \\ \frac{a_{t}}{b_{t}} & \text{otherwise}\end{cases}",
        "{tanh(a_t) if a_t > 0, a_t/b_t otherwise}",
    ),
    (
        ex.Hadamard(ex.Selection(ex.Comparison(">=", u, s), a, N(0)), b) + c,
        r"\left(\begin{cases}a_{t} & \text{if } u_{t} \geq s \\ 0 & \text{otherwise}\end{cases}\right)"
        r" \odot b_{t} + c_{t}",
        "({a_t if u_t ≥ s, 0 otherwise}) ⊙ b_t + c_t",
    ),
    (ex.Selection(s, a, b), r"\begin{cases}a_{t} & \text{if } s = 1 \\ b_{t} & \text{otherwise}\end{cases}",
     "{a_t if s = 1, b_t otherwise}"),
    (a @ W @ b, r"\langle a_{t}W , b_{t}\rangle", "⟨a_t W, b_t⟩"),
    ((a @ b) * c, r"\langle a_{t} , b_{t}\rangle c_{t}", "⟨a_t, b_t⟩ c_t"),
    (ex.Size((d + n) * n), r"n(d + n)", "n (d + n)"),
    (ex.Size(2 * n + d), r"d + 2n", "d + 2 n"),
    (ex.Concatenation(x, hp), r"[x_{t} , h_{t-1}]", "[x_t, h_{t−1}]"),
    (ex.Concatenation(x, hp) @ JOINED, r"[x_{t} , h_{t-1}]W", "[x_t, h_{t−1}] W"),
    (ex.Concatenation(ex.zeros((d, n)), ex.IdentityMatrix(n)), r"[0 ; I]", "[0; I]"),
    (ex.Part(G, (d, n), 0), r"(g)_{1:d}", "(g)_{1:d}"),
    (ex.Part(G, (d, n), 1), r"(g)_{d+1:d+n}", "(g)_{d+1:d+n}"),
    (ex.Part(no.Adjoint(h) @ JOINED.T, (d, n), 0), r"(\delta_{t}^{h}W^{\top})_{1:d}", "(δ_t^h Wᵀ)_{1:d}"),
    (ex.Part(G, (d, n), 1) * a, r"(g)_{d+1:d+n} \odot a_{t}", "(g)_{d+1:d+n} ⊙ a_t"),
    (ex.Lookup(x, M), r"x_{t}W_{xr}", "x_t W_xr"),
    (ex.Projection(a + b, W.T), r"(a_{t} + b_{t})W^{\top}", "(a_t + b_t) Wᵀ"),
    (ex.Scatter(x, no.Adjoint(h)), r"x_{t}^{\top}\delta_{t}^{h}", "x_tᵀ δ_t^h"),
]

COLUMNS: list[tuple[ex.Expression, str, str]] = [
    (W @ a, r"Wa_{t}", "W a_t"),
    (ex.Outer(a, b), r"a_{t}b_{t}^{\top}", "a_t b_tᵀ"),
    (ex.Outer(a + b, c), r"(a_{t} + b_{t})c_{t}^{\top}", "(a_t + b_t) c_tᵀ"),
    (a @ W, r"a_{t}^{\top}W", "a_tᵀ W"),
    (ex.Outer(ex.Ones((n,)), a @ W), r"\mathbf{1}a_{t}^{\top}W", "𝟏 a_tᵀ W"),
    (ex.Concatenation(x, hp), r"[x_{t} ; h_{t-1}]", "[x_t; h_{t−1}]"),
    (ex.Concatenation(ex.zeros((d, n)), ex.IdentityMatrix(n)), r"[0 ; I]", "[0; I]"),
    (ex.Lookup(x, M), r"W_{xr}^{\top}x_{t}", "W_xrᵀ x_t"),
    (ex.Projection(a, W.T), r"Wa_{t}", "W a_t"),
    (ex.Scatter(x, no.Adjoint(h)), r"x_{t}(\delta_{t}^{h})^{\top}", "x_t (δ_t^h)ᵀ"),
]


@pytest.mark.parametrize(("expression", "tex", "text"), ROWS, ids=[text for _, _, text in ROWS])
def test_a_node_in_the_row_convention(expression: ex.Expression, tex: str, text: str) -> None:
    box = lay_out(expression, Style())
    assert (latex(box).strip(), plain(box)) == (tex, text)


@pytest.mark.parametrize(("expression", "tex", "text"), COLUMNS, ids=[text for _, _, text in COLUMNS])
def test_a_node_in_the_column_convention(expression: ex.Expression, tex: str, text: str) -> None:
    box = lay_out(expression, Style("column"))
    assert (latex(box).strip(), plain(box)) == (tex, text)


OWN = {kind for kind in _layouts if kind.__module__ != norms.__name__}  # those of norms have tests of their own


def kinds(expression: Basic) -> set[type]:
    return {type(expression)}.union(*(kinds(arg) for arg in expression.args if isinstance(arg, ex.Expression)))


def test_every_kind_of_node_is_in_the_table() -> None:
    covered = set().union(*(kinds(expression) for expression, _, _ in ROWS))
    assert OWN - covered == set()
    assert len(OWN) == 37


@pytest.mark.parametrize("expression", [row[0] for row in ROWS], ids=[text for _, _, text in ROWS])
@pytest.mark.parametrize("convention", ["row", "column"])
def test_its_mathml_is_well_formed_and_says_the_same(expression: ex.Expression, convention: str) -> None:
    box = lay_out(expression, Style(convention))
    tree = ElementTree.fromstring(f"<math>{mathml(box)}</math>")
    arity = {"mfrac": 2, "msub": 2, "msup": 2, "munder": 2, "mover": 2, "msubsup": 3, "munderover": 3}
    for element in tree.iter():
        assert len(element) == arity.get(element.tag, len(element))
        assert (element.text or "").strip() != "" or len(element) > 0 or element.tag == "mrow"
    letters = [sign for sign in plain(box).replace("ŷ", "y") if sign.isalpha() and sign.isascii()]
    assert sorted(sign for sign in "".join(tree.itertext()) if sign.isalpha() and sign.isascii()) == sorted(letters)


@pytest.mark.parametrize("expression", [row[0] for row in ROWS], ids=[text for _, _, text in ROWS])
def test_its_latex_balances(expression: ex.Expression) -> None:
    code = latex(lay_out(expression, Style()))
    assert code.count("{") == code.count("}")
    assert code.count(r"\left") == code.count(r"\right")
    assert code.count("(") == code.count(")")
    assert "--" not in code.replace(" ", "")


def test_the_target_has_a_star_where_a_name_is_spelt_y() -> None:
    star = Style(target=lay_out(V("y", step=None), Style()))
    assert plain(lay_out(target - yhat, star)) == "y − ŷ"


def test_a_plain_adjoint_bears_no_superscript() -> None:
    assert latex(lay_out(no.Adjoint(h), Style(plain_adjoint="h"))) == r"\delta_{t}"
    assert latex(lay_out(no.Adjoint(V("h", step=None)), Style(plain_adjoint="h"))) == r"\delta"
    assert plain(lay_out(no.Adjoint(a), Style(plain_adjoint="h"))) == "δ_t^a"


class Unknown(ex.Expression):
    """A kind of node that nothing prints."""

    def __new__(cls) -> Unknown:
        return Basic.__new__(cls)


def test_an_unknown_node_raises_rather_than_vanish() -> None:
    with pytest.raises(RnnsymError, match=r"no layout for Unknown: add one to writing\.layout"):
        lay_out(no.Chain(Unknown(), Unknown()), Style())
