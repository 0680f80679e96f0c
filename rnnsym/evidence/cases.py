"""One judged call as a case to be explained: what the function returned, and what each mistake would have returned."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from rnnsym.calculus.adjoints import AdjointRecursion
from rnnsym.calculus.unrolling import StepGraph
from rnnsym.evidence.enclosures import Subject, sizes_of
from rnnsym.evidence.examples import Example
from rnnsym.evidence.judging import Judgement
from rnnsym.evidence.sequences import Sequence, sequence_of
from rnnsym.evidence.sweeps import Numbers, Place, Sweep
from rnnsym.model.evaluation import Arithmetic, choose
from rnnsym.numerics.arrays import Float
from rnnsym.numerics.functions import elementwise_functions

EXPLAINED = 1e-6  # of an error may be left over: what float64 loses where a mistake has made numbers large
ROUNDING = 4.0  # bounds: of the function under test, and of the prediction, which is float64, too

Terms = list[tuple[Place, Float]]


def plain_numbers(sizes: dict[Any, int]) -> Numbers:
    """Return float64 as the numbers of a sweep."""
    arithmetic = Arithmetic(
        lambda value: np.float64(float(value)), lambda name, value: elementwise_functions()[name](value), sizes, choose,
        np.max)
    return Numbers(lambda value: np.asarray(value, dtype=np.float64), arithmetic, arithmetic)


def sweeps_of(subject: Subject, example: Example) -> Iterator[Sweep]:
    """Yield a sweep in float64 of each sequence of an example."""
    for number in range(len(example.inputs)):
        sequence = sequence_of(subject.network, example, number)
        with np.errstate(all="ignore"):
            yield Sweep(subject.graph, subject.recursion, sequence, plain_numbers(sizes_of(subject, example, sequence)))


def mean_gradients(subject: Subject, sweeps: list[Sweep]) -> dict[str, Float]:
    """Return {parameter: ∂L/∂parameter} of the mean over sequences."""
    with np.errstate(all="ignore"):
        return {p.name: sum((s.gradient(p) for s in sweeps[1:]), sweeps[0].gradient(p)) / len(sweeps)
                for p in subject.network.parameters}


@dataclass(frozen=True)
class Case:
    """A judged call of the function under test."""

    subject: Subject
    judgement: Judgement

    @property
    def example(self) -> Example:
        """The arguments."""
        return self.judgement.example

    @property
    def work(self) -> int:
        """The number of sequence-steps: what a prediction costs."""
        example = self.example
        return int(max(example.inputs.size // max(example.inputs.shape[-1], 1), example.targets.shape[0]))

    @cached_property
    def sweeps(self) -> list[Sweep]:
        """The right recursion in float64, one sweep a sequence."""
        return list(sweeps_of(self.subject, self.example))

    @property
    def batch(self) -> int:
        """The number of sequences."""
        return len(self.example.inputs)

    def found(self, name: str) -> Float:
        """What the function returned."""
        return self.judgement.deviations[name].found

    def exact(self, name: str) -> Float:
        """What it should have returned."""
        return self.judgement.deviations[name].exact

    def wrong(self, name: str) -> bool:
        """Whether the gradient of a parameter is certainly wrong here."""
        return name in self.judgement.wrong

    def terms(self, name: str) -> list[Terms]:
        """What each place adds to ∂L/∂name, of each sequence, in the order of the steps."""
        (parameter,) = (p for p in self.subject.network.parameters if p.name == name)
        return [sorted(sweep.terms[parameter].items(), key=lambda item: item[0][1] or 0) for sweep in self.sweeps]

    def explained(self, name: str, predicted: Float) -> bool:
        """Whether what was found is what is predicted, up to rounding and a millionth of the error."""
        one = self.judgement.deviations[name]
        if predicted.shape != one.found.shape or not np.isfinite(predicted).all():
            return False
        error = float(np.abs(one.found - one.exact).max()) if self.wrong(name) else 0.0
        return bool((np.abs(one.found - predicted) <= ROUNDING * one.bound + EXPLAINED * error).all())

    def of_recursion(self, graph: StepGraph, recursion: AdjointRecursion, *, again: bool = False) -> dict[str, Float]:
        """The gradients of another recursion; ``again`` runs the forward pass of the graph, too."""
        found = []
        for sweep, sequence in zip(self.sweeps, self._sequences, strict=True):
            tapes = None if again else sweep.tapes
            with np.errstate(all="ignore"):
                found.append(Sweep(graph, recursion, sequence, sweep.numbers, tapes))
        return mean_gradients(self.subject, found)

    def of_last_output(self) -> dict[str, Float]:
        """The gradients where the loss of the last output alone is carried back."""
        with np.errstate(all="ignore"):
            found = [Sweep(self.subject.graph, self.subject.recursion, sequence, sweep.numbers, sweep.tapes,
                           last_output_only=True)
                     for sweep, sequence in zip(self.sweeps, self._sequences, strict=True)]
        return mean_gradients(self.subject, found)

    def of_example(self, example: Example) -> dict[str, Float]:
        """The gradients at other arguments."""
        return mean_gradients(self.subject, list(sweeps_of(self.subject, example)))

    @cached_property
    def _sequences(self) -> list[Sequence]:
        return [sequence_of(self.subject.network, self.example, number) for number in range(self.batch)]
