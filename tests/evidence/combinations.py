"""Every built-in cell × topology × loss: the network as rnnsym reads it and the same by hand, on the same arguments."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from itertools import product
from typing import Any

import autograd.numpy as anp
import numpy as np
from agreement import agree, outliers
from forward_passes import DISTANCES, UNITS, Unit
from witnesses import Witness, of_layers

import rnnsym
from rnnsym.model.cells import Cell, cells
from rnnsym.model.networks import Network

SIZES = {"d": 3, "n": 4, "k": 2}
RECURRENT_GAIN = 0.8  # the spectral norm: what is left of a path over fifty steps is 1e-5
OTHER = 5  # of the copy that reads from the end, and of the second layer


@dataclass(frozen=True)
class Shape:
    """A topology with its options."""

    topology: str = "many-to-one"
    layers: int = 1
    other_decoder: bool = False
    options: Mapping[str, Any] = field(default_factory=dict)


FEED = {"feed": "x = tanh(yhat @ W_feed + b_feed)"}
SHAPES: dict[str, Shape] = {
    "one-to-one": Shape("one-to-one"),
    "one-to-many": Shape("one-to-many"),
    "one-to-many through a feed": Shape("one-to-many", options=FEED),
    "many-to-one": Shape(),
    "many-to-many": Shape("many-to-many"),
    "many-to-many, mean": Shape("many-to-many", options={"over_steps": "mean"}),
    "encoder-decoder": Shape("encoder-decoder"),
    "encoder-decoder, feeding back": Shape("encoder-decoder", options={"teacher_forcing": False}),
    "encoder-decoder, feeding back through a feed":
        Shape("encoder-decoder", options={"teacher_forcing": False, "over_steps": "mean"} | FEED),
    "encoder-decoder of two cells": Shape("encoder-decoder", other_decoder=True),
    "bidirectional many-to-one": Shape(options={"bidirectional": True}),
    "bidirectional many-to-many": Shape("many-to-many", options={"bidirectional": True}),
    "two layers": Shape(layers=2),
    "two layers, many-to-many": Shape("many-to-many", layers=2),
}
CLASSES = "softmax_cross_entropy of classes"
LOSSES = (*DISTANCES, CLASSES)


def plain(p: dict[str, Any], x: Any, s: dict[str, Any]) -> dict[str, Any]:
    return {"s": anp.tanh(anp.dot(x, p["W_x"]) + anp.dot(s["s"], p["W_s"]) + p["b"])}


def skipping(p: dict[str, Any], x: Any, s: dict[str, Any]) -> dict[str, Any]:
    return {"h": [*s["h"][1:], anp.tanh(anp.dot(x, p["W_x"]) + anp.dot(s["h"][0], p["W_s"]) + p["b"])]}


# What decodes for cells whose states no other built-in cell can take over.
OWN_DECODERS = {
    "skip_rnn": ("s = tanh(x @ W_x + s_prev @ W_s + b)", Unit(plain, {"s": 0.0}, "s")),
    "skip_connection": ("h = tanh(x @ W_x + h_prev[4] @ W_s + b)", Unit(skipping, {"h": 0.0}, "h", lags={"h": 4})),
}


def other_decoder(name: str, unit: Unit) -> tuple[Cell, Unit]:
    """A decoder of another cell: an LSTM with a cell state of its own behind a state h, else a GRU."""
    if name in OWN_DECODERS:
        text, own = OWN_DECODERS[name]
        return Cell.from_equations("mine", text), own
    other = "lstm" if tuple(unit.states) == ("h",) else "gru"
    return cells[other], UNITS[other]


@dataclass(frozen=True)
class Combination:
    """One cell, one topology, one loss."""

    cell: str
    shape: str
    loss: str

    def __str__(self) -> str:
        return f"{self.cell} × {self.shape} × {self.loss}"

    @property
    def loss_name(self) -> str:
        return "softmax_cross_entropy" if self.loss == CLASSES else self.loss

    @cached_property
    def network(self) -> Network:
        return _network(self.cell, self.shape, self.loss_name)

    @cached_property
    def run(self) -> Any:
        return _compiled(self.cell, self.shape, self.loss_name)

    @cached_property
    def witness(self) -> Witness:
        shape, unit = SHAPES[self.shape], UNITS[self.cell]
        decoder = other_decoder(self.cell, unit)[1] if shape.other_decoder else unit
        return Witness(
            unit if shape.layers == 1 else of_layers([unit] * shape.layers),
            DISTANCES[self.loss_name],
            shape.topology,
            decoder if shape.topology == "encoder-decoder" else None,
            teacher=shape.options.get("teacher_forcing", True),
            both_ways=shape.options.get("bidirectional", False),
            mean=shape.options.get("over_steps") == "mean",
            feed="feed" in shape.options,
        )


@lru_cache(maxsize=32)
def _network(cell: str, name: str, loss: str) -> Network:
    shape = SHAPES[name]
    options = dict(shape.options)
    readout = ""
    if shape.other_decoder:
        options["decoder"], unit = other_decoder(cell, UNITS[cell])
        link = {"binary_cross_entropy": "sigmoid", "softmax_cross_entropy": "softmax"}.get(loss, "")
        readout = f"yhat = {link}({unit.output} @ W_y + b_y)"
    return Network(cells[cell] if shape.layers == 1 else [cells[cell]] * shape.layers, readout, loss, shape.topology,
                   **options)


@lru_cache(maxsize=32)
def _compiled(cell: str, name: str, loss: str) -> Any:
    return rnnsym.compile(_network(cell, name, loss))


def all_combinations() -> Iterator[Combination]:
    return (Combination(*parts) for parts in product(UNITS, SHAPES, LOSSES))


def covering() -> list[Combination]:
    """Each cell with each topology, the losses in turn: all pairs of cell, topology and loss occur."""
    return [Combination(cell, shape, LOSSES[(i + j) % len(LOSSES)])
            for i, cell in enumerate(UNITS) for j, shape in enumerate(SHAPES)]


# The arguments


@dataclass(frozen=True)
class Case:
    """The size of a batch, T, S, whether sequences are padded, and whether states start from given values."""

    batch: int
    steps: int
    outputs: int
    padded: bool
    started: bool


CASES = (
    Case(5, 7, 4, padded=True, started=True),
    Case(1, 50, 2, padded=False, started=True),
    Case(2, 2, 7, padded=True, started=False),
    Case(1, 1, 50, padded=False, started=True),
    Case(2, 1, 1, padded=False, started=False),
    Case(2, 50, 50, padded=True, started=True),
)


def sizes_of(network: Network) -> dict[str, int]:
    return {one.name: SIZES.get(one.name, OTHER) for one in network.sizes}


def numbers(shape: tuple[Any, ...], values: Mapping[Any, Any]) -> tuple[int, ...]:
    return tuple(int(length.xreplace(values)) for length in shape)


def targets_for(random: np.random.Generator, loss: str, shape: tuple[int, ...]) -> Any:
    """Targets in the loss's range: one-hot rows and others that sum to 1, classes, 0, 1 and between, or any number."""
    if loss == CLASSES:
        return random.integers(shape[-1], size=shape[:-1])
    if loss == "softmax_cross_entropy":
        hot = np.eye(shape[-1])[random.integers(shape[-1], size=shape[:-1])]
        soft = random.dirichlet(np.ones(shape[-1]), size=shape[:-1])
        return np.where(random.random(shape[:-1])[..., None] < 0.5, hot, soft)
    if loss == "binary_cross_entropy":
        return random.choice([0.0, 1.0, 0.3], size=shape)
    return random.normal(scale=2.0, size=shape)


