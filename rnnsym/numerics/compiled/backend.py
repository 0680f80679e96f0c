"""The numba backend: a generated module with its entries compiled; NumPy's where numba is not installed."""

from __future__ import annotations

import platform
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from types import ModuleType

from rnnsym.calculus.unrolling import StepGraph
from rnnsym.numerics.compiled.emission import numba_source
from rnnsym.numerics.compiled.storage import cached_module

PACKAGES = ("rnnsym", "numba", "llvmlite", "numpy")


def without_numba() -> str:
    """Say why numba cannot compute a network, and what does instead; nothing where it can."""
    try:
        numba = import_module("numba")
    except ModuleNotFoundError as error:
        fault = "is not installed" if error.name == "numba" else f"cannot be loaded ({error})"
    except ImportError as error:  # such as one that asks for another NumPy
        fault = f"cannot be loaded ({error})"
    else:
        return _stands_in("is switched off", "unset NUMBA_DISABLE_JIT") if numba.config.DISABLE_JIT else ""
    return _stands_in(fault, "pip install 'rnnsym[fast]' installs numba")


def _stands_in(fault: str, remedy: str) -> str:
    return f"numba {fault}, so NumPy computes this network, with the same numbers but more slowly: {remedy}"


def compiled_module(graph: StepGraph) -> tuple[str, ModuleType]:
    """Return the source for numba, and its module."""
    source = numba_source(graph)
    return source, cached_module(source, versions())


def versions() -> str:
    """Return the versions that compiled code depends on."""
    return " ".join([f"python {platform.python_version()}", *(f"{name} {_version(name)}" for name in PACKAGES)])


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:  # run from a folder with its source
        return "unknown"

