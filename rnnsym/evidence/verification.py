"""Each step of a derivation checked where it stands: both sides at random points, exactly, modulo a large prime."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
from sympy import Integer

from rnnsym.calculus.rules import pull_back
from rnnsym.calculus.unrolling import graph_of
from rnnsym.errors import CheckError
from rnnsym.evidence.points import Draw, Point
from rnnsym.evidence.residues import Residue
from rnnsym.evidence.tangents import same
from rnnsym.model.expressions import ONE, Expression, Parameter, t
from rnnsym.model.losses import losses
from rnnsym.writing.derivation import Check, Derivation, Section, Step

WITNESS = "exact identity modulo 2^127 − 1 at a random point, derivatives by dual numbers"
SUBSTITUTION = "the let-bound equations reproduce the network's own, modulo 2^127 − 1"
STATIONARY = "∂L/∂ŷ vanishes at ŷ = y, modulo 2^127 − 1"
ALONG = "∂L/∂ŷ is the same in all entries at ŷ = y, so no step among distributions lowers L, modulo 2^127 − 1"
DESCENT = "dL/dη = −‖∂L/∂W‖² along the update, modulo 2^127 − 1"
SIZES = {"d": 3, "n": 2, "k": 4}  # distinct and above one, so that a missing transpose and a wrong order show
FURTHER = 5  # further sizes start here, distinct from these
SAMPLED_STEPS = 6  # a line with a running t is checked at each t up to here, and at this many spread ones beyond


def verify(derivation: Derivation, seed: int = 0) -> Derivation:
    """Return the derivation with a check on every step; CheckError where one fails: a wrong line is never printed."""
    network = derivation.network
    sizes = {symbol.name: SIZES.get(symbol.name, FURTHER + place) for place, symbol in enumerate(network.sizes)}
    point = Point(graph_of(network), Draw(sizes, derivation.length, seed, derivation.output_length))
    sections = tuple(_verified_section(section, point, seed) for section in derivation.sections)
    verified = replace(derivation, sections=sections)
    for step in verified.steps:
        for check in step.checks:
            if not check.passed:
                raise CheckError(f"the step {step.rule!r} ({step.before}) failed its check: {check.error}")
    return verified


def _verified_section(section: Section, point: Point, seed: int) -> Section:
    return replace(section, steps=tuple(verified_step(step, point, seed) for step in section.steps))


def verified_step(step: Step, point: Point, seed: int) -> Step:
    """Return the step with its check, passed or failed."""
    witness, pairs = _comparisons(step, point)
    counts = [same(left, right) for left, right in pairs]
    differing, compared = sum(count[0] for count in counts), sum(count[1] for count in counts)
    if compared == 0:
        raise CheckError(f"the step {step.rule!r} ({step.before}) was compared with nothing")
    error = f"{differing} of {compared} entries differ"
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
    return witness, [(point.value(left), point.value(right)) for left, right in _instances(step, point)]


def _instances(step: Step, point: Point) -> Iterator[tuple[Expression, Expression]]:
    for index in _indices(step.span):
        here = {**point.counts, **({} if index is None else {t: Integer(index)})}
        bound = step.after if index is None else step.after.xreplace(here)
        yield (step.before if index is None else step.before.xreplace(here)), bound


def _indices(span: tuple[int, int] | None) -> list[int | None]:
    if span is None:
        return [None]
    first, last = span
    spread = np.linspace(first, last, min(abs(last - first) + 1, SAMPLED_STEPS))
    return [int(index) for index in dict.fromkeys(np.rint(spread).astype(int))]


def _substituted(step: Step, point: Point) -> Iterator[tuple[Any, Any]]:
    """Compare the equation that uses this name: its own value with that of the let-bound one."""
    for user in point.users(step.before):
        yield point.value(user.target), point.value(user.value.xreplace({step.before: step.after}))


def _along_update(step: Step, point: Point) -> tuple[Any, Any]:
    parameters = point.graph.network.parameters
    rate = next(name for name in step.after.atoms(Parameter) if name not in parameters)
    from_zero = point.value(step.after.xreplace({rate: ONE})) - point.value(step.before)
    gradient = point.derivative(point.graph.loss.target, step.before)
    squares = (gradient * gradient).sum() if np.shape(gradient) else gradient * gradient
    return point.along(step.before, from_zero), -squares


def _stationary(point: Point) -> tuple[Any, Any]:
    graph = point.graph
    slope = pull_back(graph.step_loss.value, ONE)[graph.output]
    value = point.value(slope.xreplace({graph.output: graph.target}))
    if losses[graph.network.loss].distribution:
        return value, np.full(np.shape(value), value[0], dtype=object)
    zero = np.full(np.shape(value), Residue(0), dtype=object)
    return value, zero if np.shape(value) else Residue(0)
