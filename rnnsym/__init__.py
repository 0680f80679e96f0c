"""rnnsym derives, runs, checks and prints the gradients of recurrent neural networks.

Names are imported when they are first used, so that ``import rnnsym`` and ``rnnsym --help`` answer at once.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rnnsym import book, dynamics, errors, evidence
    from rnnsym.api import assert_gradient, check, check_claim, check_gradient, compile, derive, derive_bounds, emit
    from rnnsym.evidence.verdicts import Verdict
    from rnnsym.model.cells import Cell, cells
    from rnnsym.model.networks import Network
    from rnnsym.model.text import Corpus, Vocabulary, corpora

__version__ = "0.1.0"

_homes = {
    "Cell": "rnnsym.model.cells",
    "Corpus": "rnnsym.model.text",
    "Network": "rnnsym.model.networks",
    "Verdict": "rnnsym.evidence.verdicts",
    "Vocabulary": "rnnsym.model.text",
    "assert_gradient": "rnnsym.api",
    "cells": "rnnsym.model.cells",
    "check": "rnnsym.api",
    "check_claim": "rnnsym.api",
    "check_gradient": "rnnsym.api",
    "compile": "rnnsym.api",
    "corpora": "rnnsym.model.text",
    "derive": "rnnsym.api",
    "derive_bounds": "rnnsym.api",
    "emit": "rnnsym.api",
}
_modules = ("book", "dynamics", "errors", "evidence")

__all__ = [
    "Cell",
    "Corpus",
    "Network",
    "Verdict",
    "Vocabulary",
    "assert_gradient",
    "book",
    "cells",
    "check",
    "check_claim",
    "check_gradient",
    "compile",
    "corpora",
    "derive",
    "derive_bounds",
    "dynamics",
    "emit",
    "errors",
    "evidence",
]


def __getattr__(name: str) -> Any:
    if name in _homes:
        return getattr(import_module(_homes[name]), name)
    if name in _modules:
        return import_module(f"rnnsym.{name}")
    raise AttributeError(f"module 'rnnsym' has no attribute {name!r}; it has {', '.join(__all__)}")


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
