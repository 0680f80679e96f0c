"""One function, one example: what is wrong with the loss and the gradients it returns."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from rnnsym.evidence.enclosures import Deviation, Enclosure, Subject, deviation, enclosed_gradient
from rnnsym.evidence.examples import Example
from rnnsym.evidence.references import reference_losses
from rnnsym.evidence.reports import Finding
from rnnsym.numerics.arrays import Float

Function = Callable[..., Any]
REPEATABLE = 1e-12  # threads may sum in another order the second time; more than that is another answer
ORDINARY = 1e-3  # the least of a gradient of ordinary size; of one that vanished, far smaller errors are seen
LOSS_SLACK = 1e4  # units of rounding allowed to a loss, which passes a few hundred operations a sequence


@dataclass
class Tally:
    """What was compared so far: counts, the worst ratio of error to tolerance.

    ``detectable`` holds each parameter's smallest tolerance on an example whose gradient is of ordinary size.
    """

    comparisons: int = 0
    error: float = 0.0
    tolerance: float = 1.0
    detectable: dict[str, float] = field(default_factory=dict)
    undecided: list[str] = field(default_factory=list)
    passed_over: int = 0

    def note(self, parameter: str, found: Deviation) -> None:
        """Count the comparison of one gradient; an entry wrong by its bound would have been seen."""
        decided = ~found.wide
        if not decided.any():
            return
        self.comparisons += 1
        above, bound = found.above[decided], found.bound[decided]
        with np.errstate(all="ignore"):  # an exact zero may be allowed no error at all
            worst = int(np.argmax(np.where(above > 0, above / bound, 0.0)))
        self.take(float(above[worst]), float(bound[worst]))
        if float(np.abs(found.exact).max()) >= ORDINARY:
            self.detectable[parameter] = min(self.detectable.get(parameter, np.inf), float(bound.max()))

    def take(self, error: float, tolerance: float) -> None:
        """Keep the error that is the largest beside what is allowed there; none at all never stands for another."""
        if error == self.error == 0 or _times(error, tolerance) > _times(self.error, self.tolerance):
            self.error, self.tolerance = error, tolerance


def _times(error: float, tolerance: float) -> float:
    """How many times what is allowed an error is: 0 without one, even where none is allowed."""
    return 0.0 if error == 0 else error / tolerance if tolerance > 0 else np.inf


class OutsideDomainError(Exception):
    """An example at which the loss or a slope is not finite, or a jump is too near, says nothing about a gradient."""


@dataclass(frozen=True)
class Judgement:
    """What came of one call: ``broken`` answers cannot be compared; ``loss`` and ``wrong`` say what differs.

    ``deviations`` are those of all gradients that could be compared, right ones among them.
    """

    example: Example
    enclosure: Enclosure
    broken: tuple[Finding, ...] = ()
    loss: Finding | None = None
    deviations: dict[str, Deviation] = field(default_factory=dict)

    @property
    def wrong(self) -> tuple[str, ...]:
        """The parameters whose gradients are certainly wrong."""
        return tuple(name for name, one in self.deviations.items() if one.wrong.any())

    @property
    def failed(self) -> bool:
        """Whether anything is wrong."""
        return bool(self.broken or self.loss or self.wrong)


def judge(
    function: Function, subject: Subject, example: Example, tally: Tally, dtype: Any = np.float64,
    enclosure: Enclosure | None = None,
) -> Judgement:
    """Call ``function`` on ``example`` and compare what it returns; OutsideDomainError where there is nothing to."""
    references = reference_losses(subject.graph, example)
    losses = np.concatenate([reference.losses for reference in references])
    if not np.isfinite(losses).all() or any(reference.near_jump for reference in references):
        raise OutsideDomainError
    enclosure = enclosed_gradient(subject, example, dtype) if enclosure is None else enclosure
    if not enclosure.finite:
        raise OutsideDomainError
    given = _arguments(example, dtype)
    try:
        answer, again = _call(function, given), _call(function, _arguments(example, dtype))
    except (Exception, SystemExit) as error:
        return Judgement(example, enclosure, (Finding("", "", f"the function raised {type(error).__name__}: {error}"),))
    expected = judged_names(enclosure, example, answer)
    broken = (*_mutations(given, _arguments(example, dtype)), *_form_findings(answer, expected, dtype))
    broken = broken or (*_form_findings(again, expected, dtype), *_instabilities(answer, again))
    if broken:
        return Judgement(example, enclosure, broken)
    found = {name: np.asarray(answer[1][name], dtype=np.float64) for name in expected}
    deviations = {name: deviation(found[name], enclosure.exact[name], enclosure.bound[name]) for name in expected}
    _note(tally, deviations)
    loss = next(_loss_findings(float(answer[0]), float(np.mean(losses)), len(losses), dtype), None)
    return Judgement(example, enclosure, loss=loss, deviations=deviations)


def judged_names(enclosure: Enclosure, example: Example, answer: Any) -> dict[str, tuple[int, ...]]:
    """The gradients that are compared, with their shapes: all parameters, and of inputs and states what is returned."""
    shapes = {name: value.shape for name, value in example.parameters.items()}
    returned = answer[1] if isinstance(answer, tuple) and len(answer) == 2 and isinstance(answer[1], Mapping) else {}
    return shapes | {name: np.shape(value) for name, value in enclosure.exact.items() if name in returned}


def _note(tally: Tally, deviations: dict[str, Deviation]) -> None:
    for name, one in deviations.items():
        tally.note(name, one)
        if one.undecided.any():
            tally.undecided.append(f"{name}: an example lies at a kink, and the gradient is not between its two sides")


def _arguments(example: Example, dtype: Any) -> dict[str, Any]:
    """Fresh arguments, their floats of the given dtype."""
    def converted(value: Any) -> Any:
        if isinstance(value, dict):
            return {name: converted(one) for name, one in value.items()}
        return value.astype(dtype) if isinstance(value, np.ndarray) and value.dtype.kind == "f" else value

    return {name: converted(value) for name, value in example.arguments().items()}


def _call(function: Function, given: dict[str, Any]) -> Any:
    optional = ("initial_state", "lengths", "target_lengths")
    passed = {name: value for name, value in given.items() if value is not None or name not in optional}
    with np.errstate(all="ignore"):
        return function(**passed)


def _instabilities(answer: Any, again: Any) -> Iterator[Finding]:
    pairs = [("the loss", answer[0], again[0])]
    pairs += [(f"the gradient of {name}", answer[1][name], again[1][name]) for name in answer[1]]
    for subject, first, second in pairs:
        if not np.allclose(first, second, rtol=REPEATABLE, atol=0.0):
            yield Finding("", "", f"the function is not deterministic: {subject} differed between two equal calls")


def _form_findings(answer: Any, shapes: dict[str, tuple[int, ...]], dtype: Any) -> Iterator[Finding]:
    """Findings on keys, shapes, types and finiteness; a comparison after one of these would mean nothing."""
    if not (isinstance(answer, tuple) and len(answer) == 2 and isinstance(answer[1], Mapping)):
        pair = isinstance(answer, tuple) and len(answer) == 2
        came = f"a pair whose second part is {type(answer[1]).__name__}" if pair else type(answer).__name__
        yield Finding("", "", f"the function must return (loss, {{parameter: gradient}}), but it returned {came}")
        return
    loss, gradients = answer
    yield from _number_findings("the loss", loss, ())
    for name in sorted(shapes.keys() - set(gradients)):
        yield Finding(name, "", f"the gradient of {name} is missing")
    for name in sorted(set(map(str, gradients)) - shapes.keys()):
        yield Finding(str(name), "", f"there is a gradient of {name!r}, which is no parameter of this network")
    for name in sorted(shapes.keys() & set(gradients)):
        yield from _number_findings(f"the gradient of {name}", gradients[name], shapes[name], name, dtype)


def _number_findings(
    subject: str, value: Any, shape: tuple[int, ...], name: str = "", dtype: Any = None
) -> Iterator[Finding]:
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
    elif dtype is not None and array.dtype.kind == "f" and array.dtype.itemsize < np.dtype(dtype).itemsize:
        yield Finding(name, "", f"{subject} is {array.dtype}, but the arguments are {np.dtype(dtype)}: "
                                "its last digits are lost")


def _mutations(given: dict[str, Any], example: dict[str, Any]) -> Iterator[Finding]:
    for name, before in example.items():
        now = given[name]
        if not isinstance(before, dict):
            changed = [name] if before is not None and not np.array_equal(now, before) else []
        else:
            same = {key for key in before if key in now and np.array_equal(now[key], before[key])}
            changed = [f"{name}[{key!r}]" for key in sorted(before.keys() | now.keys()) if key not in same]
        yield from (Finding("", "", f"the function changed its argument {label}") for label in changed)


def _loss_findings(loss: float, expected: float, batch: int, dtype: Any) -> Iterator[Finding]:
    allowed = LOSS_SLACK * float(np.finfo(dtype).eps) / 2 * max(1.0, abs(expected))
    if abs(loss - expected) > allowed:
        summed = batch > 1 and abs(loss - batch * expected) <= batch * allowed
        hint = ": it is the sum over the batch, but the mean is asked for" if summed else ""
        yield Finding("", "", f"the loss is {loss:.12g}, but the network's own equations give {expected:.12g}{hint}")


def entry_text(name: str, one: Deviation) -> tuple[str, str]:
    """Return the place of the worst entry, and in words how wrong the gradient is there."""
    with np.errstate(all="ignore"):  # an exact zero may be allowed no error at all
        ratio = np.where(one.wrong, one.below / one.bound, 0.0)
    worst = tuple(int(i) for i in np.unravel_index(int(np.argmax(ratio)), ratio.shape))
    place = f"[{', '.join(map(str, worst))}]" if worst else ""
    found: Float = one.found
    return place, (
        f"wrong in {int(one.wrong.sum())} of {ratio.size} entries; worst at {name}{place}: "
        f"{found[worst]:.12g} instead of {one.exact[worst]:.12g} "
        f"(error {one.below[worst]:.2g}, allowed {one.bound[worst]:.2g})"
    )
