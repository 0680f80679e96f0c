"""The JAX module against NumPy's, against JAX's own derivative of the same forward pass, and against steps by hand."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from framework_cases import (
    BATCH,
    EVERYTHING,
    STEPS,
    ULPS,
    Arguments,
    arguments,
    close,
    differing,
    numpy_results,
    planted,
)

import rnnsym
from rnnsym.model.activations import activations
from rnnsym.model.networks import Network
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


@cache
def network_of(name: str) -> Network:
    return EVERYTHING[name]()


@cache
def module_of(name: str) -> ModuleType:
    return load_source("jax_module", rnnsym.emit(network_of(name), "jax"))


def results(module: ModuleType, a: Arguments, *, compiled: bool = True) -> dict[str, Any]:
    function = jax.jit(module.value_and_grad, static_argnames="wrt") if compiled else module.value_and_grad
    value, gradients = function(a.parameters, a.inputs, a.targets, a.initial_state, wrt=a.wrt, **a.lengths)
    return {"loss": value, **gradients}


def recorded(name: str) -> ModuleType:
    """The module without its own way back: JAX differentiates the steps themselves."""
    module = load_source("recorded", rnnsym.emit(network_of(name), "jax"))
    for part in ("forward", "decode", "from_the_end"):
        if hasattr(module, f"{part}_steps"):
            setattr(module, part, without_way_back(getattr(module, f"{part}_steps")))
    if hasattr(module, "readout_values"):
        values = module.readout_values
        module.readout = lambda weights, states: values(weights, states)[0]  # type: ignore[attr-defined]
    # The convention of a straight-through function, which JAX is told by stopping the gradient of the rest.
    module.round_half_up = lambda a: a + jax.lax.stop_gradient(jnp.floor(a + 0.5) - a)  # type: ignore[attr-defined]
    return module


def without_way_back(steps: Callable[..., Any]) -> Callable[..., Any]:
    return lambda weights, start, given, running: steps(weights, start, given, running, keep=False)[0]


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


# Inside what JAX does to functions


@pytest.mark.parametrize("name", ["many-to-many, both ends", "encoder-decoder, fed back", "lstm"])
def test_a_loss_of_one_s_own_goes_the_derived_way_back(name: str) -> None:
    a, network = arguments(network_of(name), 7, padded=True), network_of(name)
    extra = {"steps": a.targets.shape[1]} if network.feeds_back else {}
    outputs = module_of(name).predict(a.parameters, a.inputs, **extra, initial_state=a.initial_state, **a.lengths)
    mix = np.random.default_rng(0).normal(size=outputs.shape)

    def loss(module: ModuleType, parameters: Any) -> Any:
        found = module.predict(parameters, a.inputs, **extra, initial_state=a.initial_state, **a.lengths)
        return jnp.sum(mix * found**2)

    found, expected = (jax.jit(jax.grad(lambda p, m=module: loss(m, p)))(a.parameters)
                       for module in (module_of(name), recorded(name)))
    assert differing(found, expected) == []
    assert "custom_vjp_call" in str(jax.make_jaxpr(lambda p: loss(module_of(name), p))(a.parameters))


def test_several_networks_at_once() -> None:
    module, draws = module_of("gru"), [arguments(network_of("gru"), seed) for seed in range(3)]
    stacked = {name: np.stack([a.parameters[name] for a in draws]) for name in draws[0].parameters}
    gradient = jax.vmap(jax.grad(module.loss), in_axes=(0, None, None))
    found = gradient(stacked, draws[0].inputs, draws[0].targets)
    for place, a in enumerate(draws):
        alone = jax.grad(module.loss)(a.parameters, draws[0].inputs, draws[0].targets)
        assert differing({name: value[place] for name, value in found.items()}, alone) == []


def test_second_derivatives_are_those_of_the_recorded_steps() -> None:
    a = arguments(network_of("simple"), 8)

    def along(module: ModuleType) -> Any:
        def size(parameters: Any) -> Any:
            return sum(jnp.sum(g**2) for g in jax.grad(module.loss)(parameters, a.inputs, a.targets).values())

        return jax.grad(size)(a.parameters)

    assert differing(along(module_of("simple")), along(recorded("simple"))) == []


def test_outputs_are_those_of_numpy_and_zero_past_the_end() -> None:
    name = "many-to-many, mean"
    a = arguments(network_of(name), 9, padded=True)
    found = np.asarray(jax.jit(module_of(name).predict)(a.parameters, a.inputs, a.initial_state, **a.lengths))
    expected = rnnsym.compile(network_of(name)).predict(a.parameters, a.inputs, a.initial_state, **a.lengths)
    assert differing({"yhat": found}, {"yhat": expected}) == []
    assert not found[1, 1:].any()


def test_padding_may_hold_anything() -> None:
    module, a = module_of("many-to-many"), arguments(network_of("many-to-many"), 10, padded=True)
    inputs = a.inputs.copy()
    for place, length in enumerate(a.lengths["lengths"]):
        inputs[place, length:] = 1e300
    filled = Arguments(a.parameters, inputs, a.targets, a.initial_state, a.lengths, a.wrt)
    assert differing(results(module, filled), results(module, a)) == []


def test_classes_and_their_rows_are_the_same() -> None:
    name = "many-to-many, both ends"
    a = arguments(network_of(name), 11, classes=True)
    assert differing(results(module_of(name), a), numpy_results(network_of(name), a)) == []


def test_shared_and_absent_states() -> None:
    module, network, a = module_of("lstm"), network_of("lstm"), arguments(network_of("lstm"), 12)
    shared = {"h": a.initial_state["h"][0]}
    for state in (None, shared):
        value, found = module.value_and_grad(a.parameters, a.inputs, a.targets, state, wrt=a.wrt)
        expected = rnnsym.compile(network).value_and_grad(a.parameters, a.inputs, a.targets, state, wrt=a.wrt)
        assert differing({"loss": value, **found}, {"loss": np.asarray(expected[0]), **expected[1]}) == []


# What is refused, and what would be wrong


def test_what_does_not_fit_is_refused() -> None:
    module, a = module_of("lstm"), arguments(network_of("lstm"), 13)
    given = {"parameters": a.parameters, "inputs": a.inputs, "targets": a.targets}
    whole = {name: np.ones(value.shape, int) for name, value in a.parameters.items()}
    wrong: list[tuple[dict[str, Any], type[Exception], str]] = [
        ({"targets": a.targets[:, 0]}, ValueError, "targets"),
        ({"inputs": a.inputs[..., :2]}, ValueError, "inputs"),
        ({"inputs": a.inputs[0]}, ValueError, "inputs"),
        ({"parameters": {"W": 1.0}}, ValueError, "expected the keys W_xi"),
        ({"parameters": a.parameters | {"W_hi": np.ones((4, 3))}}, ValueError, "W_hi"),
        ({"initial_state": {"o": 0.0}}, ValueError, "unknown key 'o'"),
        ({"initial_state": {"h": np.zeros(3)}}, ValueError, "initial state h"),
        ({"lengths": np.ones(BATCH)}, TypeError, "lengths"),
        ({"lengths": np.ones(BATCH + 1, int)}, ValueError, "lengths"),
        ({"parameters": whole, "inputs": np.ones(a.inputs.shape, int)}, TypeError, "floating"),
    ]
    for change, kind, words in wrong:
        with pytest.raises(kind, match=words):
            module.loss(**(given | change))
    with pytest.raises(ValueError, match="unknown name 'W'"):
        module.value_and_grad(**given, wrt=("W",))


@pytest.mark.parametrize("length", [0, -1, STEPS + 1])
def test_a_length_that_is_none_gives_no_number(length: int) -> None:
    module, a = module_of("simple"), arguments(network_of("simple"), 14)
    lengths = np.array([STEPS, length, 1])
    assert np.isnan(jax.jit(module.loss)(a.parameters, a.inputs, a.targets, lengths=lengths))


def test_a_row_or_class_that_is_none_gives_no_number() -> None:
    a = arguments(network_of("rows of a matrix"), 15)
    assert np.isnan(module_of("rows of a matrix").loss(a.parameters, a.inputs + 100, a.targets))
    name = "many-to-many, both ends"
    a = arguments(network_of(name), 16, classes=True)
    assert np.isnan(module_of(name).loss(a.parameters, a.inputs, a.targets + 100))


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


@pytest.mark.parametrize("function", activations)
def test_functions_are_those_of_numpy(function: str) -> None:
    from rnnsym.model.expressions import Elementwise, Variable
    from rnnsym.numerics.framework_printing import JaxPrinter
    from rnnsym.numerics.functions import elementwise_functions

    entry = activations[function]
    printer = JaxPrinter(lambda key: key.name)
    code = printer.code(Elementwise(function, Variable("a", ())))
    helpers = [printer.exchanged(activations[name].helper) for name in printer.helpers]
    module = load_source("functions", "\n".join(
        ["import jax", "import jax.numpy as jnp", *helpers, f"def function(a):\n    return {code}\n"]))
    points = np.linspace(-40, 40, 321) if entry.lower is None else np.linspace(0.25, 40, 321)
    assert close(np.asarray(module.function(points)), elementwise_functions()[function](points), ULPS * 2.3e-16)
