"""The language of equations: what is read, and how its shapes come out."""

from __future__ import annotations

import pytest

from rnnsym.model.equations import Equations, read_equations
from rnnsym.model.expressions import Constant, IdentityMatrix, Numeral, Parameter, Variable, size, t, walk

d, n = size("d"), size("n")


def shapes(found: Equations) -> dict[str, str]:
    return {parameter.name: str(parameter.shape) for parameter in found.parameters}


def test_the_expression_keeps_the_order_of_the_text() -> None:
    (equation,) = read_equations("o = tanh(x @ W_i + o_prev @ W_h + b)").equations
    o = Variable("o", (n,), t)
    x = Variable("x", (d,), t)
    product = x @ Parameter("W_i", (d, n)) + o.at(t - 1) @ Parameter("W_h", (n, n)) + Parameter("b", (n,))
    assert equation.target == o
    assert equation.expression.args[1] == product
    assert equation.line == 1


def test_numbers_are_exact_decimals() -> None:
    found = read_equations("dt = 0.05\nh = h_prev + dt * 1e-3 * x\nlam = -0.5")
    assert found.constants == (Constant("dt", "0.05"), Constant("lam", "-1/2"))
    assert Numeral("1/1000") in set(walk(found.equations[0].expression))


def test_a_constant_may_stand_below_its_use() -> None:
    assert read_equations("h = dt * h_prev\ndt = 2").constants == (Constant("dt", 2),)


def test_equation_names_and_sizes_are_separate_name_spaces() -> None:
    found = read_equations("n = tanh(x @ W + n_prev @ d + t)")
    assert shapes(found) == {"W": "(d, n)", "d": "(n, n)", "t": "(n,)"}
    assert found.equations[0].target == Variable("n", (n,), t)


def test_a_literal_zero_keeps_the_shape_of_its_product() -> None:
    (equation,) = read_equations("h = 0 * h_prev").equations
    assert equation.expression.shape == (n,)


SHAPES = {
    "row": ("h = tanh(x @ W + h_prev @ U + b)", {"W": "(d, n)", "U": "(n, n)", "b": "(n,)"}),
    "column": ("h = tanh(W @ x + U @ h_prev + b)", {"W": "(n, d)", "U": "(n, n)", "b": "(n,)"}),
    "no input": ("h = tanh(h_prev @ U)", {"U": "(n, n)"}),
    "elementwise weight": ("h = tanh(x @ W + u * h_prev)", {"W": "(d, n)", "u": "(n,)"}),
    "d and n are one": ("h = x + u * h_prev", {"u": "(n,)"}),
    "inner size": ("h = tanh(x @ A @ B + h_prev)", {"A": "(d, n_A)", "B": "(n_A, n)"}),
    "low rank": ("h = tanh(h_prev @ (U @ V))", {"U": "(n, n_U)", "V": "(n_U, n)"}),
    "projection": ("c = x @ W + c_prev\nh = c @ P + h_prev", {"W": "(d, n)", "P": "(n, n_h)"}),
    "two states": ("a = x @ A + a_prev\nh = a @ C + h_prev @ D",
                   {"A": "(d, n)", "C": "(n, n_h)", "D": "(n_h, n_h)"}),
    "gate of its own size": ("g = tanh(x @ A)\nh = tanh(g @ B + h_prev)", {"A": "(d, n_g)", "B": "(n_g, n)"}),
    "identity": ("g: scalar\nh = tanh(h_prev @ (W - W.T - g * I))", {"W": "(n, n)", "g": "()"}),
    "scaled sum": ("h = h_prev @ (0.5 * W + V / 2)", {"W": "(n, n)", "V": "(n, n)"}),
    "function of a matrix": ("h = h_prev @ softplus(W)", {"W": "(n, n)"}),
    "added to a matrix": ("h = h_prev * sum(V + W.T) + x @ W", {"V": "(n, d)", "W": "(d, n)"}),
    "found on a later line": ("s = sum(V + W)\nh = s * h_prev @ W", {"V": "(n, n)", "W": "(n, n)"}),
    "vector beside @": ("w: (n,)\nh = h_prev * sigmoid(h_prev @ w)", {"w": "(n,)"}),
    "dot": ("h = h_prev * dot(x, w)", {"w": "(d,)"}),
    "a vector inside @": ("h = (h_prev + b) @ W", {"b": "(n,)", "W": "(n, n)"}),
    "annotated numbers": ("W: (d, 7)\nh = x @ W + h_prev @ U", {"W": "(d, 7)", "U": "(7, 7)"}),
    "annotated name": ("W: (d, m)\nh = x @ W @ V + h_prev", {"W": "(d, m)", "V": "(m, n)"}),
    "annotated to be one": ("W: (n, n)\nh = x @ W + h_prev @ W", {"W": "(n, n)"}),
    "rank only": ("s: scalar\nM: matrix\nh = (s * M) @ h_prev", {"s": "()", "M": "(n, n)"}),
    "scalar input": ("x: scalar\nh = tanh(x * w + h_prev @ U)", {"w": "(n,)", "U": "(n, n)"}),
}


@pytest.mark.parametrize("name", SHAPES)
def test_shapes_are_inferred(name: str) -> None:
    text, expected = SHAPES[name]
    assert shapes(read_equations(text)) == expected


def test_scalar_gates_come_out_of_their_expressions_and_scalar_states_out_of_annotations() -> None:
    found = read_equations("u: scalar = 1\ns = dot(x, x)\nu = s * u_prev\nh = u * h_prev")
    assert [equation.target.shape for equation in found.equations] == [(), (), (n,)]
    assert found.initial == {"u": 1, "h": 0}


def test_each_identity_has_the_size_of_its_place() -> None:
    found = read_equations("h = h_prev @ (W + I)\ng = x @ (V + I) + g_prev")
    sizes = [node.shape for one in found.equations for node in walk(one.expression) if isinstance(node, IdentityMatrix)]
    assert [str(shape) for shape in sizes] == ["(n, n)", "(d, d)"]


def test_indentation_comments_and_brackets_over_lines_change_nothing() -> None:
    plain = read_equations("r = sigmoid(x @ W + b)\nh = r * h_prev")
    laid_out = read_equations("""  # résumé: the gate
        r = sigmoid(x @ W   # the input
      + b)
\t    h = r * h_prev
    """)
    assert [(one.target, one.expression) for one in plain.equations] == [
        (one.target, one.expression) for one in laid_out.equations]
    assert [equation.line for equation in laid_out.equations] == [2, 4]


@pytest.mark.parametrize(("text", "convention"), [
    ("h = x @ W + h_prev", "row"), ("h = W @ x + h_prev", "column"), ("h = x + u * h_prev", None),
    ("h = h_prev * dot(x, x)", None), ("h = h_prev * sum(A @ B)", None),
])
def test_the_convention_is_told_from_the_text(text: str, convention: str | None) -> None:
    assert read_equations(text).convention == convention
