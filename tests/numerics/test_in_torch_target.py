"""Inside what PyTorch does to functions, and what the module refuses."""

from __future__ import annotations

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
from torch_modules import module_of, network_of, recorded, results, tensors

import rnnsym
from rnnsym.numerics.loading import load_source

torch = pytest.importorskip("torch")


# Inside what PyTorch does to functions


@pytest.mark.parametrize("name", ["many-to-many, both ends", "encoder-decoder, fed back", "lstm", "names that clash"])
def test_a_loss_of_one_s_own_goes_the_derived_way_back(name: str) -> None:
    a, network = arguments(network_of(name), 7, padded=True), network_of(name)
    extra = {"steps": a.targets.shape[1]} if network.feeds_back else {}

    def gradients(module: ModuleType) -> dict[str, Any]:
        p = tensors(a.parameters)
        found = module.predict(p, torch.tensor(a.inputs), **extra, initial_state=a.initial_state, **a.lengths)
        (torch.cos(torch.arange(found.numel())).reshape(found.shape) * found**2).sum().backward()
        return {key: one.grad.numpy() for key, one in p.items()}

    assert differing(gradients(module_of(name)), gradients(recorded(name))) == []


@pytest.mark.parametrize("name", ["many-to-many", "names that clash", "one-to-many", "encoder-decoder"])
def test_the_module_trains(name: str) -> None:
    a, module = arguments(network_of(name), 8, padded=True), module_of(name)
    network = module.Network(a.parameters)
    state = network.state_dict()
    assert [value.shape for value in state.values()] == [value.shape for value in a.parameters.values()]
    optimiser = torch.optim.Adam(network.parameters(), lr=0.02)
    values = []
    for _ in range(30):
        optimiser.zero_grad()
        value = network.loss(torch.tensor(a.inputs), torch.tensor(a.targets), **a.lengths)
        value.backward()
        optimiser.step()
        values.append(value.item())
    assert values[-1] < values[0]
    again = module.Network(a.parameters)
    again.load_state_dict(network.state_dict())
    extra = {"one-to-many": (STEPS,), "encoder-decoder": (a.targets,)}.get(name, ())
    with torch.no_grad():
        assert torch.equal(again(torch.tensor(a.inputs), *extra), network(torch.tensor(a.inputs), *extra))


def test_nothing_is_kept_where_no_gradients_are_recorded() -> None:
    a, kept = arguments(network_of("lstm"), 9), list[bool]()
    module: Any = load_source("spied", rnnsym.emit(network_of("lstm"), "torch"))
    steps = module.forward_steps

    def spied(*given: Any, keep: bool) -> Any:
        kept.append(keep)
        return steps(*given, keep=keep)

    module.forward_steps = spied
    with torch.no_grad():
        module.predict(a.parameters, a.inputs)
    module.predict(tensors(a.parameters), a.inputs)
    assert kept == [False, True]


def test_a_second_derivative_is_refused() -> None:
    module, a = module_of("simple"), arguments(network_of("simple"), 10)
    weights = tensors(a.parameters)
    value = module.loss(weights, a.inputs, a.targets)
    with pytest.raises(RuntimeError, match="no second derivatives"):
        torch.autograd.grad(value, [weights["W_h"]], create_graph=True)
    with pytest.raises(RuntimeError, match="no second derivatives"):  # which else would be zero, without a word
        torch.autograd.functional.hessian(lambda bias: module.loss({**weights, "b": bias}, a.inputs, a.targets),
                                          weights["b"].detach())


def test_outputs_are_those_of_numpy_and_zero_past_the_end() -> None:
    name = "many-to-many, mean"
    a = arguments(network_of(name), 9, padded=True)
    found = module_of(name).predict(a.parameters, a.inputs, a.initial_state, **a.lengths).numpy()
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
    for state in (None, {"h": a.initial_state["h"][0]}):
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
        ({"lengths": np.array([1, 0, 1])}, ValueError, "from 1 to 4"),
        ({"lengths": np.array([1, 5, 1])}, ValueError, "from 1 to 4"),
        ({"parameters": whole, "inputs": np.ones(a.inputs.shape, int)}, TypeError, "floating"),
    ]
    for change, kind, words in wrong:
        with pytest.raises(kind, match=words):
            module.loss(**(given | change))
    with pytest.raises(ValueError, match="unknown name 'W'"):
        module.value_and_grad(**given, wrt=("W",))
    with pytest.raises(ValueError, match="expected the keys"):
        module.Network({"W": 1.0})


def test_a_row_or_class_that_is_none_is_refused() -> None:
    a = arguments(network_of("rows of a matrix"), 15)
    with pytest.raises(ValueError, match="numbers of rows, from 0, but one is -1"):
        module_of("rows of a matrix").loss(a.parameters, a.inputs * 0 - 1, a.targets)
    with pytest.raises(IndexError):
        module_of("rows of a matrix").loss(a.parameters, a.inputs + 100, a.targets)
    name = "many-to-many, both ends"
    a = arguments(network_of(name), 16, classes=True)
    with pytest.raises(RuntimeError, match="Class values must"):
        module_of(name).loss(a.parameters, a.inputs, a.targets + 100)


def test_the_example_of_the_documentation_runs() -> None:
    found: Any = documented("torch")
    assert found.outputs.shape == found.targets.shape
    assert found.value.isfinite()
