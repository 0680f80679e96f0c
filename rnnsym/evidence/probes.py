"""Finds how a user's function wants its arrays, by calling it once in each layout on an example of unlike lengths."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import replace
from itertools import product
from typing import Any

import numpy as np

from rnnsym.errors import CheckError
from rnnsym.evidence.adapters import CONTAINERS, Adapter
from rnnsym.evidence.answers import Answer
from rnnsym.evidence.layouts import FORMS, LAYOUTS
from rnnsym.evidence.signatures import expected, keeps_contract, shown, slots_of
from rnnsym.model.losses import losses
from rnnsym.model.networks import Network
from rnnsym.numerics.compilation import compile_network

CLOSE = 1e-3  # tells layouts apart: another one is wrong by far more, float32 by far less
UNLIKE = {"d": 4, "n": 5, "k": 6}  # lengths that no other axis has, as far as the network leaves them free
BATCH, STEPS = 2, 3

Arguments = dict[str, Any]


def adapted(function: Callable[..., Any], network: Network) -> Callable[..., Any]:
    """Return a function with the signature of ``value_and_grad``: the function itself, or an ``Adapter`` of it.

    Errors: CheckError where an argument is not understood, or where the function fails, or returns no gradients of the
    parameters' shapes, in every layout.
    """
    if keeps_contract(function):
        return function
    slots, run = slots_of(function, network), compile_network(network)
    given = _arguments(network)
    separate = any(slot.role == "parameter" for slot in slots)
    first: Adapter | None = None
    complaints: list[str] = []
    ways = product(LAYOUTS, FORMS, CONTAINERS[:1] if separate else CONTAINERS)
    for way in ways:
        adapter = Adapter(function, network, run, slots, *way)
        try:
            answer = _answer(adapter, given)
            fits = _fits(answer, adapter, given)
        except (Exception, SystemExit) as error:
            complaints.append(f"{type(error).__name__}: {error}")
            continue
        adapter = replace(adapter, returns_loss=answer.loss is not None)
        if fits:
            return adapter
        first = first or adapter
    if first is None:
        raise CheckError(f"{shown(function)}: fails in every layout of its arguments, in the first one with "
                         f"«{complaints[0]}»; {expected(network)}")
    return first


def _answer(adapter: Adapter, given: Arguments) -> Answer:
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        return adapter.answer(given, 0)


def _fits(answer: Answer, adapter: Adapter, given: Arguments) -> bool:
    """Whether the loss (or, without one, some gradient) is the network's; CheckError for gradients of other shapes."""
    gradients = {name: np.asarray(value, dtype=np.float64) for name, value in answer.gradients.items()}
    loss, right = adapter.run.value_and_grad(**_seen(given, single=adapter.axes.single))
    for name, gradient in gradients.items():
        if name in right and gradient.shape != right[name].shape:
            raise CheckError(f"the gradient of {name} has shape {gradient.shape}, not {right[name].shape}")
    if answer.loss is not None:
        return abs(float(answer.loss) - loss) <= CLOSE * max(1.0, abs(loss))
    return any(np.abs(gradients[name] - value).max() <= CLOSE * np.abs(value).max()
               for name, value in right.items() if name in gradients)


def _seen(given: Arguments, *, single: bool) -> Arguments:
    """What a call sees: the batch, or its first sequence."""
    return {name: value[:1] if single and name != "parameters" else value for name, value in given.items()}


def _arguments(network: Network) -> Arguments:
    random = np.random.default_rng(0)
    sizes = {size.name: UNLIKE.get(size.name, 7 + place) for place, size in enumerate(network.sizes)}
    values, topology = network.size_values(**sizes), network.shape_of_steps
    parameters = {name: 0.5 * random.normal(size=shape) for name, shape in network.shapes(**sizes).items()}
    own = tuple(int(one.xreplace(values)) for one in network.input.shape)
    axes = (BATCH,) if topology.one_input else (BATCH, STEPS)
    inputs = random.integers(0, own[0], axes) if network.reads_index else random.normal(size=(*axes, *own))
    shape = (BATCH, *((STEPS,) if topology.every else ()), *(int(one.xreplace(values)) for one in network.target.shape))
    targets = random.uniform(0.1, 0.9, size=shape)
    if losses[network.loss].distribution:
        targets = targets / targets.sum(axis=-1, keepdims=True)
    return {"parameters": parameters, "inputs": inputs, "targets": targets}
