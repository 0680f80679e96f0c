"""Laws over random well-formed cells: the text in NumPy and the expressions agree in shape and in value."""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rnnsym.errors import NetworkError
from rnnsym.model.cell_table import entries
from rnnsym.model.cells import Cell, cells
from rnnsym.model.equations import read_equations
from rnnsym.model.evaluation import Arithmetic, evaluate
from rnnsym.model.expressions import Constant, Expression, Parameter, Variable, size, t
from rnnsym.model.networks import Network

SIZES = {"d": 4, "n": 3, "k": 2}
OPERATORS: Mapping[type[ast.AST], Callable[..., Any]] = {
    ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul, ast.Div: operator.truediv,
    ast.MatMult: operator.matmul, ast.Pow: operator.pow, ast.USub: operator.neg,
}
FUNCTIONS: Mapping[str, Callable[..., Any]] = {
    "tanh": np.tanh, "sin": np.sin, "cos": np.cos, "sigmoid": lambda a: 1 / (1 + np.exp(-a)),
    "softplus": lambda a: np.logaddexp(0, a), "sum": np.sum, "mean": np.mean, "dot": np.dot, "exp": np.exp,
    "relu": lambda a: np.maximum(a, 0),
    "leaky_relu": lambda a: np.where(a > 0, a, a / 100),
    "step": lambda a: np.heaviside(a, 0.0),
    "round": lambda a: np.floor(a + 0.5),
    "minimum": np.minimum,
    "maximum": np.maximum,
}
# Both sides do the same operations in doubles, though reciprocals may be joined with factors in another order.
RELATIVE_ROUNDING = 1e-9


class Interpreter:
    """Runs equations as NumPy would, straight from Python's syntax tree: a witness that shares no code."""

    def __init__(self, values: dict[str, Any]) -> None:
        self.values = dict(values)

    def run(self, text: str) -> dict[str, Any]:
        for line in ast.parse(text).body:
            if isinstance(line, ast.Assign):
                assert isinstance(line.targets[0], ast.Name)
                self.values[line.targets[0].id] = self.value(line.value)
        return self.values

    def value(self, node: ast.expr) -> Any:
        match node:
            case ast.BinOp():
                return OPERATORS[type(node.op)](self.value(node.left), self.value(node.right))
            case ast.UnaryOp():
                return OPERATORS[type(node.op)](self.value(node.operand))
            case ast.Call(func=ast.Name(id=function)):
                return FUNCTIONS[function](*map(self.value, node.args))
            case ast.Attribute():
                return self.value(node.value).T
            case ast.Subscript(value=ast.Name(id=name), slice=ast.Constant(value=back)):
                return self.values[f"{name}[{back!r}]"]
            case ast.Constant():
                return float(node.value)  # type: ignore[arg-type]
            case ast.Name():
                return self.values[node.id]
        raise AssertionError(f"the witness does not know {node}")


VECTORS = ["x @ W", "h_prev @ U", "b", "h_prev", "c_prev", "u * c_prev", "s * h_prev", "(h_prev + b) @ U"]
SCALARS = ["s", "0.5", "dt", "2", "dot(h_prev, c_prev)", "mean(h_prev)", "sum(W.T @ W)"]


