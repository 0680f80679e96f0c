"""The same gradients in C by hand: ``benchmarks/c/*.c``, compiled for this machine when the benchmark runs."""

from __future__ import annotations

import ctypes
import os
import shlex
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.plain import Result

SOURCES = Path(__file__).parent / "c"
FLAGS = ("-O3", "-march=native", "-std=gnu11", "-fPIC")
FAST_MATH = ("-ffast-math",)  # vector forms of exp and tanh, a few units in the last place off


def compiler() -> str | None:
    """Return the C compiler of this machine: ``$CC``, else ``cc``; None where there is none."""
    return shutil.which(shlex.split(os.environ.get("CC") or "cc")[0])


@cache
def library(cell: str, extra: tuple[str, ...] = ()) -> Any:
    """Compile a cell and load it; the folder goes when the process ends."""
    base = f"{_folder().name}/{cell}{''.join(extra)}"
    _run([*FLAGS, *extra, "-c", f"{SOURCES}/{cell}.c", "-o", f"{base}.o"])
    # Linked apart: with -ffast-math the linker adds code that turns off denormal numbers in the whole process.
    _run(["-shared", f"{base}.o", "-o", f"{base}.so", "-lm"])
    gradient = ctypes.CDLL(f"{base}.so").gradient
    gradient.restype = ctypes.c_double
    gradient.argtypes = [ctypes.c_long] * 4 + [ctypes.c_void_p] * 4
    return gradient


@cache
def _folder() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory(prefix="benchmarks-c-")


def _run(arguments: list[str]) -> None:
    command = [compiler() or "cc", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"C by hand: {' '.join(command)} failed:\n{done.stderr}")


def with_c(cell: str, p: dict[str, Any], inputs: Any, targets: Any, *extra: str) -> Callable[[], Result]:
    """C called from Python: the arguments' addresses are known beforehand, the gradients are fresh."""
    gradient, (batch, steps, d) = library(cell, extra), inputs.shape
    addresses = (ctypes.c_void_p * len(p))(*(value.ctypes.data for value in p.values()))
    fixed = (batch, steps, d, len(p["W_o" if cell == "simple" else "W_y"]), addresses, inputs.ctypes.data,
             targets.ctypes.data)
    ends = np.cumsum([value.size for value in p.values()]).tolist()
    places = [(name, value.shape, 8 * (end - value.size)) for (name, value), end in zip(p.items(), ends, strict=True)]
    block, make = ctypes.c_double * ends[-1], np.ndarray

    def run() -> Result:
        found = block()
        loss = gradient(*fixed, found)
        return loss, {name: make(shape, float, found, offset) for name, shape, offset in places}

    run.kept = p, inputs, targets  # type: ignore[attr-defined]  # their addresses are in use
    return run


def with_fast_math(cell: str, p: dict[str, Any], inputs: Any, targets: Any) -> Callable[[], Result]:
    """The same source with ``-ffast-math``."""
    return with_c(cell, p, inputs, targets, *FAST_MATH)
