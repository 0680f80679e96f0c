"""The numba backend: a generated module with its entries compiled; NumPy's where numba is not installed."""

from __future__ import annotations

import platform
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from types import ModuleType

from rnnsym.calculus.unrolling import StepGraph
from rnnsym.numerics.compiled.emission import numba_source
from rnnsym.numerics.compiled.storage import cached_module

MISSING = ("numba is not installed, so NumPy computes this network, with the same numbers but more slowly: "
           "pip install 'rnnsym[fast]' installs numba")
PACKAGES = ("rnnsym", "numba", "llvmlite", "numpy")


def has_numba() -> bool:
    """Whether numba is installed."""
    return find_spec("numba") is not None


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

