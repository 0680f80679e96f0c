"""Each step of a derivation checked where it stands: both sides at random points, exactly, modulo a large prime."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import product
from typing import Any

import numpy as np
from sympy import Integer
from sympy.core.sympify import _sympify

from rnnsym.calculus.readings import any_parameter, kept_uses
from rnnsym.calculus.rules import pull_back
from rnnsym.calculus.unrolling import graph_of
from rnnsym.errors import CheckError
from rnnsym.evidence.induction import Prover, parameters_of_loop, zeros_like
from rnnsym.evidence.points import LONGEST_DIRECT, Draw, Point
from rnnsym.evidence.residues import Residue
from rnnsym.evidence.tangents import same
from rnnsym.model.evaluation import whole_number
from rnnsym.model.expressions import ONE, ZERO, Expression, Parameter, S, T, t
from rnnsym.model.losses import losses
from rnnsym.model.networks import Network
from rnnsym.writing.derivation import Check, Derivation, Section, Step

WITNESS = "exact identity modulo 2^127 − 1 at a random point, derivatives by dual numbers"
SUBSTITUTION = "the let-bound equations reproduce the network's own, modulo 2^127 − 1"
STATIONARY = "∂L/∂ŷ vanishes at ŷ = y, modulo 2^127 − 1"
ALONG = "∂L/∂ŷ is the same in all entries at ŷ = y, so no step among distributions lowers L, modulo 2^127 − 1"
DESCENT = "dL/dη = −‖∂L/∂W‖² along the update, modulo 2^127 − 1"
INDUCTION = "induction over the steps: see the proof"
ESTABLISHED = ("paths", "gradients")  # the sections whose every line the proof establishes
FAR = 1000  # a length at which each span of any length has its own direction
SIZES = {"d": 3, "n": 2, "k": 4}  # distinct and above one, so that a missing transpose and a wrong order show
FURTHER = 5  # further sizes start here, distinct from these
SAMPLED_STEPS = 6  # a line with a running t is checked at each t up to here, and at this many spread ones beyond


def verify(derivation: Derivation, seed: int = 0) -> Derivation:
    """Return the derivation with a check on every step; CheckError where one fails: a wrong line is never printed.

    Of any length, each line is checked at several lengths, a line about one step or one output at arbitrary states
    besides; what holds for every length by the proof of the last part bears that as its first check.
    """
    network, graph = derivation.network, graph_of(derivation.network)
    names = {symbol.name: SIZES.get(symbol.name, FURTHER + place) for place, symbol in enumerate(network.sizes)}
    symbolic = derivation.length is None
    counts = _lengths(network) if symbolic else [(derivation.length or 1, derivation.output_length)]
    points = [Point(graph, Draw(names, steps, seed, outputs)) for steps, outputs in counts]
    prover = Prover(graph, seed) if symbolic else None
    sections = tuple(_verified_section(section, points, prover, seed) for section in derivation.sections)
    verified = replace(derivation, sections=sections)
    for step in verified.steps:
        for check in step.checks:
            if not check.passed:
                raise CheckError(f"the step {step.rule!r} ({step.before}) failed its check: {check.error}")
    return _with_induction(verified, seed) if symbolic else verified


def _lengths(network: Network) -> list[tuple[int, int | None]]:
    """The lengths at which a line of any length is checked besides."""
    if network.shape_of_steps.single_step:
        return [(1, None)]
    return [(3, 2), (1, 4), (2, 1)] if network.shape_of_steps.decodes else [(3, None), (1, None), (2, None)]


def _verified_section(section: Section, points: list[Point], prover: Prover | None, seed: int) -> Section:
    steps = []
    for step in section.steps:
        proved = prover.checked(step) if prover is not None and prover.decides(step) else step
        only_proved = step.scope in ("start", "closed form") or (section.key == "proof" and proved is not step)
        steps.append(proved if only_proved else verified_step(proved, points, seed))
    return replace(section, steps=tuple(steps))


def _with_induction(derivation: Derivation, seed: int) -> Derivation:
    """Tell of each line that the proof establishes that it does; the proof's lines have passed by now."""
    lines = [step for section in derivation.sections if section.key == "proof" for step in section.steps]
    proof = Check(INDUCTION, True, f"all {len(lines)} lines of the proof passed", "every line", seed)
    sections = tuple(
        replace(section, steps=tuple(replace(step, checks=(proof, *step.checks)) for step in section.steps))
        if section.key in ESTABLISHED and lines else section for section in derivation.sections
    )
    return replace(derivation, sections=sections)


