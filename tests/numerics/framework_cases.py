"""Networks of all shapes, and arguments for them, on which modules for other libraries are compared."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any
from unittest.mock import patch

import numpy as np

from rnnsym.model.cells import Cell, cells
from rnnsym.model.losses import losses
from rnnsym.model.networks import Network
from rnnsym.numerics.compilation import compile_network
from rnnsym.numerics.loading import load_source
from rnnsym.numerics.targets import emit

SIZES = {"d": 3, "n": 4, "k": 2}
OTHER = 5
BATCH, STEPS, OUTPUTS = 3, 4, 5


@dataclass(frozen=True)
class Arguments:
    """Arguments of ``value_and_grad``, and the names of all that has a gradient."""

    parameters: dict[str, Any]
    inputs: Any
    targets: Any
    initial_state: dict[str, Any]
    lengths: dict[str, Any] = field(default_factory=dict)
    wrt: tuple[str, ...] = ()


def numbers(shape: tuple[Any, ...], values: Mapping[Any, Any]) -> tuple[int, ...]:
    return tuple(int(length.xreplace(dict(values))) for length in shape)


def arguments(network: Network, seed: int, *, padded: bool = False, classes: bool = False) -> Arguments:
    """Random arguments; kinks and jumps are hit with probability zero."""
    random, topology = np.random.default_rng(seed), network.shape_of_steps
    sizes = {one.name: SIZES.get(one.name, OTHER) for one in network.sizes}
    values = network.size_values(**sizes)
    outputs = OUTPUTS if topology.decodes else STEPS
    leading = (BATCH,) if topology.one_input else (BATCH, STEPS)
    rows = numbers(network.input.shape, values)
    inputs = random.integers(rows[0], size=leading) if network.reads_index else random.normal(size=(*leading, *rows))
    states = {s.variable.name: (*((s.lag,) if s.lag > 1 else ()), *numbers(s.variable.shape, values))
              for s in network.states}
    shape = (BATCH, *((outputs,) if topology.every else ()), *numbers(network.target.shape, values))
    lengths = {}
    if padded and not topology.single_step:
        lengths["lengths"] = np.array([STEPS, 1, 2])
    if padded and topology.decodes:
        lengths["target_lengths"] = np.array([2, OUTPUTS, 1])
    names = (*(p.name for p in network.parameters), *(() if network.reads_index else ("inputs",)),
             *(f"{name}_0" for name in states))
    return Arguments(
        {name: random.normal(0, 0.6, shape) for name, shape in network.shapes(**sizes).items()},
        inputs,
        targets(random, network, shape, classes=classes),
        {name: random.uniform(0.1, 0.9, (BATCH, *own)) for name, own in states.items()},
        lengths,
        names,
    )


def targets(random: np.random.Generator, network: Network, shape: tuple[int, ...], *, classes: bool) -> Any:
    if losses[network.loss].distribution:
        return random.integers(shape[-1], size=shape[:-1]) if classes else random.dirichlet(
            np.ones(shape[-1]), size=shape[:-1])
    return random.uniform(0.1, 0.9, size=shape)


# Every kind of node: kinks, selections, reductions, pieces, registers, scalars, constants. Rows have their own cell.
NODES = """
    u: scalar = 1
    w_p: (n,)
    s: scalar
    dt = 0.05
    a = maximum(x @ W_x, 0.3) + minimum(y_prev, b) - abs(y_prev @ U)
    q = where(a > b_q, softmax(a + y_prev[3]), leaky_relu(a) / (1 + exp(-y_prev)))
    r = round(u_prev) * sign(b_r) + step(x @ W_r) + relu(a)
    v = concat(x, y_prev) @ W_v + concat(r, q) @ W_c - sqrt(1 + a**2) * log(2 + sin(a)**2)
    y = tanh(v + y_prev @ (u_prev * A.T - dt * I) + s * u_prev - 1) + cos(w_p)
    e = where(dt < 1, 0.9, s) + exp(dt)
    u = sigmoid(y @ w_p + mean(y) + logsumexp(a)) * u_prev + sum(softplus(y)) * dt + mean(A) + e
