"""``python -m benchmarks``: generated gradients against those written by hand and those of frameworks, one thread.

Every contestant's gradients are compared with the plain loop's before it is timed. ``--write`` puts the table into
``benchmarks/speed.md`` and the numbers into ``benchmarks/speed.json``.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

import rnnsym
from benchmarks import deriving, plain, tuned, tuned_gru
from benchmarks.frameworks import installed
from benchmarks.timing import medians, peak_memory

SHAPES = ((1, 3, 5, 3), (1, 100, 5, 3), (1, 100, 8, 32), (32, 100, 32, 64), (32, 1000, 32, 128), (1, 10000, 8, 16))
CELLS = ("simple", "lstm", "gru")
AGREEMENT = 1e-12  # relative to the largest entry: two orders of summation of the same doubles
LONG = 2000  # steps from which interpreted graphs take seconds and are left out
by_hand = {"simple": tuned.simple, "lstm": tuned.lstm, "gru": tuned_gru.gru}


def data(network: Any, shape: tuple[int, int, int, int]) -> tuple[dict[str, Any], Any, Any]:
    """Return parameters, inputs and targets that leave gradients of ordinary size."""
    (batch, steps, d, n), random = shape, np.random.default_rng(0)
    sizes = network.shapes(d=d, n=n, k=1).items()
    parameters = {name: random.normal(0.0, 0.5 / np.sqrt(n), size=size) for name, size in sizes}
    return parameters, random.normal(size=(batch, steps, d)), random.uniform(size=(batch, 1))


def contestants(cell: str, shape: tuple[int, int, int, int]) -> dict[str, Callable[[], Any]]:
    """Return all who compute the gradient, ours first."""
    network = rnnsym.Network(rnnsym.cells[cell])
    run, (p, x, y) = rnnsym.compile(network), data(network, shape)
    found: dict[str, Callable[[], Any]] = {
        "rnnsym": lambda: run.value_and_grad(p, x, y),
        "plain loop": lambda: plain.loops[cell](p, x, y),
        "tuned by hand": lambda: by_hand[cell](p, x, y),
    }
    slow = ("autograd", "PyTorch loop") if shape[1] > LONG else ()
    return found | {name: peer(cell, p, x, y) for name, peer in installed().items() if name not in slow}


def check(runs: Mapping[str, Callable[[], Any]]) -> None:
    """Stop where somebody's gradients differ from the plain loop's; a layer's that are joined are left out."""
    expected = runs["plain loop"]()
    for name, run in runs.items():
        loss, gradients = run()
        pairs = [(loss, expected[0]), *((gradients[key], one) for key, one in expected[1].items() if key in gradients)]
        for value, one in pairs:
            error = np.abs(np.asarray(value) - one).max() / max(np.abs(one).max(), 1e-300)
            if not error <= AGREEMENT:
                raise SystemExit(f"{name}: a gradient differs from the plain loop's by {error:.1e}")


def measure(cell: str, shape: tuple[int, int, int, int], seconds: float) -> dict[str, Any]:
    """Return one row: seconds of each contestant, and the peak memory of ours and the plain loop's."""
    runs = contestants(cell, shape)
    check(runs)
    memory = {name: peak_memory(runs[name]) for name in ("rnnsym", "plain loop")}
    return {"cell": cell, "shape": shape, "seconds": medians(runs, seconds), "bytes": memory}


def lines(rows: list[dict[str, Any]]) -> list[str]:
    """Return the table: our milliseconds, and how many times as long each peer takes."""
    names = list(dict.fromkeys(name for row in rows for name in row["seconds"] if name != "rnnsym"))
    head = ["cell", "(batch, T, d, n)", "rnnsym, ms", *(f"{name}, ×" for name in names), "memory / plain"]
    found = ["| " + " | ".join(head) + " |", "|---|---|" + "---:|" * (len(names) + 2)]
    for row in rows:
        ours = row["seconds"]["rnnsym"]
        ratios = [f"{row['seconds'][name] / ours:.2f}" if name in row["seconds"] else "–" for name in names]
        memory = f"{row['bytes']['rnnsym'] / row['bytes']['plain loop']:.2f}"
        shape = "(" + ", ".join(map(str, row["shape"])) + ")"
        found.append(f"| {row['cell']} | {shape} | {ours * 1e3:.3f} | {' | '.join(ratios)} | {memory} |")
    return found


HEAD = """# Speed

Loss and gradient of many-to-one networks in float64, one thread: `rnnsym.compile(network).value_and_grad`, and how many
times as long others take for the same numbers. All contestants of a row ran in turn, in one process; medians. Each
one's gradients agreed with the plain loop's to 1e-12. Memory is the peak of Python and NumPy against the plain loop's.
"""


def main() -> None:
    """Measure, print, and write where asked to."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=3.0, help="for each row of the table")
    parser.add_argument("--cells", nargs="*", choices=CELLS, default=CELLS)
    parser.add_argument("--deriving", action="store_true", help="measure deriving instead")
    parser.add_argument("--write", action="store_true", help="put the rows into speed.md and speed.json")
    options = parser.parse_args()
    if "PyTorch loop" in installed():
        import torch

        torch.set_num_threads(1)
    with threadpool_limits(1):
        if options.deriving:
            for name, seconds in deriving.measured(10 * options.seconds).items():
                print(f"{name:45} {seconds * 1e3:10.3f} ms")
            return
        rows = []
        for cell in options.cells:
            for shape in SHAPES:
                rows.append(measure(cell, shape, options.seconds))
                print(lines(rows)[-1] if len(rows) > 1 else "\n".join(lines(rows)), flush=True)
    if options.write:
        write(rows)


def write(rows: list[dict[str, Any]]) -> None:
    """Put the rows into the table and the numbers; those of cells that were not measured now stay."""
    place, machine = Path(__file__).parent, f"{platform.machine()}, Python {platform.python_version()}, " \
        f"NumPy {np.__version__}"
    measured = {row["cell"] for row in rows}
    known = json.loads((place / "speed.json").read_text()) if (place / "speed.json").exists() else {"rows": []}
    kept = [row for row in known["rows"] if row["cell"] not in measured]
    whole = sorted([*kept, *rows], key=lambda row: CELLS.index(row["cell"]))
    _replace(place / "speed.md", HEAD + f"Measured on {machine}.\n\n" + "\n".join(lines(whole)) + "\n")
    _replace(place / "speed.json", json.dumps({"machine": machine, "rows": whole}, indent=1) + "\n")


def _replace(path: Path, text: str) -> None:
    """Write a file whole or not at all."""
    partial = path.with_suffix(path.suffix + ".partial")
    partial.write_text(text, encoding="utf-8")
    os.replace(partial, path)


if __name__ == "__main__":
    if "JAX jit" in installed():
        os.environ.setdefault("XLA_FLAGS", "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1")
    main()
