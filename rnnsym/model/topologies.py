"""The table of topologies: how inputs and outputs lie over the steps; a new one is one entry."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True)
class Topology:
    """How inputs and outputs lie over the steps.

    ``one_input``: the inputs have no axis of steps. ``every``: an output at every step, else one after the last.
    ``feeds_back``: x_1 is the input, later steps read the output before. ``decodes``: a second cell, the decoder,
    starts from the last states of the first and gives the outputs, over steps of its own.
    """

    name: str
    title: str
    one_input: bool = False
    every: bool = False
    feeds_back: bool = False
    decodes: bool = False

    @property
    def single_step(self) -> bool:
        """Whether there is one step only, T = 1."""
        return self.one_input and not self.every


_entries = (
    Topology("one-to-one", "one input, one output, a single step", one_input=True),
    Topology("one-to-many", "one input, an output at every step, each fed back as the next input",
             one_input=True, every=True, feeds_back=True),
    Topology("many-to-one", "an input at every step, one output after the last"),
    Topology("many-to-many", "an input and an output at every step", every=True),
    Topology("encoder-decoder", "an input at every step of the encoder, then an output at every step of the decoder",
             every=True, decodes=True),
)

topologies: Mapping[str, Topology] = MappingProxyType({entry.name: entry for entry in _entries})
