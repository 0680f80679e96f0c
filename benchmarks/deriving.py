"""Deriving: from a network's text to its code, to a derivation for every T, and against ``sympy.diff``."""

from __future__ import annotations

import statistics
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from typing import Any

import sympy
from sympy.core.cache import clear_cache

import rnnsym
from benchmarks.timing import interleaved
from rnnsym.calculus.unrolling import graph_of
from rnnsym.evidence.oracles import nested_loss
from rnnsym.writing.sections import derivation

NETWORK = rnnsym.Network(rnnsym.cells["simple"])
MATRIX_LEVEL = "matrix level"  # nothing here depends on T or n: T is a symbol, or does not occur


def fresh(cell: str) -> Any:
    """Return the network made anew from its text, so that nothing that was kept with an earlier one helps."""
    known = rnnsym.cells[cell]
    return rnnsym.Network(rnnsym.Cell.from_equations(known.name, known.text))


def sympy_gradient(steps: int) -> list[Any]:
    """Differentiate the nested loss by every entry of W_h, two units, without what SymPy remembers of last time."""
    clear_cache()
    loss, entries = nested_loss(graph_of(NETWORK), steps, {"d": 2, "n": 2, "k": 1})
    weight = next(parameter for parameter in NETWORK.parameters if parameter.name == "W_h")
    return [sympy.diff(loss, symbol) for symbol in entries[weight].reshape(-1)] if weight in entries else []


def cases() -> dict[str, tuple[str, Callable[[], object]]]:
    """Return {what: (kind, call)}."""
    found: dict[str, tuple[str, Callable[[], object]]] = {}
    for cell in ("simple", "lstm", "gru"):
        found[f"{cell}: text to code"] = MATRIX_LEVEL, partial(_code, cell)
        found[f"{cell}: derivation, any T"] = MATRIX_LEVEL, partial(_document, cell, None)
    for steps in (3, 1000):
        found[f"lstm: derivation that lists T = {steps}"] = "unrolled", partial(_document, "lstm", steps)
    found["simple: derivation, T = 100, every line checked"] = "checked", lambda: rnnsym.derive(NETWORK, 100)
    found["lstm: derivation and proof for any T, checked"] = "checked", lambda: rnnsym.derive(fresh("lstm"), None)
    for steps in (3, 4):
        found[f"simple, n = 2: sympy.diff of the nested loss, T = {steps}"] = "sympy", partial(
            sympy_gradient, steps)
    return found


def _code(cell: str) -> object:
    return rnnsym.compile(fresh(cell))


def _document(cell: str, steps: int | None) -> object:
    return derivation(fresh(cell), steps)


AFTER_IMPORT = """
import time
import rnnsym, rnnsym.api, rnnsym.evidence.entries
start = time.perf_counter()
network = rnnsym.Network(rnnsym.cells["{cell}"])
{body}
print(time.perf_counter() - start)
"""
PROOF = "lstm: derivation, proof, LaTeX and code for any T, in a new process after import"
ENTRIES = "simple: every entry's derivative, unrolled, T = 100, d = 5, n = 3, in a new process after import"
first = {
    PROOF: ("lstm", "document = rnnsym.derive(network, steps=None)\nassert document.proved\ndocument.latex()\n"
                    "rnnsym.compile(network)"),
    ENTRIES: ("simple", "found = rnnsym.evidence.entries.derive_entries(network, 100, {'d': 5, 'n': 3, 'k': 1})\n"
                        "assert found.gradients['W_h'].shape == (3, 3)"),
}
PROCESSES = 5


def first_time(name: str) -> float:
    """Return the seconds that something takes the first time, in a new process; the import is not counted."""
    cell, body = first[name]
    done = subprocess.run([sys.executable, "-c", AFTER_IMPORT.format(cell=cell, body=body)], capture_output=True,
                          text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{name}: failed in a new process:\n{done.stderr}")
    return float(done.stdout)


def measured(seconds: float) -> list[dict[str, Any]]:
    """Return name, kind and median seconds of each."""
    known = cases()
    times = interleaved({name: call for name, (_, call) in known.items()}, seconds).medians()
    rows = [{"name": name, "kind": known[name][0], "seconds": value} for name, value in times.items()]
    once = {name: statistics.median(first_time(name) for _ in range(PROCESSES)) for name in first}
    return [*rows, *({"name": name, "kind": "first", "seconds": value} for name, value in once.items())]
