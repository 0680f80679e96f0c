"""Modules for other libraries as text: they stand alone, can be read, and need none of these libraries to be made."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from framework_cases import EVERYTHING, SHAPES, planted, written
from hypothesis import given

import rnnsym
from rnnsym.calculus.unrolling import graph_of
from rnnsym.errors import DerivationError
from rnnsym.evidence import strategies
from rnnsym.model.cells import Cell
from rnnsym.model.expressions import Expression, Parameter, Variable
from rnnsym.model.networks import Network
from rnnsym.numerics.frameworks.modules import RESERVED
from rnnsym.numerics.frameworks.printing import FrameworkPrinter, JaxPrinter, TorchPrinter
from rnnsym.numerics.identifiers import Identifiers
from rnnsym.numerics.lines import WIDTH
from rnnsym.numerics.targets import targets

MODULES = {"numpy": {"numpy"}, "jax": {"jax", "jax.numpy", "functools"},
           "torch": {"torch", "torch.autograd.function", "functools"}}
FRAMEWORKS = [name for name in targets if name != "numpy"]
frameworks = pytest.mark.parametrize("target", FRAMEWORKS)


def imported(tree: ast.AST) -> set[str]:
    names = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    return names | {str(node.module) for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}


def defined(tree: ast.Module) -> dict[str, Any]:
    return {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef | ast.ClassDef)}


def undefined(tree: ast.Module) -> set[str]:
    """Names that are read and nowhere assigned, imported or built in."""
    nodes = list(ast.walk(tree))
    read = {node.id for node in nodes if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)}
    made = {node.id for node in nodes if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load)}
    made |= {node.arg for node in nodes if isinstance(node, ast.arg)}
    made |= {node.name for node in nodes if isinstance(node, ast.FunctionDef | ast.ClassDef)}
    made |= {alias.asname or alias.name for node in nodes if isinstance(node, ast.Import | ast.ImportFrom)
             for alias in node.names}
    return read - made - set(dir(__builtins__) if not isinstance(__builtins__, dict) else __builtins__)


@frameworks
@pytest.mark.parametrize("name", EVERYTHING)
def test_the_text_is_python_for_a_page_that_imports_its_library_alone(name: str, target: str) -> None:
    network = EVERYTHING[name]()
    text = rnnsym.emit(network, target)
    tree = ast.parse(text)
    assert imported(tree) <= MODULES[target]
    assert undefined(tree) == set()
    functions = defined(tree)
    assert {"loss", "predict", "value_and_grad", "forward", "forward_steps", "forward_back"} <= functions.keys()
    assert all(ast.get_docstring(node) for node in functions.values())
    assert max(map(len, text.splitlines())) <= WIDTH
    assert not any(line != line.rstrip() for line in text.splitlines())
    assert text == rnnsym.emit(EVERYTHING[name](), target)
    for p in network.parameters:
        assert f'    "{p.name}": (' in text
    assert "_t = " in str(ast.get_docstring(tree)) or "_{" in str(ast.get_docstring(tree))


@frameworks
@given(network=strategies.networks())
def test_what_becomes_a_numpy_module_becomes_others_whose_names_are_all_defined(network: Network, target: str) -> None:
    try:
        text = rnnsym.emit(network, target)
    except DerivationError:  # what no target can be written for
        with pytest.raises(DerivationError):
            rnnsym.emit(network, "numpy")
        return
    assert undefined(ast.parse(text)) == set()


def test_planted_slips_in_a_text_are_found() -> None:
    tree = ast.parse("import jax\nimport os\n\ndef loss(x):\n    return jax.nn.relu(y + x)\n")
    assert imported(tree) - MODULES["jax"] == {"os"}
    assert undefined(tree) == {"y"}


LSTM_STEP = """
        i = jax.nn.sigmoid(a_i)  # (batch, n)
        a_f = drive_a_f + a_f_of_h_prev  # (batch, n)
        f = jax.nn.sigmoid(a_f)  # (batch, n)
        a_g = drive_a_g + a_g_of_h_prev  # (batch, n)
        g = jnp.tanh(a_g)  # (batch, n)
        a_o = drive_a_o + a_o_of_h_prev  # (batch, n)
        o = jax.nn.sigmoid(a_o)  # (batch, n)
        c = f * c_prev + i * g  # (batch, n)
        u = jnp.tanh(c)  # (batch, n)
        h = o * u  # (batch, n)
"""
LSTM_STEP_BACK = """
        d_c = d_c + d_h * slope_c  # (batch, n)
        d_a_o = d_h * slope_a_o  # (batch, n)
        d_a_g = d_c * slope_a_g  # (batch, n)
        d_a_f = d_c * slope_a_f  # (batch, n)
        d_a_i = d_c * slope_a_i  # (batch, n)
        gathered_h_prev = torch.concatenate((d_a_o, d_a_g, d_a_f, d_a_i), dim=-1) @ weights_gathered_h_prev
        d_c_prev = d_c * f
        d_h_prev = gathered_h_prev
