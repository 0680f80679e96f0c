"""What is found of a claim: it holds, it is refuted by numbers, or it stays undecided, and why."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from rnnsym.evidence.claim_terms import Claim
from rnnsym.evidence.counterexamples import Counterexample

WORDS = {True: "holds", False: "refuted", None: "undecided"}


@dataclass(frozen=True)
class Verdict:
    """``holds`` is True (proved), False (refuted by ``counterexample``) or None (undecided).

    ``how`` says by which argument, or why not; ``tried`` lists what was tried, ``cases`` where a refuted claim does
    hold. ``claim`` is the claim as it was understood, ``note`` what is easily misunderstood in one that is refuted.
    """

    claim: Claim = field(repr=False)
    network: str
    seed: int
    holds: bool | None
    how: str
    tried: tuple[str, ...] = ()
    cases: tuple[str, ...] = ()
    counterexample: Counterexample | None = field(default=None, repr=False)
    note: str = ""

    def __bool__(self) -> bool:
        raise TypeError("a verdict has three outcomes: ask for .holds, which is True, False or None")

    @property
    def outcome(self) -> str:
        """holds, refuted or undecided."""
        return WORDS[self.holds]

    def text(self) -> str:
        """Return the verdict as lines of text, the counterexample as Python to paste."""
        lines = [f"{self.claim.text}", f"  {self.outcome} for {self.network}: {self.how}"]
        lines += [f"  {self.note}"] if self.note else []
        lines += [f"  {case}" for case in self.cases]
        lines += [f"  tried: {one}" for one in self.tried if one not in self.how]
        if self.counterexample is not None:
            lines += ["  counterexample, to paste:", *(f"    {line}" for line in self.counterexample.lines())]
        return "\n".join(lines)

    def __str__(self) -> str:
        return self.text()

    def as_json(self) -> str:
        """Return the verdict as JSON."""
        found = self.counterexample
        content: dict[str, Any] = {
            "claim": self.claim.text, "network": self.network, "holds": self.holds, "how": self.how,
            "tried": self.tried, "cases": self.cases, "note": self.note, "seed": self.seed,
            "counterexample": None if found is None else found.lines(),
        }
        return json.dumps(content, indent=2, ensure_ascii=False) + "\n"
