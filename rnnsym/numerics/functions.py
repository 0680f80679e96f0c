"""The table's functions as callables, made of the same text as generated code; they keep the given precision."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from types import MappingProxyType
from typing import Any

from rnnsym.model.activations import activations
from rnnsym.numerics.loading import load_source


@cache
def elementwise_functions() -> Mapping[str, Callable[[Any], Any]]:
    """Return {name: function of an array} for the whole table of activations."""
    bodies = [f"def {name}_(a):\n    return {entry.numpy.format(a='a')}" for name, entry in activations.items()]
    helpers = [entry.helper for entry in activations.values() if entry.helper]
    module = load_source("rnnsym_functions", "\n\n".join(["import numpy as np", *helpers, *bodies]) + "\n")
    return MappingProxyType({name: getattr(module, f"{name}_") for name in activations})