def verified_step(step: Step, points: list[Point], seed: int) -> Step:
    """Return the step with its check, passed or failed."""
    witness, counts = "", []
    for point in points:
        witness, pairs = _comparisons(step, point)
        counts += [same(left, right) for left, right in pairs]
    differing, compared = sum(count[0] for count in counts), sum(count[1] for count in counts)
    if compared == 0:
        raise CheckError(f"the step {step.rule!r} ({step.before}) was compared with nothing")
    lengths = f" at T = {', '.join(str(point.steps) for point in sorted(points, key=lambda one: one.steps))}"
    error = f"{differing} of {compared} entries differ" + lengths * (len(points) > 1)
    return replace(step, checks=(*step.checks, Check(witness, differing == 0, error, "0 entries", seed)))


def _comparisons(step: Step, point: Point) -> tuple[str, list[tuple[Any, Any]]]:
    if step.rule == "let":
        return SUBSTITUTION, list(_substituted(step, point))
    if step.rule == "update":
        return DESCENT, [_along_update(step, point)]
    if step.before == point.graph.step_loss.target:
        among = ALONG if losses[point.graph.network.loss].distribution else STATIONARY
        return among, [_stationary(point)]
    witness = SUBSTITUTION if step.rule == "definition" else WITNESS
    return witness, [_sides(point, *sides) for sides in _instances(step, point)]


def _sides(point: Point, before: Expression, after: Expression) -> tuple[Any, Any]:
    left = point.value(before)
    return left, zeros_like(left) if after == ZERO else point.value(after)


def _instances(step: Step, point: Point) -> Iterator[tuple[Expression, Expression]]:
    """The line at each t of its span, for each parameter that θ stands for and each of several κ."""
    for named, kept in product(_named(step, point), _kept(step, point)):
        for index in _indices(step.span, point):
            here = {**point.counts, **named, **kept, **({} if index is None else {t: Integer(index)})}
            yield step.before.xreplace(here), step.after.xreplace(here)


def _kept(step: Step, point: Point) -> list[dict[Any, Any]]:
    """The numbers of uses that truncation keeps."""
    if step.rule != "truncation":
        return [{}]
    most = int(max(point.counts.values()))
    kept = range(1, most + 2) if most <= LONGEST_DIRECT else (most // 2,)
    return [{kept_uses(point.graph): Integer(number)} for number in kept]


def _named(step: Step, point: Point) -> Iterator[dict[Any, Any]]:
    """The parameters that θ stands for."""
    theta = any_parameter(point.graph)
    if theta not in step.before.atoms(Parameter) | step.after.atoms(Parameter):
        yield {}
        return
    own = parameters_of_loop(point.graph, step.loop)
    if point.steps > LONGEST_DIRECT:  # tangents of each state along all entries of each parameter are many
        own = (min(own, key=lambda parameter: int(np.size(point.value(parameter)))),)
    yield from ({theta: parameter} for parameter in own)


def _indices(span: tuple[Any, Any] | None, point: Point) -> list[int | None]:
    if span is None:
        return [None]
    bounds = [_sympify(bound) for bound in span]
    far = [whole_number(bound, {T: FAR, S: FAR}) for bound in bounds]
    first, last = (whole_number(bound, point.counts) for bound in bounds)
    way = 1 if far[0] <= far[1] else -1  # of a symbolic span: from T − 1 down to 1 there is nothing at T = 1
    steps = range(first, last + way, way)
    spread = np.rint(np.linspace(0, len(steps) - 1, min(len(steps), SAMPLED_STEPS)))
    return [steps[place] for place in dict.fromkeys(int(place) for place in spread)]


def _substituted(step: Step, point: Point) -> Iterator[tuple[Any, Any]]:
    """Compare the equations that use this name: their own values with those of the let-bound ones."""
    for before, after in _instances(step, point):
        for user in point.users(before):
            yield point.value(user.target), point.value(user.value.xreplace({before: after}))


def _along_update(step: Step, point: Point) -> tuple[Any, Any]:
    parameters = point.graph.network.parameters
    rate = next(name for name in step.after.atoms(Parameter) if name not in parameters)
    from_zero = point.value(step.after.xreplace({rate: ONE})) - point.value(step.before)
    gradient = point.derivative(point.graph.loss.target, step.before)
    squares = (gradient * gradient).sum() if np.shape(gradient) else gradient * gradient
    return (gradient * from_zero).sum() if np.shape(gradient) else gradient * from_zero, -squares


def _stationary(point: Point) -> tuple[Any, Any]:
    graph = point.graph
    slope = pull_back(graph.step_loss.value, ONE)[graph.output]
    value = point.value(slope.xreplace({graph.output: graph.target}))
    if losses[graph.network.loss].distribution:
        return value, np.full(np.shape(value), value[0], dtype=object)
    zero = np.full(np.shape(value), Residue(0), dtype=object)
    return value, zero if np.shape(value) else Residue(0)
