"""What the generated code is to reach, and whether the rows reach it: every verdict is computed from the numbers."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from benchmarks.contestants import OURS, PLAIN
from benchmarks.deriving import ENTRIES, MATRIX_LEVEL, PROOF

NUMPY, NUMBA = OURS
TORCH = ("PyTorch loop", "PyTorch layer")
SMALLEST = [1, 3, 5, 3]
Record = Mapping[str, Any]
Values = Iterator[tuple[float, str]]
Covers = Callable[[Record], bool]


@dataclass(frozen=True)
class Goal:
    """``values`` yields each number that the goal covers and where it comes from; the worst decides."""

    backend: str
    what: str
    sense: str
    bound: float
    unit: str
    values: Callable[[Record], Values]


def worst(goal: Goal, record: Record) -> tuple[float, str] | None:
    """Return the worst number that the goal covers and its place; None where nothing was measured."""
    found = list(goal.values(record))
    return (min if goal.sense == "≥" else max)(found) if found else None


def reached(goal: Goal, value: float) -> bool:
    """Whether a number is as good as the goal."""
    return value >= goal.bound if goal.sense == "≥" else value <= goal.bound


def everywhere(row: Record) -> bool:
    """Every row."""
    return True


def single(row: Record) -> bool:
    """One sequence."""
    return bool(row["shape"][0] == 1)


def long(row: Record) -> bool:
    """One sequence of at least 100 steps."""
    return single(row) and row["shape"][1] >= 100


def batched(row: Record) -> bool:
    """Thirty-two sequences."""
    return not single(row)


def place(row: Record, peer: str = "") -> str:
    """Name a row."""
    return f"{row['cell']} ({', '.join(map(str, row['shape']))}){peer and f', {peer}'}"


def ratios(ours: str, peers: tuple[str, ...], covers: Covers, *, inverse: bool = False) -> Callable[[Record], Values]:
    """Yield a peer's time over ours; ours over the peer's where inverse."""
    def values(record: Record) -> Values:
        for row in filter(covers, record["rows"]):
            for peer in peers:
                if (ratio := row["ratios"].get(ours, {}).get(peer)) is not None:
                    yield 1 / ratio if inverse else ratio, place(row, peer if len(peers) > 1 else "")
    return values


def memory(cells: tuple[str, ...]) -> Callable[[Record], Values]:
    """Yield our peak memory over the plain loop's."""
    def values(record: Record) -> Values:
        for row in record["rows"]:
            if row["cell"] in cells and NUMPY in row["bytes"]:
                yield row["bytes"][NUMPY] / row["bytes"][PLAIN], place(row)
    return values


def smallest(ours: str) -> Callable[[Record], Values]:
    """Yield the microseconds of the smallest case."""
    def values(record: Record) -> Values:
        for row in record["rows"]:
            if row["cell"] == "simple" and row["shape"] == SMALLEST and ours in row["seconds"]:
                yield row["seconds"][ours] * 1e6, place(row)
    return values


def exponents(ours: str) -> Callable[[Record], Values]:
    """Yield the exponents of growth with T."""
    return lambda record: ((one["exponent"], one["cell"]) for one in record["growth"] if one["contestant"] == ours)


def derivings(scale: float, covers: Covers) -> Callable[[Record], Values]:
    """Yield the time of deriving."""
    return lambda record: ((one["seconds"] * scale, one["name"]) for one in record["deriving"] if covers(one))


def wrong(ours: str) -> Callable[[Record], Values]:
    """Yield how many gradients are neither within 1e-12 of the exact ones nor within float64's own rounding."""
    return lambda record: ((float(len(one["wrong"])), one["name"]) for one in record["agreement"]
                           if one["contestant"] == ours)


