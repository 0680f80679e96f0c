"""Modules for JAX as tests load them, with their own way back and without it."""

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

jax = pytest.importorskip("jax")
jnp = jax.numpy


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
