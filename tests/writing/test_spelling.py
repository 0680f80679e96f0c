"""Names as the field writes them, in every output."""

from __future__ import annotations

from typing import Any

import pytest
from sympy import Integer

from rnnsym.model import expressions as ex
from rnnsym.model.cells import Cell
from rnnsym.model.networks import Network
from rnnsym.writing.latex import latex
from rnnsym.writing.layout import Style, lay_out, style_of
from rnnsym.writing.mathml import mathml
from rnnsym.writing.numbers import scalar
from rnnsym.writing.plain import plain
from rnnsym.writing.spelling import GREEK, identifier, spell

NAMES = [
    ("h", "h", "h"),
    ("W_xr", "W_{xr}", "W_xr"),
    ("W_xi", "W_{xi}", "W_xi"),
    ("W_pi", "W_{pi}", "W_pi"),
    ("W_hidden", r"W_{\mathrm{hidden}}", "W_hidden"),
    ("W_phi", r"W_{\phi}", "W_φ"),
    ("b_1", "b_{1}", "b_1"),
    ("c1", "c_{1}", "c_1"),
    ("W_o_2", "W_{o,2}", "W_{o,2}"),
    ("gain", r"\mathrm{gain}", "gain"),
    ("yhat", r"\hat{y}", "ŷ"),
    ("target", "y", "y"),
    ("xi", r"\xi", "ξ"),
    ("lam", r"\lambda", "λ"),
    ("zeta", r"\zeta", "ζ"),
    ("delta", r"\delta", "δ"),
    ("Delta_s", r"\Delta_{s}", "Δ_s"),
    ("epsilon", r"\varepsilon", "ε"),
]


@pytest.mark.parametrize(("name", "tex", "text"), NAMES, ids=[name for name, _, _ in NAMES])
def test_a_name_is_spelt(name: str, tex: str, text: str) -> None:
    assert (latex(spell(name)), plain(spell(name))) == (tex, text)


@pytest.mark.parametrize(("step", "tex", "text"), [
    (ex.t, "h_{t}", "h_t"), (ex.t - 1, "h_{t-1}", "h_{t−1}"), (ex.t + 1, "h_{t+1}", "h_{t+1}"), (ex.T, "h_{T}", "h_T"),
    (Integer(3), "h_{3}", "h_3"), (Integer(12), "h_{12}", "h_12"),
])
def test_a_step_is_the_last_subscript(step: Any, tex: str, text: str) -> None:
    assert (latex(spell("h", scalar(step))), plain(spell("h", scalar(step)))) == (tex, text)
    assert latex(spell("a_h", scalar(ex.t - 1))) == "a_{h,t-1}"


def test_mathml_of_names() -> None:
    assert mathml(spell("W_xr")) == "<msub><mi>W</mi><mrow><mi>x</mi><mi>r</mi></mrow></msub>"
    assert mathml(spell("yhat")) == '<mover accent="true"><mi>y</mi><mo stretchy="false">^</mo></mover>'
    assert mathml(spell("lam")) == "<mi>λ</mi>"


@pytest.mark.parametrize("name", GREEK)
def test_a_greek_letter_has_one_sign(name: str) -> None:
    assert len(GREEK[name].unicode) == 1
    assert GREEK[name].latex.startswith("\\")
    assert identifier(name) == GREEK[name]


def network(text: str, readout: str) -> Network:
    return Network(Cell.from_equations("mine", text), readout)


target = ex.Variable("target", (ex.size("k"),))


@pytest.mark.parametrize(("net", "star"), [
    (network("y = tanh(x @ W + y_prev @ U)", "yhat = sigmoid(y @ V)"), True),
    (network("h = tanh(x @ W + h_prev @ y)", "yhat = sigmoid(h @ V)"), True),
    (network("h = tanh(x @ W + h_prev @ U)", "y = h @ V\nyhat = sigmoid(y)"), True),
    (network("h = tanh(x @ W_y + h_prev @ U)", "yhat = sigmoid(h @ V)"), False),
])
def test_a_target_beside_a_name_y_bears_a_star(net: Network, star: bool) -> None:
    box = lay_out(target, style_of(net))
    assert (latex(box).replace(" ", ""), plain(box)) == (("y^{*}", "y^*") if star else ("y", "y"))
    assert "Double" not in latex(box)


def test_a_power_of_a_starred_target_has_one_superscript_a_base() -> None:
    style = style_of(network("y = tanh(x @ W + y_prev @ U)", "yhat = sigmoid(y @ V)"))
    assert latex(lay_out(target**2, style)).replace(" ", "") == "(y^{*})^{2}"


def test_an_adjoint_beside_a_name_delta_says_whose_it_is() -> None:
    style = style_of(network("delta = tanh(x @ W + delta_prev @ U)", "yhat = sigmoid(delta @ V)"))
    assert style.plain_adjoint is None
    assert style_of(network("h = tanh(x @ W + h_prev @ U)", "yhat = sigmoid(h @ V)")) == Style("row", "h")