def compounds(vectors: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    scalars = st.sampled_from(SCALARS)
    functions = st.sampled_from(["tanh", "sigmoid", "softplus", "sin"])
    return st.one_of(
        st.builds("{} + {}".format, vectors, vectors),
        st.builds("{} - ({})".format, vectors, vectors),
        st.builds("({}) * ({})".format, vectors, vectors),
        st.builds("-({}) ** 2".format, vectors),
        st.builds("{} - ({})".format, scalars, vectors),
        st.builds("({}) / (2 + cos({}))".format, vectors, vectors),
        st.builds("({}) * {}".format, vectors, scalars),
        st.builds("{}({})".format, functions, vectors),
        st.builds("({}) @ (U - U.T / {} + I)".format, vectors, st.sampled_from(["4", "dt"])),
    )


expressions = st.recursive(st.sampled_from(VECTORS), compounds, max_leaves=8)


@st.composite
def texts(draw: st.DrawFn) -> str:
    gate, first, second = draw(expressions), draw(expressions), draw(expressions)
    lines = ["s: scalar", "b: (n,)", "dt = 0.25", f"g = s * tanh({gate})", f"c = g * c_prev + x @ W + b + ({first})",
             f"h = sin({second}) + g * tanh(c) + 0 * h_prev"]
    return "\n".join(lines)


def values(parameters: tuple[Parameter, ...], seed: int) -> dict[str, Any]:
    generator = np.random.default_rng(seed)
    sizes = {size(name): value for name, value in SIZES.items()}
    found = {one.name: generator.normal(size=tuple(int(each.xreplace(sizes)) for each in one.shape))
             for one in parameters}
    past = {name: generator.normal(size=SIZES["n"]) for name in ("h_prev", "c_prev")}
    return {**found, **past, "x": generator.normal(size=SIZES["d"]), "I": np.eye(SIZES["n"])}


def looked_up(found: dict[str, Any]) -> Callable[[Expression], Any]:
    def look_up(node: Expression) -> Any:
        assert isinstance(node, (Parameter, Variable, Constant))
        back = int(t - node.step) if isinstance(node, Variable) else 0
        return found[node.name + ("_prev" if back == 1 else f"_prev[{back}]" if back else "")]

    return look_up


@given(texts(), st.integers(0, 99))
def test_the_expressions_mean_what_numpy_makes_of_the_text(text: str, seed: int) -> None:
    cell = Cell.from_equations("random", text)
    witness = Interpreter(values(cell.parameters, seed)).run(text)
    arithmetic = Arithmetic(number=float, apply=lambda name, a: FUNCTIONS[name](a),
                            sizes={size(name): value for name, value in SIZES.items()})
    for equation in cell.equations:
        ours = evaluate(equation.expression, looked_up(witness), arithmetic)
        theirs = witness[equation.target.name]
        assert np.shape(theirs) == (SIZES["n"],)
        assert equation.target.shape == equation.expression.shape
        np.testing.assert_allclose(ours, theirs, rtol=RELATIVE_ROUNDING, atol=RELATIVE_ROUNDING)


@given(texts())
def test_every_name_is_found_once_and_the_states_are_those_with_a_past(text: str) -> None:
    cell = Cell.from_equations("random", text)
    names = [parameter.name for parameter in cell.parameters]
    written = {node.id for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Name)}
    assert len(names) == len(set(names))
    assert set(names) == written & {"W", "U", "b", "u", "s"}
    assert [state.variable.name for state in cell.states] == ["c", "h"]


@given(texts(), st.text(" \t", max_size=5), st.sampled_from(["", "  # note", "\n\n"]))
def test_layout_changes_no_expression(text: str, indent: str, ending: str) -> None:
    laid_out = "\n".join(indent + line + ending for line in text.split("\n"))
    first, second = (read_equations(one).equations for one in (text, laid_out))
    assert [(one.target, one.expression) for one in first] == [(one.target, one.expression) for one in second]


@given(texts(), st.sampled_from(["h @ V + a", "sigmoid((h * c) @ V)", "tanh(h + c) @ V"]))
def test_a_network_s_shapes_fit_its_cell_and_its_output(text: str, readout: str) -> None:
    network = Network(Cell.from_equations("random", text), f"yhat = {readout}")
    shapes = network.shapes(**{str(one): SIZES[str(one)] for one in network.sizes})
    found = {**values(network.cell.parameters, 0), "h": np.ones(SIZES["n"]), "c": np.ones(SIZES["n"])}
    for name, shape in shapes.items():
        found[name] = np.ones(shape)
    assert Interpreter(found).run(f"yhat = {readout}")["yhat"].shape == (SIZES["k"],)
    assert list(shapes) == [parameter.name for parameter in network.parameters]


@pytest.mark.parametrize("name", list(cells))
def test_a_built_in_cell_means_what_numpy_makes_of_its_text(name: str) -> None:
    cell, text = cells[name], "\n".join(line.strip() for line in entries[name].text.strip().split("\n"))
    found = values(cell.parameters, 1) | {"I": np.eye(SIZES["n"])}
    for state in cell.states:
        for back in range(1, state.lag + 1):
            start = np.linspace(-1, 1 / back, SIZES["n"]) if state.variable.rank else np.float64(0.7)
            found[f"{state.variable.name}_prev[{back}]"] = start
        found[f"{state.variable.name}_prev"] = found[f"{state.variable.name}_prev[1]"]
    witness = Interpreter(found).run(text)
    sizes = {size(one): length for one, length in SIZES.items()}
    arithmetic = Arithmetic(number=float, apply=lambda function, a: FUNCTIONS[function](a), sizes=sizes)
    for one in cell.equations:
        assert np.shape(witness[one.target.name]) == (SIZES["n"],) * one.target.rank
    for equation in cell.equations:
        ours = evaluate(equation.expression, looked_up(witness), arithmetic)
        np.testing.assert_allclose(ours, witness[equation.target.name], rtol=RELATIVE_ROUNDING)


def test_a_network_of_no_cell_is_refused() -> None:
    with pytest.raises(NetworkError, match="the cell must be a Cell"):
        Network("lstm")  # type: ignore[arg-type]
