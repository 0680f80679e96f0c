"""Inside what JAX does to functions, and what the module refuses."""

from __future__ import annotations

from collections.abc import Iterator
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from framework_cases import (
    BATCH,
    STEPS,
    Arguments,
    arguments,
    differing,
    documented,
    numpy_results,
)
from jax_modules import module_of, network_of, recorded, results

import rnnsym

jax = pytest.importorskip("jax")
jnp = jax.numpy


@pytest.fixture(autouse=True)
def double_precision() -> Iterator[None]:
    """float64 for the length of a test; the setting is the process's, so it is put back."""
    before = jax.config.jax_enable_x64
    jax.config.update("jax_enable_x64", True)
    yield
    jax.config.update("jax_enable_x64", before)


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
    for wrong in (a.inputs + 100, a.inputs - 100, np.where(np.arange(STEPS) == 1, -1, a.inputs)):
        assert np.isnan(module_of("rows of a matrix").loss(a.parameters, wrong, a.targets))
    name = "many-to-many, both ends"
    a = arguments(network_of(name), 16, classes=True)
    assert np.isnan(module_of(name).loss(a.parameters, a.inputs, a.targets + 100))


def test_the_example_of_the_documentation_runs() -> None:
    found: Any = documented("jax")
    assert set(found.gradients) == set(found.network.PARAMETERS)
    assert all(np.isfinite(value).all() for value in found.gradients.values())
