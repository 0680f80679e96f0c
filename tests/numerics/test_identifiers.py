"""Identifiers of generated code: never two quantities under one name, never a word of Python's or of the code's own."""

from __future__ import annotations

import ast
import keyword

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rnnsym.calculus.notation import Adjoint
from rnnsym.model.cells import Cell, cells
from rnnsym.model.expressions import Constant, Parameter, T, Variable, size, t
from rnnsym.model.networks import Network
from rnnsym.numerics.compilation import compile_network
from rnnsym.numerics.identifiers import RESERVED, Identifiers
from rnnsym.numerics.lines import WIDTH, broken, filled

SPELT = ["np", "batch", "h", "h_prev", "d_h", "grad_h", "print", "match", "size_n", "n", "d_d_h", "sigmoid"]
spelt = st.sampled_from(SPELT)
keys = st.one_of(
    spelt.map(lambda name: Parameter(name, ())),
    spelt.map(lambda name: Constant(name, 1)),
    st.tuples(spelt, st.sampled_from([t, t - 1])).map(lambda pair: Variable(pair[0], (), pair[1])),
    spelt.map(lambda name: Adjoint(Variable(name, (), t))),
    spelt.map(size),
)


@given(st.lists(keys, max_size=20))
def test_one_name_each_and_the_same_ever_after(asked: list[object]) -> None:
    names = Identifiers()
    given_names = {key: names(key) for key in asked}
    assert len(set(given_names.values())) == len(given_names)
    assert {key: names(key) for key in asked} == given_names
    for name in given_names.values():
        assert name.isidentifier()
        assert name not in RESERVED
        assert not keyword.iskeyword(name)


def test_a_free_name_is_the_user_s_own() -> None:
    names = Identifiers()
    assert names(Parameter("W_h", ())) == "W_h"
    assert names(Variable("h", (), t)) == names(Variable("h", (), T)) == names(Variable("h", ())) == "h"
    assert names(Variable("h", (), t - 1)) == "h_prev"
    assert names(Adjoint(Variable("h", (), t))) == "d_h"
    assert names.derived("grad", Parameter("W_h", ())) == "grad_W_h"
    assert names(Parameter("np", ())) == "np_"


words_of_code = st.lists(st.text("abc_", min_size=1, max_size=30), min_size=1, max_size=60)


@given(words_of_code, st.sampled_from(["", "    ", "        "]))
def test_filling_keeps_every_word_and_the_indent(words: list[str], indent: str) -> None:
    lines = list(filled(indent + " ".join(words)))
    assert " ".join(" ".join(lines).split()) == " ".join(words)
    assert all(len(line) <= WIDTH and line.startswith(indent) for line in lines)


def test_a_short_line_stays_and_a_long_statement_gets_brackets() -> None:
    assert list(broken(["a = b"])) == ["a = b"]
    code = "    total = " + " + ".join(f"part_{i}" for i in range(40))
    lines = list(broken([code + "  # (batch, n)"]))
    assert lines[0] == "    # (batch, n)"
    assert lines[1] == "    total = ("
    assert lines[-1] == "    )"
    space = {f"part_{i}": i for i in range(40)}
    assert sum(space.values()) == 780
    assert "".join(lines[2:-1]).split() == code.split("= ")[1].split()


EMITTED = {
    "lstm": Network(cells["lstm"]),
    "solved": Network(cells["simple"], topology="many-to-many"),
    "one-to-many": Network([cells["skip_connection"]] * 2, topology="one-to-many"),
    "from both ends": Network(cells["gru"], topology="many-to-many", bidirectional=True, over_steps="mean"),
    "encoder-decoder": Network(cells["simple"], topology="encoder-decoder"),
}


@pytest.mark.parametrize(("name", "checkpoints"), [
    *((name, False) for name in EMITTED), ("lstm", True), ("solved", True)])
def test_whatever_a_module_defines_is_reserved(name: str, checkpoints: bool) -> None:
    """No user's name may hide a function or a constant of the module."""
    tree = ast.parse(compile_network(EMITTED[name], checkpoints=checkpoints).source)
    defined = {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
    defined |= {target.id for node in tree.body if isinstance(node, ast.Assign) for target in node.targets
                if isinstance(target, ast.Name)}
    assert len(defined) > 8
    assert defined <= RESERVED


def test_parameters_may_bear_the_names_of_helpers() -> None:
    for taken in ("merged", "block_of", "alone", "stacked", "rooms", "turns"):
        named = Network(Cell.from_equations("own", f"h = tanh(x @ {taken} + h_prev @ U + b)"), "yhat = h @ V",
                        "squared_error")
        plain = Network(Cell.from_equations("own", "h = tanh(x @ W + h_prev @ U + b)"), "yhat = h @ V",
                        "squared_error")
        random = np.random.default_rng(0)
        parameters = {key: random.normal(size=shape) for key, shape in plain.shapes(d=2, n=2, k=1).items()}
        arguments = random.normal(size=(3, 4, 2)), random.normal(size=(3, 1))
        expected = compile_network(plain).value_and_grad(parameters, *arguments)
        found = compile_network(named).value_and_grad({taken: parameters.pop("W"), **parameters}, *arguments)
        assert found[0] == expected[0]
        assert np.array_equal(found[1][taken], expected[1]["W"])
