"""Generated code against networks written by hand and differentiated by autograd, alone and through the wrapper."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from functools import cache
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from references import CASES, Case
from small_forms import names_given_nowhere

from rnnsym.calculus.unrolling import graph_of
from rnnsym.model.cells import Cell
from rnnsym.model.networks import Network
from rnnsym.numerics.compilation import CompiledNetwork, compile_network
from rnnsym.numerics.emission import numpy_source
from rnnsym.numerics.lines import WIDTH

# Two orders of summation of the same doubles, some hundred operations on numbers near one.
ROUNDING = 1e-11
every = pytest.mark.parametrize("name", CASES)


@cache
def compiled(name: str) -> CompiledNetwork:
    return compile_network(CASES[name].network)


class Draw:
    """Random arguments for one case; sizes differ from each other unless the network makes them one."""

    def __init__(self, name: str, seed: int, batch: int = 3, steps: int = 4, scale: float = 0.7) -> None:
        self.case: Case = CASES[name]
        generator = np.random.default_rng(seed)
        network = self.case.network
        known = {str(size) for size in network.sizes}
        self.sizes = {key: value for key, value in {"d": 4, "n": 3, "k": 2}.items() if key in known}
        shapes = network.shapes(**self.sizes)
        self.parameters = {key: np.asarray(generator.normal(0, scale, shape)) for key, shape in shapes.items()}
        self.inputs = generator.normal(size=(batch, steps, self.sizes["d"]))
        self.targets = generator.uniform(size=(batch, self.sizes.get("k", self.sizes["n"])))
        start = self.case.zero_state(self.sizes)
        self.initial = {key: value + generator.normal(0, 0.5, (batch, *value.shape)) for key, value in start.items()}
        self.wrt = (*self.parameters, "inputs", *(f"{key}_0" for key in start))

    def starts(self) -> list[dict[str, Any]]:
        return [{key: value[place] for key, value in self.initial.items()} for place in range(len(self.inputs))]


def close(found: Any, expected: Any) -> bool:
    error, allowed = np.abs(found - expected), ROUNDING * (1 + np.abs(expected))
    return np.shape(found) == np.shape(expected) and bool(np.all(error <= allowed))


def same(found: tuple[float, dict[str, Any]], expected: tuple[float, dict[str, Any]]) -> bool:
    loss, gradients = found
    return close(loss, expected[0]) and gradients.keys() <= expected[1].keys() and all(
        close(gradient, expected[1][key]) for key, gradient in gradients.items()
    )


@every
@given(seed=st.integers(0, 2**32 - 1), steps=st.sampled_from([1, 2, 5]))
def test_loss_and_all_gradients_are_those_of_the_network_by_hand(name: str, seed: int, steps: int) -> None:
    draw, run = Draw(name, seed, steps=steps), compiled(name)
    expected = draw.case.value_and_grad(draw.parameters, draw.inputs, draw.targets, draw.starts())
    found = run.value_and_grad(draw.parameters, draw.inputs, draw.targets, draw.initial, wrt=draw.wrt)
    assert tuple(found[1]) == draw.wrt
    assert same(found, expected)
    assert close(run.loss(draw.parameters, draw.inputs, draw.targets, draw.initial), expected[0])


@every
def test_absent_states_start_at_their_declared_value(name: str) -> None:
    draw, run = Draw(name, 1), compiled(name)
    zero = draw.case.zero_state(draw.sizes)
    expected = draw.case.value_and_grad(draw.parameters, draw.inputs, draw.targets, [zero] * 3)
    assert same(run.value_and_grad(draw.parameters, draw.inputs, draw.targets, wrt=draw.wrt), expected)
    assert same(run.value_and_grad(draw.parameters, draw.inputs, draw.targets, {}, wrt=draw.wrt), expected)


@every
def test_a_hundred_steps(name: str) -> None:
    draw = Draw(name, 2, batch=1, steps=100, scale=0.3)
    expected = draw.case.value_and_grad(draw.parameters, draw.inputs, draw.targets, draw.starts())
    found = compiled(name).value_and_grad(draw.parameters, draw.inputs, draw.targets, draw.initial, wrt=draw.wrt)
    assert same(found, expected)


@every
@given(seed=st.integers(0, 2**32 - 1))
def test_a_batch_is_the_mean_of_its_sequences(name: str, seed: int) -> None:
    draw, run = Draw(name, seed), compiled(name)
    loss, gradients = run.value_and_grad(draw.parameters, draw.inputs, draw.targets, draw.initial, wrt=draw.wrt)
    singles = [run.value_and_grad(draw.parameters, x, y, start, wrt=draw.wrt)
               for x, y, start in zip(draw.inputs, draw.targets, draw.starts(), strict=True)]
    assert close(loss, np.mean([single for single, _ in singles]))
    for key in draw.parameters:
        assert close(gradients[key], np.mean([one[key] for _, one in singles], axis=0))
    for key in draw.wrt[len(draw.parameters):]:
        assert close(gradients[key], np.stack([one[key] for _, one in singles]) / 3)


@every
@given(seed=st.integers(0, 2**32 - 1), lengths=st.lists(st.integers(1, 4), min_size=3, max_size=3))
def test_padding_changes_nothing_whatever_stands_there(name: str, seed: int, lengths: list[int]) -> None:
    draw, run = Draw(name, seed), compiled(name)
    padded = draw.inputs.copy()
    for place, length in enumerate(lengths):
        padded[place, length:] = 1e6 * np.sign(padded[place, length:])
    arguments = (draw.parameters, padded, draw.targets, draw.initial)
    loss, gradients = run.value_and_grad(*arguments, lengths=lengths, wrt=draw.wrt)
    singles = [run.value_and_grad(draw.parameters, draw.inputs[i, :length], draw.targets[i], draw.starts()[i],
                                  wrt=draw.wrt) for i, length in enumerate(lengths)]
    assert close(loss, np.mean([single for single, _ in singles]))
    assert close(loss, run.loss(*arguments, lengths=lengths))
    for key in draw.parameters:
        assert close(gradients[key], np.mean([one[key] for _, one in singles], axis=0))
    for i, (length, (_, one)) in enumerate(zip(lengths, singles, strict=True)):
        assert close(gradients["inputs"][i, :length], one["inputs"] / 3)
        assert not gradients["inputs"][i, length:].any()
        assert all(close(gradients[key][i], one[key] / 3) for key in draw.wrt if key.endswith("_0"))
        assert close(run.predict(draw.parameters, padded, draw.initial, lengths)[i],
                     run.predict(draw.parameters, draw.inputs[i, :length], draw.starts()[i]))


@every
def test_full_lengths_are_no_lengths(name: str) -> None:
    draw, run = Draw(name, 5), compiled(name)
    arguments = (draw.parameters, draw.inputs, draw.targets, draw.initial)
    assert same(run.value_and_grad(*arguments, lengths=[4, 4, 4], wrt=draw.wrt),
                run.value_and_grad(*arguments, wrt=draw.wrt))


def test_a_step_past_the_end_cannot_overflow() -> None:
    """h ← exp(h): 0, 1, e, 15.2, 3.8e6, then infinity; a sequence of four steps is finite however long its padding."""
    run = compile_network(Network(Cell.from_equations("tower", "h = exp(h_prev + x @ W)"), "yhat = sigmoid(h @ V)"))
    parameters, inputs = {"W": [[0.0]], "V": [[1e-7]]}, np.zeros((1, 9, 1))
    padded = run.value_and_grad(parameters, inputs, [[1.0]], lengths=[4])
    assert same(padded, run.value_and_grad(parameters, inputs[:, :4], [[1.0]]))
    assert padded[1]["W"] == 0


@every
def test_one_initial_state_for_all_gathers_their_gradients(name: str) -> None:
    draw, run = Draw(name, 6), compiled(name)
    shared = draw.starts()[0]
    spread = {key: np.stack([value] * 3) for key, value in shared.items()}
    alone = run.value_and_grad(draw.parameters, draw.inputs, draw.targets, shared, wrt=draw.wrt)
    each = run.value_and_grad(draw.parameters, draw.inputs, draw.targets, spread, wrt=draw.wrt)
    for key in shared:
        assert close(alone[1][f"{key}_0"], each[1][f"{key}_0"].sum(axis=0))
    assert close(alone[0], each[0])


ALONE = """
import json, sys
arguments = json.load(sys.stdin)
before = set(sys.modules)
source = arguments.pop("source")
module = {"__name__": "generated"}
exec(compile(source, "generated.py", "exec"), module)
import numpy as np
arrays = {key: np.array(value) for key, value in arguments["parameters"].items()}
initial = {key: np.array(value) for key, value in arguments["initial"].items()}
inputs, targets, lengths = (np.array(arguments[key]) for key in ("inputs", "targets", "lengths"))
found = module["value_and_grad"](arrays, inputs, targets, initial, lengths)
foreign = {name.split(".")[0] for name in set(sys.modules) - before} & {"rnnsym", "sympy", "scipy", "autograd"}
assert not foreign, foreign
print(json.dumps([float(found[0]), {key: np.asarray(value).tolist() for key, value in found[1].items()}]))
"""


@every
def test_the_source_runs_alone_with_numpy_only(name: str) -> None:
    draw, run = Draw(name, 7), compiled(name)
    lengths = [4, 2, 3]
    arrays = {"parameters": draw.parameters, "initial": draw.initial}
    arguments = {key: {inner: value.tolist() for inner, value in group.items()} for key, group in arrays.items()}
    payload = {"source": run.source, "inputs": draw.inputs.tolist(), "targets": draw.targets.tolist(),
               "lengths": lengths, **arguments}
    result = subprocess.run([sys.executable, "-I", "-c", ALONE], input=json.dumps(payload), capture_output=True,
                            text=True, check=False)
    assert result.returncode == 0, result.stderr
    loss, gradients = json.loads(result.stdout)
    expected = run.value_and_grad(draw.parameters, draw.inputs, draw.targets, draw.initial, lengths)
    assert same((loss, {key: np.array(value) for key, value in gradients.items()}), expected)


MANY = "\n".join(f"h{i} = tanh(x @ W{i} + h{i}_prev @ U{i} + b{i})" for i in range(1, 25))
TERMS = "h = " + " + ".join(f"tanh(x @ W_{i}) * h_prev" for i in range(30))
LONG_NAME = "a" + "b" * 55
LONG = {
    "24 states": Network(Cell.from_equations("many", MANY), "yhat = sigmoid((h1 + h24) @ V)"),
    "long names": Network(Cell.from_equations("long", f"{LONG_NAME} = tanh(x @ {LONG_NAME}_i + {LONG_NAME}_prev)"),
                          f"yhat = sigmoid({LONG_NAME} @ V)"),
    "a long sum": Network(Cell.from_equations("sum", TERMS), "yhat = sigmoid(h @ V)"),
}
SOURCES = {**{name: case.network for name, case in CASES.items()}, **LONG}


@pytest.mark.parametrize("name", SOURCES)
def test_the_source_is_python_for_a_page_with_shapes_in_its_comments(name: str) -> None:
    source = numpy_source(graph_of(SOURCES[name]))
    tree = ast.parse(source)
    assert ast.get_docstring(tree)
    longest = 140 if name == "long names" else WIDTH
    assert max(map(len, source.splitlines())) <= longest
    assert not any(line != line.rstrip() for line in source.splitlines())
    defined = [node for node in tree.body if isinstance(node, ast.FunctionDef)]
    assert {"forward", "readout", "losses", "predict", "loss", "value_and_grad"} <= {node.name for node in defined}
    assert all(ast.get_docstring(node) for node in defined)
    for parameter in SOURCES[name].parameters:
        shape = "(" + ", ".join(map(str, parameter.shape)) + ("," if parameter.rank == 1 else "") + ")"
        assert f'parameters["{parameter.name}"]  # {shape}' in source or f"# {shape}" in source
    assert "# (batch, " in source


@pytest.mark.parametrize("name", LONG)
def test_broken_lines_compute_the_same(name: str) -> None:
    network = LONG[name]
    run = compile_network(network)
    generator = np.random.default_rng(0)
    sizes = {key: 2 for key in ("d", "n", "k") if key in {str(size) for size in network.sizes}}
    parameters = {key: generator.normal(0, 0.3, shape) for key, shape in network.shapes(**sizes).items()}
    inputs, targets = generator.normal(size=(2, 3, 2)), generator.uniform(size=(2, 2))
    loss, gradients = run.value_and_grad(parameters, inputs, targets)
    weight = next(iter(parameters))
    moved = {**parameters, weight: parameters[weight] + 1e-6 * gradients[weight]}
    expected = loss + 1e-6 * float((gradients[weight] ** 2).sum())
    assert run.loss(moved, inputs, targets) == pytest.approx(expected, abs=1e-11)


@pytest.mark.parametrize("name", SOURCES)
def test_every_name_of_the_source_is_given_somewhere(name: str) -> None:
    """A helper that is called, even where a line is broken, is defined."""
    assert not names_given_nowhere(numpy_source(graph_of(SOURCES[name])))


def test_no_two_quantities_share_an_identifier() -> None:
    source = compiled("names that clash").source
    for name in ("np", "batch", "tape", "loss"):
        assert f'parameters["{name}"]' in source or f"{name}_" in source
    assert "import numpy as np" in source
    assert "    np = " not in source
    assert "    batch = parameters" not in source
