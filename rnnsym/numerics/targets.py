"""The table of targets: for which library a network can be written as a module that stands alone."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from rnnsym.calculus.unrolling import graph_of
from rnnsym.errors import DerivationError
from rnnsym.model.networks import Network
from rnnsym.numerics.compilation import compile_network, require_code
from rnnsym.numerics.frameworks.jax_source import jax_source
from rnnsym.numerics.frameworks.torch_source import torch_source


@dataclass(frozen=True)
class Target:
    """A library that a module is written for; ``extra`` of rnnsym installs it, "" where it is there anyway."""

    name: str
    title: str
    source: Callable[[Network], str]
    extra: str = ""


_entries = (
    Target("numpy", "NumPy", lambda network: compile_network(network).source),
    Target("jax", "JAX", lambda network: jax_source(graph_of(network)), extra="jax"),
    Target("torch", "PyTorch", lambda network: torch_source(graph_of(network)), extra="torch"),
)

targets: Mapping[str, Target] = MappingProxyType({entry.name: entry for entry in _entries})


def emit(network: Network, target: str = "numpy") -> str:
    """L(θ) and ∂L/∂θ as the text of a module that imports one library alone: see ``rnnsym.emit``."""
    require_code(network)
    if not isinstance(target, str) or target not in targets:
        raise DerivationError(f"unknown target {target!r:.80}; the targets are {', '.join(targets)}")
    return targets[target].source(network)
