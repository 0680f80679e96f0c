"""``python -m benchmarks``: generated gradients against those written by hand and those of frameworks, one thread.

Every contestant's gradients are compared with the plain loop's before it is timed. ``--write`` puts what was measured
into ``benchmarks/speed.json`` and renews ``speed.md`` and ``speed.svg``.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable, Mapping
from importlib.util import find_spec
from typing import Any

# One thread for everybody, set before anybody is imported. XLA reads NPROC for the size of its pool.
for name in ("NPROC", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"):
    os.environ[name] = "1"
os.environ["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"

PARTS = ("rows", "growth", "deriving", "agreement")


def arguments() -> argparse.Namespace:
    """Return the options."""
    if find_spec("threadpoolctl") is None:
        raise SystemExit("the benchmarks need threadpoolctl: pip install -e '.[bench]'")
    from benchmarks.contestants import contestants
    from benchmarks.rows import CELLS, SHAPES

    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__.splitlines()[0])
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=None,
                        help="what to measure (default: all, or the rows where these are chosen)")
    parser.add_argument("--seconds", type=float, default=5.0, help="for each row of the table (default: 5)")
    parser.add_argument("--cells", nargs="+", choices=CELLS, default=CELLS, help="rows of these cells only")
    parser.add_argument("--shapes", nargs="+", metavar="B,T,D,N", type=_shape, default=None,
                        help=f"rows of these shapes only, of {' '.join(','.join(map(str, one)) for one in SHAPES)}")
    parser.add_argument("--peers", nargs="+", metavar="NAME", choices=list(contestants), default=None,
                        help=f"these contestants and the plain loop only, of {', '.join(map(repr, contestants))}; "
                             "such rows cannot be written")
    parser.add_argument("--write", action="store_true", help="renew speed.json, speed.md and speed.svg")
    parser.add_argument("--fresh", action="store_true", help="with --write: forget what was measured before")
    found = parser.parse_args()
    if found.write and found.peers:
        parser.error("--write needs all contestants: the ratios of a row belong to one run")
    if not 0 < found.seconds < float("inf"):
        parser.error("--seconds must be positive")
    found.parts = found.parts or (("rows",) if found.shapes or found.peers else PARTS)
    found.shapes = found.shapes or SHAPES
    return found


def _shape(text: str) -> tuple[int, ...]:
    from benchmarks.rows import SHAPES

    for shape in SHAPES:
        if text == ",".join(map(str, shape)):
            return shape
    raise argparse.ArgumentTypeError(f"{text!r} is not a shape of the table")


def main() -> None:
    """Measure, print, and write where asked to."""
    options = arguments()
    from threadpoolctl import threadpool_limits

    from benchmarks import records
    from benchmarks.contestants import present

    chosen, absent = present(tuple(options.peers) if options.peers else None)
    for name, reason in absent.items():
        print(f"left out: {name}: {reason}")
    if "PyTorch loop" in chosen or "PyTorch layer" in chosen:
        import torch

        torch.set_num_threads(1)
    import scipy.linalg.blas  # noqa: F401  # its BLAS is loaded before the threads are limited

    known = records.stored()
    with threadpool_limits(1):
        print(records.described(records.machine()))
        found = {part: measures[part](options, chosen) for part in options.parts}
        if options.write:
            _write(records.merged({} if options.fresh else known, found, records.machine()))


def _rows(options: argparse.Namespace, chosen: Mapping[str, Any]) -> list[dict[str, Any]]:
    from benchmarks import rows
    from benchmarks.contestants import OURS, PLAIN

    found = []
    for cell in options.cells:
        for shape in options.shapes:
            row = rows.measured(chosen, cell, shape, options.seconds)
            found.append(row)
            print(f"\n{cell} {tuple(shape)}, {row['rounds']} rounds", flush=True)
            for name, seconds in sorted(row["seconds"].items(), key=lambda one: one[1]):
                others = "".join(f"  {row['ratios'][ours][name]:8.2f} x {ours}" for ours in OURS
                                 if name in row["ratios"].get(ours, {}))
                print(f"  {name:14} {seconds * 1e6:12.1f} µs{others}", flush=True)
            if OURS[0] in row["bytes"]:
                print(f"  peak memory {row['bytes'][OURS[0]] / row['bytes'][PLAIN]:.2f} x plain loop")
    return found


def _growth(options: argparse.Namespace, chosen: Mapping[str, Any]) -> list[dict[str, Any]]:
    from benchmarks import growth, records

    found = growth.measured(options.cells, options.seconds, tuple(chosen))
    print("\n" + "\n".join(records.growth_lines(found)))
    return found


def _deriving(options: argparse.Namespace, chosen: Mapping[str, Any]) -> list[dict[str, Any]]:
    from benchmarks import deriving, records

    found = deriving.measured(4 * options.seconds)
    print("\n" + "\n".join(records.deriving_lines(found)))
    return found


def _agreement(options: argparse.Namespace, chosen: Mapping[str, Any]) -> list[dict[str, Any]]:
    from benchmarks import agreement, records

    found = agreement.measured(tuple(chosen))
    print("\n" + "\n".join(records.agreement_lines(found)))
    for kind in ("refused", "wrong"):
        for line in (line for row in found for line in row[kind]):
            print(f"{kind}: {line}")
    return found


measures: dict[str, Callable[[argparse.Namespace, Mapping[str, Any]], list[dict[str, Any]]]] = {
    "rows": _rows, "growth": _growth, "deriving": _deriving, "agreement": _agreement,
}


def _write(whole: dict[str, list[dict[str, Any]]]) -> None:
    from benchmarks import figure, goals, records
    from rnnsym.dynamics.style import save_figure

    records.write(whole)
    save_figure(figure.draw(whole), records.PLACE / "speed.svg")
    print("\n" + "\n".join(goals.lines(whole)))


if __name__ == "__main__":
    main()
