"""The PyTorch module against NumPy's, against autograd's record of the same forward pass, and against steps by hand."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import numpy as np
import pytest
from framework_cases import (
    BATCH,
    EVERYTHING,
    ULPS,
    Arguments,
    arguments,
    close,
    differing,
    numpy_results,
    planted,
)
from hypothesis import assume, given, reject, settings
from hypothesis import strategies as st
from torch_modules import module_of, network_of, recorded, recorded_network, results, tensors

import rnnsym
from rnnsym.errors import DerivationError
from rnnsym.evidence import strategies
from rnnsym.model.activations import activations
from rnnsym.model.cells import cells
from rnnsym.model.networks import Network
from rnnsym.numerics.loading import load_source

torch = pytest.importorskip("torch")

RANDOM = 30  # networks; a tenth of a second each
ALL_SHAPES: dict[str, dict[str, Any]] = {
    "one-to-one": {"topology": "one-to-one"},
    "one-to-many": {"topology": "one-to-many"},
    "many-to-many": {"topology": "many-to-many", "over_steps": "mean"},
    "both ends": {"topology": "many-to-many", "bidirectional": True},
    "encoder-decoder": {"topology": "encoder-decoder"},
    "encoder-decoder, fed back": {"topology": "encoder-decoder", "teacher_forcing": False},
    "two layers": {},
}


@pytest.mark.parametrize("padded", [False, True], ids=["whole", "padded"])
@pytest.mark.parametrize("name", EVERYTHING)
def test_loss_and_all_gradients_are_those_of_numpy(name: str, *, padded: bool) -> None:
    a = arguments(network_of(name), 1, padded=padded)
    assert differing(results(module_of(name), a), numpy_results(network_of(name), a)) == []


@pytest.mark.parametrize("name", EVERYTHING)
def test_autograd_of_the_same_steps_is_the_same(name: str) -> None:
    a = arguments(network_of(name), 2, padded=True)
    assert differing(results(module_of(name), a), results(recorded(name), a)) == []


@pytest.mark.parametrize("shape", ALL_SHAPES)
@pytest.mark.parametrize("cell", cells)
def test_every_cell_in_every_topology(cell: str, shape: str) -> None:
    layers = [cells[cell]] * 2 if shape == "two layers" else cells[cell]
    network = Network(layers, **ALL_SHAPES[shape])
    a = arguments(network, 5, padded=True)
    module = load_source("torch_module", rnnsym.emit(network, "torch"))
    assert differing(results(module, a), numpy_results(network, a)) == []


@settings(max_examples=RANDOM)
@given(network=strategies.networks(), seed=st.integers(0, 2**32 - 1))
def test_random_networks_go_back_as_autograd_does(network: Network, seed: int) -> None:
    try:
        module = load_source("torch_module", rnnsym.emit(network, "torch"))
    except DerivationError:  # no target can be written for a state whose size nothing tells
        reject()
    a = arguments(network, seed, padded=True)
    expected = results(recorded_network(network), a)
    assume(all(np.isfinite(value).all() for value in expected.values()))  # no division by what is almost zero
    assert differing(results(module, a), expected) == []


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


@pytest.mark.parametrize("function", activations)
def test_functions_are_those_of_numpy(function: str) -> None:
    from rnnsym.model.expressions import Elementwise, Variable
    from rnnsym.numerics.frameworks.printing import TorchPrinter
    from rnnsym.numerics.functions import elementwise_functions

    entry = activations[function]
    printer = TorchPrinter(lambda key: key.name)
    code = printer.code(Elementwise(function, Variable("a", ())))
    helpers = [printer.exchanged(activations[name].helper) for name in printer.helpers]
    module = load_source("functions", "\n".join(["import torch", *helpers, f"def function(a):\n    return {code}\n"]))
    points = np.linspace(-40, 40, 321) if entry.lower is None else np.linspace(0.25, 40, 321)
    found = module.function(torch.tensor(points)).numpy()
    assert close(found, elementwise_functions()[function](points), ULPS * float(np.finfo(float).eps))


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