"""


def test_a_step_reads_as_the_equations_do() -> None:
    """All gates are one product; what needs no state is outside of the scan, and so are slopes and gradients."""
    network = Network(rnnsym.cells["lstm"])
    assert LSTM_STEP in rnnsym.emit(network, "jax")
    text = rnnsym.emit(network, "torch")
    assert LSTM_STEP_BACK in text
    assert text.count("grad_W_xi = x.T @ d_a_i") == 1
    scans = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.FunctionDef) and node.name == "step"]
    products = [sum(isinstance(inner, ast.MatMult) for inner in ast.walk(node)) for node in scans]
    assert products == [1, 1]


CODES: list[tuple[str, str, str]] = [
    ("maximum(x @ W, 2)", "jnp.maximum(x @ W, 2.0)", "torch.clamp(x @ W, min=2.0)"),
    ("minimum(x @ W, b)", "jnp.minimum(x @ W, b)", "torch.minimum(x @ W, b)"),
    ("where(x @ W > b, 1, 0.3)", "jnp.where(x @ W > b, 1.0, 0.3)",
     "torch.where(x @ W > b, like.new_tensor(1.0), like.new_tensor(0.3))"),
    ("relu(x @ W) + step(b)", "jnp.maximum(x @ W, 0.0) + jnp.heaviside(b, 0.0)",
     "torch.relu(x @ W) + torch.heaviside(b, torch.zeros_like(b))"),
    ("round(x @ W) * sign(b)", "round_half_up(x @ W) * jnp.sign(b)", "round_half_up(x @ W) * torch.sign(b)"),
    ("softmax(x @ W) * logsumexp(b)", "jax.nn.softmax(x @ W, axis=-1) * jax.nn.logsumexp(b, axis=-1)",
     "torch.softmax(x @ W, dim=-1) * torch.logsumexp(b, dim=-1)"),
    ("softplus(x @ W) * sum(b)", "jnp.logaddexp(0.0, x @ W) * b.sum()",
     "torch.logaddexp((x @ W), torch.zeros_like((x @ W))) * b.sum()"),
    ("concat(x, b) @ W_c", "jnp.concatenate((x, jnp.broadcast_to(b, x.shape[:-1] + jnp.shape(b))), axis=-1) @ W_c",
     "torch.concatenate((x, torch.broadcast_to(b, x.shape[:-1] + b.shape)), dim=-1) @ W_c"),
    ("E[x] + b", "jnp.take(E, x, axis=0) + b", "E[x] + b"),
    ("x @ (W - 2 * I)", "x @ (W - 2.0 * jnp.eye(size_n, dtype=like.dtype))",
     "x @ (W - 2.0 * torch.eye(size_n, dtype=like.dtype, device=like.device))"),
]


def expression_of(text: str) -> Expression:
    cell = Cell.from_equations("mine", f"h = {text} + 0 * h_prev")
    found: Expression = cell.equations[0].expression.args[0]
    return found if len(cell.equations[0].expression.args) == 2 else type(cell.equations[0].expression)(
        *cell.equations[0].expression.args[:-1])


def spelled(key: Any) -> str:
    return str(key.name) if isinstance(key, Expression) else f"size_{key}"


@pytest.mark.parametrize(("text", "jax", "torch"), CODES)
def test_each_kind_of_node_has_the_library_s_code(text: str, jax: str, torch: str) -> None:
    printers: dict[FrameworkPrinter, str] = {JaxPrinter(spelled): jax, TorchPrinter(spelled): torch}
    for printer, code in printers.items():
        assert printer.code(expression_of(text)) == code


def test_a_user_s_name_that_ends_as_numpy_s_does_stays() -> None:
    """``np.`` is exchanged where it is the library, not where it ends a name."""
    for printer in (JaxPrinter(lambda _: "mynp"), TorchPrinter(lambda _: "axis")):
        vector = Variable("v", ("n",))
        assert "." not in printer.code(vector)
    network = written("mynp = tanh(x @ np + mynp_prev @ W.T + xnp)", "yhat = sigmoid(mynp @ dim)")
    for target in FRAMEWORKS:
        text = rnnsym.emit(network, target)
        assert 'weights["np"]' in text
        assert "mynp_prev @ W.T" in text


@frameworks
def test_names_of_users_are_data(target: str) -> None:
    """Names that stand in our own texts, in names of ours and in Python."""
    names = ("LENGTHS", "LIKE", "EXTRA", "jax", "torch", "parameters", "weights", "found", "self", "held", "STATES")
    terms = " + ".join(f"tanh(x @ {name})" for name in names)
    network = written(f"out_h = {terms} + out_h_prev", "yhat = sigmoid(out_h @ W)")
    text = rnnsym.emit(network, target)
    tree = ast.parse(text)
    assert undefined(tree) == set()
    assert imported(tree) <= MODULES[target]
    for name in names:
        assert f'    "{name}": ("d", "n"),' in text
        assert f'weights["{name}"]' in text


@frameworks
@pytest.mark.parametrize("name", EVERYTHING)
def test_what_a_module_defines_is_reserved(name: str, target: str) -> None:
    """No user's name can hide a function, a class or a constant of the module, nor what it imports."""
    network = EVERYTHING[name]()
    tree, free = ast.parse(rnnsym.emit(network, target)), Identifiers(RESERVED)
    own = {node.targets[0].id for node in tree.body if isinstance(node, ast.Assign)
           and isinstance(node.targets[0], ast.Name)} - {constant.name for constant in network.constants}
    names = {*defined(tree), *own, *(one.split(".")[0] for one in imported(tree) - {"functools"})}
    assert len(names) > 15
    assert [one for one in names if free(Parameter(one, ())) == one] == []


