"""Who computes the gradient: ours on each backend, by hand, and frameworks; whoever is not installed is left out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from typing import Any

import numpy as np

import rnnsym
from benchmarks import c_by_hand, frameworks, plain, tuned, tuned_features, tuned_gru, tuned_one
from rnnsym.errors import RnnsymError

OURS = ("rnnsym numpy", "rnnsym numba")
PLAIN = "plain loop"
AGREEMENT = 1e-12  # relative to the largest entry: two orders of summation of the same doubles
LONG = 2000  # steps from which autograd's graph takes tens of seconds and is left out
Shape = tuple[int, int, int, int]
Run = Callable[[], Any]
Functions = Mapping[str, Callable[[Any, Any, Any], Any]]
Start = Callable[[str, dict[str, Any], Any, Any], Run]


@dataclass(frozen=True)
class Contestant:
    """``start`` prepares what may be prepared once and returns the call; ``missing`` says what is not installed."""

    start: Start
    missing: Callable[[], str | None] = lambda: None
    longest: int | None = None


def data(network: Any, shape: Shape) -> tuple[dict[str, Any], Any, Any]:
    """Return parameters, inputs and targets that leave gradients of ordinary size."""
    (batch, steps, d, n), random = shape, np.random.default_rng(0)
    sizes = network.shapes(d=d, n=n, k=1).items()
    parameters = {name: random.normal(0.0, 0.5 / np.sqrt(n), size=size) for name, size in sizes}
    return parameters, random.normal(size=(batch, steps, d)), random.uniform(size=(batch, 1))


def _ours(backend: str, cell: str, p: dict[str, Any], inputs: Any, targets: Any) -> Run:
    run = rnnsym.compile(rnnsym.Network(rnnsym.cells[cell]), backend=backend)
    return lambda: run.value_and_grad(p, inputs, targets)


def _backend_missing(backend: str) -> str | None:
    if backend == "numba" and not find_spec("numba"):
        return "the package numba is not installed"  # the backend itself may then fall back to another
    try:
        rnnsym.compile(rnnsym.Network(rnnsym.cells["simple"]), backend=backend)
    except RnnsymError as error:
        return str(error)
    return None


def _by_hand(functions: Functions) -> Start:
    return lambda cell, p, inputs, targets: lambda: functions[cell](p, inputs, targets)


def _tuned(cell: str, p: dict[str, Any], inputs: Any, targets: Any) -> Run:
    batched: Functions = {"simple": tuned.simple, "lstm": tuned_features.lstm, "gru": tuned_gru.gru}
    return _by_hand(tuned_one.cells if len(inputs) == 1 else batched)(cell, p, inputs, targets)


def _numba_by_hand(cell: str, p: dict[str, Any], inputs: Any, targets: Any) -> Run:
    from benchmarks.numba_by_hand import with_numba  # the compiler is imported where it runs

    return with_numba(cell, p, inputs, targets)


def _needs(package: str) -> Callable[[], str | None]:
    return lambda: None if find_spec(package) else f"the package {package} is not installed"


def _needs_compiler() -> str | None:
    return None if c_by_hand.compiler() else "there is no C compiler, neither $CC nor cc"


contestants: dict[str, Contestant] = {
    **{f"rnnsym {one}": Contestant(partial(_ours, one), partial(_backend_missing, one)) for one in ("numpy", "numba")},
    PLAIN: Contestant(_by_hand(plain.loops)),
    "tuned NumPy": Contestant(_tuned),
    "autograd": Contestant(frameworks.with_autograd, _needs("autograd"), LONG),
    "PyTorch loop": Contestant(frameworks.with_torch_loop, _needs("torch")),
    "PyTorch layer": Contestant(frameworks.with_torch_layer, _needs("torch")),
    "JAX jit": Contestant(frameworks.with_jax, _needs("jax")),
    "numba by hand": Contestant(_numba_by_hand, _needs("numba")),
    "C by hand": Contestant(c_by_hand.with_c, _needs_compiler),
    "C, fast-math": Contestant(c_by_hand.with_fast_math, _needs_compiler),
}


def present(names: tuple[str, ...] | None = None) -> tuple[dict[str, Contestant], dict[str, str]]:
    """Return the contestants of these names (all: None; the plain loop always), and why others are absent."""
    wanted = {name: one for name, one in contestants.items() if names is None or name in (*names, PLAIN)}
    absent = {name: reason for name, one in wanted.items() if (reason := one.missing()) is not None}
    return {name: one for name, one in wanted.items() if name not in absent}, absent


def started(chosen: Mapping[str, Contestant], cell: str, shape: Shape) -> dict[str, Run]:
    """Return the calls of those who can run this shape, each checked against the plain loop."""
    p, inputs, targets = data(rnnsym.Network(rnnsym.cells[cell]), shape)
    able = {name: one for name, one in chosen.items() if one.longest is None or shape[1] <= one.longest}
    runs = {name: one.start(cell, p, inputs, targets) for name, one in able.items()}
    check(runs)
    return runs


def check(runs: Mapping[str, Run]) -> None:
    """Stop where somebody's gradients differ from the plain loop's; names that only a layer has are left out."""
    expected = runs[PLAIN]()
    for name, run in runs.items():
        error = disagreement(run(), expected)
        if not error <= AGREEMENT:
            raise SystemExit(f"{name}: loss or gradient differs from the plain loop's by {error:.1e}")


def disagreement(found: Any, expected: Any) -> float:
    """Return the largest difference of the loss and of the gradients, relative to the largest entry of each array."""
    (loss, gradients), (own_loss, own) = found, expected
    shared = [name for name in own if name in gradients]
    if not shared:
        return float("inf")
    pairs = [(loss, own_loss), *((gradients[name], own[name]) for name in shared)]
    return max(float(np.abs(np.asarray(a) - b).max() / max(np.abs(b).max(), 1e-300)) for a, b in pairs)
