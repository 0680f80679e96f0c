"""Bugs × checkers × regimes: ``python -m benchmarks.detection`` writes benchmarks/detection.md.

Each checker is given the same wrong backward passes of a simple recurrent network as one would give them to it, with
its default tolerances, on random draws of each regime; rnnsym draws its own examples. A checker that is not installed
is left out, and the table says so.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import sys
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT / "tests" / "evidence"))

from planted_bugs import SIMPLE  # noqa: E402
from planted_cells import simple  # noqa: E402

import rnnsym  # noqa: E402

D, N, K = 3, 4, 1
REGIMES = {"ordinary": (6, 1.0), "vanishing": (6, 0.05), "long": (100, 1.0)}  # steps, scale of the weights
DRAWS = {"ordinary": 20, "vanishing": 20, "long": 5}
ORDER = ("W_i", "W_h", "b", "W_o", "b_o")
SHAPES = {"W_i": (D, N), "W_h": (N, N), "b": (N,), "W_o": (N, K), "b_o": (K,)}
SCIPY_ALLOWED = 1e-4  # times max(1, |g|): scipy returns an error and leaves the verdict to its user
Values = dict[str, Any]
Check = Callable[["Problem"], bool]


@dataclass(frozen=True)
class Problem:
    """One draw: a loss and a gradient of a bug's pass, of a flat vector of all parameters."""

    bug: str
    parameters: Values
    inputs: Any
    targets: Any
    initial_state: Values
    lengths: Any

    def run(self, vector: Any) -> tuple[float, Any]:
        """Return the loss and the flat gradient."""
        parts, place = {}, 0
        for name in ORDER:
            size = int(np.prod(SHAPES[name]))
            parts[name] = np.asarray(vector[place : place + size], dtype=float).reshape(SHAPES[name])
            place += size
        loss, gradients = simple(parts, self.inputs, self.targets, self.initial_state, self.lengths, bug=self.bug)
        return loss, np.concatenate([np.ravel(gradients[name]) for name in ORDER])

    @property
    def vector(self) -> Any:
        """All parameters in one vector."""
        return np.concatenate([np.ravel(self.parameters[name]) for name in ORDER])


