"""The source for numba, line by line run by Python: it computes what NumPy's does, for every kind of network."""

from __future__ import annotations

import ast
import re
import sys
import warnings
from functools import cache
from types import ModuleType, SimpleNamespace
from typing import Any

import mpmath
import numpy as np
import pytest
from compared_networks import AGREEMENT, ALL, BY_CELL, differences
from interpreted import interpreted

import rnnsym
from rnnsym.calculus.unrolling import graph_of
from rnnsym.errors import BackendWarning, DerivationError
from rnnsym.model.expressions import Elementwise, Variable, size
from rnnsym.numerics.compiled.components import ComponentPrinter
from rnnsym.numerics.compiled.emission import numba_source
from rnnsym.numerics.compiled.functions import function_sources

every = pytest.mark.parametrize("name", ALL)


@cache
def source_of(name: str) -> str:
    return numba_source(graph_of(ALL[name]()))


@every
def test_results_are_numpys(name: str) -> None:
    found = list(differences(ALL[name](), interpreted(source_of(name))))
    assert len(found) > 50
    assert max(found) <= AGREEMENT


@every
def test_the_source_is_python_for_a_page(name: str) -> None:
    tree = ast.parse(source_of(name))
    assert ast.get_docstring(tree)
    assert max(map(len, source_of(name).splitlines())) <= 120
    functions = [node for node in tree.body if isinstance(node, ast.FunctionDef)]
    assert {"gradient", "mean_loss", "output", "predict", "loss", "value_and_grad"} <= {one.name for one in functions}
    assert all(ast.get_docstring(one) for one in functions)


DAMAGE = {
    "a sign": (r"(    d_a_t = .*) \* \(1\.0 - ", r"\1 * (1.0 + "),
    "a step too early": (r"o\[at \+ 1, row, unit\] \* o\[at \+ 1, row, unit\]", "o[at, row, unit] * o[at, row, unit]"),
    "a bias": (r" \+ b\[unit\]", ""),
    "a sum over rows": (r"\n +total_over_rows\(.*\)", ""),
    "a weight that is not transposed": (r"    lay_turned\((\w+), 0, W_h\)", r"    lay(\1, 0, W_h)"),
    "the mean over the batch": (r"/ batch, 0\.0", ", 0.0"),
    "the end of a sequence": (r"if masked and at >= lengths\[row\]:", "if False:"),
    "what is handed on past the end": (r"rest_o\[then, row, unit\] = handed_o\[now.*", "rest_o[then, row, unit] = 0.0"),
    "the initial state": (r"whole\[i\] = given\[i\] if given\.size > 0 else value", "whole[i] = value"),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_planted_errors_are_found(damage: str) -> None:
    pattern, instead = DAMAGE[damage]
    damaged, count = re.subn(pattern, instead, source_of("simple"))
    assert count > 0
    assert max(differences(BY_CELL["simple"](), interpreted(damaged))) > 1e6 * AGREEMENT


def test_every_kind_of_error_was_planted() -> None:
    assert len(DAMAGE) == 9


def test_an_unknown_node_is_refused_by_name() -> None:
    class Strange(Elementwise):
        pass

    printer = ComponentPrinter(lambda name, index: f"{name.name}[{', '.join(index)}]", str)
    vector = Variable("a", (size("n"),))
    assert printer.code(Elementwise("tanh", vector), ("i",)) == "tanh(a[i])"
    with pytest.raises(DerivationError, match=r'no code for Strange: use backend="numpy"'):
        printer.code(Strange("tanh", vector), ("i",))


# Elementary functions

POINTS = [0.0, 1e-320, 5e-324, 1e-300, 1e-17, 1e-9, 1e-3, 0.1, 0.17, 0.3465, 0.3466, 0.5, 1.0, 2.0, 5.0, 10.0, 18.9,
          19.1, 22.0, 36.0, 37.0, 100.0, 354.8, 700.0, 708.3, 709.7, 709.9, 745.1, 745.2, 800.0, 1e10, 1e300]
ULPS = {"exp": 2, "tanh": 3, "sigmoid": 3}
EXACT = {"exp": mpmath.exp, "tanh": mpmath.tanh, "sigmoid": lambda a: 1 / (1 + mpmath.exp(-a))}


@cache
def functions() -> Any:
    head = "import math\nimport numpy as np\nfrom numba import njit, types\nfrom numba.extending import intrinsic\n" \
           "INLINE = {}\n"
    return interpreted(head + "\n\n".join(function_sources(["exp", "tanh", "sigmoid", "softplus", "extrema"])))


@pytest.mark.parametrize("name", ULPS)
def test_functions_are_accurate_over_the_whole_range(name: str) -> None:
    random = np.random.default_rng(0)
    drawn = [*random.uniform(-750, 750, 300), *random.normal(0, 1, 300), *10.0 ** random.uniform(-20, 2, 300)]
    with mpmath.workdps(60), np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for a in (float(sign * one) for one in (*POINTS, *drawn) for sign in (1, -1)):
            exact = EXACT[name](mpmath.mpf(a))
            if exact > mpmath.mpf(np.finfo(float).max):
                assert getattr(functions(), name)(a) == np.inf
                continue
            error = abs(mpmath.mpf(float(getattr(functions(), name)(a))) - exact)
            assert error <= ULPS[name] * np.spacing(abs(float(exact))), (name, a)


@pytest.mark.parametrize(("name", "a", "value"), [
    ("exp", np.inf, np.inf), ("exp", -np.inf, 0.0), ("exp", 800.0, np.inf), ("exp", -800.0, 0.0), ("exp", 0.0, 1.0),
    ("tanh", np.inf, 1.0), ("tanh", -np.inf, -1.0), ("tanh", 800.0, 1.0), ("tanh", -800.0, -1.0), ("tanh", 0.0, 0.0),
    ("sigmoid", np.inf, 1.0), ("sigmoid", -np.inf, 0.0), ("sigmoid", 800.0, 1.0), ("sigmoid", -800.0, 0.0),
    ("sigmoid", 0.0, 0.5), ("softplus", -800.0, 0.0), ("softplus", 800.0, 800.0), ("softplus", np.inf, np.inf),
])
def test_the_ends_of_functions(name: str, a: float, value: float) -> None:
    with np.errstate(all="ignore"):
        assert getattr(functions(), name)(a) == value


@pytest.mark.parametrize("name", ["exp", "tanh", "sigmoid", "softplus"])
def test_what_is_no_number_stays_none(name: str) -> None:
    assert np.isnan(getattr(functions(), name)(np.nan))


def test_tanh_keeps_the_sign_of_zero_and_of_every_argument() -> None:
    tanh = functions().tanh
    assert np.copysign(1.0, tanh(-0.0)) == -1.0
    assert all(tanh(-a) == -tanh(a) for a in POINTS)


# Where numba is absent


def test_numpy_stands_in_for_numba_with_a_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "numba", None)
    network = rnnsym.Network(rnnsym.cells["simple"])
    with pytest.warns(BackendWarning, match=r"pip install 'rnnsym\[fast\]'"):
        run = rnnsym.compile(network, backend="numba")
    assert run.backend == "numpy"
    assert run == rnnsym.compile(network)


