"""The PyTorch module against NumPy's, against autograd's record of the same forward pass, and against steps by hand."""

from __future__ import annotations

from collections.abc import Callable
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

torch = pytest.importorskip("torch")


@cache
def network_of(name: str) -> Network:
    return EVERYTHING[name]()


@cache
def module_of(name: str) -> ModuleType:
    return load_source("torch_module", rnnsym.emit(network_of(name), "torch"))


def results(module: ModuleType, a: Arguments) -> dict[str, Any]:
    value, gradients = module.value_and_grad(a.parameters, a.inputs, a.targets, a.initial_state, wrt=a.wrt, **a.lengths)
    return {"loss": value.numpy(), **{name: gradient.numpy() for name, gradient in gradients.items()}}


def recorded(name: str) -> ModuleType:
    """The module without its own way back: autograd records the steps themselves."""
    # What has no derivative in PyTorch is flat; of a straight-through function the rest has no gradient.
    text = rnnsym.emit(network_of(name), "torch").replace("torch.heaviside(", "flat_step(")
    module: Any = load_source("recorded", text)
    for part in ("forward", "decode", "from_the_end"):
        if hasattr(module, f"{part}_steps"):
            setattr(module, part, without_way_back(getattr(module, f"{part}_steps")))
    if hasattr(module, "readout_values"):
        values = module.readout_values
        module.readout = lambda weights, states: values(weights, states)[0]
    module.flat_step = lambda a, at_zero: torch.heaviside(a.detach(), at_zero)
    module.round_half_up = lambda a: a + (torch.floor(a + 0.5) - a).detach()
    return module


def without_way_back(steps: Callable[..., Any]) -> Callable[..., Any]:
    return lambda weights, start, given, running: steps(weights, start, given, running, keep=False)[0]


def tensors(values: Any, dtype: Any = None, *, grad: bool = True) -> dict[str, Any]:
    return {name: torch.tensor(value, dtype=dtype, requires_grad=grad) for name, value in values.items()}


@pytest.mark.parametrize("padded", [False, True], ids=["whole", "padded"])
@pytest.mark.parametrize("name", EVERYTHING)
def test_loss_and_all_gradients_are_those_of_numpy(name: str, *, padded: bool) -> None:
    a = arguments(network_of(name), 1, padded=padded)
    assert differing(results(module_of(name), a), numpy_results(network_of(name), a)) == []


@pytest.mark.parametrize("name", EVERYTHING)
def test_autograd_of_the_same_steps_is_the_same(name: str) -> None:
    a = arguments(network_of(name), 2, padded=True)
    assert differing(results(module_of(name), a), results(recorded(name), a)) == []


@pytest.mark.parametrize("name", ["simple", "gru", "many-to-many", "encoder-decoder, two cells", "columns"])
def test_single_precision_in_single_precision_out(name: str) -> None:
    a = arguments(network_of(name), 3, padded=True)
    less = Arguments({key: value.astype(np.float32) for key, value in a.parameters.items()},
                     a.inputs.astype(np.float32), a.targets,
                     {key: value.astype(np.float32) for key, value in a.initial_state.items()}, a.lengths, a.wrt)
    assert differing(results(module_of(name), less), numpy_results(network_of(name), less), np.float32) == []


@pytest.mark.parametrize("name", ["lstm", "skip_rnn", "many-to-many, both ends", "one-to-many, feed",
                                  "encoder-decoder, fed back", "skipping, encoder-decoder", "columns"])
def test_gradcheck_passes(name: str) -> None:
    """PyTorch's own central differences; a straight-through function has none, but its input's slope is 0 or 1 here."""
    a, module = arguments(network_of(name), 4, padded=True), module_of(name)
    weights, states = tensors(a.parameters), tensors(a.initial_state)
    inputs = torch.tensor(a.inputs, requires_grad=True)
    if name == "skip_rnn":  # u is far from where it jumps, and given: nothing moves it
        states["u_next"] = torch.full((BATCH,), 0.9, dtype=torch.float64)
        a.lengths["lengths"] = np.ones(BATCH, int)

    def loss(inputs: Any, *values: Any) -> Any:
        own = dict(zip((*weights, *states), values, strict=True))
        return module.loss({key: own[key] for key in weights}, inputs, a.targets, {key: own[key] for key in states},
                           **a.lengths)

    assert torch.autograd.gradcheck(loss, (inputs, *weights.values(), *states.values()))


# By hand


def simple(p: Any, s: Any, x: Any) -> Any:
    o = torch.tanh(x @ p["W_i"] + s["o"] @ p["W_h"] + p["b"])
    return {"o": o}, o