"""
NODE_READOUT = "yhat = sigmoid(relu(y @ W_1 + round(y) @ W_2) @ W_y + u * b_y)"
COLUMN = "g = sigmoid(V @ x + Q @ h_prev)\nh = g * tanh(W @ x + U @ h_prev + b) - g * (P.T @ h_prev)"
LOOKUP = "h = tanh(E[x] @ W + h_prev @ U + b) + concat(c, E[x]) @ V"
CLASHING = """
    step_ = tanh(x @ tape + loss_prev @ np + batch)
    d_o = sigmoid(step_ * grad_W + size_n)
    loss = d_o * step_ + name + jnp * torch + held
"""
SIMPLE = cells["simple"]
SKIPPING = Cell.from_equations("skipping", "h = tanh(x @ W + h_prev @ U + h_prev[3] @ V)")
SKIPPING_READOUT = "yhat = sigmoid(h @ W_y + b_y)"
GATED = Cell.from_equations(
    "gated", "g = sigmoid(x @ W_x + h_prev @ U_h + b_g)\nh = g * h_prev + (1 - g) * tanh(x @ V)"
)


def written(text: str, readout: str, **options: Any) -> Network:
    return Network(Cell.from_equations("mine", text), readout, **options)


WRITTEN: Mapping[str, Callable[[], Network]] = {
    "all kinds of nodes": lambda: written(NODES, NODE_READOUT),
    "all kinds of nodes, many-to-many": lambda: written(NODES, NODE_READOUT, topology="many-to-many"),
    "columns": lambda: written(COLUMN, "yhat = softmax(C @ h + c)", loss="softmax_cross_entropy",
                               topology="many-to-many"),
    "rows of a matrix": lambda: written(LOOKUP, "yhat = h @ W_y", loss="squared_error"),
    "names that clash": lambda: written(CLASHING, "yhat = sigmoid(loss @ PARAMETERS + losses)"),
    "absolute error": lambda: written("h = tanh(x @ W + h_prev)", "yhat = h @ V", loss="absolute_error"),
    "Huber": lambda: written("h = tanh(x @ W + h_prev)", "yhat = 3 * h @ V", loss="huber", topology="many-to-many"),
    "unfused": lambda: written("h = sigmoid(x @ W + h_prev)", "yhat = h / (1 + h)"),
}
SHAPES: Mapping[str, Callable[[], Network]] = {
    "one-to-one": lambda: Network(SIMPLE, topology="one-to-one"),
    "many-to-one": lambda: Network(SIMPLE),
    "many-to-one, both ends": lambda: Network(cells["gru"], bidirectional=True),
    "many-to-many": lambda: Network(cells["lstm"], topology="many-to-many"),
    "many-to-many, mean": lambda: Network(SIMPLE, topology="many-to-many", over_steps="mean"),
    "many-to-many, both ends": lambda: Network(SIMPLE, topology="many-to-many", bidirectional=True,
                                               loss="softmax_cross_entropy"),
    "one-to-many": lambda: Network(SIMPLE, topology="one-to-many"),
    "one-to-many, feed": lambda: Network(
        SIMPLE, loss="squared_error", topology="one-to-many", feed="x = tanh(yhat @ W_f)"
    ),
    "one-to-many, a row": lambda: written(LOOKUP, "yhat = softmax(h @ W_y)", loss="softmax_cross_entropy",
                                          topology="one-to-many"),
    "encoder-decoder": lambda: Network(SIMPLE, topology="encoder-decoder"),
    "encoder-decoder, fed back": lambda: Network(SIMPLE, topology="encoder-decoder", teacher_forcing=False),
    "encoder-decoder, feed": lambda: Network(
        SIMPLE, loss="squared_error", topology="encoder-decoder", teacher_forcing=False, feed="x = tanh(yhat @ W_f)"
    ),
    "encoder-decoder, two cells": lambda: Network(
        cells["lstm"], SKIPPING_READOUT, topology="encoder-decoder", decoder=GATED, over_steps="mean"
    ),
    "two layers": lambda: Network([cells["lstm"], cells["gru"]]),
    "two layers, many-to-many": lambda: Network([SIMPLE, SIMPLE], topology="many-to-many"),
    "skipping": lambda: Network(SKIPPING, SKIPPING_READOUT),
    "skipping, many-to-many, both ends": lambda: Network(
        SKIPPING, "yhat = sigmoid(concat(h, bwd_h) @ W_y)", topology="many-to-many", bidirectional=True
    ),
    "skipping, encoder-decoder": lambda: Network(SKIPPING, SKIPPING_READOUT, topology="encoder-decoder"),
}
CELLS: Mapping[str, Callable[[], Network]] = {name: lambda name=name: Network(cells[name]) for name in cells}  # type: ignore[misc]


EVERYTHING = {**CELLS, **SHAPES, **WRITTEN}
ULPS = 4096  # of numbers near 1, after some hundred operations that are rounded in another order


def differing(found: Mapping[str, Any], expected: Mapping[str, Any], precision: type = np.float64) -> list[str]:
    """The names of results that differ by more than rounding, in shape, or in precision."""
    if not expected or found.keys() != expected.keys():
        return sorted(found.keys() ^ expected.keys()) or ["nothing was compared"]
    allowed = ULPS * float(np.finfo(precision).eps)
    return [name for name, value in expected.items() if not close(np.asarray(found[name]), np.asarray(value), allowed)
            or np.asarray(found[name]).dtype != precision]


def close(found: Any, expected: Any, allowed: float) -> bool:
    """Whether each entry is right to the last places of the largest one."""
    scale = 1 + np.max(np.abs(expected), initial=0.0)
    return found.shape == expected.shape and bool(np.all(np.abs(found - expected) <= allowed * scale))


def numpy_results(network: Network, a: Arguments) -> dict[str, Any]:
    """Loss and all gradients of the NumPy module."""
    value, gradients = compile_network(network).value_and_grad(
        a.parameters, a.inputs, a.targets, a.initial_state, wrt=a.wrt, **a.lengths)
    return {"loss": np.asarray(value), **gradients}


def planted(source: str, held: str) -> list[str]:
    """The module with one line of its way back wrong by a hundredth, for each of these lines.

    ``held`` is the state, if any, whose δ arrives past a sequence's end and is held there; that of others is zero.
    """
    kinds = r"d_\w+|grad_\w+|slope_\w+|gathered_\w+" + (f"|held_d_{held}" if held else "")
    statement = re.compile(rf"( +)({kinds}) = (.*?)(  #.*)?")
    lines = source.split("\n")
    inside, found = False, []
    for place, line in enumerate(lines):
        if line.startswith(("def ", "class ", "@")):
            inside = re.match(r"def \w+_back\(", line) is not None
        parts = statement.fullmatch(line) if inside else None
        if parts is not None and not parts[3].endswith("("):
            wrong = f"{parts[1]}{parts[2]} = 1.01 * ({parts[3]})"
            found.append("\n".join([*lines[:place], wrong, *lines[place + 1 :]]))
    return found


def documented(library: str) -> ModuleType:
    """Run the documentation's example for a library, for a network of gated units with an output at every step."""
    network = Network(cells["gru"], topology="many-to-many")
    a = arguments(network, 18, padded=True)
    text = (Path(__file__).parents[2] / "docs" / "targets.md").read_text(encoding="utf-8")
    example, = re.findall(rf"```python\n(import {library}\n.*?)```", text, re.DOTALL)
    given: Any = ModuleType("given")
    given.parameters, given.inputs, given.targets = a.parameters, a.inputs, a.targets
    given.lengths = a.lengths["lengths"]
    with patch.dict(sys.modules, {"network": load_source("network", emit(network, library)), "given": given}):
        return load_source("example", f"from given import inputs, lengths, parameters, targets\n{example}")