def weights_for(random: np.random.Generator, network: Network) -> dict[str, Any]:
    """Square matrices and vectors contract, so that fifty steps neither explode nor saturate.

    In saturation slopes written in outputs, Ω (1 − Ω), are right to the rounding of 1, but not relative to their size.
    """
    return {name: weight(random, shape) for name, shape in network.shapes(**sizes_of(network)).items()}


def weight(random: np.random.Generator, shape: tuple[int, ...]) -> Any:
    drawn = random.normal(size=shape)
    if len(shape) < 2:
        return RECURRENT_GAIN * np.tanh(drawn)
    square = shape[0] == shape[1]
    return RECURRENT_GAIN * drawn / np.linalg.norm(drawn, 2) if square else drawn / np.sqrt(shape[0])


def arguments_for(combination: Combination, case: Case, seed: int) -> dict[str, Any]:
    """Random arguments of ``value_and_grad``; kinks and jumps are hit with probability zero."""
    random, network = np.random.default_rng(seed), combination.network
    topology, values = network.shape_of_steps, network.size_values(**sizes_of(network))
    outputs = case.outputs if topology.decodes else case.steps
    own = numbers(network.input.shape, values)
    shape = (case.batch, *((outputs,) if topology.every else ()), *numbers(network.target.shape, values))
    found: dict[str, Any] = {
        "parameters": weights_for(random, network),
        "inputs": random.normal(size=(case.batch, *(() if topology.one_input else (case.steps,)), *own)),
        "targets": targets_for(random, combination.loss, shape),
    }
    if case.started:
        found["initial_state"] = {name: begun(random, case.batch, start)
                                  for name, start in starts_of(combination).items()}
    if case.padded and not topology.single_step:
        found["lengths"] = padded(random, case.batch, case.steps)
    if case.padded and topology.decodes:
        found["target_lengths"] = padded(random, case.batch, outputs)
    return found


