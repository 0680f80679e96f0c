"""One function, one example: what is wrong with the loss and the gradients it returns."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from rnnsym.calculus.adjoints import AdjointRecursion, adjoint_recursion
from rnnsym.calculus.unrolling import StepGraph, graph_of
from rnnsym.evidence.differences import NOISE, ReferenceLoss, Slope
from rnnsym.evidence.examples import Example
from rnnsym.evidence.reports import Finding
from rnnsym.evidence.rounding import UNIT, gradient_bounds
from rnnsym.model.expressions import Parameter
from rnnsym.model.networks import Network
from rnnsym.numerics.arrays import Float

Function = Callable[..., Any]
SETTLED = 1e-10  # a difference whose own error is a larger share of the gradient has not converged: undecided
UNSETTLED = 16.0  # … unless that error is no more than a few times the rounding of the differences themselves
SMALLEST_WEIGHT = 0.5  # of an entry in the direction along which a gradient is compared
REPEATABLE = 1e-12  # threads may sum in another order the second time; more than that is another answer
LOSS_SLACK = 1e4  # units of rounding allowed to a loss, which passes a few hundred operations a sequence


@dataclass
class Tally:
    """What was compared so far: counts, the worst ratio of error to tolerance, each parameter's smallest tolerance."""

    comparisons: int = 0
    error: float = 0.0
    tolerance: float = 1.0
    detectable: dict[str, float] = field(default_factory=dict)
    undecided: list[str] = field(default_factory=list)
    passed_over: int = 0

    def note(self, parameter: str, error: float, tolerance: float) -> None:
        """Count the comparison of one gradient; an entry wrong by the tolerance over its weight would be seen."""
        self.comparisons += 1
        if error * self.tolerance >= self.error * tolerance:
            self.error, self.tolerance = error, tolerance
        seen = tolerance / SMALLEST_WEIGHT
        self.detectable[parameter] = min(self.detectable.get(parameter, np.inf), seen)


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


class OutsideDomainError(Exception):
    """An example at which the loss or a slope is not finite, or a jump is too near, says nothing about a gradient."""


def judge(
    function: Function, subject: Subject, example: Example, tally: Tally, *, locate: bool = True
) -> Iterator[Finding]:
    """Yield what is wrong with ``function`` on ``example``, lazily; ``locate`` looks for the wrong entries too."""
    references = [ReferenceLoss(subject.graph, example, sequence) for sequence in range(len(example.inputs))]
    expected = [reference.value().loss for reference in references]
    bounds = _bounds(subject, references) if np.isfinite(expected).all() else {}
    if not bounds or not all(np.isfinite(bound).all() for bound in bounds.values()):
        raise OutsideDomainError
    if any(reference.near_jump for reference in references):
        raise OutsideDomainError
    given = example.arguments()
    try:
        answer, again = _call(function, given), _call(function, example.arguments())
    except (Exception, SystemExit) as error:
        yield Finding("", "", f"the function raised {type(error).__name__}: {error}")
        return
    broken = list(_mutations(given, example)) or list(_form_findings(answer, subject.graph, example))
    broken = broken or list(_form_findings(again, subject.graph, example)) or list(_instabilities(answer, again))
    yield from broken or _loss_findings(float(answer[0]), float(np.mean(expected)), len(expected))
    for parameter in () if broken else subject.graph.network.parameters:
        found = np.asarray(answer[1][parameter.name], dtype=np.float64)
        yield from _gradient_findings(parameter, found, bounds[parameter.name], references, tally, locate=locate)


def _call(function: Function, given: dict[str, Any]) -> Any:
    optional = ("initial_state", "lengths", "target_lengths")
    return function(**{name: value for name, value in given.items() if name not in optional or value is not None})


def _instabilities(answer: Any, again: Any) -> Iterator[Finding]:
    pairs = [("the loss", answer[0], again[0])]
    pairs += [(f"the gradient of {name}", answer[1][name], again[1][name]) for name in answer[1]]
    for subject, first, second in pairs:
        if not np.allclose(first, second, rtol=REPEATABLE, atol=REPEATABLE):
            yield Finding("", "", f"the function is not deterministic: {subject} differed between two equal calls")


def _form_findings(answer: Any, graph: StepGraph, example: Example) -> Iterator[Finding]:
    """Findings on keys, shapes, types and finiteness; a comparison after one of these would mean nothing."""
    if not (isinstance(answer, tuple) and len(answer) == 2 and isinstance(answer[1], Mapping)):
        pair = isinstance(answer, tuple) and len(answer) == 2
        came = f"a pair whose second part is {type(answer[1]).__name__}" if pair else type(answer).__name__
        yield Finding("", "", f"the function must return (loss, {{parameter: gradient}}), but it returned {came}")
        return
    loss, gradients = answer
    yield from _number_findings("the loss", loss, ())
    expected = {p.name for p in graph.network.parameters}
    for name in sorted(expected - set(gradients)):
        yield Finding(name, "", f"the gradient of {name} is missing")
    for name in sorted(set(map(str, gradients)) - expected):
        yield Finding(str(name), "", f"there is a gradient of {name!r}, which is no parameter of this network")
    for name in sorted(expected & set(gradients)):
        yield from _number_findings(f"the gradient of {name}", gradients[name], example.parameters[name].shape, name)


