"""The exact gradient of given float64 arguments, enclosed, and how far float64 may stray from it.

The adjoint recursion runs in ball arithmetic: what comes out is not an approximation with hope but an interval that
holds the gradient of the mean loss over the batch. Other witnesses, which share nothing with the recursion, confirm it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np
from flint import arb, ctx

from rnnsym.calculus.adjoints import AdjointRecursion, adjoint_recursion
from rnnsym.calculus.unrolling import StepGraph, graph_of
from rnnsym.evidence.examples import Example
from rnnsym.evidence.rounding import BITS, SLACK, Certified, certified_numbers
from rnnsym.evidence.sequences import Sequence, sequence_of
from rnnsym.evidence.sweeps import Sweep
from rnnsym.model.evaluation import Array, entrywise
from rnnsym.model.expressions import Variable
from rnnsym.model.networks import Network
from rnnsym.numerics.arrays import Float

STEP_BITS = 8  # a step, forward and back: radii grow with products of absolute values, values with those of Jacobians


@dataclass(frozen=True)
class Subject:
    """The network that a gradient is judged against, and its recursion, which is derived once for all examples."""

    graph: StepGraph
    recursion: AdjointRecursion

    @classmethod
    def of(cls, network: Network) -> Subject:
        """Return the subject of a network."""
        graph = graph_of(network)
        return cls(graph, adjoint_recursion(graph))

    @property
    def network(self) -> Network:
        """The network itself."""
        return self.graph.network


@dataclass(frozen=True)
class Enclosure:
    """{name: balls that hold the exact gradient} and {name: bounds of float64's error}, entry by entry.

    Names are those of the parameters, ``inputs`` where there is one at each step, and initial states (``h_0``). A ball
    that is wider than its bound belongs to a kink: it holds the gradients of both sides.
    """

    exact: dict[str, Array]
    bound: dict[str, Float]

    @property
    def finite(self) -> bool:
        """Whether every ball and every bound is finite: the example lies in the functions' domains."""
        return all(np.isfinite(bound).all() for bound in self.bound.values()) and all(
            ball.is_finite() for balls in self.exact.values() for ball in np.asarray(balls, dtype=object).reshape(-1)
        )

    def value(self, name: str) -> Float:
        """Return the centres of the balls of one gradient as floats."""
        return floats(self.exact[name])


def floats(balls: Array) -> Float:
    """Return the centres of balls as floats."""
    return np.asarray(entrywise(float, balls), dtype=np.float64)


def enclosed_gradient(subject: Subject, example: Example, dtype: Any = np.float64) -> Enclosure:
    """Return the enclosure of ∂L/∂θ of an example, for arithmetic of ``dtype``."""
    with ctx.workprec(_bits(example)), np.errstate(all="ignore"):
        gradients = _gradients(subject, example, dtype)
        exact = {name: entrywise(lambda one: one.exact, value) for name, value in gradients.items()}
        bound = {name: SLACK * np.asarray(entrywise(lambda one: one.error, value), dtype=np.float64)
                 for name, value in gradients.items()}
    return Enclosure(exact, bound)


def _bits(example: Example) -> int:
    """Precision for which the radii stay far below the bounds, though each step may make them some times larger."""
    steps = (array.shape[1] for array in (example.inputs, example.targets) if array.ndim > 1)
    return BITS + STEP_BITS * max(steps, default=1)


def _gradients(subject: Subject, example: Example, dtype: Any) -> dict[str, Array]:
    sweeps = list(_sweeps(subject, example, dtype))
    batch = len(sweeps)
    found = {}
    for parameter in subject.network.parameters:
        each = [entrywise(_apart, sweep.gradient(parameter)) for sweep in sweeps]
        found[parameter.name] = sum(each[1:], each[0]) / batch
    found |= {"inputs": _of_inputs(sweeps, example)} if has_input_at_each_step(subject.network) else {}
    return found | {f"{name}_0": np.stack([entrywise(_apart, sweep.starts[state]) / batch for sweep in sweeps])
                    for name, state in free_starts(subject).items() if state in sweeps[0].starts}


def _apart(one: Certified) -> Certified:
    """The same number with its error as a bound alone: each sequence has settled errors of its own."""
    return type(one)(one.exact, one.error)


def free_starts(subject: Subject) -> dict[str, Variable]:
    """Return {name: state} of the states with one initial value each that an example can give."""
    free = {s.variable.name for s in subject.network.states if s.lag == 1}
    return {state.name: state for loop in subject.graph.loops for state in loop.states
            if state.name in free and state not in loop.starts()}


def has_input_at_each_step(network: Network) -> bool:
    """Whether ∂L/∂x_t exists for each t."""
    return not (network.shape_of_steps.one_input or network.reads_index or network.shape_of_steps.single_step)


def _sweeps(subject: Subject, example: Example, dtype: Any) -> Iterator[Sweep]:
    for number in range(len(example.inputs)):
        sequence = sequence_of(subject.network, example, number)
        sizes = sizes_of(subject, example, sequence)
        numbers = certified_numbers(sizes, _settled(subject.graph, sizes), dtype)
        yield Sweep(subject.graph, subject.recursion, sequence, numbers)


def _settled(graph: StepGraph, sizes: dict[Any, int]) -> int:
    """How many entries of states, and of their adjoints, go from one step to another."""
    return 2 * sum(sizes[loop.loop.steps] * prod(int(length.xreplace(sizes)) for length in state.shape)
                   for loop in graph.loops for state in loop.states)


def sizes_of(subject: Subject, example: Example, sequence: Sequence) -> dict[Any, int]:
    """Return all sizes of a sequence of an example, the numbers of steps among them."""
    return {**subject.network.size_values(**example.sizes), **sequence.counts}


def _of_inputs(sweeps: list[Sweep], example: Example) -> Array:
    found = np.empty(example.inputs.shape, dtype=object)
    for place in np.ndindex(found.shape):
        found[place] = _ZERO
    for number, sweep in enumerate(sweeps):
        for step, value in sweep.inputs.items():
            found[number, step - 1] = value / len(sweeps)
    return found


_ZERO = Certified(arb(0))  # of a step behind the end of a padded sequence


@dataclass(frozen=True)
class Deviation:
    """How far a computed gradient is from the exact one, entry by entry: certified bounds from below and above."""

    found: Float
    exact: Float
    below: Float
    above: Float
    bound: Float
    wide: Any

    @property
    def wrong(self) -> Any:
        """Which entries are certainly further away than rounding can explain."""
        return (self.below > self.bound) & ~self.wide

    @property
    def undecided(self) -> Any:
        """Which entries lie at a kink and outside what lies between its two sides."""
        return (self.below > self.bound) & self.wide


def deviation(found: Float, balls: Array, bound: Float) -> Deviation:
    """Compare a computed gradient with the balls that hold the exact one."""
    with ctx.workprec(BITS):
        gaps = np.asarray(entrywise(lambda value: arb(float(value)), found), dtype=object) - balls
        below = np.asarray(entrywise(lambda gap: float(gap.abs_lower()), gaps), dtype=np.float64)
        above = np.asarray(entrywise(lambda gap: float(gap.abs_upper()), gaps), dtype=np.float64)
        radius = np.asarray(entrywise(lambda ball: float(ball.rad()), balls), dtype=np.float64)
    return Deviation(found, floats(balls), below, above, bound, radius > bound)
