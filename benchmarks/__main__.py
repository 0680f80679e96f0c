"""Deriving against ``sympy.diff`` of the nested loss; generated code against a plain NumPy loop by hand.

Contestants run in turn, round after round, so that a disturbance of the machine meets all of them; the table shows
medians and the ratio to the named peer of the same run.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import sympy
from sympy.core.cache import clear_cache

import rnnsym
from rnnsym.calculus.unrolling import graph_of
from rnnsym.evidence.oracles import nested_loss
from rnnsym.writing.sections import derivation

NETWORK = rnnsym.Network(rnnsym.cells["simple"])
SHAPES = ((1, 3, 5, 3), (1, 100, 8, 32), (32, 100, 32, 64))  # batch, T, d, n


def by_hand(parameters: Mapping[str, Any], inputs: Any, targets: Any) -> dict[str, Any]:
    """Backpropagation through time as a textbook writes it: one product a step, forward and back."""
    W_i, W_h, b, W_o, b_o = (parameters[name] for name in ("W_i", "W_h", "b", "W_o", "b_o"))
    states = [np.zeros((len(inputs), len(b)))]
    for t in range(inputs.shape[1]):
        states.append(np.tanh(inputs[:, t] @ W_i + states[-1] @ W_h + b))
    dz = (1 / (1 + np.exp(-(states[-1] @ W_o + b_o))) - targets) / len(inputs)
    gradients = {name: np.zeros_like(value) for name, value in parameters.items()}
    gradients["W_o"], gradients["b_o"] = states[-1].T @ dz, dz.sum(axis=0)
    do = dz @ W_o.T
    for t in range(inputs.shape[1], 0, -1):
        da = do * (1 - states[t] ** 2)
        gradients["W_i"] += inputs[:, t - 1].T @ da
        gradients["W_h"] += states[t - 1].T @ da
        gradients["b"] += da.sum(axis=0)
        do = da @ W_h.T
    return gradients


def medians(contestants: Mapping[str, Callable[[], object]], rounds: int) -> dict[str, float]:
    """Return the median seconds of each contestant over interleaved rounds, after one round to warm up."""
    times: dict[str, list[float]] = {name: [] for name in contestants}
    for number in range(rounds + 1):
        for name, run in contestants.items():
            start = time.perf_counter()
            run()
            if number:
                times[name].append(time.perf_counter() - start)
    return {name: statistics.median(values) for name, values in times.items()}


def show(title: str, peer: str, result: Mapping[str, float]) -> None:
    """Print one table."""
    print(f"\n{title}")
    for name, seconds in result.items():
        print(f"  {name:42} {seconds * 1e3:10.3f} ms   {seconds / result[peer]:8.2f} × {peer}")


def sympy_gradient(steps: int) -> list[Any]:
    """Differentiate the nested loss by every entry of W_h, two units, without what SymPy remembers of last time."""
    clear_cache()
    loss, entries = nested_loss(graph_of(NETWORK), steps, {"d": 2, "n": 2, "k": 1})
    weight = next(parameter for parameter in NETWORK.parameters if parameter.name == "W_h")
    return [sympy.diff(loss, symbol) for symbol in entries[weight].reshape(-1)] if weight in entries else []


def main() -> None:
    """Print all tables."""
    show("Deriving", "rnnsym, T = 3", medians({
        "rnnsym, T = 3": lambda: derivation(NETWORK, 3),
        "rnnsym, T = 3, every line checked": lambda: rnnsym.derive(NETWORK, 3),
        "rnnsym, T = 100": lambda: derivation(NETWORK, 100),
        "rnnsym, T = 100, every line checked": lambda: rnnsym.derive(NETWORK, 100),
        "sympy.diff of the nested loss, T = 3": lambda: sympy_gradient(3),
        "sympy.diff of the nested loss, T = 4": lambda: sympy_gradient(4),
    }, rounds=5))
    run, random = rnnsym.compile(NETWORK), np.random.default_rng(0)
    for batch, steps, d, n in SHAPES:
        parameters = {name: random.normal(0, 0.3, size=s) for name, s in NETWORK.shapes(d=d, n=n, k=1).items()}
        inputs, targets = random.normal(size=(batch, steps, d)), random.uniform(size=(batch, 1))
        show(f"Gradient at (batch, T, d, n) = {(batch, steps, d, n)}", "a loop by hand", medians({
            "generated": lambda p=parameters, x=inputs, y=targets: run.value_and_grad(p, x, y),  # type: ignore[misc]
            "a loop by hand": lambda p=parameters, x=inputs, y=targets: by_hand(p, x, y),  # type: ignore[misc]
        }, rounds=30))


if __name__ == "__main__":
    main()