def test_the_documentation_names_every_target() -> None:
    text = (Path(rnnsym.__file__).parents[1] / "docs" / "targets.md").read_text(encoding="utf-8")
    for entry in targets.values():
        assert f"| `{entry.name}` |" in text
        assert not entry.extra or (f"[{entry.extra}]" in text and f"## {entry.title}" in text)


def test_a_vector_beside_a_row_has_the_row_s_batch() -> None:
    """``concat(c, E[x])`` repeats c for each sequence: x is the number of a row, with no axis of entries."""
    assert rnnsym.check(EVERYTHING["rows of a matrix"](), max_examples=3).passed


def test_what_there_is_no_target_for_is_refused_by_name() -> None:
    with pytest.raises(DerivationError, match=r"unknown target 'keras'; the targets are numpy, jax, torch"):
        rnnsym.emit(Network(rnnsym.cells["simple"]), "keras")


@pytest.mark.parametrize("target", targets)
def test_a_parameter_with_the_name_of_another_gradient_is_refused(target: str) -> None:
    network = written("h = tanh(x @ inputs + h_prev)", "yhat = sigmoid(h @ W)")
    with pytest.raises(DerivationError, match="'inputs' bears the name of another gradient"):
        rnnsym.emit(network, target)


@frameworks
def test_a_state_of_a_size_that_nothing_tells_is_refused(target: str) -> None:
    network = written("h = tanh(x @ W + h_prev)\nq = 0.5 * q_prev", "yhat = sigmoid(h @ V)")
    with pytest.raises(DerivationError, match="size n_q of the state q belongs to no parameter"):
        rnnsym.emit(network, target)


def test_numpy_s_target_is_what_is_compiled() -> None:
    network = Network(rnnsym.cells["gru"])
    assert rnnsym.emit(network) == rnnsym.emit(network, "numpy") == rnnsym.compile(network).source


def test_the_extras_of_the_targets_exist() -> None:
    import tomllib

    project = tomllib.loads((Path(rnnsym.__file__).parents[1] / "pyproject.toml").read_text(encoding="utf-8"))
    extras = project["project"]["optional-dependencies"]
    assert {entry.extra for entry in targets.values()} - {""} <= extras.keys()
    assert all(name == entry.name for name, entry in targets.items())


ABSENT = """
import sys
sys.modules.update(dict.fromkeys(("jax", "torch", "numba")))  # importing one of them fails
sys.argv = ["rnnsym", "code", "--cell", "gru", "--target", sys.argv[1], *sys.argv[2:]]
from rnnsym.cli import main
main()
"""


@frameworks
def test_the_command_writes_it_without_the_library(target: str, tmp_path: Path) -> None:
    file = tmp_path / "network.py"
    done = subprocess.run([sys.executable, "-c", ABSENT, target, "-o", str(file)], capture_output=True, text=True,
                          check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert file.read_text(encoding="utf-8") == rnnsym.emit(Network(rnnsym.cells["gru"]), target)
    assert [path.name for path in tmp_path.iterdir()] == ["network.py"]


def test_the_command_refuses_others_in_one_line(tmp_path: Path) -> None:
    file = tmp_path / "network.py"
    done = subprocess.run([sys.executable, "-c", ABSENT, "keras", "-o", str(file)], capture_output=True, text=True,
                          check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert re.fullmatch(r"rnnsym: error: --target: expected one of numpy, jax, torch, but got 'keras'\n", done.stderr)
    assert not file.exists()


def test_errors_can_be_planted_in_every_way_back() -> None:
    """The tests of the libraries plant them: there is something to plant in each loop."""
    for name in SHAPES:
        for target in FRAMEWORKS:
            assert len(planted(rnnsym.emit(SHAPES[name](), target), "")) >= 10
    assert graph_of(SHAPES["many-to-one"]()).loops
