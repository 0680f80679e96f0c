"""The table's functions as callables, made of the same text as generated code; they keep the given precision."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from types import MappingProxyType
from typing import Any

from rnnsym.model.activations import activations
from rnnsym.numerics.loading import load_source

SOFTMAX_SOURCE = '''
def softmax(a):
    """Return exp(a) / sum(exp(a)) along the last axis, without overflow."""
    powers = np.exp(a - a.max(axis=-1, keepdims=True))
    return powers / powers.sum(axis=-1, keepdims=True)
'''

LOGSUMEXP_SOURCE = '''
def logsumexp(a):
    """Return log(sum(exp(a))) along the last axis, without overflow."""
    largest = a.max(axis=-1, keepdims=True)
    return largest[..., 0] + np.log(np.exp(a - largest).sum(axis=-1))
'''

helpers: Mapping[str, str] = MappingProxyType(
    {name: entry.helper for name, entry in activations.items() if entry.helper}
    | {"softmax": SOFTMAX_SOURCE, "logsumexp": LOGSUMEXP_SOURCE}
)
"""What generated code defines for itself, by the name of the function that needs it."""


@cache
def elementwise_functions() -> Mapping[str, Callable[[Any], Any]]:
    """Return {name: function of an array} for the whole table of activations."""
    bodies = [f"def {name}_(a):\n    return {entry.numpy.format(a='a')}" for name, entry in activations.items()]
    module = load_source("rnnsym_functions", "\n\n".join(["import numpy as np", *helpers.values(), *bodies]) + "\n")
    return MappingProxyType({name: getattr(module, f"{name}_") for name in activations})
