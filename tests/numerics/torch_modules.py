"""Modules for PyTorch as tests load them, with their own way back and without it."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from types import ModuleType
from typing import Any

import pytest
from framework_cases import (
    EVERYTHING,
    Arguments,
)

import rnnsym
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
    return recorded_network(network_of(name))


def recorded_network(network: Network) -> ModuleType:
    """The module without its own way back: autograd records the steps themselves."""
    # What has no derivative in PyTorch is flat; of a straight-through function the rest has no gradient.
    text = rnnsym.emit(network, "torch").replace("torch.heaviside(", "flat_step(")
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


def tensors(values: Any) -> dict[str, Any]:
    """Leaves whose gradients autograd gathers."""
    return {name: torch.tensor(value, requires_grad=True) for name, value in values.items()}
