"""What a check found: findings in words, the smallest counterexample, the witnesses and what they could see."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from rnnsym.evidence.examples import Example


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong: of which parameter, at which place, in words; ``mistake`` is the likely bug alone."""

    parameter: str
    path: str
    message: str
    mistake: str = ""

    def __str__(self) -> str:
        return self.message


@dataclass(frozen=True)
class Witness:
    """One way of judging: how many comparisons it made, the largest error against the tolerance there, and why."""

    name: str
    comparisons: int
    error: float
    tolerance: float
    reason: str


@dataclass(frozen=True)
class Report:
    """The outcome of a check: ``passed`` is False only on findings, ``undecided`` lists what no witness could tell."""

    subject: str
    seed: int
    findings: tuple[Finding, ...]
    counterexample: Example | None = field(repr=False)
    witnesses: tuple[Witness, ...]
    minimum_detectable_error: dict[str, float]
    undecided: tuple[str, ...] = ()
    regimes: dict[str, tuple[int, int]] = field(default_factory=dict)
    adapter: str = ""
    call: str = ""
    dtype: str = "float64"

    @property
    def passed(self) -> bool:
        """Whether nothing is wrong."""
        return not self.findings

    def __str__(self) -> str:
        lines = [f"{self.subject}: {'passed' if self.passed else 'FAILED'} (seed {self.seed})"]
        lines += [f"  {self.adapter}"] if self.adapter else []
        lines += [f"  {line}" for line in _listed(self.findings)]
        if self.findings and self.regimes:
            shown = ", ".join(f"{name} {wrong} of {all_}" for name, (wrong, all_) in self.regimes.items())
            lines.append(f"  designed examples on which something is wrong: {shown}")
        if self.counterexample is not None:
            lines += ["  smallest counterexample, to paste:", *(f"    {line}".rstrip() for line in self.pasted())]
        return "\n".join([*lines, *(f"  {line}" for line in self._evidence())])

    def _evidence(self) -> Iterator[str]:
        """By what it was checked, and how small an error was seen."""
        yield from (f"{witness.name}: {_outcome(witness)}" for witness in self.witnesses)
        if self.minimum_detectable_error:
            seen = ", ".join(f"{name} {value:.1g}" for name, value in self.minimum_detectable_error.items())
            yield f"an error in one entry of a gradient of ordinary size is seen from: {seen}"
        if self.undecided:
            yield f"undecided: {len(self.undecided)}, the first: {self.undecided[0]}"

    def pasted(self) -> list[str]:
        """The counterexample as Python that can be run, with the call of the function where it has a name."""
        lines = [] if self.counterexample is None else paste(self.counterexample, self.dtype)
        name = "answer" if self.adapter else "loss, gradients"  # adapted functions return more forms than one
        return [*lines, f"{name} = {self.call}"] if self.call and lines else lines

    def as_json(self) -> str:
        """Return the report as JSON."""
        content = {
            "subject": self.subject,
            "passed": self.passed,
            "seed": self.seed,
            "findings": [vars(finding) for finding in self.findings],
            "regimes": {name: list(counts) for name, counts in self.regimes.items()},
            "witnesses": [vars(witness) for witness in self.witnesses],
            "minimum_detectable_error": self.minimum_detectable_error,
            "undecided": list(self.undecided),
            "called": self.adapter or self.call,
            "counterexample": None if self.counterexample is None else self.pasted(),
        }
        return json.dumps(content, indent=2, ensure_ascii=False) + "\n"


def _listed(findings: tuple[Finding, ...]) -> list[str]:
    """The findings, those of one mistake below each other."""
    lines, said = list[str](), ""
    for finding in findings:
        if finding.mistake and finding.mistake != said:
            lines.append(finding.mistake)
        rest = finding.message.removeprefix(finding.mistake).strip() if finding.mistake else finding.message
        lines.append(f"  {rest}" if finding.mistake else rest)
        said = finding.mistake
    return lines


def _outcome(witness: Witness) -> str:
    if not witness.comparisons:
        return "nothing was compared"
    worst = f"largest error {witness.error:.2g} where {witness.tolerance:.2g} is allowed"
    return f"{witness.comparisons} comparisons, {worst} ({witness.reason})"


def paste(example: Example, dtype: str = "float64") -> list[str]:
    """Return an example as lines of Python that build it, its floats of the dtype."""
    def array(value: Any) -> str:
        kind = f", dtype=np.{dtype}" if dtype != "float64" and np.asarray(value).dtype.kind == "f" else ""
        return f"np.array({np.asarray(value).tolist()!r}{kind})"

    values = (f"    {name!r}: {array(value)}," for name, value in example.parameters.items())
    lines = ["import numpy as np", "", "parameters = {", *values, "}"]
    lines += [f"inputs = {array(example.inputs)}", f"targets = {array(example.targets)}"]
    state = example.initial_state
    pairs = [f"{name!r}: {array(value)}" for name, value in (state or {}).items()]
    starts = "None" if state is None else f"{{{', '.join(pairs)}}}"
    lines += [f"initial_state = {starts}",
              f"lengths = {'None' if example.lengths is None else array(example.lengths)}"]
    return lines if example.target_lengths is None else [*lines, f"target_lengths = {array(example.target_lengths)}"]
