"""The checks of a derivation of bounds: equations exactly, inequalities by their proof, and draws that may break them.

What a check proves is in its words. An equation between derivatives is an exact identity modulo a prime. A line about
norms is proved by its rule from the lines above (``bound_proofs``). The draws prove nothing: they say that no
counterexample was met, and how near the two sides came, so that a bound which is never near is seen.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from sympy import Integer

from rnnsym.calculus.bounds import JacobianBound, jacobian_bound
from rnnsym.calculus.norms import LargestSlope, SpectralNorm, j
from rnnsym.calculus.unrolling import graph_of
from rnnsym.errors import CheckError
from rnnsym.evidence.bound_proofs import Above, follows
from rnnsym.evidence.bound_trials import ROUNDING, Trial, indices, judge, try_line
from rnnsym.evidence.direct_checks import direct_pairs
from rnnsym.evidence.excesses import excess_section
from rnnsym.evidence.norm_draws import designed, norm_points, varied
from rnnsym.evidence.norm_points import NormNumbers, NormPoint
from rnnsym.evidence.number_checks import check_number, check_slope
from rnnsym.evidence.points import Draw, Point
from rnnsym.evidence.tangents import same
from rnnsym.evidence.verification import FURTHER, SIZES, WITNESS
from rnnsym.model.expressions import T
from rnnsym.model.networks import Network
from rnnsym.writing.bound_notation import between
from rnnsym.writing.derivation import Check, Derivation, Section, Step

EXACT = ("chain rule", "local derivative", "direct path")
PROOF = "proved by its rule from the lines above"
DRAWN = "draws find no counterexample (no proof)"
VACUOUS = "the premise held in no draw, so nothing was tried"
SHOWN = "{} comparisons, nearest ratio {:.3f} (no proof)"  # of lines about all steps: there nearness tells something
OVERALL = ("induction over the steps", "norms of blocks")
DRAWS, STEPS = 40, 5
ROUNDS = 300  # of the search for weights at which a bound is nearly attained


def verify_bounds(derivation: Derivation, seed: int = 0) -> Derivation:
    """Return the derivation of bounds with the checks of each line, and where the direct path is exceeded.

    CheckError where a line fails: a wrong line is never printed.
    """
    judging = Judge.of(derivation.network, seed)
    above: list[Step] = []
    sections: list[Section] = []
    for section in derivation.sections:
        sections.append(judging.section(section, above))
        if section.key == "direct":
            sections += excess_section(judging.bound, seed)
    verified = replace(derivation, sections=tuple(sections))
    for step in verified.steps:
        for check in step.checks:
            if not check.passed:
                raise CheckError(f"the line {step.rule!r} ({step.before}) failed: {check.witness}: {check.error}")
    return verified


def survey(network: Network, draws: int = DRAWS, steps: int = STEPS, seed: int = 0) -> Trial:
    """Return how the bound of ‖∂s_T/∂s_j‖ fared at ``draws`` drawn sequences, over all steps j < T up to ``steps``."""
    bound = jacobian_bound(network)
    return judge(pair for point in norm_points(bound, draws, steps, seed) for pair in _whole_pairs(bound, point))


def attack(network: Network, rounds: int = ROUNDS, steps: int = 1, seed: int = 0) -> Trial:
    """Return how the bound fared against a search that changes one weight at a time to bring the two sides nearer."""
    bound, random = jacobian_bound(network), np.random.default_rng(seed)
    given = designed(bound, steps, random)
    trials = [judge(_whole_pairs(bound, NormPoint(bound, given)))]
    best = trials[0].nearest
    for _ in range(rounds):
        candidate = varied(bound, given, random)
        trials.append(judge(_whole_pairs(bound, NormPoint(bound, candidate))))
        if trials[-1].nearest >= best:
            given, best = candidate, trials[-1].nearest
    return Trial(sum(one.compared for one in trials), sum(one.broken for one in trials), best)


def _whole_pairs(bound: JacobianBound, point: NormPoint) -> Iterator[tuple[float, float]]:
    """Both sides of the bound of ‖∂s_T/∂s_j‖, over all steps j < T."""
    left = SpectralNorm(between(bound, T, j))
    right = bound.over(T, j) if bound.alone else bound.tighter(T, j)
    for here in indices(len(point.given.inputs), left):
        yield float(point.value(left, here)), float(point.value(right, here))


@dataclass(frozen=True)
class Judge:
    """Checks lines about the bounds of one network, all of them at the same points."""

    bound: JacobianBound
    exact: Point
    points: Sequence[NormPoint]
    seed: int

    @classmethod
    def of(cls, network: Network, seed: int, draws: int = DRAWS) -> Judge:
        """Draw the points at which lines about ``network`` are tried."""
        bound = jacobian_bound(network)
        sizes = {symbol.name: SIZES.get(symbol.name, FURTHER + place) for place, symbol in enumerate(network.sizes)}
        exact = Point(graph_of(network), Draw(sizes, STEPS, seed))
        return cls(bound, exact, tuple(norm_points(bound, draws, STEPS, seed)), seed)

    def section(self, section: Section, above: list[Step]) -> Section:
        """Return the section with its lines checked; they join the lines ``above``."""
        steps = []
        for step in section.steps:
            steps.append(replace(step, checks=self.checks(step, tuple(above))))
            above.append(step)
        return replace(section, steps=tuple(steps))

    def checks(self, step: Step, above: tuple[Step, ...]) -> tuple[Check, ...]:
        """Return all checks of one line: an exact identity, a number, or a proof and an attempt to break it."""
        if step.rule in EXACT:
            return (self._identity(step),)
        if step.rule == "counterexample":
            return (check_number(step, NormNumbers({}), self.seed),)
        if isinstance(step.before, LargestSlope):
            return (check_slope(step, self.seed),)
        proved = follows(step, Above(self.bound, above))
        error = "it is what the rule gives" if proved else "it is not what the rule gives"
        trial = try_line(step, self.points)
        return (Check(PROOF, proved, error, "the same expression", self.seed),
                Check(_drawn(step, trial), trial.broken == 0, trial.words, f"1 + {ROUNDING:g}", self.seed))

    def _identity(self, step: Step) -> Check:
        pairs = direct_pairs(step, self.exact, STEPS) if step.rule == "direct path" else self._sides(step)
        counts = [same(left, right) for left, right in pairs]
        differing, compared = sum(one for one, _ in counts), sum(one for _, one in counts)
        if not compared:
            raise CheckError(f"the line {step.rule!r} ({step.before}) was compared with nothing")
        return Check(WITNESS, differing == 0, f"{differing} of {compared} entries differ", "0 entries", self.seed)

    def _sides(self, step: Step) -> list[tuple[Any, Any]]:
        found = []
        for here in indices(STEPS, step.before):
            bound = {name: Integer(value) for name, value in here.items()}
            found.append((self.exact.value(step.before.xreplace(bound)), self.exact.value(step.after.xreplace(bound))))
        return found


def _drawn(step: Step, trial: Trial) -> str:
    if not trial.compared:
        return VACUOUS
    return SHOWN.format(trial.compared, trial.nearest) if step.rule in OVERALL else DRAWN
