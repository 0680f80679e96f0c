"""``concat``, ``E[x]`` and ``h_prev[k]``: the sizes found, the expressions built, and what is refused where."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rnnsym.errors import EquationError, ShapeError
from rnnsym.model import expressions as ex
from rnnsym.model.cells import Cell
from rnnsym.model.equations import read_equations
from rnnsym.model.names import Context
from rnnsym.model.sizes import Sizes

d, n, t = ex.size("d"), ex.size("n"), ex.t


def shapes(text: str) -> dict[str, Any]:
    found = read_equations(text)
    return {one.name: one.shape for one in (*found.parameters, *(equation.target for equation in found.equations))}


SHAPES = {
    "a product": ("h = tanh(concat(x, h_prev) @ W + b)", {"W": (d + n, n), "b": (n,), "h": (n,)}),
    "the order of the parts": ("h = concat(h_prev, x) @ W", {"W": (d + n, n), "h": (n,)}),
    "columns": ("h = W @ concat(x, h_prev)", {"W": (n, d + n), "h": (n,)}),
    "a gate": ("v = concat(x, h_prev)\nh = v @ W", {"v": (d + n,), "W": (d + n, n), "h": (n,)}),
    "twice the same weight": (
        "v = concat(x, h_prev)\nh = v @ W + concat(x, h_prev) @ W", {"v": (d + n,), "W": (d + n, n), "h": (n,)}),
    "the same vector twice": ("h = concat(h_prev, h_prev, x) @ W", {"W": (d + 2 * n, n), "h": (n,)}),
    "joined and joined again": ("h = concat(x, concat(h_prev, x)) @ W", {"W": (2 * d + n, n), "h": (n,)}),
    "numbers": ("x: (3,)\nh: (4,)\nh = concat(x, h_prev) @ W", {"W": (7, 4), "h": (4,)}),
    "a number that is said too": ("x: (3,)\nh: (4,)\nW: (7, 4)\nh = concat(x, h_prev) @ W", {"W": (7, 4), "h": (4,)}),
    "numbers that come later": (
        "W: (7, 4)\nh = concat(x, h_prev) @ W + x @ V\nV: (3, 4)", {"W": (7, 4), "V": (3, 4), "h": (4,)}),
    "one number": ("x: (3,)\nh = concat(x, h_prev) @ W", {"W": (n + 3, n), "h": (n,)}),
    "a state as long as a sum": (
        "h = h_prev\ng = concat(x, h_prev) + g_prev", {"h": (n,), "g": (d + n,)}),
    "a vector of parameters": ("h = h_prev * dot(concat(x, h_prev), w)", {"w": (d + n,), "h": (n,)}),
    "a parameter as a part": ("h = concat(x, b) @ W + h_prev", {"b": (ex.size("n_b"),), "h": (n,),
                                                                "W": (d + ex.size("n_b"), n)}),
    "the identity of a sum": ("h = (concat(x, h_prev) @ I) @ W", {"W": (d + n, n), "h": (n,)}),
    "a lookup": ("h = tanh(E[x] + h_prev @ U)", {"E": (d, n), "U": (n, n), "h": (n,)}),
    "a lookup of its own width": ("h = E[x] @ W + h_prev @ U", {"E": (d, ex.size("n_E")), "U": (n, n), "h": (n,),
                                                                "W": (ex.size("n_E"), n)}),
    "a lookup among columns": ("h = W @ E[x] + U @ h_prev", {"E": (d, ex.size("n_W")), "U": (n, n), "h": (n,),
                                                             "W": (n, ex.size("n_W"))}),
    "a lookup joined": ("h = concat(E[x], h_prev) @ W", {"E": (d, ex.size("n_E")), "h": (n,),
                                                         "W": (ex.size("n_E") + n, n)}),
    "a lookup in numbers": ("E: (50, 8)\nh = E[x] + h_prev", {"E": (50, 8), "h": (8,)}),
}


@pytest.mark.parametrize("name", SHAPES)
def test_the_sizes_are_found(name: str) -> None:
    text, expected = SHAPES[name]
    assert shapes(text) == expected


def test_the_nodes_are_those_of_the_text() -> None:
    x, h = ex.Variable("x", (d,), t), ex.Variable("h", (n,), t - 1)
    E, U, W = ex.Parameter("E", (d, n)), ex.Parameter("U", (n, n)), ex.Parameter("W", (d + n, n))
    assert read_equations("h = concat(x, h_prev) @ W").equations[0].expression == ex.Concatenation(x, h) @ W
    assert read_equations("h = E[x] + h_prev @ U").equations[0].expression == ex.Lookup(x, E) + h @ U


@pytest.mark.parametrize(("text", "convention"), [
    ("h = E[x] + h_prev @ U", "row"), ("h = E[x] + U @ h_prev", "column"), ("h = E[x] + h_prev", None)])
def test_a_lookup_belongs_to_either_convention(text: str, convention: str | None) -> None:
    assert read_equations(text).convention == convention


def test_a_cell_knows_that_it_reads_an_index() -> None:
    assert Cell.from_equations("tokens", "e = E[x]\nh = tanh(e @ W + h_prev @ U)").reads_index
    assert not Cell.from_equations("vectors", "h = tanh(x @ W + h_prev @ U)").reads_index


@given(st.integers(1, 64))
def test_a_state_k_steps_back_is_the_state_at_t_minus_k(k: int) -> None:
    found = read_equations(f"h = h_prev[{k}]")
    assert found.equations[0].expression == ex.Variable("h", (n,), t - k)
    assert found.lags == {"h": k}


def test_the_lag_is_the_most_steps_back() -> None:
    cell = Cell.from_equations("delayed", "h = tanh(x @ W + h_prev @ U + h_prev[3] @ V + g_prev[2])\ng = h + g_prev")
    assert {state.variable.name: state.lag for state in cell.states} == {"h": 3, "g": 2}


def test_the_step_before_has_two_spellings() -> None:
    assert read_equations("h = h_prev[1] + x @ W").equations == read_equations("h = h_prev + x @ W").equations


def test_a_readout_reads_states_whose_sizes_are_sums() -> None:
    g = ex.Variable("g", (d + 2 * n + 3,), t)
    context = Context("readout", {"g": g.shape}, {}, {}, (d, n))
    found = read_equations("yhat = g @ W", context)
    assert found.parameters[0].shape == (d + 2 * n + 3, ex.size("k"))
    assert found.outer == {d: d, n: n}


REFUSED = {
    "one operand": ("h = concat(h_prev)", "1:5", "`concat` takes 2 to 8 arguments, not 1"),
    "nine operands": ("h = concat(" + "x, " * 8 + "x)", "1:5", "`concat` takes 2 to 8 arguments, not 9"),
    "concat assigned": ("concat = h_prev", "1:1", "`concat` is a function"),
    "a scalar": ("s: scalar\nh = concat(x, s) @ W + h_prev", "2:15", "`s` is a scalar (): concat joins vectors"),
    "a number": ("h = concat(x, 1) @ W + h_prev", "1:15", "`1` is a scalar (): concat joins vectors"),
    "a matrix": ("h = concat(x, W.T) @ V + h_prev", "1:15", "concat joins vectors"),
    "its own part": ("h = concat(x, h_prev)", "1:5", "`h` is (n,) and `concat(x, h_prev)` is (d + n,)"),
    "its own part, added": (
        "h = h_prev + concat(x, h_prev)", "1:14", "`h_prev` is (n,) and `concat(x, h_prev)` is (d + n,)"),
    "its own part, in a ring": (
        "h = h_prev\ng = concat(x, q_prev)\nq = g + concat(g_prev, x)", "3:9", "the sizes must agree"),
    "a plain size": (
        "a = tanh(x @ W)\nb = tanh(x @ V)\nh = h_prev * concat(a, b)", "3:14",
        "`h_prev` is (n,) and `concat(a, b)` is (n_a + n_b,)"),
    "a number that is too large": (
        "x: (3,)\nh: (4,)\nW: (8, 4)\nh = concat(x, h_prev) @ W", "4:25",
        "the inner size of `concat(x, h_prev)` is (7,) and that of `W` is (8,)"),
    "a number for a sum": (
        "W: (7, n)\nh = concat(x, h_prev) @ W", "2:25",
        "the inner size of `concat(x, h_prev)` is (d + n,) and that of `W` is (7,)"),
    "an annotated sum": ("v: (7,)\nv = concat(x, h_prev)\nh = v @ W", "2:5", "`v` is (7,) and `concat(x, h_prev)`"),
    "two sums": (
        "h = h_prev\ng = concat(x, h) + concat(h, h)", "2:20",
        "`concat(x, h)` is (d + n,) and `concat(h, h)` is (2*n,)"),
    "a weight of two sizes": (
        "h = concat(x, h_prev) @ W + h_prev @ W", "1:29",
        "the parameter `W` is (d + n, n) in `concat(x, h_prev) @ W` (line 1, column 5) and (n, n) in `h_prev @ W`: "
        "take two parameters"),
    "too many pieces": (
        "v = concat(x, x, x, x, x, x, x, x)\n" + "".join(
            f"v{i} = concat({', '.join(['v' + str(i - 1) if i else 'v'] * 8)})\n" for i in range(9)) + "h = h_prev @ W",
        "4:6", "joins more than 1000 pieces"),
    "an index of something else": ("h = h_prev + b[x_1]", "1:14", "an index is not in the language but in `E[x]`"),
    "an index of a number": ("h = h_prev + b[2]", "1:14", "an index is not in the language but in `E[x]`"),
    "an index of a sum": ("h = h_prev + (E + F)[x]", "1:14", "an index is not in the language"),
    "rows of a gate": ("g = x\nh = h_prev + g[x]", "2:14", "only a parameter has rows to look up, and `g` is none"),
    "rows of a constant": ("a = 2\nh = h_prev + a[x]", "2:14", "only a parameter has rows to look up"),
    "rows of a function": ("h = h_prev + tanh[x]", "1:14", "`tanh` is a function"),
    "rows of a vector": ("E: vector\nh = h_prev + E[x]", "2:14", "`E` is a vector (n_E,): `E[x]` needs a matrix"),
    "a scalar as an index": ("x: scalar\nh = h_prev + E[x]", "2:16", "`x` is a scalar (): `E[x]` needs a vector"),
    "another number of rows": (
        "x: (5,)\nE: (6, n)\nh = h_prev + E[x]", "3:14",
        "the size of `x` is (5,) and the number of rows of `E` is (6,)"),
    "an index that is a vector elsewhere": (
        "h = E[x] + x @ W + h_prev", "1:12",
        "x is an index where `E[x]` stands (line 1, column 5), so it cannot be a vector here: assign `e = E[x]` and"),
    "an index that is a vector before": ("g = tanh(x @ W)\nh = E[x] + h_prev", "1:10", "x is an index where `E[x]`"),
    "no step back": ("h = h_prev[0]", "1:12", "a whole number from 1 to 64: this step's own value is `h`"),
    "too many steps back": ("h = h_prev[65]", "1:12", "a whole number from 1 to 64"),
    "steps back by a name": ("h = h_prev[k]", "1:12", "a whole number from 1 to 64"),
    "steps back by the input": ("h = h_prev[x]", "1:12", "a whole number from 1 to 64"),
    "half a step back": ("h = h_prev[2.0]", "1:12", "a whole number from 1 to 64"),
    "steps ahead": ("h = h_prev[-1]", "1:12", "a whole number from 1 to 64"),
    "steps from and to": ("h = h_prev[1:2]", "1:12", "a whole number from 1 to 64"),
    "steps in an expression": ("h = h_prev[1 + 1]", "1:12", "a whole number from 1 to 64"),
    "steps in hexadecimal": ("h = h_prev[0x2]", "1:12", "a whole number from 1 to 64"),
    "true steps": ("h = h_prev[True]", "1:12", "a whole number from 1 to 64"),
    "steps of steps": ("h = h_prev[1][2]", "1:5", "an index is not in the language"),
    "steps back of nothing": ("h = h_prev + q_prev[2]", "1:14", "no line assigns `q`"),
    "steps back of the input": ("h = h_prev + x_prev[2]", "1:14", "the input x is not a state"),
    "steps back assigned": ("h_prev[2] = x", "1:1", "exactly one simple name"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_bad_text_is_refused_at_its_place(name: str) -> None:
    text, place, words = REFUSED[name]
    with pytest.raises(EquationError) as caught:
        read_equations(text)
    error = caught.value
    assert (f"{error.line}:{error.column}", words in str(error)) == (place, True), str(error)
    assert "\n" not in str(error)


def test_the_refusals_were_all_tried() -> None:
    assert len(REFUSED) == 41


def test_sizes_that_disagree_are_shape_errors() -> None:
    for name in ("its own part", "a plain size", "two sums", "a number for a sum", "a matrix", "rows of a vector"):
        with pytest.raises(ShapeError):
            read_equations(REFUSED[name][0])


def test_a_sum_is_no_advice_for_an_annotation() -> None:
    with pytest.raises(ShapeError) as caught:
        read_equations(REFUSED["a weight of two sizes"][0])
    assert "annotate" not in str(caught.value)


def test_sums_are_compared_as_sums_of_what_was_found_equal() -> None:
    sizes = Sizes()
    a, b, c = (sizes.new(variable=name) for name in "abc")
    first, second = sizes.sum((a, b)), sizes.sum((c, a))
    assert not sizes.same(first, second)
    assert sizes.merge(b, c)
    assert sizes.same(first, second)


def test_sums_nested_as_deep_as_a_text_allows_are_no_recursion() -> None:
    sizes = Sizes()
    inner = sizes.named("n")
    for _ in range(5000):
        inner = sizes.sum((inner, sizes.named(1)))
    assert sizes.show((inner,)) == "(n + 5000,)"
