"""Whether a claim holds: exact identities at as many steps as prove it, or a counterexample in ball arithmetic."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from rnnsym.calculus.unrolling import BACK, graph_of
from rnnsym.errors import CheckError, DerivationError
from rnnsym.evidence.claim_bounds import bound_rule
from rnnsym.evidence.claim_cases import holding_cases
from rnnsym.evidence.claim_language import read_claim
from rnnsym.evidence.claim_lengths import sufficient_lengths
from rnnsym.evidence.claim_names import Names
from rnnsym.evidence.claim_parts import UnboundedError
from rnnsym.evidence.claim_points import Judge, settling_steps, sizes_of
from rnnsym.evidence.claim_terms import Claim, Contraction, Derivative, Formula, Repeated, Term, steps_in
from rnnsym.evidence.counterexamples import Counterexample, Site, counterexample_at, largest_difference, small_sizes
from rnnsym.evidence.verdicts import Verdict
from rnnsym.model.expressions import OrderedSum
from rnnsym.model.networks import Network

LEAST_UNITS = 4  # some equations hold for one or two units alone
LONGEST = 64  # steps that are affordable within minutes at four units
MOST_PLACES = 100_000  # values of all indices at one T: about a minute
LONGEST_SEEN = 24  # steps that are looked at where no number of steps proves the claim
DRAWS = 6  # of round numbers, at each place where a counterexample is sought
PLACES = 6  # where a counterexample is sought before the sides are taken for opaque
SIGNS = 24  # draws of the cases of functions such as relu, where their slopes cannot be free
AGREEMENT = 1e-30  # beyond any rounding of 256 bits at the sizes that are tried
LEAST_CERTAINTY = 60  # an error whose probability is not below 2^-60 leaves a claim undecided


@dataclass(frozen=True)
class Failure:
    """Where both sides differ modulo the prime: with so many units, after so many steps."""

    units: int
    steps: int


@dataclass(frozen=True)
class Examination:
    """What the exact identities showed: the first failure, the numbers of steps tried for each number of units."""

    judge: Judge
    least: int
    tried: dict[int, range]
    failure: Failure | None = None
    unproved: str = ""
    fixed: bool = False

    def ranges(self) -> str:
        """Return what was tried in words."""
        parts = [f"{_units(self.judge, units)}T = {_range(steps)}" for units, steps in self.tried.items()]
        return "; ".join(parts)


def decide(text: str, network: Network, seed: int = 0, steps: int | None = None) -> Verdict:
    """Return the verdict on a claim about a network, at every number of steps or at ``steps`` alone."""
    if isinstance(seed, bool) or not isinstance(seed, int) or seed < 0:
        raise CheckError(f"seed must be a whole number of at least 0, but it is {seed!r:.80}")
    graph = graph_of(network)
    claim, names = read_claim(text, graph), Names.of(graph)
    fixed = 1 if network.shape_of_steps.single_step else _checked_steps(steps)
    examination = examine(Judge(claim, graph, names, seed), fixed)
    if examination.failure is None:
        return _held(examination)
    if claim.relation == "<=":
        rule = bound_rule(claim, network)
        if rule is not None:
            return _verdict(examination, True, rule)
    return _refuted(examination)


def _checked_steps(steps: int | None) -> int | None:
    if steps is not None and (isinstance(steps, bool) or not isinstance(steps, int) or not 1 <= steps <= LONGEST):
        raise DerivationError(f"steps must be a whole number from 1 to {LONGEST}, but it is {steps!r:.80}")
    return steps


def examine(judge: Judge, fixed: int | None) -> Examination:
    """Look for a failure, few units and steps first, until there is one or the claim is proved."""
    least = _least_steps(judge, fixed)
    tried: dict[int, range] = {}
    unproved = ""
    for units in _numbers_of_units(judge):
        sizes = sizes_of(judge.graph, units)
        last, reason = (least, "") if fixed else _last_steps(judge, sizes, least)
        unproved = unproved or reason
        for steps in range(least, last + 1):
            tried[units] = range(least, steps + 1)
            if judge.failure(sizes, steps) is not None:
                return Examination(judge, least, tried, Failure(units, steps), unproved, fixed is not None)
    return Examination(judge, least, tried, None, unproved, fixed is not None)


def _least_steps(judge: Judge, fixed: int | None) -> int:
    """Return the least number of steps at which the claim makes sense."""
    reach = sum(abs(step.offset) for term in judge.claim.walk() for step in steps_in(term))
    candidates = [fixed] if fixed else range(1, min(reach, LONGEST) + 3)
    for steps in candidates:
        if judge.instances(steps):
            return steps
    where = f"T = {fixed}" if fixed else "any number of steps"
    raise CheckError(f"the claim `{judge.claim.text[:60]}` makes sense at no indices for {where}: a step outside "
                     "0, …, T, or a range that ends before it begins")


def _last_steps(judge: Judge, sizes: dict[str, int], least: int) -> tuple[int, str]:
    """Return up to which number of steps the claim is tried, and why that is no proof ("": it is one)."""
    values, longest = judge.graph.network.size_values(**sizes), _longest(judge.claim)
    try:
        found = sufficient_lengths(judge.claim, judge.graph, lambda length: int(length.subs(values)))
    except UnboundedError as error:
        return max(least, min(LONGEST_SEEN // 2, longest)), str(error)
    last = max(least, found.base + settling_steps(judge, sizes)) + found.summands
    if last > longest:
        return max(least, min(LONGEST_SEEN, longest)), f"a proof needs every T up to {last}, more than {longest}"
    return last, ""


def _longest(claim: Claim) -> int:
    """Return how many steps are affordable: each free or bound index runs over all of them."""
    indices = len(claim.free) + max(_nesting(side) for side in claim.sides)
    return min(LONGEST, int(MOST_PLACES ** (1 / max(indices, 1))))


def _nesting(term: Term) -> int:
    return isinstance(term, Repeated) + max((_nesting(operand) for operand in term.operands), default=0)


def _numbers_of_units(judge: Judge) -> range:
    """1, …, 4, and beyond half the number of matrix factors: below, matrices satisfy identities of their own."""
    if not any(symbol.name == "n" for symbol in judge.graph.network.sizes):
        return range(1, 2)
    factors = max(_matrix_factors(side) for side in judge.claim.sides)
    return range(1, max(LEAST_UNITS, factors // 2 + 1) + 1)


def _matrix_factors(term: Term) -> int:
    """Count the matrices that are multiplied with each other; of a sum, those of its longest term."""
    below = [_matrix_factors(operand) for operand in term.operands]
    if isinstance(term, Contraction) or (isinstance(term, Formula) and not isinstance(term.expression, OrderedSum)):
        return sum(below)
    return max(below) if below else int(len(term.shape) == 2)


def _held(examination: Examination) -> Verdict:
    equal = "the two sides are equal: " if examination.judge.claim.relation == "<=" else ""
    certainty = examination.judge.certainty(examination.tried)
    identity = (f"{equal}exact identity modulo 2^127 − 1 at {examination.ranges()} (the probability of an error is "
                f"below 2^{-certainty})")
    if certainty < LEAST_CERTAINTY:
        return _verdict(examination, None, f"the degrees are too high for a decision at random points: {identity}")
    if examination.fixed:
        return _verdict(examination, True, identity)
    if examination.unproved:
        seen = min(steps[-1] for steps in examination.tried.values())
        return _verdict(examination, None, f"seen to hold up to T = {seen}, not proved for every T: "
                                           f"{examination.unproved}")
    return _verdict(examination, True, "for every T, by induction: the two sides are linear recurrences with so few "
                                       f"terms that they are equal if they are so at the first T; {identity}")


def _refuted(examination: Examination) -> Verdict:
    """Look for a counterexample; without one, differing residues prove nothing."""
    worst, drawn = 0.0, 0
    for site in _sites(examination):
        found = counterexample_at(site, examination.judge.seed, DRAWS)
        if found is not None:
            how = f"the two sides are apart at {_where(found)}, proved in ball arithmetic"
            return _verdict(examination, False, how, found)
        worst, drawn = max(worst, largest_difference(site, examination.judge.seed, DRAWS)), drawn + DRAWS
    relation = examination.judge.claim.relation
    if relation == "<=":
        return _verdict(examination, None, "no rule for bounds proves it, and no draw breaks it")
    reason = "not decided by exact arithmetic, which takes functions for opaque"
    if drawn and worst < AGREEMENT:
        reason += f"; agrees numerically to {AGREEMENT:.0e} at {drawn} points"
    return _verdict(examination, None, reason + _signs(examination))


def _signs(examination: Examination) -> str:
    """Say whether functions of two cases, opaque before, agree where their slopes are 0 or 1 at random."""
    failure, judge = examination.failure, examination.judge
    assert failure is not None
    draws = [replace(judge, free=False, seed=judge.seed + number) for number in range(SIGNS)]
    sizes = sizes_of(judge.graph, failure.units)
    if all(draw.failure(sizes, failure.steps) is None for draw in draws):
        return f"; agrees in {SIGNS} draws of the cases of functions such as relu, which are too few for a proof"
    return ""


def _sites(examination: Examination) -> Iterator[Site]:
    """Yield the places where the sides differ modulo the prime, the smallest first, at most a few."""
    judge, failure = examination.judge, examination.failure
    assert failure is not None
    count = 0
    for units in _numbers_of_units(judge)[failure.units - 1 :]:
        first = failure.steps if units == failure.units else examination.least
        for steps in range(first, first + (1 if examination.fixed else 3)):
            for sizes in (small_sizes(judge, units), sizes_of(judge.graph, units)):
                indices = judge.failure(sizes, steps)
                if indices is not None:
                    yield Site(judge, sizes, steps, indices)
                    count += 1
                    break
            if count >= PLACES:
                return


def _verdict(
    examination: Examination, holds: bool | None, how: str, counterexample: Counterexample | None = None
) -> Verdict:
    judge = examination.judge
    cases = () if counterexample is None else holding_cases(
        judge, examination.tried, examination.least, counterexample, fixed=examination.fixed)
    note = _held_fixed(judge) if holds is False else ""
    return Verdict(judge.claim, _title(judge), judge.seed, holds, how, (examination.ranges(),), cases, counterexample,
                   note)


def _held_fixed(judge: Judge) -> str:
    """Say what partial holds fixed where a claim has it of one of several states."""
    states = [state.name for state in judge.graph.states if BACK not in state.name]
    of = next((one.of.name.name for one in judge.claim.walk() if isinstance(one, Derivative) and one.immediate
               and one.of.name.name in states), None)
    others = [f"{name}[t]" for name in states if name != of]
    if of is None or not others:
        return ""
    return (f"partial({of}[t], …) holds {', '.join(others)} fixed; total({of}[t], …) follows "
            f"{'it' if len(others) == 1 else 'them'}, as the blocks of a derivation do within a step")


def _title(judge: Judge) -> str:
    network = judge.graph.network
    return f"{network.cell.name}, {network.topology}"


def _units(judge: Judge, units: int) -> str:
    return f"n = {units}, " if any(symbol.name == "n" for symbol in judge.graph.network.sizes) else ""


def _range(steps: range) -> str:
    return f"{steps[0]}" if len(steps) == 1 else f"{steps[0]} … {steps[-1]}"


def _where(found: Counterexample) -> str:
    sizes = ", ".join(f"{name} = {value}" for name, value in found.sizes.items())
    indices = "".join(f", {name} = {value}" for name, value in found.indices.items())
    return f"{sizes}, T = {found.steps}{indices}"