def _number_findings(subject: str, value: Any, shape: tuple[int, ...], name: str = "") -> Iterator[Finding]:
    try:
        array = np.asarray(value)
    except Exception as error:
        yield Finding(name, "", f"{subject} cannot be made into an array ({error})")
        return
    if array.dtype.kind not in "fiu":
        yield Finding(name, "", f"{subject} must be real numbers, but its dtype is {array.dtype}")
    elif array.shape != shape:
        yield Finding(name, "", f"{subject} must have shape {shape}, but its shape is {array.shape}")
    elif not np.isfinite(array).all():
        yield Finding(name, "", f"{subject} is not finite")


def _mutations(given: dict[str, Any], example: Example) -> Iterator[Finding]:
    for name, before in example.arguments().items():
        now = given[name]
        if not isinstance(before, dict):
            changed = [name] if before is not None and not np.array_equal(now, before) else []
        else:
            same = {key for key in before if key in now and np.array_equal(now[key], before[key])}
            changed = [f"{name}[{key!r}]" for key in sorted(before.keys() | now.keys()) if key not in same]
        yield from (Finding("", "", f"the function changed its argument {label}") for label in changed)


def _gradient_findings(
    parameter: Parameter, found: Float, bound: Float, references: list[ReferenceLoss], tally: Tally, *, locate: bool
) -> Iterator[Finding]:
    """Compare along one dense direction; where that fails, entry by entry, to say which are wrong."""
    way = _direction(parameter.name, found.shape)
    slope = _mean_slope(references, parameter, way)
    if not slope.error <= max(SETTLED * abs(slope.value), SETTLED * float(np.abs(found).max()), UNSETTLED * NOISE):
        tally.undecided.append(
            f"{parameter.name}: the differences did not settle (error {slope.error:.2g}), as at a kink"
        )
        return
    tolerance = slope.error + float((np.abs(way) * bound).sum())
    error = abs(float((way * found).sum()) - slope.value)
    tally.note(parameter.name, error, tolerance)
    if error > tolerance:
        entry = _located(parameter, found, bound, references) if locate else None
        yield entry or Finding(
            parameter.name,
            "",
            f"the gradient of {parameter.name} is wrong along a direction by {error:.2g} (allowed {tolerance:.2g}), "
            "spread over entries of which none is wrong by itself",
        )


def _direction(name: str, shape: tuple[int, ...]) -> Float:
    """A direction without small entries, so that no wrong entry hides, nor symmetry, so that no transpose does."""
    random = np.random.default_rng(list(name.encode()))
    return random.choice([-1.0, 1.0], size=shape) * random.uniform(SMALLEST_WEIGHT, 1.0, size=shape)


def _mean_slope(references: list[ReferenceLoss], parameter: Parameter, way: Float) -> Slope:
    slopes = [reference.slope(parameter, way) for reference in references]
    return Slope(sum(s.value for s in slopes) / len(slopes), sum(s.error for s in slopes) / len(slopes))


def _located(parameter: Parameter, found: Float, bound: Float, references: list[ReferenceLoss]) -> Finding | None:
    value, tolerance = np.zeros(found.shape), np.zeros(found.shape)
    for place in np.ndindex(found.shape):
        unit = np.zeros(found.shape)
        unit[place] = 1.0
        slope = _mean_slope(references, parameter, unit)
        value[place], tolerance[place] = slope.value, slope.error + bound[place]
    errors = np.abs(found - value)
    return _entry_finding(parameter.name, found, value, errors, tolerance) if (errors > tolerance).any() else None


def _loss_findings(loss: float, expected: float, batch: int) -> Iterator[Finding]:
    allowed = LOSS_SLACK * UNIT * max(1.0, abs(expected))
    if abs(loss - expected) > allowed:
        summed = batch > 1 and abs(loss - batch * expected) <= batch * allowed
        hint = ": it is the sum over the batch, but the mean is asked for" if summed else ""
        yield Finding("", "", f"the loss is {loss:.12g}, but the network's own equations give {expected:.12g}{hint}")


def _bounds(subject: Subject, references: list[ReferenceLoss]) -> dict[str, Float]:
    """Return the mean over the batch of the bounds: the mean of gradients has at most the mean of their errors."""
    graph, recursion = subject.graph, subject.recursion
    each = [gradient_bounds(graph, recursion, r.arithmetic.sizes, r.sequence) for r in references]
    return {name: sum(bound[name] for bound in each) / len(each) for name in each[0]}


def _entry_finding(name: str, found: Float, value: Float, errors: Float, tolerance: Float) -> Finding:
    worst = tuple(int(i) for i in np.unravel_index(int(np.argmax(errors / tolerance)), errors.shape))
    wrong = int((errors > tolerance).sum())
    place = f"[{', '.join(map(str, worst))}]" if worst else ""
    return Finding(
        name,
        place,
        f"the gradient of {name} is wrong in {wrong} of {errors.size} entries; worst at {name}{place}: "
        f"{found[worst]:.12g} instead of {value[worst]:.12g} "
        f"(error {errors[worst]:.2g}, allowed {tolerance[worst]:.2g})",
    )