GOALS = (
    Goal(NUMPY, "faster than the plain loop, batch 1, T ≥ 100", "≥", 4, "×", ratios(NUMPY, (PLAIN,), long)),
    Goal(NUMPY, "never slower than the plain loop", "≥", 1, "×", ratios(NUMPY, (PLAIN,), everywhere)),
    Goal(NUMPY, "time over that of NumPy tuned by hand", "≤", 1.1, "×",
         ratios(NUMPY, ("tuned NumPy",), everywhere, inverse=True)),
    Goal(NUMPY, "faster than PyTorch, batch 1", "≥", 10, "×", ratios(NUMPY, TORCH, single)),
    Goal(NUMPY, "faster than PyTorch, batch 32", "≥", 1.2, "×", ratios(NUMPY, TORCH, batched)),
    Goal(NUMPY, "faster than JAX jit, batch 32", "≥", 1.3, "×", ratios(NUMPY, ("JAX jit",), batched)),
    Goal(NUMPY, "peak memory over the plain loop's, LSTM and GRU", "≤", 1.1, "×", memory(("lstm", "gru"))),
    Goal(NUMPY, "peak memory over the plain loop's, simple RNN", "≤", 1.3, "×", memory(("simple",))),
    Goal(NUMPY, "smallest case", "≤", 10, "µs", smallest(NUMPY)),
    Goal(NUMPY, "exponent of growth with T", "≤", 1.05, "", exponents(NUMPY)),
    Goal(NUMPY, "wrong gradients, beyond 1e-12 and rounding", "≤", 0, "", wrong(NUMPY)),
    Goal(NUMBA, "faster than the plain loop, batch 1", "≥", 10, "×", ratios(NUMBA, (PLAIN,), single)),
    Goal(NUMBA, "faster than PyTorch", "≥", 1, "×", ratios(NUMBA, TORCH, everywhere)),
    Goal(NUMBA, "faster than JAX jit", "≥", 1, "×", ratios(NUMBA, ("JAX jit",), everywhere)),
    Goal(NUMBA, "time over that of C by hand, batch 1", "≤", 1.5, "×",
         ratios(NUMBA, ("C by hand",), single, inverse=True)),
    Goal(NUMBA, "smallest case", "≤", 5, "µs", smallest(NUMBA)),
    Goal(NUMBA, "exponent of growth with T", "≤", 1.05, "", exponents(NUMBA)),
    Goal(NUMBA, "wrong gradients, beyond 1e-12 and rounding", "≤", 0, "", wrong(NUMBA)),
    Goal("deriving", "from text to code, and to a derivation for any T, warm", "≤", 50, "ms",
         derivings(1e3, lambda one: one["kind"] == MATRIX_LEVEL)),
    Goal("deriving", "LSTM for any T: derivation, proof, LaTeX and code, after import", "≤", 1, "s",
         derivings(1, lambda one: one["name"] == PROOF)),
    Goal("deriving", "unrolled entry by entry, T = 100, n = 3, after import", "≤", 1, "s",
         derivings(1, lambda one: one["name"] == ENTRIES)),
)


def lines(record: Record) -> list[str]:
    """Return the table of goals."""
    found = ["| | goal | | worst | where | reached |", "|---|---|---:|---:|---|---|"]
    for goal in GOALS:
        bound = f"{goal.sense} {goal.bound:g}{_unit(goal)}"
        number = worst(goal, record)
        if number is None:
            found.append(f"| {goal.backend} | {goal.what} | {bound} | – | | not measured |")
            continue
        value, where = number
        verdict = "yes" if reached(goal, value) else "no"
        good = [reached(goal, one) for one, _ in goal.values(record)]
        count = f" ({sum(good)} of {len(good)})" if len(good) > 1 else ""
        cells = (goal.backend, goal.what, bound, f"{value:.3g}{_unit(goal)}", where, verdict + count)
        found.append(f"| {' | '.join(cells)} |")
    return found


def _unit(goal: Goal) -> str:
    return f" {goal.unit}" if goal.unit.isalpha() or goal.unit == "µs" else goal.unit