def test_numpy_stands_in_for_numba_that_is_switched_off(monkeypatch: pytest.MonkeyPatch) -> None:
    numba = ModuleType("numba")
    numba.__dict__.update(config=SimpleNamespace(DISABLE_JIT=1))
    monkeypatch.setitem(sys.modules, "numba", numba)
    with pytest.warns(BackendWarning, match="numba is switched off, so NumPy computes .* unset NUMBA_DISABLE_JIT"):
        assert rnnsym.compile(rnnsym.Network(rnnsym.cells["simple"]), backend="numba").backend == "numpy"


def test_a_constant_may_be_called_as_the_functions_of_numba_are() -> None:
    cell = "direct = 0.5\nNumbaError = 0.25\nh = tanh(direct * W @ x + NumbaError * U @ h_prev)"
    network = rnnsym.Network(rnnsym.Cell.from_equations("constant", cell), "yhat = sigmoid(V @ h + b_y)")
    shapes, random = network.shapes(d=2, n=3, k=1), np.random.default_rng(0)
    parameters = {key: random.normal(size=shape) for key, shape in shapes.items()}
    inputs, targets = random.normal(size=(2, 4, 2)), random.uniform(size=(2, 1))
    loss, gradients = rnnsym.compile(network).value_and_grad(parameters, inputs, targets)
    found = interpreted(numba_source(graph_of(network))).direct(parameters, inputs, targets)
    assert abs(found[0] - loss) <= AGREEMENT
    assert all(np.abs(found[1][key] - one).max() <= AGREEMENT for key, one in gradients.items())


def test_other_backends_are_unknown() -> None:
    with pytest.raises(DerivationError, match="the backends are numpy, numba"):
        rnnsym.compile(rnnsym.Network(rnnsym.cells["simple"]), backend="fortran")

