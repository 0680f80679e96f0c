"""The JAX module against NumPy's, against JAX's own derivative of the same forward pass, and against steps by hand."""

from __future__ import annotations

from collections.abc import Iterator
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from framework_cases import (
    EVERYTHING,
    ULPS,
    Arguments,
    arguments,
    close,
    differing,
    numpy_results,
    planted,
)
from jax_modules import module_of, network_of, recorded, results

import rnnsym
from rnnsym.model.activations import activations
from rnnsym.numerics.loading import load_source

jax = pytest.importorskip("jax")
jnp = jax.numpy

# Networks whose way back differs in kind: several states, joined gates, straight-through rounding, registers, loops.
VARIED = ("lstm", "skip_rnn", "many-to-many, both ends", "one-to-many, feed", "encoder-decoder, two cells",
          "skipping, encoder-decoder", "all kinds of nodes, many-to-many", "rows of a matrix")


@pytest.fixture(autouse=True)
def double_precision() -> Iterator[None]:
    """float64 for the length of a test; the setting is the process's, so it is put back."""
    before = jax.config.jax_enable_x64
    jax.config.update("jax_enable_x64", True)
    yield
    jax.config.update("jax_enable_x64", before)


@pytest.mark.parametrize("name", EVERYTHING)
def test_loss_and_all_gradients_of_padded_batches_are_those_of_numpy(name: str) -> None:
    a = arguments(network_of(name), 1, padded=True)
    assert differing(results(module_of(name), a), numpy_results(network_of(name), a)) == []


@pytest.mark.parametrize("name", VARIED)
def test_so_are_those_of_whole_batches(name: str) -> None:
    a = arguments(network_of(name), 2)
    assert differing(results(module_of(name), a), numpy_results(network_of(name), a)) == []


@pytest.mark.parametrize("name", VARIED)
def test_jax_s_own_derivative_of_the_same_steps_is_the_same(name: str) -> None:
    a = arguments(network_of(name), 3, padded=True)
    assert differing(results(module_of(name), a), results(recorded(name), a)) == []


@pytest.mark.parametrize("name", ["gru", "many-to-many", "columns"])
def test_single_precision_in_single_precision_out(name: str) -> None:
    a = arguments(network_of(name), 4, padded=True)
    single = jax.tree.map(lambda value: np.asarray(value, np.float32), (a.parameters, a.inputs, a.initial_state))
    less = Arguments(single[0], single[1], a.targets, single[2], a.lengths, a.wrt)
    assert differing(results(module_of(name), less), numpy_results(network_of(name), less), np.float32) == []


def test_without_double_precision_all_is_single() -> None:
    a = arguments(network_of("simple"), 5)
    expected = numpy_results(network_of("simple"), a)
    jax.config.update("jax_enable_x64", False)
    assert differing(results(module_of("simple"), a), expected, np.float32) == []


# By hand


def simple(p: Any, s: Any, x: Any) -> Any:
    o = jnp.tanh(x @ p["W_i"] + s["o"] @ p["W_h"] + p["b"])
    return {"o": o}, o


def lstm(p: Any, s: Any, x: Any) -> Any:
    i, f, g, o = (x @ p[f"W_x{k}"] + s["h"] @ p[f"W_h{k}"] + p[f"b_{k}"] for k in "ifgo")
    c = jax.nn.sigmoid(f) * s["c"] + jax.nn.sigmoid(i) * jnp.tanh(g)
    h = jax.nn.sigmoid(o) * jnp.tanh(c)
    return {"c": c, "h": h}, h


def gru(p: Any, s: Any, x: Any) -> Any:
    r, z = (jax.nn.sigmoid(x @ p[f"W_x{k}"] + s["h"] @ p[f"W_h{k}"] + p[f"b_{k}"]) for k in "rz")
    n = jnp.tanh(x @ p["W_xn"] + p["b_xn"] + r * (s["h"] @ p["W_hn"] + p["b_hn"]))
    h = (1 - z) * n + z * s["h"]
    return {"h": h}, h


@pytest.mark.parametrize(("name", "step", "weights"), [
    ("simple", simple, ("W_o", "b_o")), ("lstm", lstm, ("W_y", "b_y")), ("gru", gru, ("W_y", "b_y")),
])
def test_a_scan_by_hand_has_the_same_gradients(name: str, step: Any, weights: tuple[str, str]) -> None:
    a = arguments(network_of(name), 6)

    def loss(p: Any, inputs: Any, state: Any) -> Any:
        _, h = jax.lax.scan(lambda s, x: step(p, s, x), state, inputs.swapaxes(0, 1))
        logit = h[-1] @ p[weights[0]] + p[weights[1]]
        return (jax.nn.softplus(logit) - a.targets * logit).sum(axis=-1).mean()

    value, (by, by_inputs, by_state) = jax.jit(jax.value_and_grad(loss, (0, 1, 2)))(
        a.parameters, a.inputs, a.initial_state)
    expected = {"loss": value, **by, "inputs": by_inputs, **{f"{key}_0": one for key, one in by_state.items()}}
    assert differing(results(module_of(name), a), expected) == []


@pytest.mark.parametrize("function", activations)
def test_functions_are_those_of_numpy(function: str) -> None:
    from rnnsym.model.expressions import Elementwise, Variable
    from rnnsym.numerics.frameworks.printing import JaxPrinter
    from rnnsym.numerics.functions import elementwise_functions

    entry = activations[function]
    printer = JaxPrinter(lambda key: key.name)
    code = printer.code(Elementwise(function, Variable("a", ())))
    helpers = [printer.exchanged(activations[name].helper) for name in printer.helpers]
    module = load_source("functions", "\n".join(
        ["import jax", "import jax.numpy as jnp", *helpers, f"def function(a):\n    return {code}\n"]))
    points = np.linspace(-40, 40, 321) if entry.lower is None else np.linspace(0.25, 40, 321)
    assert close(np.asarray(module.function(points)), elementwise_functions()[function](points), ULPS * 2.3e-16)


def test_errors_planted_in_the_way_back_are_found() -> None:
    """Each line of the way back wrong by a hundredth: the loss's gradients tell, or those of a loss of outputs."""
    name, held = "simple", "o"
    a, right = arguments(network_of(name), 17, padded=True), recorded(name)

    def of(module: ModuleType) -> dict[str, Any]:
        own = jax.grad(lambda p: jnp.sum(module.predict(p, a.inputs)**2))(a.parameters)
        return {**results(module, a), **{f"own {key}": value for key, value in own.items()}}

    expected = {**of(right), **numpy_results(network_of(name), a)}
    assert differing(of(module_of(name)), expected) == []
    mutants = planted(rnnsym.emit(network_of(name), "jax"), held)
    missed = [number for number, text in enumerate(mutants) if not differing(of(load_source("wrong", text)), expected)]
    assert len(mutants) >= 17
    assert missed == []