def lstm(p: Any, s: Any, x: Any) -> Any:
    i, f, g, o = (x @ p[f"W_x{k}"] + s["h"] @ p[f"W_h{k}"] + p[f"b_{k}"] for k in "ifgo")
    c = torch.sigmoid(f) * s["c"] + torch.sigmoid(i) * torch.tanh(g)
    h = torch.sigmoid(o) * torch.tanh(c)
    return {"c": c, "h": h}, h


def gru(p: Any, s: Any, x: Any) -> Any:
    r, z = (torch.sigmoid(x @ p[f"W_x{k}"] + s["h"] @ p[f"W_h{k}"] + p[f"b_{k}"]) for k in "rz")
    n = torch.tanh(x @ p["W_xn"] + p["b_xn"] + r * (s["h"] @ p["W_hn"] + p["b_hn"]))
    h = (1 - z) * n + z * s["h"]
    return {"h": h}, h


@pytest.mark.parametrize(("name", "step", "weights"), [
    ("simple", simple, ("W_o", "b_o")), ("lstm", lstm, ("W_y", "b_y")), ("gru", gru, ("W_y", "b_y")),
])
def test_a_loop_by_hand_has_the_same_gradients(name: str, step: Any, weights: tuple[str, str]) -> None:
    a = arguments(network_of(name), 6)
    p, start = tensors(a.parameters), tensors(a.initial_state)
    inputs, h, state = torch.tensor(a.inputs, requires_grad=True), None, dict(start)
    for x in inputs.unbind(1):
        state, h = step(p, state, x)
    value = torch.nn.functional.binary_cross_entropy_with_logits(
        h @ p[weights[0]] + p[weights[1]], torch.tensor(a.targets), reduction="sum") / BATCH
    value.backward()
    expected = {"loss": value.detach(), **{key: one.grad for key, one in p.items()}, "inputs": inputs.grad,
                **{f"{key}_0": one.grad for key, one in start.items()}}
    assert differing(results(module_of(name), a), {key: one.numpy() for key, one in expected.items()}) == []


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
    gradient, = torch.autograd.grad(value, [weights["W_h"]], create_graph=True)
    with pytest.raises(RuntimeError, match="once_differentiable"):
        gradient.sum().backward()


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
    with pytest.raises(IndexError):
        module_of("rows of a matrix").loss(a.parameters, a.inputs + 100, a.targets)
    name = "many-to-many, both ends"
    a = arguments(network_of(name), 16, classes=True)
    with pytest.raises(RuntimeError, match="Class values must"):
        module_of(name).loss(a.parameters, a.inputs, a.targets + 100)


@pytest.mark.parametrize(("name", "held", "least"), [
    ("simple", "o", 17), ("lstm", "h", 39), ("many-to-many, mean", "", 17), ("encoder-decoder, two cells", "h", 55),
    ("skip_rnn", "s", 30),
])
def test_errors_planted_in_the_way_back_are_found(name: str, held: str, least: int) -> None:
    """Each line of the way back wrong by a hundredth: the loss's gradients tell, or those of a loss of outputs."""
    a, network = arguments(network_of(name), 17, padded=True), network_of(name)
    extra = (a.targets,) if network.forced else ()

    def of(module: ModuleType) -> dict[str, Any]:
        p = tensors(a.parameters)
        (module.predict(p, a.inputs, *extra)**2).sum().backward()
        targets = torch.tensor(a.targets, requires_grad=True)
        module.loss(a.parameters, a.inputs, targets).backward()
        own = {f"own {key}": value.grad.numpy() for key, value in p.items()}
        return {**results(module, a), **own, "targets": targets.grad.numpy()}

    expected = {**of(recorded(name)), **numpy_results(network, a)}
    assert differing(of(module_of(name)), expected) == []
    mutants = planted(rnnsym.emit(network, "torch"), held)
    missed = [number for number, text in enumerate(mutants) if not differing(of(load_source("wrong", text)), expected)]
    assert len(mutants) >= least
    assert missed == []


@pytest.mark.parametrize("function", activations)
def test_functions_are_those_of_numpy(function: str) -> None:
    from rnnsym.model.expressions import Elementwise, Variable
    from rnnsym.numerics.framework_printing import TorchPrinter
    from rnnsym.numerics.functions import elementwise_functions

    entry = activations[function]
    printer = TorchPrinter(lambda key: key.name)
    code = printer.code(Elementwise(function, Variable("a", ())))
    helpers = [printer.exchanged(activations[name].helper) for name in printer.helpers]
    module = load_source("functions", "\n".join(["import torch", *helpers, f"def function(a):\n    return {code}\n"]))
    points = np.linspace(-40, 40, 321) if entry.lower is None else np.linspace(0.25, 40, 321)
    found = module.function(torch.tensor(points)).numpy()
    assert close(found, elementwise_functions()[function](points), ULPS * float(np.finfo(float).eps))
