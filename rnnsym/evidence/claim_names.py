"""The names that a claim may use: what a network's equations assign, its inputs and parameters, and at which steps."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from rnnsym.calculus.unrolling import BACK, StepGraph
from rnnsym.errors import DerivationError
from rnnsym.evidence.claim_terms import Quantity
from rnnsym.model.expressions import Constant, Parameter, Variable
from rnnsym.model.other_notations import quantity_otherwise


@dataclass(frozen=True)
class Entry:
    """A name: ``single`` where it stands without an index, ``stepped`` where it stands with one.

    With an index it exists at the steps 1 − ``before``, …, T + ``after``.
    """

    single: Any = None
    stepped: Variable | None = None
    before: int = 0
    after: int = 0


@dataclass(frozen=True)
class Names:
    """All names of a network by what the user calls them."""

    entries: Mapping[str, Entry]
    constants: Mapping[str, Constant]

    @classmethod
    def of(cls, graph: StepGraph) -> Names:
        """Return the names of a network; DerivationError for an encoder-decoder, whose steps are of two kinds."""
        network = graph.network
        if network.shape_of_steps.decodes:
            raise DerivationError("claims about encoder-decoder networks are not supported: their steps are counted by "
                                  "two numbers, T and S; state the claim of the encoder or the decoder alone")
        entries = {p.name: Entry(single=p) for p in network.parameters}
        entries |= {name.name: _entry(name) for name in (network.input, graph.target)}
        entries |= {a.target.name: _entry(a.target) for a in graph.readout}
        for loop in graph.loops:
            entries |= {a.target.name: _entry(a.target) for a in loop.cell if BACK not in a.target.name}
            outside = {"after": 1} if loop.loop.reverse else {"before": 1}
            entries |= {s.name: Entry(stepped=s, **outside) for s in loop.states if BACK not in s.name}
        loss = graph.step_loss.target
        entries["L"] = Entry(graph.loss.target, loss if graph.every else None)
        return cls(entries, {constant.name: constant for constant in network.constants})

    def exists(self, quantity: Quantity, indices: Mapping[str, int]) -> bool:
        """Whether a quantity has a value at its step."""
        if quantity.step is None:
            return True
        entry = self.entries[quantity.name.name]
        return 1 - entry.before <= quantity.step.at(indices) <= indices["T"] + entry.after

    def computed(self, quantity: Quantity, indices: Mapping[str, int]) -> bool:
        """Whether an equation gives a quantity at its step: an initial state has no immediate derivatives."""
        return quantity.step is None or 1 <= quantity.step.at(indices) <= indices["T"]

    def unknown(self, name: str) -> str:
        """Return what to say of a name that there is not."""
        known = [*self.entries, *self.constants, "T", "I"]
        near = difflib.get_close_matches(name, known, 1)
        question = quantity_otherwise(name, known) or (f" (did you mean `{near[0]}`?)" if near else "")
        return f"there is no `{name}` in this network{question}; it has {', '.join(known)}"


def _entry(name: Any) -> Entry:
    stepless = isinstance(name, Parameter) or name.step is None
    return Entry(single=name) if stepless else Entry(stepped=name)
