"""Witnesses that confirm an enclosure: they share no rule, no recursion and no generated code with it.

All go forward, through the network's own equations: balls with tangents (whose slopes SymPy derives), the complex step
(where every operation is analytic), and central differences, extrapolated.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from types import MappingProxyType
from typing import Any

import numpy as np
from flint import arb, ctx

from rnnsym.evidence.balls import BITS, Ball, ball_numbers
from rnnsym.evidence.differences import NOISE, Extended
from rnnsym.evidence.enclosures import Enclosure, Subject, sizes_of
from rnnsym.evidence.examples import Example
from rnnsym.evidence.judging import Tally
from rnnsym.evidence.references import extended, reference_losses
from rnnsym.evidence.reports import Finding, Witness
from rnnsym.evidence.sequences import OwnEquations, alike, sequence_of, stacked_sequences
from rnnsym.model.activations import activations
from rnnsym.model.evaluation import Arithmetic, Array, choose, entrywise, evaluate
from rnnsym.model.expressions import Comparison, Elementwise, Extremum, Parameter, Selection, walk
from rnnsym.model.losses import losses
from rnnsym.model.networks import Network
from rnnsym.model.stacking import evaluate_stacked
from rnnsym.numerics.arrays import Float

SMALLEST_WEIGHT = 0.5  # of an entry in the direction along which a gradient is compared
SETTLED = 1e-10  # a difference whose own error is a larger share of the gradient has not converged: it tells nothing
UNSETTLED = 16.0  # … unless that error is no more than a few times the rounding of the differences themselves
IMAGINARY_STEP = Extended(2.0**-200)  # its square vanishes beside 1, so there is no truncation, nor any cancellation
FORWARD = "ball arithmetic with tangents, forward through the network's equations"
COMPLEX = "complex step in extended precision"
DIFFERENCES = "central differences in extended precision, extrapolated"
REASONS: Mapping[str, str] = MappingProxyType({
    FORWARD: "the two balls must overlap, whose radii the tolerance is",
    COMPLEX: "no truncation error; the bound of float64's rounding, beside which extended precision errs little",
    DIFFERENCES: "error estimate of the extrapolation plus the bound of float64's rounding",
})


@dataclass
class Confirmations:
    """What the further witnesses said of the enclosures, and whether one of them contradicted."""

    subject: Subject
    tallies: dict[str, Tally] = field(default_factory=lambda: {name: Tally() for name in REASONS})
    findings: list[Finding] = field(default_factory=list)

    def confirm(self, example: Example, enclosure: Enclosure) -> None:
        """Let each witness judge the enclosure of an example."""
        witnesses = [(FORWARD, _forward), (DIFFERENCES, _differences)]
        if is_analytic(self.subject.network):
            witnesses.append((COMPLEX, _complex_step))
        for name, witness in witnesses:
            for parameter, error, tolerance in witness(self.subject, example, enclosure):
                self.tallies[name].comparisons += 1
                self.tallies[name].take(error, tolerance)
                if not error <= tolerance:
                    self.findings.append(Finding(parameter, "", (
                        f"the derived gradient of {parameter} itself is in doubt: {name} differ from it by {error:.2g} "
                        f"(allowed {tolerance:.2g})")))

    def witnesses(self) -> tuple[Witness, ...]:
        """Return those that compared something."""
        return tuple(Witness(name, one.comparisons, one.error, one.tolerance, REASONS[name])
                     for name, one in self.tallies.items() if one.comparisons)


Comparisons = Iterator[tuple[str, float, float]]


def direction(name: str, shape: tuple[int, ...]) -> Float:
    """A direction without small entries, so that no wrong entry hides, nor symmetry, so that no transpose does."""
    random = np.random.default_rng(list(name.encode()))
    return random.choice([-1.0, 1.0], size=shape) * random.uniform(SMALLEST_WEIGHT, 1.0, size=shape)


def _along(enclosure: Enclosure, name: str, way: Float) -> tuple[float, float]:
    """The exact slope along a direction and the bound of rounding there; the bound is no number at a kink."""
    with ctx.workprec(BITS):
        parts = [arb(float(weight)) * ball for weight, ball in zip(way.reshape(-1), np.ravel(enclosure.exact[name]),
                                                                   strict=True)]
        total = sum(parts[1:], parts[0])
        bound = float((np.abs(way) * enclosure.bound[name]).sum())
        return float(total), bound if float(total.rad()) <= bound else np.nan


def _differences(subject: Subject, example: Example, enclosure: Enclosure) -> Comparisons:
    parameters = subject.network.parameters
    ways = {p: direction(p.name, example.parameters[p.name].shape) for p in parameters}
    slopes = [reference.slopes([{p: way} for p, way in ways.items()])
              for reference in reference_losses(subject.graph, example)]
    values, errors = (np.concatenate([getattr(one, name) for one in slopes]).mean(axis=0)
                      for name in ("values", "errors"))
    for (parameter, way), value, error in zip(ways.items(), values.tolist(), errors.tolist(), strict=True):
        exact, bound = _along(enclosure, parameter.name, way)
        if error <= max(SETTLED * abs(value), UNSETTLED * NOISE) and not np.isnan(bound):
            yield parameter.name, abs(value - exact), error + bound


def is_analytic(network: Network) -> bool:
    """Whether the complex step is valid: no kink, no jump, no case anywhere in the equations or the loss."""
    yhat, target = network.readout_equations[-1].target, network.target
    entry = losses[network.loss]
    expressions = [*(e.expression for e in (*network.equations, *network.readout_equations)), entry.value(yhat, target)]
    expressions += [e.expression for loop in network.loops for e in loop.equations]
    nodes = [node for expression in expressions for node in walk(expression)]
    cases = any(isinstance(node, Comparison | Selection | Extremum) for node in nodes)
    called = {node.function for node in nodes if isinstance(node, Elementwise)}
    return not cases and all(activations[name].analytic and name in _complex_functions for name in called)


def _complex_sigmoid(a: Array) -> Array:
    small = np.exp(np.where(a.real > 0, -a, a))
    return np.where(a.real > 0, 1, small) / (1 + small)


def _complex_softplus(a: Array) -> Array:
    return np.where(a.real > 0, a, 0) + np.log1p(np.exp(np.where(a.real > 0, -a, a)))


_complex_functions: Mapping[str, Callable[[Array], Array]] = MappingProxyType({
    "tanh": np.tanh, "exp": np.exp, "log": np.log, "sqrt": np.sqrt, "sin": np.sin, "cos": np.cos,
    "sigmoid": _complex_sigmoid, "softplus": _complex_softplus,
})


def _complex_number(value: Any) -> Any:
    return np.clongdouble(extended(value))


def _complex_step(subject: Subject, example: Example, enclosure: Enclosure) -> Comparisons:
    ways = {p: direction(p.name, example.parameters[p.name].shape) for p in subject.network.parameters}
    groups = alike(subject.network, example)
    values = np.concatenate([_complex_slopes(subject, example, numbers, ways) for numbers in groups]).mean(axis=0)
    for (parameter, way), value in zip(ways.items(), values.tolist(), strict=True):
        exact, bound = _along(enclosure, parameter.name, way)
        if np.isfinite(value) and not np.isnan(bound):
            yield parameter.name, abs(value - exact), bound


def _complex_slopes(
    subject: Subject, example: Example, numbers: tuple[int, ...], ways: Mapping[Parameter, Float]
) -> Float:
    """The slopes of some sequences' losses along each parameter's way, (sequences, parameters), in one stack."""
    sequence = stacked_sequences(subject.network, example, numbers)
    arithmetic = Arithmetic(_complex_number, lambda name, value: _complex_functions[name](np.asarray(value)),
                            sizes_of(subject, example, sequence), choose, lambda vector: vector.real.max(axis=-1))
    leaves = {leaf: np.asarray(value, dtype=np.clongdouble) for leaf, value in sequence.leaves.items()}
    for place, (parameter, way) in enumerate(ways.items()):
        leaves[parameter] = np.repeat(leaves[parameter], len(ways), axis=1)
        leaves[parameter][:, place] += 1j * IMAGINARY_STEP * way
    own = OwnEquations(subject.network, sequence, partial(evaluate_stacked, arithmetic=arithmetic))
    with np.errstate(all="ignore"):
        slopes = np.imag(own.loss(leaves)) / IMAGINARY_STEP
    return np.broadcast_to(slopes, (len(numbers), len(ways))).astype(np.float64)


def _forward(subject: Subject, example: Example, enclosure: Enclosure) -> Comparisons:
    """All entries at once: each parameter's entry is a direction of its own."""
    with ctx.workprec(BITS):
        rows = [_forward_row(subject, example, number) for number in range(len(example.inputs))]
        total = sum(rows[1:], rows[0]) / len(rows)
        place = 0
        for parameter in subject.network.parameters:
            exact = np.ravel(enclosure.exact[parameter.name])
            part, place = total[place : place + exact.size], place + exact.size
            gaps = [abs(one - other) for one, other in zip(part, exact, strict=True) if one.is_finite()]
            if gaps:
                yield (parameter.name, max(float(gap.abs_lower()) for gap in gaps),
                       max(float(gap.rad()) for gap in gaps))