def begun(random: np.random.Generator, batch: int, start: Any) -> Any:
    """Given starts; a scalar state is a probability in the built-in cells."""
    return 0.5 * random.normal(size=(batch, *start.shape)) if start.ndim else random.random(batch)


def padded(random: np.random.Generator, batch: int, steps: int) -> Any:
    """Lengths with the longest and the shortest among them."""
    return random.permutation(np.r_[steps, 1, random.integers(1, steps + 1, size=batch)][:batch])


def starts_of(combination: Combination) -> dict[str, Any]:
    """Where the states start by declaration, in the sizes of the drawn arguments."""
    witness = combination.witness
    width = SIZES["k"] if not witness.feed else OTHER
    found = witness.starts({"n": SIZES["n"], "n_bwd": OTHER, "d_dec": width})
    return {name: np.resize(start, (*start.shape[:-1], OTHER)) if name.endswith("_2") and start.ndim else start
            for name, start in found.items()}


# The comparison


def names_of(combination: Combination) -> tuple[str, ...]:
    """Everything that has a gradient."""
    network = combination.network
    states = (f"{state.variable.name}_0" for state in network.states)
    return (*(one.name for one in network.parameters), "inputs", *states)


def faults(combination: Combination, arguments: Mapping[str, Any], scale: float = 0.0) -> list[str]:
    """Compare the compiled network with autograd: the names of all that differs, "loss" among them."""
    value, gradients = combination.run.value_and_grad(**arguments, wrt=names_of(combination))
    return judged(combination.witness, combination, arguments, value, gradients, scale)


def judged(
    witness: Witness, combination: Combination, arguments: Mapping[str, Any], value: float,
    gradients: Mapping[str, Any], scale: float = 0.0,
) -> list[str]:
    expected_value, expected = witness.value_and_grad(dense(combination, arguments), starts_of(combination))
    wrong = [] if agree(value, expected_value) else ["loss"]
    return wrong + outliers(gradients, expected, scale)


def dense(combination: Combination, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments with classes as one-hot rows."""
    if combination.loss != CLASSES:
        return dict(arguments)
    network = combination.network
    count, = numbers(network.target.shape, network.size_values(**sizes_of(network)))
    return dict(arguments) | {"targets": np.eye(count)[arguments["targets"]]}
