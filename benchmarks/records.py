"""The record, ``speed.json``, and its tables, ``speed.md``; what is measured anew takes the place of the old."""

from __future__ import annotations

import importlib.metadata
import json
import platform
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from threadpoolctl import threadpool_info

from benchmarks import goals
from benchmarks.contestants import OURS, PLAIN
from benchmarks.rows import key
from rnnsym.model.whole_files import write_whole

PLACE = Path(__file__).parent
PACKAGES = ("numpy", "scipy", "numba", "autograd", "torch", "jax")
PARTS = {"rows": ("cell", "shape"), "growth": ("contestant", "cell"), "deriving": ("name",),
         "agreement": ("contestant", "name")}
Record = dict[str, list[dict[str, Any]]]


def machine() -> dict[str, Any]:
    """Return what the numbers depend on: processor, versions, and the kernels that each BLAS chose for it."""
    versions = {}
    for name in PACKAGES:
        try:
            versions[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    blas = sorted({f"{one['internal_api']} {one['version']} {one.get('architecture', '')}".strip()
                   for one in threadpool_info() if one["user_api"] == "blas"})
    return {"processor": _processor(), "python": platform.python_version(), "packages": versions, "blas": blas}


def _processor() -> str:
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.split(":", 1)[1].strip() for line in text.splitlines() if line.startswith("model name")]
    return names[0] if names else platform.machine()


def described(known: Mapping[str, Any]) -> str:
    """Return the machine in one line."""
    packages = ", ".join(f"{name} {version}" for name, version in known["packages"].items())
    return f"{known['processor']}; Python {known['python']}; {packages}; BLAS: {', '.join(known['blas'])}"


def stored() -> Record:
    """Return the record as it is on the disk, empty where there is none."""
    path = PLACE / "speed.json"
    known = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    return {part: known.get(part, []) for part in PARTS}


def merged(old: Mapping[str, list[dict[str, Any]]],
           new: Mapping[str, list[dict[str, Any]]], on: Mapping[str, Any]) -> Record:
    """Return the old record with what was measured now in the place of what it repeats; the rest stays as it is.

    Raises SystemExit where a row would lose a contestant that it has: its ratios belong to one run.
    """
    found: Record = {}
    for part, names in PARTS.items():
        given = {_identity(one, names): {**one, "machine": dict(on)} for one in new.get(part, [])}
        kept = {_identity(one, names): one for one in old.get(part, [])}
        for place in (place for place in given if place in kept):
            lost = [name for name in kept[place].get("seconds", {}) if part == "rows" and name not in
                    given[place]["seconds"]]
            if lost:
                where = " ".join(map(str, place))
                raise SystemExit(f"{where}: speed.json has {', '.join(lost)}, which did not run now; install what "
                                 "is missing, or give --fresh to start the record anew")
        found[part] = list((kept | given).values())
    found["rows"].sort(key=key)
    return found


def _identity(one: Mapping[str, Any], names: tuple[str, ...]) -> tuple[Any, ...]:
    return tuple(tuple(one[name]) if isinstance(one[name], list) else one[name] for name in names)


HEAD = """# Speed

Loss and gradient of many-to-one networks in float64 on one thread: `rnnsym.compile(network, backend).value_and_grad`
against the same numbers by hand and by frameworks. `python -m benchmarks --write` made this page; what is measured and
how is told in [docs/benchmarks.md](../docs/benchmarks.md).

![Seconds of all contestants](speed.svg)

## Goals

Each goal's worst number over all rows that it covers; in brackets, how many of them reach it.

"""


def page(record: Record) -> str:
    """Return speed.md."""
    parts = [HEAD, "\n".join(goals.lines(record)), "\n"]
    for ours in OURS:
        table = row_lines(record["rows"], ours)
        if len(table) > 2:
            parts += [f"\n## {ours}: how many times as long others take\n\n", "\n".join(table), "\n"]
    parts += ["\n## Growth with T\n\nOne sequence, d = 8, n = 16.\n\n", "\n".join(growth_lines(record["growth"])), "\n",
              "\n## Deriving\n\n", "\n".join(deriving_lines(record["deriving"])), "\n",
              "\n## Agreement with the exact gradient\n\n", "\n".join(agreement_lines(record["agreement"])), "\n",
              "\n## Machine\n\n"]
    machines = {described(one["machine"]): None for part in PARTS for one in record[part]}
    parts += ["\n".join(f"- {one}" for one in machines), "\n"]
    if len(machines) > 1:
        parts.append("\nNot all parts were measured on the same machine: speed.json says which was measured where.\n")
    return "".join(parts)


def row_lines(rows: list[dict[str, Any]], ours: str) -> list[str]:
    """Return a table: our microseconds, and how many times as long each peer takes."""
    shown = [row for row in rows if ours in row["ratios"]]
    names = list(dict.fromkeys(name for row in shown for name in row["ratios"][ours] if name not in OURS))
    memory = any(ours in row["bytes"] for row in shown)
    head = ["cell", "(batch, T, d, n)", "µs", *names, *(["memory / plain"] if memory else [])]
    found = ["| " + " | ".join(head) + " |", "|---|---|" + "---:|" * (len(head) - 2)]
    for row in shown:
        given = row["ratios"][ours]
        ratios = [f"{given[name]:.2f}" if name in given else "–" for name in names]
        used = [f"{row['bytes'][ours] / row['bytes'][PLAIN]:.2f}"] if memory else []
        shape = "(" + ", ".join(map(str, row["shape"])) + ")"
        micros = f"{row['seconds'][ours] * 1e6:,.1f}"
        found.append(f"| {' | '.join([row['cell'], shape, micros, *ratios, *used])} |")
    return found


def growth_lines(rows: list[dict[str, Any]]) -> list[str]:
    """Return the table of milliseconds by T, and the fitted exponents."""
    lengths = list(dict.fromkeys(int(T) for row in rows for T in row["seconds"]))
    found = ["| | cell | " + " | ".join(f"T = {T:,}" for T in lengths) + " | exponent |",
             "|---|---|" + "---:|" * (len(lengths) + 1)]
    for row in rows:
        times = {int(T): value for T, value in row["seconds"].items()}
        cells = " | ".join(f"{times[T] * 1e3:.3f} ms" if T in times else "–" for T in lengths)
        found.append(f"| {row['contestant']} | {row['cell']} | {cells} | {row['exponent']:.3f} |")
    return found


def deriving_lines(rows: list[dict[str, Any]]) -> list[str]:
    """Return the table of milliseconds of deriving."""
    return ["| | ms |", "|---|---:|", *(f"| {row['name']} | {row['seconds'] * 1e3:,.1f} |" for row in rows)]


def agreement_lines(rows: list[dict[str, Any]]) -> list[str]:
    """Return the table of gradients that were compared with exact ones."""
    found = ["| | of | networks | within 1e-12 | worst | within rounding | undecided | refused | wrong |",
             "|---|---|" + "---:|" * 7]
    for row in rows:
        counts = (row["networks"], row["within"], f"{row['worst']:.1e}", row["rounding"], row["undecided"],
                  len(row["refused"]), len(row["wrong"]))
        found.append(f"| {row['contestant']} | {row['name']} | {' | '.join(map(str, counts))} |")
    return found


def replace_file(path: Path, text: str) -> None:
    """Write a file whole or not at all."""
    write_whole(text.encode(), path)


def write(record: Record) -> None:
    """Write speed.json and speed.md."""
    replace_file(PLACE / "speed.json", json.dumps(record, indent=1) + "\n")
    replace_file(PLACE / "speed.md", page(record))