def _forward_row(subject: Subject, example: Example, number: int) -> Array:
    sequence = sequence_of(subject.network, example, number)
    count = sum(value.size for value in example.parameters.values())
    numbers = ball_numbers(sizes_of(subject, example, sequence))
    leaves: dict[Any, Array] = {leaf: _balls(value) for leaf, value in sequence.leaves.items()}
    place = 0
    for parameter in subject.network.parameters:
        leaves[parameter] = _seeded(leaves[parameter], place, count)
        place += example.parameters[parameter.name].size
    loss = OwnEquations(subject.network, sequence, partial(evaluate, arithmetic=numbers.arithmetic)).loss(leaves)
    nothing: Array = np.array([arb(0)] * count, dtype=object)
    tangent = np.asarray(loss, dtype=object).reshape(-1)[0].tangent
    return nothing if tangent is None else tangent


def _balls(array: Any) -> Array:
    return entrywise(lambda value: Ball(arb(float(value))), np.asarray(array, dtype=np.float64))


def _seeded(array: Array, first: int, count: int) -> Array:
    places = iter(range(first, count))

    def seed(ball: Ball) -> Ball:
        tangent: Array = np.array([arb(0)] * count, dtype=object)
        tangent[next(places)] = arb(1)
        return Ball(ball.value, tangent)

    return entrywise(seed, array)
