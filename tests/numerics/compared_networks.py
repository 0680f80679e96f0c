"""Networks for backends, and the comparison of one backend with NumPy's over everything that a call can ask for."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from rnnsym.model.cells import Cell, cells
from rnnsym.model.losses import losses
from rnnsym.model.networks import Network
from rnnsym.numerics.compilation import CompiledNetwork, compile_network

AGREEMENT = 1e-12  # relative to the largest entry: other orders of summation, other roundings of tanh
SMALLEST = 1e-3  # entries below are compared absolutely: they are differences of larger ones
READOUT = "yhat = sigmoid(h @ W_y + b_y)"

TEXTS = {
    "column": ("r = sigmoid(W_r @ x + U_r @ h_prev + b_r)\nh = tanh(W @ x + U @ (r * h_prev) + b)",
               "yhat = sigmoid(W_y @ h + b_y)"),
    "concatenation": ("h = tanh(concat(x, h_prev) @ W + b)", READOUT),
    "softmax inside": ("a = softmax(h_prev @ A + x @ B)\nh = tanh(x @ W + a * h_prev)", READOUT),
    "scalars": ("lam: scalar\nu: scalar = 1\nu = sigmoid(dot(h_prev, v) + lam) * u_prev\n"
                "h = tanh(x @ W + u * h_prev @ U) + mean(h_prev) * b", "yhat = sigmoid(h @ W_y)"),
    "selection": ("a = x @ W + h_prev @ U\nh = where(a > 0, log(1 + abs(a)), tanh(a)) / (1 + exp(-b))"
                  " + maximum(a, h_prev)**2 / 50", "yhat = sigmoid(h @ W_y)"),
    "no products": ("h = tanh(x * w + h_prev * u)", "yhat = sigmoid(h @ W_y)"),
    "product of weights": ("h = tanh(x @ W + h_prev @ (A @ B) + b)", "yhat = sigmoid(h @ W_y)"),
    "state as output": ("h = tanh(x @ W + h_prev @ U)", "yhat = sigmoid(h)"),
    "names that clash": ("row = sigmoid(x @ at + row_prev @ unit + low)\nh = tanh(row @ multiply + h_prev @ weights)",
                         READOUT),
}


def _of_text(text: str, readout: str) -> Network:
    return Network(Cell.from_equations("own", text), readout)


OTHERS: Mapping[str, Callable[[], Network]] = {
    **{name: partial(_of_text, *parts) for name, parts in TEXTS.items()},
    "lookup": lambda: Network(Cell.from_equations("own", "h = tanh(E[x] @ W + h_prev @ U + b)"), READOUT),
    "lookup, classes": lambda: Network(
        Cell.from_equations("own", "h = tanh(E[x] @ W + h_prev @ U + b)"), "yhat = softmax(h @ W_y + b_y)",
        "softmax_cross_entropy", "many-to-many"),
    "24 states": lambda: Network(Cell.from_equations(
        "many", "\n".join(f"h{i} = tanh(x @ W{i} + h{i}_prev @ U{i} + b{i})" for i in range(1, 25))),
        "yhat = sigmoid((h1 + h24) @ V)"),
}
SIMPLE, BOTH_ENDS = cells["simple"], "yhat = sigmoid(o @ W_o + bwd_o @ W_p + b_o)"
SKIPPING = Cell.from_equations("skipping", "h = tanh(x @ W + h_prev @ U + h_prev[3] @ V)")
BY_TOPOLOGY: Mapping[str, Callable[[], Network]] = {
    "one-to-one": lambda: Network(SIMPLE, topology="one-to-one"),
    "both ends": lambda: Network(SIMPLE, BOTH_ENDS, bidirectional=True),
    "many-to-many": lambda: Network(SIMPLE, topology="many-to-many"),
    "many-to-many, mean": lambda: Network(SIMPLE, topology="many-to-many", over_steps="mean"),
    "many-to-many, both ends": lambda: Network(SIMPLE, BOTH_ENDS, topology="many-to-many", bidirectional=True),
    "one-to-many": lambda: Network(SIMPLE, topology="one-to-many"),
    "one-to-many, feed": lambda: Network(SIMPLE, loss="squared_error", topology="one-to-many",
                                         feed="x = tanh(yhat @ W_f)"),
    "encoder-decoder": lambda: Network(SIMPLE, topology="encoder-decoder"),
    "encoder-decoder, fed back": lambda: Network(SIMPLE, topology="encoder-decoder", teacher_forcing=False),
    "encoder-decoder, feed": lambda: Network(SIMPLE, loss="squared_error", topology="encoder-decoder",
                                             teacher_forcing=False, feed="x = tanh(yhat @ W_f)"),
    "encoder-decoder, two cells": lambda: Network(cells["lstm"], READOUT, topology="encoder-decoder",
                                                  decoder=cells["mgu"], over_steps="mean"),
    "two layers": lambda: Network([SIMPLE, cells["gru"]]),
    "two layers, many-to-many": lambda: Network([SIMPLE, SIMPLE], topology="many-to-many"),
    "skipping": lambda: Network(SKIPPING, READOUT),
    "skipping, many-to-many, both ends": lambda: Network(
        SKIPPING, "yhat = sigmoid(concat(h, bwd_h) @ W_y)", topology="many-to-many", bidirectional=True),
    "skipping, encoder-decoder": lambda: Network(SKIPPING, READOUT, topology="encoder-decoder"),
}
UNFUSED = "yhat = 0.1 + 0.8 * sigmoid(o @ W_o + b_o)"
BY_LOSS: Mapping[str, Callable[[], Network]] = {
    f"{name}, {kind}": partial(Network, cells["simple"], readout, name)
    for name in losses for kind, readout in (("recommended", ""), ("unfused", UNFUSED))
}
BY_CELL: Mapping[str, Callable[[], Network]] = {name: partial(Network, cells[name]) for name in cells}
ALL: Mapping[str, Callable[[], Network]] = {**BY_CELL, **BY_TOPOLOGY, **BY_LOSS, **OTHERS}


class Calls:
    """The calls of one network that backends are compared on: batches, lengths, initial states, gradients by name."""

    def __init__(self, network: Network, seed: int = 0) -> None:
        self.network, self.topology = network, network.shape_of_steps
        self.random = np.random.default_rng(seed)
        standard = {"d": 2 if self.topology.feeds_back else 4, "n": 3, "k": 2}
        known = {str(size) for size in network.sizes}
        self.sizes = {name: value for name, value in standard.items() if name in known}
        self.values = network.size_values(**self.sizes)
        self.parameters = {name: np.asarray(self.random.normal(0.0, 0.5, shape))
                           for name, shape in network.shapes(**self.sizes).items()}
        self.wrt = (*self.parameters, *([] if network.reads_index else ["inputs"]),
                    *(f"{s.variable.name}_0" for s in network.states))

    def numbers(self, shape: Any) -> tuple[int, ...]:
        return tuple(int(length.xreplace(self.values)) for length in shape)

    def _inputs(self, batch: int, steps: int) -> Any:
        axes = (batch,) if self.topology.one_input else (batch, steps)
        if self.network.reads_index:
            return self.random.integers(0, self.numbers(self.network.input.shape)[0], size=axes)
        return self.random.normal(size=(*axes, *self.numbers(self.network.input.shape)))

    def _targets(self, batch: int, steps: int) -> Any:
        axes = (batch, steps) if self.topology.every else (batch,)
        found = self.random.uniform(0.1, 0.9, size=(*axes, *self.numbers(self.network.target.shape)))
        return found / found.sum(axis=-1, keepdims=True) if losses[self.network.loss].distribution else found

    def _states(self, leading: tuple[int, ...]) -> dict[str, Any]:
        return {s.variable.name: self.random.normal(
            size=(*leading, *((s.lag,) if s.lag > 1 else ()), *self.numbers(s.variable.shape)))
            for s in self.network.states}

    def __iter__(self) -> Iterator[tuple[tuple[Any, ...], dict[str, Any], dict[str, Any]]]:
        """Yield positional arguments, keyword arguments, and those that ``predict`` takes besides."""
        for batch, steps, outputs in ((1, 4, 3), (3, 5, 4)):
            own = outputs if self.topology.decodes or self.topology.feeds_back else steps
            inputs, targets = self._inputs(batch, steps), self._targets(batch, own)
            longest = 1 if self.topology.single_step else own if self.topology.feeds_back else steps
            extra = {"steps": own} if self.network.feeds_back else {"targets": targets} if self.network.forced else {}
            for initial in (None, self._states((batch,)), self._states(())):
                for padded in (False, True):
                    lengths = {"lengths": self.random.integers(1, longest + 1, size=batch)} if padded else {}
                    if padded and self.topology.decodes:
                        lengths["target_lengths"] = self.random.integers(1, outputs + 1, size=batch)
                    yield (inputs, targets, initial), lengths, extra


def difference(found: Any, expected: Any) -> float:
    """The largest difference, relative to the largest entry; infinity where shapes differ."""
    one, other = np.asarray(found), np.asarray(expected)
    if one.shape != other.shape or not np.isfinite(one).all():
        return float("inf")
    return float(np.abs(one - other).max() / max(np.abs(other).max(), SMALLEST))


def differences(network: Network, functions: Any, seed: int = 0) -> Iterator[float]:
    """Yield how far a backend's ``functions`` are from NumPy's, for each result of each call."""
    expected = compile_network(network, forms=False)
    found: CompiledNetwork = replace(expected, _functions=functions, backend="numba")
    calls = Calls(network, seed)
    for (inputs, targets, initial), lengths, extra in calls:
        for wrt in (None, calls.wrt):
            arguments = calls.parameters, inputs, targets, initial
            one = found.value_and_grad(*arguments, wrt=wrt, **lengths)
            other = expected.value_and_grad(*arguments, wrt=wrt, **lengths)
            yield 0.0 if list(one[1]) == list(other[1]) else float("inf")
            yield difference(one[0], other[0])
            yield from (difference(one[1][name], other[1][name]) for name in other[1])
        yield difference(found.loss(*arguments, **lengths), expected.loss(*arguments, **lengths))
        yield difference(found.predict(calls.parameters, inputs, initial, **lengths, **extra),
                         expected.predict(calls.parameters, inputs, initial, **lengths, **extra))
