"""The command that decides a claim: exit status 0 where it holds, 1 where it is refuted or undecided."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from rnnsym.cli.inputs import one_of
from rnnsym.cli.outputs import deliver
from rnnsym.model.networks import Network


@dataclass(frozen=True)
class Request:
    """What is asked: the equation, of which network, at how many steps (None: all), and where the answer goes."""

    equation: str
    network: Network
    steps: int | None
    form: str
    output: Path | None
    seed: int


def answer(request: Request) -> int:
    """Decide the claim, deliver the verdict, and return the exit status."""
    import rnnsym

    one_of("--format", request.form, ("text", "json"))
    verdict = rnnsym.check_claim(request.equation, request.network, request.seed, steps=request.steps)
    deliver(verdict.as_json() if request.form == "json" else f"{verdict.text()}\n", request.output)
    return 0 if verdict.holds else 1