def drawn(bug: str, regime: str, number: int) -> Problem:
    """Draw a padded batch of three sequences, with initial states."""
    steps, scale = REGIMES[regime]
    random = np.random.default_rng([number, steps])
    if regime == "vanishing":
        parameters = {name: random.uniform(-scale, scale, shape) for name, shape in SHAPES.items()}
    else:
        parameters = {name: scale * random.normal(size=shape) / np.sqrt(shape[0]) for name, shape in SHAPES.items()}
    return Problem(bug, parameters, random.normal(size=(3, steps, D)), random.choice([0.0, 1.0, 0.3], size=(3, K)),
                   {"o": random.uniform(-0.9, 0.9, (3, N))}, np.array([steps, steps // 2, steps]))


def by_torch(problem: Problem) -> bool:
    """torch.autograd.gradcheck of an autograd.Function whose backward is the bug's."""
    import torch

    class Loss(torch.autograd.Function):
        @staticmethod
        def forward(context: Any, vector: Any) -> Any:
            context.save_for_backward(vector)
            return torch.tensor(problem.run(vector.detach().numpy())[0], dtype=torch.float64)

        @staticmethod
        def backward(context: Any, *grads: Any) -> Any:
            (vector,) = context.saved_tensors
            return grads[0] * torch.from_numpy(problem.run(vector.detach().numpy())[1])

    vector = torch.tensor(problem.vector, dtype=torch.float64, requires_grad=True)
    return bool(torch.autograd.gradcheck(Loss.apply, (vector,), raise_exception=False))


def by_jax(problem: Problem) -> bool:
    """jax.test_util.check_grads of a custom_vjp whose backward is the bug's."""
    import jax
    from jax.test_util import check_grads

    jax.config.update("jax_enable_x64", True)
    number = jax.ShapeDtypeStruct((), np.float64)
    vector = jax.ShapeDtypeStruct(problem.vector.shape, np.float64)

    def value(v: Any) -> Any:
        return jax.pure_callback(lambda one: np.float64(problem.run(np.asarray(one))[0]), number, v)

    def backward(v: Any, g: Any) -> Any:
        return (g * jax.pure_callback(lambda one: problem.run(np.asarray(one))[1], vector, v),)

    loss = jax.custom_vjp(value)
    loss.defvjp(lambda v: (loss(v), v), backward)
    try:
        check_grads(loss, (jax.numpy.asarray(problem.vector),), order=1, modes=["rev"])
    except AssertionError:
        return False
    return True


def by_autograd(problem: Problem) -> bool:
    """autograd.test_util.check_grads of a primitive whose vjp is the bug's."""
    from autograd.extend import defvjp, primitive
    from autograd.test_util import check_grads

    loss = primitive(lambda vector: problem.run(vector)[0])
    defvjp(loss, lambda answer, vector: lambda g: g * problem.run(vector)[1])
    try:
        check_grads(loss, modes=["rev"], order=1)(problem.vector)
    except AssertionError:
        return False
    return True


def by_scipy(problem: Problem) -> bool:
    """scipy.optimize.check_grad, against 1e-4 times the gradient's norm (or 1)."""
    from scipy.optimize import check_grad

    error = check_grad(lambda v: problem.run(v)[0], lambda v: problem.run(v)[1], problem.vector)
    return bool(error <= SCIPY_ALLOWED * max(1.0, float(np.linalg.norm(problem.run(problem.vector)[1]))))


PEERS: dict[str, tuple[str, Check]] = {
    "torch": ("torch", by_torch), "jax": ("jax", by_jax), "autograd": ("autograd", by_autograd),
    "scipy": ("scipy", by_scipy),
}


def caught(check: Check, bug: str, regime: str) -> int:
    """On how many draws a peer rejects a bug."""
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        return sum(not check(drawn(bug, regime, number)) for number in range(DRAWS[regime]))


def ours(bug: str) -> dict[str, str]:
    """On how many of its own designed examples of each regime rnnsym rejects a bug."""
    network = rnnsym.Network(rnnsym.cells["simple"])

    def function(parameters: Any, inputs: Any, targets: Any, initial_state: Any = None, lengths: Any = None) -> Any:
        return simple(parameters, inputs, targets, initial_state, lengths, bug=bug)

    report = rnnsym.check_gradient(function, network)
    return {regime: f"{wrong}/{tried}" for regime, (wrong, tried) in report.regimes.items()}


def matrix(peers: dict[str, Check]) -> dict[str, dict[tuple[str, str], str]]:
    """Return {bug: {(checker, regime): how often it was caught}}; the right pass is the row with no name."""
    table: dict[str, dict[tuple[str, str], str]] = {}
    for bug in ("", *SIMPLE):
        began = time.monotonic()
        table[bug] = {("rnnsym", regime): found for regime, found in ours(bug).items()}
        for name, check in peers.items():
            table[bug] |= {(name, regime): f"{caught(check, bug, regime)}/{DRAWS[regime]}" for regime in REGIMES}
        sys.stderr.write(f"{bug or 'no bug'}: {time.monotonic() - began:.1f} s\n")
    return table


def text(table: dict[str, dict[tuple[str, str], str]], versions: dict[str, str], absent: list[str]) -> str:
    """Return the table as Markdown."""
    checkers = ["rnnsym", *versions]
    columns = [(checker, regime) for checker in checkers for regime in REGIMES]
    left_out = f" Not installed, left out: {', '.join(absent)}." if absent else ""
    lines = [
        "# Which checker sees which bug", "",
        f"`python -m benchmarks.detection`: {', '.join(f'{count} {name}' for name, count in DRAWS.items())} draws for "
        "the peers, rnnsym's own designed examples for rnnsym; a/b: rejected on a of b. Ordinary: T = 6; vanishing: "
        f"all weights within ±0.05; long: T = 100. scipy's error is held against {SCIPY_ALLOWED:g} of the gradient's "
        "norm.",
        "",
        f"Versions: {', '.join(f'{name} {version}' for name, version in versions.items())}.{left_out}", "",
        *_summary(table, checkers), "",
        "| bug | " + " | ".join(f"{checker}, {regime}" for checker, regime in columns) + " |",
        "|---|" + "---|" * len(columns),
    ]
    for bug, row in table.items():
        lines.append(f"| {bug or '**none**'} | " + " | ".join(row[column] for column in columns) + " |")
    return "\n".join(lines) + "\n"


def _summary(table: dict[str, dict[tuple[str, str], str]], checkers: list[str]) -> list[str]:
    """How many bugs each checker rejects at all, and how many on each draw, in each regime."""
    bugs = [row for bug, row in table.items() if bug]
    lines = [f"Of {len(bugs)} bugs, caught at least once (and, of the peers, on every draw):", "",
             "| | " + " | ".join(REGIMES) + " | false alarms |", "|---|" + "---|" * (len(REGIMES) + 1)]
    for checker in checkers:
        cells = []
        for regime in REGIMES:
            counts = [row[checker, regime].split("/") for row in bugs]
            once, always = sum(a != "0" for a, _ in counts), sum(a == b for a, b in counts)
            cells.append(f"{once}" if checker == "rnnsym" else f"{once} ({always})")
        alarms = sum(int(table[""][checker, regime].split("/")[0]) for regime in REGIMES)
        lines.append(f"| {checker} | " + " | ".join(cells) + f" | {alarms} |")
    return lines


def installed() -> dict[str, str]:
    """Return {peer: version} of those that are there."""
    found = {}
    for name, (module, _) in PEERS.items():
        if importlib.util.find_spec(module) is not None:
            found[name] = importlib.metadata.version(module)
    return found


def main() -> int:
    """Run all and write the table."""
    versions = installed()
    absent = [name for name in PEERS if name not in versions]
    found = text(matrix({name: PEERS[name][1] for name in versions}), versions, absent)
    (Path(__file__).parent / "detection.md").write_text(found, encoding="utf-8")
    sys.stdout.write(found)
    return 0


if __name__ == "__main__":
    sys.exit(main())
